"""The switch that orders hits anew by dynamic time warping: what it costs, whom it helps, and what the labels say."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis.search import Advice, has_sequences, rerank_advice
from hover_core.data.people import OWNER
from hover_core.errors import HoverError
from hover_core.jobs import queue
from hover_core.numerics import dtw
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import count_of, plain

_SWITCH = "label.rerank"


def rerank_choice(dataset: Dataset) -> str | None:
    """What to re-rank by in this run: only once the comparison would begin at once, so that no page waits for it."""
    if not st.session_state.get(_SWITCH) or not has_sequences(dataset):
        return None
    dtw.warm()
    return "dtw" if dtw.is_warm() else None


def controls(dataset: Dataset) -> None:
    """The switch; before there are sequences, what they cost and a button that has them made."""
    job = queue.tend(dataset)
    if job is not None and job.running and job.kind == "sequences":
        _under_way(dataset.id)
    elif not has_sequences(dataset):
        _offer(dataset)
    else:
        _switch(dataset)


def _switch(dataset: Dataset) -> None:
    dtw.warm()
    st.toggle(
        "Compare frame by frame (DTW)",
        key=_SWITCH,
        help=f"The first {dtw.CANDIDATES} hits are ordered anew, by how they go on and the cosine.",
    )
    st.caption("Helps words and calls; hurts steady sounds such as rain, engines, hum.")
    if st.session_state.get(_SWITCH) and not dtw.is_warm():
        _show_warm_up()
    key = f"label.advice.{dataset.id}"

    def ask() -> None:
        asked = session.still(dataset.id)
        if asked is None:
            return
        try:
            st.session_state[key] = rerank_advice(asked) or "There are too few labels to tell: 20 clips, two labels."
        except HoverError as error:
            st.session_state[key] = plain(str(error))

    found = st.session_state.get(key)
    st.button("Would it help here?", key="label.advise", on_click=ask, help="Asks the labels that there are")
    if isinstance(found, Advice):
        better = found.reranked - found.plain
        words = "switch it on" if better > 0.01 else "leave it off" if better < -0.01 else "it makes no difference"
        st.caption(
            f"Of the ten nearest to {count_of(found.asked, 'labelled clip')}, {found.plain:.0%} have the same label, "
            f"and {found.reranked:.0%} frame by frame: **{words}** ({found.took_s:.1f} s)."
        )
    elif found:
        st.caption(found)


def _offer(dataset: Dataset) -> None:
    size = dataset.row.size
    stored, kept = size * dtw.BYTES_A_CLIP / 1e6, size * dtw.MOST_MEMORY_A_CLIP / 1e6
    cost = f"{count_of(size, 'clip')} take {stored:,.0f} MB on disk and at most {kept:,.0f} MB of memory"
    st.markdown("**Compare frame by frame (DTW)**")
    st.caption(f"Helps words and calls; hurts steady sounds such as rain, engines, hum. {cost}.")
    if session.person().role != OWNER:
        st.caption("The owner can have it prepared.")
        return

    def start() -> None:
        opened = session.still(dataset.id)
        if opened is None:
            return
        try:
            queue.start_sequences(opened)
        except HoverError as error:
            st.session_state["label.sequences_problem"] = str(error)

    st.button("Prepare it", key="label.sequences", icon=":material/timeline:", on_click=start)
    problem = st.session_state.pop("label.sequences_problem", "")
    if problem:
        st.error(plain(problem))


@st.fragment(run_every=0.5)
def _under_way(dataset_id: str) -> None:
    dataset = session.still(dataset_id)
    job = queue.tend(dataset) if dataset is not None else None
    if dataset is None or job is None or not job.running or job.kind != "sequences":
        st.rerun()
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    left = job.progress.get("left_s")
    words = f"{done:,} of {total:,} clips" + (f", {left:,.0f} s left" if left else "")
    st.progress(min(1.0, done / total) if total else 0.0, f"Preparing to compare frame by frame: {words}")
    if dataset.by.role == OWNER:
        st.button("Stop", key="label.sequences_stop", on_click=queue.cancel, args=(dataset,))


@st.fragment(run_every=0.5)
def _show_warm_up() -> None:
    if dtw.is_warm():
        st.rerun()
    st.caption("Getting ready to compare …")
