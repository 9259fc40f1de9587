"""Turns: how much of something runs at once for each key, for threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hover_core.errors import Refused

_PATIENCE_S: Final = 3.0


class Turns:
    """Bounds how much of something runs at once for each key; for threads.

    Who comes when all turns of its key are taken waits for `patience_s` seconds (None: until one is free). A thread
    that has a turn does not take another of the same key.
    """

    def __init__(self, *, patience_s: float | None = _PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._running: Counter[tuple[str, ...]] = Counter()
        self._free = threading.Condition()
        self._mine = threading.local()

    @contextmanager
    def turn(self, key: tuple[str, ...], most: int) -> Iterator[None]:
        """Wait for one of `most` turns and have it until the block ends.

        Raises
        ------
        Refused
            All of them were taken for as long as patience lasted.
        """
        mine: set[tuple[str, ...]] = self._mine.__dict__.setdefault("keys", set())
        if key in mine:
            yield
            return
        with self._free:
            if not self._free.wait_for(lambda: self._running[key] < most, self.patience_s):
                raise Refused(f"{most} of your questions are being answered: wait for one of them, then ask again")
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
