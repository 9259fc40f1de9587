"""Tests of hover_core.jobs."""
