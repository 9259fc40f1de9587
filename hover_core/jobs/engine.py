"""What an engine is: it fetches and decodes clips and hands over vectors or failures, on this machine or on others."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from hover_core.audio.segment import DecodedClip
from hover_core.errors import SoundError

BATCH_CLIPS: Final = 24


@dataclass
class RecordingResult:
    """What an engine found out about one recording: for each clip of it a vector, or why there is none."""

    positions: list[int]
    clips: Sequence[DecodedClip | SoundError]
    sha256: str = ""


class Engine(Protocol):
    """Fetches and decodes; its threads put lists of `RecordingResult` into `results`, or an error that ends it."""

    def start(self, pending: Sequence[int], results: queue.Queue[Any]) -> None:
        """Begin with these clips; take a slot for each before it is fetched."""

    def limit(self) -> str:
        """What holds the work up: “network”, “machine” or “workers”."""

    def shares(self) -> dict[str, float]:
        """Of the time of all that could decode, the shares of `waiting` for sound, `decoding` and `computing`."""

    def close(self) -> None:
        """Stop, and let go of everything."""


def run_or_report(results: queue.Queue[Any], work: Callable[..., None], *arguments: Any) -> None:
    """Run `work`; its exception goes into `results` and ends the run, which would otherwise wait forever."""
    try:
        work(*arguments)
    except BaseException as error:
        results.put(error)


def by_recording(pending: Sequence[int], urls: Any) -> Iterator[list[int]]:
    """Positions grouped by URL, so that a recording with many clips is fetched once; groups are kept small."""
    groups: dict[str, list[int]] = {}
    for position in pending:
        groups.setdefault(urls[position], []).append(position)
    for positions in groups.values():
        for start in range(0, len(positions), BATCH_CLIPS):
            yield positions[start : start + BATCH_CLIPS]


def number(value: Any) -> float | None:
    """Seconds, or None where the table has none."""
    return None if value is None or math.isnan(value) else float(value)
