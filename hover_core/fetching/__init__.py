"""Fetches the bytes of a URL: the guard against private addresses, HTTP, buckets, the cache of sound on disk."""
