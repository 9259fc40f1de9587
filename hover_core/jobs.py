"""Long work in a process of its own: clips → vectors → map.

`python -m hover_core.jobs run ID ATTEMPT` is that process; pages and notebooks only start it, look at it and ask it to
stop. It commits as it goes, so that a killed process is taken up where it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from hover_core import dtw, job_rows, mapping, own_vectors, reducers, settings, vector_rows, vectorizers
from hover_core.dataset import DEFAULT_VECTORIZER, Dataset, Datasets
from hover_core.errors import HoverError, Refused
from hover_core.job_rows import Job
from hover_core.receipts import Receipts
from hover_core.reducers import Cancelled
from hover_core.store import Store
from hover_core.vector_rows import Embedding
from hover_core.vectorizing import Progress, Vectorizing

_ATTEMPTS: Final = 5  # without progress in between

DRAW: Final = ("again", "onto")
PART_AT_LEAST: Final = 5
PART_AT_MOST: Final = 200_000  # clips in a map of a part

_LOOK_S: Final = 0.02
_SPARE_AFTER_S: Final = 5.0  # the next spare starts up when the first map of this job stands, not beside it

_children: dict[int, subprocess.Popen[bytes]] = {}
_spare: subprocess.Popen[bytes] | None = None
_next_spare: threading.Timer | None = None
_sparing = threading.Lock()
_log = logging.getLogger("hover_core.jobs")


# for pages and notebooks ----------------------------------------------------------------------------------------------


def start(
    dataset: Dataset,
    *,
    vectorizer: str = DEFAULT_VECTORIZER,
    reducer: str = "umap",
    draw: str = "again",
    **options: Any,
) -> Job:
    """Start vectorizing and mapping a dataset in a process of its own; return at once.

    Parameters
    ----------
    vectorizer
        A name or key from `hover_core.vectorizers`.
    reducer
        A name from `hover_core.reducers`.
    draw
        `again`: a new map, laid on the old one, which stays in use until then. `onto`: where a map of this vectorizer
        stands, clips that have come since are placed on it and nothing else moves; where none stands, a new one.
    options
        `dimension`, and what the reducer takes.

    Raises
    ------
    Refused
        The dataset is empty, a job of it is running, or a name is unknown.
    """
    dataset.by.allow("own", dataset.id)
    if draw not in DRAW:
        raise Refused(f"draw={draw!r} must be one of {', '.join(DRAW)}")
    key = vectorizer if own_vectors.brought(dataset, vectorizer) else vectorizers.get(vectorizer).key
    reducers.Reducer(reducer, int(options.get("dimension", 2)), options)
    if not dataset.row.size:
        raise Refused("the dataset has no clips yet: add a table first")
    previous = job_rows.newest_job(dataset.store, dataset.id)
    if previous and previous.running:
        tend(dataset)
    given = {"vectorizer": key, "reducer": reducer, "options": options, "draw": draw}
    job_id = job_rows.add_job(dataset.store, dataset.id, "map", given)
    dataset.change_settings(vectorizer=key)
    launch(dataset.store, job_id)
    return job_rows.job(dataset.store, job_id)


def start_part(dataset: Dataset, positions: Sequence[int], parent: Embedding) -> Job:
    """Start a map of just some clips, because lassos fail inside one big cloud; the vectors are there already.

    Raises
    ------
    Refused
        There are too few or too many clips, or a job of the dataset is running.
    """
    dataset.by.allow("label", dataset.id)
    if not PART_AT_LEAST <= len(positions) <= PART_AT_MOST:
        clips = "1 clip" if len(positions) == 1 else f"{len(positions):,} clips"
        raise Refused(f"{clips}: a map of its own takes {PART_AT_LEAST} to {PART_AT_MOST:,}")
    given = {
        "vectorizer": parent.vectorizer,
        "reducer": "umap",
        "options": {},
        "only": [int(position) for position in positions],
        "parent": parent.id,
    }
    job_id = job_rows.add_job(dataset.store, dataset.id, "part", given)
    launch(dataset.store, job_id)
    return job_rows.job(dataset.store, job_id)


def start_sequences(dataset: Dataset) -> Job:
    """Start making the sequences that a search can be re-ranked by (`hover_core.dtw`); return at once.

    Clips that have one are left alone; it can be cancelled, and goes on where it was. About 5 kB a clip are stored.

    Raises
    ------
    Refused
        A job of the dataset is running, or there are no clips.
    """
    dataset.by.allow("own", dataset.id)
    if not dataset.row.size:
        raise Refused("the dataset has no clips yet: add a table first")
    job_id = job_rows.add_job(dataset.store, dataset.id, "sequences", {"vectorizer": vectorizers.FRAMES.key})
    launch(dataset.store, job_id)
    return job_rows.job(dataset.store, job_id)


def keep_spare(store: Store) -> None:
    """Keep a process that has imported and compiled everything and waits for the next job; it ends with this one."""
    global _spare
    with _sparing:
        if _spare is None or _spare.poll() is not None:
            _spare = _process(store, "spare", ["wait"], stdin=subprocess.PIPE)


def drop_spare() -> None:
    """End the waiting process."""
    global _spare
    if _next_spare is not None:
        _next_spare.cancel()
    with _sparing:
        waiting, _spare = _spare, None
    if waiting is not None and waiting.stdin is not None:
        waiting.stdin.close()
        waiting.wait(20)


def retry_failures(dataset: Dataset) -> Job:
    """Try the clips that failed once more, with the settings of the newest job."""
    dataset.by.allow("own", dataset.id)
    newest = job_rows.newest_job(dataset.store, dataset.id, kind="map")
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
    """The newest job of a dataset; if its process has died, it is taken up again."""
    newest = job_rows.newest_job(dataset.store, dataset.id)
    for job_id, child in list(_children.items()):
        if child.poll() is not None:  # lets a dead child be seen as dead, and leaves no zombie
            _children.pop(job_id, None)
    if newest is None or not newest.running:
        return newest
    if newest.alive():
        return newest
    if newest.attempts - int(newest.progress.get("progressed_at_attempt", 0)) >= _ATTEMPTS:
        progress = {**newest.progress, "message": "the process died again and again: see its log in the data folder"}
        job_rows.end_job(dataset.store, newest.id, newest.attempts, "failed", progress)
        _receipts(newest).discard()
    else:
        launch(dataset.store, newest.id, newest.attempts)
    return job_rows.job(dataset.store, newest.id)


def tend_all(datasets: Datasets) -> None:
    """Take up every job whose process died, as after a restart of the machine."""
    for found in job_rows.running_jobs(datasets.store):
        tend(datasets.open(found.dataset_id))


def await_map(dataset: Dataset, job: Job, *, seen: int, seconds: float) -> None:
    """Return when there is a newer map than `seen`, the job has ended, or `seconds` are over."""
    until = time.monotonic() + seconds
    while True:
        state, newest = job_rows.state_and_map(dataset.store, job.id)
        left = until - time.monotonic()
        if state != job_rows.RUNNING or newest > seen or left <= 0:
            return
        time.sleep(min(_LOOK_S, left))


def cancel(dataset: Dataset) -> None:
    """Ask the running job to stop; what it has done stays."""
    dataset.by.allow("own", dataset.id)
    newest = tend(dataset)
    if newest and newest.running:
        job_rows.ask_to_cancel(dataset.store, newest.id)


def run_here(dataset: Dataset, *, vectorizer: str) -> None:
    """Vectorize in this process, without a job: for notebooks, which wait for it anyway."""
    Vectorizing(dataset, vectorizer, Progress(), lambda: False).run()


# the process ----------------------------------------------------------------------------------------------------------


def launch(store: Store, job_id: int, seen_attempts: int = 0) -> None:
    """Start the process of a job that was written down, unless somebody has since `seen_attempts`."""
    attempt = job_rows.take_up(store, job_id, seen_attempts=seen_attempts)
    if attempt is None:
        return  # somebody else was faster
    global _spare, _next_spare
    with _sparing:  # two people may start jobs at once
        waiting, _spare = _spare, None
    if waiting is not None and waiting.poll() is None and waiting.stdin is not None:
        try:
            # the sources as they are now, on the pipe: when it was started there were perhaps others
            waiting.stdin.write(f"{job_id} {attempt} {json.dumps(_sources())}\n".encode())
            waiting.stdin.close()
        except OSError:  # it has died since it was asked
            waiting = None
    else:
        waiting = None
    if waiting is None:
        _children[job_id] = _process(store, str(job_id), ["run", str(job_id), str(attempt)])
    else:
        _children[job_id] = waiting
        _next_spare = threading.Timer(_SPARE_AFTER_S, keep_spare, [store])
        _next_spare.daemon = True
        _next_spare.start()


def _process(
    store: Store, name: str, arguments: Sequence[str], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    folder = settings.data_folder() / "jobs"
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOVER_DATABASE_URL": store.url,
        "HOVER_DATA": str(settings.data_folder()),
        "HOVER_SOURCES": _sources(),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1)),
    }
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hover_core.jobs", *arguments],
            stdin=stdin,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # it outlives the server, and a Ctrl-C meant for it
        )


def _sources() -> str:
    try:
        return settings.sources_text()
    except Refused:
        return os.environ.get("HOVER_SOURCES", "")  # the job itself says what is wrong with it, where people look


def _wait() -> int:
    """Warm up, and run the job that is named on standard input; end without one when the other side has gone."""
    _be_nice()
    datasets = Datasets()
    datasets.store.close()  # what was imported and looked up stays; no connection lies idle meanwhile
    threading.Thread(target=_warm, daemon=True).start()
    line = sys.stdin.readline().split(maxsplit=2)
    if not line:
        return 0
    os.environ["HOVER_SOURCES"] = json.loads(line[2])
    return _run(int(line[0]), int(line[1]), datasets)


def _warm() -> None:
    reducers.warm()
    import pandas  # noqa: F401  # for the table of clips


def _be_nice() -> None:
    if hasattr(os, "nice"):
        os.nice(max(0, 5 - os.nice(0)))  # people who label come first


def _run(job_id: int, attempt: int, datasets: Datasets | None = None) -> int:
    _be_nice()
    datasets = datasets or Datasets()
    job = job_rows.job(datasets.store, job_id)
    dataset = datasets.open(job.dataset_id)
    progress = Progress(
        progressed_at_attempt=int(job.progress.get("progressed_at_attempt", 0)), more=dict(job.progress.get("more", {}))
    )
    stop = _Heart(datasets.store, job_id, attempt, progress)
    if job.kind != "cut":
        threading.Thread(target=reducers.warm, daemon=True).start()
    try:
        _work(dataset, job, progress, stop)
        state = "done"
    except Cancelled:
        state = "cancelled"
    except HoverError as error:
        state, progress.message = "failed", str(error)
    except Exception as error:  # the process ends here: the page must learn why, the log has the traceback
        _log.exception("job %s failed", job_id)
        state, progress.message = "failed", f"{type(error).__name__}: {error}"
    stop.end(state)
    datasets.close()
    return 0 if state == "done" else 1


def _work(dataset: Dataset, job: Job, progress: Progress, stop: _Heart) -> None:
    def progressed() -> None:
        progress.progressed_at_attempt = stop.attempt

    if job.kind == "cut":
        from hover_core import cutting  # which starts jobs itself

        cutting.work(dataset, job, progress, stop, progressed)
        return
    key = job.settings["vectorizer"]
    begun = time.monotonic()

    def epoch(number: int, total: int) -> None:
        progress.done, progress.total = number + 1, total
        progress.left_s = (time.monotonic() - begun) / (number + 1) * (total - number - 1)
        if stop():
            raise Cancelled

    if job.kind == "part":
        progress.phase = "map"
        only = np.array(job.settings["only"], np.int64)
        mapping.embed(dataset, key, job.settings["reducer"], progress=epoch, only=only, parent=job.settings["parent"])
        return

    if job.kind == "sequences":
        Vectorizing(dataset, key, progress, stop, on_commit=progressed, receipts=_receipts(job)).run()
        dtw.kernel()  # compiled here, and kept on disk, so that no page waits for it
        return

    old = mapping.standing(dataset)

    def placeholder() -> None:
        if old is None and len(vector_rows.vectorized(dataset.store, dataset.id, key)) >= 3:
            mapping.embed(dataset, key, "pca", placeholder=True)

    if _pending(dataset, key):
        Vectorizing(
            dataset, key, progress, stop, on_commit=progressed, on_quarter=placeholder, receipts=_receipts(job)
        ).run()
    progress.phase, progress.done, progress.total, progress.left_s = "map", 0, 0, None
    if old is not None and old.vectorizer == key and job.settings.get("draw") == "onto":
        mapping.place(dataset, old)
        return
    placeholder()
    options = dict(job.settings["options"])
    if job.settings["reducer"] == "pca" and options.get("dimension", 2) == 2:
        mapping.embed(dataset, key, "pca")
        return
    begun = time.monotonic()
    mapping.embed(dataset, key, job.settings["reducer"], progress=epoch, **options)


def _receipts(job: Job) -> Receipts:
    return Receipts(settings.data_folder() / "jobs" / f"{job.id}.fetched")


def _pending(dataset: Dataset, key: str) -> bool:
    """Whether there are clips to be vectorized: asked without reading their table."""
    if own_vectors.brought(dataset, key):
        return False  # nothing here could make more of those
    known = len(vector_rows.vectorized(dataset.store, dataset.id, key)) + len(dataset.failures(key))
    return known < dataset.row.size


class _Heart:
    """Writes progress once a second from a thread of its own; calling it says whether to stop."""

    def __init__(self, store: Store, job_id: int, attempt: int, progress: Progress) -> None:
        self.attempt = attempt
        self._store, self._job_id, self._progress = store, job_id, progress
        self._cancel = False
        self._ended = threading.Event()
        if not self._beat():
            raise SystemExit("this attempt is not the newest any more")
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __call__(self) -> bool:
        return self._cancel

    def end(self, state: str) -> None:
        self._ended.set()
        self._thread.join()
        job_rows.end_job(self._store, self._job_id, self.attempt, state, self._progress.as_dict())

    def _loop(self) -> None:
        missed = 0
        while not self._ended.wait(1.0):
            try:
                mine = self._beat()
                missed = 0
            except SQLAlchemyError:
                missed += 1
                _log.exception("the database did not take the heartbeat (%s in a row)", missed)
                if missed * 1.0 > job_rows.STALE_S - 5:
                    os._exit(4)  # soon somebody else takes the job up: two must not work on it
                continue
            if not mine:
                os._exit(3)  # another process has taken the job up: two must not work on it
            # while UMAP prepares its graph nothing can be asked to stop: the process itself goes, all is committed
            if self._cancel and self._progress.phase == "map" and self._progress.total == 0:
                job_rows.end_job(self._store, self._job_id, self.attempt, "cancelled", self._progress.as_dict())
                os._exit(0)

    def _beat(self) -> bool:
        mine, self._cancel = job_rows.beat(self._store, self._job_id, self.attempt, self._progress.as_dict())
        return mine


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hover_core.jobs", description="Run one piece of long work.")
    acts = parser.add_subparsers(dest="act", required=True)
    run = acts.add_parser("run", help="run a job")
    run.add_argument("job_id", type=int)
    run.add_argument("attempt", type=int)
    acts.add_parser("wait", help="warm up, and run the job that comes on standard input")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    return _wait() if given.act == "wait" else _run(given.job_id, given.attempt)


if __name__ == "__main__":
    sys.exit(_main())
