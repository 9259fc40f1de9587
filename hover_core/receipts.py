"""Which sounds a job has fetched, written down before their vectors are: a killed job need not fetch them again.

A line a clip, `position SHA-256`, appended without buffering, so that it outlives the process. They belong to one job
and go when that ends; a sound that the cache has lost meanwhile is fetched again.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

_LINE = re.compile(rb"(\d{1,12}) ([0-9a-f]{64})")


class Receipts:
    """The receipts of one job; safe for threads.

    Parameters
    ----------
    path
        The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None
        self._lock = threading.Lock()

    def read(self) -> dict[int, str]:
        """`{position: SHA-256}` of what was fetched; a line that was cut off is none."""
        if self._path is None or not self._path.exists():
            return {}
        matches = (_LINE.fullmatch(line) for line in self._path.read_bytes().split(b"\n"))
        return {int(match[1]): match[2].decode() for match in matches if match}

    def add(self, position: int, sha256: str) -> None:
        """The sound of a clip is in the cache."""
        with self._lock:
            if self._path is None:
                return
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.write(self._file, b"\n")  # ends a line that was cut off
            os.write(self._file, f"{position} {sha256}\n".encode())

    def discard(self) -> None:
        """The work has ended: they are of no use any more, and none are kept from now on."""
        with self._lock:
            path, self._path = self._path, None
            file, self._file = self._file, None
        if file is not None:
            os.close(file)
        if path is not None:
            path.unlink(missing_ok=True)
