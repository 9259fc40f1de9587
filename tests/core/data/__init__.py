"""Tests of hover_core.data."""
