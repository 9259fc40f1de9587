"""Jobs in the database: kind, progress and state of long work, and whether its process still lives.

A job counts its own `attempts`; it never changes a dataset's revision.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hover_core.data.clock import now
from hover_core.errors import NotFound, Refused
from hover_core.store.database import Store, dump

RUNNING: Final = "running"
ENDED: Final = ("done", "failed", "cancelled")
STALE_S: Final = 30.0  # a process without a heartbeat for this long counts as dead


@dataclass(frozen=True)
class Job:
    """One piece of long work on one dataset. Times are ISO texts, empty for never; `process` is a process id."""

    id: int
    dataset_id: str
    kind: str
    state: str  # running, done, failed, cancelled
    settings: dict[str, Any]
    progress: dict[str, Any]
    cancel: bool
    attempts: int
    host: str
    process: int
    beat_at: str
    created_at: str
    ended_at: str

    @property
    def running(self) -> bool:
        """Whether the job has not ended; its process may be dead all the same."""
        return self.state == RUNNING

    def alive(self) -> bool:
        """Whether the job's process lives: it had a heartbeat within `STALE_S`, and exists if it is on this machine."""
        age_s = time.time() - datetime.fromisoformat(self.beat_at).timestamp() if self.beat_at else STALE_S
        if age_s > STALE_S:
            return False
        return self.host != socket.gethostname() or self.process == 0 or _process_lives(self.process)


def add_job(store: Store, dataset_id: str, kind: str, settings: Mapping[str, Any]) -> int:
    """Add a job in state `running`, and return its id.

    Raises
    ------
    Refused
        Another job of this dataset is running.
    """
    try:
        with store.write() as connection:
            return int(
                connection.execute(
                    text(
                        "INSERT INTO jobs (dataset_id, kind, state, settings, created_at, beat_at) "
                        "VALUES (:d, :k, 'running', :s, :at, :at) RETURNING id"
                    ),
                    {"d": dataset_id, "k": kind, "s": dump(dict(settings)), "at": now()},
                ).scalar_one()
            )
    except IntegrityError as error:
        raise Refused("this dataset is being worked on already: wait until that ends, or cancel it") from error


def newest_job(store: Store, dataset_id: str, *, kind: str | None = None) -> Job | None:
    """The job that was started last, of this `kind` if one is given; None if there is none."""
    with store.read() as connection:
        row = connection.execute(
            text("SELECT * FROM jobs WHERE dataset_id = :d AND (kind = :k OR :any = 1) ORDER BY id DESC LIMIT 1"),
            {"d": dataset_id, "k": kind or "", "any": int(kind is None)},
        ).one_or_none()
    return _job(row) if row else None


def job(store: Store, job_id: int) -> Job:
    """The job with this id.

    Raises
    ------
    NotFound
        There is none.
    """
    with store.read() as connection:
        row = connection.execute(text("SELECT * FROM jobs WHERE id = :i"), {"i": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return _job(row)


def state_and_map(store: Store, job_id: int) -> tuple[str, int]:
    """The state of a job, and the id of the newest map of its dataset (0: none); cheap enough to poll.

    Raises
    ------
    NotFound
        There is no such job.
    """
    with store.read() as connection:
        row = connection.execute(
            text(
                "SELECT state, (SELECT coalesce(max(e.id), 0) FROM embeddings AS e WHERE e.dataset_id = j.dataset_id) "
                "AS newest FROM jobs AS j WHERE id = :i"
            ),
            {"i": job_id},
        ).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return row.state, int(row.newest)


def running_jobs(store: Store) -> list[Job]:
    """All jobs that have not ended."""
    with store.read() as connection:
        rows = connection.execute(text("SELECT * FROM jobs WHERE state = 'running'")).all()
    return [_job(row) for row in rows]


def take_up(store: Store, job_id: int, *, seen_attempts: int) -> int | None:
    """Claim the next attempt of a running job and return its number; None if another process claimed it first."""
    with store.write() as connection:
        attempt = connection.execute(
            text(
                "UPDATE jobs SET attempts = attempts + 1, process = 0, beat_at = :at "
                "WHERE id = :i AND attempts = :a AND state = 'running' RETURNING attempts"
            ),
            {"i": job_id, "a": seen_attempts, "at": now()},
        ).scalar_one_or_none()
    return attempt


def beat(store: Store, job_id: int, attempt: int, progress: Mapping[str, Any]) -> tuple[bool, bool]:
    """Write a heartbeat and the progress of `attempt`.

    Returns `(current, cancel)`: whether `attempt` is still the newest of a running job, and whether somebody asked the
    job to stop.
    """
    with store.write() as connection:
        row = connection.execute(
            text(
                "UPDATE jobs SET progress = :p, beat_at = :at, host = :h, process = :pid "
                "WHERE id = :i AND attempts = :a AND state = 'running' RETURNING cancel"
            ),
            {
                "p": dump(dict(progress)),
                "at": now(),
                "h": socket.gethostname(),
                "pid": os.getpid(),
                "i": job_id,
                "a": attempt,
            },
        ).one_or_none()
    return row is not None, bool(row and row.cancel)


def end_job(store: Store, job_id: int, attempt: int, state: str, progress: Mapping[str, Any]) -> None:
    """End a job in one of the states of `ENDED`; without effect if `attempt` is not its newest."""
    with store.write() as connection:
        connection.execute(
            text(
                "UPDATE jobs SET state = :s, progress = :p, ended_at = :at "
                "WHERE id = :i AND attempts = :a AND state = 'running'"
            ),
            {"s": state, "p": dump(dict(progress)), "at": now(), "i": job_id, "a": attempt},
        )


def ask_to_cancel(store: Store, job_id: int) -> None:
    """Ask a job to stop; its process sees it within a second."""
    with store.write() as connection:
        connection.execute(text("UPDATE jobs SET cancel = 1 WHERE id = :i AND state = 'running'"), {"i": job_id})


def _job(row: Any) -> Job:
    return Job(
        row.id,
        row.dataset_id,
        row.kind,
        row.state,
        json.loads(row.settings),
        json.loads(row.progress),
        bool(row.cancel),
        row.attempts,
        row.host,
        row.process,
        row.beat_at,
        row.created_at,
        row.ended_at,
    )


def _process_lives(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    if stat.parent.parent.joinpath("self").exists():  # Linux: a zombie answers signals but does not live
        try:
            return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False
    if os.name == "nt":  # there os.kill(…, 0) would send Ctrl-C; a missing heartbeat shows a dead process within 30 s
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
