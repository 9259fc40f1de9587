"""Nearest clips by cosine of vectors made comparable (see `scale`), by FAISS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.numerics import neighbours
from hover_core.numerics.group_effects import GroupEffects
from hover_core.numerics.ivf import IvfIndex
from hover_core.numerics.standardize import WHITENING, Scale, unit

EXACT_UP_TO: Final = 16_000_000  # numbers (rows × dimensions) that are compared one by one within 5 ms
_CHUNK: Final = 65_536


class SearchIndex:
    """An index of one corpus. Safe for threads: nothing of it changes once it is built.

    Up to `EXACT_UP_TO` numbers every answer is the true nearest by cosine. Above, an inverted file of short codes
    proposes and the true cosines choose (`inverted`); it is used only if it finds what it must on a sample of its rows.

    Parameters
    ----------
    positions
        Which clip each row is, rising. [shape=(n,)]
    vectors
        Raw vectors; they are standardised here. [shape=(n, d), float32]
    kind
        `exact` or `inverted`; by default chosen by size.
    whitening
        As in `Scale.of`.
    shapes
        Which rows the scale is measured on, those outside test; by default, and if there are none, all. [shape=(n,)]
    effects
        What was taken out of `vectors` with their groups; it is taken out of a query as well.

    Attributes
    ----------
    units : the standardised vectors at length 1 [shape=(n, d), float32]
    lengths : how long each standardised vector was [shape=(n,), float32]
    kind : what it became
    recall : what an inverted file found on its sample; 1 for an exact index
    """

    def __init__(
        self,
        positions: Positions,
        vectors: Floats,
        *,
        kind: str | None = None,
        whitening: float = WHITENING,
        shapes: NDArray[np.bool_] | None = None,
        effects: GroupEffects | None = None,
    ) -> None:
        self.positions, self.effects = positions, effects
        if not len(vectors):
            vectors = np.zeros((0, 1), np.float32)
            self.scale = Scale(np.zeros(1, np.float32), np.ones(1, np.float32))
        else:
            part = shapes is not None and shapes.any() and not shapes.all()
            self.scale = Scale.of(vectors[shapes] if part else vectors, whitening=whitening)
        self.units: Floats = np.empty(vectors.shape, np.float32)
        self.lengths: Floats = np.empty(len(vectors), np.float32)
        for at in range(0, len(vectors), _CHUNK):
            standard = self.scale.standardise(vectors[at : at + _CHUNK])
            self.lengths[at : at + _CHUNK] = np.linalg.norm(standard, axis=1)
            self.units[at : at + _CHUNK] = unit(standard)
        wanted = kind or ("exact" if self.units.size <= EXACT_UP_TO else "inverted")
        self._inverted = IvfIndex.of(self.units) if wanted == "inverted" and len(vectors) else None
        self.recall = 1.0 if self._inverted is None else self._inverted.recall
        self.kind = "exact" if self._inverted is None else "inverted"

    def neighbours(self, query: Floats, k: int, *, leave_out: int | None = None) -> tuple[Positions, Floats]:
        """The `k` nearest clips to a raw vector [shape=(d,)], best first, and their cosines in [-1, 1].

        `leave_out` is a position that does not answer (the query itself).
        """
        rows, cosines = self.nearest(self.as_queries(query), k + 1)
        keep = self.positions[rows] != leave_out if leave_out is not None else np.ones(len(rows), bool)
        return self.positions[rows[keep][:k]], cosines[keep][:k]

    def as_queries(self, vectors: Floats, groups: Sequence[str | None] | None = None) -> Floats:
        """Raw vectors [shape=(d,) or (m, d)] as queries: standardised as the corpus is, at length 1. [shape=(m, d)]

        `groups` are theirs, where they are known: what a group has in common is taken out if it is of the corpus.
        """
        given = np.atleast_2d(np.asarray(vectors, np.float32))
        if not len(self.positions):
            return np.zeros((len(given), 1), np.float32)
        if self.effects is not None and len(given):
            given = self.effects.taken_out(given, groups or [None] * len(given))
        return unit(self.scale.standardise(given))

    def nearest(self, asked: Floats, k: int) -> tuple[Positions, Floats]:
        """The `k` rows nearest to one query of length 1 [shape=(d,) or (1, d)], best first, and their cosines."""
        k = min(k, len(self.positions))
        if not k:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        asked = np.ascontiguousarray(asked.reshape(1, -1), np.float32)
        with neighbours.one_core():
            found = None if self._inverted is None else self._inverted.nearest(asked, k)
            if found is not None:
                return found[0], np.clip(found[1], -1, 1)
            # 100,000 × 140, best of 60: 3.3 ms on one core; numpy's product and a partition 4.2 on one core, and faster
            # only on two that have nothing else to do (6.6 ms beside other work)
            rows, cosines = neighbours.nearest(asked, self.units, k, "product")
        return rows[0], np.clip(cosines[0], -1, 1)

    def cosines(self, asked: Floats) -> Floats:
        """The cosine of every row with the nearest of some queries of length 1 [shape=(m, d)]. [shape=(n,)]"""
        found = self.units @ asked[0]
        for other in asked[1:]:
            np.maximum(found, self.units @ other, out=found)
        return np.clip(found, -1, 1)

    def among(self, corpus: Positions, asked: Positions, k: int) -> tuple[Positions, Floats]:
        """For each row in `asked` the `k` nearest rows in `corpus`, and their cosines. [shape=(m, k)]

        Rows are places in `self.positions`, not positions themselves.
        """
        rows, cosines = neighbours.nearest(self.units[asked], self.units[corpus], k, "product")
        return corpus[rows], cosines

    def near_all(self, rows: Positions, k: int, among: Positions | None = None) -> Positions:
        """The `k` positions nearest to the middle of some rows, best first; those rows themselves do not answer.

        `among`: only these positions answer.
        """
        middle = unit(self.units[rows].mean(axis=0, keepdims=True))
        if among is not None:
            others = np.setdiff1d(self.rows_of(among), rows)
            best = np.argsort(-self.cosines(middle)[others], kind="stable")[:k]
            return self.positions[others[best]]
        found, _ = self.nearest(middle, k + len(rows))
        return self.positions[found[~np.isin(found, rows)][:k]]

    def vector_row(self, position: int) -> int | None:
        """Which row of the corpus a clip is, or None if it has no vector."""
        row = int(np.searchsorted(self.positions, position))
        return row if row < len(self.positions) and self.positions[row] == position else None

    def raw(self, rows: Positions) -> Floats:
        """The vectors of some rows as they came, to rounding. [shape=(m, d), float32]

        A dimension that never changes has its mean again.
        """
        return self.scale.restore(self.units[rows] * self.lengths[rows, None])

    def rows_of(self, positions: Positions) -> Positions:
        """The rows of those clips that have a vector, in the order given."""
        if not len(self.positions) or not len(positions):
            return np.zeros(0, np.int64)
        rows = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        return rows[self.positions[rows] == positions]
