"""The database: its tables, the log of annotations and its replay, rows of clips, vectors, jobs and people."""
