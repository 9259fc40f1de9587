"""Advice on re-ranking by sequences: how much it would help, measured on the current labels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hover_core.analysis.search.search_index import search_index, sequences
from hover_core.numerics import dtw

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


_LEAST_ADVISERS: Final = 20
_MOST_ADVISERS: Final = 3_000


@dataclass(frozen=True)
class Advice:
    """The precision of search results without and with re-ranking.

    Attributes
    ----------
    plain, reranked : the share of the ten nearest labelled clips that have the query's label, 0 to 1
    asked : number of queries, each a labelled clip
    took_s : duration of the measurement [seconds]
    """

    plain: float
    reranked: float
    asked: int
    took_s: float


def rerank_advice(dataset: Dataset, *, sample: int = 150) -> Advice | None:
    """Measure whether re-ranking by `dtw` improves search: each of `sample` labelled clips is a query for the others.

    Clips of the query's own group are not among its results. None if fewer than 20 clips are labelled, or all have the
    same label.

    Raises
    ------
    Refused
        The dataset has no sequences, or no vectors.
    NotFound
        No clip has a vector of the vectorizer in use.
    """
    frame_sequences = sequences(dataset)
    index, _ = search_index(dataset)
    state = dataset.state()
    start_time = time.perf_counter()
    positions = np.intersect1d(
        np.flatnonzero(state.label >= 0), np.intersect1d(index.positions, frame_sequences.positions)
    )
    draw = np.random.default_rng(0)
    if len(positions) > _MOST_ADVISERS:
        positions = np.sort(draw.permutation(positions)[:_MOST_ADVISERS])
    codes = state.label[positions]
    if len(positions) < _LEAST_ADVISERS or len(np.unique(codes)) < 2:
        return None
    units = index.units[index.rows_of(positions)]
    groups = dataset.resources.clips(dataset.id)["group_name"].to_numpy()[positions]
    plain, reranked = [], []
    for query in draw.permutation(len(positions))[:sample]:
        other_rows = np.flatnonzero((groups != groups[query]) | (groups == ""))
        other_rows = other_rows[other_rows != query]
        frames = frame_sequences.of(int(positions[query]))
        if len(other_rows) < 10 or frames is None:
            continue
        cosines = units[other_rows] @ units[query]
        best = np.argsort(-cosines, kind="stable")[: dtw.CANDIDATES]
        order = dtw.rerank(cosines[best], frame_sequences.distances(frames, positions[other_rows[best]]))
        same = codes[other_rows[best]] == codes[query]
        plain.append(same[:10].mean())
        reranked.append(same[order][:10].mean())
    if not plain:
        return None
    return Advice(float(np.mean(plain)), float(np.mean(reranked)), len(plain), time.perf_counter() - start_time)
