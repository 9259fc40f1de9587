"""The process of a job, `python -m hover_core.jobs run ID ATTEMPT`: looks up the function of its kind and runs it.

Pages and notebooks only start it, look at it and ask it to stop. It commits as it goes, so that a killed process is
taken up where it was.
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
from hover_core.jobs import cut, kinds, mapping, sequences
from hover_core.jobs.progress import Progress
from hover_core.jobs.task import Task
from hover_core.numerics import reducers
from hover_core.store import job_rows
from hover_core.store.database import Store
from hover_core.store.job_rows import Job
from hover_core.workspace.datasets import Datasets

WORK: Final[Mapping[str, Callable[[Task], None]]] = MappingProxyType(
    {
        kinds.MAP: mapping.make_map,
        kinds.PART: mapping.make_part,
        kinds.SEQUENCES: sequences.make_sequences,
        kinds.CUT: cut.cut_recordings,
    }
)

_log = logging.getLogger("hover_core.jobs")


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


def _work_of(job: Job) -> Callable[[Task], None]:
    """The function of a job's kind."""
    try:
        return WORK[job.kind]
    except KeyError:
        raise Refused(f"this version knows no work of kind {job.kind!r}, only {', '.join(WORK)}") from None


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
    stop = _Heartbeat(datasets.store, job_id, attempt, progress)
    try:
        _work_of(job)(Task(dataset, job, progress, stop, stop.note_commit))
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


class _Heartbeat:
    """Writes progress once a second from a thread of its own; calling it says whether to stop."""

    def __init__(self, store: Store, job_id: int, attempt: int, progress: Progress) -> None:
        self._attempt = attempt
        self._store, self._job_id, self._progress = store, job_id, progress
        self._cancel = False
        self._ended = threading.Event()
        if not self._beat():
            raise SystemExit("this attempt is not the newest any more")
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __call__(self) -> bool:
        return self._cancel

    def note_commit(self) -> None:
        """This attempt got on: that others died does not count any more."""
        self._progress.progressed_at_attempt = self._attempt

    def end(self, state: str) -> None:
        self._ended.set()
        self._thread.join()
        job_rows.end_job(self._store, self._job_id, self._attempt, state, self._progress.as_dict())

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
                job_rows.end_job(self._store, self._job_id, self._attempt, "cancelled", self._progress.as_dict())
                os._exit(0)

    def _beat(self) -> bool:
        mine, self._cancel = job_rows.beat(self._store, self._job_id, self._attempt, self._progress.as_dict())
        return mine


def main() -> int:
    """Run what the command line names; the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m hover_core.jobs", description="Run one piece of long work.")
    acts = parser.add_subparsers(dest="act", required=True)
    run = acts.add_parser("run", help="run a job")
    run.add_argument("job_id", type=int)
    run.add_argument("attempt", type=int)
    acts.add_parser("wait", help="warm up, and run the job that comes on standard input")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    return _wait() if arguments.act == "wait" else _run(arguments.job_id, arguments.attempt)
