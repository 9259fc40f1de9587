"""Rankings: the clips that are most like a query, refined by positive and negative examples, re-ranked by sequences."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.analysis.search.query import PreparedQuery, Query, prepare_query
from hover_core.analysis.search.search_index import search_index, sequences
from hover_core.data.arrays import Floats, Positions
from hover_core.errors import Refused
from hover_core.numerics import dtw
from hover_core.numerics.index import SearchIndex
from hover_core.numerics.standardize import unit

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


MODEL_FROM: Final = 8  # examples of each kind; from so many on a linear model is as good as their centres
_AGAINST: Final = 0.4  # weight of the centre of the negative examples; that of the positive ones is 1
_BACKGROUND: Final = 200


@dataclass(frozen=True)
class Ranking:
    """The results of a search, best first.

    Attributes
    ----------
    positions : of the clips [shape=(k,), int64]
    scores : cosine with the query, or with the query as refined by examples, in [-1, 1] [shape=(k,), float32]
    closer_than : the share of all compared clips that are further away, 0 to 1 [shape=(k,), float32]
    of : number of clips that were compared
    by : `cosine`; `centres` or `model` if examples refined the query
    took_s : duration of the search, without fetching and decoding the query [seconds]
    distances : mean distance of aligned frames, NaN for clips that were not re-ranked; None without a re-rank
        [shape=(k,), float32]
    reranked_s : duration of the re-rank [seconds]
    """

    positions: Positions
    scores: Floats
    closer_than: Floats
    of: int
    by: str = "cosine"
    took_s: float = 0.0
    distances: Floats | None = None
    reranked_s: float = 0.0

    def __len__(self) -> int:
        return len(self.positions)

    def first(self, k: int) -> Ranking:
        """A ranking of the best `k` clips only."""
        distances = None if self.distances is None else self.distances[:k]
        return replace(
            self,
            positions=self.positions[:k],
            scores=self.scores[:k],
            closer_than=self.closer_than[:k],
            distances=distances,
        )


def find(
    dataset: Dataset,
    query: Query | PreparedQuery,
    k: int | None = 50,
    *,
    like: Sequence[int] | Positions = (),
    unlike: Sequence[int] | Positions = (),
    nearest: bool = False,
    among: NDArray[np.bool_] | None = None,
    at_least: float | None = None,
    rerank: str | None = None,
) -> Ranking:
    """The clips that sound most like a query.

    Parameters
    ----------
    query
        As in `prepare_query`, or its result.
    k
        Number of results; None: all.
    like, unlike
        Positions of positive and of negative examples; these may be results too. A few examples shift the query by
        their centres; from `MODEL_FROM` of each kind on, a linear model ranks. [shape=(m,), int64]
    nearest
        With several sounds in the query, rank by the nearest of them. By default the query is their mean.
    among
        Only these clips may be results; `closer_than` still counts all clips. [shape=(n,), bool]
    at_least
        The lowest score of a result.
    rerank
        `dtw` compares the first 200 results frame by frame and sorts them by both scores: good for words and calls, bad
        for steady sounds (see `hover_core.numerics.dtw`; `rerank_advice` measures it). The dataset needs sequences:
        `jobs.queue.start_sequences`.

    Raises
    ------
    Refused
        As in `prepare_query`; `rerank` is unknown, or the dataset or the query has no sequences; or the vectors have
        changed since the query was prepared.
    NotFound, FetchError, DecodeError
        As in `prepare_query`.

    Source: Rocchio, J. Relevance feedback in information retrieval. The SMART Retrieval System, 1971. Weights measured.
    """
    if rerank not in (None, "dtw"):
        raise Refused(f"rerank={rerank!r} must be “dtw” or None")
    prepared = query if isinstance(query, PreparedQuery) else prepare_query(dataset, query)
    index, key = search_index(dataset)
    if key != prepared.vectorizer:
        raise Refused("the vectors of the clips have changed since: search again")
    start_time = time.perf_counter()
    units = np.concatenate(
        [index.units[index.rows_of(prepared.clips)], index.as_queries(prepared.vectors, prepared.groups)]
    )
    by = "cosine"
    for_rows, against_rows = index.rows_of(np.asarray(like, np.int64)), index.rows_of(np.asarray(unlike, np.int64))
    if len(for_rows) or len(against_rows):
        units, by = _refine(index, units, for_rows, against_rows, nearest=nearest)
    elif len(units) > 1 and not nearest:
        units = unit(units.mean(axis=0, keepdims=True))
    n_candidates = max(k, dtw.CANDIDATES) if k is not None and rerank else k
    rows, scores, places = _rank(index, units, prepared.silent, n_candidates, among, at_least)
    of = len(index.positions) - len(index.rows_of(np.unique(prepared.silent)))
    closer = (1 - (places + 1) / max(of, 1)).astype(np.float32)
    ranking = Ranking(index.positions[rows], scores, closer, of, by, time.perf_counter() - start_time)
    if rerank:
        ranking = _rerank(dataset, prepared, ranking, nearest=nearest)
    return ranking if k is None else ranking.first(k)


def neighbours(dataset: Dataset, query: Query, k: int = 50, **options: Any) -> tuple[Positions, Floats]:
    """The `k` clips that sound most like a query, best first, and their scores; options and errors as of `find`.

    Returns
    -------
    positions, scores : [shape=(k,), int64, and shape=(k,), float32]
    """
    ranking = find(dataset, query, k, **options)
    return ranking.positions, ranking.scores


def _rerank(dataset: Dataset, query: PreparedQuery, ranking: Ranking, *, nearest: bool) -> Ranking:
    frame_sequences = sequences(dataset)
    queries = [frames for position in query.clips if (frames := frame_sequences.of(int(position))) is not None]
    queries += query.frames
    if len(queries) < len(query):
        raise Refused("the query has no sequence to compare frame by frame: search again, by a clip or a sound")
    start_time = time.perf_counter()
    first = ranking.positions[: dtw.CANDIDATES]
    each = np.stack([frame_sequences.distances(query_frames, first) for query_frames in queries])
    distances = each.min(axis=0) if nearest else each.mean(axis=0)
    order = np.arange(len(ranking))
    order[: len(first)] = dtw.rerank(ranking.scores[: len(first)], distances)
    every = np.full(len(ranking), np.nan, np.float32)
    every[: len(first)] = distances
    return replace(
        ranking,
        positions=ranking.positions[order],
        scores=ranking.scores[order],
        closer_than=ranking.closer_than[order],
        distances=every[order],
        reranked_s=time.perf_counter() - start_time,
    )


def _refine(
    index: SearchIndex, units: Floats, like: Positions, unlike: Positions, *, nearest: bool
) -> tuple[Floats, str]:
    """The query moved towards the centre of `like` and away from that of `unlike`; and the way, as in `Ranking.by`."""
    positive = np.concatenate([units, index.units[like]])
    negative = index.units[unlike]
    if len(like) >= MODEL_FROM and len(unlike) >= MODEL_FROM:
        return unit(_model(index, positive, negative)[None]), "model"
    if nearest and not len(unlike):
        return positive, "centres"
    centre = positive.mean(axis=0)
    if len(negative):
        centre = centre - _AGAINST * negative.mean(axis=0)
    return unit(centre[None]), "centres"


def _model(index: SearchIndex, positive: Floats, negative: Floats) -> Floats:
    """The direction of a logistic regression [shape=(d,), float32]. Random clips have the same weight as `negative`.

    Without them the model knows only the neighbourhood of the examples, and ranks worse than no model (measured).
    """
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    random = index.units[np.sort(draw.integers(0, len(index.units), _BACKGROUND))]
    vectors = np.concatenate([positive, negative, random])
    targets = np.repeat([1, 0], [len(positive), len(negative) + len(random)])
    total = len(positive) + len(negative)
    weights = np.concatenate(
        [
            np.full(len(part), share * total / len(part))
            for part, share in ((positive, 0.5), (negative, 0.25), (random, 0.25))
        ]
    )
    model = LogisticRegression(C=20, max_iter=300).fit(vectors, targets, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float32)


def _rank(
    index: SearchIndex,
    units: Floats,
    leave_out: Positions,
    k: int | None,
    among: NDArray[np.bool_] | None,
    at_least: float | None,
) -> tuple[Positions, Floats, NDArray[np.int64]]:
    """Rows of the index, their scores, and the rank of each among all compared clips; best first. [shape=(k,) each]"""
    out = index.rows_of(np.unique(leave_out))
    n = len(index.positions)
    if k is not None and among is None and at_least is None:
        candidates = [index.nearest(query, k + len(out)) for query in units]
        if len(candidates) == 1:
            rows, scores = candidates[0]
        else:
            rows = np.unique(np.concatenate([candidate_rows for candidate_rows, _ in candidates]))
            scores = np.clip((index.units[rows] @ units.T).max(axis=1), -1, 1)
            order = np.lexsort((rows, -scores))
            rows, scores = rows[order], scores[order]
        keep = ~np.isin(rows, out)
        rows, scores = rows[keep][:k], scores[keep][:k]
        return rows, scores, np.arange(len(rows))
    every = index.cosines(units)
    answers = np.ones(n, bool)
    answers[out] = False
    compared_scores = every[answers]
    if among is not None:
        answers &= among[index.positions]
    if at_least is not None:
        answers &= every >= at_least
    rows = np.flatnonzero(answers)
    if k is not None and k < len(rows):
        rows = rows[np.argpartition(-every[rows], k)[: max(k, 1)]][:k]
    rows = rows[np.argsort(-every[rows], kind="stable")]
    if among is None:
        places = np.arange(len(rows))
    else:  # the number of all compared clips that are nearer
        sorted_scores = np.sort(compared_scores)
        places = len(sorted_scores) - np.searchsorted(sorted_scores, every[rows], side="right")
    return rows, every[rows], places
