"""Processes of jobs: a new one for each job, or the spare one that waits with everything imported."""

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

_SPARE_AFTER_S: Final = 5.0  # the next spare starts after the first map of this job, so that they do not compete


class _Processes:
    """The processes of jobs that this process has started, and the spare for the next job; safe for threads."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}  # by job
        self._spare: subprocess.Popen[bytes] | None = None
        self._next_spare: threading.Timer | None = None
        self._lock = threading.Lock()  # two people may start jobs at once

    def keep_spare(self, store: Store) -> None:
        """Keep a spare process, with everything imported and compiled, that waits for a job; it ends with this one."""
        with self._lock:
            self._start_spare(store)

    def drop_spare(self) -> None:
        """End the spare process, and start no other."""
        with self._lock:
            if self._next_spare is not None:
                self._next_spare.cancel()
            self._next_spare = None
            spare, self._spare = self._spare, None
        if spare is not None and spare.stdin is not None:
            spare.stdin.close()
            spare.wait(20)

    def launch(self, store: Store, job_id: int, seen_attempts: int = 0) -> None:
        """Start the next attempt of a job in a process, unless it has more than `seen_attempts` by now."""
        attempt = job_rows.take_up(store, job_id, seen_attempts=seen_attempts)
        if attempt is None:
            return  # another process has started it
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
        """Collect the exit codes of ended processes, so that they do not stay as zombies that look alive."""
        with self._lock:
            self._children = {job_id: child for job_id, child in self._children.items() if child.poll() is None}

    def _replace_spare(self, store: Store) -> None:
        with self._lock:
            if self._next_spare is not None:  # else `drop_spare` came first
                self._next_spare = None
                self._start_spare(store)

    def _start_spare(self, store: Store) -> None:
        if self._spare is None or self._spare.poll() is not None:
            self._spare = _spawn(store, "spare", ["wait"], stdin=subprocess.PIPE)


_processes: Final = _Processes()
launch, reap = _processes.launch, _processes.reap
keep_spare, drop_spare = _processes.keep_spare, _processes.drop_spare


def _give(spare: subprocess.Popen[bytes], job_id: int, attempt: int) -> bool:
    """Give a job to the spare process; False if the process has died."""
    if spare.poll() is not None or spare.stdin is None:
        return False
    try:
        # with the current sources: they may have changed since the spare was started
        spare.stdin.write(f"{job_id} {attempt} {json.dumps(_sources())}\n".encode())
        spare.stdin.close()
    except OSError:  # it died after the check
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
            start_new_session=True,  # so that the job survives the end of the server, and Ctrl-C
        )


def _sources() -> str:
    try:
        return settings.sources_text()
    except Refused:
        return os.environ.get("HOVER_SOURCES", "")  # the job fails with the reason, which people see
