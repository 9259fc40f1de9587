"""Cutting long recordings into clips, on Upload: the settings, the progress, and the result."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from hover_core.audio.segmentation import Cut
from hover_core.data.credentials import mask_credentials
from hover_core.errors import HoverError
from hover_core.jobs import cut_settings, job_kinds, queue
from hover_core.store.job_rows import Job
from hover_core.tables import rows
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import count_of, plain, time_goes

_WAYS = {"no": "Not cut", "fixed": "Every few seconds", "pauses": "At silences"}
_LABELS = {
    "aside": "Kept in a column, because it may not fit every clip",
    "each": "Given to every clip",
}


def choice(digest: str, *, labelled: bool) -> tuple[Cut | None, str]:
    """Draw the settings for cutting the recordings of a table.

    Parameters
    ----------
    digest
        Identifies the table: another table starts with new settings.
    labelled
        The table has labels, so the person chooses what happens to them.

    Returns
    -------
    tuple of (Cut or None, str)
        How to cut, None for not at all; and `aside` or `each` for the labels.
    """
    with st.expander("Long recordings: cut them into clips", icon=":material/content_cut:"):
        way = st.segmented_control(
            "Recordings are cut",
            list(_WAYS),
            format_func=_WAYS.__getitem__,
            default="no",
            required=True,
            key=f"upload.cut.{digest}",
            label_visibility="collapsed",
        )
        if way == "no":
            st.caption("Each row is one clip. If the rows are recordings of minutes or hours, choose how to cut them.")
            return None, "aside"
        numbers: dict[str, float] = {}
        with st.grid(4, min_column_width=150):
            if way == "fixed":
                numbers["length_s"] = st.number_input(
                    "Length (s)", 0.1, 3600.0, 5.0, 0.5, key=f"upload.length.{digest}"
                )
                numbers["overlap_s"] = st.number_input(
                    "Overlap (s)",
                    0.0,
                    3600.0,
                    0.0,
                    0.5,
                    key=f"upload.overlap.{digest}",
                    help="How much of a clip the next clip repeats.",
                )
            else:
                numbers["length_s"] = st.number_input(
                    "Longest (s)",
                    0.1,
                    3600.0,
                    10.0,
                    1.0,
                    key=f"upload.longest.{digest}",
                    help="A longer stretch of sound is cut where it is quietest.",
                )
                numbers["pause_s"] = st.number_input(
                    "Pause of at least (s)", 0.02, 60.0, 0.3, 0.1, key=f"upload.pause.{digest}"
                )
                numbers["quiet_db"] = st.number_input(
                    "Quiet is below (dB)",
                    1.0,
                    90.0,
                    30.0,
                    5.0,
                    key=f"upload.quiet.{digest}",
                    help="Below the loudest moment of the recording. Choose less if there is noise between sounds.",
                )
        labels = "aside"
        if labelled:
            labels = st.radio(
                "The label of a recording is",
                list(_LABELS),
                format_func=_LABELS.__getitem__,
                key=f"upload.cutlabels.{digest}",
                horizontal=True,
            )
        st.caption(
            "Every recording is first downloaded and measured. Its clips form one group, which a split keeps together."
        )
        try:
            return Cut(str(way), **numbers), str(labels)
        except HoverError as error:
            st.error(plain(str(error)))
            st.stop()


def show_progress(dataset: Dataset) -> bool:
    """Draw the newest cutting job if it runs or is the last job. Returns whether there was one."""
    job = queue.tend(dataset)
    if job is None or job.kind != job_kinds.CUT or st.session_state.get("upload.cut_seen") == job.id:
        return False
    if job.running:
        _show_running(dataset)
    else:
        _show_end(dataset, job)
    return True


def bar(job: Job) -> None:
    """Draw the progress of a cutting job in one line. Every page that shows running jobs uses it."""
    progress = job.progress
    total, finished = int(progress.get("total", 0)), int(progress.get("done", 0)) + int(progress.get("failed", 0))
    if not total:
        st.progress(0.0, "Starting …" if job.attempts <= 1 else "Resuming …")
        return
    words = [f"{finished:,}/{total:,} recordings", f"{cut_settings.outcome(job).new:,} clips"]
    left_s = progress.get("left_s")
    words += [f"{left_s:,.0f} s left" if left_s < 90 else f"{left_s / 60:,.0f} min left"] if left_s is not None else []
    limit = {"network": "the network is the limit", "machine": "this machine is the limit"}.get(
        progress.get("limit", "")
    )
    st.progress(min(1.0, finished / total), " · ".join([*words, *([limit] if limit else [])]))


@st.fragment(run_every=1.0)
def _show_running(dataset: Dataset) -> None:
    job = queue.tend(dataset)
    if job is None or not job.running or job.kind != job_kinds.CUT:
        st.rerun()
    st.subheader("Cutting recordings into clips")
    with st.container(horizontal=True, vertical_alignment="center"):
        bar(job)
        if st.button("Cancel", icon=":material/stop:", key="upload.cancel", disabled=job.cancel):
            queue.cancel(dataset)
    goes = time_goes(job.progress.get("shares", {}))
    st.caption(
        f"{goes} The work goes on when you close this page. Clips of a finished recording are in the dataset at once."
    )


def _show_end(dataset: Dataset, job: Job) -> None:
    result = cut_settings.outcome(job)
    words = [f"{count_of(result.new, 'clip')} cut from {count_of(result.recordings, 'recording')}"]
    words += [f"{result.known:,} were in the dataset already"] if result.known else []
    if job.state == "failed":
        reason = plain(job.progress.get("message") or "see its log")
        st.error(f"The job failed: {reason} · {' · '.join(words)}", icon=":material/error:")
    elif job.state == "cancelled":
        st.info(f"Cancelled. Finished work is kept: {' · '.join(words)}", icon=":material/stop:")
    else:
        st.success(" · ".join(words), icon=":material/check:")
    if result.failures:
        _failures(dataset, result)
    with st.container(horizontal=True, vertical_alignment="center"):
        if dataset.row.size:
            st.page_link("owner/split.py", label="Next: split", icon=":material/arrow_forward:")
            st.page_link("owner/vectorize.py", label="Skip to the map", icon=":material/scatter_plot:")
        if st.button("Add another table", icon=":material/add:", key="upload.another"):
            st.session_state["upload.cut_seen"] = job.id
            st.rerun()


def _failures(dataset: Dataset, result: cut_settings.CutResult) -> None:
    frame = pd.DataFrame([{"address": mask_credentials(address), "why": reason} for address, reason in result.failures])
    title = f"{count_of(len(frame), 'recording')} could not be cut"
    with st.expander(title, icon=":material/volume_off:", expanded=len(frame) < 20):
        st.dataframe(frame.head(500), hide_index=True, width="stretch", alt="Recordings that could not be cut, and why")
        with st.container(horizontal=True):
            if st.button("Retry these", icon=":material/refresh:", key="upload.cut_retry"):
                with session.errors_shown():
                    queue.retry_cut(dataset)
                    st.rerun()
            safe = frame.map(rows.neutralise)
            st.download_button("Download", safe.to_csv(index=False), "failed-recordings.csv", "text/csv")
