"""The queue of long work: starts, checks, retries and cancels jobs.

It knows kinds and settings of jobs only; the process of a job looks up the work, in `worker`. Functions that start or
cancel jobs raise NotAllowed if the role of the person does not permit it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hover_core.audio.segmentation import Cut
from hover_core.errors import HoverError, Refused
from hover_core.jobs import job_kinds, process
from hover_core.jobs.cut_settings import CutSettings, outcome, settings_of
from hover_core.jobs.fetch_log import fetch_log_of
from hover_core.numerics import reducers
from hover_core.store import job_rows, vector_rows
from hover_core.store.job_rows import Job
from hover_core.store.vector_rows import Embedding
from hover_core.tables.intake import Intake
from hover_core.vectorizers import mfcc, registry
from hover_core.workspace import corpus, vector_keys
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.vector_keys import DEFAULT_VECTORIZER

_ATTEMPTS: Final = 5  # in a row without progress
DRAW: Final = ("again", "onto")
PART_AT_LEAST: Final = 5
PART_AT_MOST: Final = 200_000  # clips in a map of a part
_LOOK_S: Final = 0.02


def start(
    dataset: Dataset,
    *,
    vectorizer: str = DEFAULT_VECTORIZER,
    reducer: str = "umap",
    draw: str = "again",
    **options: Any,
) -> Job:
    """Start vectorizing and mapping a dataset in a separate process; return at once.

    Parameters
    ----------
    vectorizer
        A name or key from `hover_core.vectorizers`.
    reducer
        A name from `hover_core.numerics.reducers`.
    draw
        `again`: draw a new map, aligned with the old one, which stays in use until then. `onto`: place new clips on the
        newest map, if it is of this vectorizer, and move no other; else draw a new one.
    options
        `dimension`, and settings of the reducer.

    Raises
    ------
    Refused
        The dataset is empty, a job of it is running, or a name or setting is unknown.
    """
    dataset.by.allow("own", dataset.id)
    if draw not in DRAW:
        raise Refused(f"draw={draw!r} must be one of {', '.join(DRAW)}")
    key = vectorizer if vector_keys.is_imported(dataset.store, dataset.id, vectorizer) else registry.get(vectorizer).key
    reducers.Reducer(reducer, int(options.get("dimension", 2)), options)
    if not dataset.row.size:
        raise Refused("the dataset has no clips yet: add a table first")
    settings = {"vectorizer": key, "reducer": reducer, "options": options, "draw": draw}
    job_id = _add(dataset, job_kinds.MAP, settings)
    dataset.change_settings(vectorizer=key)
    return _launch(dataset, job_id)


def start_part(dataset: Dataset, positions: Sequence[int], parent: Embedding) -> Job:
    """Start a map of the clips at `positions` only, because a lasso cannot separate what lies inside one big cloud.

    Raises
    ------
    Refused
        There are fewer than `PART_AT_LEAST` or more than `PART_AT_MOST` clips, or a job of the dataset is running.
    """
    dataset.by.allow("label", dataset.id)
    if not PART_AT_LEAST <= len(positions) <= PART_AT_MOST:
        clips = "1 clip" if len(positions) == 1 else f"{len(positions):,} clips"
        raise Refused(f"{clips}: a map of its own takes {PART_AT_LEAST} to {PART_AT_MOST:,}")
    settings = {
        "vectorizer": parent.vectorizer,
        "reducer": "umap",
        "options": {},
        "only": [int(position) for position in positions],
        "parent": parent.id,
    }
    return _launch(dataset, _add(dataset, job_kinds.PART, settings))


def start_sequences(dataset: Dataset) -> Job:
    """Start computing the sequences for re-ranking a search (`hover_core.numerics.dtw`); return at once.

    Clips that have a sequence are skipped, so that a cancelled job can be resumed. A clip takes about 5 kB.

    Raises
    ------
    Refused
        A job of the dataset is running, or there are no clips.
    """
    dataset.by.allow("own", dataset.id)
    if not dataset.row.size:
        raise Refused("the dataset has no clips yet: add a table first")
    return _launch(dataset, _add(dataset, job_kinds.SEQUENCES, {"vectorizer": mfcc.FRAMES.key}))


def start_cut(dataset: Dataset, intake: Intake, cut: Cut, *, labels: str = "aside") -> Job:
    """Start cutting the recordings of a table in a separate process; return at once.

    Parameters
    ----------
    intake, cut, labels : see `CutSettings`.

    Raises
    ------
    Refused
        There is no recording, there are too many, or a job of the dataset is running.
    """
    dataset.by.allow("own", dataset.id)
    return _launch(dataset, _add(dataset, job_kinds.CUT, CutSettings(intake, cut, labels).as_dict()))


def retry_cut(dataset: Dataset) -> Job:
    """Cut the recordings that failed in the newest job of this kind again, with its settings.

    Raises
    ------
    Refused
        Nothing has failed, or a job of the dataset is running.
    """
    dataset.by.allow("own", dataset.id)
    newest = job_rows.newest_job(dataset.store, dataset.id, kind=job_kinds.CUT)
    if newest is None or newest.running:
        raise Refused("nothing has failed: cut recordings first, and wait until that ends")
    failures = {address for address, _ in outcome(newest).failures}
    settings = settings_of(newest)
    intake = replace(settings.intake, clips=[clip for clip in settings.intake.clips if clip.url in failures])
    return start_cut(dataset, intake, settings.cut, labels=settings.labels)


def retry_failures(dataset: Dataset) -> Job:
    """Vectorize the clips that failed in the newest job again, with its settings.

    Raises
    ------
    Refused
        There was no job, or a job of the dataset is running.
    """
    dataset.by.allow("own", dataset.id)
    newest = job_rows.newest_job(dataset.store, dataset.id, kind=job_kinds.MAP)
    if newest is None:
        raise Refused("nothing has failed: vectorize first")
    vector_rows.forget_failures(dataset.store, dataset.id, newest.settings["vectorizer"])
    return start(
        dataset,
        vectorizer=newest.settings["vectorizer"],
        reducer=newest.settings["reducer"],
        draw="onto",
        **newest.settings["options"],
    )


def tend(dataset: Dataset) -> Job | None:
    """The newest job of a dataset, or None; if its process has died, starts the next attempt.

    After `_ATTEMPTS` attempts without progress the job is marked as failed.
    """
    newest = job_rows.newest_job(dataset.store, dataset.id)
    process.reap()
    if newest is None or not newest.running:
        return newest
    if newest.alive():
        return newest
    if newest.attempts - int(newest.progress.get("progressed_at_attempt", 0)) >= _ATTEMPTS:
        progress = {**newest.progress, "message": "the process died several times: see its log in the data folder"}
        job_rows.end_job(dataset.store, newest.id, newest.attempts, "failed", progress)
        fetch_log_of(newest).discard()
    else:
        process.launch(dataset.store, newest.id, newest.attempts)
    return job_rows.job(dataset.store, newest.id)


def tend_all(datasets: Datasets) -> None:
    """Start the next attempt of every job whose process has died, for example after a restart of the machine."""
    for job in job_rows.running_jobs(datasets.store):
        tend(datasets.open(job.dataset_id))


def await_map(dataset: Dataset, job: Job, *, seen: int, seconds: float) -> None:
    """Return when there is a newer map than the one with the id `seen`, when the job has ended, or after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        state, newest = job_rows.state_and_map(dataset.store, job.id)
        left_s = until - time.monotonic()
        if state != job_rows.RUNNING or newest > seen or left_s <= 0:
            return
        time.sleep(min(_LOOK_S, left_s))


def cancel(dataset: Dataset) -> None:
    """Ask the running job to stop; its results so far stay."""
    dataset.by.allow("own", dataset.id)
    newest = tend(dataset)
    if newest and newest.running:
        job_rows.ask_to_cancel(dataset.store, newest.id)


def mend(dataset: Dataset, embedding: Embedding, *, per_group: bool) -> Job:
    """Set whether map and search remove group differences, and draw the map again.

    Raises
    ------
    Refused
        No clip has a group, or a job of the dataset is running; then the setting does not change.
    """
    before = corpus.is_per_group(dataset.store, dataset.id)
    newest = job_rows.newest_job(dataset.store, dataset.id, kind=job_kinds.MAP)
    options = dict(newest.settings["options"]) if newest and newest.settings["reducer"] == embedding.reducer else {}
    dataset.normalise_per_group(on=per_group)
    try:
        return start(dataset, vectorizer=embedding.vectorizer, reducer=embedding.reducer, **options)
    except HoverError:
        dataset.normalise_per_group(on=before)
        raise


def _add(dataset: Dataset, kind: str, settings: Mapping[str, Any]) -> int:
    """Add a job. A job whose process has died is started again first, so that it counts as running."""
    tend(dataset)
    return job_rows.add_job(dataset.store, dataset.id, kind, settings)


def _launch(dataset: Dataset, job_id: int) -> Job:
    process.launch(dataset.store, job_id)
    return job_rows.job(dataset.store, job_id)
