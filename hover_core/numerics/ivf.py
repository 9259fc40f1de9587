"""An inverted file of short codes, for corpora too large to be compared one by one: it proposes, true cosines choose.

How much of it a query looks through is no constant: it is the least that finds `RECALL` of the true nearest on a
sample of the corpus, measured when the file is built, for few hits and for many apart. Codes of 4 bits for a few
dimensions each are looked up in registers: ten times as fast as 8 bits for each dimension, which are more faithful
where nothing is much nearer than the rest, and are taken there.

Jégou, Douze, Schmid. Product quantization for nearest neighbor search. PAMI, 2011; by 4-bit codes: André, Kermarrec,
Le Scouarnec. Cache locality is not enough. VLDB, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hover_core.data.arrays import Floats, Positions
from hover_core.numerics import neighbours

RECALL: Final = 0.995  # what must be found of the true nearest; two standard errors of the sample lie between
UP_TO: Final = (64, 1_024)  # hits: how much is looked through is measured for each; who wants more is not answered
_SAMPLE: Final = 128
_MOST: Final = 10  # so many times the hits are proposed at most
_CHUNK: Final = 65_536


@dataclass(frozen=True)
class SearchEffort:
    """How much is looked through for so many hits.

    Attributes
    ----------
    up_to : hits
    probes : lists that are looked through
    proposed : how many rows the codes propose, whose true cosines are computed
    recall : what that finds of the true nearest, on the sample
    """

    up_to: int
    probes: int
    proposed: int
    recall: float


class IvfIndex:
    """Safe for threads: nothing of it changes once it is built. Make one by `of`."""

    def __init__(self, units: Floats, index: Any, efforts: list[SearchEffort]) -> None:
        self.efforts = efforts
        self._units, self._index = units, index
        self._settings = [neighbours.probe_parameters(effort.probes) for effort in efforts]

    @classmethod
    def of(cls, units: Floats) -> IvfIndex | None:
        """The file of a corpus [shape=(n, d), length 1], or None if none would find `RECALL` of the nearest."""
        n, d = units.shape
        lists = int(np.clip(np.sqrt(n), 1, 4_096))
        draw = np.random.default_rng(0)
        parts = max(part for part in range(1, d // 2 + 2) if d % part == 0)
        sample = units[draw.permutation(n)[:_SAMPLE]]
        truths = _true(units, sample, [min(k, n) for k in UP_TO])
        for kind in ([f"PQ{parts}x4fs"] if 4 * parts >= d else []) + ["SQ8"]:
            index = neighbours.code_index(units[np.sort(draw.permutation(n)[: 40 * lists])], lists, kind, rounds=8)
            for at in range(0, n, _CHUNK):
                index.add(units[at : at + _CHUNK])
            efforts: list[SearchEffort] = []
            for truth in truths:
                found = _least(index, sample, truth, n, efforts[-1].probes if efforts else 1)
                if found is None:
                    break
                efforts.append(found)
            if efforts:
                return cls(units, index, efforts)
        return None

    @property
    def recall(self) -> float:
        """What is found of the true nearest, of as many as a page shows first."""
        return self.efforts[0].recall

    def nearest(self, asked: Floats, k: int) -> tuple[Positions, Floats] | None:
        """The `k` rows nearest to one query [shape=(1, d), length 1], best first, and their cosines.

        None if the lists looked through hold fewer, or more are wanted than it was measured for.
        """
        at = next((at for at, effort in enumerate(self.efforts) if k <= effort.up_to), None)
        if at is None:
            return None
        _, proposed = self._index.search(asked, self.efforts[at].proposed, params=self._settings[at])
        rows = proposed[0][proposed[0] >= 0]  # FAISS says -1 where the lists hold fewer
        if len(rows) < k:
            return None
        # not by BLAS, which takes all cores for a product of this size
        cosines = np.einsum("ij,j->i", self._units.take(rows, axis=0), asked[0])
        best = np.argsort(-cosines, kind="stable")[:k]
        return rows[best].astype(np.int64), cosines[best]


@dataclass(frozen=True)
class _ExactNeighbours:
    """The nearest of each query of a sample: rows, rising. A row as near as the last of the `k` is among them."""

    k: int
    rows: list[Positions]


def _true(units: Floats, sample: Floats, amounts: list[int]) -> list[_ExactNeighbours]:
    n = len(units)
    found: list[list[Positions]] = [[] for _ in amounts]
    step = max(1, 2**24 // n)
    for at in range(0, len(sample), step):
        for cosines in sample[at : at + step] @ units.T:
            last = np.partition(cosines, sorted({n - k for k in amounts}))
            for rows, k in zip(found, amounts, strict=True):
                rows.append(np.flatnonzero(cosines >= last[n - k] - 1e-6))
    return [_ExactNeighbours(k, rows) for k, rows in zip(amounts, found, strict=True)]


def _least(index: Any, sample: Floats, truth: _ExactNeighbours, n: int, from_probes: int) -> SearchEffort | None:
    """The effort that reads the fewest bytes and finds enough: more lists or more proposals, whichever is cheaper."""
    k, most = truth.k, min(_MOST * truth.k, n)
    a_list, a_proposal = index.code_size * n / index.nlist, sample.itemsize * sample.shape[1]
    best, cost = None, np.inf
    grid = np.geomspace(1, max(1, index.nlist // 8), 24).round().astype(int)
    for probes in np.unique(grid[grid >= from_probes]).tolist():
        if probes * a_list + k * a_proposal >= cost:  # what follows reads more, however few are proposed
            break
        with neighbours.one_core():
            _, proposed = index.search(sample, most, params=neighbours.probe_parameters(probes))
        hits = np.stack([np.isin(rows, true) for rows, true in zip(proposed, truth.rows, strict=True)])
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
