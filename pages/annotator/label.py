"""The Label page: lasso a cloud of clips, listen to check that it is pure, label all of it at once."""

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
from pages.components.clip_list import ClipAction, clip_list
from pages.components.clip_map import (
    FocusMoved,
    Gesture,
    KeyCommand,
    LabelButton,
    SelectionMade,
    SelectionUpdate,
    clip_map,
    gestures,
)
from pages.components.label_bar import label_bar
from pages.components.label_keys import label_given
from pages.components.labelling import actions, hits_panel, search_actions, search_menu
from pages.components.labelling.selection import Selection
from pages.components.labelling.state import LabellingState
from pages.components.spectrogram import spectrogram
from pages.components.text import count_of, plain

LIST_ROWS = 10


def main() -> None:
    """Draw the map, and beside it the panel; in a narrow window the panel is below."""
    dataset = session.needs(embedding=True)
    states: dict[str, LabellingState] = st.session_state.setdefault("label.states", {})
    _work(states.setdefault(dataset.id, LabellingState(dataset.id)))


@st.fragment
def _work(labelling: LabellingState) -> None:
    dataset = labelling.dataset()
    if dataset is None:
        st.rerun()
    if labelling.stale and not labelling.message:
        # others have labelled: run the whole page, so that the counts in the frame are current too
        labelling.stale = False
        st.rerun()
    labelling.classic = bool(st.session_state.get("label.classic"))
    labelling.selection.trim(dataset.state().size)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        _map(dataset, labelling)
    with right:
        _panel(dataset, labelling)
    if labelling.stale:  # the map is up to date; now the counts in the frame follow
        labelling.stale = False
        st.rerun()  # the next run shows the message: a toast of this run would disappear with it
    if labelling.message:
        st.toast(labelling.message, icon=":material/check:")
        labelling.message = ""


# the map --------------------------------------------------------------------------------------------------------------


def _map(dataset: Dataset, labelling: LabellingState) -> None:
    embedding = _draw_map_choice(dataset, labelling)
    if labelling.classic:
        labelling.selection.passes = None  # the classic map has no filters
        _handle(
            labelling, classic_map(dataset, embedding, key="label.classic_map", selected=labelling.selection.positions)
        )
        return
    selection = labelling.selection
    ring, scores = hits_panel.map_ring(dataset, labelling)
    clip_map(
        dataset,
        embedding,
        key=_map_key(labelling),
        on_gesture=partial(_take_gestures, labelling),
        height=None,
        select=_selection_update(selection),
        count=len(selection.unfiltered),
        narrowed=selection.passes is not None,
        part=labelling.trail.depth > 0,
        ring=ring,
        scores=scores,
        focus=selection.focus,
        offer=_offer(dataset, labelling.label),
        attempts=labelling.attempts,
    )


def _selection_update(selection: Selection) -> SelectionUpdate | None:
    """The selection that the map must take over, or None."""
    if not selection.imposed:
        return None
    return SelectionUpdate(selection.imposed, selection.unfiltered, selection.positions, selection.imposed_how)


def _offer(dataset: Dataset, label: str) -> LabelButton | None:
    """The label that the button under the labels gives, or None."""
    if not label:
        return None
    names = dataset.state().names
    code = names.index(label) if label in names else len(names)
    return LabelButton(code, label, colour(code), by="st-key-label-apply")


def _map_key(labelling: LabellingState) -> str:
    """One element for each dataset, so that a message of one map never reaches another."""
    return f"label.map.{labelling.dataset_id}"


def _draw_map_choice(dataset: Dataset, labelling: LabellingState) -> Embedding:
    """The current map. Draws the path to it above, if it is a part of another map."""
    maps = labelling.trail.maps(dataset)
    assert maps  # needs(embedding=True) has checked this
    if len(maps) > 1:
        _breadcrumbs(labelling, ["Whole map", *(count_of(part.clips, "clip") for part in maps[1:])])
    return maps[labelling.trail.depth]


def _breadcrumbs(labelling: LabellingState, names: list[str]) -> None:
    """A button for each map of the path, also for those below the current map, which is plain text."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        for depth, name in enumerate(names):
            if depth:
                st.markdown("›", width="content")
            if depth == labelling.trail.depth:
                st.markdown(f"**{name}**", width="content")
                continue
            st.button(
                name,
                key=f"label.way.{depth}",
                type="tertiary",
                on_click=labelling.trail.go,
                args=(depth,),
                help="One up (b)" if depth == labelling.trail.depth - 1 else None,
            )


def _take_gestures(labelling: LabellingState) -> None:
    """Apply the gestures on the map. This is a callback, because a run that another run replaces may never get here."""
    dataset = labelling.dataset()
    if dataset is None:
        return
    try:
        _handle(labelling, gestures(_map_key(labelling), dataset.state().size))
    except HoverError as error:
        labelling.problem = plain(str(error))


def _handle(labelling: LabellingState, acts: Iterable[Gesture]) -> None:
    for act in acts:
        if isinstance(act, SelectionMade):
            _take_over(labelling, act)
        elif isinstance(act, FocusMoved):
            labelling.selection.focus = act.position
        else:
            _command(labelling, act)


def _take_over(labelling: LabellingState, act: SelectionMade) -> None:
    labelling.selection.take_over(act)
    if act.how != "filter" and len(act.positions):
        hits_panel.show_selected(labelling)  # the hits stay on the map; the panel has a control that shows them again


def _command(labelling: LabellingState, command: KeyCommand) -> None:
    """Carry out a key that was pressed on the map."""
    dataset = labelling.dataset()
    name = label_given(dataset.state().names, command.index) if dataset is not None else ""
    if command.kind == "label" and name:
        labelling.label = name
        actions.apply(labelling, labelling.label)
    elif command.kind == "label chosen":
        if labelling.label:
            actions.apply(labelling, labelling.label)
        else:
            labelling.problem = "Choose a label first. Then Enter gives it to the selection, and `l` paints with it."
    elif command.kind == "clear labels":
        actions.clear_labels(labelling)
    elif command.kind == "undo":
        actions.undo(labelling)
    elif command.kind == "grow":
        actions.grow(labelling)
    elif command.kind == "map only":
        actions.map_only(labelling)
    elif command.kind == "map back":
        labelling.trail.back()
    elif command.kind == "lost":
        labelling.selection.tell_map()
    elif command.kind == "news":
        labelling.stale = True
    elif command.kind == "classic":
        st.session_state["label.classic"] = True


@st.fragment(run_every=0.5)
def _part_under_way(labelling: LabellingState) -> None:
    """Draw the progress of the map of a part, and open that map when it is done."""
    dataset = labelling.dataset()
    if dataset is None:
        st.rerun()
    job = queue.tend(dataset)
    if job is None or job.id != labelling.trail.job_id or not job.running:
        if job is not None and job.id == labelling.trail.job_id and job.state == "done":
            labelling.trail.enter(next(row for row in dataset.embeddings() if "parent" in row.settings))
        elif job is not None:
            why = str(job.progress.get("message") or job.state)
            if dataset.by.role != OWNER:  # the message may contain addresses
                why = "the owner of this dataset can see why"
            labelling.problem = f"The map was not drawn: {plain(why)}"
        labelling.trail.job_id = None
        st.rerun()
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    st.progress(done / total if total else 0.0, "Drawing a map of these clips …")


# the panel ------------------------------------------------------------------------------------------------------------


def _panel(dataset: Dataset, labelling: LabellingState) -> None:
    problems = st.container()  # its own container: messages that come and go do not move other elements
    if labelling.problem:
        problems.error(labelling.problem)
        labelling.problem = ""
    with st.container(horizontal=True, wrap=False, horizontal_alignment="distribute", vertical_alignment="center"):
        _count(dataset, labelling)
        search_menu.entry(dataset, labelling)
    with problems:
        search_menu.explain_no_answer(labelling)
    if not len(labelling.selection) and labelling.search is None:
        hint = "Click a point to select it; then play its sound in this panel."
        if not labelling.classic:
            hint = "Rest the mouse on a point to hear it; click a point to select it."
        st.caption(f"Draw around a cloud of points. {hint}")
    _label_bar(dataset, labelling)
    if labelling.trail.job_id is not None:
        _part_under_way(labelling)
    if hits_panel.is_shown(labelling):
        _act(labelling, hits_panel.search_panel(dataset, labelling))
        _draw_focus(dataset, labelling)  # below the hits, so that they stay in sight; they have their own players
    else:
        _draw_focus(dataset, labelling)
        if len(labelling.selection):
            _list(dataset, labelling)
    with st.expander("Settings", icon=":material/settings:"):
        st.toggle(
            "Classic map",
            key="label.classic",
            help="A plain Plotly chart for browsers in which the map stays empty. It is slower and plays no sound.",
        )
        labelling.grow_by = int(
            st.number_input(
                "Grow by",
                1,
                10_000,
                20,
                key="label.grow_by",
                help="How many of the nearest clips “Grow” (g) adds to the selection.",
            )
        )
        labelling.near_duplicates = st.toggle(
            "Label near-duplicates too",
            key="label.near_duplicates",
            help="Clips with the same sound as a clip that you label get the label as well, in the same step. "
            "The Split page finds them.",
        )


def _count(dataset: Dataset, labelling: LabellingState) -> None:
    if not len(labelling.selection):
        st.markdown("**Nothing selected**", width="content")
        return
    state = dataset.state()
    counts = np.bincount(state.label[labelling.selection.positions] + 1)  # the unlabelled have code -1
    order = np.argsort(-counts, kind="stable")[: min(6, np.count_nonzero(counts))]
    words = [f"{counts[i]:,} {plain(state.names[i - 1]) if i else 'unlabelled'}" for i in order]
    more = " · …" if np.count_nonzero(counts) > 6 else ""
    st.markdown(f"**{count_of(len(labelling.selection), 'clip')}**  \n:small[:gray[{' · '.join(words)}{more}]]")


def _label_bar(dataset: Dataset, labelling: LabellingState) -> None:
    """Draw the labels with their colours and keys, a box for a new label, and the button that labels the selection."""
    other = f"label.other.{dataset.id}"
    clicked = label_bar(dataset, labelling.label, key="label.bar", keys=not labelling.classic)
    if clicked:
        labelling.label = clicked
        st.session_state[other] = None
        st.rerun(scope="fragment")

    def take_other() -> None:
        labelling.label = clean(st.session_state[other] or "")

    st.selectbox(
        "Another label",
        sorted(dataset.state().names),
        index=None,
        accept_new_options=True,
        placeholder="find a label, or enter a new one …",
        key=other,
        label_visibility="collapsed",
        on_change=take_other,
    )
    label, amount = labelling.label, len(labelling.selection)
    ready = bool(label and amount)
    enter = "" if labelling.classic else " :small[:material/keyboard_return:]"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Label {amount:,} as “{plain(label)}”{enter}" if ready else "Label",
            type="primary",
            icon=":material/label:",
            key="label.apply",
            disabled=not ready,
            help=None if ready else "Select clips on the map and choose a label.",
            on_click=actions.apply,
            args=(labelling, label),
            width="stretch",
        )
        st.button(
            _with_key(labelling, "Undo", "u"),
            icon=":material/undo:",
            key="label.undo",
            help=f"Undo: {plain(labelling.history[-1][1])}" if labelling.history else "Undo your last action",
            on_click=actions.undo,
            args=(labelling,),
        )
    if amount:
        _more(dataset, labelling)


def _more(dataset: Dataset, labelling: LabellingState) -> None:
    """Draw the other buttons for a selection, in one row."""
    state = dataset.state()
    labelled = state.label[labelling.selection.positions] >= 0
    ready = int((labelled & (state.subset[labelling.selection.positions] == 0)).sum())
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            _with_key(labelling, "Grow", "g"),
            icon=":material/zoom_out_map:",
            key="label.grow",
            help=f"Add the {labelling.grow_by} clips nearest to the selection.",
            on_click=actions.grow,
            args=(labelling,),
        )
        st.button(
            _with_key(labelling, "Map only these", "m"),
            icon=":material/scatter_plot:",
            key="label.part",
            help="Draw a map of these clips only. It can show several clouds where this map has one.",
            on_click=actions.map_only,
            args=(labelling,),
            disabled=len(labelling.selection) < queue.PART_AT_LEAST or labelling.trail.job_id is not None,
        )
        if ready and session.person().role == OWNER:
            with st.popover(
                f"Move {ready:,} to …", icon=":material/drive_file_move:", help="Only labelled raw clips move."
            ):
                for subset in ("train", "dev", "test"):
                    key = f"label.commit.{subset}"
                    st.button(subset, key=key, on_click=actions.commit, args=(labelling, subset), width="stretch")
        if labelled.any():
            st.button(
                _with_key(labelling, "Unlabel", "0"),
                icon=":material/label_off:",
                key="label.clear",
                help=f"Remove the label of {count_of(int(labelled.sum()), 'clip')} in one step.",
                on_click=actions.clear_labels,
                args=(labelling,),
            )


def _with_key(labelling: LabellingState, words: str, key: str) -> str:
    """A button's text with its key on the map. The classic map has no keys."""
    return words if labelling.classic else f"{words} :gray-badge[{key}]"


def _draw_focus(dataset: Dataset, labelling: LabellingState) -> None:
    if labelling.selection.focus is None:
        return
    spectrogram(dataset, labelling.selection.focus, key="label.spectrogram")
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
        st.audio(f"{session.root()}clips/{dataset.id}/{labelling.selection.focus}/audio", alt="The clip in focus")
        search_menu.more_like_focus(labelling)


def _list(dataset: Dataset, labelling: LabellingState) -> None:
    selection, focus = labelling.selection, labelling.selection.focus
    pages = -(-len(selection) // LIST_ROWS)
    key = f"label.page.{selection.turn}"
    page = min(int(st.session_state.get(key, 1)), pages)
    if focus is not None and st.session_state.get("label.at") != (selection.turn, focus):
        # another element has moved the focus: turn the list to the page of that clip
        st.session_state["label.at"] = (selection.turn, focus)
        at = int(np.searchsorted(selection.positions, focus))
        if at < len(selection) and selection.positions[at] == focus:
            page = at // LIST_ROWS + 1
            st.session_state[key] = page
    first = (page - 1) * LIST_ROWS
    act = clip_list(dataset, selection.positions[first : first + LIST_ROWS], key="label.list", focus=focus, evict=True)
    if pages > 1:
        st.pagination(pages, key=key)
    _act(labelling, act)


def _act(labelling: LabellingState, act: ClipAction | None) -> None:
    """Carry out an action on one clip of a list."""
    if act is None:
        return
    if act.kind == "label":
        actions.patch(labelling, act.position, act.label)
    elif act.kind == "focus":
        labelling.selection.focus = act.position
    elif act.kind == "similar":
        labelling.selection.focus = act.position
        search_actions.ask(labelling, [act.position])
    elif act.kind in ("up", "down"):
        search_actions.judge(labelling, act.position, 1 if act.kind == "up" else -1)
    elif act.kind == "evict":
        labelling.selection.leave_out(act.position)
    st.rerun(scope="fragment")


main()
