"""The data that a search compares: the index of the clips' vectors, and their sequences of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hover_core.errors import NotFound, Refused
from hover_core.numerics import dtw
from hover_core.numerics.index import SearchIndex
from hover_core.store import vector_rows

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


def search_index(dataset: Dataset) -> tuple[SearchIndex, str]:
    """The index of the vectors in use, and the key of their vectorizer.

    Raises
    ------
    Refused
        The dataset has no vectorizer yet.
    NotFound
        No clip has a vector yet.
    """
    key = dataset.vectorizer_key
    if not key:
        raise Refused("no clip has a vector yet: vectorize first")
    index, index_key = dataset.indexes.get(dataset.id, key)
    if not len(index.positions):
        raise NotFound("no clip has a vector yet: vectorize first")
    return index, index_key


def has_sequences(dataset: Dataset) -> bool:
    """Whether the dataset has sequences, so that a search can be re-ranked."""
    return vector_rows.version(dataset.store, dataset.id, dtw.KEY)[0] > 0


def sequences(dataset: Dataset) -> dtw.Sequences:
    """The sequences of the clips as they are now; read once and cached.

    Raises
    ------
    Refused
        The dataset has none.
    """
    version = vector_rows.version(dataset.store, dataset.id, dtw.KEY)
    if not version[0]:
        raise Refused(
            "the clips have no sequences yet, so nothing can be compared frame by frame: have them made first"
        )
    key = ("sequences", dataset.id, version)
    return dataset.remember(key, lambda: dtw.Sequences(*dataset.vectors(dtw.KEY)))
