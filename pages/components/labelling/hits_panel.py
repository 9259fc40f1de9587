"""The hits of a search on Label, ranked: a second way to gather clips beside the lasso."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.analysis.search import Ranking
from hover_core.data.arrays import Positions
from hover_core.errors import HoverError
from hover_core.workspace import corpus
from hover_core.workspace.dataset import Dataset
from pages.components.clip_list import ClipAction, clip_list
from pages.components.labelling import actions, asking, rerank
from pages.components.labelling.query import MOST_HITS, Search, TextFilter, combine
from pages.components.labelling.review_player import hands_free
from pages.components.labelling.state import LabellingState
from pages.components.text import count_of, plain
from pages.components.threshold import slider_value, threshold

LIST_ROWS = 10
MOST_IN_A_ROW = 200
MODES = {
    "add": "Add these to the selection",
    "both": "Keep only these of the selection",
    "without": "Take these out of the selection",
}


def show_selected(labelling: LabellingState) -> None:
    """Turn the panel from the hits to what was just selected; the search stays open."""
    if labelling.search is not None:
        st.session_state[_shown_key(labelling.search)] = "selected"


def _shown_key(search: Search) -> str:
    return f"label.shown.{search.id}"


def is_shown(labelling: LabellingState) -> bool:
    """Whether the panel shows the hits of a search; while there is one, a control to go to the selection and back."""
    if labelling.search is None:
        return False
    st.session_state.setdefault(_shown_key(labelling.search), "similar")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        shown = st.segmented_control(
            "Clips",
            ["selected", "similar"],
            format_func={"selected": "Selected", "similar": "Hits"}.__getitem__,
            required=True,
            key=_shown_key(labelling.search),
            label_visibility="collapsed",
        )
        st.button(
            "Close",
            key="label.close",
            type="tertiary",
            icon=":material/close:",
            on_click=asking.close_search,
            args=(labelling,),
        )
    return shown == "similar"


def map_ring(dataset: Dataset, labelling: LabellingState) -> tuple[Positions | None, NDArray[np.float32] | None]:
    """Which points the map marks as hits, None without a search; and their scores, None where only words asked."""
    if labelling.search is None:
        return None, None
    try:
        hits = _current_ranking(dataset, labelling, labelling.search)
    except HoverError:  # the panel says it
        return None, None
    scored = labelling.search.sought is not None and bool(np.isfinite(hits.scores).all())
    return hits.positions, hits.scores if scored else None


def search_panel(dataset: Dataset, labelling: LabellingState) -> ClipAction | None:
    """The hits, ranked, with their cosine; returns what was done with one of them."""
    search = labelling.search
    assert search is not None  # only drawn for a question
    hits, wrong = None, ""
    try:
        hits = _current_ranking(dataset, labelling, search)
    except HoverError as error:
        wrong = str(error)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        st.markdown(_question_text(search) + _how(hits), width="content")
        if search.words is not None:
            _wordless(labelling, search.words)
        if search.sound:
            st.audio(search.sound, format="audio/wav", alt="What was asked", width=180)
    if search.row is not None:
        _in_a_row(dataset, labelling, search)
        return None
    _how_many(dataset, labelling, search)
    if hits is None:
        st.error(plain(wrong))
        return None
    _acts(dataset, labelling, search, hits)
    if not len(hits):
        st.info(_nobody(search, among=_among(labelling) is not None))
        return None
    pages = -(-len(hits) // LIST_ROWS)
    key = f"label.hits_page.{search.id}"
    page = min(int(st.session_state.get(key, 1)), pages)
    part = slice((page - 1) * LIST_ROWS, page * LIST_ROWS)
    act = clip_list(
        dataset,
        hits.positions[part],
        key="label.hit_list",
        scores=None if search.sought is None else hits.scores[part],
        closer_than=None if search.sought is None else hits.closer_than[part],
        distances=None if hits.distances is None else hits.distances[part],
        thumbs=None if search.sought is None else [search.thumb(int(p)) for p in hits.positions[part]],
        focus=labelling.selection.focus,
    )
    if pages > 1:
        st.pagination(pages, key=key)
    return act


def _nobody(search: Search, *, among: bool) -> str:
    """What to do where no clip answers."""
    ways = ["move the slider"] if search.sought is not None else []
    ways += ["take the words off" if search.sought is not None else "ask with other words"] if search.words else []
    ways += ["look among all clips"] if among else []
    return f"No clip answers. {' or '.join(ways).capitalize()}."


def _question_text(search: Search) -> str:
    if not (search.like or search.unlike):
        return search.title
    return f"{search.title} · :material/thumb_up: {len(search.like)} :material/thumb_down: {len(search.unlike)}"


def _how(hits: Ranking | None) -> str:
    """What else than the cosine the order of the hits is by; the cosines beside them then go up and down."""
    if hits is None or hits.distances is None:
        return ""
    return f" · compared frame by frame, {hits.reranked_s * 1000:.1f} ms"


def _wordless(labelling: LabellingState, words: TextFilter) -> None:
    """The words that hits have to have, with a cross that takes them off."""

    def take_off() -> None:
        st.session_state["label.words"] = ""
        asking.ask_words(labelling, None)

    st.button(
        f"{'without' if words.exclude else 'with'} “{plain(words.text)}”",
        icon=":material/close:",
        type="tertiary",
        key="label.wordless",
        help="Take the words off",
        on_click=take_off,
    )


def _how_many(dataset: Dataset, labelling: LabellingState, search: Search) -> None:
    if search.sought is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Hits",
            ["first", "above"],
            format_func={"first": "First", "above": "Above"}.__getitem__,
            default="first",
            required=True,
            key="label.cut_by",
            label_visibility="collapsed",
            help="The nearest so many, or all whose cosine is above a threshold",
        )
        if st.session_state.get("label.cut_by", "first") == "first":
            st.slider("Most similar clips", 5, MOST_HITS, 50, 5, key="label.k", label_visibility="collapsed")
        else:
            threshold("Cosine above", start=_initial_threshold(dataset, labelling, search), key=_cut_key(search))


def _acts(dataset: Dataset, labelling: LabellingState, search: Search, hits: Ranking) -> None:
    """What can be done with all hits, in one row."""
    shown = len(labelling.selection.visible(hits.positions))
    hidden = len(hits) - shown
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Select these {shown:,}",
            icon=":material/select_all:",
            key="label.hits",
            disabled=not shown,
            help=f"The filters of the map hide {count_of(hidden, 'hit')} more." if hidden else None,
            on_click=asking.take,
            args=(labelling, hits.positions),
        )
        st.button(
            "Play in a row",
            icon=":material/headphones:",
            key="label.row",
            disabled=not len(hits),
            help="Hands-free: each hit after the other; ↑ keep, ↓ drop, ← undo, → skip, Enter labels what was kept",
            on_click=asking.play_in_a_row,
            args=(labelling, hits.positions[:MOST_IN_A_ROW]),
        )
        with st.popover("", icon=":material/tune:", help="How hits are found, and joined with the selection"):
            _draw_tuning(dataset, labelling, search, hits)


def _draw_tuning(dataset: Dataset, labelling: LabellingState, search: Search, hits: Ranking) -> None:
    if search.sought is not None and len(search.sought) > 1:
        st.toggle("Nearest to any of them, not to their mean", key="label.nearest")
    if len(labelling.selection):
        st.toggle("Only among the selected", key="label.among")
        for mode, then in combine(labelling.selection.positions, labelling.selection.visible(hits.positions)).items():
            name = f"{MODES[mode]} → {len(then):,}"
            st.button(
                name,
                key=f"label.take.{mode}",
                on_click=asking.take,
                args=(labelling, hits.positions),
                kwargs={"mode": mode},
            )
    if search.like or search.unlike:

        def forget() -> None:
            search.like, search.unlike = [], []

        st.button("Forget the thumbs", key="label.forget", on_click=forget)
    how = {
        "cosine": "by the cosine of their vectors",
        "centres": "by the cosine, moved by your thumbs",
        "model": "by a linear model of your thumbs",
        "words": "by words, in the order of the table",
    }[hits.by]
    again = f", and anew frame by frame in {hits.reranked_s * 1000:.1f} ms" if hits.distances is not None else ""
    among = count_of(hits.of, "clip")
    st.caption(f"Ranked {how}, among {among}, in {hits.took_s * 1000:.1f} ms{again}.{_voice(dataset, search)}")
    if search.sought is not None:
        rerank.controls(dataset)


def _voice(dataset: Dataset, search: Search) -> str:
    """What to say of a sound that nobody knows the group of, where groups are taken out of the search."""
    if search.sought is None or None not in search.sought.groups or not corpus.is_per_group(dataset.store, dataset.id):
        return ""
    named = dataset.row.settings.get("group_column") if dataset.visible().group else ""
    group = plain(str(named or "group"))
    return (
        f" What each {group} has in common is taken out of the clips; out of a sound from elsewhere only as much of it "
        "as one sound tells: a stretch of a clip, or an address of the table, is compared better."
    )


def _in_a_row(dataset: Dataset, labelling: LabellingState, search: Search) -> None:
    row = search.row
    assert row is not None  # only drawn for one
    hands_free(dataset, labelling, row, key="label.hands_free")
    label, kept = labelling.label, len(row.kept)

    def end() -> None:
        search.row = None

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {kept:,} kept as “{plain(label)}”" if label and kept else "Label what was kept",
            key="label.kept",
            icon=":material/label:",
            disabled=not (label and kept),
            help="Choose a label above" if not label else "Enter",
            on_click=actions.apply_kept,
            args=(labelling, label),
        )
        st.button("To the list", key="label.row_end", on_click=end)


def _current_ranking(dataset: Dataset, labelling: LabellingState, search: Search) -> Ranking:
    above = search.sought is not None and st.session_state.get("label.cut_by") == "above"
    return search.ranking(
        dataset,
        k=None if above or search.sought is None else _first(),
        at_least=slider_value(_cut_key(search), _initial_threshold(dataset, labelling, search)) if above else None,
        nearest=bool(st.session_state.get("label.nearest")),
        rerank=rerank.rerank_choice(dataset),
        among=_among(labelling),
    )


def _initial_threshold(dataset: Dataset, labelling: LabellingState, search: Search) -> float:
    """Where the threshold of a question begins: as many answer as when the first so many were asked for."""
    if search.cut is None:
        try:
            hits = search.ranking(dataset, k=_first(), among=_among(labelling))
        except HoverError:  # the panel says it
            return 0.0
        lowest = float(hits.scores.min()) if len(hits) else 0.0
        search.cut = min(1.0, max(0.0, math.floor(100 * lowest) / 100))
    return search.cut


def _cut_key(search: Search) -> str:
    """A slider for each question: what is near differs between them."""
    return f"label.cut.{search.id}"


def _first() -> int:
    return int(st.session_state.get("label.k", 50))


def _among(labelling: LabellingState) -> Positions | None:
    selection = labelling.selection
    return selection.positions if st.session_state.get("label.among") and len(selection) else None
