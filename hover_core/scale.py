"""Vectors of one corpus made comparable.

Raw mean MFCC vectors all point one way (their first coefficient, loudness, outweighs the rest), so that every cosine
lies near 1 and nothing is ranked. What is done about it is a property of the corpus and computed from it when a map or
an index is made; stored vectors stay raw.

First every dimension counts the same. Then directions in which the whole corpus spreads (a louder microphone moves many
dimensions at once) are pulled in: whitening, by a covariance that is shrunk towards "no dimension has to do with
another". Full whitening (a share of 1) blows up noise: on spoken digits it ranks worse than none, and a share of 0.3
better than either; so it is on sounds that are not speech (`python -m tests.benchmarks Q1`).

Ledoit, Wolf. A well-conditioned estimator for large-dimensional covariance matrices. J. Multivariate Analysis, 2004.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
WHITENING: Final = 0.3  # the share of the measured covariance that a large corpus is whitened by
_MOST_DIMENSIONS: Final = 1_024  # whitening takes time with the cube of these
_SAMPLE: Final = 50_000  # rows that a covariance is measured on
_CHUNK: Final = 2_048  # rows at a time: in float64 they stay in the cache, and a copy of a million takes a gigabyte


@dataclass(frozen=True)
class Scale:
    """What is known of a corpus.

    Attributes
    ----------
    mean, deviation : of each dimension [shape=(d,), float32]; a dimension that never changes has an infinite deviation
    whitening : the symmetric matrix that pulls wide directions in [shape=(d, d), float32]; None leaves them
    """

    mean: Floats
    deviation: Floats
    whitening: Floats | None = None

    @classmethod
    def of(cls, vectors: Floats, *, whitening: float = WHITENING) -> Scale:
        """The scale of a corpus [shape=(n, d)]; a dimension that never changes counts as 0.

        `whitening` is the share of the measured covariance, 0 (each dimension for itself) to 1; with few vectors for
        their length it counts for less, `n / (n + d)` of it, because their covariance is mostly chance.
        """
        chunks = range(0, len(vectors), _CHUNK)
        mean = sum(vectors[at : at + _CHUNK].sum(axis=0, dtype=np.float64) for at in chunks) / len(vectors)
        squares = sum(((vectors[at : at + _CHUNK] - mean) ** 2).sum(axis=0) for at in chunks)
        deviation = np.sqrt(squares / len(vectors))
        deviation[deviation < 1e-9 + 1e-7 * np.abs(mean)] = np.inf  # less than float32 can tell from rounding
        plain = cls(mean.astype(np.float32), deviation.astype(np.float32))
        if not whitening or not 1 < vectors.shape[1] <= _MOST_DIMENSIONS:
            return plain
        share = whitening * len(vectors) / (len(vectors) + vectors.shape[1])
        return cls(plain.mean, plain.deviation, _whitening(plain, vectors, share))

    def standardise(self, vectors: Floats) -> Floats:
        """`vectors` [shape=(n, d)] with mean 0, each dimension and each direction of the corpus counting its share."""
        standard = ((vectors - self.mean) / self.deviation).astype(np.float32, copy=False)
        return standard if self.whitening is None else standard @ self.whitening

    def restore(self, standard: Floats) -> Floats:
        """What `standardise` was given, to rounding [shape=(n, d)]; a dimension that never changes has its mean."""
        if self.whitening is not None:
            # the matrix is symmetric and positive, but for dimensions that never change, whose rows are 0
            standard = np.asarray(standard @ np.linalg.pinv(self.whitening.astype(np.float64), hermitian=True))
        deviation = np.where(np.isfinite(self.deviation), self.deviation, 0)
        return np.asarray(standard * deviation + self.mean, np.float32)


def _whitening(plain: Scale, vectors: Floats, share: float) -> Floats:
    """The inverse root of `share × covariance + (1 - share) × identity` [shape=(d, d)], 0 where nothing changes."""
    rows = vectors[:: -(-len(vectors) // _SAMPLE)]
    standard = plain.standardise(rows)
    parts = (standard[at : at + _CHUNK] for at in range(0, len(standard), _CHUNK))
    values, axes = np.linalg.eigh(sum((part.T @ part).astype(np.float64) for part in parts) / len(standard))
    root = (axes / np.sqrt(share * np.maximum(values, 0) + 1 - share)) @ axes.T
    changes = np.isfinite(plain.deviation)
    return np.where(changes[:, None] & changes, root, 0).astype(np.float32)


def without_groups(vectors: Floats, groups: Sequence[str], *, shapes: NDArray[np.bool_] | None = None) -> Floats:
    """Vectors [shape=(n, d)] with what the clips of a group have in common taken out, as `GroupEffects` says it."""
    effects = GroupEffects.of(vectors, groups, shapes=shapes)
    return vectors if effects is None else effects.taken_out(vectors, groups)


@dataclass(frozen=True)
class GroupEffects:
    """What the clips of a group have in common: a speaker's voice, a microphone.

    It is the difference between the group's mean and the mean of all. A group of few clips is taken to be nearer to the
    whole: in each dimension by `t / (t + w / n)` of that difference, where t is by how much groups differ, w by how
    much the clips of one group do (variances), and n how many clips it has. No label is used.

    Attributes
    ----------
    offsets : what each group's clips have in common [shape=(d,), float32]
    whole : the mean of all [shape=(d,)]
    of_one : the share of its difference from the whole that a lone clip owes to its group [shape=(d,), 0 to 1]

    Johnson, Li, Rabinovic. Adjusting batch effects in microarray expression data using empirical Bayes methods.
    Biostatistics, 2007 (the additive half).
    """

    offsets: Mapping[str, Floats]
    whole: NDArray[np.float64]
    of_one: NDArray[np.float64]

    @classmethod
    def of(
        cls, vectors: Floats, groups: Sequence[str], *, shapes: NDArray[np.bool_] | None = None
    ) -> GroupEffects | None:
        """The effects in a corpus [shape=(n, d)], None if no clip has a group (an empty name is none).

        Means are those of the clips that `shapes` says (those outside test); only a group without any is described by
        its own others.
        """
        names, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        counted = np.ones(len(vectors), bool) if shapes is None or not shapes.any() else shapes
        seen = np.bincount(codes, counted, minlength=len(names)) > 0
        described = (counted | ~seen[codes]) & (names[codes] != "") if len(names) else counted
        if not described.any():
            return None
        present, rows_of = np.unique(codes[described], return_inverse=True)
        count = np.bincount(rows_of).astype(np.float64)[:, None]
        order = np.flatnonzero(described)[np.argsort(rows_of, kind="stable")]
        starts = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(int)
        whole = vectors[counted].mean(axis=0, dtype=np.float64)
        means = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64) / count
        chunks = range(0, len(order), _CHUNK)
        squares = sum(((vectors[order[at : at + _CHUNK]] - whole) ** 2).sum(axis=0) for at in chunks)
        # what is left of all variance when that between the means is taken away
        within = np.maximum(squares - (count * (means - whole) ** 2).sum(axis=0), 0) / max(1, len(order) - len(present))
        between = np.maximum(((means - whole) ** 2).mean(axis=0) - within * (1 / count).mean(), 0)
        offsets = ((means - whole) * _owed(between, within / count)).astype(np.float32)
        return cls(dict(zip(names[present].tolist(), offsets, strict=True)), whole, _owed(between, within))

    def taken_out(self, vectors: Floats, groups: Sequence[str | None]) -> Floats:
        """Vectors [shape=(n, d)] without what their groups have in common.

        Clips of no group (an empty name) stay as they are. A clip of a group that is not known here, or None, is a
        group of one: as much is taken out as one clip tells of its group.
        """
        kinds = list(dict.fromkeys(groups))
        place = {kind: number for number, kind in enumerate(kinds)}
        codes = np.fromiter((place[group] for group in groups), np.int64, len(groups))
        offsets = np.zeros((len(kinds), vectors.shape[1]), np.float32)
        for number, kind in enumerate(kinds):
            if kind is not None and kind in self.offsets:
                offsets[number] = self.offsets[kind]
        left = vectors - offsets[codes]
        unknown = np.array([kind != "" and kind not in self.offsets for kind in kinds], bool)[codes]
        if unknown.any():
            left[unknown] = vectors[unknown] - (vectors[unknown] - self.whole) * self.of_one
        return left


def _owed(between: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of a difference that is the group's and not chance."""
    between, noise = np.broadcast_arrays(between, noise)
    return np.divide(between, between + noise, out=np.zeros_like(noise), where=between > 0)


def unit(vectors: Floats) -> Floats:
    """Each row [shape=(n, d)] at length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32, copy=False)
