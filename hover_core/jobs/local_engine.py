"""The engine for this machine: many downloads at the same time, and decoding in limited processes."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hover_core.jobs.engine import BATCH_CLIPS, RecordingResult, by_recording, number
from hover_core.jobs.fetch_and_decode import Download, DownloadSource, Fetched, FetcherCount, Stage, vectorize_batch
from hover_core.jobs.fetch_log import FetchLog
from hover_core.jobs.progress import Progress
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.sounds import ClipSounds

IN_FLIGHT: Final = 240  # clips that are fetched but not committed
CREW: Final = FetcherCount(at_first=4, enough_of_large=16, at_most=128)
_BATCH_S: Final = 0.05


class LocalEngine:
    """The engine for this machine; see `Engine`."""

    def __init__(
        self,
        dataset: Dataset,
        clips: Any,
        key: str,
        progress: Progress,
        slots: threading.BoundedSemaphore,
        fetch_log: FetchLog,
    ) -> None:
        self.dataset, self.clips, self.key, self.progress = dataset, clips, key, progress
        self._starts, self._ends = (clips[name].tolist() for name in ("start_s", "end_s"))
        self.cores = max(1, os.cpu_count() or 1)
        self._sounds = ClipSounds(dataset.store, workers=self.cores)
        self._slots, self._fetch_log = slots, fetch_log
        self._n_decoded = 0  # clips that were decoded, or could not be
        self._start_time = time.monotonic()
        self._stage: Stage | None = None

    def start(self, pending: Sequence[int], results: queue.Queue[Any]) -> None:
        """Start with the clips at the positions `pending`; see `Engine.start`."""
        self._start_time = time.monotonic()
        cache = self._sounds.cache
        source = DownloadSource(
            self._sounds.fetcher_of(self.dataset.row),
            cache,
            max_file_bytes=cache.max_bytes / IN_FLIGHT / 2,  # so that all files in flight fit into half of the cache
            note=lambda recording, sha256, sound: self._fetch_log.add(recording.positions, sha256, sound, cache),
        )
        self._stage = Stage(
            source,
            self._recordings(pending),
            self._vectorize,
            results,
            crew=CREW,
            decoders=self.cores + 1,  # one more than processes, so that the next batch is ready when a process ends one
            slots=self._slots,
            batch_clips=self._batch_clips,
        )
        self._stage.start()

    def limit(self) -> str:
        """`network` if the decoders wait for sound most of the time, else `machine`."""
        return "network" if self.shares()["waiting"] > 0.5 else "machine"

    def shares(self) -> dict[str, float]:
        """See `Engine.shares`."""
        times, now = self._sounds.workers.time_spent(), time.monotonic()
        available_s = self.cores * (now - self._start_time) - times.starting_s
        busy = min(1.0, max(0.0, times.at_work_s - times.starting_s) / max(available_s, 1e-3))
        decoding, computing = times.decoding_s, times.computing_s
        part = decoding / (decoding + computing) if decoding + computing else 1.0
        return {"waiting": 1 - busy, "decoding": busy * part, "computing": busy * (1 - part)}

    def close(self) -> None:
        """Stop fetching and decoding, and end the processes."""
        if self._stage is not None:
            self._stage.close()
        self._sounds.close()

    def _recordings(self, pending: Sequence[int]) -> Iterator[Download]:
        urls, sha256_of = self.clips["url"].tolist(), self.clips["sha256"].tolist()
        for position, sha256 in self._fetch_log.read(self._sounds.cache).items():
            sha256_of[position] = sha256
        for positions in by_recording(pending, urls):
            sha256 = sha256_of[positions[0]]
            yield Download(positions, urls[positions[0]], sha256 if isinstance(sha256, str) else "")

    def _batch_clips(self) -> int:
        """The clips of a batch: as many as take `_BATCH_S`, so that all processes end at about the same time."""
        times, n_decoded = self._sounds.workers.time_spent(), self._n_decoded
        seconds = (times.decoding_s + times.computing_s) / n_decoded if n_decoded else 0.0
        return int(min(BATCH_CLIPS, max(1, _BATCH_S / seconds))) if seconds else BATCH_CLIPS

    def _vectorize(self, batch: list[Fetched]) -> list[RecordingResult]:
        answers = vectorize_batch(
            self._sounds.workers, self.key, batch, lambda p: (number(self._starts[p]), number(self._ends[p]))
        )
        self._n_decoded += sum(len(answer.positions) for answer in answers if answer.sha256)
        if self._stage is not None:
            self.progress.waiting_s = self._stage.waiting_s
        self.progress.computing_s = self._sounds.workers.time_spent().at_work_s
        return answers
