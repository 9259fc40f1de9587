"""The panel with the ranked hits of a search on Label, from which a person can select clips."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.analysis.search.ranking import Ranking
from hover_core.data.arrays import Positions
from hover_core.errors import HoverError
from hover_core.workspace import corpus
from hover_core.workspace.dataset import Dataset
from pages.components.clip_list import ClipAction, clip_list
from pages.components.labelling import actions, rerank, search_actions
from pages.components.labelling.review_player import review_player
from pages.components.labelling.search_state import MOST_HITS, Search, TextFilter, combine
from pages.components.labelling.state import LabellingState
from pages.components.text import count_of, plain
from pages.components.threshold import slider_value, threshold

LIST_ROWS = 10
MOST_IN_A_ROW = 200
MODES = {
    "add": "Add these to the selection",
    "both": "Keep only selected clips that are hits",
    "without": "Remove these from the selection",
}


def show_selected(labelling: LabellingState) -> None:
    """Switch the panel from the hits to the new selection. The search stays open."""
    if labelling.search is not None:
        st.session_state[_shown_key(labelling.search)] = "selected"


def _shown_key(search: Search) -> str:
    return f"label.shown.{search.id}"


def is_shown(labelling: LabellingState) -> bool:
    """Whether the panel shows hits. While a search is open, draws the control that switches to the selection."""
    if labelling.search is None:
        return False
    st.session_state.setdefault(_shown_key(labelling.search), "similar")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        tab = st.segmented_control(
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
            on_click=search_actions.close_search,
            args=(labelling,),
        )
    return tab == "similar"


def map_ring(dataset: Dataset, labelling: LabellingState) -> tuple[Positions | None, NDArray[np.float32] | None]:
    """The hits that the map marks, and their scores.

    Returns
    -------
    tuple
        Positions [shape=(k,), int64], or None without a search; scores [shape=(k,), float32], or None for a search by
        words only.
    """
    if labelling.search is None:
        return None, None
    try:
        hits = _current_ranking(dataset, labelling, labelling.search)
    except HoverError:  # the panel shows the error
        return None, None
    scored = labelling.search.query is not None and bool(np.isfinite(hits.scores).all())
    return hits.positions, hits.scores if scored else None


def search_panel(dataset: Dataset, labelling: LabellingState) -> ClipAction | None:
    """Draw the ranked hits with their cosine; return the action of this run on one of them, if any."""
    search = labelling.search
    assert search is not None  # drawn only while a search is open
    hits, problem = None, ""
    try:
        hits = _current_ranking(dataset, labelling, search)
    except HoverError as error:
        problem = str(error)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        st.markdown(_question_text(search) + _order_note(hits), width="content")
        if search.words is not None:
            _remove_words_button(labelling, search.words)
        if search.sound:
            st.audio(search.sound, format="audio/wav", alt="The sound of the search", width=180)
    if search.row is not None:
        _in_a_row(dataset, labelling, search)
        return None
    _draw_amount(dataset, labelling, search)
    if hits is None:
        st.error(plain(problem))
        return None
    _draw_actions(dataset, labelling, search, hits)
    if not len(hits):
        st.info(_no_hits(search, among=_among(labelling) is not None))
        return None
    pages = -(-len(hits) // LIST_ROWS)
    key = f"label.hits_page.{search.id}"
    page = min(int(st.session_state.get(key, 1)), pages)
    part = slice((page - 1) * LIST_ROWS, page * LIST_ROWS)
    act = clip_list(
        dataset,
        hits.positions[part],
        key="label.hit_list",
        scores=None if search.query is None else hits.scores[part],
        closer_than=None if search.query is None else hits.closer_than[part],
        distances=None if hits.distances is None else hits.distances[part],
        thumbs=None if search.query is None else [search.thumb(int(p)) for p in hits.positions[part]],
        focus=labelling.selection.focus,
    )
    if pages > 1:
        st.pagination(pages, key=key)
    return act


def _no_hits(search: Search, *, among: bool) -> str:
    """The sentence for a search without hits, which says what to do next."""
    ways = ["move the slider"] if search.query is not None else []
    ways += ["remove the words" if search.query is not None else "search for other words"] if search.words else []
    ways += ["search among all clips"] if among else []
    return f"No hits. {' or '.join(ways).capitalize()}."


def _question_text(search: Search) -> str:
    if not (search.like or search.unlike):
        return search.title
    return f"{search.title} · :material/thumb_up: {len(search.like)} :material/thumb_down: {len(search.unlike)}"


def _order_note(hits: Ranking | None) -> str:
    """A note that the hits are ordered by DTW. The cosines beside them are then not in order."""
    if hits is None or hits.distances is None:
        return ""
    return f" · compared frame by frame, {hits.reranked_s * 1000:.1f} ms"


def _remove_words_button(labelling: LabellingState, words: TextFilter) -> None:
    """Draw the words that hits must contain, as a button that removes them."""

    def remove() -> None:
        st.session_state["label.words"] = ""
        search_actions.ask_words(labelling, None)

    st.button(
        f"{'without' if words.exclude else 'with'} “{plain(words.text)}”",
        icon=":material/close:",
        type="tertiary",
        key="label.wordless",
        help="Remove the words",
        on_click=remove,
    )


def _draw_amount(dataset: Dataset, labelling: LabellingState, search: Search) -> None:
    if search.query is None:
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
            help="A fixed number of the nearest clips, or all clips with a cosine above a threshold",
        )
        if st.session_state.get("label.cut_by", "first") == "first":
            st.slider("Most similar clips", 5, MOST_HITS, 50, 5, key="label.k", label_visibility="collapsed")
        else:
            threshold("Cosine above", start=_initial_threshold(dataset, labelling, search), key=_cut_key(search))


def _draw_actions(dataset: Dataset, labelling: LabellingState, search: Search, hits: Ranking) -> None:
    """Draw the buttons for all hits, in one row."""
    visible_count = len(labelling.selection.visible(hits.positions))
    hidden_count = len(hits) - visible_count
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Select these {visible_count:,}",
            icon=":material/select_all:",
            key="label.hits",
            disabled=not visible_count,
            help=f"The filters of the map hide another {count_of(hidden_count, 'hit')}." if hidden_count else None,
            on_click=search_actions.take,
            args=(labelling, hits.positions),
        )
        st.button(
            "Play in a row",
            icon=":material/headphones:",
            key="label.row",
            disabled=not len(hits),
            help="Plays one hit after another. Keys: ↑ keep, ↓ drop, ← undo, → skip, Enter labels the kept hits",
            on_click=search_actions.play_in_a_row,
            args=(labelling, hits.positions[:MOST_IN_A_ROW]),
        )
        with st.popover("", icon=":material/tune:", help="How hits are ranked, and combined with the selection"):
            _draw_tuning(dataset, labelling, search, hits)


def _draw_tuning(dataset: Dataset, labelling: LabellingState, search: Search, hits: Ranking) -> None:
    if search.query is not None and len(search.query) > 1:
        st.toggle("Nearest to any query clip, not to their mean", key="label.nearest")
    if len(labelling.selection):
        st.toggle("Search only in the selection", key="label.among")
        for mode, result in combine(labelling.selection.positions, labelling.selection.visible(hits.positions)).items():
            name = f"{MODES[mode]} → {len(result):,}"
            st.button(
                name,
                key=f"label.take.{mode}",
                on_click=search_actions.take,
                args=(labelling, hits.positions),
                kwargs={"mode": mode},
            )
    if search.like or search.unlike:

        def forget() -> None:
            search.like, search.unlike = [], []

        st.button("Remove the thumbs", key="label.forget", on_click=forget)
    how = {
        "cosine": "by the cosine of their vectors",
        "centres": "by the cosine, shifted by your thumbs",
        "model": "by a linear model of your thumbs",
        "words": "by words, in the order of the table",
    }[hits.by]
    again = f", and again frame by frame in {hits.reranked_s * 1000:.1f} ms" if hits.distances is not None else ""
    among = count_of(hits.of, "clip")
    st.caption(f"Ranked {how}, among {among}, in {hits.took_s * 1000:.1f} ms{again}.{_group_note(dataset, search)}")
    if search.query is not None:
        rerank.controls(dataset)


def _group_note(dataset: Dataset, search: Search) -> str:
    """A note for a sound of unknown group, if the search leaves out group differences."""
    if search.query is None or None not in search.query.groups or not corpus.is_per_group(dataset.store, dataset.id):
        return ""
    column = dataset.row.settings.get("group_column") if dataset.visible().group else ""
    group = plain(str(column or "group"))
    return (
        f" Search leaves out {group} differences. The {group} of this sound is not known, so only part of its "
        "difference can be left out: a stretch of a clip, or an address of the table, is compared better."
    )


def _in_a_row(dataset: Dataset, labelling: LabellingState, search: Search) -> None:
    row = search.row
    assert row is not None  # the caller has checked it
    review_player(dataset, labelling, row, key="label.review_player")
    label, kept_count = labelling.label, len(row.kept)

    def end() -> None:
        search.row = None

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {kept_count:,} kept as “{plain(label)}”" if label and kept_count else "Label the kept hits",
            key="label.kept",
            icon=":material/label:",
            disabled=not (label and kept_count),
            help="Choose a label above." if not label else "Enter",
            on_click=actions.apply_kept,
            args=(labelling, label),
        )
        st.button("Back to the list", key="label.row_end", on_click=end)


def _current_ranking(dataset: Dataset, labelling: LabellingState, search: Search) -> Ranking:
    above = search.query is not None and st.session_state.get("label.cut_by") == "above"
    return search.ranking(
        dataset,
        k=None if above or search.query is None else _first(),
        at_least=slider_value(_cut_key(search), _initial_threshold(dataset, labelling, search)) if above else None,
        nearest=bool(st.session_state.get("label.nearest")),
        rerank=rerank.rerank_choice(dataset),
        among=_among(labelling),
    )


def _initial_threshold(dataset: Dataset, labelling: LabellingState, search: Search) -> float:
    """The initial threshold of a search, at which it has as many hits as the slider for the number of hits says."""
    if search.cut is None:
        try:
            hits = search.ranking(dataset, k=_first(), among=_among(labelling))
        except HoverError:  # the panel shows the error
            return 0.0
        lowest = float(hits.scores.min()) if len(hits) else 0.0
        search.cut = min(1.0, max(0.0, math.floor(100 * lowest) / 100))
    return search.cut


def _cut_key(search: Search) -> str:
    """The key of the threshold slider: one for each search, because their cosines differ."""
    return f"label.cut.{search.id}"


def _first() -> int:
    return int(st.session_state.get("label.k", 50))


def _among(labelling: LabellingState) -> Positions | None:
    selection = labelling.selection
    return selection.positions if st.session_state.get("label.among") and len(selection) else None
