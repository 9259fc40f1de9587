"""Tests of hover_core.workspace."""
