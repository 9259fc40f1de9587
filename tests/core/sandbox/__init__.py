"""Tests of hover_core.sandbox."""
