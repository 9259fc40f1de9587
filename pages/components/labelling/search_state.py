"""One person's search on Label, by ear or by words, and their verdicts on the hits. None of it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from hover_core.analysis.search.query import PreparedQuery, with_frames
from hover_core.analysis.search.ranking import Ranking, find
from hover_core.analysis.search.words import match_text
from hover_core.data.arrays import Positions
from hover_core.workspace.dataset import Dataset
from pages.components.text import plain

MOST_HITS = 500
_ids = count(1)


def combine(selection: Positions, hits: Positions) -> dict[str, Positions]:
    """Hits combined with a selection, by the way of combining.

    Examples
    --------
    >>> combine(np.array([1, 2]), np.array([2, 3]))["both"]
    array([2])
    """
    return {
        "add": np.union1d(selection, hits),
        "both": np.intersect1d(selection, hits),
        "without": np.setdiff1d(selection, hits),
    }


@dataclass
class TextFilter:
    """Text that hits must contain, or must not contain."""

    text: str
    column: str = ""
    regex: bool = False
    exclude: bool = False


@dataclass
class HitQueue:
    """Hits that are played one after another, with the decision about each, and which were really heard."""

    positions: list[int]
    kept: dict[int, bool] = field(default_factory=dict)  # clip → whether it was heard
    dropped: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)  # already labelled by this player
    at: int = 0


@dataclass
class Search:
    """One search. `title` is Markdown. Without `query` it searches for words only."""

    title: str
    query: PreparedQuery | None = None
    sound: bytes = b""  # the sound of the query as WAV, unless it is a clip
    clips: tuple[int, ...] = ()
    words: TextFilter | None = None
    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    row: HitQueue | None = None
    cut: float | None = None  # the initial score of its threshold slider, once that was drawn
    id: int = field(default_factory=lambda: next(_ids))
    _last: tuple[tuple[Any, ...], Ranking] | None = None  # the settings and hits of the last run

    def in_words(self) -> str:
        """The search in a few words, as Markdown."""
        if self.query is None and self.words is not None:
            return f"“{plain(self.words.text)}”"
        return self.title

    def thumb(self, position: int) -> int:
        """1 for an example (thumb up), -1 for a counterexample (thumb down), else 0."""
        return (position in self.like) - (position in self.unlike)

    def judge(self, position: int, thumb: int) -> None:
        """Make a clip an example (1) or a counterexample (-1); the same thumb again removes it."""
        before = self.thumb(position)
        self.like = [other for other in self.like if other != position]
        self.unlike = [other for other in self.unlike if other != position]
        if thumb and thumb != before:
            (self.like if thumb > 0 else self.unlike).append(position)

    def ranking(
        self,
        dataset: Dataset,
        *,
        k: int | None,
        at_least: float | None = None,
        nearest: bool = False,
        rerank: str | None = None,
        among: Positions | None = None,
    ) -> Ranking:
        """The hits. They are computed again only if the search, the vectors or the searched texts have changed.

        Parameters
        ----------
        k
            Number of hits at most; None for all.
        at_least
            Lowest cosine of a hit.
        nearest
            Rank by the nearest of several query clips, not by their mean.
        rerank
            `"dtw"` to rank the first hits again frame by frame.
        among
            Positions to search in [shape=(n,), int64]; None for all clips.

        Raises
        ------
        HoverError
            As `hover_core.analysis.search.find` and `match_text`.
        """
        words_in = () if self.words is None else (dataset.state().revision, dataset.visible())
        version = (*words_in, dataset.clips_revision)
        among_key = None if among is None else among.tobytes()
        words = None if self.words is None else tuple(vars(self.words).values())
        index_version = dataset.indexes.version(dataset.id, dataset.vectorizer_key)
        thumbs = tuple(self.like), tuple(self.unlike)
        key = (k, at_least, nearest, rerank, among_key, words, thumbs, version, index_version)
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        ranking = self._ranking(dataset, k, at_least, nearest, rerank, among)
        self._last = key, ranking
        return ranking

    def _ranking(
        self,
        dataset: Dataset,
        k: int | None,
        at_least: float | None,
        nearest: bool,
        rerank: str | None,
        among: Positions | None,
    ) -> Ranking:
        mask = None
        if self.words is not None:
            mask = match_text(dataset, **vars(self.words))
        if among is not None:
            inside = np.zeros(dataset.state().size, bool)
            inside[among] = True
            mask = inside if mask is None else mask & inside
        if self.query is None:  # words have no ranking: clip order
            positions = np.flatnonzero(mask if mask is not None else np.zeros(0, bool))[:k]
            zeros = np.zeros(len(positions), np.float32)
            return Ranking(positions, zeros, zeros, dataset.state().size, by="words")
        if rerank and self.sound and not self.query.frames:
            self.query = with_frames(dataset, self.query, [self.sound])
        options: dict[str, Any] = {"nearest": nearest, "rerank": rerank, "among": mask, "at_least": at_least}
        return find(dataset, self.query, k, like=self.like, unlike=self.unlike, **options)
