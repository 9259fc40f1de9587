"""The process of a job: started, or woken from the one that waits with everything imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hover_core import settings
from hover_core.errors import Refused
from hover_core.store import job_rows
from hover_core.store.database import Store

_SPARE_AFTER_S: Final = 5.0  # the next spare starts up when the first map of this job stands, not beside it


class _Processes:
    """The processes of jobs that this one has started, and the spare that waits for the next job; safe for threads."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}  # by job
        self._spare: subprocess.Popen[bytes] | None = None
        self._next_spare: threading.Timer | None = None
        self._lock = threading.Lock()  # two people may start jobs at once

    def keep_spare(self, store: Store) -> None:
        """Keep a process that has imported and compiled everything, and waits for a job; it ends with this one."""
        with self._lock:
            self._start_spare(store)

    def drop_spare(self) -> None:
        """End the waiting process, and start none in its place."""
        with self._lock:
            if self._next_spare is not None:
                self._next_spare.cancel()
            self._next_spare = None
            spare, self._spare = self._spare, None
        if spare is not None and spare.stdin is not None:
            spare.stdin.close()
            spare.wait(20)

    def launch(self, store: Store, job_id: int, seen_attempts: int = 0) -> None:
        """Start the process of a job that was written down, unless somebody has since `seen_attempts`."""
        attempt = job_rows.take_up(store, job_id, seen_attempts=seen_attempts)
        if attempt is None:
            return  # somebody else was faster
        with self._lock:
            spare, self._spare = self._spare, None
        child = spare if spare is not None and _give(spare, job_id, attempt) else None
        used_spare = child is not None
        if child is None:
            child = _spawn(store, str(job_id), ["run", str(job_id), str(attempt)])
        with self._lock:
            self._children[job_id] = child
            if used_spare:
                self._next_spare = threading.Timer(_SPARE_AFTER_S, self._replace_spare, [store])
                self._next_spare.daemon = True
                self._next_spare.start()

    def reap(self) -> None:
        """Let go of the processes that have ended: a dead child is then seen as dead, and leaves no zombie."""
        with self._lock:
            self._children = {job_id: child for job_id, child in self._children.items() if child.poll() is None}

    def _replace_spare(self, store: Store) -> None:
        with self._lock:
            if self._next_spare is not None:  # else it was dropped while this waited for the lock
                self._next_spare = None
                self._start_spare(store)

    def _start_spare(self, store: Store) -> None:
        if self._spare is None or self._spare.poll() is not None:
            self._spare = _spawn(store, "spare", ["wait"], stdin=subprocess.PIPE)


_processes: Final = _Processes()
launch, reap = _processes.launch, _processes.reap
keep_spare, drop_spare = _processes.keep_spare, _processes.drop_spare


def _give(spare: subprocess.Popen[bytes], job_id: int, attempt: int) -> bool:
    """Hand a job to the waiting process; False if it has died."""
    if spare.poll() is not None or spare.stdin is None:
        return False
    try:
        # the sources as they are now, on the pipe: when it was started there were perhaps others
        spare.stdin.write(f"{job_id} {attempt} {json.dumps(_sources())}\n".encode())
        spare.stdin.close()
    except OSError:  # it has died since it was asked
        return False
    return True


def _spawn(
    store: Store, name: str, arguments: Sequence[str], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    folder = settings.data_folder() / "jobs"
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOVER_DATABASE_URL": store.url,
        "HOVER_DATA": str(settings.data_folder()),
        "HOVER_SOURCES": _sources(),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]),
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
