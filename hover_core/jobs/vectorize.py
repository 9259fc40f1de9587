"""Vectorizing: all clips of a dataset without a vector get one, committed in small batches.

An engine fetches and decodes, `LocalEngine` on this machine or `DaskEngine` on Dask workers, and returns vectors and
failures. This module counts, commits, cancels, and asks for placeholder maps. At most `IN_FLIGHT` clips are fetched but
not committed: a killed process loses no more.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from hover_core import settings
from hover_core.audio.segment import DecodedClip
from hover_core.errors import Cancelled
from hover_core.jobs.engine import Engine, RecordingResult
from hover_core.jobs.fetch_log import FetchLog
from hover_core.jobs.local_engine import IN_FLIGHT, LocalEngine
from hover_core.jobs.progress import Progress, Rate
from hover_core.store import clip_rows, vector_rows
from hover_core.workspace.dataset import Dataset

_FLUSH_ROWS: Final = 96
_FLUSH_S: Final = 0.5
_PLACEHOLDER_FROM: Final = 50


class Vectorizing:
    """One run over all clips of a dataset that have no vector yet.

    Parameters
    ----------
    key : the key of the vectorizer
    progress : updated during the run
    stop : called often; if it returns True, `run` raises `Cancelled`
    on_commit, on_quarter : called after each commit, and after each quarter of the clips
    fetch_log : of the job; removed when `run` ends, but not if the process is killed. None: nothing is logged
    """

    def __init__(
        self,
        dataset: Dataset,
        key: str,
        progress: Progress,
        stop: Callable[[], bool],
        *,
        on_commit: Callable[[], None] = lambda: None,
        on_quarter: Callable[[], None] = lambda: None,
        fetch_log: FetchLog | None = None,
    ) -> None:
        self.dataset, self.key, self.progress, self.stop = dataset, key, progress, stop
        self.on_commit, self.on_quarter = on_commit, on_quarter
        self.fetch_log = fetch_log or FetchLog(None)
        self.slots = threading.BoundedSemaphore(IN_FLIGHT)

    def run(self) -> None:
        """Vectorize the clips; failures are recorded, and the other clips go on.

        Raises
        ------
        Cancelled
            `stop` returned True; vectors that were committed stay.
        Refused
            The Dask scheduler of the operator cannot be used.
        """
        dataset, progress = self.dataset, self.progress
        clips = clip_rows.table(dataset.store, dataset.id)
        with_vector = vector_rows.vectorized_positions(dataset.store, dataset.id, self.key)
        failed_positions = {failure.position for failure in vector_rows.failures(dataset.store, dataset.id, self.key)}
        positions_done = set(with_vector.tolist()) | failed_positions
        pending = [position for position in range(len(clips)) if position not in positions_done]
        progress.phase, progress.total = "vectors", len(clips)
        progress.done, progress.failed = len(with_vector), len(failed_positions)
        if not pending:
            return
        results: queue.Queue[list[RecordingResult] | BaseException] = queue.Queue()
        engine = self._engine(clips)
        try:
            engine.start(pending, results)
            self._collect(engine, results, len(pending))
        finally:
            engine.close()
            self.fetch_log.discard()

    def _engine(self, clips: Any) -> Engine:
        scheduler = settings.dask_scheduler()
        if scheduler:
            from hover_core.jobs.dask_engine import DaskEngine

            return DaskEngine(scheduler, self.dataset.row, clips, self.key, self.progress, self.slots)
        return LocalEngine(self.dataset, clips, self.key, self.progress, self.slots, self.fetch_log)

    def _collect(self, engine: Engine, results: queue.Queue[Any], pending: int) -> None:
        successes: list[tuple[int, DecodedClip, str]] = []
        reasons: dict[int, str] = {}
        flush_time = time.monotonic()
        rate = Rate()
        quarter = max(_PLACEHOLDER_FROM, pending // 4)
        next_map = quarter
        n_left = pending
        while n_left:
            try:
                answers = results.get(timeout=0.1)
                if isinstance(answers, BaseException):
                    raise answers
                for recording in answers:
                    for position, answer in zip(recording.positions, recording.clips, strict=True):
                        if isinstance(answer, DecodedClip):
                            successes.append((position, answer, recording.sha256))
                        else:
                            reasons[position] = str(answer)
            except queue.Empty:
                pass
            n_ready = len(successes) + len(reasons)
            cancelled = self.stop()
            if n_ready and (
                n_ready >= _FLUSH_ROWS or cancelled or n_ready == n_left or time.monotonic() - flush_time > _FLUSH_S
            ):
                self._flush(successes, reasons)
                n_left -= n_ready
                self.progress.done += len(successes)
                self.progress.failed += len(reasons)
                self.progress.rate = rate.after(n_ready)
                self.progress.left_s = n_left / self.progress.rate if self.progress.rate else None
                for _ in range(n_ready):
                    self.slots.release()
                self.progress.limit, self.progress.shares = engine.limit(), engine.shares()
                self.on_commit()
                successes, reasons = [], {}
                flush_time = time.monotonic()
                if pending - n_left >= next_map and n_left:
                    self.on_quarter()
                    next_map += quarter
            if cancelled:
                raise Cancelled

    def _flush(self, successes: list[tuple[int, DecodedClip, str]], reasons: dict[int, str]) -> None:
        dataset = self.dataset
        with dataset.store.write() as connection:
            if successes:
                vectors = np.stack([clip.vector for _, clip, _ in successes]).astype(np.float32)
                positions = [position for position, _, _ in successes]
                vector_rows.add_vectors(connection, dataset.id, self.key, positions, vectors)
                facts = {
                    p: clip_rows.SoundFacts(sha256, clip.duration_s, clip.sample_rate) for p, clip, sha256 in successes
                }
                clip_rows.hear(connection, dataset.id, facts)
            vector_rows.add_failures(connection, dataset.id, self.key, reasons)


def run_here(dataset: Dataset, *, vectorizer: str) -> None:
    """Vectorize in this process and wait for the end, for notebooks. Errors are those of `Vectorizing.run`."""
    Vectorizing(dataset, vectorizer, Progress(), lambda: False).run()
