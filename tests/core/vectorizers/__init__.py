"""Tests of hover_core.vectorizers."""
