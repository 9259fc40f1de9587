"""The steps of Upload: the table that is given, what its columns mean, its first sounds, what adding it will do."""
