"""Elements and texts that more than one page draws."""
