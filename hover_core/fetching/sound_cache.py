"""A cache of fetched sound on disk, by SHA-256 and bounded in bytes: the least recently used is deleted first.

With it, listening keeps working when a URL is slow, private or expired. A lost folder costs only time.

A large sound is a file. Small ones are in one SQLite file, the pack, many written in one transaction: creating a file
takes 0.3 to 1.3 ms, *measured*, more than turning a spoken word into a vector, and a million files are a burden for
every backup. A small sound becomes a file when its path is needed.
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

SMALL_BYTES: Final = 1 << 18  # sounds up to this size go into the pack
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9.-]{1,60})?")
_PENDING_BYTES: Final = 1 << 20  # and …
_PENDING_S: Final = 1.0  # … seconds after which pending sounds are written
_WAIT_S: Final = 30.0  # for another process that writes
_DELETED_AT_ONCE: Final = 1000  # rows in one transaction
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
        Created if it is missing.
    max_bytes
        Sounds are deleted beyond this size, each time a twentieth of it has been written.
    packed
        Whether small sounds go into the pack; False for a folder that machines share, because SQLite's lock holds on
        one machine only.
    """

    def __init__(self, folder: Path, *, max_bytes: int, packed: bool = True) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._has_pack = packed
        self._growth = 0
        self._lock = threading.Lock()  # of the pending sounds
        self._pending: dict[str, bytes] = {}
        self._writing: dict[str, bytes] = {}
        self._pending_bytes = 0
        self._recent: set[str] = set()
        self._timer: threading.Timer | None = None
        self._pack_lock = threading.Lock()  # of the connection; taken before the other
        self._pack: sqlite3.Connection | None = None
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Store a sound and return its SHA-256 as 64 hex digits.

        Raises
        ------
        OSError
            The disk is full or cannot be written to.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self.put_named(sha256, data)
        return sha256

    def put_named(self, name: str, data: bytes) -> None:
        """Store data derived from a sound under the name `sha256.suffix`.

        Raises
        ------
        ValueError
            The name has another form.
        OSError
            The disk is full or cannot be written to.
        """
        path = self._path(name)
        if not self._has_pack or len(data) > SMALL_BYTES:
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
        """The stored sound of this name: bytes if it is in the pack, else its file; or None. Counts as a use."""
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
        """The bytes of the stored sound of this name, or None. Counts as a use."""
        sound = self.get(name)
        return sound.read_bytes() if isinstance(sound, Path) else sound

    def path(self, name: str) -> Path | None:
        """The file of the stored sound of this name, or None. Counts as a use."""
        sound = self.get(name)
        if isinstance(sound, bytes):
            path = self._path(name)
            self._to_file(path, sound)
            return path
        return sound

    def flush(self) -> None:
        """Write pending sounds, which only this process can read until then. This happens by itself after a second."""
        with self._pack_lock:
            with self._lock:
                self._writing, self._pending = self._pending, {}
                size, self._pending_bytes = self._pending_bytes, 0
                recent, self._recent = self._recent, set()
            try:
                if self._writing or recent:
                    self._change(functools.partial(_add, sounds=self._writing, recent=recent))
            finally:
                with self._lock:
                    self._writing = {}
        self._count_growth(size)

    def close(self) -> None:
        """Write pending sounds and close the pack. Small sounds are not stored after this."""
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
        """Delete the least recently used sounds until all together take at most `max_bytes`."""
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*/*"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process has deleted it
                continue
            files.append((status.st_mtime, status.st_size, path))
        files.sort()
        total = sum(size for _, size, _ in files)
        if not self._has_pack:
            self._delete(files, total - self.max_bytes)
            return
        with self._pack_lock:
            [(pack_bytes,)] = self._ask("SELECT coalesce(sum(size), 0) FROM kept")
            if total + pack_bytes <= self.max_bytes:
                return
            rows = self._ask("SELECT used, size, id FROM kept ORDER BY used")
        oldest_first = heapq.merge(files, rows, key=lambda sound: sound[0])
        row_ids = self._delete(oldest_first, total + pack_bytes - self.max_bytes)
        for start in range(0, len(row_ids), _DELETED_AT_ONCE):
            with self._pack_lock:
                self._change(functools.partial(_forget, ids=row_ids[start : start + _DELETED_AT_ONCE]))

    # -- files ---------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"name={name!r} must be 64 hex digits and an optional suffix")
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
        """Delete files in turn until `excess` bytes are gone. Returns the ids of rows, which the caller deletes."""
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
            self._growth += size
            if self._growth < self.max_bytes // 20:
                return
            self._growth = 0
        self.shrink()

    # -- the pack ------------------------------------------------------------------------------------------------------

    def _flush_late(self) -> None:
        with self._lock:
            self._timer = None
        # this thread has no caller: the next `put` that writes at once raises the error of a full disk
        with contextlib.suppress(OSError):
            self.flush()

    def _from_pack(self, name: str) -> bytes | None:
        if not self._has_pack or self._closed:
            return None
        with self._pack_lock:
            rows = self._ask("SELECT data FROM sounds JOIN kept USING (id) WHERE name = ?", name)
        if not rows:
            return None
        with self._lock:
            self._recent.add(name)
            many = len(self._recent) > 1000
        if many:
            self.flush()
        return bytes(rows[0][0])

    def _ask(self, query: str, *parameters: str) -> list[Any]:
        try:
            return self._connect().execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            # Sound that cannot be read counts as missing: it is fetched again, and the next `put` raises the error.
            self._let_go(error)
            return []

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Change the pack; it is opened again if its file is gone, and replaced if it is damaged.

        Raises
        ------
        OSError
            The disk is full or cannot be written to.
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
            # synchronous=OFF: a computer that loses its power loses sounds, which are fetched again
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


def _add(pack: sqlite3.Connection, sounds: Mapping[str, bytes], recent: Iterable[str]) -> None:
    now = time.time()
    for name, data in sounds.items():
        row = (name, len(data), now)
        cursor = pack.execute("INSERT OR IGNORE INTO kept (name, size, used) VALUES (?, ?, ?)", row)
        if cursor.rowcount:
            pack.execute("INSERT INTO sounds (id, data) VALUES (?, ?)", (cursor.lastrowid, data))
    pack.executemany("UPDATE kept SET used = ? WHERE name = ?", [(now, name) for name in recent])


def _forget(pack: sqlite3.Connection, ids: Iterable[int]) -> None:
    rows = [(id_,) for id_ in ids]
    pack.executemany("DELETE FROM kept WHERE id = ?", rows)
    pack.executemany("DELETE FROM sounds WHERE id = ?", rows)
    pack.execute("PRAGMA incremental_vacuum").fetchall()  # returns free pages to the disk
