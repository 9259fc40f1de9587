"""Long recordings → clips of a dataset: each is fetched through the guard, measured in the limited children, and cut.

Where to cut is known only when a recording has been heard, so this is long work: a job of its own (`cut_recordings`,
which the queue starts), or in this process (`run_here`). Clips are added as recordings are done. A killed job goes on
after the recordings that it had written, and does not fetch again what is in the cache. A recording that cannot be cut
is named with its reason, and the others go on.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from hover_core.audio import segmentation
from hover_core.audio.segment import Piece
from hover_core.audio.segmentation import Cut
from hover_core.data.clips import Clip, clip_id, normal_url
from hover_core.errors import Cancelled, DecodeError, Refused, SoundError
from hover_core.jobs.cut_settings import CutResult, CutSettings, result_from, settings_of
from hover_core.jobs.fetch_log import FetchLog, fetch_log_of
from hover_core.jobs.progress import Progress
from hover_core.jobs.stage import Download, DownloadSource, Fetched, FetcherCount, Stage
from hover_core.jobs.task import Task
from hover_core.store import clip_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.sounds import ClipSounds

LABEL_COLUMN: Final = "recording_label"
MOST_CLIPS: Final = 1_000_000  # of one table
CREW: Final = FetcherCount.constant(4)  # recordings are large
_IN_FLIGHT: Final = 8  # recordings fetched but not measured
_LOOK_S: Final = 0.2
_FLUSH_S: Final = 1.0
_FLUSH_CLIPS: Final = 2_000


def cut_here(
    dataset: Dataset,
    intake: Intake,
    cut: Cut,
    *,
    labels: str = "aside",
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> CutResult:
    """Cut in this process, without a job: for notebooks, which wait for it anyway. See `CutSettings`.

    Raises
    ------
    Refused
        There is nothing to cut, or too much at once.
    """
    dataset.by.allow("own", dataset.id)
    return _Cutting(dataset, CutSettings(intake, cut, labels), progress or Progress(), stop, {}).run()


def cut_recordings(task: Task) -> None:
    """The work of a job of kind `cut`; goes on after the recordings that an earlier attempt had written."""
    _Cutting(
        task.dataset,
        settings_of(task.job),
        task.progress,
        task.stop,
        task.job.progress.get("more", {}),
        on_commit=task.on_commit,
        fetch_log=fetch_log_of(task.job),
    ).run()


class _Cutting:
    def __init__(
        self,
        dataset: Dataset,
        settings: CutSettings,
        progress: Progress,
        stop: Callable[[], bool],
        before: Mapping[str, Any],
        *,
        on_commit: Callable[[], None] = lambda: None,
        fetch_log: FetchLog | None = None,
    ) -> None:
        self.dataset, self.progress, self.stop, self.on_commit = dataset, progress, stop, on_commit
        self.intake, self.cut, self.labels = settings.intake, settings.cut, settings.labels
        self.identity = str(dataset.row.settings.get("identity", "full"))
        self.result = result_from(before)
        self.fetch_log = fetch_log or FetchLog(None)  # by the number of a recording
        self.finished: set[int] = {int(number) for number in before.get("finished", [])}

    def run(self) -> CutResult:
        by_url: dict[str, list[Clip]] = {}
        for clip in self.intake.clips:
            by_url.setdefault(clip.url, []).append(clip)
        groups = list(by_url.values())
        pending = [number for number in range(len(groups)) if number not in self.finished]
        progress = self.progress
        progress.phase, progress.total = "cut", len(groups)
        progress.done, progress.failed = self.result.recordings, len(self.result.failures)
        cores = max(1, os.cpu_count() or 1)
        sounds = ClipSounds(self.dataset.store, workers=cores)
        cache = sounds.cache
        source = DownloadSource(
            sounds.fetcher_of(self.dataset.row),
            cache,
            through="session",
            max_file_bytes=math.inf,
            note=lambda recording, sha256, sound: self.fetch_log.add(recording.positions, sha256, sound, cache),
        )
        known = self.fetch_log.read(cache)
        slots = threading.Semaphore(_IN_FLIGHT)
        results: queue.Queue[list[_RecordingCut] | BaseException] = queue.Queue()
        stage = Stage(
            source,
            [Download([number], groups[number][0].url, known.get(number, "")) for number in pending],
            lambda batch: [self._measure(sounds, fetched, groups) for fetched in batch],
            results,
            crew=CREW,
            decoders=cores,
            slots=slots,
            batch_clips=lambda: 1,
        )
        begun, at_begin = time.monotonic(), len(self.finished)
        ready: list[_RecordingCut] = []
        left = len(pending)
        flushed = time.monotonic()
        stage.start()
        try:
            while left:
                for measured in _take(results):
                    ready.append(measured)
                    slots.release()
                progress.waiting_s, progress.computing_s = stage.waiting_s, stage.decoding_s
                cancelled = self.stop()
                clips = sum(len(measured.clips) for measured in ready)
                if ready and (
                    cancelled or len(ready) == left or clips >= _FLUSH_CLIPS or time.monotonic() - flushed > _FLUSH_S
                ):
                    self._flush(ready)
                    left -= len(ready)
                    ready, flushed = [], time.monotonic()
                    rate = (len(self.finished) - at_begin) / max(flushed - begun, 1e-3)
                    progress.rate = rate
                    progress.left_s = (len(groups) - len(self.finished)) / rate if rate else None
                    spent = progress.waiting_s + progress.computing_s
                    waiting = progress.waiting_s / spent if spent else 1.0
                    progress.shares = {"waiting": waiting, "decoding": 1 - waiting}
                    progress.limit = "network" if waiting > 0.5 else "machine"
                if cancelled:
                    raise Cancelled
        finally:
            stage.close()
            sounds.close()
            self.fetch_log.discard()
        return self.result

    def _measure(self, sounds: ClipSounds, fetched: Fetched, groups: Sequence[Sequence[Clip]]) -> _RecordingCut:
        """Where a recording is to be cut, or why it cannot be."""
        (number,) = fetched.recording.positions
        measured = _RecordingCut(number, fetched.recording.url, fetched.sha256)
        if isinstance(fetched.data, SoundError):
            measured.reason = str(fetched.data)
            return measured
        try:
            for clip in groups[number]:
                stretches = _stretches(sounds, Piece(fetched.data, clip.start_s, clip.end_s), self.cut)
                measured.clips += [(clip, start, end) for start, end in stretches]
        except (SoundError, Refused) as error:
            return _RecordingCut(number, fetched.recording.url, reason=str(error))
        return measured

    def _flush(self, ready: Sequence[_RecordingCut]) -> None:
        result = self.result
        made: dict[str, tuple[Clip, str]] = {}
        intake = Intake(roles={**self.intake.roles, LABEL_COLUMN: "label"})
        for measured in sorted(ready, key=lambda measured: measured.number):
            if measured.reason:
                result.failures.append((measured.url, measured.reason))
                continue
            result.recordings += 1
            for recording, start_s, end_s in measured.clips:
                clip = _piece(recording, start_s, end_s, self.identity, self.labels)
                made[clip.clip_id] = (clip, measured.sha256)
                if clip.label and recording.clip_id in self.intake.sources:
                    intake.sources[clip.clip_id] = self.intake.sources[recording.clip_id]
        intake.clips = [clip for clip, _ in made.values()]
        if result.new + len(intake.clips) > MOST_CLIPS:
            raise Refused(f"more than {MOST_CLIPS:,} clips of one table: choose longer ones, or cut it in parts")
        if intake.clips:
            added = self.dataset.add(intake)
            result.new, result.known = result.new + added.new, result.known + added.known
            with self.dataset.store.write() as connection:
                at = clip_rows.positions_of(connection, self.dataset.id, list(made))
                heard = {
                    at[key]: clip_rows.SoundFacts(sha256, (clip.end_s or 0.0) - (clip.start_s or 0.0), None)
                    for key, (clip, sha256) in made.items()
                }
                clip_rows.hear(connection, self.dataset.id, heard)
        self.finished |= {measured.number for measured in ready}
        self.progress.done, self.progress.failed = result.recordings, len(result.failures)
        # read again by the process that takes the work up: what it names is in the dataset
        self.progress.more = {**asdict(result), "finished": sorted(self.finished)}
        self.on_commit()


@dataclass
class _RecordingCut:
    """Where the recording of a number is to be cut, or the reason why it cannot be."""

    number: int
    url: str
    sha256: str = ""
    clips: list[tuple[Clip, float, float]] = field(default_factory=list)  # recording, start, end
    reason: str = ""


def _take(results: queue.Queue[list[_RecordingCut] | BaseException]) -> Iterator[_RecordingCut]:
    """What has come, after a short wait if that is nothing; the exception of a thread is raised."""
    timeout_s = _LOOK_S
    while True:
        try:
            result = results.get(timeout=timeout_s)
        except queue.Empty:
            return
        if isinstance(result, BaseException):
            raise result
        yield from result
        timeout_s = 0.0


def _stretches(sounds: ClipSounds, piece: Piece, cut: Cut) -> list[tuple[float, float]]:
    """Where a recording, or a stretch of it, is cut, in seconds of the recording."""
    begin = piece.start_s or 0.0
    if cut.way == "pauses":
        duration_s, values = sounds.workers.loudness(piece, step_s=segmentation.STEP_S)
        stretches = segmentation.at_pauses(values, duration_s, cut)
        if not stretches:
            raise DecodeError("there is nothing but silence in it")
    else:
        duration_s = sounds.workers.probe(piece, counted=True).duration_s
        until = min(duration_s, piece.end_s) if piece.end_s is not None else duration_s
        if until <= begin:
            raise DecodeError(f"no sound from {begin:.1f} s on: the recording is {duration_s:.1f} s long")
        stretches = segmentation.every(until - begin, cut)
    return [(round(begin + start, 3), round(begin + end, 3)) for start, end in stretches if end > start]


def _piece(recording: Clip, start_s: float, end_s: float, identity: str, labels: str) -> Clip:
    """A piece of a recording: what the table says of the recording holds for it, but for its label if that is aside."""
    own = f"{recording.own_id}:{start_s:.3f}-{end_s:.3f}" if recording.own_id else ""
    made = replace(
        recording,
        clip_id=clip_id(recording.url, start_s, end_s, own_id=own, identity=identity),
        start_s=start_s,
        end_s=end_s,
        own_id=own,
        # a speaker's recordings stay together, and so do the pieces of one recording
        group=recording.group or normal_url(recording.url, identity),
        extra={name: value for name, value in recording.extra.items() if name != "duration"},
    )
    claimed = recording.label or recording.reference
    if labels == "each" or not claimed:
        return made
    return replace(made, label="", reference="", extra={**made.extra, LABEL_COLUMN: claimed})
