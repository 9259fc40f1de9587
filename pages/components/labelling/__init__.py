"""Labelling: what one person has before them (`state`), what they do (`actions`, `asking`), hits and their player."""
