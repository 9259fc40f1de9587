"""Tests of hover_core.fetching."""
