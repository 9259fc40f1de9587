"""The nearest neighbours of every vector of a map, by FAISS."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats

Rows = NDArray[np.int32]
_EXACT_UP_TO: Final = 15_000  # rows; beyond that an inverted file, which finds 99 % of the neighbours
_ASKED_AT_ONCE: Final = 65_536  # rows: a copy of a million takes half a gigabyte


class Neighbours:
    """The nearest of some vectors [shape=(n, d), float32], by FAISS: exact up to 15,000, 99 % of them beyond."""

    def __init__(self, vectors: Floats, metric: str = "euclidean") -> None:
        import faiss

        self._metric = metric
        self._vectors = self._prepared(vectors)
        n, d = self._vectors.shape
        if n <= _EXACT_UP_TO:
            self._index: Any = faiss.IndexFlatL2(d)
            self._cells: Any = None
        else:
            cells = int(2 * np.sqrt(n))
            self._quantizer = faiss.IndexFlatL2(d)
            self._index = self._cells = faiss.IndexIVFFlat(self._quantizer, d, cells)
            self._index.cp.niter = 6
            self._index.cp.max_points_per_centroid = 40
            self._index.cp.min_points_per_centroid = 1
            self._index.train(self._vectors)
            self._index.nprobe = max(
                8, cells // 75
            )  # *measured*: 99 % of the neighbours of 100,000 bent clouds' points
        self._index.add(self._vectors)

    def of_themselves(self, k: int) -> tuple[Rows, Floats]:
        """Each row's `k` nearest, itself first, and their distances. [shape=(n, k)]"""
        n = len(self._vectors)
        rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        # Those of one cell after another look into the same cells, which then lie in the cache: half the time.
        order = self._by_cells()
        for first in range(0, n, _ASKED_AT_ONCE):
            asked = order[first : first + _ASKED_AT_ONCE]
            rows[asked], distances[asked] = self._search(self._vectors[asked], k)
        own = np.arange(n, dtype=np.int32)
        # among equal rows another may come first: each is put before all others
        for row in np.flatnonzero(rows[:, 0] != own):
            at = np.flatnonzero(rows[row] == row)
            last = int(at[0]) if len(at) else k - 1
            rows[row, 1 : last + 1] = rows[row, :last]
            distances[row, 1 : last + 1] = distances[row, :last]
            rows[row, 0], distances[row, 0] = row, 0
        return rows, distances

    def _by_cells(self) -> NDArray[np.int64]:
        """The rows, those of one cell after those of another. [shape=(n,)]"""
        if self._cells is None:
            return np.arange(len(self._vectors))
        import faiss

        lists = self._cells.invlists
        sizes = [lists.list_size(cell) for cell in range(lists.nlist)]
        parts = [faiss.rev_swig_ptr(lists.get_ids(cell), size) for cell, size in enumerate(sizes) if size]
        return np.concatenate(parts)

    def query(self, vectors: Floats, k: int) -> tuple[Rows, Floats]:
        """The `k` rows nearest to other vectors, and their distances. [shape=(m, k)]"""
        return self._search(self._prepared(vectors), k)

    def _search(self, vectors: Floats, k: int) -> tuple[Rows, Floats]:
        squared, rows = self._index.search(vectors, k)
        short = np.flatnonzero(rows[:, -1] < 0)  # too few rows in the cells that were looked at
        if len(short):
            import faiss

            exact = faiss.IndexFlatL2(vectors.shape[1])
            exact.add(self._vectors)
            squared[short], rows[short] = exact.search(vectors[short], k)
        squared = np.maximum(squared, 0)
        distances = squared / 2 if self._metric == "cosine" else np.sqrt(squared)
        return rows.astype(np.int32), distances.astype(np.float32)

    def _prepared(self, vectors: Floats) -> Floats:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if self._metric == "cosine":
            length = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = (vectors / np.where(length == 0, 1, length)).astype(np.float32)
        return vectors
