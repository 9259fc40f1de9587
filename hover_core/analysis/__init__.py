"""Results from vectors and labels: search, maps, near-duplicates, leaks, confounds, facets; none imports another."""
