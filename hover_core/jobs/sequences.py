"""The work of jobs of kind `sequences`: a vector for every frame of a clip, for re-ranking a search."""

from __future__ import annotations

from hover_core.jobs.fetch_log import fetch_log_of
from hover_core.jobs.task import Task
from hover_core.jobs.vectorize import Vectorizing
from hover_core.numerics import dtw


def make_sequences(task: Task) -> None:
    """Compute the sequences of all clips that have none."""
    Vectorizing(
        task.dataset,
        task.job.settings["vectorizer"],
        task.progress,
        task.stop,
        on_commit=task.on_commit,
        fetch_log=fetch_log_of(task.job),
    ).run()
    dtw.kernel()  # compiles it and caches that on disk, so that no page waits for it
