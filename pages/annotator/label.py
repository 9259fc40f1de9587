"""Label: lasso a cloud, hear whether it is pure, label all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core import jobs
from hover_core.dataset import Dataset
from hover_core.errors import HoverError
from hover_core.invites import OWNER
from hover_core.vector_rows import Embedding
from pages.components import session
from pages.components.classic_map import classic_map
from pages.components.clip_list import Act, clip_list
from pages.components.clip_map import Asked, clip_map

Positions = NDArray[np.int64]

LIST_ROWS = 10
GROW_BY = 20
BAR_LABELS = 12
_ids = count(1)


@dataclass
class Desk:
    """What one person has before them: nothing of it is of record."""

    selection: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    how: str = "lasso"
    imposed: str = ""  # id of a selection that the map has to take over from us
    turn: int = 0  # counts selections: each starts on its first page
    focus: int | None = None
    like: int | None = None  # the clip whose neighbours are asked for
    part: int | None = None  # the map of a part that is looked at, by its id
    part_job: int | None = None  # the job that draws one
    last: tuple[int, str, int] | None = None  # batch, what was done, clips
    said: str = ""
    problem: str = ""
    stale: bool = False  # the frame's counts are older than what was written

    def select(self, positions: Positions, how: str, *, tell_map: bool) -> None:
        self.selection, self.how = np.asarray(positions, np.int64), how
        self.turn = next(_ids)
        if tell_map:
            self.imposed = f"{next(_ids)}"


def main() -> None:
    """The map beside what is selected on it; below 900 px under it."""
    dataset = session.needs(embedding=True)
    desks = st.session_state.setdefault("label.desks", {})
    desk = desks.setdefault(dataset.id, Desk())
    _work(dataset, desk)


@st.fragment
def _work(dataset: Dataset, desk: Desk) -> None:
    size = dataset.state().size
    desk.selection = desk.selection[desk.selection < size]
    left, right = st.columns([2, 1], gap="medium")
    with left:
        asked = _map(dataset, desk)
    _obey(dataset, desk, asked)
    with right:
        _panel(dataset, desk)
    if desk.said:
        st.toast(desk.said, icon=":material/check:")
        desk.said = ""
    if desk.stale:  # what is written is on the map already; now the counts in the frame follow
        desk.stale = False
        st.rerun()


def _map(dataset: Dataset, desk: Desk) -> Asked:
    embedding = _embedding(dataset, desk)
    if st.session_state.get("label.classic"):
        return classic_map(dataset, embedding, key="label.classic_map")
    ring = None
    if desk.like is not None:
        ring = _hits(dataset, desk.like, int(st.session_state.get("label.k", 50)))[0]
    return clip_map(
        dataset,
        embedding,
        key="label.map",
        height=None,
        select=(desk.imposed, desk.selection) if desk.imposed else None,
        ring=ring,
        focus=desk.focus,
    )


def _embedding(dataset: Dataset, desk: Desk) -> Embedding:
    """The map in use, or the map of a part with the way back above it."""
    whole = dataset.embedding()
    assert whole is not None  # needs(embedding=True) has looked
    part = next((found for found in dataset.embeddings() if found.id == desk.part), None)
    if part is None:
        desk.part = None
        return whole
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Whole map", icon=":material/arrow_back:", key="label.back", on_click=_back, args=(desk,))
        shown = int(np.isfinite(dataset.coordinates(part)[:, 0]).sum())
        st.caption(f"Whole map › a map of {shown:,} clips alone", width="content")
    return part


@st.fragment(run_every=0.5)
def _part_under_way(dataset: Dataset, desk: Desk) -> None:
    """How far the map of a part is; when it stands, it is shown."""
    job = jobs.tend(dataset)
    if job is None or job.id != desk.part_job or not job.running:
        if job is not None and job.id == desk.part_job and job.state == "done":
            desk.part = next((found.id for found in dataset.embeddings() if "parent" in found.settings), None)
        elif job is not None:
            desk.problem = f"The map could not be drawn: {job.progress.get('message') or job.state}"
        desk.part_job = None
        st.rerun()
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    st.progress(done / total if total else 0.0, "Drawing a map of just these clips …")


def _obey(dataset: Dataset, desk: Desk, asked: Asked) -> None:
    """Do what came up from the map."""
    if asked.focus is not None:
        desk.focus = asked.focus
    if asked.selected is not None:
        desk.select(asked.selected.positions, "heard" if asked.selected.how == "click" else "lasso", tell_map=False)
    command = asked.command or {}
    if command.get("kind") == "label":
        names = dataset.state().names
        index = command.get("index")
        if isinstance(index, int) and 0 <= index < min(9, len(names)):
            _apply(dataset, desk, names[index])
            st.rerun(scope="fragment")
    elif command.get("kind") == "undo":
        _undo(dataset, desk)
        st.rerun(scope="fragment")
    elif command.get("kind") == "grow":
        _grow(dataset, desk)
        st.rerun(scope="fragment")
    elif command.get("kind") == "map only":
        _map_only(dataset, desk)
        st.rerun(scope="fragment")
    elif command.get("kind") == "map back":
        _back(desk)
        st.rerun(scope="fragment")


def _panel(dataset: Dataset, desk: Desk) -> None:
    if desk.problem:
        st.error(desk.problem)
        desk.problem = ""
    chosen = desk.selection
    state = dataset.state()
    if not len(chosen):
        st.markdown("**Nothing selected**")
        st.caption("Draw around a cloud of points. Rest the mouse on a point to hear it; click a point to pick it.")
    else:
        st.markdown(f"**{len(chosen):,} clips**", help="What you lassoed, boxed, clicked or took from a search.")
        codes, counts = np.unique(state.label[chosen], return_counts=True)
        order = np.argsort(-counts)[:6]
        words = [f"{counts[i]:,} {_plain(state.names[codes[i]]) if codes[i] >= 0 else 'unlabelled'}" for i in order]
        st.caption(" · ".join(words) + (" · …" if len(codes) > 6 else ""))
    _label_bar(dataset, desk)
    if desk.part_job is not None:
        _part_under_way(dataset, desk)
    _focused(dataset, desk)
    shown = "selected"
    if desk.like is not None:
        shown = st.segmented_control(
            "Clips",
            ["selected", "similar"],
            format_func={"selected": "Selected", "similar": "Most similar"}.__getitem__,
            default="similar",
            required=True,
            key=f"label.shown.{desk.like}",
            label_visibility="collapsed",
        )
    if shown == "similar":
        _search(dataset, desk)
    elif len(chosen):
        _list(dataset, desk)
    with st.expander("Settings", icon=":material/settings:"):
        st.toggle(
            "Classic map",
            key="label.classic",
            help="A plain Plotly chart, slower and silent, for browsers in which the map stays empty.",
        )


def _focused(dataset: Dataset, desk: Desk) -> None:
    if desk.focus is None:
        return
    st.audio(f"{session.root()}clips/{dataset.id}/{desk.focus}/audio", alt="The clip in focus")
    if desk.focus != desk.like:
        st.button("More like this", icon=":material/search:", key="label.like", on_click=_ask, args=(desk, desk.focus))


def _label_bar(dataset: Dataset, desk: Desk) -> None:
    """Known labels with their colours and keys, or a new one; one button that says in full what it will do."""
    names = list(dataset.state().names)
    bar = names[:BAR_LABELS]
    label = ""
    if bar:
        label = (
            st.pills(
                "Label",
                bar,
                format_func=lambda name: _with_key(name, names.index(name)),
                key=f"label.known.{dataset.id}",
                label_visibility="collapsed",
                wrap=True,
            )
            or ""
        )
    rest = names[BAR_LABELS:]
    typed = st.selectbox(
        "Another label",
        rest,
        index=None,
        accept_new_options=True,
        placeholder="or a new label …" if not rest else "or another, or a new label …",
        key=f"label.other.{dataset.id}",
        label_visibility="collapsed",
    )
    label = typed or label
    amount = len(desk.selection)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {amount:,} as “{label}”" if label and amount else "Label",
            type="primary",
            icon=":material/label:",
            key="label.apply",
            disabled=not (label and amount),
            help=None if label and amount else "Select clips on the map, and choose a label.",
            on_click=_apply,
            args=(dataset, desk, label),
            width="stretch",
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            key="label.undo",
            help=f"Take back: {desk.last[1]} (u)" if desk.last else "Take back your last action (u)",
            on_click=_undo,
            args=(dataset, desk),
        )
    if amount:
        _more(dataset, desk)


def _more(dataset: Dataset, desk: Desk) -> None:
    """What else can be done with a selection, in one row."""
    state = dataset.state()
    amount = len(desk.selection)
    ready = int(((state.label[desk.selection] >= 0) & (state.subset[desk.selection] == 0)).sum())
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Grow",
            icon=":material/zoom_out_map:",
            key="label.grow",
            help=f"Add the {GROW_BY} clips nearest to what is selected (g).",
            on_click=_grow,
            args=(dataset, desk),
        )
        st.button(
            "Map only these",
            icon=":material/scatter_plot:",
            key="label.part",
            help="Draw a map of just these clips, where one big cloud hides several (m; back with b).",
            on_click=_map_only,
            args=(dataset, desk),
            disabled=amount < jobs.PART_AT_LEAST or desk.part_job is not None,
        )
        if ready and session.person().role == OWNER:
            with st.popover(
                f"Move {ready:,} to …", icon=":material/drive_file_move:", help="Labelled raw clips alone move."
            ):
                for subset in ("train", "dev", "test"):
                    st.button(
                        subset,
                        key=f"label.commit.{subset}",
                        on_click=_commit,
                        args=(dataset, desk, subset),
                        width="stretch",
                    )


def _list(dataset: Dataset, desk: Desk) -> None:
    pages = -(-len(desk.selection) // LIST_ROWS)
    key = f"label.page.{desk.turn}"
    page = min(int(st.session_state.get(key, 1)), pages)
    first = (page - 1) * LIST_ROWS
    act = clip_list(dataset, desk.selection[first : first + LIST_ROWS], key="label.list", focus=desk.focus, evict=True)
    if pages > 1:
        st.pagination(pages, key=key)
    _act(dataset, desk, act)


def _search(dataset: Dataset, desk: Desk) -> None:
    """Clips that sound like the one in focus, ranked, with their cosine."""
    assert desk.like is not None  # only drawn for a query
    k = st.slider("Most similar clips", 5, 500, 50, 5, key="label.k")
    hits, cosines = _hits(dataset, desk.like, k)
    if not len(hits):
        st.info("This clip has no vector, so nothing can be compared with it.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Select these {len(hits):,}",
            icon=":material/select_all:",
            key="label.hits",
            on_click=_take,
            args=(desk, hits),
        )
        st.button("Close", key="label.close", on_click=_ask, args=(desk, None))
    pages = -(-len(hits) // LIST_ROWS)
    key = f"label.hits_page.{desk.like}"
    page = min(int(st.session_state.get(key, 1)), pages)
    first = slice((page - 1) * LIST_ROWS, page * LIST_ROWS)
    act = clip_list(dataset, hits[first], key="label.hit_list", scores=cosines[first], focus=desk.focus)
    if pages > 1:
        st.pagination(pages, key=key)
    _act(dataset, desk, act)


def _act(dataset: Dataset, desk: Desk, act: Act | None) -> None:
    if act is None:
        return
    if act.kind == "label":
        _patch(dataset, desk, act)
    if act.kind == "focus":
        desk.focus = act.position
    elif act.kind == "similar":
        desk.focus = desk.like = act.position
    elif act.kind == "evict":
        desk.selection = desk.selection[desk.selection != act.position]
        desk.imposed = f"{next(_ids)}"
    st.rerun(scope="fragment")


def _hits(dataset: Dataset, position: int, k: int) -> tuple[Positions, NDArray[np.float32]]:
    try:
        return dataset.neighbours(position, k)
    except HoverError:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)


# what is written ------------------------------------------------------------------------------------------------------


def _apply(dataset: Dataset, desk: Desk, label: str) -> None:
    if not (label and len(desk.selection)):
        return
    try:
        written = dataset.annotate(desk.selection, label, how=desk.how, token=session.token("label"))
    except HoverError as error:
        desk.problem = str(error)
        return
    session.spend("label")
    if written.batch_id is None:
        desk.said = f"All {written.left:,} were “{label}” already."
        return
    desk.last = (written.batch_id, f"{written.changed:,} × “{label}”", written.changed)
    desk.said = f"Labelled {written.changed:,} as “{label}”. Undo with u."
    desk.stale = True


def _undo(dataset: Dataset, desk: Desk) -> None:
    try:
        undone = dataset.undo_last(token=session.token("undo"))
    except HoverError as error:
        desk.problem = str(error)
        return
    session.spend("undo")
    desk.last = None
    if undone is None:
        desk.said = "There is nothing of yours left to undo."
        return
    batch, written = undone
    kept = f" {written.left:,} have been changed again since and stay." if written.left else ""
    desk.said = f"Taken back: {batch.note or batch.kind}, {written.changed:,} clips.{kept}"
    desk.stale = True


def _commit(dataset: Dataset, desk: Desk, subset: str) -> None:
    try:
        written = dataset.commit(desk.selection, subset, token=session.token("commit"))
    except HoverError as error:
        desk.problem = str(error)
        return
    session.spend("commit")
    desk.said = f"Moved {written.changed:,} clips to {subset}. Undo with u."
    desk.stale = True


def _patch(dataset: Dataset, desk: Desk, act: Act) -> None:
    """Correct the label of one clip in the list."""
    try:
        written = dataset.annotate([act.position], act.label, how="heard", token=session.token("patch"))
    except HoverError as error:
        desk.problem = str(error)
        return
    session.spend("patch")
    if written.batch_id is not None:
        desk.said = f"Labelled 1 clip as “{act.label}”. Undo with u."
        desk.stale = True


def _grow(dataset: Dataset, desk: Desk) -> None:
    try:
        near = dataset.near(desk.selection, GROW_BY)
    except HoverError as error:
        desk.problem = str(error)
        return
    desk.select(np.union1d(desk.selection, near), desk.how, tell_map=True)


def _map_only(dataset: Dataset, desk: Desk) -> None:
    whole = dataset.embedding()
    assert whole is not None  # there is a map to have selected on
    try:
        desk.part_job = jobs.start_part(dataset, desk.selection.tolist(), whole).id
    except HoverError as error:
        desk.problem = str(error)


def _back(desk: Desk) -> None:
    desk.part = None


def _ask(desk: Desk, position: int | None) -> None:
    desk.like = position


def _take(desk: Desk, hits: Positions) -> None:
    desk.select(hits, "search", tell_map=True)


def _with_key(name: str, code: int) -> str:
    return f"{_plain(name)} :gray[\\[{code + 1}\\]]" if code < 9 else _plain(name)


def _plain(text: str) -> str:
    return "".join(f"\\{character}" if character in r"\`*_{}[]()#+-.!|$:~<>" else character for character in text)


main()
