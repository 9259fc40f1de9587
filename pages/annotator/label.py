"""Label: lasso a cloud, hear whether it is pure, label all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import streamlit as st

from hover_core.data.colours import colour
from hover_core.data.names import clean
from hover_core.data.people import OWNER
from hover_core.errors import HoverError
from hover_core.jobs import queue
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.classic_map import classic_map
from pages.components.clip_list import Act, clip_list
from pages.components.clip_map import Command, Focused, Imposed, Offer, Said, Selected, clip_map, said
from pages.components.label_bar import label_bar
from pages.components.label_keys import label_given
from pages.components.labelling import hits_panel
from pages.components.labelling.actions import Desk
from pages.components.spectrogram import spectrogram
from pages.components.text import counted, plain

LIST_ROWS = 10


def main() -> None:
    """The map beside what is selected on it; on a narrow window under it."""
    dataset = session.needs(embedding=True)
    desks: dict[str, Desk] = st.session_state.setdefault("label.desks", {})
    _work(desks.setdefault(dataset.id, Desk(dataset.id)))


@st.fragment
def _work(desk: Desk) -> None:
    dataset = desk.dataset()
    if dataset is None:
        st.rerun()
    if desk.stale and not desk.said:  # others have labelled: the run of the whole page shows it, here and in the frame
        desk.stale = False
        st.rerun()
    desk.classic = bool(st.session_state.get("label.classic"))
    desk.trim(dataset.state().size)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        _map(dataset, desk)
    with right:
        _panel(dataset, desk)
    if desk.stale:  # what is written is on the map already; now the counts in the frame follow
        desk.stale = False
        st.rerun()  # whose run says it: a toast of this one would go with it
    if desk.said:
        st.toast(desk.said, icon=":material/check:")
        desk.said = ""


# the map --------------------------------------------------------------------------------------------------------------


def _map(dataset: Dataset, desk: Desk) -> None:
    embedding = _embedding(dataset, desk)
    if desk.classic:
        desk.passes = None  # it has no filters
        _obey(desk, classic_map(dataset, embedding, key="label.classic_map", selected=desk.selection))
        return
    ring, scores = hits_panel.ring(dataset, desk)
    clip_map(
        dataset,
        embedding,
        key=_map_key(desk),
        on_said=partial(_heard, desk),
        height=None,
        select=Imposed(desk.imposed, desk.kept, desk.selection, desk.imposed_how) if desk.imposed else None,
        count=len(desk.kept),
        narrowed=desk.passes is not None,
        part=desk.depth > 0,
        ring=ring,
        scores=scores,
        focus=desk.focus,
        offer=_offer(dataset, desk.chosen),
        attempts=desk.attempts,
    )


def _offer(dataset: Dataset, chosen: str) -> Offer | None:
    """What the button under the labels does."""
    if not chosen:
        return None
    names = dataset.state().names
    code = names.index(chosen) if chosen in names else len(names)
    return Offer(code, chosen, colour(code), by="st-key-label-apply")


def _map_key(desk: Desk) -> str:
    """An element for each dataset: what was said on one map is never heard on another."""
    return f"label.map.{desk.dataset_id}"


def _embedding(dataset: Dataset, desk: Desk) -> Embedding:
    """The map that is looked at, with the way to it above where there are parts."""
    way = desk.way(dataset)
    assert way  # needs(embedding=True) has looked
    if len(way) > 1:
        _breadcrumbs(desk, ["Whole map", *(counted(part.clips, "clip") for part in way[1:])])
    return way[desk.depth]


def _breadcrumbs(desk: Desk, names: list[str]) -> None:
    """Each map on the way is a button that goes there, also down again; the one that is looked at is none."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        for depth, name in enumerate(names):
            if depth:
                st.markdown("›", width="content")
            if depth == desk.depth:
                st.markdown(f"**{name}**", width="content")
                continue
            st.button(
                name,
                key=f"label.way.{depth}",
                type="tertiary",
                on_click=desk.go,
                args=(depth,),
                help="One up (b)" if depth == desk.depth - 1 else None,
            )


def _heard(desk: Desk) -> None:
    """Do what came up from the map: before the run, because a run that another overtakes may never get to it."""
    dataset = desk.dataset()
    if dataset is None:
        return
    try:
        _obey(desk, said(_map_key(desk), dataset.state().size))
    except HoverError as error:
        desk.problem = plain(str(error))


def _obey(desk: Desk, acts: Iterable[Said]) -> None:
    for act in acts:
        if isinstance(act, Selected):
            _take_over(desk, act)
        elif isinstance(act, Focused):
            desk.focus = act.position
        else:
            _command(desk, act)


def _take_over(desk: Desk, act: Selected) -> None:
    desk.drawn(act)
    if act.how != "filter" and len(act.positions):
        hits_panel.show_selected(desk)  # the hits stay on the map, a click away in the panel


def _command(desk: Desk, command: Command) -> None:
    """A key that was pressed on the map."""
    dataset = desk.dataset()
    name = label_given(dataset.state().names, command.index) if dataset is not None else ""
    if command.kind == "label" and name:
        desk.chosen = name
        desk.apply(desk.chosen)
    elif command.kind == "label chosen":
        if desk.chosen:
            desk.apply(desk.chosen)
        else:
            desk.problem = "Choose a label first: then Enter gives it, and `l` paints with it."
    elif command.kind == "clear labels":
        desk.clear_labels()
    elif command.kind == "undo":
        desk.undo()
    elif command.kind == "grow":
        desk.grow()
    elif command.kind == "map only":
        desk.map_only()
    elif command.kind == "map back":
        desk.back()
    elif command.kind == "lost":
        desk.tell_map()
    elif command.kind == "news":
        desk.stale = True
    elif command.kind == "classic":
        st.session_state["label.classic"] = True


@st.fragment(run_every=0.5)
def _part_under_way(desk: Desk) -> None:
    """How far the map of a part is; when it stands, it is shown."""
    dataset = desk.dataset()
    if dataset is None:
        st.rerun()
    job = queue.tend(dataset)
    if job is None or job.id != desk.part_job or not job.running:
        if job is not None and job.id == desk.part_job and job.state == "done":
            desk.enter(next(found for found in dataset.embeddings() if "parent" in found.settings))
        elif job is not None:
            why = str(job.progress.get("message") or job.state)
            if dataset.by.role != OWNER:  # it may name addresses
                why = "the owner of this dataset can see why"
            desk.problem = f"The map was not drawn: {plain(why)}"
        desk.part_job = None
        st.rerun()
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    st.progress(done / total if total else 0.0, "Drawing a map of just these clips …")


# the panel ------------------------------------------------------------------------------------------------------------


def _panel(dataset: Dataset, desk: Desk) -> None:
    problems = st.container()  # a place of its own: what comes and goes there moves nothing else
    if desk.problem:
        problems.error(desk.problem)
        desk.problem = ""
    with st.container(horizontal=True, wrap=False, horizontal_alignment="distribute", vertical_alignment="center"):
        _count(dataset, desk)
        hits_panel.entry(dataset, desk)
    with problems:
        hits_panel.unanswered(desk)
    if not len(desk.selection) and desk.search is None:
        hear = "Click a point to pick it: its sound is then in this panel."
        if not desk.classic:
            hear = "Rest the mouse on a point to hear it; click a point to pick it."
        st.caption(f"Draw around a cloud of points. {hear}")
    _label_bar(dataset, desk)
    if desk.part_job is not None:
        _part_under_way(desk)
    if hits_panel.is_shown(desk):
        _act(desk, hits_panel.search_panel(dataset, desk))
        _focused(dataset, desk)  # below the hits, which have players of their own: a row of them is in sight
    else:
        _focused(dataset, desk)
        if len(desk.selection):
            _list(dataset, desk)
    with st.expander("Settings", icon=":material/settings:"):
        st.toggle(
            "Classic map",
            key="label.classic",
            help="A plain Plotly chart, slower and silent, for browsers in which the map stays empty.",
        )
        desk.grow_by = int(
            st.number_input(
                "Grow by",
                1,
                10_000,
                20,
                key="label.grow_by",
                help="How many of the nearest clips “Grow” (g) adds to the selection.",
            )
        )
        desk.twins = st.toggle(
            "Label near-duplicates too",
            key="label.twins",
            help="Clips that are the same sound as one that you label get the label as well, in the same step. "
            "They are found on the Split page.",
        )


def _count(dataset: Dataset, desk: Desk) -> None:
    if not len(desk.selection):
        st.markdown("**Nothing selected**", width="content")
        return
    state = dataset.state()
    counts = np.bincount(state.label[desk.selection] + 1)  # the unlabelled have code -1
    order = np.argsort(-counts, kind="stable")[: min(6, np.count_nonzero(counts))]
    words = [f"{counts[i]:,} {plain(state.names[i - 1]) if i else 'unlabelled'}" for i in order]
    more = " · …" if np.count_nonzero(counts) > 6 else ""
    st.markdown(f"**{counted(len(desk.selection), 'clip')}**  \n:small[:gray[{' · '.join(words)}{more}]]")


def _label_bar(dataset: Dataset, desk: Desk) -> None:
    """Known labels with their colours and keys, or a new one; one button that says in full what it will do."""
    other = f"label.other.{dataset.id}"
    picked = label_bar(dataset, desk.chosen, key="label.bar", keys=not desk.classic)
    if picked:
        desk.chosen = picked
        st.session_state[other] = None
        st.rerun(scope="fragment")

    def named() -> None:
        desk.chosen = clean(st.session_state[other] or "")

    st.selectbox(
        "Another label",
        sorted(dataset.state().names),
        index=None,
        accept_new_options=True,
        placeholder="find a label, or name a new one …",
        key=other,
        label_visibility="collapsed",
        on_change=named,
    )
    label, amount = desk.chosen, len(desk.selection)
    ready = bool(label and amount)
    enter = "" if desk.classic else " :small[:material/keyboard_return:]"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {amount:,} as “{plain(label)}”{enter}" if ready else "Label",
            type="primary",
            icon=":material/label:",
            key="label.apply",
            disabled=not ready,
            help=None if ready else "Select clips on the map, and choose a label.",
            on_click=desk.apply,
            args=(label,),
            width="stretch",
        )
        st.button(
            _keyed(desk, "Undo", "u"),
            icon=":material/undo:",
            key="label.undo",
            help=f"Take back: {plain(desk.done[-1][1])}" if desk.done else "Take back your last action",
            on_click=desk.undo,
        )
    if amount:
        _more(dataset, desk)


def _more(dataset: Dataset, desk: Desk) -> None:
    """What else can be done with a selection, in one row."""
    state = dataset.state()
    labelled = state.label[desk.selection] >= 0
    ready = int((labelled & (state.subset[desk.selection] == 0)).sum())
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            _keyed(desk, "Grow", "g"),
            icon=":material/zoom_out_map:",
            key="label.grow",
            help=f"Add the {desk.grow_by} clips nearest to what is selected.",
            on_click=desk.grow,
        )
        st.button(
            _keyed(desk, "Map only these", "m"),
            icon=":material/scatter_plot:",
            key="label.part",
            help="Draw a map of just these clips, where one big cloud hides several.",
            on_click=desk.map_only,
            disabled=len(desk.selection) < queue.PART_AT_LEAST or desk.part_job is not None,
        )
        if ready and session.person().role == OWNER:
            with st.popover(
                f"Move {ready:,} to …", icon=":material/drive_file_move:", help="Only labelled raw clips move."
            ):
                for subset in ("train", "dev", "test"):
                    key = f"label.commit.{subset}"
                    st.button(subset, key=key, on_click=desk.commit, args=(subset,), width="stretch")
        if labelled.any():
            st.button(
                _keyed(desk, "Unlabel", "0"),
                icon=":material/label_off:",
                key="label.clear",
                help=f"Take the label of {counted(int(labelled.sum()), 'clip')} away, in one step.",
                on_click=desk.clear_labels,
            )


def _keyed(desk: Desk, words: str, key: str) -> str:
    """A button's words with the key that does the same; the classic map has none."""
    return words if desk.classic else f"{words} :gray-badge[{key}]"


def _focused(dataset: Dataset, desk: Desk) -> None:
    if desk.focus is None:
        return
    spectrogram(dataset, desk.focus, key="label.spectrogram")
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
        st.audio(f"{session.root()}clips/{dataset.id}/{desk.focus}/audio", alt="The clip in focus")
        hits_panel.more_like_focus(desk)


def _list(dataset: Dataset, desk: Desk) -> None:
    pages = -(-len(desk.selection) // LIST_ROWS)
    key = f"label.page.{desk.turn}"
    page = min(int(st.session_state.get(key, 1)), pages)
    if desk.focus is not None and st.session_state.get("label.at") != (desk.turn, desk.focus):
        # a clip that came into focus elsewhere is looked for: the list turns to its page
        st.session_state["label.at"] = (desk.turn, desk.focus)
        at = int(np.searchsorted(desk.selection, desk.focus))
        if at < len(desk.selection) and desk.selection[at] == desk.focus:
            page = at // LIST_ROWS + 1
            st.session_state[key] = page
    first = (page - 1) * LIST_ROWS
    act = clip_list(dataset, desk.selection[first : first + LIST_ROWS], key="label.list", focus=desk.focus, evict=True)
    if pages > 1:
        st.pagination(pages, key=key)
    _act(desk, act)


def _act(desk: Desk, act: Act | None) -> None:
    """Do what was asked of one clip in a list."""
    if act is None:
        return
    if act.kind == "label":
        desk.patch(act.position, act.label)
    elif act.kind == "focus":
        desk.focus = act.position
    elif act.kind == "similar":
        desk.focus = act.position
        desk.ask([act.position])
    elif act.kind in ("up", "down"):
        desk.judge(act.position, 1 if act.kind == "up" else -1)
    elif act.kind == "evict":
        desk.leave_out(act.position)
    st.rerun(scope="fragment")


main()
