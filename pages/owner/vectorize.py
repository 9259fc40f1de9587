"""The Map page: turns clips into vectors and vectors into a map. The work goes on when the page is closed."""

from typing import Any

import pandas as pd
import streamlit as st

from hover_core.analysis import maps
from hover_core.jobs import queue
from hover_core.numerics import reducers
from hover_core.store import job_rows, vector_rows
from hover_core.store.job_rows import Job
from hover_core.vectorizers import registry
from hover_core.workspace import corpus, vector_keys
from hover_core.workspace.vector_keys import DEFAULT_VECTORIZER
from pages.components import cut_recordings, preload, session
from pages.components.clip_map import clip_map
from pages.components.confounds import confounds
from pages.components.own_vectors import own_vectors_box
from pages.components.text import count_of, plain, time_goes

LIMITS = {
    "network": "the network is the limit",
    "machine": "this machine is the limit",
    "workers": "the Dask workers are the limit",
}

EVERY_S = 0.4  # how often the progress bar is drawn again
LOOK_S = 0.3  # how long of that a run waits for the next map

dataset = session.needs()


def main() -> None:
    """Draw the folded settings and one button, then the progress bar, and the map as soon as there is one."""
    st.subheader("Map")
    job = queue.tend(dataset)
    running = job is not None and job.running
    st.fragment(_work, run_every=EVERY_S if running else None)(running)
    if running:
        _failures(running=True)
    own_vectors_box(dataset, running=running)
    if dataset.embedding() is None:
        preload.map_soon()


def _work(running: bool) -> None:
    """The buttons or the running job, and the map. While a job runs, this fragment runs again without the page."""
    job = queue.tend(dataset)
    newest = dataset.embedding()
    unseen = newest is not None and newest.id != st.session_state.get("vectorize.drawn")
    # draw the last map of a job before the whole page runs again, which keeps the browser busy
    if running != (job is not None and job.running) and not (running and unseen):
        st.rerun()
    # a container for each, so that the map stays the same element in every run
    work, failed, about, map_box = st.container(), st.container(), st.container(), st.container()
    if job is None or not running:
        with work:
            last = job_rows.newest_job(dataset.store, dataset.id, kind="map")
            _start(last)
            if last is not None:
                _show_end(last)
        with failed:
            _failures(running=False)
        _map(about, map_box, busy=False)
        return
    with work:
        _bar(job)
    queue.await_map(dataset, job, seen=st.session_state.get("vectorize.drawn", 0), seconds=LOOK_S)
    _map(about, map_box, busy=True)


def _start(job: Job | None) -> None:
    choices = {v.key: (v.title, v.good_for) for v in registry.available_vectorizers()}
    imported = {key: _imported_choice(key) for key in vector_keys.all_brought(dataset.store, dataset.id)}
    choices |= imported
    in_use = dataset.vectorizer_key if dataset.vectorizer_key in choices else DEFAULT_VECTORIZER
    with st.expander("Settings", icon=":material/tune:"):
        key = st.radio(
            "Vectorizer",
            list(choices),
            index=list(choices).index(in_use),
            format_func=lambda k: plain(choices[k][0]),
            captions=[plain(good_for) for _, good_for in choices.values()],
            key="vectorize.vectorizer",
        )
        reducer, options = _reducer(job)
        group = plain(str(dataset.row.settings.get("group_column") or "group"))
        removed = corpus.is_per_group(dataset.store, dataset.id) and dataset.has_groups
        per_group = st.toggle(
            f"Remove {group} differences",
            removed,
            disabled=not dataset.has_groups,
            key=f"vectorize.per_group.{dataset.id}.{removed}",  # a new key when it is set elsewhere
            help=f"For map and search: removes what all clips of one {group} share, such as a voice or a microphone, "
            "so that clips lie together by their label. "
            + ("Stored vectors do not change." if dataset.has_groups else "Choose the group column on Split first."),
        )
        for problem in (*registry.problems(), *reducers.problems()):
            st.warning(f"Not available: {plain(problem)}", icon=":material/extension_off:")
        note = "" if key in imported else " Another setting computes new vectors and keeps these."
        st.caption(f"Vectors are stored as `{key}`.{note}")
    vectorized = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key))
    failed = len(dataset.failures(key))
    pending = 0 if key in imported else dataset.row.size - vectorized - failed
    current = maps.main_map(dataset)
    base = current if current is not None and current.vectorizer == key else None  # the map to place new clips on
    grows, unplaced = base is not None, 0 if base is None else len(maps.positions_without_place(dataset, base))
    with st.container(horizontal=True, vertical_alignment="center"):
        if grows and pending + unplaced:
            text = (
                f"Vectorize {count_of(pending, 'more clip')} and place them"
                if pending
                else f"Place {count_of(unplaced, 'clip')} on the map"
            )
            if st.button(text, type="primary", icon=":material/add_location_alt:", key="vectorize.place"):
                _begin(key, reducer, "onto", options)
        if grows:
            text = "Draw the map again"
        elif pending:
            text = f"Vectorize {count_of(pending, 'more clip' if vectorized else 'clip')} and draw the map"
        else:
            text = "Draw the map"
        if st.button(
            text, type="secondary" if grows else "primary", icon=":material/play_arrow:", key="vectorize.start"
        ):
            _begin(key, reducer, "again", options, per_group=per_group)
        st.caption(_about(pending, grows=grows), width="content")


def _imported_choice(key: str) -> tuple[str, str]:
    count = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key))
    missing = dataset.row.size - count
    others = f"; {count_of(missing, 'clip')} without one will not be on the map" if missing else ""
    return key.removeprefix(vector_keys.PREFIX), f"Imported: {count_of(count, 'vector')}{others}."


def _begin(key: str, reducer: str, draw: str, options: dict[str, Any], *, per_group: bool | None = None) -> None:
    with session.errors_shown():
        if per_group is not None and dataset.has_groups:
            dataset.normalise_per_group(on=per_group)
        queue.start(dataset, vectorizer=key, reducer=reducer, draw=draw, **options)
        st.rerun()


def _about(pending: int, *, grows: bool) -> str:
    estimate = _span(pending / 120 + 1 + dataset.row.size / 4000)
    if grows and pending:
        return "placing moves no clip that is on the map; a map that is drawn again is aligned with the old one"
    if grows:
        return f"about {estimate}; the old map stays until the new one is ready, which is aligned with it"
    return f"about {estimate}; the map is fitted on raw, train and dev clips, then test clips are placed on it"


def _reducer(job: Job | None) -> tuple[str, dict[str, Any]]:
    """The reducer and its settings, which start as in the last job."""
    before = job.settings.get("options", {}) if job else {}
    kinds = {kind.name: kind for kind in reducers.kinds()}
    names = list(kinds)
    last = job.settings.get("reducer") if job else None
    with st.grid(5, min_column_width=140):
        name = st.selectbox(
            "Reducer",
            names,
            index=names.index(last) if last in names else 0,
            format_func=lambda name: kinds[name].title,
            key="vectorize.reducer",
            help="  \n".join(f"**{plain(kind.title)}**: {plain(kind.good_for)}" for kind in kinds.values()),
        )
        dimension = st.number_input(
            "Dimensions",
            2,
            reducers.MOST_DIMENSIONS,
            int(before.get("dimension", 2)),
            key="vectorize.dimension",
            help="With more than two, choose on the map which two are its axes.",
        )
        if name not in ("umap", "umap-learn"):
            return name, {"dimension": int(dimension)}
        n_neighbors = st.number_input(
            "Neighbours",
            2,
            200,
            int(before.get("n_neighbors", 15)),
            key="vectorize.neighbors",
            help="Larger gives fewer, bigger clouds; smaller gives more, finer clouds.",
        )
        min_dist = st.number_input(
            "Minimum distance",
            0.0,
            0.99,
            float(before.get("min_dist", 0.1)),
            0.05,
            key="vectorize.min_dist",
            help="Smaller values pack clouds tighter, which makes them easier to lasso.",
        )
        seed = st.number_input(
            "Seed",
            0,
            10_000,
            int(before.get("random_state", 0)),
            key="vectorize.seed",
            help="The same seed draws the same map.",
        )
    return name, {
        "dimension": int(dimension),
        "n_neighbors": int(n_neighbors),
        "min_dist": float(min_dist),
        "random_state": int(seed),
    }


def _bar(job: Job) -> None:
    progress = job.progress
    phase, done, total = progress.get("phase", "starting"), progress.get("done", 0), progress.get("total", 0)
    left_s = progress.get("left_s")
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.kind == "cut":
            cut_recordings.bar(job)
        elif phase == "vectors" and total:
            finished = done + progress.get("failed", 0)
            words = [f"{finished:,}/{total:,} clips", f"{progress.get('rate', 0):,.0f} clips/s"]
            words += [f"{_span(left_s)} left"] if left_s is not None else []
            words += [LIMITS[progress["limit"]]] if progress.get("limit") else []
            st.progress(min(1.0, finished / total), " · ".join(words))
        elif phase == "map" and total:
            epoch = f"Drawing the map: epoch {done:,} of {total:,}" + (f" · {_span(left_s)} left" if left_s else "")
            st.progress(min(1.0, done / total), epoch)
        elif phase == "map":
            st.progress(0.0, "Drawing the map: finding neighbours")
        else:
            st.progress(0.0, "Starting …" if not job.attempts > 1 else "Resuming …")
        if st.button("Cancel", icon=":material/stop:", key="vectorize.cancel", disabled=job.cancel):
            queue.cancel(dataset)
    goes = time_goes(progress.get("shares", {})) if phase in ("vectors", "cut") else ""
    st.caption(f"{goes} The work goes on when you close this page.")


def _show_end(job: Job) -> None:
    if job.state == "failed":
        st.error(f"The job failed: {plain(job.progress.get('message') or 'see its log')}", icon=":material/error:")
    elif job.state == "cancelled":
        st.info("Cancelled. Finished work is kept; start again to continue.", icon=":material/stop:")


def _failures(*, running: bool) -> None:
    failures = dataset.failures()
    if not failures:
        return
    # by name and address: clips do not store their row, and a dataset may have several tables
    names = dataset.names([failure.position for failure in failures])
    rows = pd.DataFrame(
        [(*names.get(failure.position, ("", "")), failure.reason) for failure in failures],
        columns=["clip", "address", "why"],
    )
    with st.expander(
        f"{count_of(len(failures), 'clip')} could not be turned into vectors",
        icon=":material/volume_off:",
        expanded=len(failures) < 20,
    ):
        st.dataframe(rows, hide_index=True, width="stretch", alt="Clips without a vector, and why")
        if st.button("Retry these", icon=":material/refresh:", key="vectorize.retry", disabled=running):
            with session.errors_shown():
                queue.retry_failures(dataset)
                st.rerun()


def _map(about: Any, map_box: Any, *, busy: bool) -> None:
    embedding = dataset.embedding()
    if embedding is None:
        return
    st.session_state["vectorize.drawn"] = embedding.id
    with map_box:  # first: the text about it takes longer
        clip_map(dataset, embedding, key="vectorize.map", height=420)
    if not embedding.placeholder:
        with about:
            st.page_link("annotator/label.py", label="Next: label", icon=":material/arrow_forward:")
            confounds(dataset, embedding, busy=busy)


def _span(seconds: float) -> str:
    seconds = max(1, round(seconds))
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


main()
