"""What a vectorizer is, and how one is made of a function of the whole waveform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hover_core.data.arrays import Floats


class Stream(Protocol):
    """One clip on its way to a vector."""

    def push(self, block: Floats) -> None:
        """Takes the next piece of the waveform [shape=(n,), float32, finite], and keeps it: do not reuse the array."""

    def finish(self) -> Floats:
        """The vector [shape=(d,), float32, finite]. Raises ValueError if nothing was pushed."""


@dataclass(frozen=True)
class Vectorizer:
    """What turns a clip into a vector.

    Attributes
    ----------
    name : short, for people who type.
    key : spells all settings; vectors are stored under it.
    dimensions : length of the vector.
    sample_rate : Hz of the waveform that `stream` expects.
    title, good_for : for the page that offers it.
    room_bytes : address space that `load` takes, beyond what a clip may use.
    """

    name: str
    key: str
    dimensions: int
    sample_rate: int
    title: str
    good_for: str
    _make: Callable[[], Stream] = field(repr=False, compare=False)
    room_bytes: int = 0
    _load: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    _prepare: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def prepare(self) -> None:
        """What has to be there before a decoder process is asked: called by the process that asks, without limits.

        Raises
        ------
        Refused
            It cannot be used on this machine; the message says why.
        """
        if self._prepare is not None:
            self._prepare()

    def load(self) -> None:
        """Import what it needs: called once in each decoder process, before its first clip."""
        if self._load is not None:
            self._load()

    def stream(self) -> Stream:
        """A new clip: `push` its waveform in pieces of any length, then `finish`."""
        return self._make()

    def vector(self, waveform: Floats) -> Floats:
        """The vector [shape=(d,), float32] of a whole waveform [shape=(n,), float32, at `sample_rate`].

        Examples
        --------
        >>> import numpy as np
        >>> get("mfcc-mean").vector(np.zeros(22050, np.float32)).shape
        (32,)
        """
        stream = self.stream()
        stream.push(np.ascontiguousarray(waveform, np.float32))
        return stream.finish()


def of_waveform(
    vector: Callable[[Floats], Any],
    *,
    name: str,
    key: str,
    dimensions: int,
    sample_rate: int,
    title: str = "",
    good_for: str = "",
    load: Callable[[], None] | None = None,
    prepare: Callable[[], None] | None = None,
    room_bytes: int = 0,
) -> Vectorizer:
    """A vectorizer of a function from a whole waveform [shape=(n,), float32, mono] to `dimensions` numbers.

    Give it another `key` whenever what it computes changes: vectors are stored under it. It runs in limited child
    processes that hold the whole clip; what it raises is recorded as the clip's failure.

    A function that needs a large package imports it itself, and again in `load`, which each child calls before its
    first clip with `room_bytes` of address space to spare (at most 1 GB). `prepare` is called by the process that asks,
    without limits: for what the children may not do, such as writing a cache.

    Examples
    --------
    >>> import numpy as np
    >>> loudest = lambda wave: [np.abs(wave).max()]
    >>> peak = of_waveform(loudest, name="peak", key="peak-v1", dimensions=1, sample_rate=8000)
    >>> peak.vector(np.array([0.5, -0.25])).tolist()
    [0.5]
    """
    return Vectorizer(
        name=name,
        key=key,
        dimensions=dimensions,
        sample_rate=sample_rate,
        title=title or name,
        good_for=good_for,
        _make=lambda: _WholeClip(vector),
        room_bytes=room_bytes,
        _load=load,
        _prepare=prepare,
    )


class _WholeClip:
    """A clip that is gathered and handed to a function in one."""

    def __init__(self, vector: Callable[[Floats], Any]) -> None:
        self._vector = vector
        self._held: list[Floats] = []

    def push(self, block: Floats) -> None:
        self._held.append(block)

    def finish(self) -> Floats:
        if not sum(map(len, self._held)):
            raise ValueError("a clip without samples has no vector")
        return np.asarray(self._vector(np.concatenate(self._held)), np.float32)
