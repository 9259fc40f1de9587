"""Vectorizing on the workers of a Dask scheduler: the engine for the job, and the function that workers run.

A task is a dozen clips. A worker fetches them through the guard, decodes them in its own limited processes, and returns
arrays. Secrets of private sources are not sent: each worker reads them from its own environment. Dask's processes
exchange pickles, so the scheduler belongs in a trusted network, or behind `tls://`.

If a worker dies, the scheduler gives its tasks to others. The code of the worker imports neither pandas nor the store.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hover_core import settings
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip
from hover_core.errors import HoverError, Refused, SoundError
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.sound_cache import SoundCache
from hover_core.jobs.engine import RecordingResult, by_recording, number, run_or_report
from hover_core.jobs.fetch_and_decode import ByteBudget, Download, DownloadSource, FetcherCount, Stage, vectorize_batch
from hover_core.sources import for_dataset

if TYPE_CHECKING:
    from hover_core.jobs.progress import Progress
    from hover_core.store.database import DatasetRow

_TASK_CLIPS: Final = 12
_CONNECT_S: Final = 15
_WORKERS_S: Final = 30

AllowedHosts = tuple[tuple[str, ...], tuple[str, ...]]  # `host:port` of the operator, and of the dataset's owner
DaskRecording = tuple[str, str, list[tuple[float | None, float | None]]]  # URL, SHA-256 if known, its clips


# in the job -----------------------------------------------------------------------------------------------------------


class DaskEngine:
    """The engine that sends tasks to a Dask scheduler and collects their results.

    Raises
    ------
    Refused
        Dask is not installed, or no scheduler with workers answers.
    """

    def __init__(
        self,
        address: str,
        dataset: DatasetRow,
        clips: Any,
        key: str,
        progress: Progress,
        slots: threading.BoundedSemaphore,
    ) -> None:
        try:
            import distributed
        except ImportError as error:
            raise Refused(
                "HOVER_DASK_SCHEDULER is set, but Dask is not installed here: pip install distributed"
            ) from error
        from hover_core.vectorizers import registry

        self._address, self._clips, self._key, self._progress, self._slots = address, clips, key, progress, slots
        self._width = registry.get(key).dimensions
        self._allowed_hosts = sorted(settings.allowed_hosts()), sorted(dataset.settings.get("allowed_hosts", []))
        self._names = (dataset.id, dataset.name)
        self._halt = threading.Event()
        self._under_way: dict[Any, list[list[int]]] = {}
        self._done_futures: queue.Queue[Any] = queue.Queue()
        try:
            self._client = distributed.Client(address, name="hover", timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise Refused(f"no Dask scheduler answers at {address}: start one with “dask scheduler”") from error
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            self._client.close()
            raise Refused(f"the Dask scheduler at {address} has no workers: start some with “dask worker”") from error

    def start(self, pending: Sequence[int], results: queue.Queue[Any]) -> None:
        """Start with the clips at the positions `pending`; see `Engine.start`."""
        for work, argument in ((self._feed, pending), (self._take, results)):
            threading.Thread(target=run_or_report, args=(results, work, argument), daemon=True).start()

    def limit(self) -> str:
        """`network` if the workers wait for sound most of the time, else `workers`."""
        return "network" if self._progress.waiting_s > self._progress.computing_s else "workers"

    def shares(self) -> dict[str, float]:
        """See `Engine.shares`; workers report decoding as a part of computing."""
        waiting, computing = self._progress.waiting_s, self._progress.computing_s
        part = waiting / (waiting + computing) if waiting + computing else 1.0
        return {"waiting": part, "computing": 1 - part}

    def close(self) -> None:
        """Cancel the tasks under way, and disconnect from the scheduler."""
        self._halt.set()
        self._done_futures.put(None)
        if self._client.status == "running":
            self._client.cancel(list(self._under_way), force=True)
        self._client.close(timeout=5)

    def _feed(self, pending: Sequence[int]) -> None:
        for task in _tasks(by_recording(pending, self._clips["url"])):
            for _ in range(sum(map(len, task))):
                while not self._slots.acquire(timeout=0.2):
                    if self._halt.is_set():
                        return
            if self._halt.is_set():
                return
            self._submit(task)

    def _submit(self, task: list[list[int]]) -> None:
        clips = self._clips
        recordings: list[DaskRecording] = []
        for positions in task:
            sha256 = clips["sha256"][positions[0]]
            stretches = [(number(clips["start_s"][p]), number(clips["end_s"][p])) for p in positions]
            recordings.append((clips["url"][positions[0]], sha256 if isinstance(sha256, str) else "", stretches))
        future = self._client.submit(hear, self._key, self._allowed_hosts, self._names, recordings, pure=False)
        self._under_way[future] = task
        future.add_done_callback(self._done_futures.put)

    def _take(self, results: queue.Queue[Any]) -> None:
        while not self._halt.is_set():
            future = self._done_futures.get()
            if future is None:
                return
            task = self._under_way.pop(future)
            answer = self._answer(future, task)
            if answer is not None:
                results.put(
                    [
                        RecordingResult(positions, clips, sha256)
                        for positions, (clips, sha256) in zip(task, answer, strict=True)
                    ]
                )

    def _answer(self, future: Any, task: list[list[int]]) -> list[tuple[list[DecodedClip | SoundError], str]] | None:
        """The result of a task; None if its worker died, and its clips are now submitted one by one."""
        import distributed

        try:
            # a result whose worker has died since is computed again by another worker
            numbers = future.result()
        except distributed.KilledWorker:
            if sum(map(len, task)) > 1:
                for positions in task:
                    for position in positions:
                        self._submit([[position]])
                return None
            return [([SoundError("every worker that decoded it died")], "")]
        except HoverError:
            raise
        except ImportError as error:
            raise Refused(f"the Dask workers at {self._address} cannot import hover_core: install it there") from error
        except Exception as error:
            if self._client.status != "running" or future.status in ("cancelled", "lost"):
                raise Refused(
                    f"the Dask scheduler at {self._address} is gone: start again to go on from there"
                ) from error
            raise
        self._progress.waiting_s += numbers["waiting_s"]
        self._progress.computing_s += numbers["computing_s"]
        return _unpack(numbers, [len(positions) for positions in task], self._width)


def _tasks(recordings: Iterator[list[int]]) -> Iterator[list[list[int]]]:
    task: list[list[int]] = []
    for positions in recordings:
        task.append(positions)
        if sum(map(len, task)) >= _TASK_CLIPS:
            yield task
            task = []
    if task:
        yield task


def _unpack(
    numbers: dict[str, Any], lengths: list[int], width: int
) -> list[tuple[list[DecodedClip | SoundError], str]]:
    """The results of a task by recording, checked like any other outside data."""
    vectors = np.asarray(numbers["vectors"], np.float32)
    which = np.asarray(numbers["which"], np.int64)
    total = sum(lengths)
    if vectors.shape != (len(which), width) or not np.isfinite(vectors).all():
        return [([SoundError("the worker's answer cannot be read")] * length, "") for length in lengths]
    clip_of: dict[int, DecodedClip | SoundError] = {
        int(number): DecodedClip(vector, float(seconds), int(rate))
        for number, vector, seconds, rate in zip(which, vectors, numbers["durations"], numbers["rates"], strict=True)
    }
    clip_of |= {int(number): SoundError(str(reason)) for number, reason in numbers["bad"].items()}
    answers = [clip_of.get(number, SoundError("the worker's answer cannot be read")) for number in range(total)]
    out, first = [], 0
    for length, sha256 in zip(lengths, numbers["sha256"], strict=True):
        out.append((answers[first : first + length], str(sha256)))
        first += length
    return out


# in a worker ----------------------------------------------------------------------------------------------------------


def hear(
    key: str, allowed: tuple[Sequence[str], Sequence[str]], names: Sequence[str], recordings: Sequence[DaskRecording]
) -> dict[str, Any]:
    """Run a task in a Dask worker: fetch some recordings and vectorize their clips.

    Parameters
    ----------
    key : the key of the vectorizer
    allowed : private `host:port` that the operator allows, and those that the owner of the dataset allows
    names : id and name of the dataset
    recordings : URL, SHA-256 (or empty) and clips of each

    Returns
    -------
    dict
        `which`: numbers of the vectorized clips, counted over all recordings [shape=(k,), int32]; their `vectors`
        [shape=(k, d), float32], `durations` [shape=(k,), seconds] and `rates` [shape=(k,), Hz]; `bad`: reasons of the
        other clips by number; `sha256` of each recording; `waiting_s` and `computing_s`.
    """
    with _starting:  # tasks that start at the same time share the worker that the first one makes
        worker = _dask_worker()
    return worker.hear(key, (tuple(allowed[0]), tuple(allowed[1])), tuple(names), recordings)


_starting = threading.Lock()


@functools.cache
def _dask_worker() -> _DaskWorker:
    return _DaskWorker()


class _DaskWorker:
    """State of a worker process between tasks: connections, decoder pool, a bound on bytes in memory."""

    def __init__(self) -> None:
        self._workers = DecoderPool()
        self._fetchers: dict[Any, Fetcher] = {}
        self._lock = threading.Lock()
        self._room = ByteBudget()
        # Sound is stored only in a folder that the operator names: if the app shares it, players use these sounds.
        self._cache = None
        if os.environ.get("HOVER_DATA"):
            folder = settings.data_folder() / "sounds"  # one file per sound: other machines may share the folder
            self._cache = SoundCache(folder, max_bytes=settings.cache_bytes(), packed=False)

    def hear(
        self, key: str, allowed: AllowedHosts, names: tuple[str, ...], recordings: Sequence[DaskRecording]
    ) -> dict[str, Any]:
        stretches = [stretch for _, _, clips in recordings for stretch in clips]
        firsts = np.cumsum([0, *(len(clips) for _, _, clips in recordings)]).tolist()
        results: queue.Queue[list[RecordingResult] | BaseException] = queue.Queue()
        stage = Stage(
            DownloadSource(self._fetcher(allowed, names), self._cache, where="on the worker"),
            [
                Download(list(range(first, first + len(clips))), url, sha256_hint)
                for first, (url, sha256_hint, clips) in zip(firsts, recordings, strict=False)
            ],
            lambda batch: vectorize_batch(self._workers, key, batch, stretches.__getitem__),
            results,
            crew=FetcherCount.constant(len(recordings)),
            room=self._room,
        )
        decoded: dict[int, DecodedClip] = {}
        bad: dict[int, str] = {}
        sha256: dict[int, str] = {}
        stage.start()
        try:
            while len(sha256) < len(recordings):
                answers = results.get()
                if isinstance(answers, BaseException):
                    raise answers
                for answer in answers:
                    sha256[answer.positions[0]] = answer.sha256
                    for place, clip in zip(answer.positions, answer.clips, strict=True):
                        if isinstance(clip, DecodedClip):
                            decoded[place] = clip
                        else:
                            bad[place] = str(clip)
        finally:
            stage.close()
        which = sorted(decoded)
        return {
            "which": np.array(which, np.int32),
            "vectors": np.stack([decoded[n].vector for n in which])
            if which
            else np.zeros((0, _width(key)), np.float32),
            "durations": np.array([decoded[n].duration_s for n in which], np.float64),
            "rates": np.array([decoded[n].sample_rate for n in which], np.int32),
            "bad": bad,
            "sha256": [sha256[first] for first in firsts[:-1]],
            "waiting_s": stage.idle_s,
            "computing_s": stage.decoding_s,
        }

    def _fetcher(self, allowed: AllowedHosts, names: tuple[str, ...]) -> Fetcher:
        sources = for_dataset(settings.sources(), names)
        by_operator, by_owner = settings.allowed_hosts() | set(allowed[0]), frozenset(allowed[1])
        key = (by_operator, by_owner, sources)
        with self._lock:
            if key not in self._fetchers:
                self._fetchers[key] = Fetcher(
                    allowed_hosts=by_operator, dataset_hosts=by_owner, folders=settings.folders(), sources=sources
                )
            return self._fetchers[key]


def _width(key: str) -> int:
    from hover_core.vectorizers.registry import get

    return get(key).dimensions
