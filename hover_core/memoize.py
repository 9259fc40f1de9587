"""A decorator that remembers what a function returned, in memory and on disk, without pickle.

The guide's notebook used `wrappy.memoize(cache_limit=…, persist_path=…)`; this one takes the same arguments. Its file
is SQLite with numbers and JSON in it, so that opening somebody else's cache cannot run their code.
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
        Number of results to keep; the oldest go first.
    persist_path
        A file that keeps the results across sessions (SQLite inside, whatever its ending); None: in memory only.

    Raises
    ------
    StoreError
        At the first call, if `persist_path` is a file of another kind.
    TypeError
        At a call, if an argument is not a number, text, list or dict, or a result is none of these and no array of
        numbers.

    Examples
    --------
    >>> @memoize(cache_limit=100)
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        memo = _Memo(cache_limit, persist_path)

        @functools.wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            # the name is part of the key, because two functions may share a file
            name = getattr(function, "__qualname__", "")
            key = json.dumps([name, _plain(list(args)), _plain(kwargs)], sort_keys=True)
            entry = memo.get(key)
            if entry is None:
                result = function(*args, **kwargs)
                entry = _pack(result)
                memo.put(key, entry)
                return result
            return _unpack(*entry)

        return remembered

    return decorate


class _Memo:
    def __init__(self, limit: int, path: str | Path | None) -> None:
        self._limit = limit
        self._path = Path(path) if path is not None else None
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
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
            self._database = connection
        return self._database

    def get(self, key: str) -> tuple[str, bytes] | None:
        with self._lock:
            row = self._connection().execute("SELECT kind, value FROM kept WHERE key = ?", (key,)).fetchone()
        return (row[0], row[1]) if row else None

    def put(self, key: str, entry: tuple[str, bytes]) -> None:
        with self._lock, self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO kept (key, kind, value) VALUES (?, ?, ?)", (key, *entry))
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
    """`value` itself, if it survives JSON unchanged: a tuple would return as a list, a key that is a number as text."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if type(value) is list:
        return [_plain(part) for part in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(part) for key, part in value.items()}
    raise TypeError(f"{value!r} cannot be remembered: use numbers, texts, lists, dicts by text, or arrays as results")
