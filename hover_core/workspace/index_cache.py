"""The search indexes of a process: one for each dataset, shared by all people, rebuilt when the vectors change."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from hover_core.numerics.index import SearchIndex
from hover_core.store import vector_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store
from hover_core.workspace import corpus

_AT_ONCE: Final = (
    6_000_000  # numbers in the vectors; up to so many, a person waits for the index: a quarter of a second
)
_KEPT: Final = 4

_log = logging.getLogger("hover_core.workspace.index_cache")


@dataclass
class _BuiltIndex:
    vectorizer: str
    version: tuple[int, ...]
    index: SearchIndex
    build_s: float


@dataclass
class _IndexSlot:
    """The newest index of one dataset, and the thread that builds the next."""

    lock: threading.Lock = field(default_factory=threading.Lock)  # held during a build
    built: _BuiltIndex | None = None
    building: threading.Thread | None = None


class Indexes:
    """Builds the index of a dataset at its first use, and again when the vectors have changed. Safe for threads.

    A large index is rebuilt in the background while the old one, perhaps of another vectorizer, stays in use; the
    caller waits for small ones, and for the first. The indexes of the last few datasets are kept.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self.store = store
        self.journal = journal or Journal(store)
        self._slots: OrderedDict[str, _IndexSlot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, dataset_id: str, vectorizer: str, *, wait: bool = False) -> tuple[SearchIndex, str]:
        """An index of the dataset's vectors, and the key of their vectorizer.

        The key is `vectorizer` unless its index is still being built and that of other vectors is in use meanwhile.
        With `wait` it always is, and the index has every vector that is stored now.
        """
        slot = self._slot(dataset_id)
        version = corpus.version(self.store, dataset_id, vectorizer)
        built = slot.built
        if built is not None and (built.vectorizer, built.version) == (vectorizer, version):
            return built.index, vectorizer
        if not wait and built is not None and self._is_large(dataset_id, vectorizer, version):
            with self._lock:
                if slot.building is None or not slot.building.is_alive():
                    slot.building = threading.Thread(
                        target=self._build_in_background, args=(slot, dataset_id, vectorizer), daemon=True
                    )
                    slot.building.start()
            return built.index, built.vectorizer
        return self._build(slot, dataset_id, vectorizer), vectorizer

    def version(self, dataset_id: str, vectorizer: str) -> tuple[int, str]:
        """A pair that changes whenever `get` would return another index."""
        index, key = self.get(dataset_id, vectorizer)
        return id(index), key

    def is_building(self, dataset_id: str) -> bool:
        """Whether a newer index is being built in the background."""
        work = self._slot(dataset_id).building
        return work is not None and work.is_alive()

    def build_s(self, dataset_id: str) -> float | None:
        """How long building the index in use took [seconds]; None before the first."""
        built = self._slot(dataset_id).built
        return None if built is None else built.build_s

    def _slot(self, dataset_id: str) -> _IndexSlot:
        with self._lock:
            slot = self._slots.setdefault(dataset_id, _IndexSlot())
            self._slots.move_to_end(dataset_id)
            while len(self._slots) > _KEPT:
                self._slots.popitem(last=False)
            return slot

    def _is_large(self, dataset_id: str, vectorizer: str, version: tuple[int, ...]) -> bool:
        with self.store.read() as connection:
            width = vector_rows.width(connection, dataset_id, vectorizer) or 0
        most = min(version[0] * vector_rows.BLOCK_ROWS, self.store.dataset(dataset_id).size)
        return most * width > _AT_ONCE

    def _build(self, slot: _IndexSlot, dataset_id: str, vectorizer: str) -> SearchIndex:
        with slot.lock:  # a thread that had to wait finds the index built
            version = corpus.version(self.store, dataset_id, vectorizer)
            built = slot.built
            if built is not None and (built.vectorizer, built.version) == (vectorizer, version):
                return built.index
            start = time.perf_counter()
            vectors = corpus.read_corpus(self.store, self.journal, dataset_id, vectorizer)
            index = SearchIndex(
                vectors.positions,
                vectors.vectors,
                whitening=vectors.whitening,
                shapes=vectors.shapes,
                effects=vectors.effects,
            )
            slot.built = _BuiltIndex(vectorizer, version, index, time.perf_counter() - start)
            return index

    def _build_in_background(self, slot: _IndexSlot, dataset_id: str, vectorizer: str) -> None:
        try:
            self._build(slot, dataset_id, vectorizer)
        except Exception:  # the old index stays in use, and the next query tries again
            _log.exception("the search index of dataset %s could not be built again", dataset_id)
