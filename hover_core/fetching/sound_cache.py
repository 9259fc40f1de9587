"""Fetched sound on disk, addressed by its SHA-256 and bounded in bytes: the least recently used goes first.

Listening keeps working when a URL is slow, private or expired. Losing the whole folder loses nothing but time.

A large sound is a file. Small ones lie together in one SQLite file, many written in one transaction: to create a file
takes 0.3 to 1.3 ms, *measured*, more than to turn a spoken word into a vector, and a million files are a burden for
every backup. A small sound becomes a file when somebody asks for its path.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import heapq
import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

SMALL_BYTES: Final = 1 << 18
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9.-]{1,60})?")
_PENDING_BYTES: Final = 1 << 20
_PENDING_S: Final = 1.0
_WAIT_S: Final = 30.0  # for another process that writes
_DELETED_AT_ONCE: Final = 1000
_PACK: Final = "small.sqlite"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sounds (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""


class SoundCache:
    """A folder of sounds. Safe for threads and for several processes on one folder.

    Parameters
    ----------
    folder
        Made if it is missing.
    max_bytes
        The sounds are brought below this after every so many writes.
    packed
        Whether small sounds lie together. Not for a folder that other machines share: SQLite's lock is for one.
    """

    def __init__(self, folder: Path, *, max_bytes: int, packed: bool = True) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._packed = packed
        self._written = 0
        self._lock = threading.Lock()  # of what is pending
        self._pending: dict[str, bytes] = {}
        self._writing: dict[str, bytes] = {}
        self._pending_bytes = 0
        self._used: set[str] = set()
        self._timer: threading.Timer | None = None
        self._pack_lock = threading.Lock()  # of the connection; taken before the other
        self._pack: sqlite3.Connection | None = None
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keep `data`; return its SHA-256 as 64 hex digits. A disk that takes no more is an OSError."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.put_named(sha256, data)
        return sha256

    def put_named(self, name: str, data: bytes) -> None:
        """Keep something derived from a sound under `sha256.suffix`."""
        path = self._path(name)
        if not self._packed or len(data) > SMALL_BYTES:
            self._to_file(path, data)
            return
        with self._lock:
            if self._closed:
                return
            if name not in self._pending:
                self._pending[name] = data
                self._pending_bytes += len(data)
            full = self._pending_bytes >= _PENDING_BYTES
            if not full and self._timer is None:
                self._timer = threading.Timer(_PENDING_S, self._flush_late)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def get(self, name: str) -> bytes | Path | None:
        """A kept sound, as bytes if it is small and as a file if not; asking counts as use."""
        path = self._path(name)
        with self._lock:
            data = self._pending.get(name, self._writing.get(name))
        if data is not None:
            return data
        try:
            os.utime(path)
        except FileNotFoundError:
            return self._from_pack(name)
        return path

    def read(self, name: str) -> bytes | None:
        """The bytes of a kept sound, or None; asking counts as use."""
        found = self.get(name)
        return found.read_bytes() if isinstance(found, Path) else found

    def path(self, name: str) -> Path | None:
        """A kept sound as a file, or None; asking counts as use."""
        found = self.get(name)
        if isinstance(found, bytes):
            path = self._path(name)
            self._to_file(path, found)
            return path
        return found

    def flush(self) -> None:
        """Write what was put; until then only this process knows it, and at most for a second."""
        with self._pack_lock:
            with self._lock:
                self._writing, self._pending = self._pending, {}
                size, self._pending_bytes = self._pending_bytes, 0
                used, self._used = self._used, set()
            try:
                if self._writing or used:
                    self._change(functools.partial(_add, sounds=self._writing, used=used))
            finally:
                with self._lock:
                    self._writing = {}
        self._count_growth(size)

    def close(self) -> None:
        """Write what was put, and let go of the file. Small sounds are not kept any more."""
        with self._lock:
            self._closed = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self.flush()
        with self._pack_lock:
            if self._pack is not None:
                self._pack.close()
                self._pack = None

    def shrink(self) -> None:
        """Delete the least recently used sounds until all together are below the bound."""
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*/*"):
            try:
                found = path.stat()
            except FileNotFoundError:  # another process has deleted it
                continue
            files.append((found.st_mtime, found.st_size, path))
        files.sort()
        total = sum(size for _, size, _ in files)
        if not self._packed:
            self._delete(files, total - self.max_bytes)
            return
        with self._pack_lock:
            [(packed,)] = self._ask("SELECT coalesce(sum(size), 0) FROM kept")
            if total + packed <= self.max_bytes:
                return
            rows = self._ask("SELECT used, size, id FROM kept ORDER BY used")
        deleted = self._delete(heapq.merge(files, rows, key=lambda sound: sound[0]), total + packed - self.max_bytes)
        for start in range(0, len(deleted), _DELETED_AT_ONCE):
            with self._pack_lock:
                self._change(functools.partial(_forget, ids=deleted[start : start + _DELETED_AT_ONCE]))

    # -- files ---------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a kept sound: 64 hex digits and an optional suffix")
        return self.folder / name[:2] / name

    def _to_file(self, path: Path, data: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        self._count_growth(len(data))

    def _delete(self, sounds: Iterable[tuple[float, int, Any]], excess: int) -> list[int]:
        """Delete files in turn until `excess` bytes are gone; the ids of the rows among them are for the caller."""
        ids = []
        for _, size, place in sounds:
            if excess <= 0:
                break
            if isinstance(place, Path):
                place.unlink(missing_ok=True)
            else:
                ids.append(place)
            excess -= size
        return ids

    def _count_growth(self, size: int) -> None:
        with self._lock:
            self._written += size
            if self._written < self.max_bytes // 20:
                return
            self._written = 0
        self.shrink()

    # -- the pack ------------------------------------------------------------------------------------------------------

    def _flush_late(self) -> None:
        with self._lock:
            self._timer = None
        # in a thread of its own: a full disk is told to the next one who puts something that is written at once
        with contextlib.suppress(OSError):
            self.flush()

    def _from_pack(self, name: str) -> bytes | None:
        if not self._packed or self._closed:
            return None
        with self._pack_lock:
            rows = self._ask("SELECT data FROM sounds JOIN kept USING (id) WHERE name = ?", name)
        if not rows:
            return None
        with self._lock:
            self._used.add(name)
            many = len(self._used) > 1000
        if many:
            self.flush()
        return bytes(rows[0][0])

    def _ask(self, query: str, *given: str) -> list[Any]:
        try:
            return self._connect().execute(query, given).fetchall()
        except sqlite3.Error as error:
            # What cannot be read is not there: it is fetched again, and whoever then puts it learns why.
            self._let_go(error)
            return []

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Change the pack; it is opened anew if its file is gone, and begun anew if it is damaged.

        Raises
        ------
        OSError
            The disk is full or does not let us write.
        """
        for again in (True, False):
            try:
                pack = self._connect()
                pack.execute("BEGIN IMMEDIATE")
                with pack:  # commits, or rolls back
                    change(pack)
                return
            except sqlite3.Error as error:
                self._let_go(error)
                if not again:
                    raise OSError(f"{_PACK}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        if self._pack is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            place = self.folder / _PACK
            self._pack = sqlite3.connect(place, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            # without the disk's acknowledgement: a computer that loses its power loses sounds, and those come again
            for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=OFF"):
                self._pack.execute(f"PRAGMA {pragma}").fetchall()
            self._pack.executescript(_SCHEMA)
        return self._pack

    def _let_go(self, error: sqlite3.Error) -> None:
        pack, self._pack = self._pack, None
        if pack is not None:
            with contextlib.suppress(sqlite3.Error):
                pack.close()
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):  # damaged
            for end in ("", "-wal", "-shm"):
                (self.folder / f"{_PACK}{end}").unlink(missing_ok=True)


def _add(pack: sqlite3.Connection, sounds: Mapping[str, bytes], used: Iterable[str]) -> None:
    now = time.time()
    for name, data in sounds.items():
        new = pack.execute("INSERT OR IGNORE INTO kept (name, size, used) VALUES (?, ?, ?)", (name, len(data), now))
        if new.rowcount:
            pack.execute("INSERT INTO sounds (id, data) VALUES (?, ?)", (new.lastrowid, data))
    pack.executemany("UPDATE kept SET used = ? WHERE name = ?", [(now, name) for name in used])


def _forget(pack: sqlite3.Connection, ids: Iterable[int]) -> None:
    rows = [(id_,) for id_ in ids]
    pack.executemany("DELETE FROM kept WHERE id = ?", rows)
    pack.executemany("DELETE FROM sounds WHERE id = ?", rows)
    pack.execute("PRAGMA incremental_vacuum").fetchall()  # what becomes free goes back to the disk
