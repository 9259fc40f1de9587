"""Tests of hover_core.analysis."""
