"""Tests of hover_core.numerics."""
