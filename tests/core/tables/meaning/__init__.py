"""Tests of hover_core.tables.meaning."""
