"""Vectors of one corpus made comparable: every dimension counts the same.

Raw mean MFCC vectors all point one way (their first coefficient, loudness, outweighs the rest), so that every cosine
lies near 1 and nothing is ranked. What is done about it is a property of the corpus and computed from it when a map or
an index is made; stored vectors stay raw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_CHUNK = 65_536


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each dimension of a corpus. [shape=(d,), float32]"""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, vectors: Floats) -> Scale:
        """The scale of a corpus [shape=(n, d)]; a dimension that never changes counts as 0."""
        chunks = range(0, len(vectors), _CHUNK)  # in pieces: a copy of a million rows in float64 takes a gigabyte
        mean = sum(vectors[at : at + _CHUNK].sum(axis=0, dtype=np.float64) for at in chunks) / len(vectors)
        squares = sum(((vectors[at : at + _CHUNK] - mean) ** 2).sum(axis=0) for at in chunks)
        deviation = np.sqrt(squares / len(vectors))
        deviation[deviation < 1e-9 + 1e-7 * np.abs(mean)] = np.inf  # less than float32 can tell from rounding
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def standardise(self, vectors: Floats) -> Floats:
        """`vectors` [shape=(n, d)] with mean 0 and deviation 1 in every dimension."""
        return ((vectors - self.mean) / self.deviation).astype(np.float32, copy=False)


def unit(vectors: Floats) -> Floats:
    """Each row [shape=(n, d)] at length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32, copy=False)
