"""Nearest neighbours by FAISS, and the only module that imports it: how its indexes are made, and on how many cores.

`nearest` compares all with all. `cell_index` compares within the cells nearest to a query, `code_index` short codes
within cells; both need training rows. `Neighbours` chooses by size, for maps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions

Rows = NDArray[np.int32]
Measure = Literal["distance", "product"]  # squared Euclidean distance, inner product
_EXACT_UP_TO: Final = 15_000  # rows; beyond that an IVF index, which finds 99 % of the neighbours
_QUERIES_AT_ONCE: Final = 65_536  # rows: a copy of a million takes half a gigabyte
_ROUNDS: Final = 6  # of k-means, which finds the cells
_ROWS_A_CELL: Final = 40  # that k-means looks at


def nearest(queries: Floats, vectors: Floats, k: int, measure: Measure) -> tuple[Positions, Floats]:
    """The `k` rows of `vectors` [shape=(n, d)] nearest to each of `queries` [shape=(m, d)], nearest first. Exact.

    Returns rows [shape=(m, k), int64] and squared distances (or inner products) [shape=(m, k), float32]. If k > n, the
    rest of the rows are -1.

    Examples
    --------
    >>> vectors = np.array([[0, 0], [3, 4], [6, 8]], np.float32)
    >>> rows, squared = nearest(vectors[:1], vectors, 2, "distance")
    >>> rows.tolist(), squared.tolist()
    ([[0, 1]], [[0.0, 25.0]])
    """
    import faiss

    values, rows = faiss.knn(_rows(queries), _rows(vectors), k, metric=_metric(measure))
    return rows.astype(np.int64, copy=False), values


def cell_index(vectors: Floats, cells: int, probes: int, measure: Measure) -> Any:
    """A FAISS index of `vectors` [shape=(n, d)] in so many `cells` of k-means; a search looks into `probes` of them.

    `search(queries, k)` of the index returns values and rows [shape=(m, k)]; rows are -1 where the cells hold fewer.
    """
    import faiss

    vectors = _rows(vectors)
    d = vectors.shape[1]
    quantizer = faiss.IndexFlatL2(d) if measure == "distance" else faiss.IndexFlatIP(d)
    index: Any = faiss.IndexIVFFlat(quantizer, d, cells, _metric(measure))
    index.cp.niter = _ROUNDS
    index.cp.max_points_per_centroid = _ROWS_A_CELL
    index.cp.min_points_per_centroid = 1  # below this FAISS prints a warning
    index.nprobe = probes
    index.train(vectors)
    index.add(vectors)
    return index


def code_index(training: Floats, cells: int, codes: str, *, rounds: int) -> Any:
    """An empty FAISS index of short codes in so many `cells`, by inner product; its `add` adds vectors.

    Parameters
    ----------
    training
        Rows that k-means finds the cells from. [shape=(m, d), float32]
    codes
        A name of FAISS's index factory: `SQ8`, `PQ70x4fs` …
    rounds
        Iterations of k-means.
    """
    import faiss

    index: Any = faiss.index_factory(training.shape[1], f"IVF{cells},{codes}", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = rounds
    index.train(_rows(training))
    return index


def probe_parameters(cells: int) -> Any:
    """The `params` for the `search` of a FAISS index that make it look into so many cells."""
    import faiss

    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = cells
    return parameters


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Run the searches of this thread on one core.

    On a busy machine OpenMP's threads wait for each other (2.5 ms become 50, measured).
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # OpenMP keeps this number for each thread
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _metric(measure: Measure) -> int:
    import faiss

    return int(faiss.METRIC_L2 if measure == "distance" else faiss.METRIC_INNER_PRODUCT)


def _rows(vectors: Floats) -> Floats:
    return np.ascontiguousarray(vectors, np.float32)


class Neighbours:
    """Nearest neighbours among vectors [shape=(n, d), float32]: exact up to 15,000 rows, 99 % of them beyond.

    `metric` is `euclidean` or `cosine` (1 - cosine).
    """

    def __init__(self, vectors: Floats, metric: str = "euclidean") -> None:
        self._metric = metric
        self._vectors = self._prepared(vectors)
        n = len(self._vectors)
        self._cells: Any = None
        if n > _EXACT_UP_TO:
            cells = int(2 * np.sqrt(n))
            probes = max(8, cells // 75)  # *measured*: 99 % of the neighbours of 100,000 bent clouds' points
            self._cells = cell_index(self._vectors, cells, probes, "distance")

    def of_themselves(self, k: int) -> tuple[Rows, Floats]:
        """The `k` nearest rows of each row, itself first, and their distances. [shape=(n, k), int32 and float32]"""
        n = len(self._vectors)
        rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        # Queries from one cell look into the same cells, which then lie in the processor's cache: half the time.
        order = self._by_cells()
        for first in range(0, n, _QUERIES_AT_ONCE):
            batch = order[first : first + _QUERIES_AT_ONCE]
            rows[batch], distances[batch] = self._search(self._vectors[batch], k)
        own = np.arange(n, dtype=np.int32)
        # among equal rows another may come first: the row itself is moved to the front
        for row in np.flatnonzero(rows[:, 0] != own):
            at = np.flatnonzero(rows[row] == row)
            last = int(at[0]) if len(at) else k - 1
            rows[row, 1 : last + 1] = rows[row, :last]
            distances[row, 1 : last + 1] = distances[row, :last]
            rows[row, 0], distances[row, 0] = row, 0
        return rows, distances

    def _by_cells(self) -> NDArray[np.int64]:
        """All rows, cell by cell. [shape=(n,), int64]"""
        if self._cells is None:
            return np.arange(len(self._vectors))
        import faiss

        lists = self._cells.invlists
        sizes = [lists.list_size(cell) for cell in range(lists.nlist)]
        parts = [faiss.rev_swig_ptr(lists.get_ids(cell), size) for cell, size in enumerate(sizes) if size]
        return np.concatenate(parts)

    def query(self, vectors: Floats, k: int) -> tuple[Rows, Floats]:
        """The `k` rows nearest to other vectors [shape=(m, d)], and their distances. [shape=(m, k), int32, float32]"""
        return self._search(self._prepared(vectors), k)

    def _search(self, vectors: Floats, k: int) -> tuple[Rows, Floats]:
        if self._cells is None:
            rows, squared = nearest(vectors, self._vectors, k, "distance")
        else:
            squared, rows = self._cells.search(vectors, k)
            short = np.flatnonzero(rows[:, -1] < 0)  # too few rows in the cells that were looked at
            if len(short):
                rows[short], squared[short] = nearest(vectors[short], self._vectors, k, "distance")
        squared = np.maximum(squared, 0)
        distances = squared / 2 if self._metric == "cosine" else np.sqrt(squared)
        return rows.astype(np.int32), distances.astype(np.float32)

    def _prepared(self, vectors: Floats) -> Floats:
        vectors = _rows(vectors)
        if self._metric == "cosine":
            length = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = (vectors / np.where(length == 0, 1, length)).astype(np.float32)
        return vectors
