"""The search indexes of a process: one a dataset, shared by everybody, following the data without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from hover_core.numerics.index import SearchIndex
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.store.log import Journal
from hover_core.workspace import corpus

_AT_ONCE: Final = 6_000_000  # numbers: an index of so many is built while the person waits, in a quarter of a second
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
    """What there is for one dataset, and who is building."""

    lock: threading.Lock = field(default_factory=threading.Lock)  # held while somebody builds
    built: _BuiltIndex | None = None
    building: threading.Thread | None = None


class Indexes:
    """Builds an index when it is first asked for, and again when there are other vectors. Safe for threads.

    A large index is built again in the background, and the old one serves meanwhile, also while another vectorizer
    is at work; small ones, and the first, are waited for. The indexes of the few datasets asked for last are kept.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self.store = store
        self.journal = journal or Journal(store)
        self._places: OrderedDict[str, _IndexSlot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, dataset_id: str, vectorizer: str, *, wait: bool = False) -> tuple[SearchIndex, str]:
        """An index of the dataset's vectors, and the key of the vectorizer that they are of.

        That is `vectorizer` unless its index is still being built and one of other vectors serves meanwhile; with
        `wait` it always is, and the index knows every vector that is there now.
        """
        place = self._place(dataset_id)
        version = corpus.version(self.store, dataset_id, vectorizer)
        built = place.built
        if built is not None and (built.vectorizer, built.version) == (vectorizer, version):
            return built.index, vectorizer
        if not wait and built is not None and self._is_large(dataset_id, vectorizer, version):
            with self._lock:
                if place.building is None or not place.building.is_alive():
                    place.building = threading.Thread(
                        target=self._tell, args=(place, dataset_id, vectorizer), daemon=True
                    )
                    place.building.start()
            return built.index, built.vectorizer
        return self._build(place, dataset_id, vectorizer), vectorizer

    def version(self, dataset_id: str, vectorizer: str) -> tuple[int, str]:
        """Another answer means that another index would answer now."""
        index, key = self.get(dataset_id, vectorizer)
        return id(index), key

    def is_building(self, dataset_id: str) -> bool:
        """Whether a newer index is being built in the background."""
        work = self._place(dataset_id).building
        return work is not None and work.is_alive()

    def build_s(self, dataset_id: str) -> float | None:
        """How long the index that serves took to build, in seconds."""
        built = self._place(dataset_id).built
        return None if built is None else built.build_s

    def _place(self, dataset_id: str) -> _IndexSlot:
        with self._lock:
            place = self._places.setdefault(dataset_id, _IndexSlot())
            self._places.move_to_end(dataset_id)
            while len(self._places) > _KEPT:
                self._places.popitem(last=False)
            return place

    def _is_large(self, dataset_id: str, vectorizer: str, version: tuple[int, ...]) -> bool:
        with self.store.read() as connection:
            width = vector_rows.width(connection, dataset_id, vectorizer) or 0
        most = min(version[0] * vector_rows.BLOCK_ROWS, self.store.dataset(dataset_id).size)
        return most * width > _AT_ONCE

    def _build(self, place: _IndexSlot, dataset_id: str, vectorizer: str) -> SearchIndex:
        with place.lock:  # who comes second finds what the first has built
            version = corpus.version(self.store, dataset_id, vectorizer)
            built = place.built
            if built is not None and (built.vectorizer, built.version) == (vectorizer, version):
                return built.index
            begun = time.perf_counter()
            found = corpus.read_corpus(self.store, self.journal, dataset_id, vectorizer)
            index = SearchIndex(
                found.positions,
                found.vectors,
                whitening=found.whitening,
                shapes=found.shapes,
                effects=found.effects,
            )
            place.built = _BuiltIndex(vectorizer, version, index, time.perf_counter() - begun)
            return index

    def _tell(self, place: _IndexSlot, dataset_id: str, vectorizer: str) -> None:
        try:
            self._build(place, dataset_id, vectorizer)
        except Exception:  # the old index serves on, and the next question tries again
            _log.exception("the search index of dataset %s could not be built again", dataset_id)
