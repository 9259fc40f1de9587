"""The process of a job, `python -m hover_core.jobs run ID ATTEMPT`: looks up the function of its kind and runs it.

Pages and notebooks only start it, read its progress and ask it to stop. It commits in small steps, so that the next
attempt resumes where a killed process stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from hover_core.errors import Cancelled, HoverError, Refused
from hover_core.jobs import cut, draw_map, job_kinds, sequences
from hover_core.jobs.progress import Progress
from hover_core.jobs.task import Task
from hover_core.numerics import reducers
from hover_core.store import job_rows
from hover_core.store.database import Store
from hover_core.store.job_rows import Job
from hover_core.workspace.datasets import Datasets

WORK: Final[Mapping[str, Callable[[Task], None]]] = MappingProxyType(
    {
        job_kinds.MAP: draw_map.make_map,
        job_kinds.PART: draw_map.make_part,
        job_kinds.SEQUENCES: sequences.make_sequences,
        job_kinds.CUT: cut.cut_recordings,
    }
)

_log = logging.getLogger("hover_core.jobs")


def _wait() -> int:
    """Warm up, then run the job that standard input names; end without one if the input is closed."""
    _be_nice()
    datasets = Datasets()
    datasets.store.close()  # closes idle connections; imports and caches stay
    threading.Thread(target=_warm, daemon=True).start()
    line = sys.stdin.readline().split(maxsplit=2)
    if not line:
        return 0
    os.environ["HOVER_SOURCES"] = json.loads(line[2])
    return _run(int(line[0]), int(line[1]), datasets)


def _warm() -> None:
    reducers.warm()
    import pandas  # noqa: F401  # for the table of clips


def _work_of(job: Job) -> Callable[[Task], None]:
    """The function of a job's kind; Refused if there is none."""
    try:
        return WORK[job.kind]
    except KeyError:
        raise Refused(f"this version knows no work of kind {job.kind!r}, only {', '.join(WORK)}") from None


def _be_nice() -> None:
    if hasattr(os, "nice"):
        os.nice(max(0, 5 - os.nice(0)))  # the app, which people wait for, comes first


def _run(job_id: int, attempt: int, datasets: Datasets | None = None) -> int:
    _be_nice()
    datasets = datasets or Datasets()
    job = job_rows.job(datasets.store, job_id)
    dataset = datasets.open(job.dataset_id)
    progress = Progress(
        progressed_at_attempt=int(job.progress.get("progressed_at_attempt", 0)), more=dict(job.progress.get("more", {}))
    )
    stop = _Heartbeat(datasets.store, job_id, attempt, progress)
    try:
        _work_of(job)(Task(dataset, job, progress, stop, stop.note_commit))
        state = "done"
    except Cancelled:
        state = "cancelled"
    except HoverError as error:
        state, progress.message = "failed", str(error)
    except Exception as error:  # the process ends here: the page shows the reason, the log has the traceback
        _log.exception("job %s failed", job_id)
        state, progress.message = "failed", f"{type(error).__name__}: {error}"
    stop.end(state)
    datasets.close()
    return 0 if state == "done" else 1


class _Heartbeat:
    """Writes progress once a second in a thread; calling the object returns whether to stop."""

    def __init__(self, store: Store, job_id: int, attempt: int, progress: Progress) -> None:
        self._attempt = attempt
        self._store, self._job_id, self._progress = store, job_id, progress
        self._cancel = False
        self._end_event = threading.Event()
        if not self._beat():
            raise SystemExit("this attempt is not the newest any more")
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __call__(self) -> bool:
        return self._cancel

    def note_commit(self) -> None:
        """Note progress in this attempt, so that dead attempts before it do not count any more."""
        self._progress.progressed_at_attempt = self._attempt

    def end(self, state: str) -> None:
        """Stop the heartbeat, and end the job in this state."""
        self._end_event.set()
        self._thread.join()
        job_rows.end_job(self._store, self._job_id, self._attempt, state, self._progress.as_dict())

    def _loop(self) -> None:
        failures_in_a_row = 0
        while not self._end_event.wait(1.0):
            try:
                mine = self._beat()
                failures_in_a_row = 0
            except SQLAlchemyError:
                failures_in_a_row += 1
                _log.exception("the database did not take the heartbeat (%s in a row)", failures_in_a_row)
                if failures_in_a_row * 1.0 > job_rows.STALE_S - 5:
                    os._exit(4)  # soon another process starts the next attempt: two must not work on a job
                continue
            if not mine:
                os._exit(3)  # another process has started the next attempt: two must not work on a job
            # UMAP cannot be stopped while it prepares its graph: the process ends instead, everything is committed
            if self._cancel and self._progress.phase == "map" and self._progress.total == 0:
                job_rows.end_job(self._store, self._job_id, self._attempt, "cancelled", self._progress.as_dict())
                os._exit(0)

    def _beat(self) -> bool:
        mine, self._cancel = job_rows.beat(self._store, self._job_id, self._attempt, self._progress.as_dict())
        return mine


def main() -> int:
    """Run the command of the command line; return the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m hover_core.jobs", description="Run one piece of long work.")
    acts = parser.add_subparsers(dest="act", required=True)
    run = acts.add_parser("run", help="run a job")
    run.add_argument("job_id", type=int)
    run.add_argument("attempt", type=int)
    acts.add_parser("wait", help="warm up, and run the job that comes on standard input")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    return _wait() if arguments.act == "wait" else _run(arguments.job_id, arguments.attempt)
