"""What a job has fetched, written down before its vectors are: a killed job need not fetch it again.

Two files, appended without buffering, so that they outlive the process. One has a line a clip, `position SHA-256`. The
other has the small sounds that the cache may not have written yet, each behind a line `SHA-256 bytes`, and is emptied
whenever the cache has. Both belong to one job and go when its work ends; a sound that is in neither place is fetched
again.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hover_core import settings
from hover_core.fetching.sound_cache import SMALL_BYTES, SoundCache
from hover_core.store.job_rows import Job

_MOST_BYTES: Final = 8_000_000  # in the second file
_CLIP: Final = re.compile(rb"(\d{1,12}) ([0-9a-f]{64})")
_SOUND: Final = re.compile(rb"([0-9a-f]{64}) (\d{1,7})\n")


class FetchLog:
    """What one job has fetched; safe for threads.

    Parameters
    ----------
    path
        The first file; the second has `.sounds` behind its name. None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._sounds = path and path.with_name(f"{path.name}.sounds")
        self._files: tuple[int, int] | None = None
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, cache: SoundCache) -> dict[int, str]:
        """`{position: SHA-256}` of what was fetched; sounds that the cache lost come back to it."""
        if self._path is None or self._sounds is None or not self._path.exists():
            return {}
        written = self._sounds.read_bytes()
        at = 0
        while match := _SOUND.match(written, at):
            at = match.end() + int(match[2])
            if at <= len(written):  # else it was cut off
                cache.put(written[match.end() : at])
        matches = (_CLIP.fullmatch(line) for line in self._path.read_bytes().split(b"\n"))
        return {int(match[1]): match[2].decode() for match in matches if match}

    def add(self, positions: Iterable[int], sha256: str, sound: bytes, cache: SoundCache) -> None:
        """The sound of some clips was put into the cache."""
        with self._lock:
            if self._path is None or self._sounds is None:
                return
            if self._files is None:
                self._files = _open_files(self._path, self._sounds, cache)
            clips, sounds = self._files
            if len(sound) <= SMALL_BYTES:  # a larger one is a file of the cache already
                os.write(sounds, b"%b %d\n%b" % (sha256.encode(), len(sound), sound))
                self._bytes += len(sound)
            os.write(clips, "".join(f"{position} {sha256}\n" for position in positions).encode())
            if self._bytes > _MOST_BYTES:
                cache.flush()
                os.ftruncate(sounds, 0)
                self._bytes = 0

    def discard(self) -> None:
        """The work has ended: remove both files, and write nothing from now on."""
        with self._lock:
            path, self._path = self._path, None
            files, self._files = self._files, None
        for file in files or ():
            os.close(file)
        for place in (path, self._sounds):
            if place is not None:
                place.unlink(missing_ok=True)


def _open_files(path: Path, sounds: Path, cache: SoundCache) -> tuple[int, int]:
    """Both files, open to be appended to. Of a process that was killed the first goes on, the second begins anew."""
    cache.flush()  # what `read` brought back
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    opened = os.open(path, flags, 0o600), os.open(sounds, flags | os.O_TRUNC, 0o600)
    os.write(opened[0], b"\n")  # ends a line that was cut off
    return opened


def fetch_log_of(job: Job) -> FetchLog:
    """The fetch log of a job, in the data folder."""
    return FetchLog(settings.data_folder() / "jobs" / f"{job.id}.fetched")
