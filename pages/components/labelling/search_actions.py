"""Searches on Label, by ear or by words, and verdicts on their hits. Nothing here writes labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hover_core.analysis.search.query import Stretch, prepare_query
from hover_core.analysis.search.query import prepare_playable_query as ask_with
from hover_core.analysis.search.words import match_text
from hover_core.data.arrays import Positions
from hover_core.errors import HoverError, RefusedHost
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts
from pages.components.labelling.search_state import HitQueue, Search, TextFilter, combine
from pages.components.labelling.state import LabellingState, PrivateQuery
from pages.components.text import count_of, plain


def ask(labelling: LabellingState, positions: Sequence[int]) -> None:
    """Search for clips that sound like these."""
    clips = [int(position) for position in positions]

    def find(dataset: Dataset) -> None:
        if len(clips) == 1:
            title = f"Like **{plain(dataset.names(clips)[clips[0]][0])}**"
        else:
            title = f"Like {count_of(len(clips), 'clip')}"
        try:
            labelling.search = Search(title, prepare_query(dataset, clips), clips=tuple(clips), words=_words(labelling))
        except HoverError as error:
            _say_no_answer(labelling, title, str(error))

    labelling.attempt(find)


def ask_sound(labelling: LabellingState, query: str | bytes | Stretch, title: str) -> None:
    """Search for clips that sound like a URL, a file, a recording of the microphone, or a stretch of a clip."""

    def find(dataset: Dataset) -> None:
        labelling.questions += 1
        try:
            target, sound = ask_with(dataset, query)
            labelling.search = Search(title, target, sound=sound, words=_words(labelling))
        except RefusedHost as error:
            _refuse(labelling, error, PrivateQuery(error.host_port, query, title))
        except HoverError as error:
            _say_no_answer(labelling, title, str(error))

    labelling.attempt(find)


def allow(labelling: LabellingState, private: PrivateQuery) -> None:
    """Let this dataset fetch from the address that was refused, and search again."""

    def change(dataset: Dataset) -> None:
        allowed = {*dataset.row.settings.get("allowed_hosts", []), private.host_port}
        dataset.change_settings(allowed_hosts=sorted(allowed))

    if private_hosts.by_a_click(private.host_port) and labelling.attempt(change):
        ask_sound(labelling, private.query, private.title)


def _refuse(labelling: LabellingState, error: RefusedHost, private: PrivateQuery) -> None:
    """Report an address that is not public. If the app runs on this machine, the owner may allow it."""
    if error.redirected:  # the server chose the address, not the person
        _say_no_answer(labelling, private.title, str(error))
    elif not error.operator_only and private_hosts.by_a_click(private.host_port):
        labelling.private_query = private
    else:
        _say_no_answer(labelling, private.title, private_hosts.refusal(private.host_port))


def _say_no_answer(labelling: LabellingState, title: str, why: str) -> None:
    """Report a search that failed. The hits of the search before stay, so the message says whose they are."""
    search = labelling.search
    whose = "" if search is None else f" These are still the hits of: {search.in_words()}."
    labelling.no_answer = f"{title}: {plain(why.removesuffix('.'))}.{whose}"


def _words(labelling: LabellingState) -> TextFilter | None:
    """The words of the open search, which also apply to the next search by sound."""
    return labelling.search.words if labelling.search is not None else None


def ask_words(labelling: LabellingState, words: TextFilter | None) -> None:
    """Search for text in all clips, or among the hits of the open search by sound; None removes the words."""

    def find(dataset: Dataset) -> None:
        if words is not None:
            try:
                match_text(dataset, **vars(words))
            except HoverError as error:
                _say_no_answer(labelling, f"With “{plain(words.text)}”", str(error))
                return
        if labelling.search is not None and labelling.search.query is not None:
            labelling.search.words = words
        else:
            labelling.search = None if words is None else Search("By words", words=words)

    labelling.attempt(find)


def close_search(labelling: LabellingState) -> None:
    """End the search; the selection stays."""
    labelling.search = None


def judge(labelling: LabellingState, position: int, thumb: int) -> None:
    """Make a hit an example (1) or a counterexample (-1) of the sound searched for."""
    if labelling.search is not None:
        labelling.search.judge(position, thumb)


def take(labelling: LabellingState, hits: Positions, *, mode: str = "replace") -> None:
    """Select the hits (`replace`), or combine them with the selection (`add`, `both`, `without`)."""
    selection = labelling.selection
    selection.select(combine(selection.unfiltered, hits).get(mode, np.sort(hits)), "search", tell_map=True)


def play_in_a_row(labelling: LabellingState, hits: Positions) -> None:
    """Start the review player with these hits."""
    if labelling.search is not None:
        labelling.search.row = HitQueue([int(position) for position in hits])


def decide(labelling: LabellingState, position: int, verdict: str, heard: bool, at: int) -> None:
    """`keep`, `drop`, `skip` or `undo` a hit in the review player; `at` is the index of the hit that plays next."""
    search = labelling.search
    row = search.row if search is not None else None
    if search is None or row is None or position not in row.positions:
        return
    row.at = max(0, min(at, len(row.positions)))
    row.kept.pop(position, None)
    row.dropped.discard(position)
    if verdict == "keep":
        row.kept[position] = heard
    elif verdict == "drop":
        row.dropped.add(position)
    thumb = {"keep": 1, "drop": -1}.get(verdict, 0)
    if search.thumb(position) != thumb:
        search.judge(position, thumb or search.thumb(position))
