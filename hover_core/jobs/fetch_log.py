"""The fetch log of a job: the sounds that it fetched, so that a killed job does not fetch them again.

It has two files, written without buffering, so that they survive the process. The first has a line `position SHA-256`
for each clip. The second has the small sounds that the cache may not have written to disk yet, each after a line
`SHA-256 bytes`; it is emptied when the cache has written them. Both files are removed when the job ends. A sound that
is neither in the cache nor in the log is fetched again.
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
    """The fetch log of one job; safe for threads.

    Parameters
    ----------
    path
        The first file; the name of the second ends in `.sounds`. None: nothing is logged.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._sounds = path and path.with_name(f"{path.name}.sounds")
        self._files: tuple[int, int] | None = None
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, cache: SoundCache) -> dict[int, str]:
        """`{position: SHA-256}` of the fetched clips; puts sounds that the cache has lost back into it."""
        if self._path is None or self._sounds is None or not self._path.exists():
            return {}
        data = self._sounds.read_bytes()
        end = 0
        while match := _SOUND.match(data, end):
            end = match.end() + int(match[2])
            if end <= len(data):  # else the process was killed while it wrote
                cache.put(data[match.end() : end])
        matches = (_CLIP.fullmatch(line) for line in self._path.read_bytes().split(b"\n"))
        return {int(match[1]): match[2].decode() for match in matches if match}

    def add(self, positions: Iterable[int], sha256: str, sound: bytes, cache: SoundCache) -> None:
        """Log that the sound of the clips at `positions` was put into the cache."""
        with self._lock:
            if self._path is None or self._sounds is None:
                return
            if self._files is None:
                self._files = _open_files(self._path, self._sounds, cache)
            clips, sounds = self._files
            if len(sound) <= SMALL_BYTES:  # the cache has written a larger one to disk already
                os.write(sounds, b"%b %d\n%b" % (sha256.encode(), len(sound), sound))
                self._bytes += len(sound)
            os.write(clips, "".join(f"{position} {sha256}\n" for position in positions).encode())
            if self._bytes > _MOST_BYTES:
                cache.flush()
                os.ftruncate(sounds, 0)
                self._bytes = 0

    def discard(self) -> None:
        """Remove both files, and log nothing from now on: the work has ended."""
        with self._lock:
            path, self._path = self._path, None
            files, self._files = self._files, None
        for file in files or ():
            os.close(file)
        for place in (path, self._sounds):
            if place is not None:
                place.unlink(missing_ok=True)


def _open_files(path: Path, sounds: Path, cache: SoundCache) -> tuple[int, int]:
    """Open both files for appending. After a killed process the first is continued, the second starts empty."""
    cache.flush()  # sounds that `read` put back
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = os.open(path, flags, 0o600), os.open(sounds, flags | os.O_TRUNC, 0o600)
    os.write(files[0], b"\n")  # ends a line that a killed process did not finish
    return files


def fetch_log_of(job: Job) -> FetchLog:
    """The fetch log of a job, in the data folder."""
    return FetchLog(settings.data_folder() / "jobs" / f"{job.id}.fetched")
