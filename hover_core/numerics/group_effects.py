"""Effects of groups (a speaker, a microphone) on vectors: measured, and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.numerics.standardize import CHUNK


def without_groups(vectors: Floats, groups: Sequence[str], *, shapes: NDArray[np.bool_] | None = None) -> Floats:
    """`vectors` without the effects of their groups, as `GroupEffects` measures them. [shape=(n, d), float32]

    Parameters
    ----------
    vectors
        [shape=(n, d), float32]
    groups
        The group of each clip; an empty name is no group.
    shapes
        The clips that effects are measured on (those outside test); by default all. [shape=(n,), bool]

    Examples
    --------
    >>> vectors = np.array([[0], [1], [10], [11]], np.float32)
    >>> without_groups(vectors, ["a", "a", "b", "b"]).round(1).ravel().tolist()
    [5.0, 6.0, 5.0, 6.0]
    """
    effects = GroupEffects.of(vectors, groups, shapes=shapes)
    return vectors if effects is None else effects.taken_out(vectors, groups)


@dataclass(frozen=True)
class GroupEffects:
    """The effect of each group on its vectors: a speaker's voice, a microphone.

    It is the difference between the group's mean and the mean of all clips, shrunk towards 0 for groups of few clips:
    multiplied in each dimension by `t / (t + w / n)`, where t is the variance between groups, w the variance within
    groups, and n the number of the group's clips. No label is used.

    Attributes
    ----------
    offsets : the effect of each group, by its name [shape=(d,), float32]
    whole : the mean of all clips [shape=(d,), float64]
    of_one : the share of its difference from `whole` that is removed from the only clip of a group
        [shape=(d,), float64, 0 to 1]

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
        """The effects in a corpus [shape=(n, d), float32], or None if no clip has a group (an empty name is no group).

        Means are taken over the clips that `shapes` selects (those outside test) [shape=(n,), bool]; a group without
        any of these is measured on all of its clips.
        """
        names, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        shaping = np.ones(len(vectors), bool) if shapes is None or not shapes.any() else shapes
        has_shaping = np.bincount(codes, shaping, minlength=len(names)) > 0
        described = (shaping | ~has_shaping[codes]) & (names[codes] != "") if len(names) else shaping
        if not described.any():
            return None
        present, rows_of = np.unique(codes[described], return_inverse=True)
        count = np.bincount(rows_of).astype(np.float64)[:, None]
        order = np.flatnonzero(described)[np.argsort(rows_of, kind="stable")]
        starts = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(int)
        whole = vectors[shaping].mean(axis=0, dtype=np.float64)
        means = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64) / count
        chunks = range(0, len(order), CHUNK)
        squares = sum(((vectors[order[at : at + CHUNK]] - whole) ** 2).sum(axis=0) for at in chunks)
        # the variance within groups is all variance minus that between their means
        within = np.maximum(squares - (count * (means - whole) ** 2).sum(axis=0), 0) / max(1, len(order) - len(present))
        between = np.maximum(((means - whole) ** 2).mean(axis=0) - within * (1 / count).mean(), 0)
        offsets = ((means - whole) * _shrinkage(between, within / count)).astype(np.float32)
        return cls(dict(zip(names[present].tolist(), offsets, strict=True)), whole, _shrinkage(between, within))

    def taken_out(self, vectors: Floats, groups: Sequence[str | None]) -> Floats:
        """Vectors [shape=(n, d), float32] minus the effects of their groups. [shape=(n, d), float32]

        Clips of no group (an empty name) stay as they are. A clip of a group that is not among `offsets`, or of None,
        counts as a group of one clip: the share `of_one` is removed.
        """
        kinds = list(dict.fromkeys(groups))
        place = {kind: number for number, kind in enumerate(kinds)}
        codes = np.fromiter((place[group] for group in groups), np.int64, len(groups))
        offsets = np.zeros((len(kinds), vectors.shape[1]), np.float32)
        for number, kind in enumerate(kinds):
            if kind is not None and kind in self.offsets:
                offsets[number] = self.offsets[kind]
        residuals = vectors - offsets[codes]
        unknown = np.array([kind != "" and kind not in self.offsets for kind in kinds], bool)[codes]
        if unknown.any():
            residuals[unknown] = vectors[unknown] - (vectors[unknown] - self.whole) * self.of_one
        return residuals


def _shrinkage(between: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of a difference that comes from the group and not from chance. [shape=(…, d), 0 to 1]"""
    between, noise = np.broadcast_arrays(between, noise)
    return np.divide(between, between + noise, out=np.zeros_like(noise), where=between > 0)
