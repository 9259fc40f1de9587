"""What the worker hands to the function of a kind: a job, its dataset, and the way to report and to be stopped."""

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
    job : as it stood when the attempt began: its settings, and the progress of earlier attempts.
    progress : kept up to date by the work; the worker writes it to the database once a second.
    stop : whether a person has cancelled the job; asked often.
    on_commit : called after each commit, so that a job that gets on is taken up again however often it dies.
    """

    dataset: Dataset
    job: Job
    progress: Progress
    stop: Callable[[], bool]
    on_commit: Callable[[], None]

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if a person has cancelled the job."""
        if self.stop():
            raise Cancelled
