"""Standardises the vectors of one corpus, so that their cosines and distances rank well.

Raw mean MFCC vectors all point one way (their first coefficient, loudness, outweighs the rest), so that every cosine
lies near 1. The remedy is computed from the corpus whenever a map or an index is made; stored vectors stay raw.

First each dimension gets mean 0 and deviation 1. Then directions in which the whole corpus spreads (a louder microphone
changes many dimensions at once) are pulled in: whitening, by a covariance that is shrunk towards the identity. Full
whitening (a share of 1) amplifies noise: on spoken digits it ranks worse than none, and a share of 0.3 better than
either; the same holds for sounds that are not speech (`python -m tests.benchmarks Q1`).

Ledoit, Wolf. A well-conditioned estimator for large-dimensional covariance matrices. J. Multivariate Analysis, 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hover_core.data.arrays import Floats

WHITENING: Final = 0.3  # share of the measured covariance (the rest is the identity) in a large corpus
_MOST_DIMENSIONS: Final = 1_024  # longer vectors are not whitened: its time grows with their cube
_SAMPLE: Final = 50_000  # rows that a covariance is measured on
CHUNK: Final = 2_048  # rows at a time: in float64 they stay in the cache, and a copy of a million takes a gigabyte


@dataclass(frozen=True)
class Scale:
    """The statistics of a corpus that its vectors are standardised by.

    Attributes
    ----------
    mean, deviation : of each dimension [shape=(d,), float32]; a dimension that never changes has an infinite deviation
    whitening : the symmetric matrix that pulls wide directions in [shape=(d, d), float32]; None for no whitening

    Examples
    --------
    >>> scale = Scale.of(np.array([[1, 10], [3, 30]], np.float32), whitening=0)
    >>> scale.standardise(np.array([[3, 10]], np.float32)).tolist()
    [[1.0, -1.0]]
    """

    mean: Floats
    deviation: Floats
    whitening: Floats | None = None

    @classmethod
    def of(cls, vectors: Floats, *, whitening: float = WHITENING) -> Scale:
        """The scale of a corpus [shape=(n, d), float32]; a dimension that never changes is standardised to 0.

        `whitening` is the share of the measured covariance, from 0 (none) to 1. It is multiplied by `n / (n + d)`,
        because the covariance of few vectors is mostly chance.
        """
        chunks = range(0, len(vectors), CHUNK)
        mean = sum(vectors[at : at + CHUNK].sum(axis=0, dtype=np.float64) for at in chunks) / len(vectors)
        squares = sum(((vectors[at : at + CHUNK] - mean) ** 2).sum(axis=0) for at in chunks)
        deviation = np.sqrt(squares / len(vectors))
        deviation[deviation < 1e-9 + 1e-7 * np.abs(mean)] = np.inf  # less than float32 can tell from rounding
        plain = cls(mean.astype(np.float32), deviation.astype(np.float32))
        if not whitening or not 1 < vectors.shape[1] <= _MOST_DIMENSIONS:
            return plain
        share = whitening * len(vectors) / (len(vectors) + vectors.shape[1])
        return cls(plain.mean, plain.deviation, _whitening_matrix(plain, vectors, share))

    def standardise(self, vectors: Floats) -> Floats:
        """`vectors` [shape=(n, d), float32] minus the mean, divided by the deviation, whitened. [the same shape]"""
        standard = ((vectors - self.mean) / self.deviation).astype(np.float32, copy=False)
        return standard if self.whitening is None else standard @ self.whitening

    def restore(self, standard: Floats) -> Floats:
        """The inverse of `standardise`, up to rounding. [shape=(n, d), float32]

        A dimension that never changes has its mean.
        """
        if self.whitening is not None:
            # pseudoinverse: the matrix is symmetric and positive, but rows of dimensions that never change are 0
            standard = np.asarray(standard @ np.linalg.pinv(self.whitening.astype(np.float64), hermitian=True))
        deviation = np.where(np.isfinite(self.deviation), self.deviation, 0)
        return np.asarray(standard * deviation + self.mean, np.float32)


def _whitening_matrix(plain: Scale, vectors: Floats, share: float) -> Floats:
    """The inverse root of `share × covariance + (1 - share) × identity` [shape=(d, d)], 0 where nothing changes."""
    rows = vectors[:: -(-len(vectors) // _SAMPLE)]
    standard = plain.standardise(rows)
    parts = (standard[at : at + CHUNK] for at in range(0, len(standard), CHUNK))
    values, axes = np.linalg.eigh(sum((part.T @ part).astype(np.float64) for part in parts) / len(standard))
    root = (axes / np.sqrt(share * np.maximum(values, 0) + 1 - share)) @ axes.T
    changes = np.isfinite(plain.deviation)
    return np.where(changes[:, None] & changes, root, 0).astype(np.float32)


def unit(vectors: Floats) -> Floats:
    """Each row of `vectors` [shape=(n, d)] divided by its length; a zero row stays zero. [shape=(n, d), float32]

    Examples
    --------
    >>> unit(np.array([[0, 2], [0, 0]], np.float32)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32, copy=False)
