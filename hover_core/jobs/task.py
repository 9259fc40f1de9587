"""The argument of the function of a kind of job: the job, its dataset, and how to report progress and to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hover_core.errors import Cancelled
from hover_core.jobs.progress import Progress
from hover_core.store.job_rows import Job
from hover_core.workspace.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """One attempt at a job.

    Attributes
    ----------
    job : read when the attempt began: its settings, and the progress of earlier attempts.
    progress : updated by the work; the worker writes it to the database once a second.
    stop : returns whether a person has cancelled the job; to be called often.
    on_commit : to be called after each commit: a job with progress is restarted however often its process dies.
    """

    dataset: Dataset
    job: Job
    progress: Progress
    stop: Callable[[], bool]
    on_commit: Callable[[], None]

    def check_cancelled(self) -> None:
        """Stop the work if a person has cancelled the job.

        Raises
        ------
        Cancelled
            They have.
        """
        if self.stop():
            raise Cancelled
