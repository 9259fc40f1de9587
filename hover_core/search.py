"""Nearest clips by cosine of vectors made comparable (see `scale`), by FAISS."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.scale import WHITENING, Scale, unit

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]

EXACT_UP_TO: Final = 16_000_000  # numbers (rows × dimensions) that are compared one by one within 5 ms
RECALL: Final = 0.995  # what an inexact index must find of the true 50 on a sample of its own rows, or it is not used
_CHUNK: Final = 65_536
_SAMPLE: Final = 64
_REFINED: Final = 10  # an inexact index looks up so many times k, and the exact cosine chooses among them


class SearchIndex:
    """An index of one corpus. Safe for threads: nothing of it changes once it is built.

    Up to `EXACT_UP_TO` numbers every answer is the true nearest by cosine. Above, an inverted file of short codes
    proposes and the true cosines choose; it is used only if it finds `RECALL` of the true 50 on a sample of its rows.

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
    ) -> None:
        self.positions = positions
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
        self.recall = 1.0
        self._inverted: Any = None
        wanted = kind or ("exact" if self.units.size <= EXACT_UP_TO else "inverted")
        if wanted == "inverted" and len(vectors):
            self._invert()
        self.kind = "exact" if self._inverted is None else "inverted"

    def neighbours(self, query: Floats, k: int, *, leave_out: int | None = None) -> tuple[Positions, Floats]:
        """The `k` nearest clips to a raw vector [shape=(d,)], best first, and their cosines in [-1, 1].

        `leave_out` is a position that does not answer (the query itself).
        """
        rows, cosines = self.nearest(self.asked(query), k + 1)
        keep = self.positions[rows] != leave_out if leave_out is not None else np.ones(len(rows), bool)
        return self.positions[rows[keep][:k]], cosines[keep][:k]

    def asked(self, vectors: Floats) -> Floats:
        """Raw vectors [shape=(d,) or (m, d)] as queries: standardised as the corpus is, at length 1. [shape=(m, d)]"""
        given = np.atleast_2d(np.asarray(vectors, np.float32))
        if not len(self.positions):
            return np.zeros((len(given), 1), np.float32)
        return unit(self.scale.standardise(given))

    def nearest(self, asked: Floats, k: int) -> tuple[Positions, Floats]:
        """The `k` rows nearest to one query of length 1 [shape=(d,) or (1, d)], best first, and their cosines."""
        import faiss

        k = min(k, len(self.positions))
        if not k:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        asked = np.ascontiguousarray(asked.reshape(1, -1), np.float32)
        with _alone():
            if self._inverted is not None:
                found = self._proposed(asked, k, self._inverted.nprobe)
                if len(found) == k:
                    return found, np.clip(self.units[found] @ asked[0], -1, 1)
            cosines, rows = faiss.knn(asked, self.units, k, metric=faiss.METRIC_INNER_PRODUCT)
        return rows[0].astype(np.int64), np.clip(cosines[0], -1, 1)

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
        import faiss

        there = np.ascontiguousarray(self.units[corpus])
        cosines, rows = faiss.knn(np.ascontiguousarray(self.units[asked]), there, k, metric=faiss.METRIC_INNER_PRODUCT)
        return corpus[rows], cosines

    def near_all(self, rows: Positions, k: int) -> Positions:
        """The `k` positions nearest to the middle of some rows, best first; those rows themselves do not answer."""
        middle = unit(self.units[rows].mean(axis=0, keepdims=True))
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

    def _invert(self) -> None:
        """Jégou, Douze, Schmid. Product quantization for nearest neighbor search. PAMI, 2011; by 4-bit codes:
        André, Kermarrec, Le Scouarnec. Cache locality is not enough. VLDB, 2015."""
        import faiss

        n, d = len(self.units), self.units.shape[1]
        lists = int(np.clip(np.sqrt(n), 1, 4_096))
        draw = np.random.default_rng(0)
        # codes of 4 bits for a few dimensions each are looked up in registers: ten times as fast as 8 bits for each
        # dimension, which are more faithful where nothing is much nearer than the rest
        parts = max(part for part in range(1, d // 2 + 2) if d % part == 0)
        sample = self.units[draw.permutation(n)[:_SAMPLE]]
        k = min(50, n)
        truth, _ = faiss.knn(sample, self.units, k, metric=faiss.METRIC_INNER_PRODUCT)
        for kind in ([f"PQ{parts}x4fs"] if 4 * parts >= d else []) + ["SQ8"]:
            inverted: Any = faiss.index_factory(d, f"IVF{lists},{kind}", faiss.METRIC_INNER_PRODUCT)
            inverted.cp.niter = 8
            inverted.train(self.units[np.sort(draw.permutation(n)[: 40 * lists])])
            for at in range(0, n, _CHUNK):
                inverted.add(self.units[at : at + _CHUNK])
            probes = 1
            while probes <= max(1, lists // 8):
                recall = self._recall(inverted, probes, sample, truth)
                if recall >= RECALL:
                    inverted.nprobe, self.recall, self._inverted = probes, recall, inverted
                    return
                probes *= 2

    def _recall(self, inverted: Any, probes: int, sample: Floats, truth: Floats) -> float:
        """Which share of the true nearest some queries find; a clip as near as the last of them may stand for it."""
        k = truth.shape[1]
        with _alone():
            found = [self._proposed(query[None], k, probes, inverted) for query in sample]
        near = [
            (self.units[rows] @ query >= true[-1] - 1e-6).sum() / k
            for rows, query, true in zip(found, sample, truth, strict=True)
        ]
        return float(np.mean(near))

    def _proposed(self, asked: Floats, k: int, probes: int, inverted: Any = None) -> Positions:
        """The best `k` rows of what an inverted file proposes, by the true cosine."""
        import faiss

        inverted = inverted or self._inverted
        chosen = faiss.SearchParametersIVF()
        chosen.nprobe = probes
        _, rows = inverted.search(asked, min(_REFINED * k, len(self.positions)), params=chosen)
        rows = rows[0][rows[0] >= 0]  # FAISS says -1 where the lists that it looked through hold fewer
        return rows[np.argsort(-(self.units[rows] @ asked[0]), kind="stable")[:k]].astype(np.int64)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One query on one core: on a busy machine OpenMP's threads wait for each other (2.5 ms become 50, measured)."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # OpenMP keeps this number for each thread
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
