"""Datasets that are opened from a store: the dataset, adding a table, its sounds, vectors and indexes."""
