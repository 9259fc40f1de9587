"""Turns: a bound on how many threads do something at the same time, for each key."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hover_core.errors import Refused

_PATIENCE_S: Final = 3.0


class Turns:
    """Bounds how many threads do something at the same time, for each key.

    If all turns of a key are in use, a thread waits up to `patience_s` seconds for one (None: as long as it takes). A
    thread that has a turn of a key does not take a second one.
    """

    def __init__(self, *, patience_s: float | None = _PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._running: Counter[tuple[str, ...]] = Counter()
        self._free = threading.Condition()
        self._mine = threading.local()

    @contextmanager
    def turn(self, key: tuple[str, ...], most: int) -> Iterator[None]:
        """Wait for one of `most` turns of a key, and hold it until the block ends.

        Raises
        ------
        Refused
            No turn became free within `patience_s`.
        """
        mine: set[tuple[str, ...]] = self._mine.__dict__.setdefault("keys", set())
        if key in mine:
            yield
            return
        with self._free:
            if not self._free.wait_for(lambda: self._running[key] < most, self.patience_s):
                raise Refused(f"{most} of your searches are running: wait for one of them, then search again")
            self._running[key] += 1
        mine.add(key)
        try:
            yield
        finally:
            mine.discard(key)
            with self._free:
                self._running[key] -= 1
                if not self._running[key]:
                    del self._running[key]
                self._free.notify_all()
