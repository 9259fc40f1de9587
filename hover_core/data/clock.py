"""The form of all stored times: ISO 8601, UTC, microseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The current time in UTC, ISO 8601 with microseconds, so that times sort as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
