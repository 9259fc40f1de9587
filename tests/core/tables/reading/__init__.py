"""Tests of hover_core.tables.reading."""
