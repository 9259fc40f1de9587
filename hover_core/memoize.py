"""A decorator that remembers what a function returned, in memory and on disk, without pickle.

The guide's notebook used `wrappy.memoize(cache_limit=…, persist_path=…)`; this one is used the same way. What it keeps
is a SQLite file of numbers and JSON, so that opening somebody else's cache cannot run their code.
"""

from __future__ import annotations

import functools
import io
import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from hover_core.errors import StoreError

P = ParamSpec("P")
R = TypeVar("R")


def memoize(
    cache_limit: int = 10_000, persist_path: str | Path | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Remember the newest `cache_limit` results of a function of plain arguments.

    Parameters
    ----------
    cache_limit
        How many results are kept; the oldest go first.
    persist_path
        A file that keeps them across sessions (SQLite inside, whatever its ending). Without it they live in memory.

    Raises
    ------
    StoreError
        At the first call, if `persist_path` is a file of another kind.
    TypeError
        At a call, if an argument is no plain value, or a result is no number, text, list, dict or array of numbers.

    Examples
    --------
    >>> @memoize(cache_limit=100)
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        kept = _Memo(cache_limit, persist_path)

        @functools.wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            # with its name, because two functions may be given one file
            name = getattr(function, "__qualname__", "")
            key = json.dumps([name, _plain(list(args)), _plain(kwargs)], sort_keys=True)
            found = kept.get(key)
            if found is None:
                result = function(*args, **kwargs)
                found = _pack(result)
                kept.put(key, found)
                return result
            return _unpack(*found)

        return remembered

    return decorate


class _Memo:
    def __init__(self, limit: int, path: str | Path | None) -> None:
        self._limit = limit
        self._path = Path(path) if path is not None else None
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path or ":memory:", check_same_thread=False, timeout=30)
            try:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS kept "
                    "(number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, kind TEXT, value BLOB)"
                )
            except sqlite3.DatabaseError as error:
                connection.close()
                raise StoreError(f"{self._path} is no file of memoize (perhaps a pickle): give another path") from error
            self._open = connection
        return self._open

    def get(self, key: str) -> tuple[str, bytes] | None:
        with self._lock:
            found = self._connection().execute("SELECT kind, value FROM kept WHERE key = ?", (key,)).fetchone()
        return (found[0], found[1]) if found else None

    def put(self, key: str, packed: tuple[str, bytes]) -> None:
        with self._lock, self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO kept (key, kind, value) VALUES (?, ?, ?)", (key, *packed))
            connection.execute("DELETE FROM kept WHERE number <= (SELECT max(number) FROM kept) - ?", (self._limit,))


def _pack(value: Any) -> tuple[str, bytes]:
    if isinstance(value, np.ndarray | np.generic):
        buffer = io.BytesIO()
        if value.dtype.hasobject:
            raise TypeError("an array of objects cannot be remembered: return an array of numbers")
        np.save(buffer, value, allow_pickle=False)
        return "array" if isinstance(value, np.ndarray) else "scalar", buffer.getvalue()
    return "json", json.dumps(_plain(value)).encode()


def _unpack(kind: str, value: bytes) -> Any:
    if kind == "json":
        return json.loads(value)
    array = np.load(io.BytesIO(value), allow_pickle=False)
    return array[()] if kind == "scalar" else array


def _plain(value: Any) -> Any:
    """`value` if JSON gives back the same; a tuple would come back as a list, a number as a key as text."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value) is list:
        return [_plain(part) for part in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(part) for key, part in value.items()}
    raise TypeError(f"{value!r} cannot be remembered: use numbers, texts, lists, dicts by text, or arrays as results")
