"""Tests of hover_core.audio."""
