"""Tests of hover_core.store."""
