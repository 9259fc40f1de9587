"""Search by ear on Label: hits of anything that sounds, ranked, as a second way to gather clips beside the lasso."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.analysis import facets
from hover_core.analysis.search import Ranking, Stretch, own_texts
from hover_core.data.arrays import Positions
from hover_core.data.clips import clip_name
from hover_core.data.people import MOST_SOUND_BYTES, OWNER
from hover_core.errors import HoverError
from hover_core.fetching.transport import FetchLimits
from hover_core.store.clip_rows import clip_at
from hover_core.workspace import corpus
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts
from pages.components.clip_list import Act, clip_list
from pages.components.labelling import rerank
from pages.components.labelling.actions import Desk
from pages.components.labelling.query import MOST_HITS, Search, Words, joined
from pages.components.labelling.review_player import hands_free
from pages.components.text import counted, plain
from pages.components.threshold import chosen as threshold_chosen
from pages.components.threshold import threshold

LIST_ROWS = 10
MOST_QUERY_CLIPS = 500
MOST_IN_A_ROW = 200
RATE = 44_100  # Hz, of the microphone: 16 bits, one channel
SOUND_FILES = ["wav", "flac", "ogg", "opus", "mp3", "aiff", "aif", "m4a", "aac", "webm", "mp4", "mov", "wma", "amr"]
MODES = {
    "add": "Add these to the selection",
    "both": "Keep only these of the selection",
    "without": "Take these out of the selection",
}


# asking ---------------------------------------------------------------------------------------------------------------


def entry(dataset: Dataset, desk: Desk) -> None:
    """A small button that opens every way to ask; what has no answer is said there while it is open."""
    # another key closes it: after a sound was given the hits are what a person wants to see
    turn = 0 if desk.search is None or desk.search.sought is None else desk.search.id
    box = st.popover(
        "Search", icon=":material/search:", key=f"label.search.{turn}", help="By ear, or by words", on_change="rerun"
    )
    with box:
        with st.container():  # a place of its own: what comes and goes there moves nothing else
            if box.open:
                unanswered(desk)
        by_ear, by_words = st.tabs(["By ear", "By words"], key=f"label.ways.{turn}")
        with by_ear:
            _by_ear(dataset, desk, turn)
        with by_words:
            # which columns there are takes reading them all: not before somebody looks
            _by_words(dataset, desk, _table_columns(dataset) if box.open or _column_sought() else [])


def unanswered(desk: Desk) -> None:
    """Say once why what was asked has no answer, and offer what the owner can do about it."""
    if desk.unasked:
        st.error(desk.unasked)
        desk.unasked = ""
    if desk.barred is not None:
        st.warning(plain(private_hosts.question(desk.barred.host_port)), icon=":material/shield:")
        st.button(f"Allow {plain(desk.barred.host_port)}", key="label.allow", on_click=desk.allow, args=(desk.barred,))
        desk.barred = None


def _by_ear(dataset: Dataset, desk: Desk, turn: int) -> None:
    amount = len(desk.selection)
    # new ones after each question: a microphone that comes back with an old recording says that it is broken
    microphone, file, address = f"label.spoken.{desk.asked}", f"label.file.{desk.asked}", f"label.url.{turn}"
    with st.container(horizontal=True):
        st.button(
            "Like the clip in focus",
            key="label.like_focus",
            disabled=desk.focus is None,
            on_click=desk.ask,
            args=([desk.focus],),
        )
        st.button(
            f"Like the {amount:,} selected" if amount else "Like the selected",
            key="label.like_selected",
            disabled=not 0 < amount <= MOST_QUERY_CLIPS,
            help=f"1 to {MOST_QUERY_CLIPS} clips, by their mean or by the nearest to any of them",
            on_click=desk.ask,
            args=(desk.selection[:MOST_QUERY_CLIPS].tolist(),),  # with more it cannot be clicked
        )

    def spoken() -> None:
        given = st.session_state[microphone]
        if given is not None:
            desk.ask_sound(given.getvalue(), "Like **what the microphone heard**")

    def uploaded() -> None:
        given = st.session_state[file]
        if given is not None:
            desk.ask_sound(given.getvalue(), f"Like the file **{plain(given.name)}**")

    def named() -> None:
        url = st.session_state[address].strip()
        if url:
            desk.ask_sound(url, f"Like **{plain(clip_name(url))}**")

    owner = dataset.by.role == OWNER
    most = FetchLimits().max_bytes // 1_000_000 if owner else MOST_SOUND_BYTES >> 20
    st.audio_input("Whistle, knock, speak", key=microphone, on_change=spoken, sample_rate=RATE)
    types = None if owner else SOUND_FILES
    st.file_uploader("A sound file", type=types, key=file, on_change=uploaded, max_upload_size=most)
    st.text_input("An address", placeholder="https://…", key=address, on_change=named)
    if not owner:
        minutes = MOST_SOUND_BYTES // (2 * RATE * 60)
        address_of = "public" if dataset.by.blind else "that of a clip of this dataset, or public"
        st.caption(f"A sound has at most {most} MB ({minutes} minutes of the microphone). An address is {address_of}.")
    if desk.focus is not None:
        _stretch(dataset, desk, desk.focus)


def _stretch(dataset: Dataset, desk: Desk, position: int) -> None:
    found = clip_at(dataset.store, dataset.id, position)
    duration = found[1].duration_s if found is not None and found[1] is not None else None
    if not duration:
        return
    key = f"label.stretch.{dataset.id}.{position}"
    end = max(0.02, round(duration, 2))
    st.slider("A stretch of the clip in focus", 0.0, end, (0.0, end), 0.01, format="%.2f s", key=key)

    def ask() -> None:
        start_s, end_s = st.session_state[key]
        desk.ask_sound(Stretch(position, start_s, end_s), f"Like **{start_s:.2f} to {end_s:.2f} s of a clip**")

    st.button("Like this stretch", key="label.like_stretch", on_click=ask)


def _column_sought() -> bool:
    return bool(st.session_state.get("label.words_in"))


def _by_words(dataset: Dataset, desk: Desk, columns_there: list[str]) -> None:
    def ask() -> None:
        text = st.session_state["label.words"].strip()
        words = Words(
            text,
            st.session_state["label.words_in"] or "",
            st.session_state["label.words_regex"],
            st.session_state["label.words_without"],
        )
        desk.ask_words(words if text else None)

    name = "" if dataset.by.blind else "a name, "
    st.text_input("Text", key="label.words", placeholder=f"part of {name}a label, a cell …", on_change=ask)
    st.selectbox(
        "In",
        ["", *dict.fromkeys([*own_texts(dataset), *columns_there])],
        format_func=lambda name: name or "anything",
        key="label.words_in",
        on_change=ask,
    )
    with st.container(horizontal=True):
        st.toggle("Regular expression", key="label.words_regex", on_change=ask)
        st.toggle("Without it", key="label.words_without", on_change=ask)
    st.caption("Alone, or among the hits of a sound.")


def _table_columns(dataset: Dataset) -> list[str]:
    keys = (offered["key"] for offered in facets.offered(dataset))
    return [key.removeprefix("table:") for key in keys if key.startswith("table:")]


def more_like_focus(desk: Desk) -> None:
    """A button that asks for the clips most like the one in focus."""
    if desk.focus is not None and (desk.search is None or desk.search.clips != (desk.focus,)):
        st.button("More like this", icon=":material/search:", key="label.like", on_click=desk.ask, args=([desk.focus],))


# the hits -------------------------------------------------------------------------------------------------------------


def show_selected(desk: Desk) -> None:
    """Turn the panel from the hits to what was just selected; the search stays open."""
    if desk.search is not None:
        st.session_state[_shown_key(desk.search)] = "selected"


def _shown_key(search: Search) -> str:
    return f"label.shown.{search.id}"


def is_shown(desk: Desk) -> bool:
    """Whether the panel shows the hits of a search; while there is one, a control to go to the selection and back."""
    if desk.search is None:
        return False
    st.session_state.setdefault(_shown_key(desk.search), "similar")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        shown = st.segmented_control(
            "Clips",
            ["selected", "similar"],
            format_func={"selected": "Selected", "similar": "Hits"}.__getitem__,
            required=True,
            key=_shown_key(desk.search),
            label_visibility="collapsed",
        )
        st.button("Close", key="label.close", type="tertiary", icon=":material/close:", on_click=desk.close_search)
    return shown == "similar"


def ring(dataset: Dataset, desk: Desk) -> tuple[Positions | None, NDArray[np.float32] | None]:
    """Which points the map marks as hits, None without a search; and their scores, None where only words asked."""
    if desk.search is None:
        return None, None
    try:
        found = _ranking(dataset, desk, desk.search)
    except HoverError:  # the panel says it
        return None, None
    scored = desk.search.sought is not None and bool(np.isfinite(found.scores).all())
    return found.positions, found.scores if scored else None


def search_panel(dataset: Dataset, desk: Desk) -> Act | None:
    """The hits, ranked, with their cosine; returns what was done with one of them."""
    search = desk.search
    assert search is not None  # only drawn for a question
    hits, wrong = None, ""
    try:
        hits = _ranking(dataset, desk, search)
    except HoverError as error:
        wrong = str(error)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        st.markdown(_asked(search) + _how(hits), width="content")
        if search.words is not None:
            _wordless(desk, search.words)
        if search.sound:
            st.audio(search.sound, format="audio/wav", alt="What was asked", width=180)
    if search.row is not None:
        _in_a_row(dataset, desk, search)
        return None
    _how_many(dataset, desk, search)
    if hits is None:
        st.error(plain(wrong))
        return None
    _acts(dataset, desk, search, hits)
    if not len(hits):
        st.info(_nobody(search, among=_among(desk) is not None))
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
        focus=desk.focus,
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


def _asked(search: Search) -> str:
    if not (search.like or search.unlike):
        return search.title
    return f"{search.title} · :material/thumb_up: {len(search.like)} :material/thumb_down: {len(search.unlike)}"


def _how(hits: Ranking | None) -> str:
    """What else than the cosine the order of the hits is by; the cosines beside them then go up and down."""
    if hits is None or hits.distances is None:
        return ""
    return f" · compared frame by frame, {hits.reranked_s * 1000:.1f} ms"


def _wordless(desk: Desk, words: Words) -> None:
    """The words that hits have to have, with a cross that takes them off."""

    def take_off() -> None:
        st.session_state["label.words"] = ""
        desk.ask_words(None)

    st.button(
        f"{'without' if words.exclude else 'with'} “{plain(words.text)}”",
        icon=":material/close:",
        type="tertiary",
        key="label.wordless",
        help="Take the words off",
        on_click=take_off,
    )


def _how_many(dataset: Dataset, desk: Desk, search: Search) -> None:
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
            threshold("Cosine above", start=_cut(dataset, desk, search), key=_cut_key(search))


def _acts(dataset: Dataset, desk: Desk, search: Search, hits: Ranking) -> None:
    """What can be done with all hits, in one row."""
    shown = len(desk.shown(hits.positions))
    hidden = len(hits) - shown
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Select these {shown:,}",
            icon=":material/select_all:",
            key="label.hits",
            disabled=not shown,
            help=f"The filters of the map hide {counted(hidden, 'hit')} more." if hidden else None,
            on_click=desk.take,
            args=(hits.positions,),
        )
        st.button(
            "Play in a row",
            icon=":material/headphones:",
            key="label.row",
            disabled=not len(hits),
            help="Hands-free: each hit after the other; ↑ keep, ↓ drop, ← undo, → skip, Enter labels what was kept",
            on_click=desk.play_in_a_row,
            args=(hits.positions[:MOST_IN_A_ROW],),
        )
        with st.popover("", icon=":material/tune:", help="How hits are found, and joined with the selection"):
            _tuning(dataset, desk, search, hits)


def _tuning(dataset: Dataset, desk: Desk, search: Search, hits: Ranking) -> None:
    if search.sought is not None and len(search.sought) > 1:
        st.toggle("Nearest to any of them, not to their mean", key="label.nearest")
    if len(desk.selection):
        st.toggle("Only among the selected", key="label.among")
        for mode, then in joined(desk.selection, desk.shown(hits.positions)).items():
            name = f"{MODES[mode]} → {len(then):,}"
            st.button(name, key=f"label.take.{mode}", on_click=desk.take, args=(hits.positions,), kwargs={"mode": mode})
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
    among = counted(hits.of, "clip")
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


def _in_a_row(dataset: Dataset, desk: Desk, search: Search) -> None:
    row = search.row
    assert row is not None  # only drawn for one
    hands_free(dataset, desk, row, key="label.hands_free")
    label, kept = desk.chosen, len(row.kept)

    def end() -> None:
        search.row = None

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {kept:,} kept as “{plain(label)}”" if label and kept else "Label what was kept",
            key="label.kept",
            icon=":material/label:",
            disabled=not (label and kept),
            help="Choose a label above" if not label else "Enter",
            on_click=desk.apply_kept,
            args=(label,),
        )
        st.button("To the list", key="label.row_end", on_click=end)


def _ranking(dataset: Dataset, desk: Desk, search: Search) -> Ranking:
    above = search.sought is not None and st.session_state.get("label.cut_by") == "above"
    return search.ranking(
        dataset,
        k=None if above or search.sought is None else _first(),
        at_least=threshold_chosen(_cut_key(search), _cut(dataset, desk, search)) if above else None,
        nearest=bool(st.session_state.get("label.nearest")),
        rerank=rerank.chosen(dataset),
        among=_among(desk),
    )


def _cut(dataset: Dataset, desk: Desk, search: Search) -> float:
    """Where the threshold of a question begins: as many answer as when the first so many were asked for."""
    if search.cut is None:
        try:
            found = search.ranking(dataset, k=_first(), among=_among(desk))
        except HoverError:  # the panel says it
            return 0.0
        lowest = float(found.scores.min()) if len(found) else 0.0
        search.cut = min(1.0, max(0.0, math.floor(100 * lowest) / 100))
    return search.cut


def _cut_key(search: Search) -> str:
    """A slider for each question: what is near differs between them."""
    return f"label.cut.{search.id}"


def _first() -> int:
    return int(st.session_state.get("label.k", 50))


def _among(desk: Desk) -> Positions | None:
    return desk.selection if st.session_state.get("label.among") and len(desk.selection) else None
