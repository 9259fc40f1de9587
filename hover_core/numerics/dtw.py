"""How two sounds move: their MFCC sequences aligned by dynamic time warping, frame by frame.

A vector says what is in a clip; a sequence says in which order. That tells words apart and confuses steady sounds, so
it only re-ranks, and only where somebody asks for it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.vectorizers.mfcc import FRAME_COEFFICIENTS, FRAMES, MOST_FRAMES

COEFFICIENTS: Final = FRAME_COEFFICIENTS
BAND: Final = 10  # frames
KEY: Final = FRAMES.key
BYTES_A_CLIP: Final = 4 * FRAMES.dimensions  # as they are stored
MOST_MEMORY_A_CLIP: Final = 2 * MOST_FRAMES * COEFFICIENTS  # of a long clip; short ones take as much as they have
CANDIDATES: Final = 200  # how many of the nearest by cosine are compared frame by frame


class Sequences:
    """The sequences of a corpus, the mean of each clip taken out, one after the other in half precision.

    Parameters
    ----------
    positions
        Which clip each row is, rising. [shape=(n,)]
    packed
        As `vectorizers.FRAMES` gives them: how many frames, then the frames. [shape=(n, 1201), float32]
    """

    def __init__(self, positions: Positions, packed: Floats) -> None:
        self.positions = positions
        self.counts = packed[:, 0].astype(np.int64) if len(packed) else np.zeros(0, np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)[: len(self.counts)]
        self.frames: NDArray[np.float16] = np.empty((int(self.counts.sum()), COEFFICIENTS), np.float16)
        for row in range(len(packed)):
            start, count = self.starts[row], self.counts[row]
            self.frames[start : start + count] = unpack(packed[row])

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return int(self.frames.nbytes)

    def of(self, position: int) -> Floats | None:
        """The sequence of a clip [shape=(frames, COEFFICIENTS)], or None if it has none."""
        row = int(np.searchsorted(self.positions, position))
        if row >= len(self.positions) or self.positions[row] != position:
            return None
        start = self.starts[row]
        return self.frames[start : start + self.counts[row]].astype(np.float32)

    def distances(self, query: Floats, positions: Positions) -> Floats:
        """How far each clip is from a sequence [shape=(n, COEFFICIENTS)]: the mean distance of aligned frames.

        [shape=(m,), float32]; NaN for a clip without a sequence.
        """
        out = np.full(len(positions), np.nan, np.float32)
        if not len(self.positions) or not len(query):
            return out
        rows = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        known = np.flatnonzero(self.positions[rows] == positions)
        rows = rows[known]
        found = np.empty(len(rows), np.float32)
        query, bits = np.ascontiguousarray(query, np.float32), self.frames.view(np.uint16)
        starts, counts, warp = self.starts[rows], self.counts[rows], kernel()

        def compare(part: slice) -> None:
            warp(query, bits, starts[part], counts[part], BAND, found[part])

        half = len(rows) // 2
        beside = _beside().submit(compare, slice(half))  # compiled code: both run at once
        compare(slice(half, None))
        beside.result()
        out[known] = found
        return out


def unpack(packed: Floats) -> Floats:
    """One packed sequence [shape=(1201,)] as frames without their mean. [shape=(frames, COEFFICIENTS)]"""
    count = int(packed[0])
    frames = packed[1 : 1 + count * COEFFICIENTS].reshape(count, COEFFICIENTS)
    return np.asarray(frames - frames.mean(axis=0), np.float32)


def rerank(scores: Floats, distances: Floats) -> Positions:
    """The order in which clips answer when both count: cosines [shape=(m,)], best first, and their distances.

    Each in units of its own spread, the distance twice. On spoken digits that is better than either alone, and it hurts
    steady sounds less than the distance alone (`python -m tests.benchmarks S2`). Clips without a distance stay behind
    those that have one, in their order.
    """
    known = np.isfinite(distances)
    if known.sum() < 2:
        return np.arange(len(scores))
    merit = np.full(len(scores), -np.inf)
    merit[known] = _standardise(scores[known]) - 2 * _standardise(distances[known])
    return np.argsort(-merit, kind="stable").astype(np.int64)


def _standardise(values: Floats) -> NDArray[np.float64]:
    deviation = float(values.std(dtype=np.float64))
    return (values.astype(np.float64) - float(values.mean(dtype=np.float64))) / (deviation or 1.0)


@functools.cache
def kernel() -> Callable[..., None]:
    """The compiled comparison. The first time in a process it takes numba's import, and once on a machine its
    compiler; `warm` does both beforehand, in the background."""
    from hover_core.numerics import dtw_kernel

    return dtw_kernel.warp


@functools.cache
def _beside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "hover-dtw-half")


_warming: threading.Thread | None = None
_warm_lock = threading.Lock()


def warm() -> None:
    """Have the kernel ready soon; returns at once."""
    global _warming
    with _warm_lock:
        if _warming is None:
            _warming = threading.Thread(target=kernel, name="hover-dtw", daemon=True)
            _warming.start()


def is_warm() -> bool:
    """Whether a comparison would begin at once."""
    return kernel.cache_info().currsize > 0
