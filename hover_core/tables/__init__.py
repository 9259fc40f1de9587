"""Tables in: files to rows of text, rows to clips."""
