"""The switch that ranks hits again by dynamic time warping (DTW), with its cost, its use, and a test on the labels."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis.search.advice import Advice, rerank_advice
from hover_core.analysis.search.search_index import has_sequences
from hover_core.data.people import OWNER
from hover_core.errors import HoverError
from hover_core.jobs import queue
from hover_core.numerics import dtw
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import count_of, plain

_SWITCH = "label.rerank"


def rerank_choice(dataset: Dataset) -> str | None:
    """The way to rank again in this run: `"dtw"` if it is on and compiled, else None, so that no page waits for it."""
    if not st.session_state.get(_SWITCH) or not has_sequences(dataset):
        return None
    dtw.warm()
    return "dtw" if dtw.is_warm() else None


def controls(dataset: Dataset) -> None:
    """Draw the switch; before there are sequences, their cost and a button that makes them."""
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
        help=f"The first {dtw.CANDIDATES} hits are ranked again, by how they change over time and by the cosine.",
    )
    st.caption("Helps words and calls; hurts steady sounds such as rain, engines, hum.")
    if st.session_state.get(_SWITCH) and not dtw.is_warm():
        _show_warm_up()
    key = f"label.advice.{dataset.id}"

    def ask() -> None:
        opened = session.still(dataset.id)
        if opened is None:
            return
        try:
            st.session_state[key] = rerank_advice(opened) or "Too few labels: this needs 20 clips with two labels."
        except HoverError as error:
            st.session_state[key] = plain(str(error))

    advice = st.session_state.get(key)
    st.button("Would it help here?", key="label.advise", on_click=ask, help="Tests it on the labelled clips")
    if isinstance(advice, Advice):
        better = advice.reranked - advice.plain
        words = "switch it on" if better > 0.01 else "leave it off" if better < -0.01 else "it makes no difference"
        st.caption(
            f"Of the ten clips nearest to each of {count_of(advice.asked, 'labelled clip')}, {advice.plain:.0%} have "
            f"the same label; frame by frame, {advice.reranked:.0%}: **{words}** ({advice.took_s:.1f} s)."
        )
    elif advice:
        st.caption(advice)


def _offer(dataset: Dataset) -> None:
    size = dataset.row.size
    disk_mb, memory_mb = size * dtw.BYTES_A_CLIP / 1e6, size * dtw.MOST_MEMORY_A_CLIP / 1e6
    cost = f"{count_of(size, 'clip')} take {disk_mb:,.0f} MB on disk and at most {memory_mb:,.0f} MB of memory"
    st.markdown("**Compare frame by frame (DTW)**")
    st.caption(f"Helps words and calls; hurts steady sounds such as rain, engines, hum. {cost}.")
    if session.person().role != OWNER:
        st.caption("The owner of this dataset can prepare it.")
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
    left_s = job.progress.get("left_s")
    words = f"{done:,} of {total:,} clips" + (f", {left_s:,.0f} s left" if left_s else "")
    st.progress(min(1.0, done / total) if total else 0.0, f"Preparing to compare frame by frame: {words}")
    if dataset.by.role == OWNER:
        st.button("Stop", key="label.sequences_stop", on_click=queue.cancel, args=(dataset,))


@st.fragment(run_every=0.5)
def _show_warm_up() -> None:
    if dtw.is_warm():
        st.rerun()
    st.caption("Preparing the comparison …")
