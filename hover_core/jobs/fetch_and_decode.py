"""The stage that fetches and decodes recordings, for vectorizing here or on a Dask worker, and for cutting.

Threads fetch; more are started as long as the server answers them in parallel. Fetched sounds wait for the decoders,
within a bound on bytes. Decoder threads take small batches, call the caller's `decode`, and put its results into the
caller's queue in order of arrival. A thread that fails puts its exception there, which ends the caller's work.

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
_REQUESTED_BYTES: Final = 8_000_000  # at the same time: on a slow line each download must end within its time limit
_HIRE_EVERY_S: Final = 0.005
_HIRED_AT_ONCE: Final = 4
_SOON_S: Final = 0.002  # with answers faster than this, four threads keep the decoders busy
_QUEUEING_FACTOR: Final = 3.0  # the host is queueing our requests if its latency is this many times its best
_LOOK_S: Final = 0.2  # how often a waiting thread checks whether the stage was closed


@dataclass
class Download:
    """One download: a URL, and the positions of the clips of its recording, by the caller's numbering."""

    positions: list[int]
    url: str
    sha256: str = ""  # of the recording, if it may be in the cache


@dataclass
class Fetched:
    """A recording for a decoder, as bytes or as a path in the cache; or the reason why there is none."""

    recording: Download
    data: bytes | Path | SoundError
    sha256: str = ""
    host: str = ""  # the host that sent it; empty if it came from the cache, or could not be fetched

    @property
    def held_bytes(self) -> int:
        """The bytes that it has in memory."""
        return len(self.data) if isinstance(self.data, bytes) else 0


@dataclass(frozen=True)
class DownloadSource:
    """The source of recordings: the cache, else the guarded fetcher.

    Attributes
    ----------
    through : see `Fetcher.fetch`
    max_file_bytes : fetched recordings below this size, if not small, go to the decoders as files of the cache instead
        of through a pipe; so do recordings of several clips, because decoders keep these open. 0: none do
    where : the words for the machine that stores sounds, for reasons of failures
    note : called with a recording, its SHA-256 and its bytes after it was fetched and put into the cache
    """

    fetcher: Fetcher
    cache: SoundCache | None
    through: Through = "pool"
    max_file_bytes: float = 0
    where: str = "on this machine"
    note: Callable[[Download, str, bytes], None] = lambda recording, sha256, sound: None

    def fetch(self, recording: Download) -> Fetched:
        """Fetch a recording; a failure is returned as the `data`, not raised."""
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
    """The number of threads that fetch.

    Attributes
    ----------
    at_first, at_most : the number at the start, and the highest
    enough_of_large : the number while the decoders wait for sound, also if the recordings are large
    """

    at_first: int
    enough_of_large: int
    at_most: int

    @classmethod
    def constant(cls, count: int) -> FetcherCount:
        """The same number of threads, however fast the server answers."""
        return cls(count, count, count)


class ByteBudget:
    """A bound on the bytes that are fetched but not decoded; stages of one process may share it."""

    def __init__(self, max_bytes: int = BYTES_IN_FLIGHT) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._condition = threading.Condition()

    def take(self, size: int, close_event: threading.Event) -> None:
        """Wait until `size` bytes fit, the budget is unused, or the stage is closed; then count them as used."""
        with self._condition:
            while self.used_bytes and self.used_bytes + size > self.max_bytes and not close_event.is_set():
                self._condition.wait(_LOOK_S)
            self.used_bytes += size

    def give(self, size: int) -> None:
        """Count `size` bytes as free again."""
        with self._condition:
            self.used_bytes -= size
            self._condition.notify_all()


class Stage:
    """One run of recordings through fetchers and decoders.

    Parameters
    ----------
    recordings : the downloads; iterated by one fetching thread at a time
    decode : makes the result of a batch; runs in the decoder threads
    results : receives the results of `decode` in order of arrival, and exceptions
    crew : the number of threads that fetch
    decoders : the number of decoder threads
    room : bound on the bytes in memory; None: a new one for this stage
    slots : one is acquired for each position before its recording is fetched; the caller releases it after the commit.
        None: only `room` is a bound
    batch_clips : returns the number of clips that a batch should have now

    Attributes
    ----------
    waiting_s : time that the fetching threads waited for answers [seconds, sum of all]
    idle_s, decoding_s : time that the decoder threads had no sound, and were in `decode` [seconds, sum of all]
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
        self._close_event = threading.Event()
        self._todo = _PendingDownloads(iter(recordings), slots, self._close_event)
        self._sounds: queue.Queue[Fetched | None] = queue.Queue()
        self._lock = threading.Lock()  # guards the counts
        self._latency = _Latency()
        self._n_answers = self._total_bytes = 0

    def start(self) -> None:
        """Start the threads, and return at once."""
        for work in (self._hire, *[self._take_batches] * self._decoders):
            self._spawn(work)

    def close(self) -> None:
        """Stop fetching, and drop the sounds that wait for a decoder."""
        self._close_event.set()
        self._drain()

    def _spawn(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run_or_report, args=(self._results, work), daemon=True)
        thread.start()
        return thread

    def _hire(self) -> None:
        """Start more fetching threads as long as they help, and end the decoder threads after the last recording."""
        crew = [self._spawn(self._fetch_all) for _ in range(self._crew.at_first)]
        while len(crew) < self._crew.at_most and not self._todo.ended:
            time.sleep(_HIRE_EVERY_S)
            # Each thread takes computing time from the others, so there are only as many as the latency requires.
            enough = self._crew.enough_of_large
            with self._lock:
                shortest_s, is_queueing = self._latency.look()
                if not is_queueing:
                    enough = max(enough, _REQUESTED_BYTES * self._n_answers // max(self._total_bytes, 1))
            if self._sounds.empty() and shortest_s > _SOON_S and len(crew) < enough:
                count = min(_HIRED_AT_ONCE, self._crew.at_most - len(crew))
                crew += [self._spawn(self._fetch_all) for _ in range(count)]
        for thread in crew:
            thread.join()
        for _ in range(self._decoders):
            self._sounds.put(None)

    def _fetch_all(self) -> None:
        for recording in self._todo:
            start_time = time.monotonic()
            sound = self._source.fetch(recording)
            waited_s = time.monotonic() - start_time
            with self._lock:
                self.waiting_s += waited_s
                self._latency.note(sound.host, waited_s)
                self._n_answers += 1
                self._total_bytes += _size(sound.data)
            self._room.take(sound.held_bytes, self._close_event)
            self._sounds.put(sound)
            if self._close_event.is_set():
                self._drain()

    def _drain(self) -> None:
        try:
            while True:
                sound = self._sounds.get_nowait()
                self._room.give(sound.held_bytes if sound else 0)
        except queue.Empty:
            return

    def _take_batches(self) -> None:
        more_to_come = True
        while more_to_come and not self._close_event.is_set():
            start_time = time.monotonic()
            batch, more_to_come = self._next_batch()
            batch_time = time.monotonic()
            try:
                if batch:
                    self._results.put(self._decode(batch))
            finally:
                with self._lock:
                    self.idle_s += batch_time - start_time
                    self.decoding_s += time.monotonic() - batch_time
                self._room.give(sum(sound.held_bytes for sound in batch))

    def _next_batch(self) -> tuple[list[Fetched], bool]:
        """The sounds that a decoder should take now, and whether more may come."""
        batch: list[Fetched] = []
        size = clips = 0
        most = self._batch_clips()
        while clips < most and size < _BATCH_BYTES:
            try:
                sound = self._sounds.get(timeout=0.005 if batch else _LOOK_S)
            except queue.Empty:
                break
            if sound is None:
                return batch, False
            batch.append(sound)
            clips += len(sound.recording.positions)
            size += _size(sound.data)
        return batch, True


def vectorize_batch(
    workers: DecoderPool,
    key: str,
    batch: list[Fetched],
    stretch: Callable[[int], tuple[float | None, float | None]],
) -> list[RecordingResult]:
    """The vectors of all clips of a batch, or the reasons why there are none.

    Parameters
    ----------
    workers : the pool that decodes
    key : the key of the vectorizer
    stretch : returns start and end of the clip at a position [seconds]; None for those of the recording
    """
    pieces = [
        Piece(sound.data, *stretch(position))
        for sound in batch
        if not isinstance(sound.data, SoundError)
        for position in sound.recording.positions
    ]
    vectors = iter(workers.vectorize(pieces, key) if pieces else [])
    answers: list[RecordingResult] = []
    for sound in batch:
        failure = sound.data if isinstance(sound.data, SoundError) else None
        positions = sound.recording.positions
        clips = [failure if failure is not None else next(vectors) for _ in positions]
        answers.append(RecordingResult(positions, clips, sound.sha256))
    return answers


class _Latency:
    """The latency of answers, and whether its cause is the distance of the host or a queue of our own requests.

    More parallel requests help against a distant host. Requests that wait in a queue of the host help nobody, and
    after a killed job all of them would be sent again.
    """

    def __init__(self) -> None:
        self._quickest: dict[str, float] = {}  # seconds, by host
        self._shortest_s = math.inf  # since the last `look`, like `_least`
        self._least = math.inf  # in units of the host's best latency
        self._is_queueing = False

    def note(self, host: str, waited_s: float) -> None:
        """Count the answer of a host, or of the cache (no host), which tells nothing about latency."""
        self._shortest_s = min(self._shortest_s, waited_s)
        if host:
            quickest = self._quickest[host] = min(waited_s, self._quickest.get(host, math.inf))
            self._least = min(self._least, waited_s / max(quickest, 1e-4))

    def look(self) -> tuple[float, bool]:
        """The shortest wait since the last call [seconds], infinite without an answer; and whether the hosts queue our
        requests, by their last answers."""
        if self._least < math.inf:
            self._is_queueing = self._least > _QUEUEING_FACTOR
        shortest_s = self._shortest_s
        self._shortest_s = self._least = math.inf
        return shortest_s, self._is_queueing


class _PendingDownloads:
    """The remaining downloads, for many threads; acquires a slot for each position before it returns a download."""

    def __init__(
        self, recordings: Iterator[Download], slots: threading.Semaphore | None, close_event: threading.Event
    ) -> None:
        self._recordings, self._slots, self._close_event = recordings, slots, close_event
        # one thread acquires slots at a time: two with half of their slots each would wait forever
        self._lock = threading.Lock()
        self.ended = False

    def __iter__(self) -> _PendingDownloads:
        return self

    def __next__(self) -> Download:
        with self._lock:
            recording = None if self.ended else next(self._recordings, None)
            for _ in recording.positions if recording and self._slots else ():
                while not self._close_event.is_set() and self._slots and not self._slots.acquire(timeout=_LOOK_S):
                    pass
            self.ended = recording is None or self._close_event.is_set()
            if recording is None or self.ended:
                raise StopIteration
            return recording


def _size(data: bytes | Path | SoundError) -> int:
    if isinstance(data, bytes):
        return len(data)
    try:
        return data.stat().st_size if isinstance(data, Path) else 0
    except FileNotFoundError:  # the cache has dropped it meanwhile: the decoder will report that
        return 0
