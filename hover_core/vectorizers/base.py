"""The class of all vectorizers, and a way to make one of a function of the whole waveform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hover_core.data.arrays import Floats


class Stream(Protocol):
    """One clip on its way to a vector."""

    def push(self, block: Floats) -> None:
        """Take the next block of the waveform [shape=(n,), float32, finite] and keep it: do not reuse the array."""

    def finish(self) -> Floats:
        """The vector. [shape=(d,), float32, finite]

        Raises
        ------
        ValueError
            No samples were pushed.
        """


@dataclass(frozen=True)
class Vectorizer:
    """A function from the waveform of a clip to a vector.

    Attributes
    ----------
    name : its short name in code.
    key : spells all settings; vectors are stored under it.
    dimensions : length of the vector.
    sample_rate : rate of the waveform that `stream` expects [Hz].
    title, good_for : its name and purpose on pages.
    room_bytes : address space that `load` needs, beyond that for a clip [bytes].
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
        """Prepare what decoder processes need but may not do, such as a cache on disk.

        The parent of the decoder processes calls it, without limits, before it sends them clips.

        Raises
        ------
        Refused
            The vectorizer cannot be used on this machine; the message says why.
        """
        if self._prepare is not None:
            self._prepare()

    def load(self) -> None:
        """Import the packages that it needs: called once in each decoder process, before its first clip."""
        if self._load is not None:
            self._load()

    def stream(self) -> Stream:
        """A new stream for one clip: `push` its waveform in blocks of any length, then `finish`."""
        return self._make()

    def vector(self, waveform: Floats) -> Floats:
        """The vector of a whole waveform [shape=(n,), float32, at `sample_rate`]. [shape=(d,), float32]

        Raises
        ------
        ValueError
            The waveform has no samples.

        Examples
        --------
        >>> from hover_core.vectorizers.registry import get
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
    """A vectorizer made of a function of the whole waveform. It runs in decoder processes, which hold the whole clip.

    Parameters
    ----------
    vector
        From a waveform [shape=(n,), float32, mono] to `dimensions` numbers. An exception in it is recorded as the
        failure of the clip. It imports large packages itself.
    key
        Vectors are stored under it: give another key whenever the function changes.
    sample_rate
        Rate of the waveform. [Hz]
    load
        Imports the large packages; each decoder process calls it before its first clip.
    prepare
        Called without limits in the parent of the decoder processes, for work that they may not do, such as writing a
        cache. It may raise `Refused`.
    room_bytes
        Address space for `load`, at most 1 GB. [bytes]

    Examples
    --------
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
    """The stream of a clip that gathers all blocks for one call of a function."""

    def __init__(self, vector: Callable[[Floats], Any]) -> None:
        self._vector = vector
        self._blocks: list[Floats] = []

    def push(self, block: Floats) -> None:
        self._blocks.append(block)

    def finish(self) -> Floats:
        if not sum(map(len, self._blocks)):
            raise ValueError("a clip without samples has no vector")
        return np.asarray(self._vector(np.concatenate(self._blocks)), np.float32)
