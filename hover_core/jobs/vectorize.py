"""All pending clips of a dataset → vectors in the store, committed as they come.

An engine fetches and decodes: `LocalEngine`, with many downloads in flight and decoders in limited children on this
machine, or `DaskEngine`, the same on Dask workers. Both hand over vectors and failures; counting, committing,
cancelling and the placeholder map are the same. At most `IN_FLIGHT` clips are under way and not committed: that is what
a kill -9 can cost.
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
    key : the vectorizer's.
    progress : kept up to date.
    stop : asked often; when it says True, `run` raises `Cancelled`.
    on_commit, on_quarter : called after each commit, and each time that another quarter of the clips is done.
    fetch_log : of the job, if it is one that may be killed and taken up again; removed when `run` ends otherwise.
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
        """Do it; clips that fail are recorded.

        Raises
        ------
        Cancelled
            `stop` said so; what was done stays.
        Refused
            The engine that the operator names cannot be used.
        """
        dataset, progress = self.dataset, self.progress
        clips = clip_rows.table(dataset.store, dataset.id)
        have = vector_rows.vectorized_positions(dataset.store, dataset.id, self.key)
        failed = {failure.position for failure in vector_rows.failures(dataset.store, dataset.id, self.key)}
        done = set(have.tolist()) | failed
        pending = [position for position in range(len(clips)) if position not in done]
        progress.phase, progress.total = "vectors", len(clips)
        progress.done, progress.failed = len(have), len(failed)
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
        good: list[tuple[int, DecodedClip, str]] = []
        bad: dict[int, str] = {}
        flushed = time.monotonic()
        rate = Rate()
        quarter = max(_PLACEHOLDER_FROM, pending // 4)
        next_map = quarter
        left = pending
        while left:
            try:
                answers = results.get(timeout=0.1)
                if isinstance(answers, BaseException):
                    raise answers
                for one in answers:
                    for position, answer in zip(one.positions, one.clips, strict=True):
                        if isinstance(answer, DecodedClip):
                            good.append((position, answer, one.sha256))
                        else:
                            bad[position] = str(answer)
            except queue.Empty:
                pass
            waiting = len(good) + len(bad)
            cancelled = self.stop()
            if waiting and (
                waiting >= _FLUSH_ROWS or cancelled or waiting == left or time.monotonic() - flushed > _FLUSH_S
            ):
                self._flush(good, bad)
                left -= waiting
                self.progress.done += len(good)
                self.progress.failed += len(bad)
                self.progress.rate = rate.after(waiting)
                self.progress.left_s = left / self.progress.rate if self.progress.rate else None
                for _ in range(waiting):
                    self.slots.release()
                self.progress.limit, self.progress.shares = engine.limit(), engine.shares()
                self.on_commit()
                good, bad = [], {}
                flushed = time.monotonic()
                if pending - left >= next_map and left:
                    self.on_quarter()
                    next_map += quarter
            if cancelled:
                raise Cancelled

    def _flush(self, good: list[tuple[int, DecodedClip, str]], bad: dict[int, str]) -> None:
        dataset = self.dataset
        with dataset.store.write() as connection:
            if good:
                vectors = np.stack([heard.vector for _, heard, _ in good]).astype(np.float32)
                positions = [position for position, _, _ in good]
                vector_rows.add_vectors(connection, dataset.id, self.key, positions, vectors)
                known = {
                    p: clip_rows.SoundFacts(sha256, heard.duration_s, heard.sample_rate) for p, heard, sha256 in good
                }
                clip_rows.hear(connection, dataset.id, known)
            vector_rows.add_failures(connection, dataset.id, self.key, bad)


def run_here(dataset: Dataset, *, vectorizer: str) -> None:
    """Vectorize in this process, without a job: for notebooks, which wait for it anyway."""
    Vectorizing(dataset, vectorizer, Progress(), lambda: False).run()
