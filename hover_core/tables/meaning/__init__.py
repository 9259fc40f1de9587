"""Rows of text → which column means what: `understand` tries known formats, then each column by name and content."""
