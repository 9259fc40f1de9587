"""The work of jobs of the kinds `map` and `part`: clips to vectors to a map, and a map of some clips alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from hover_core.analysis import maps
from hover_core.jobs.fetch_log import fetch_log_of
from hover_core.jobs.task import Task
from hover_core.jobs.vectorize import Vectorizing
from hover_core.numerics import reducers
from hover_core.store import vector_rows
from hover_core.workspace import vector_keys
from hover_core.workspace.dataset import Dataset

_PLACEHOLDER_CLIPS: Final = 3  # with fewer vectors there is no plane to draw them in


def make_map(task: Task) -> None:
    """Vectorize the clips that have no vector yet, and draw the map, or place the new clips on the one that stands."""
    threading.Thread(target=reducers.warm, daemon=True).start()
    dataset, settings, progress = task.dataset, task.job.settings, task.progress
    key = settings["vectorizer"]
    old = maps.main_map(dataset)

    def draw_placeholder() -> None:
        if old is None and len(vector_rows.vectorized_positions(dataset.store, dataset.id, key)) >= _PLACEHOLDER_CLIPS:
            maps.embed(dataset, key, "pca", placeholder=True)

    if _is_pending(dataset, key):
        Vectorizing(
            dataset,
            key,
            progress,
            task.stop,
            on_commit=task.on_commit,
            on_quarter=draw_placeholder,
            fetch_log=fetch_log_of(task.job),
        ).run()
    progress.phase, progress.done, progress.total, progress.left_s = "map", 0, 0, None
    if old is not None and old.vectorizer == key and settings.get("draw") == "onto":
        maps.place(dataset, old)
        return
    draw_placeholder()
    options = dict(settings["options"])
    if settings["reducer"] == "pca" and options.get("dimension", 2) == 2:
        maps.embed(dataset, key, "pca")
        return
    maps.embed(dataset, key, settings["reducer"], progress=_epochs(task), **options)


def make_part(task: Task) -> None:
    """Draw a map of some clips alone; their vectors are there."""
    threading.Thread(target=reducers.warm, daemon=True).start()
    settings = task.job.settings
    task.progress.phase = "map"
    maps.embed(
        task.dataset,
        settings["vectorizer"],
        settings["reducer"],
        progress=_epochs(task),
        only=np.array(settings["only"], np.int64),
        parent=settings["parent"],
    )


def _epochs(task: Task) -> Callable[[int, int], None]:
    """Takes the epochs of a reducer down as progress, from now on."""
    begun, progress = time.monotonic(), task.progress

    def note_epoch(number: int, total: int) -> None:
        progress.done, progress.total = number + 1, total
        progress.left_s = (time.monotonic() - begun) / (number + 1) * (total - number - 1)
        task.check_cancelled()

    return note_epoch


def _is_pending(dataset: Dataset, key: str) -> bool:
    """Whether there are clips to be vectorized: asked without reading their table."""
    if vector_keys.is_imported(dataset.store, dataset.id, key):
        return False  # nothing here could make more of those
    known = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key)) + len(dataset.failures(key))
    return known < dataset.row.size
