"""What the vectors of each group have in common, measured and taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.numerics.standardize import CHUNK


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
        chunks = range(0, len(order), CHUNK)
        squares = sum(((vectors[order[at : at + CHUNK]] - whole) ** 2).sum(axis=0) for at in chunks)
        # what is left of all variance when that between the means is taken away
        within = np.maximum(squares - (count * (means - whole) ** 2).sum(axis=0), 0) / max(1, len(order) - len(present))
        between = np.maximum(((means - whole) ** 2).mean(axis=0) - within * (1 / count).mean(), 0)
        offsets = ((means - whole) * _shrinkage(between, within / count)).astype(np.float32)
        return cls(dict(zip(names[present].tolist(), offsets, strict=True)), whole, _shrinkage(between, within))

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


def _shrinkage(between: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of a difference that is the group's and not chance."""
    between, noise = np.broadcast_arrays(between, noise)
    return np.divide(between, between + noise, out=np.zeros_like(noise), where=between > 0)
