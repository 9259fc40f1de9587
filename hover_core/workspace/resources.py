"""What the datasets of one store share in a process: the log, search indexes, sounds, and values kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hover_core.store import clip_rows
from hover_core.store.database import Store
from hover_core.store.log import Journal
from hover_core.workspace import visibility
from hover_core.workspace.index_cache import Indexes
from hover_core.workspace.sounds import ClipSounds

if TYPE_CHECKING:  # the first page does without
    import pandas as pd

T = TypeVar("T")


class Resources:
    """The store, and what a process keeps of its datasets in memory. Safe for threads."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.journal = Journal(self.store)
        self.indexes = Indexes(self.store, self.journal)
        self.duplicate_searches: dict[str, Any] = {}  # the last of each dataset in this process
        self._sounds: ClipSounds | None = None
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._making: dict[tuple[Any, ...], threading.RLock] = {}
        self._lock = threading.Lock()

    @property
    def sounds(self) -> ClipSounds:
        """Where the sounds of the clips are; opened when first asked for."""
        with self._lock:
            if self._sounds is None:
                self._sounds = ClipSounds(self.store)
            return self._sounds

    def close(self) -> None:
        """End decoders and connections."""
        if self._sounds is not None:
            self._sounds.close()
        self.store.close()

    def clips(self, dataset_id: str) -> pd.DataFrame:
        """All clips of a dataset with all that is known of them; see `clip_rows.table`. Do not change it: it is shared.

        For the library's own work: a person sees `Dataset.clips`.
        """
        key = ("clips", dataset_id, self.clips_revision(dataset_id))
        return self.remember(key, lambda: clip_rows.table(self.store, dataset_id))

    def clips_revision(self, dataset_id: str) -> int:
        """The revision at which the clips of a dataset, their columns or groups were changed last."""
        return int(self.store.dataset(dataset_id).settings.get("clips_revision", 0))

    def cell_evidence(self, dataset_id: str) -> visibility.CellEvidence:
        """What the cells of a dataset show; read once, and again when clips or imported labels have come."""
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
        """`make()` once for each key; the least recently used goes when there are more than `at_most`.

        Who asks while another thread makes it waits for that one.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            making = self._making.setdefault(key, threading.RLock())
        with making:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                value = make()
                with self._lock:
                    self._kept[key] = value
                    while len(self._kept) > at_most:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value
