"""Map: every clip becomes a vector, the vectors a map; long work that goes on when this page is closed."""

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

EVERY_S = 0.4  # the bar moves
LOOK_S = 0.3  # of these a run waits for the next map, which is then drawn at once

dataset = session.needs()


def main() -> None:
    """Settings folded away, one button, then the bar and the map as soon as it can be drawn."""
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
    """What to do or what is being done, and the map; while a job runs, it runs again and again, without the page."""
    job = queue.tend(dataset)
    newest = dataset.embedding()
    unseen = newest is not None and newest.id != st.session_state.get("vectorize.drawn")
    # the last map of a job is drawn before the page is made anew, which keeps the browser busy
    if running != (job is not None and job.running) and not (running and unseen):
        st.rerun()
    # a place for each, so that the map is the same element in every run and stays as it is
    work, failed, about, drawn = st.container(), st.container(), st.container(), st.container()
    if job is None or not running:
        with work:
            last = job_rows.newest_job(dataset.store, dataset.id, kind="map")
            _start(last)
            if last is not None:
                _show_end(last)
        with failed:
            _failures(running=False)
        _map(about, drawn, busy=False)
        return
    with work:
        _bar(job)
    queue.await_map(dataset, job, seen=st.session_state.get("vectorize.drawn", 0), seconds=LOOK_S)
    _map(about, drawn, busy=True)


def _start(job: Job | None) -> None:
    known = {v.key: (v.title, v.good_for) for v in registry.available_vectorizers()}
    own = {key: _imported_choice(key) for key in vector_keys.all_brought(dataset.store, dataset.id)}
    known |= own
    in_use = dataset.vectorizer_key if dataset.vectorizer_key in known else DEFAULT_VECTORIZER
    with st.expander("Settings", icon=":material/tune:"):
        key = st.radio(
            "Vectorizer",
            list(known),
            index=list(known).index(in_use),
            format_func=lambda k: plain(known[k][0]),
            captions=[plain(good_for) for _, good_for in known.values()],
            key="vectorize.vectorizer",
        )
        reducer, options = _reducer(job)
        group = plain(str(dataset.row.settings.get("group_column") or "group"))
        taken_out = corpus.is_per_group(dataset.store, dataset.id) and dataset.has_groups
        per_group = st.toggle(
            f"Take out what each {group} has in common",
            taken_out,
            disabled=not dataset.has_groups,
            key=f"vectorize.per_group.{dataset.id}.{taken_out}",  # what was set elsewhere counts
            help="Its voice, its microphone: for map and search, so that clouds are labels and not speakers. "
            + ("Stored vectors stay as they are." if dataset.has_groups else "Choose the group column on Split first."),
        )
        for problem in (*registry.problems(), *reducers.problems()):
            st.warning(f"Not offered: {plain(problem)}", icon=":material/extension_off:")
        anew = "" if key in own else ": another setting computes anew and forgets nothing"
        st.caption(f"Vectors are kept as `{key}`{anew}.")
    have = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key))
    failed = len(dataset.failures(key))
    pending = 0 if key in own else dataset.row.size - have - failed
    standing = maps.main_map(dataset)
    grown = standing if standing is not None and standing.vectorizer == key else None  # what new clips are placed on
    grows, unplaced = grown is not None, 0 if grown is None else len(maps.positions_without_place(dataset, grown))
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
            text = f"Vectorize {count_of(pending, 'more clip' if have else 'clip')} and draw the map"
        else:
            text = "Draw the map"
        if st.button(
            text, type="secondary" if grows else "primary", icon=":material/play_arrow:", key="vectorize.start"
        ):
            _begin(key, reducer, "again", options, per_group=per_group)
        st.caption(_about(pending, grows=grows), width="content")


def _imported_choice(key: str) -> tuple[str, str]:
    have = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key))
    missing = dataset.row.size - have
    others = f"; {count_of(missing, 'clip')} without one will not be on the map" if missing else ""
    return key.removeprefix(vector_keys.PREFIX), f"Brought along: {count_of(have, 'vector')}{others}."


def _begin(key: str, reducer: str, draw: str, options: dict[str, Any], *, per_group: bool | None = None) -> None:
    with session.errors_shown():
        if per_group is not None and dataset.has_groups:
            dataset.normalise_per_group(on=per_group)
        queue.start(dataset, vectorizer=key, reducer=reducer, draw=draw, **options)
        st.rerun()


def _about(pending: int, *, grows: bool) -> str:
    estimate = _span(pending / 120 + 1 + dataset.row.size / 4000)
    if grows and pending:
        return "placing moves nothing that is there; drawn again, the map is laid on the old one"
    if grows:
        return f"about {estimate}; the old map stays until the new one is there, which is laid on it"
    return f"about {estimate}; fitted on raw, train and dev, test is only placed"


def _reducer(job: Job | None) -> tuple[str, dict[str, Any]]:
    """What draws the map, and its settings: those of the last time, unless they are changed."""
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
            help="More than two: choose on the map which two are its axes.",
        )
        if name not in ("umap", "umap-learn"):
            return name, {"dimension": int(dimension)}
        n_neighbors = st.number_input(
            "Neighbours",
            2,
            200,
            int(before.get("n_neighbors", 15)),
            key="vectorize.neighbors",
            help="Larger: fewer, bigger clouds. Smaller: more, finer ones.",
        )
        min_dist = st.number_input(
            "Minimum distance",
            0.0,
            0.99,
            float(before.get("min_dist", 0.1)),
            0.05,
            key="vectorize.min_dist",
            help="Smaller packs clouds tighter, which makes them easier to lasso.",
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
    left = progress.get("left_s")
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.kind == "cut":
            cut_recordings.bar(job)
        elif phase == "vectors" and total:
            finished = done + progress.get("failed", 0)
            words = [f"{finished:,}/{total:,} clips", f"{progress.get('rate', 0):,.0f} clips/s"]
            words += [f"{_span(left)} left"] if left is not None else []
            words += [LIMITS[progress["limit"]]] if progress.get("limit") else []
            st.progress(min(1.0, finished / total), " · ".join(words))
        elif phase == "map" and total:
            epoch = f"Drawing the map: epoch {done:,} of {total:,}" + (f" · {_span(left)} left" if left else "")
            st.progress(min(1.0, done / total), epoch)
        elif phase == "map":
            st.progress(0.0, "Drawing the map: finding neighbours")
        else:
            st.progress(0.0, "Starting …" if not job.attempts > 1 else "Taking the work up where it was …")
        if st.button("Cancel", icon=":material/stop:", key="vectorize.cancel", disabled=job.cancel):
            queue.cancel(dataset)
    goes = time_goes(progress.get("shares", {})) if phase in ("vectors", "cut") else ""
    st.caption(f"{goes} This goes on when you close the page.")


def _show_end(job: Job) -> None:
    if job.state == "failed":
        st.error(
            f"The work ended early: {plain(job.progress.get('message') or 'see its log')}", icon=":material/error:"
        )
    elif job.state == "cancelled":
        st.info("Cancelled. What was done is kept; start again to go on from there.", icon=":material/stop:")


def _failures(*, running: bool) -> None:
    failures = dataset.failures()
    if not failures:
        return
    # by name and address: a clip does not know its row, and its dataset may be of several tables
    named = dataset.names([failure.position for failure in failures])
    rows = pd.DataFrame(
        [(*named.get(failure.position, ("", "")), failure.reason) for failure in failures],
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


def _map(about: Any, drawn: Any, *, busy: bool) -> None:
    embedding = dataset.embedding()
    if embedding is None:
        return
    st.session_state["vectorize.drawn"] = embedding.id
    with drawn:  # first: what is said about it takes longer
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
