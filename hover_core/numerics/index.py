"""Nearest clips by cosine of standardised vectors (see `standardize`), by FAISS."""

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

EXACT_UP_TO: Final = 16_000_000  # numbers (rows × dimensions) that an exact search reads within 5 ms
_CHUNK: Final = 65_536


class SearchIndex:
    """An index of one corpus. Safe for threads: nothing of it changes once it is built.

    Up to `EXACT_UP_TO` numbers every answer is the true nearest by cosine. Above, an IVF index of short codes proposes
    candidates, which are ranked by their true cosines (`ivf.IvfIndex`); it is used only if its recall on a sample of
    the rows is high enough.

    Parameters
    ----------
    positions
        The clip of each row, rising. [shape=(n,), int64]
    vectors
        Raw vectors; they are standardised here. [shape=(n, d), float32]
    kind
        `exact` or `inverted` (IVF); by default chosen by size.
    whitening
        As in `Scale.of`.
    shapes
        The rows that the scale is measured on (those outside test); all by default, and if it selects none.
        [shape=(n,), bool]
    effects
        The effects of groups that were removed from `vectors`; they are removed from a query as well.

    Attributes
    ----------
    units : the standardised vectors at length 1 [shape=(n, d), float32]
    lengths : the lengths of the standardised vectors [shape=(n,), float32]
    kind : `exact` or `inverted`, as built
    recall : the share of the true nearest that the IVF index found on its sample; 1 for an exact index

    Examples
    --------
    >>> vectors = np.array([[0, 1], [1, 0], [1, 0.1]], np.float32)
    >>> SearchIndex(np.array([3, 5, 8]), vectors).neighbours(vectors[1], 1, leave_out=5)[0].tolist()
    [8]
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
        index_kind = kind or ("exact" if self.units.size <= EXACT_UP_TO else "inverted")
        self._ivf = IvfIndex.of(self.units) if index_kind == "inverted" and len(vectors) else None
        self.recall = 1.0 if self._ivf is None else self._ivf.recall
        self.kind = "exact" if self._ivf is None else "inverted"

    def neighbours(self, query: Floats, k: int, *, leave_out: int | None = None) -> tuple[Positions, Floats]:
        """The `k` nearest clips to a raw vector [shape=(d,), float32], best first, and their cosines.

        `leave_out` is a position that is not returned (the query itself). Returns positions [shape=(at most k,), int64]
        and cosines [shape=(at most k,), float32, -1 to 1].
        """
        rows, cosines = self.nearest(self.as_queries(query), k + 1)
        keep = self.positions[rows] != leave_out if leave_out is not None else np.ones(len(rows), bool)
        return self.positions[rows[keep][:k]], cosines[keep][:k]

    def as_queries(self, vectors: Floats, groups: Sequence[str | None] | None = None) -> Floats:
        """Raw vectors [shape=(d,) or (m, d)] as queries: standardised as the corpus is, at length 1.

        `groups` are the groups of the queries, None where unknown; their effects are removed as in the corpus.
        [shape=(m, d), float32]
        """
        queries = np.atleast_2d(np.asarray(vectors, np.float32))
        if not len(self.positions):
            return np.zeros((len(queries), 1), np.float32)
        if self.effects is not None and len(queries):
            queries = self.effects.taken_out(queries, groups or [None] * len(queries))
        return unit(self.scale.standardise(queries))

    def nearest(self, query: Floats, k: int) -> tuple[Positions, Floats]:
        """The `k` rows nearest to one query of length 1 [shape=(d,) or (1, d)], best first, and their cosines.

        Returns rows [shape=(at most k,), int64] and cosines [shape=(at most k,), float32, -1 to 1].
        """
        k = min(k, len(self.positions))
        if not k:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        query = np.ascontiguousarray(query.reshape(1, -1), np.float32)
        with neighbours.one_core():
            candidates = None if self._ivf is None else self._ivf.nearest(query, k)
            if candidates is not None:
                return candidates[0], np.clip(candidates[1], -1, 1)
            # 100,000 × 140, best of 60: 3.3 ms on one core; numpy's product and a partition 4.2 on one core, and faster
            # only on two that have nothing else to do (6.6 ms beside other work)
            rows, cosines = neighbours.nearest(query, self.units, k, "product")
        return rows[0], np.clip(cosines[0], -1, 1)

    def cosines(self, queries: Floats) -> Floats:
        """The cosine of every row with its nearest of some queries of length 1 [shape=(m, d)]. [shape=(n,), float32]"""
        best = self.units @ queries[0]
        for other in queries[1:]:
            np.maximum(best, self.units @ other, out=best)
        return np.clip(best, -1, 1)

    def among(self, corpus: Positions, query_rows: Positions, k: int) -> tuple[Positions, Floats]:
        """For each of `query_rows` [shape=(m,)] the `k` nearest rows of `corpus`, and their cosines.

        Rows are indexes into `self.positions`, not positions. Returns rows [shape=(m, k), int64] and cosines
        [shape=(m, k), float32].
        """
        rows, cosines = neighbours.nearest(self.units[query_rows], self.units[corpus], k, "product")
        return corpus[rows], cosines

    def near_all(self, rows: Positions, k: int, among: Positions | None = None) -> Positions:
        """The `k` positions nearest to the mean of some rows, best first, without these rows themselves.

        `among` [shape=(m,), int64] restricts the answer to these positions. [shape=(at most k,), int64]
        """
        middle = unit(self.units[rows].mean(axis=0, keepdims=True))
        if among is not None:
            others = np.setdiff1d(self.rows_of(among), rows)
            best = np.argsort(-self.cosines(middle)[others], kind="stable")[:k]
            return self.positions[others[best]]
        nearest_rows, _ = self.nearest(middle, k + len(rows))
        return self.positions[nearest_rows[~np.isin(nearest_rows, rows)][:k]]

    def vector_row(self, position: int) -> int | None:
        """The row of the clip at a position, or None if it has no vector."""
        row = int(np.searchsorted(self.positions, position))
        return row if row < len(self.positions) and self.positions[row] == position else None

    def raw(self, rows: Positions) -> Floats:
        """The raw vectors of some rows, restored up to rounding. [shape=(m, d), float32]

        A dimension that never changes has its mean.
        """
        return self.scale.restore(self.units[rows] * self.lengths[rows, None])

    def rows_of(self, positions: Positions) -> Positions:
        """The rows of those positions [shape=(m,)] that have a vector, in this order. [shape=(at most m,), int64]"""
        if not len(self.positions) or not len(positions):
            return np.zeros(0, np.int64)
        rows = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        return rows[self.positions[rows] == positions]
