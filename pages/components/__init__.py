"""Drawn on more than one page."""
