"""Tests of hover_core.exchange."""
