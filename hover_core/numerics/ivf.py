"""An IVF index (inverted file) of short codes, for corpora too large for an exact search.

The codes propose candidates, which are ranked by their true cosines. The effort of a query is the least that finds
`RECALL` of the true nearest on a sample of the corpus; it is measured when the index is built, for few hits and for
many. Codes of 4 bits for a few dimensions each are looked up in registers: ten times as fast as 8 bits for each
dimension. The 8 bits are more faithful where nothing is much nearer than the rest, and are used there.

Jégou, Douze, Schmid. Product quantization for nearest neighbor search. PAMI, 2011; by 4-bit codes: André, Kermarrec,
Le Scouarnec. Cache locality is not enough. VLDB, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hover_core.data.arrays import Floats, Positions
from hover_core.numerics import neighbours

RECALL: Final = 0.995  # share of the true nearest to be found, two standard errors of the sample below the measured
UP_TO: Final = (64, 1_024)  # hits that the effort is measured for; a query for more is not answered
_SAMPLE: Final = 128  # queries that the recall is measured on
_MOST: Final = 10  # candidates for each hit at most
_CHUNK: Final = 65_536


@dataclass(frozen=True)
class SearchEffort:
    """The part of the index that a query for up to so many hits reads.

    Attributes
    ----------
    up_to : the number of hits
    probes : the number of lists that are read
    candidates : the number of rows that the codes propose and whose true cosines are computed
    recall : the share of the true nearest that this finds on the sample
    """

    up_to: int
    probes: int
    candidates: int
    recall: float


class IvfIndex:
    """Approximate nearest neighbours by cosine. Safe for threads: nothing changes after `of` has built it."""

    def __init__(self, units: Floats, index: Any, efforts: list[SearchEffort]) -> None:
        self.efforts = efforts
        self._units, self._index = units, index
        self._settings = [neighbours.probe_parameters(effort.probes) for effort in efforts]

    @classmethod
    def of(cls, units: Floats) -> IvfIndex | None:
        """The index of unit vectors [shape=(n, d), float32], or None if none would find `RECALL` of the nearest."""
        n, d = units.shape
        lists = int(np.clip(np.sqrt(n), 1, 4_096))
        draw = np.random.default_rng(0)
        parts = max(part for part in range(1, d // 2 + 2) if d % part == 0)
        sample = units[draw.permutation(n)[:_SAMPLE]]
        truths = _exact_neighbours(units, sample, [min(k, n) for k in UP_TO])
        for kind in ([f"PQ{parts}x4fs"] if 4 * parts >= d else []) + ["SQ8"]:
            index = neighbours.code_index(units[np.sort(draw.permutation(n)[: 40 * lists])], lists, kind, rounds=8)
            for at in range(0, n, _CHUNK):
                index.add(units[at : at + _CHUNK])
            efforts: list[SearchEffort] = []
            for truth in truths:
                effort = _cheapest_effort(index, sample, truth, n, efforts[-1].probes if efforts else 1)
                if effort is None:
                    break
                efforts.append(effort)
            if efforts:
                return cls(units, index, efforts)
        return None

    @property
    def recall(self) -> float:
        """The share of the true nearest that is found, for as many hits as a page shows first."""
        return self.efforts[0].recall

    def nearest(self, query: Floats, k: int) -> tuple[Positions, Floats] | None:
        """The `k` rows nearest to one unit vector [shape=(1, d), float32], best first, and their cosines.

        Returns rows [shape=(k,), int64] and cosines [shape=(k,), float32], or None if `k` is more than the effort was
        measured for, or than the lists that are read hold.
        """
        at = next((at for at, effort in enumerate(self.efforts) if k <= effort.up_to), None)
        if at is None:
            return None
        _, candidates = self._index.search(query, self.efforts[at].candidates, params=self._settings[at])
        rows = candidates[0][candidates[0] >= 0]  # FAISS returns -1 where the lists hold fewer
        if len(rows) < k:
            return None
        # not by BLAS, which uses all cores for a product of this size
        cosines = np.einsum("ij,j->i", self._units.take(rows, axis=0), query[0])
        best = np.argsort(-cosines, kind="stable")[:k]
        return rows[best].astype(np.int64), cosines[best]


@dataclass(frozen=True)
class _ExactNeighbours:
    """The `k` nearest rows of each query of a sample, rising; with every row that is as near as the last of them."""

    k: int
    rows: list[Positions]


def _exact_neighbours(units: Floats, sample: Floats, amounts: list[int]) -> list[_ExactNeighbours]:
    n = len(units)
    rows_of_each: list[list[Positions]] = [[] for _ in amounts]
    step = max(1, 2**24 // n)
    for at in range(0, len(sample), step):
        for cosines in sample[at : at + step] @ units.T:
            last = np.partition(cosines, sorted({n - k for k in amounts}))
            for rows, k in zip(rows_of_each, amounts, strict=True):
                rows.append(np.flatnonzero(cosines >= last[n - k] - 1e-6))
    return [_ExactNeighbours(k, rows) for k, rows in zip(amounts, rows_of_each, strict=True)]


def _cheapest_effort(
    index: Any, sample: Floats, truth: _ExactNeighbours, n: int, from_probes: int
) -> SearchEffort | None:
    """The effort that finds enough and reads the fewest bytes: more lists or more candidates, whichever is cheaper."""
    k, most = truth.k, min(_MOST * truth.k, n)
    a_list, a_proposal = index.code_size * n / index.nlist, sample.itemsize * sample.shape[1]
    best, cost = None, np.inf
    grid = np.geomspace(1, max(1, index.nlist // 8), 24).round().astype(int)
    for probes in np.unique(grid[grid >= from_probes]).tolist():
        if probes * a_list + k * a_proposal >= cost:  # more probes read more, however few the candidates
            break
        with neighbours.one_core():
            _, candidates = index.search(sample, most, params=neighbours.probe_parameters(probes))
        hits = np.stack([np.isin(rows, true) for rows, true in zip(candidates, truth.rows, strict=True)])
        shares = np.minimum(hits.cumsum(axis=1, dtype=np.int32) / k, 1)
        recall = shares.mean(axis=0)
        sure = recall - 2 * shares.std(axis=0) / np.sqrt(len(sample)) >= RECALL
        if not sure.any():
            continue
        amount = max(k, int(np.argmax(sure)) + 1)
        if probes * a_list + amount * a_proposal < cost:
            cost = probes * a_list + amount * a_proposal
            best = SearchEffort(k, probes, amount, float(recall[amount - 1]))
    return best
