"""The course of two sounds compared: their MFCC sequences aligned by dynamic time warping, frame by frame.

A vector describes a clip as a whole; a sequence keeps the order of its sounds. Order tells words apart but confuses
steady sounds, so this module only re-ranks the answers of a search, and only on request.
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
BYTES_A_CLIP: Final = 4 * FRAMES.dimensions  # in the database
MOST_MEMORY_A_CLIP: Final = 2 * MOST_FRAMES * COEFFICIENTS  # bytes, of a long clip; a short one takes less
CANDIDATES: Final = 200  # of the nearest clips by cosine, so many are compared frame by frame


class Sequences:
    """The MFCC sequences of a corpus, minus the mean of each clip, one after the other in half precision.

    Parameters
    ----------
    positions
        The clip of each row, rising. [shape=(n,), int64]
    vectors
        Rows as `vectorizers.mfcc.FRAMES` computes them: the number of frames, then the frames.
        [shape=(n, 1201), float32]
    """

    def __init__(self, positions: Positions, vectors: Floats) -> None:
        self.positions = positions
        self.counts = vectors[:, 0].astype(np.int64) if len(vectors) else np.zeros(0, np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)[: len(self.counts)]
        self.frames: NDArray[np.float16] = np.empty((int(self.counts.sum()), COEFFICIENTS), np.float16)
        for row in range(len(vectors)):
            start, count = self.starts[row], self.counts[row]
            self.frames[start : start + count] = unpack(vectors[row])

    @property
    def nbytes(self) -> int:
        """The memory that the sequences take. [bytes]"""
        return int(self.frames.nbytes)

    def of(self, position: int) -> Floats | None:
        """The sequence of a clip [shape=(frames, COEFFICIENTS), float32], or None if it has none."""
        row = int(np.searchsorted(self.positions, position))
        if row >= len(self.positions) or self.positions[row] != position:
            return None
        start = self.starts[row]
        return self.frames[start : start + self.counts[row]].astype(np.float32)

    def distances(self, query: Floats, positions: Positions) -> Floats:
        """The distance of each clip from a query sequence: the mean distance of aligned frames.

        Parameters
        ----------
        query
            A sequence as `unpack` returns it. [shape=(frames, COEFFICIENTS), float32]
        positions
            The clips to compare. [shape=(m,), int64]

        Returns
        -------
        np.ndarray
            NaN for a clip without a sequence. [shape=(m,), float32]
        """
        out = np.full(len(positions), np.nan, np.float32)
        if not len(self.positions) or not len(query):
            return out
        rows = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        present = np.flatnonzero(self.positions[rows] == positions)
        rows = rows[present]
        values = np.empty(len(rows), np.float32)
        query, bits = np.ascontiguousarray(query, np.float32), self.frames.view(np.uint16)
        starts, counts, warp = self.starts[rows], self.counts[rows], kernel()

        def compare(part: slice) -> None:
            warp(query, bits, starts[part], counts[part], BAND, values[part])

        half = len(rows) // 2
        first_half = _second_thread().submit(compare, slice(half))  # compiled code: both run at once
        compare(slice(half, None))
        first_half.result()
        out[present] = values
        return out


def unpack(vector: Floats) -> Floats:
    """The frames of one stored row [shape=(1201,), float32], minus their mean. [shape=(frames, COEFFICIENTS), float32]

    Examples
    --------
    >>> row = np.zeros(1 + MOST_FRAMES * COEFFICIENTS, np.float32)
    >>> row[0] = 3
    >>> unpack(row).shape
    (3, 12)
    """
    count = int(vector[0])
    frames = vector[1 : 1 + count * COEFFICIENTS].reshape(count, COEFFICIENTS)
    return np.asarray(frames - frames.mean(axis=0), np.float32)


def rerank(scores: Floats, distances: Floats) -> Positions:
    """The order of clips by cosine and DTW distance together, best first. [shape=(m,), int64]

    Both are divided by their own standard deviation, and the distance counts twice. On spoken digits this is better
    than either alone, and it hurts steady sounds less than the distance alone (`python -m tests.benchmarks S2`).

    Parameters
    ----------
    scores
        Cosines, best first. [shape=(m,), float32]
    distances
        As `Sequences.distances` returns them; clips with NaN keep their order and come last. [shape=(m,), float32]

    Examples
    --------
    >>> scores = np.array([0.9, 0.8, 0.7], np.float32)
    >>> rerank(scores, np.array([3.0, 1.0, np.nan], np.float32)).tolist()
    [1, 0, 2]
    """
    has_distance = np.isfinite(distances)
    if has_distance.sum() < 2:
        return np.arange(len(scores))
    merit = np.full(len(scores), -np.inf)
    merit[has_distance] = _standardise(scores[has_distance]) - 2 * _standardise(distances[has_distance])
    return np.argsort(-merit, kind="stable").astype(np.int64)


def _standardise(values: Floats) -> NDArray[np.float64]:
    deviation = float(values.std(dtype=np.float64))
    return (values.astype(np.float64) - float(values.mean(dtype=np.float64))) / (deviation or 1.0)


@functools.cache
def kernel() -> Callable[..., None]:
    """The compiled comparison, `dtw_kernel.warp`.

    The first call in a process imports numba; the first on a machine compiles. `warm` does both in the background.
    """
    from hover_core.numerics import dtw_kernel

    return dtw_kernel.warp


@functools.cache
def _second_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "hover-dtw-half")


_warming: threading.Thread | None = None
_warm_lock = threading.Lock()


def warm() -> None:
    """Load the kernel in a background thread; returns at once."""
    global _warming
    with _warm_lock:
        if _warming is None:
            _warming = threading.Thread(target=kernel, name="hover-dtw", daemon=True)
            _warming.start()


def is_warm() -> bool:
    """Whether the kernel is loaded, so that a comparison begins at once."""
    return kernel.cache_info().currsize > 0
