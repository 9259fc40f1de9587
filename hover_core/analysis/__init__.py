"""What vectors and labels say: search, maps, near-duplicates, leaks, confounds, facets; none imports another."""
