"""Recordings in, decoded sound out: the stage that vectorizing here, vectorizing on a Dask worker, and cutting share.

Threads fetch; more are hired as long as the server answers them side by side. What they fetched waits for the decoders
within a bound on bytes. Decoders take small batches and put what they made of them into the caller's queue in order of
arrival, and so does every thread with an exception, which ends the caller's work. What `decode` does is the caller's.

A Dask worker imports this module, so it imports neither pandas nor the store.
"""

from __future__ import annotations

import hashlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import Piece
from hover_core.errors import SoundError
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.sound_cache import SMALL_BYTES, SoundCache
from hover_core.fetching.transport import Through
from hover_core.jobs.engine import BATCH_CLIPS, RecordingResult, run_or_report

BYTES_IN_FLIGHT: Final = 256_000_000  # in one process
_BATCH_BYTES: Final = 16_000_000
_BYTES_ASKED: Final = 8_000_000  # so that a slow line ends each of them before its time is over
_HIRE_EVERY_S: Final = 0.005
_HIRED_AT_ONCE: Final = 4
_SOON_S: Final = 0.002  # what is answered sooner keeps the decoders busy with four
_QUEUED: Final = 3.0  # the host queues our requests: its latency is this many times its best
_LOOK_S: Final = 0.2  # so often a thread that waits looks whether the stage was closed


@dataclass
class Download:
    """What is fetched once: a URL, and the positions of its clips in whatever order the caller has."""

    positions: list[int]
    url: str
    sha256: str = ""  # of its bytes, if they may be in the cache


@dataclass
class Fetched:
    """A recording as a decoder takes it, or why there is none."""

    recording: Download
    data: bytes | Path | SoundError
    sha256: str = ""
    host: str = ""  # the host that sent it; empty if the cache had it, or nobody

    @property
    def held_bytes(self) -> int:
        """Its bytes in memory."""
        return len(self.data) if isinstance(self.data, bytes) else 0


@dataclass(frozen=True)
class DownloadSource:
    """Where recordings come from: the cache, else the guarded fetcher.

    Attributes
    ----------
    through : see `Fetcher.fetch`.
    max_file_bytes : what was fetched, is not small and is below this goes to the decoders as a file of the cache, to
        spare it the pipe; so does a recording of many clips, because decoders keep that open. 0: nothing does.
    where : where sound is kept, for the reason of a failure.
    note : called with a recording, its SHA-256 and its bytes when it was fetched and is in the cache.
    """

    fetcher: Fetcher
    cache: SoundCache | None
    through: Through = "pool"
    max_file_bytes: float = 0
    where: str = "on this machine"
    note: Callable[[Download, str, bytes], None] = lambda recording, sha256, sound: None

    def fetch(self, recording: Download) -> Fetched:
        """Fetch a recording; a failure is a value."""
        cache, url, sha256 = self.cache, recording.url, recording.sha256
        sound: bytes | Path | None = cache.get(sha256) if cache and sha256 else None
        host = ""
        try:
            if sound is None:
                sound = data = self.fetcher.fetch(url, through=self.through)
                host = url.partition("://")[2].partition("/")[0]
                if cache is None:
                    return Fetched(recording, data, hashlib.sha256(data).hexdigest(), host)
                sha256 = cache.put(data)
                self.note(recording, sha256, data)
                if SMALL_BYTES < len(data) < self.max_file_bytes:
                    sound = cache.path(sha256) or sound
            if cache is not None and self.max_file_bytes and len(recording.positions) > 1:
                sound = cache.path(sha256) or sound
            return Fetched(recording, sound, sha256, host)
        except SoundError as error:
            return Fetched(recording, error)
        except OSError as error:  # the cache's disk is full or read-only
            return Fetched(recording, SoundError(f"the sound could not be kept {self.where}: {error}"))


@dataclass(frozen=True)
class FetcherCount:
    """How many threads fetch.

    Attributes
    ----------
    at_first, at_most : as many from the start, and never more.
    enough_of_large : as many if sound has to be waited for at all, however large the recordings are.
    """

    at_first: int
    enough_of_large: int
    at_most: int

    @classmethod
    def constant(cls, count: int) -> FetcherCount:
        """So many, whatever the server does."""
        return cls(count, count, count)


class ByteBudget:
    """A bound on the bytes that are fetched and not decoded; stages of one process may share it."""

    def __init__(self, max_bytes: int = BYTES_IN_FLIGHT) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._changed = threading.Condition()

    def take(self, size: int, closed: threading.Event) -> None:
        """Wait until `size` bytes fit, or nothing else is held, or the stage is closed; then they count as held."""
        with self._changed:
            while self.used_bytes and self.used_bytes + size > self.max_bytes and not closed.is_set():
                self._changed.wait(_LOOK_S)
            self.used_bytes += size

    def give(self, size: int) -> None:
        """So many bytes are let go of."""
        with self._changed:
            self.used_bytes -= size
            self._changed.notify_all()


class Stage:
    """One run of recordings through fetchers and decoders.

    Parameters
    ----------
    recordings : iterated by the threads that fetch, one at a time.
    decode : turns a batch into what is put into `results`; runs in the threads of the decoders.
    results : takes what `decode` returns, in order of arrival, and exceptions.
    slots : one is taken for each position before its recording is fetched; the caller releases it when the result is
        safe. None: as many recordings as the bytes allow.
    batch_clips : how many clips a batch should have now.

    Attributes
    ----------
    waiting_s : summed over all threads that fetch, the seconds until their answers came.
    idle_s, decoding_s : summed over all decoders, the seconds without sound and in `decode`.
    """

    def __init__(
        self,
        source: DownloadSource,
        recordings: Iterable[Download],
        decode: Callable[[list[Fetched]], Any],
        results: queue.Queue[Any],
        *,
        crew: FetcherCount,
        decoders: int = 1,
        room: ByteBudget | None = None,
        slots: threading.Semaphore | None = None,
        batch_clips: Callable[[], int] = lambda: BATCH_CLIPS,
    ) -> None:
        self.waiting_s = self.idle_s = self.decoding_s = 0.0
        self._source, self._decode, self._results = source, decode, results
        self._crew, self._decoders, self._batch_clips = crew, decoders, batch_clips
        self._room = room or ByteBudget()
        self._closed = threading.Event()
        self._todo = _PendingDownloads(iter(recordings), slots, self._closed)
        self._fetched: queue.Queue[Fetched | None] = queue.Queue()
        self._lock = threading.Lock()  # for the counts
        self._waits = _Latency()
        self._answers = self._answered_bytes = 0

    def start(self) -> None:
        """Begin; returns at once."""
        for work in (self._hire, *[self._take_batches] * self._decoders):
            self._spawn(work)

    def close(self) -> None:
        """Stop: nothing more is fetched, and what waits for a decoder is let go of."""
        self._closed.set()
        self._drain()

    def _spawn(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run_or_report, args=(self._results, work), daemon=True)
        thread.start()
        return thread

    def _hire(self) -> None:
        """Hire threads that fetch as far as they help, and tell the decoders when all have ended."""
        crew = [self._spawn(self._fetch_all) for _ in range(self._crew.at_first)]
        while len(crew) < self._crew.at_most and not self._todo.ended:
            time.sleep(_HIRE_EVERY_S)
            # Each thread more takes computing time from the others, so there are no more of them than waiting asks for.
            enough = self._crew.enough_of_large
            with self._lock:
                shortest_s, queued = self._waits.look()
                if not queued:
                    enough = max(enough, _BYTES_ASKED * self._answers // max(self._answered_bytes, 1))
            if self._fetched.empty() and shortest_s > _SOON_S and len(crew) < enough:
                count = min(_HIRED_AT_ONCE, self._crew.at_most - len(crew))
                crew += [self._spawn(self._fetch_all) for _ in range(count)]
        for thread in crew:
            thread.join()
        for _ in range(self._decoders):
            self._fetched.put(None)

    def _fetch_all(self) -> None:
        for recording in self._todo:
            begun = time.monotonic()
            fetched = self._source.fetch(recording)
            waited_s = time.monotonic() - begun
            with self._lock:
                self.waiting_s += waited_s
                self._waits.note(fetched.host, waited_s)
                self._answers += 1
                self._answered_bytes += _size(fetched.data)
            self._room.take(fetched.held_bytes, self._closed)
            self._fetched.put(fetched)
            if self._closed.is_set():
                self._drain()

    def _drain(self) -> None:
        try:
            while True:
                fetched = self._fetched.get_nowait()
                self._room.give(fetched.held_bytes if fetched else 0)
        except queue.Empty:
            return

    def _take_batches(self) -> None:
        more = True
        while more and not self._closed.is_set():
            begun = time.monotonic()
            batch, more = self._next_batch()
            gathered = time.monotonic()
            try:
                if batch:
                    self._results.put(self._decode(batch))
            finally:
                with self._lock:
                    self.idle_s += gathered - begun
                    self.decoding_s += time.monotonic() - gathered
                self._room.give(sum(fetched.held_bytes for fetched in batch))

    def _next_batch(self) -> tuple[list[Fetched], bool]:
        """What was fetched, as much as a decoder should take now; and whether more may come."""
        batch: list[Fetched] = []
        size = clips = 0
        most = self._batch_clips()
        while clips < most and size < _BATCH_BYTES:
            try:
                fetched = self._fetched.get(timeout=0.005 if batch else _LOOK_S)
            except queue.Empty:
                break
            if fetched is None:
                return batch, False
            batch.append(fetched)
            clips += len(fetched.recording.positions)
            size += _size(fetched.data)
        return batch, True


def vectorize_batch(
    workers: DecoderPool,
    key: str,
    batch: list[Fetched],
    stretch: Callable[[int], tuple[float | None, float | None]],
) -> list[RecordingResult]:
    """The vectors of all clips of a batch.

    Parameters
    ----------
    key : the vectorizer's.
    stretch : the begin and end [s] of the clip at a position; None where it is that of the recording.
    """
    pieces = [
        Piece(fetched.data, *stretch(position))
        for fetched in batch
        if not isinstance(fetched.data, SoundError)
        for position in fetched.recording.positions
    ]
    vectors = iter(workers.vectorize(pieces, key) if pieces else [])
    answers: list[RecordingResult] = []
    for fetched in batch:
        failure = fetched.data if isinstance(fetched.data, SoundError) else None
        positions = fetched.recording.positions
        clips = [failure if failure is not None else next(vectors) for _ in positions]
        answers.append(RecordingResult(positions, clips, fetched.sha256))
    return answers


class _Latency:
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
        """The shortest wait since the last look, in seconds (infinite: no answer), and whether the hosts queue our
        requests, as far as the last answers show."""
        if self._least < math.inf:
            self._queued = self._least > _QUEUED
        shortest_s = self._shortest_s
        self._shortest_s = self._least = math.inf
        return shortest_s, self._queued


class _PendingDownloads:
    """The recordings that are left, for many threads; a slot is taken for each position before a recording is given."""

    def __init__(
        self, recordings: Iterator[Download], slots: threading.Semaphore | None, closed: threading.Event
    ) -> None:
        self._recordings, self._slots, self._closed = recordings, slots, closed
        self._lock = threading.Lock()  # one takes slots at a time: two that hold half of theirs would wait forever
        self.ended = False

    def __iter__(self) -> _PendingDownloads:
        return self

    def __next__(self) -> Download:
        with self._lock:
            recording = None if self.ended else next(self._recordings, None)
            for _ in recording.positions if recording and self._slots else ():
                while not self._closed.is_set() and self._slots and not self._slots.acquire(timeout=_LOOK_S):
                    pass
            self.ended = recording is None or self._closed.is_set()
            if recording is None or self.ended:
                raise StopIteration
            return recording


def _size(data: bytes | Path | SoundError) -> int:
    if isinstance(data, bytes):
        return len(data)
    try:
        return data.stat().st_size if isinstance(data, Path) else 0
    except FileNotFoundError:  # the cache let it go meanwhile: the decoder will say so
        return 0
