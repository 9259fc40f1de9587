"""Fetched sound on disk, addressed by its SHA-256 and bounded in bytes: the least recently used goes first.

Listening keeps working when a URL is slow, private or expired. Losing the whole folder loses nothing but time.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9.-]{1,60})?")


class SoundCache:
    """A folder of sounds. Safe for threads and for several processes on one folder.

    Parameters
    ----------
    folder
        Made if it is missing.
    max_bytes
        The folder is brought below this after every so many writes.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._written = 0
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keep `data`; return its SHA-256 as 64 hex digits."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.put_named(sha256, data)
        return sha256

    def put_named(self, name: str, data: bytes) -> Path:
        """Keep something derived from a sound under `sha256.suffix`; return its path."""
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(part, path)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
            self._grown(len(data))
        return path

    def path(self, name: str) -> Path | None:
        """Where a kept sound is, or None; asking counts as use."""
        path = self._path(name)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a kept sound: 64 hex digits and an optional suffix")
        return self.folder / name[:2] / name

    def _grown(self, size: int) -> None:
        with self._lock:
            self._written += size
            if self._written < self.max_bytes // 20:
                return
            self._written = 0
        self.shrink()

    def shrink(self) -> None:
        """Delete the least recently used files until the folder is below its bound."""
        files = []
        for path in self.folder.glob("*/*"):
            try:
                found = path.stat()
            except FileNotFoundError:  # another process has deleted it
                continue
            files.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda file: file[0]):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
