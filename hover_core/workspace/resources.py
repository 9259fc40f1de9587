"""Resources that the datasets of a store share in a process: the log, search indexes, sounds, cached values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hover_core.store import clip_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store
from hover_core.workspace import visibility
from hover_core.workspace.index_cache import Indexes

if TYPE_CHECKING:  # so that the first page opens without loading pandas
    import pandas as pd

    from hover_core.workspace.sounds import ClipSounds

T = TypeVar("T")


class Resources:
    """The store, and the caches of its datasets in this process. Safe for threads."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.journal = Journal(self.store)
        self.indexes = Indexes(self.store, self.journal)
        self.duplicate_searches: dict[str, Any] = {}  # by dataset id, the last search of this process
        self._sounds: ClipSounds | None = None
        self._values: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._key_locks: dict[tuple[Any, ...], threading.RLock] = {}
        self._lock = threading.Lock()

    @property
    def sounds(self) -> ClipSounds:
        """The sounds of the clips; opened at first use."""
        with self._lock:
            if self._sounds is None:
                from hover_core.workspace.sounds import (
                    ClipSounds,  # with requests 90 ms, and the first page does without
                )

                self._sounds = ClipSounds(self.store)
            return self._sounds

    def close(self) -> None:
        """End the decoders and close all connections."""
        if self._sounds is not None:
            self._sounds.close()
        self.store.close()

    def clips(self, dataset_id: str) -> pd.DataFrame:
        """All clips of a dataset with all columns; see `clip_rows.table`. The table is shared: do not change it.

        Only for the library's own work: a person sees `Dataset.clips`.
        """
        key = ("clips", dataset_id, self.clips_revision(dataset_id))
        return self.remember(key, lambda: clip_rows.table(self.store, dataset_id))

    def clips_revision(self, dataset_id: str) -> int:
        """The revision of the last change of clips, their columns or groups."""
        return int(self.store.dataset(dataset_id).settings.get("clips_revision", 0))

    def cell_evidence(self, dataset_id: str) -> visibility.CellEvidence:
        """The evidence of a dataset's cells; cached until clips, roles of columns or imported labels change."""
        row = self.store.dataset(dataset_id)

        def make() -> visibility.CellEvidence:
            clips = self.clips(dataset_id)
            extras = clips["extra"].tolist()
            columns = {
                name: [str(extra.get(name, "")) for extra in extras]
                for name in dict.fromkeys(name for extra in extras for name in extra)
            }
            labels = [columns[name] for name in visibility.label_columns(row.settings, columns)]
            labels += [clips["reference"].tolist(), self.journal.imported_labels(dataset_id, len(clips))]
            return visibility.evidence(columns, clips["group_name"].tolist(), labels, clips["url"].tolist())

        revision, newest_import = row.settings.get("clips_revision", 0), self.journal.newest_import(dataset_id)
        key = ("evidence", dataset_id, revision, row.size, visibility.roles_key(row.settings), newest_import)
        return self.remember(key, make)

    def remember(self, key: tuple[Any, ...], make: Callable[[], T], *, at_most: int = 24) -> T:
        """The cached value of a key, computed by `make()` at first use.

        While one thread computes a value, others that need it wait. Beyond `at_most` values, the least recently used
        are dropped.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            key_lock = self._key_locks.setdefault(key, threading.RLock())
        with key_lock:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > at_most:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._key_locks.pop(key, None)
        return value
