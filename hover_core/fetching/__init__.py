"""Bytes behind an address: the guard, HTTP, buckets, the disk cache of sound."""
