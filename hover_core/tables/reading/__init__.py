"""Files that strangers made → rows of text: `foreign_files` asks, a limited child (`file_worker`) reads.

`table_reader` looks at what a file is and hands it to the reader of its kind; what was decided comes along."""
