"""What one person searches for on Label, by ear or by words, and what they made of the hits; none of it of record."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from hover_core.analysis.search import PreparedQuery, Ranking, find, match_text, with_frames
from hover_core.data.arrays import Positions
from hover_core.workspace.dataset import Dataset
from pages.components.text import plain

MOST_HITS = 500
_ids = count(1)


def combine(selection: Positions, hits: Positions) -> dict[str, Positions]:
    """What hits and a selection give together, by the way they are joined."""
    return {
        "add": np.union1d(selection, hits),
        "both": np.intersect1d(selection, hits),
        "without": np.setdiff1d(selection, hits),
    }


@dataclass
class TextFilter:
    """Text that hits must have, or must not have."""

    text: str
    column: str = ""
    regex: bool = False
    exclude: bool = False


@dataclass
class HitQueue:
    """Hits that are played one after the other: what was decided of each, and which were truly heard."""

    positions: list[int]
    kept: dict[int, bool] = field(default_factory=dict)  # clip → whether it was heard
    dropped: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)  # labelled from here already
    at: int = 0


@dataclass
class Search:
    """One question. `title` is Markdown; without `prepare_query` it asks for words alone."""

    title: str
    sought: PreparedQuery | None = None
    sound: bytes = b""  # the query as WAV, if it is no clip
    clips: tuple[int, ...] = ()
    words: TextFilter | None = None
    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    row: HitQueue | None = None
    cut: float | None = None  # the score at which its threshold began, once somebody looked at that
    id: int = field(default_factory=lambda: next(_ids))
    _found: tuple[tuple[Any, ...], Ranking] | None = None

    def in_words(self) -> str:
        """The question in a few words, as Markdown."""
        if self.sought is None and self.words is not None:
            return f"“{plain(self.words.text)}”"
        return self.title

    def thumb(self, position: int) -> int:
        """1 if the clip is an example of what is meant, -1 if it is one of what is not, else 0."""
        return (position in self.like) - (position in self.unlike)

    def judge(self, position: int, thumb: int) -> None:
        """Take a clip as an example; the same again takes it back."""
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
        """The hits; asked again only if the question, the vectors or the words they are found by have changed.

        Raises as `find`.
        """
        words_in = () if self.words is None else (dataset.state().revision, dataset.visible())
        version = (*words_in, dataset.clips_revision)
        among_key = None if among is None else among.tobytes()
        words = None if self.words is None else tuple(vars(self.words).values())
        index_version = dataset.indexes.version(dataset.id, dataset.vectorizer_key)
        thumbs = tuple(self.like), tuple(self.unlike)
        key = (k, at_least, nearest, rerank, among_key, words, thumbs, version, index_version)
        if self._found is not None and self._found[0] == key:
            return self._found[1]
        ranking = self._ranking(dataset, k, at_least, nearest, rerank, among)
        self._found = key, ranking
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
            chosen = np.zeros(dataset.state().size, bool)
            chosen[among] = True
            mask = chosen if mask is None else mask & chosen
        if self.sought is None:  # words alone rank nothing: clip order
            found = np.flatnonzero(mask if mask is not None else np.zeros(0, bool))[:k]
            nothing = np.zeros(len(found), np.float32)
            return Ranking(found, nothing, nothing, dataset.state().size, by="words")
        if rerank and self.sound and not self.sought.frames:
            self.sought = with_frames(dataset, self.sought, [self.sound])
        options: dict[str, Any] = {"nearest": nearest, "rerank": rerank, "among": mask, "at_least": at_least}
        return find(dataset, self.sought, k, like=self.like, unlike=self.unlike, **options)
