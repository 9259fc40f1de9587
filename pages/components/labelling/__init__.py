"""Labelling: one person's state (`state`), their actions (`actions`, `asking`), the panel of hits and their player."""
