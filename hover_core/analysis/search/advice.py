"""Whether a re-rank by sequences would help, measured on the labels that are there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hover_core.analysis.search.corpus import search_index, sequences
from hover_core.numerics import dtw

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


_LEAST_ADVISERS: Final = 20
_MOST_ADVISERS: Final = 3_000


@dataclass(frozen=True)
class Advice:
    """What the labels say of re-ranking: precision of the ten nearest labelled clips.

    Attributes
    ----------
    plain, reranked : the share of the ten nearest that have the label of the clip asked for, 0 to 1
    asked : how many labelled clips were asked for
    took_s : seconds
    """

    plain: float
    reranked: float
    asked: int
    took_s: float


def rerank_advice(dataset: Dataset, *, sample: int = 150) -> Advice | None:
    """Whether a re-rank by `dtw` would find more clips of one label, by leaving one labelled clip out after the other.

    Clips of the query's own group do not answer it. None with fewer than 20 labelled clips, or one label alone.

    Raises
    ------
    Refused
        There are no sequences.
    """
    kept = sequences(dataset)
    index, _ = search_index(dataset)
    state = dataset.state()
    begun = time.perf_counter()
    labelled = np.intersect1d(np.flatnonzero(state.label >= 0), np.intersect1d(index.positions, kept.positions))
    draw = np.random.default_rng(0)
    if len(labelled) > _MOST_ADVISERS:
        labelled = np.sort(draw.permutation(labelled)[:_MOST_ADVISERS])
    codes = state.label[labelled]
    if len(labelled) < _LEAST_ADVISERS or len(np.unique(codes)) < 2:
        return None
    units = index.units[index.rows_of(labelled)]
    groups = dataset.resources.clips(dataset.id)["group_name"].to_numpy()[labelled]
    plain, reranked = [], []
    for query in draw.permutation(len(labelled))[:sample]:
        others = np.flatnonzero((groups != groups[query]) | (groups == ""))
        others = others[others != query]
        frames = kept.of(int(labelled[query]))
        if len(others) < 10 or frames is None:
            continue
        cosines = units[others] @ units[query]
        best = np.argsort(-cosines, kind="stable")[: dtw.CANDIDATES]
        order = dtw.rerank(cosines[best], kept.distances(frames, labelled[others[best]]))
        same = codes[others[best]] == codes[query]
        plain.append(same[:10].mean())
        reranked.append(same[order][:10].mean())
    if not plain:
        return None
    return Advice(float(np.mean(plain)), float(np.mean(reranked)), len(plain), time.perf_counter() - begun)
