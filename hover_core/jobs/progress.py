"""The progress of long work, as people see it, and its rate."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """The progress of long work; a job writes it to the database once a second. Counts are clips, or recordings."""

    phase: str = "starting"
    done: int = 0
    failed: int = 0
    total: int = 0
    rate: float = 0.0  # clips/s
    left_s: float | None = None
    waiting_s: float = 0.0  # summed over all fetchers
    computing_s: float = 0.0  # summed over all decoders
    limit: str = ""  # the bottleneck: "network", "machine" or "workers"
    shares: dict[str, float] = field(default_factory=dict)  # of the decoders' time, see `Engine.shares`
    message: str = ""
    more: dict[str, Any] = field(default_factory=dict)  # data of the kind of job for its next attempt
    progressed_at_attempt: int = 0
    started_at: float = field(default_factory=time.time)

    def as_dict(self) -> dict[str, Any]:
        """The progress as plain values, for the database."""
        return dict(self.__dict__)


class Rate:
    """The number of clips per second over the last ten seconds."""

    def __init__(self) -> None:
        self._points = [(time.monotonic(), 0)]

    def after(self, n: int) -> float:
        """The rate after `n` more clips. [clips per second]"""
        now = time.monotonic()
        self._points.append((now, self._points[-1][1] + n))
        while len(self._points) > 2 and now - self._points[1][0] > 10:
            self._points.pop(0)
        (start_time, first), (_, last) = self._points[0], self._points[-1]
        return (last - first) / max(now - start_time, 1e-3)
