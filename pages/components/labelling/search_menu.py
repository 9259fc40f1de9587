"""The search menu on Label: search by clips, a stretch of a clip, a file, the microphone, an address, or words."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis import facets
from hover_core.analysis.search.query import Stretch
from hover_core.analysis.search.words import own_texts
from hover_core.data.clips import clip_name
from hover_core.data.people import MOST_SOUND_BYTES, OWNER
from hover_core.fetching.transport import FetchLimits
from hover_core.store.clip_rows import clip_at
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts
from pages.components.labelling import search_actions
from pages.components.labelling.search_state import TextFilter
from pages.components.labelling.state import LabellingState
from pages.components.text import plain

MOST_QUERY_CLIPS = 500
RATE = 44_100  # Hz, of the microphone: 16 bits, one channel
SOUND_FILES = ["wav", "flac", "ogg", "opus", "mp3", "aiff", "aif", "m4a", "aac", "webm", "mp4", "mov", "wma", "amr"]


def entry(dataset: Dataset, labelling: LabellingState) -> None:
    """Draw the button that opens the search menu. While the menu is open, it also shows why a search failed."""
    # a new key closes the menu: after a search by sound, the person wants to see the hits
    turn = 0 if labelling.search is None or labelling.search.query is None else labelling.search.id
    box = st.popover(
        "Search", icon=":material/search:", key=f"label.search.{turn}", help="By ear, or by words", on_change="rerun"
    )
    with box:
        with st.container():  # its own container: messages that come and go do not move other elements
            if box.open:
                explain_no_answer(labelling)
        by_ear, by_words = st.tabs(["By ear", "By words"], key=f"label.ways.{turn}")
        with by_ear:
            _by_ear(dataset, labelling, turn)
        with by_words:
            # listing the columns reads them all: only when the menu is open
            _by_words(dataset, labelling, _table_columns(dataset) if box.open or _asks_for_column() else [])


def explain_no_answer(labelling: LabellingState) -> None:
    """Show once why the last search failed, with a button if the owner can allow its address."""
    if labelling.no_answer:
        st.error(labelling.no_answer)
        labelling.no_answer = ""
    private = labelling.private_query
    if private is not None:
        st.warning(plain(private_hosts.question(private.host_port)), icon=":material/shield:")
        st.button(
            f"Allow {plain(private.host_port)}",
            key="label.allow",
            on_click=search_actions.allow,
            args=(labelling, private),
        )
        labelling.private_query = None


def _by_ear(dataset: Dataset, labelling: LabellingState, turn: int) -> None:
    amount = len(labelling.selection)
    # new keys after each search: a microphone that is drawn again with an old recording shows an error
    microphone, file = f"label.ask_by_microphone.{labelling.questions}", f"label.file.{labelling.questions}"
    address = f"label.url.{turn}"
    with st.container(horizontal=True):
        st.button(
            "Like the clip in focus",
            key="label.like_focus",
            disabled=labelling.selection.focus is None,
            on_click=search_actions.ask,
            args=(labelling, [labelling.selection.focus]),
        )
        st.button(
            f"Like the {amount:,} selected" if amount else "Like the selected",
            key="label.like_selected",
            disabled=not 0 < amount <= MOST_QUERY_CLIPS,
            help=f"1 to {MOST_QUERY_CLIPS} clips: by their mean, or by the nearest of them",
            on_click=search_actions.ask,
            args=(
                labelling,
                labelling.selection.positions[:MOST_QUERY_CLIPS].tolist(),
            ),  # with more, the button is disabled
        )

    def ask_by_microphone() -> None:
        recording = st.session_state[microphone]
        if recording is not None:
            search_actions.ask_sound(labelling, recording.getvalue(), "Like **your recording**")

    def ask_by_upload() -> None:
        upload = st.session_state[file]
        if upload is not None:
            search_actions.ask_sound(labelling, upload.getvalue(), f"Like the file **{plain(upload.name)}**")

    def ask_by_address() -> None:
        url = st.session_state[address].strip()
        if url:
            search_actions.ask_sound(labelling, url, f"Like **{plain(clip_name(url))}**")

    owner = dataset.by.role == OWNER
    most = FetchLimits().max_bytes // 1_000_000 if owner else MOST_SOUND_BYTES >> 20
    st.audio_input("Whistle, knock, speak", key=microphone, on_change=ask_by_microphone, sample_rate=RATE)
    types = None if owner else SOUND_FILES
    st.file_uploader("A sound file", type=types, key=file, on_change=ask_by_upload, max_upload_size=most)
    st.text_input("An address", placeholder="https://…", key=address, on_change=ask_by_address)
    if not owner:
        minutes = MOST_SOUND_BYTES // (2 * RATE * 60)
        kinds = "must be public" if dataset.by.blind else "must be public, or belong to a clip of this dataset"
        st.caption(f"A sound has at most {most} MB ({minutes} minutes of the microphone). An address {kinds}.")
    if labelling.selection.focus is not None:
        _stretch(dataset, labelling, labelling.selection.focus)


def _stretch(dataset: Dataset, labelling: LabellingState, position: int) -> None:
    _, recording = clip_at(dataset.store, dataset.id, position) or (None, None)
    duration = None if recording is None else recording.duration_s
    if not duration:
        return
    key = f"label.stretch.{dataset.id}.{position}"
    end = max(0.02, round(duration, 2))
    st.slider("A stretch of the clip in focus", 0.0, end, (0.0, end), 0.01, format="%.2f s", key=key)

    def ask() -> None:
        start_s, end_s = st.session_state[key]
        search_actions.ask_sound(
            labelling, Stretch(position, start_s, end_s), f"Like **{start_s:.2f} to {end_s:.2f} s of a clip**"
        )

    st.button("Like this stretch", key="label.like_stretch", on_click=ask)


def _asks_for_column() -> bool:
    return bool(st.session_state.get("label.words_in"))


def _by_words(dataset: Dataset, labelling: LabellingState, columns: list[str]) -> None:
    def ask() -> None:
        text = st.session_state["label.words"].strip()
        words = TextFilter(
            text,
            st.session_state["label.words_in"] or "",
            st.session_state["label.words_regex"],
            st.session_state["label.words_without"],
        )
        search_actions.ask_words(labelling, words if text else None)

    name = "" if dataset.by.blind else "a name, "
    st.text_input("Text", key="label.words", placeholder=f"part of {name}a label, a cell …", on_change=ask)
    st.selectbox(
        "In",
        ["", *dict.fromkeys([*own_texts(dataset), *columns])],
        format_func=lambda name: name or "anything",
        key="label.words_in",
        on_change=ask,
    )
    with st.container(horizontal=True):
        st.toggle("Regular expression", key="label.words_regex", on_change=ask)
        st.toggle("Hits must not contain it", key="label.words_without", on_change=ask)
    st.caption("Searches all clips, or the hits of a search by sound.")


def _table_columns(dataset: Dataset) -> list[str]:
    keys = (facet["key"] for facet in facets.available_facets(dataset))
    return [key.removeprefix("table:") for key in keys if key.startswith("table:")]


def more_like_focus(labelling: LabellingState) -> None:
    """Draw a button that searches for the clips most similar to the clip in focus."""
    focus, search = labelling.selection.focus, labelling.search
    if focus is not None and (search is None or search.clips != (focus,)):
        st.button(
            "More like this",
            icon=":material/search:",
            key="label.like",
            on_click=search_actions.ask,
            args=(labelling, [focus]),
        )
