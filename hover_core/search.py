"""Nearest clips by cosine of standardised vectors (`hover_core.scale`), by FAISS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hover_core.scale import Scale, unit

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]


class SearchIndex:
    """An exact index of one corpus: every answer is the true nearest by cosine.

    Parameters
    ----------
    positions
        Which clip each row is. [shape=(n,)]
    vectors
        Raw vectors; they are standardised here. [shape=(n, d), float32]
    """

    def __init__(self, positions: Positions, vectors: Floats) -> None:
        import faiss

        self.positions = positions
        self.scale = Scale.of(vectors) if len(vectors) else Scale(np.zeros(0, np.float32), np.ones(0, np.float32))
        self._unit = unit(self.scale.standardise(vectors)) if len(vectors) else np.zeros((0, 1), np.float32)
        self._index = faiss.IndexFlatIP(self._unit.shape[1])
        self._index.add(np.ascontiguousarray(self._unit))

    def neighbours(self, query: Floats, k: int, *, leave_out: int | None = None) -> tuple[Positions, Floats]:
        """The `k` nearest clips to a raw vector [shape=(d,)], best first, and their cosines in [-1, 1].

        `leave_out` is a position that does not answer (the query itself).
        """
        if not len(self.positions):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        asked = unit(self.scale.standardise(np.asarray(query, np.float32)[None]))
        cosines, rows = self._index.search(np.ascontiguousarray(asked), min(k + 1, len(self.positions)))
        found, score = self.positions[rows[0]], cosines[0]
        keep = found != leave_out if leave_out is not None else np.ones(len(found), bool)
        return found[keep][:k], np.clip(score[keep][:k], -1, 1)

    def among(self, corpus: Positions, asked: Positions, k: int) -> tuple[Positions, Floats]:
        """For each row in `asked` the `k` nearest rows in `corpus`, and their cosines. [shape=(m, k)]

        Rows are places in `self.positions`, not positions themselves.
        """
        import faiss

        index = faiss.IndexFlatIP(self._unit.shape[1])
        index.add(np.ascontiguousarray(self._unit[corpus]))
        cosines, rows = index.search(np.ascontiguousarray(self._unit[asked]), k)
        return corpus[rows], cosines

    def near_all(self, rows: Positions, k: int) -> Positions:
        """The `k` positions nearest to the middle of some rows, best first; those rows themselves do not answer."""
        middle = unit(self._unit[rows].mean(axis=0, keepdims=True))
        wanted = min(k + len(rows), len(self.positions))
        _, found = self._index.search(np.ascontiguousarray(middle), wanted)
        return self.positions[found[0][~np.isin(found[0], rows)][:k]]

    def vector_row(self, position: int) -> int | None:
        """Which row of the corpus a clip is, or None if it has no vector."""
        row = int(np.searchsorted(self.positions, position))
        return row if row < len(self.positions) and self.positions[row] == position else None
