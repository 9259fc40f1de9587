"""The work of jobs of the kinds `map` (vectorize clips and draw their map) and `part` (a map of some clips)."""

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

_PLACEHOLDER_CLIPS: Final = 3  # fewer vectors span no plane


def make_map(task: Task) -> None:
    """Vectorize the clips that have no vector yet, then draw a new map, or place the new clips on the newest one."""
    threading.Thread(target=reducers.warm, daemon=True).start()
    dataset, settings, progress = task.dataset, task.job.settings, task.progress
    key = settings["vectorizer"]
    map_before = maps.main_map(dataset)

    def draw_placeholder() -> None:
        if (
            map_before is None
            and len(vector_rows.vectorized_positions(dataset.store, dataset.id, key)) >= _PLACEHOLDER_CLIPS
        ):
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
    if map_before is not None and map_before.vectorizer == key and settings.get("draw") == "onto":
        maps.place(dataset, map_before)
        return
    draw_placeholder()
    options = dict(settings["options"])
    if settings["reducer"] == "pca" and options.get("dimension", 2) == 2:
        maps.embed(dataset, key, "pca")
        return
    maps.embed(dataset, key, settings["reducer"], progress=_epochs(task), **options)


def make_part(task: Task) -> None:
    """Draw a map of some clips only, all of which have vectors."""
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
    """A callback that reports the epochs of a reducer as progress, and stops it if the job is cancelled."""
    start_time, progress = time.monotonic(), task.progress

    def note_epoch(number: int, total: int) -> None:
        progress.done, progress.total = number + 1, total
        progress.left_s = (time.monotonic() - start_time) / (number + 1) * (total - number - 1)
        task.check_cancelled()

    return note_epoch


def _is_pending(dataset: Dataset, key: str) -> bool:
    """Whether any clip is still to be vectorized; does not read the table of clips."""
    if vector_keys.is_imported(dataset.store, dataset.id, key):
        return False  # imported vectors cannot be computed here
    n_done = len(vector_rows.vectorized_positions(dataset.store, dataset.id, key)) + len(dataset.failures(key))
    return n_done < dataset.row.size
