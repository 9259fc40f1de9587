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


children: dict[int, subprocess.Popen[bytes]] = {}


_spare: subprocess.Popen[bytes] | None = None


_next_spare: threading.Timer | None = None


_sparing = threading.Lock()


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
        children[job_id] = _process(store, str(job_id), ["run", str(job_id), str(attempt)])
    else:
        children[job_id] = waiting
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
