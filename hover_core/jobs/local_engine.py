"""The engine of this machine: many downloads at once, and decoding in limited processes."""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hover_core.audio.segment import Piece
from hover_core.errors import SoundError
from hover_core.fetching.sound_cache import SMALL_BYTES
from hover_core.jobs.engine import BATCH_CLIPS, Answer, by_recording, number, run_or_report
from hover_core.jobs.fetch_log import FetchLog
from hover_core.jobs.progress import Progress
from hover_core.workspace.dataset import Dataset

IN_FLIGHT: Final = 240  # clips fetched but not committed
_FETCHERS: Final = 128
_FETCHERS_AT_FIRST: Final = 4
_FETCHERS_AT_LEAST: Final = 16  # if it has to be waited for at all, however large the recordings are
_BYTES_ASKED: Final = 8_000_000  # so that a slow line ends each of them before its time is over
_HIRE_EVERY_S: Final = 0.005
_SOON_S: Final = 0.002  # what is answered sooner keeps the decoders busy with four
_QUEUED: Final = 3.0  # a host whose answers take so many times as long as its quickest has questions waiting in line
_BATCH_S: Final = 0.05
_BATCH_BYTES: Final = 16_000_000
_BYTES_IN_FLIGHT: Final = 256_000_000


@dataclass
class _Fetched:
    positions: list[int]
    data: bytes | Path | SoundError
    sha256: str = ""
    asked: str = ""  # the host that sent it; empty if the cache had it, or nobody


class LocalEngine:
    """The engine of this machine: many downloads in flight, decoding in limited children."""

    def __init__(
        self,
        dataset: Dataset,
        clips: Any,
        key: str,
        progress: Progress,
        slots: threading.BoundedSemaphore,
        fetch_log: FetchLog,
    ) -> None:
        from hover_core.workspace.sounds import Listening

        self.dataset, self.clips, self.key, self.progress = dataset, clips, key, progress
        self._starts, self._ends = (clips[name].tolist() for name in ("start_s", "end_s"))
        self.cores = max(1, os.cpu_count() or 1)
        self._listening = Listening(dataset.store, workers=self.cores)
        self._decoders = self.cores + 1  # threads: one has the next batch ready when a process has done its own
        self._slots, self._fetch_log = slots, fetch_log
        self._halt = threading.Event()
        self._bytes_lock = threading.Condition()
        self._bytes = 0
        self._answered = self._answered_bytes = 0
        self._heard = 0  # clips that were decoded, or refused
        self._waits = _Waits()
        self._started = time.monotonic()

    def start(self, pending: Sequence[int], results: queue.Queue[Any]) -> None:
        """Begin with these clips."""
        self._started = time.monotonic()
        fetched: queue.Queue[_Fetched | None] = queue.Queue()
        threads: list[Any] = [(self._feed, pending, fetched, results)]
        threads += [(self._decode, fetched, results)] * self._decoders
        for work, *given in threads:
            threading.Thread(target=run_or_report, args=(results, work, *given), daemon=True).start()

    def limit(self) -> str:
        """The network, if the decoders have nothing to do for most of the time."""
        return "network" if self.shares()["waiting"] > 0.5 else "machine"

    def shares(self) -> dict[str, float]:
        """What the time of this machine's decoders goes to."""
        spent, now = self._listening.workers.spent(), time.monotonic()
        at_hand = self.cores * (now - self._started) - spent.starting_s
        busy = min(1.0, max(0.0, spent.at_work_s - spent.starting_s) / max(at_hand, 1e-3))
        decoding, computing = spent.decoding_s, spent.computing_s
        part = decoding / (decoding + computing) if decoding + computing else 1.0
        return {"waiting": 1 - busy, "decoding": busy * part, "computing": busy * (1 - part)}

    def close(self) -> None:
        """Stop."""
        self._halt.set()
        with self._bytes_lock:
            self._bytes_lock.notify_all()
        self._listening.close()

    def _feed(self, pending: Sequence[int], fetched: queue.Queue[_Fetched | None], results: queue.Queue[Any]) -> None:
        listening = self._listening
        fetcher = listening.fetcher_of(self.dataset.row)
        urls, known = self.clips["url"].tolist(), self.clips["sha256"].tolist()
        for position, sha256 in self._fetch_log.read(listening.cache).items():
            known[position] = sha256

        def fetch(positions: list[int]) -> _Fetched:
            try:
                sha256 = known[positions[0]]
                sound = listening.cache.get(sha256) if isinstance(sha256, str) else None
                asked = ""
                if sound is None:
                    sound = fetcher.fetch(urls[positions[0]], through="pool")
                    asked = _host(urls[positions[0]])
                    sha256 = listening.cache.put(sound)
                    self._fetch_log.add(positions, sha256, sound, listening.cache)
                    # a large one goes to the decoders as a file, to spare it the pipe, if the cache holds whatever is
                    # under way with room to spare
                    if SMALL_BYTES < len(sound) < listening.cache.max_bytes / IN_FLIGHT / 2:
                        sound = listening.cache.path(sha256) or sound
                if len(positions) > 1:  # so does a recording of many clips, because they keep that open
                    sound = listening.cache.path(sha256) or sound
                return _Fetched(positions, sound, sha256, asked)
            except SoundError as error:
                return _Fetched(positions, error)
            except OSError as error:  # the cache's disk is full or read-only
                return _Fetched(positions, SoundError(f"the sound could not be kept on this machine: {error}"))

        def work() -> None:
            for positions in todo:
                begun = time.monotonic()
                result = fetch(positions)
                self._answer(result.data, result.asked, time.monotonic() - begun)
                fetched.put(result)

        todo = _Todo(by_recording(pending, urls), self._slots, self._halt)
        crew: list[threading.Thread] = []

        def hire(count: int) -> None:
            for _ in range(count):
                crew.append(threading.Thread(target=run_or_report, args=(results, work), daemon=True))
                crew[-1].start()

        hire(_FETCHERS_AT_FIRST)
        while len(crew) < _FETCHERS and not todo.ended:
            time.sleep(_HIRE_EVERY_S)
            # Each thread more takes computing time from the others, so there are no more of them than waiting asks for.
            enough = _FETCHERS_AT_LEAST
            shortest_s, queued = self._waits.look()
            if not queued:
                enough = max(enough, _BYTES_ASKED * self._answered // max(self._answered_bytes, 1))
            if fetched.empty() and shortest_s > _SOON_S and len(crew) < enough:
                hire(_FETCHERS_AT_FIRST)
        for thread in crew:
            thread.join()
        for _ in range(self._decoders):
            fetched.put(None)

    def _answer(self, data: bytes | Path | SoundError, asked: str, waited_s: float) -> None:
        """Count an answer; wait until there is room for it."""
        size = len(data) if isinstance(data, bytes) else 0
        with self._bytes_lock:
            self.progress.waiting_s += waited_s
            self._waits.note(asked, waited_s)
            self._answered += 1
            self._answered_bytes += _size(data)
            self._bytes_lock.wait_for(
                lambda: self._bytes + size <= _BYTES_IN_FLIGHT or not self._bytes or self._halt.is_set()
            )
            self._bytes += size

    def _decode(self, fetched: queue.Queue[_Fetched | None], results: queue.Queue[Any]) -> None:
        last = False
        while not last and not self._halt.is_set():
            batch: list[_Fetched] = []
            size = clips = 0
            most = self._batch_clips()
            while clips < most and size < _BATCH_BYTES:
                try:
                    found = fetched.get(timeout=0.2 if not batch else 0.005)
                except queue.Empty:
                    if batch or self._halt.is_set():
                        break
                    continue
                if found is None:
                    last = True
                    break
                batch.append(found)
                clips += len(found.positions)
                size += _size(found.data)
            if batch:
                results.put(self._hear(batch))
                self.progress.computing_s = self._listening.workers.spent().at_work_s
                with self._bytes_lock:
                    self._bytes -= sum(len(one.data) for one in batch if isinstance(one.data, bytes))
                    self._bytes_lock.notify_all()

    def _batch_clips(self) -> int:
        """So many clips as take a moment, so that no process still has a long batch when the others have done all."""
        spent, heard = self._listening.workers.spent(), self._heard
        seconds = (spent.decoding_s + spent.computing_s) / heard if heard else 0.0
        return int(min(BATCH_CLIPS, max(1, _BATCH_S / seconds))) if seconds else BATCH_CLIPS

    def _hear(self, batch: list[_Fetched]) -> list[Answer]:
        starts, ends = self._starts, self._ends
        pieces: list[Piece] = []
        for one in batch:
            if not isinstance(one.data, SoundError):
                pieces += [Piece(one.data, number(starts[p]), number(ends[p])) for p in one.positions]
        heard = iter(self._listening.workers.vectorize(pieces, self.key) if pieces else [])
        self._heard += len(pieces)
        answers: list[Answer] = []
        for one in batch:
            bad = one.data if isinstance(one.data, SoundError) else None
            clips = [bad if bad is not None else next(heard) for _ in one.positions]
            answers.append(Answer(one.positions, clips, one.sha256))
        return answers


class _Waits:
    """How long answers keep one waiting, and whether it is for the way or for others of our own questions.

    More questions at once help against a long way. Where they stand in line at the server they help nobody, and all
    of them would be asked again after a killed job.
    """

    def __init__(self) -> None:
        self._quickest: dict[str, float] = {}  # seconds, by host
        self._shortest_s = math.inf  # of the last few ms, as the next
        self._least = math.inf  # in units of the host's quickest
        self._queued = False

    def note(self, host: str, waited_s: float) -> None:
        """An answer of a host came, or one of the cache (no host), which says nothing about the way."""
        self._shortest_s = min(self._shortest_s, waited_s)
        if host:
            quickest = self._quickest[host] = min(waited_s, self._quickest.get(host, math.inf))
            self._least = min(self._least, waited_s / max(quickest, 1e-4))

    def look(self) -> tuple[float, bool]:
        """The shortest wait since the last look, in seconds (infinite: no answer), and whether questions stand in
        line, as far as the last answers told."""
        if self._least < math.inf:
            self._queued = self._least > _QUEUED
        found = self._shortest_s, self._queued
        self._shortest_s = self._least = math.inf
        return found


def _host(url: str) -> str:
    """The part of a URL by which answers are compared."""
    return url.partition("://")[2].partition("/")[0]


class _Todo:
    """The recordings that are left, for many threads; a slot is taken for each clip before its recording is given."""

    def __init__(
        self, recordings: Iterator[list[int]], slots: threading.BoundedSemaphore, halt: threading.Event
    ) -> None:
        self._recordings, self._slots, self._halt = recordings, slots, halt
        self._lock = threading.Lock()  # one takes slots at a time: two that hold half of theirs would wait for ever
        self.ended = False

    def __iter__(self) -> _Todo:
        return self

    def __next__(self) -> list[int]:
        with self._lock:
            positions = [] if self.ended else next(self._recordings, [])
            for _ in positions:
                while not self._halt.is_set() and not self._slots.acquire(timeout=0.2):
                    pass
            self.ended = not positions or self._halt.is_set()
            if self.ended:
                raise StopIteration
            return positions


def _size(data: bytes | Path | SoundError) -> int:
    if isinstance(data, bytes):
        return len(data)
    try:
        return data.stat().st_size if isinstance(data, Path) else 0
    except FileNotFoundError:  # the cache let it go meanwhile: the decoder will say so
        return 0
