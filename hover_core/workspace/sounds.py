"""The sounds of clips: from the cache, else fetched through the guard, in a form that every browser plays."""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from hover_core import settings
from hover_core.audio import browser_formats, containers
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import Piece
from hover_core.data.clips import Clip
from hover_core.data.people import MOST_SOUND_BYTES
from hover_core.errors import DecodeError, FetchError, NotFound, Refused
from hover_core.fetching.addresses import target_of
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.sound_cache import SoundCache
from hover_core.fetching.transport import FetchLimits
from hover_core.sources import Source, for_dataset
from hover_core.store.clip_rows import SoundFacts, clip_at, hear
from hover_core.store.database import DatasetRow, Store
from hover_core.workspace.concurrency_limits import Turns

PEAKS: Final = 96
_KEPT_PEAKS: Final = 20_000
_QUESTION_WORKERS: Final = 2  # one person uses one at a time: others need not wait


@dataclass(frozen=True)
class Playable:
    """A file that a browser plays."""

    path: Path
    mime: str


class ClipSounds:
    """The sounds of the clips of one store. One in a process; safe for threads.

    Methods raise `FetchError` if a sound cannot be fetched, `DecodeError` if it cannot be decoded, and `NotFound` if
    there is no clip at a position.

    Attributes
    ----------
    workers : the decoder pool for clips
    question_workers : the decoder pool for search queries: a hostile query cannot keep clips from playing
    turns, decoding : bounds on the queries of one person at the same time; see `asking`
    """

    def __init__(
        self,
        store: Store,
        cache: SoundCache | None = None,
        *,
        workers: int = 1,
        resolver: Callable[..., Any] = socket.getaddrinfo,
    ) -> None:
        self.store = store
        self.cache = cache or SoundCache(settings.data_folder() / "sounds", max_bytes=settings.cache_bytes())
        self.workers = DecoderPool(workers=workers)
        self.question_workers = DecoderPool(workers=_QUESTION_WORKERS)
        self.turns, self.decoding = Turns(), Turns(patience_s=None)
        self._resolver = resolver
        self._public = Fetcher(limits=FetchLimits(max_bytes=MOST_SOUND_BYTES), resolver=resolver)
        self._fetchers: dict[tuple[frozenset[str], frozenset[str], tuple[Source, ...]], Fetcher] = {}
        self._peaks: OrderedDict[tuple[str, float | None, float | None], list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the decoders, close the connections, and write the rest of the cache to disk."""
        self.workers.close()
        self.question_workers.close()
        for fetcher in (self._public, *self._fetchers.values()):
            fetcher.close()
        self.cache.close()

    def fetcher(self, dataset_hosts: Collection[str] = (), *, names: Collection[str] = ()) -> Fetcher:
        """The fetcher of a dataset.

        Parameters
        ----------
        dataset_hosts
            Private `host:port` that the owner of the dataset allows, besides those of the operator; see `Fetcher` for
            the limits of what an owner can allow.
        names
            Id and name of the dataset: it may use the operator's sources of private sound for these names.

        Raises
        ------
        FetchError
            The operator's sources cannot be read.
        """
        by_operator, by_owner = settings.allowed_hosts(), frozenset(host.lower() for host in dataset_hosts)
        try:
            sources = for_dataset(settings.sources(), names)
        except Refused as error:  # as the failure of every clip, so that people see what the operator must correct
            raise FetchError(str(error)) from error
        with self._lock:
            key = (by_operator, by_owner, sources)
            if key not in self._fetchers:
                self._fetchers[key] = Fetcher(
                    allowed_hosts=by_operator,
                    dataset_hosts=by_owner,
                    folders=settings.folders(),
                    sources=sources,
                    resolver=self._resolver,
                )
            return self._fetchers[key]

    def fetcher_of(self, dataset: DatasetRow) -> Fetcher:
        """The fetcher of a dataset, with the hosts that its settings allow."""
        return self.fetcher(dataset.settings.get("allowed_hosts", []), names=(dataset.id, dataset.name))

    def fetch(self, dataset_id: str, url: str) -> bytes:
        """The bytes behind a URL of a table, or one that the owner entered, if the dataset may fetch it."""
        return self.fetcher_of(self.store.dataset(dataset_id)).fetch(url)

    def fetch_public(self, url: str) -> bytes:
        """The bytes behind an http or https URL from a guest, if it is on the public internet.

        Hosts, folders and sources that the operator or an owner allows do not count here.
        """
        target_of(url)  # refuses any other scheme, before a bucket is opened
        return self._public.fetch(url)

    def recording(self, dataset_id: str, position: int) -> tuple[Clip, str, bytes | Path]:
        """A clip, the SHA-256 of its recording, and the recording: its bytes if small, else its path in the cache."""
        clip, facts, sound = self._recording(dataset_id, position)
        return clip, facts.sha256, sound

    def _recording(self, dataset_id: str, position: int) -> tuple[Clip, SoundFacts, bytes | Path]:
        row = clip_at(self.store, dataset_id, position)
        if row is None:
            raise NotFound(f"dataset {dataset_id} has no clip at position {position}")
        clip, facts = row
        cached = self.cache.get(facts.sha256) if facts else None
        if facts is not None and cached is not None:
            return clip, facts, cached
        data = self.fetch(dataset_id, clip.url)
        sha256 = self.cache.put(data)
        if facts is None:
            facts = SoundFacts(sha256, None, None)
            with self.store.write() as connection:
                hear(connection, dataset_id, {position: facts})
        return clip, replace(facts, sha256=sha256), self.cache.get(sha256) or data

    def _measure(self, dataset_id: str, position: int, clip: Clip, facts: SoundFacts, sound: bytes | Path) -> None:
        """Store the duration of a clip that has none yet: no job decoded it if its vector was imported."""
        if facts.duration_s is not None:
            return
        try:
            whole = self.workers.probe(Piece(sound), counted=True)
        except DecodeError:
            return  # without a duration, which nothing depends on
        end_s = whole.duration_s if clip.end_s is None else min(clip.end_s, whole.duration_s)
        measured_facts = SoundFacts(facts.sha256, end_s - (clip.start_s or 0.0), whole.sample_rate)
        with self.store.write() as connection:
            hear(connection, dataset_id, {position: measured_facts})

    def playable(self, dataset_id: str, position: int, *, level: bool = False, webkit: bool = False) -> Playable:
        """The clip as a file for a player: unchanged if every browser plays its format, else as 16-bit WAV.

        With `level` all clips have the same loudness; `webkit` as in `browser_formats.mime`.
        """
        clip, sha256, sound = self.recording(dataset_id, position)
        if level:
            name = f"{sha256}.{_part(clip.start_s)}-{_part(clip.end_s)}.level.wav"
            path = self.cache.path(name) or self._file(name, _normalise_loudness(self._wav(clip, sound)))
            return Playable(path, "audio/wav")
        stretch = clip.start_s is not None or clip.end_s is not None
        if not stretch:
            start = _start(sound)
            mime = browser_formats.mime(start, webkit=webkit)
            if not mime and containers.kind(start) == "mov" and not containers.is_installed():
                mime = "audio/mp4"  # without PyAV AAC cannot be decoded here, but many browsers play it
            if mime:
                return Playable(sound if isinstance(sound, Path) else self._file(sha256, sound), mime)
        name = f"{sha256}.{_part(clip.start_s)}-{_part(clip.end_s)}.wav"
        return Playable(self.cache.path(name) or self._file(name, self._wav(clip, sound)), "audio/wav")

    def _wav(self, clip: Clip, sound: bytes | Path) -> bytes:
        return self.workers.wav(Piece(sound, clip.start_s, clip.end_s))

    def _file(self, name: str, data: bytes) -> Path:
        self.cache.put_named(name, data)
        path = self.cache.path(name)
        if path is None:
            raise DecodeError("the sound was decoded but could not be stored: is the disk full?")
        return path

    def peaks(self, dataset_id: str, position: int) -> list[int]:
        """The outline of the clip for a thumbnail: `PEAKS` numbers, 0 to 255."""
        clip, facts, sound = self._recording(dataset_id, position)
        outline = self._outline(clip, facts.sha256, sound)
        self._measure(dataset_id, position, clip, facts, sound)
        return outline

    def _outline(self, clip: Clip, sha256: str, sound: bytes | Path) -> list[int]:
        key = (sha256, clip.start_s, clip.end_s)
        with self._lock:
            if key in self._peaks:
                self._peaks.move_to_end(key)
                return self._peaks[key]
        name = f"{sha256}.{_part(clip.start_s)}-{_part(clip.end_s)}.peaks"
        data = self.cache.read(name)  # perhaps written by an earlier server
        if data is None:
            data = self.workers.peaks(Piece(sound, clip.start_s, clip.end_s), n=PEAKS).tobytes()
            self.cache.put_named(name, data)
        outline = list(data)
        with self._lock:
            self._peaks[key] = outline
            while len(self._peaks) > _KEPT_PEAKS:
                self._peaks.popitem(last=False)
        return outline

    def spectrogram(self, dataset_id: str, position: int) -> np.ndarray:
        """The spectrogram of the clip; see `DecoderPool.spectrogram`. [shape=(110, 600), uint8]"""
        clip, facts, sound = self._recording(dataset_id, position)
        name = f"{facts.sha256}.{_part(clip.start_s)}-{_part(clip.end_s)}.spectrogram"
        data = self.cache.read(name)
        if data is None:
            data = self.workers.spectrogram(Piece(sound, clip.start_s, clip.end_s)).tobytes()
            self.cache.put_named(name, data)
        self._measure(dataset_id, position, clip, facts, sound)
        return np.frombuffer(data, np.uint8).reshape(110, 600)


def _start(sound: bytes | Path) -> bytes:
    if isinstance(sound, bytes):
        return sound[: browser_formats.HEAD]
    with sound.open("rb") as file:
        return file.read(browser_formats.HEAD)


def _normalise_loudness(wav: bytes) -> bytes:
    """16-bit WAV at −20 dB full scale (RMS), or as loud as its peaks allow."""
    samples = np.frombuffer(wav[44:], "<i2").astype(np.float64)
    rms, peak = np.sqrt(np.mean(samples**2)) if len(samples) else 0.0, np.abs(samples).max(initial=0.0)
    if not rms:
        return wav
    gain = min(3277 / rms, 32_000 / peak)
    return wav[:44] + np.rint(samples * gain).astype("<i2").tobytes()


def _part(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
