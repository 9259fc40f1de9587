"""Cutting long recordings into clips of a dataset: fetched through the guard, measured in limited processes, then cut.

The cuts depend on the sound, so this is long work: in a job (`cut_recordings`, which the queue starts) or in this
process (`cut_here`). Clips are added while other recordings are still being cut. A killed job resumes after the
recordings whose clips it has added, and takes sounds from the cache if they are there. A recording that cannot be cut
is listed with the reason, and the others go on.
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
from hover_core.jobs.fetch_and_decode import Download, DownloadSource, Fetched, FetcherCount, Stage
from hover_core.jobs.fetch_log import FetchLog, fetch_log_of
from hover_core.jobs.progress import Progress
from hover_core.jobs.task import Task
from hover_core.store import clip_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.sounds import ClipSounds

LABEL_COLUMN: Final = "recording_label"
MOST_CLIPS: Final = 1_000_000  # of one table
CREW: Final = FetcherCount.constant(4)  # recordings are large
_IN_FLIGHT: Final = 8  # recordings that are fetched but not measured
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
    """Cut recordings in this process and wait for the end, for notebooks. For the arguments see `CutSettings`.

    Raises
    ------
    Refused
        There is no recording, there are too many, or they make too many clips.
    Cancelled
        `stop` returned True; clips that were added stay.
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    return _Cutting(dataset, CutSettings(intake, cut, labels), progress or Progress(), stop, {}).run()


def cut_recordings(task: Task) -> None:
    """The work of a job of kind `cut`; resumes after the recordings that an earlier attempt has finished."""
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
        self.fetch_log = fetch_log or FetchLog(None)  # keys are numbers of recordings
        self.finished_numbers: set[int] = {int(number) for number in before.get("finished", [])}

    def run(self) -> CutResult:
        by_url: dict[str, list[Clip]] = {}
        for clip in self.intake.clips:
            by_url.setdefault(clip.url, []).append(clip)
        groups = list(by_url.values())
        pending = [number for number in range(len(groups)) if number not in self.finished_numbers]
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
        sha256_of = self.fetch_log.read(cache)
        slots = threading.Semaphore(_IN_FLIGHT)
        results: queue.Queue[list[_RecordingCut] | BaseException] = queue.Queue()
        stage = Stage(
            source,
            [Download([number], groups[number][0].url, sha256_of.get(number, "")) for number in pending],
            lambda batch: [self._measure(sounds, fetched, groups) for fetched in batch],
            results,
            crew=CREW,
            decoders=cores,
            slots=slots,
            batch_clips=lambda: 1,
        )
        start_time, n_at_start = time.monotonic(), len(self.finished_numbers)
        ready: list[_RecordingCut] = []
        n_left = len(pending)
        flush_time = time.monotonic()
        stage.start()
        try:
            while n_left:
                for recording_cut in _take(results):
                    ready.append(recording_cut)
                    slots.release()
                progress.waiting_s, progress.computing_s = stage.waiting_s, stage.decoding_s
                cancelled = self.stop()
                clips = sum(len(recording_cut.clips) for recording_cut in ready)
                if ready and (
                    cancelled
                    or len(ready) == n_left
                    or clips >= _FLUSH_CLIPS
                    or time.monotonic() - flush_time > _FLUSH_S
                ):
                    self._flush(ready)
                    n_left -= len(ready)
                    ready, flush_time = [], time.monotonic()
                    rate = (len(self.finished_numbers) - n_at_start) / max(flush_time - start_time, 1e-3)
                    progress.rate = rate
                    progress.left_s = (len(groups) - len(self.finished_numbers)) / rate if rate else None
                    total_s = progress.waiting_s + progress.computing_s
                    waiting_share = progress.waiting_s / total_s if total_s else 1.0
                    progress.shares = {"waiting": waiting_share, "decoding": 1 - waiting_share}
                    progress.limit = "network" if waiting_share > 0.5 else "machine"
                if cancelled:
                    raise Cancelled
        finally:
            stage.close()
            sounds.close()
            self.fetch_log.discard()
        return self.result

    def _measure(self, sounds: ClipSounds, fetched: Fetched, groups: Sequence[Sequence[Clip]]) -> _RecordingCut:
        """The cuts of a recording, or the reason why it cannot be cut."""
        (number,) = fetched.recording.positions
        recording_cut = _RecordingCut(number, fetched.recording.url, fetched.sha256)
        if isinstance(fetched.data, SoundError):
            recording_cut.reason = str(fetched.data)
            return recording_cut
        try:
            for clip in groups[number]:
                stretches = _stretches(sounds, Piece(fetched.data, clip.start_s, clip.end_s), self.cut)
                recording_cut.clips += [(clip, start, end) for start, end in stretches]
        except (SoundError, Refused) as error:
            return _RecordingCut(number, fetched.recording.url, reason=str(error))
        return recording_cut

    def _flush(self, ready: Sequence[_RecordingCut]) -> None:
        result = self.result
        clips: dict[str, tuple[Clip, str]] = {}
        intake = Intake(roles={**self.intake.roles, LABEL_COLUMN: "label"})
        for recording_cut in sorted(ready, key=lambda recording_cut: recording_cut.number):
            if recording_cut.reason:
                result.failures.append((recording_cut.url, recording_cut.reason))
                continue
            result.recordings += 1
            for recording, start_s, end_s in recording_cut.clips:
                clip = _piece(recording, start_s, end_s, self.identity, self.labels)
                clips[clip.clip_id] = (clip, recording_cut.sha256)
                if clip.label and recording.clip_id in self.intake.sources:
                    intake.sources[clip.clip_id] = self.intake.sources[recording.clip_id]
        intake.clips = [clip for clip, _ in clips.values()]
        if result.new + len(intake.clips) > MOST_CLIPS:
            raise Refused(f"more than {MOST_CLIPS:,} clips of one table: choose longer ones, or cut it in parts")
        if intake.clips:
            add_result = self.dataset.add(intake)
            result.new, result.known = result.new + add_result.new, result.known + add_result.known
            with self.dataset.store.write() as connection:
                at = clip_rows.positions_of(connection, self.dataset.id, list(clips))
                facts = {
                    at[key]: clip_rows.SoundFacts(sha256, (clip.end_s or 0.0) - (clip.start_s or 0.0), None)
                    for key, (clip, sha256) in clips.items()
                }
                clip_rows.hear(connection, self.dataset.id, facts)
        self.finished_numbers |= {recording_cut.number for recording_cut in ready}
        self.progress.done, self.progress.failed = result.recordings, len(result.failures)
        # a later attempt reads this: the clips of these recordings are in the dataset
        self.progress.more = {**asdict(result), "finished": sorted(self.finished_numbers)}
        self.on_commit()


@dataclass
class _RecordingCut:
    """The cuts of the recording with this number, or the reason why it cannot be cut."""

    number: int
    url: str
    sha256: str = ""
    clips: list[tuple[Clip, float, float]] = field(default_factory=list)  # recording, start, end
    reason: str = ""


def _take(results: queue.Queue[list[_RecordingCut] | BaseException]) -> Iterator[_RecordingCut]:
    """The results that are ready, after a short wait for the first; raises the exception of a worker thread."""
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
    """The cuts of a recording, or of a stretch of it. [(start, end), seconds of the recording]"""
    begin = piece.start_s or 0.0
    if cut.way == "pauses":
        duration_s, values = sounds.workers.loudness(piece, step_s=segmentation.STEP_S)
        stretches = segmentation.at_pauses(values, duration_s, cut)
        if not stretches:
            raise DecodeError("there is only silence in it")
    else:
        duration_s = sounds.workers.probe(piece, counted=True).duration_s
        until = min(duration_s, piece.end_s) if piece.end_s is not None else duration_s
        if until <= begin:
            raise DecodeError(f"no sound from {begin:.1f} s on: the recording is {duration_s:.1f} s long")
        stretches = segmentation.every(until - begin, cut)
    return [(round(begin + start, 3), round(begin + end, 3)) for start, end in stretches if end > start]


def _piece(recording: Clip, start_s: float, end_s: float, identity: str, labels: str) -> Clip:
    """The clip of a piece of a recording, with the columns of the recording; its label only as `labels` says."""
    own = f"{recording.own_id}:{start_s:.3f}-{end_s:.3f}" if recording.own_id else ""
    clip = replace(
        recording,
        clip_id=clip_id(recording.url, start_s, end_s, own_id=own, identity=identity),
        start_s=start_s,
        end_s=end_s,
        own_id=own,
        # recordings of one group stay together, and so do the pieces of one recording
        group=recording.group or normal_url(recording.url, identity),
        extra={name: value for name, value in recording.extra.items() if name != "duration"},
    )
    label = recording.label or recording.reference
    if labels == "each" or not label:
        return clip
    return replace(clip, label="", reference="", extra={**clip.extra, LABEL_COLUMN: label})
