"""Label sound in bulk: clips become vectors, vectors a map, a lasso on the map a label."""

__version__ = "0.1.0"
