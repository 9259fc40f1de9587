"""Child processes with limits that open files from strangers: sound, tables, vectors."""
