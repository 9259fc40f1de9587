"""How far long work is, as a person sees it, and how fast it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """What a person sees of the work; a job writes it to the database once a second."""

    phase: str = "starting"
    done: int = 0
    failed: int = 0
    total: int = 0
    rate: float = 0.0  # clips/s
    left_s: float | None = None
    waiting_s: float = 0.0  # summed over all fetchers
    computing_s: float = 0.0  # summed over all decoders
    limit: str = ""  # what holds the work up: "network", "machine" or "workers"
    shares: dict[str, float] = field(default_factory=dict)  # what the decoders' time goes to; they add up to 1
    message: str = ""
    more: dict[str, Any] = field(default_factory=dict)  # what a kind of job wants to know when it is taken up again
    progressed_at_attempt: int = 0
    started_at: float = field(default_factory=time.time)

    def as_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


class Rate:
    """Clips a second over the last ten seconds."""

    def __init__(self) -> None:
        self._seen = [(time.monotonic(), 0)]

    def after(self, more: int) -> float:
        now = time.monotonic()
        self._seen.append((now, self._seen[-1][1] + more))
        while len(self._seen) > 2 and now - self._seen[1][0] > 10:
            self._seen.pop(0)
        (begun, first), (_, last) = self._seen[0], self._seen[-1]
        return (last - first) / max(now - begun, 1e-3)
