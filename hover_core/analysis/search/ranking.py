"""Which clips answer a query, best first; examples for and against refine it, sequences re-rank it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.analysis.search.corpus import search_index, sequences
from hover_core.analysis.search.query import PreparedQuery, Query, prepare_query
from hover_core.data.arrays import Floats, Positions
from hover_core.errors import Refused
from hover_core.numerics import dtw
from hover_core.numerics.index import SearchIndex
from hover_core.numerics.standardize import unit

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


MODEL_FROM: Final = 8  # examples of each kind from which a linear model is as good as their centres
_AGAINST: Final = 0.4  # how much a centre of negative examples counts against one of positive ones
_BACKGROUND: Final = 200


@dataclass(frozen=True)
class Ranking:
    """Clips that answer a query, best first.

    Attributes
    ----------
    positions : [shape=(k,)]
    scores : what they are ranked by: the cosine with the query, refined by examples if there are any, in [-1, 1]
    closer_than : the share of all compared clips that are further away [shape=(k,), 0 to 1]
    of : how many clips were compared
    by : `cosine`; `centres` or `model` where examples refined it
    took_s : seconds that the search took, without fetching and decoding the query
    distances : of a re-rank: mean distance of aligned frames, NaN for what was not compared [shape=(k,)]
    reranked_s : seconds that the re-rank took
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
        """The best `k` of them."""
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
        As in `prepare_query`, or what it returned.
    k
        How many; None: all.
    like, unlike
        Positions of clips that are, and are not, what is meant. They answer like any other. A few shift the query by
        their centres; from `MODEL_FROM` of each a linear model takes over.
    nearest
        Of several sounds: rank by the nearest to any of them. By default their mean is the query.
    among
        Only these clips answer; they keep their place among all. [shape=(n,)]
    at_least
        Only scores of at least this answer.
    rerank
        `dtw` compares the first 200 frame by frame and orders them anew by both: good for words and calls, bad for
        steady sounds (see `dtw`, and `rerank_advice` for what the labels say). The dataset needs sequences:
        `jobs.queue.start_sequences`.

    Raises
    ------
    Refused, NotFound, FetchError, DecodeError
        As `prepare_query`; or a re-rank without sequences.

    Source: Rocchio, J. Relevance feedback in information retrieval. The SMART Retrieval System, 1971. Weights measured.
    """
    if rerank not in (None, "dtw"):
        raise Refused(f"rerank={rerank!r} must be “dtw” or None")
    asked = query if isinstance(query, PreparedQuery) else prepare_query(dataset, query)
    index, key = search_index(dataset)
    if key != asked.vectorizer:
        raise Refused("the clips have other vectors now: ask again")
    begun = time.perf_counter()
    units = np.concatenate([index.units[index.rows_of(asked.clips)], index.as_queries(asked.vectors, asked.groups)])
    by = "cosine"
    for_rows, against_rows = index.rows_of(np.asarray(like, np.int64)), index.rows_of(np.asarray(unlike, np.int64))
    if len(for_rows) or len(against_rows):
        units, by = _refine(index, units, for_rows, against_rows, nearest=nearest)
    elif len(units) > 1 and not nearest:
        units = unit(units.mean(axis=0, keepdims=True))
    wanted = max(k, dtw.CANDIDATES) if k is not None and rerank else k
    rows, scores, places = _rank(index, units, asked.silent, wanted, among, at_least)
    of = len(index.positions) - len(index.rows_of(np.unique(asked.silent)))
    closer = (1 - (places + 1) / max(of, 1)).astype(np.float32)
    ranking = Ranking(index.positions[rows], scores, closer, of, by, time.perf_counter() - begun)
    if rerank:
        ranking = _rerank(dataset, asked, ranking, nearest=nearest)
    return ranking if k is None else ranking.first(k)


def neighbours(dataset: Dataset, query: Query, k: int = 50, **options: Any) -> tuple[Positions, Floats]:
    """The `k` clips that sound most like a query, best first, and their cosines; options and errors as of `find`.

    Returns
    -------
    positions, cosines : [shape=(k,), shape=(k,)]
    """
    ranking = find(dataset, query, k, **options)
    return ranking.positions, ranking.scores


def _rerank(dataset: Dataset, asked: PreparedQuery, ranking: Ranking, *, nearest: bool) -> Ranking:
    kept = sequences(dataset)
    queries = [frames for position in asked.clips if (frames := kept.of(int(position))) is not None]
    queries += asked.frames
    if len(queries) < len(asked):
        raise Refused("what was asked has no sequence to compare frame by frame: ask again, with a clip or a sound")
    begun = time.perf_counter()
    first = ranking.positions[: dtw.CANDIDATES]
    each = np.stack([kept.distances(query, first) for query in queries])
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
        reranked_s=time.perf_counter() - begun,
    )


def _refine(
    index: SearchIndex, units: Floats, like: Positions, unlike: Positions, *, nearest: bool
) -> tuple[Floats, str]:
    """The query moved by examples: towards the middle of `like` and the query itself, away from `unlike`."""
    liked = np.concatenate([units, index.units[like]])
    against = index.units[unlike]
    if len(like) >= MODEL_FROM and len(unlike) >= MODEL_FROM:
        return unit(_model(index, liked, against)[None]), "model"
    if nearest and not len(unlike):
        return liked, "centres"
    moved = liked.mean(axis=0)
    if len(against):
        moved = moved - _AGAINST * against.mean(axis=0)
    return unit(moved[None]), "centres"


def _model(index: SearchIndex, liked: Floats, against: Floats) -> Floats:
    """The direction of a logistic regression. Random clips stand beside the negative examples at the same weight.

    Without them the model knows only the neighbourhood that was heard, and ranks worse than no model at all (measured).
    """
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    random = index.units[np.sort(draw.integers(0, len(index.units), _BACKGROUND))]
    given = np.concatenate([liked, against, random])
    means = np.repeat([1, 0], [len(liked), len(against) + len(random)])
    total = len(liked) + len(against)
    weights = np.concatenate(
        [
            np.full(len(part), share * total / len(part))
            for part, share in ((liked, 0.5), (against, 0.25), (random, 0.25))
        ]
    )
    model = LogisticRegression(C=20, max_iter=300).fit(given, means, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float32)


def _rank(
    index: SearchIndex,
    units: Floats,
    leave_out: Positions,
    k: int | None,
    among: NDArray[np.bool_] | None,
    at_least: float | None,
) -> tuple[Positions, Floats, NDArray[np.int64]]:
    """Rows, their scores, and at which place among all compared each is; best first."""
    out = index.rows_of(np.unique(leave_out))
    n = len(index.positions)
    if k is not None and among is None and at_least is None:
        candidates = [index.nearest(query, k + len(out)) for query in units]
        if len(candidates) == 1:
            rows, scores = candidates[0]
        else:
            rows = np.unique(np.concatenate([found for found, _ in candidates]))
            scores = np.clip((index.units[rows] @ units.T).max(axis=1), -1, 1)
            order = np.lexsort((rows, -scores))
            rows, scores = rows[order], scores[order]
        keep = ~np.isin(rows, out)
        rows, scores = rows[keep][:k], scores[keep][:k]
        return rows, scores, np.arange(len(rows))
    every = index.cosines(units)
    answers = np.ones(n, bool)
    answers[out] = False
    compared = every[answers]
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
    else:  # how many of all are nearer
        ordered = np.sort(compared)
        places = len(ordered) - np.searchsorted(ordered, every[rows], side="right")
    return rows, every[rows], places
