"""The interface of engines, which fetch and decode clips into vectors or failures, on this machine or on others."""

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
    """The result of one recording: for each of its clips a vector, or the reason why there is none."""

    positions: list[int]
    clips: Sequence[DecodedClip | SoundError]
    sha256: str = ""


class Engine(Protocol):
    """Fetches and decodes clips; its threads put lists of `RecordingResult`, or an exception, into `results`."""

    def start(self, pending: Sequence[int], results: queue.Queue[Any]) -> None:
        """Start with the clips at the positions `pending`; takes a slot for each before it is fetched."""

    def limit(self) -> str:
        """The bottleneck of the work: `network`, `machine` or `workers`."""

    def shares(self) -> dict[str, float]:
        """The shares of the decoders' time: `waiting` for sound, `decoding` and `computing`; they add up to 1."""

    def close(self) -> None:
        """Stop, and release everything."""


def run_or_report(results: queue.Queue[Any], work: Callable[..., None], *arguments: Any) -> None:
    """Run `work`; its exception goes into `results` and ends the run, which would otherwise wait forever."""
    try:
        work(*arguments)
    except BaseException as error:
        results.put(error)


def by_recording(pending: Sequence[int], urls: Any) -> Iterator[list[int]]:
    """Positions grouped by URL, in groups of at most `BATCH_CLIPS`, so that a recording is fetched once for many clips.

    Examples
    --------
    >>> list(by_recording([0, 1, 2], ["a.wav", "b.wav", "a.wav"]))
    [[0, 2], [1]]
    """
    groups: dict[str, list[int]] = {}
    for position in pending:
        groups.setdefault(urls[position], []).append(position)
    for positions in groups.values():
        for start in range(0, len(positions), BATCH_CLIPS):
            yield positions[start : start + BATCH_CLIPS]


def number(value: Any) -> float | None:
    """A cell of seconds as a float, None for an empty one (None or NaN).

    Examples
    --------
    >>> number(float("nan")), number(2)
    (None, 2.0)
    """
    return None if value is None or math.isnan(value) else float(value)
