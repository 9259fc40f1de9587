"""Vectors in the store → a map in the store: drawn anew, or grown by the clips that came since.

A map that is drawn anew is laid on the one that it replaces (Procrustes), so that a person finds the way. Clips that
come later are placed among those that it was fitted on; nothing that lies there already moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hover_core.data.arrays import Floats, Positions
from hover_core.data.clips import SUBSETS
from hover_core.errors import Refused
from hover_core.numerics.procrustes import Alignment
from hover_core.numerics.reducers import SEED, Progress, Reducer
from hover_core.store import vector_rows
from hover_core.store.vector_rows import Embedding
from hover_core.workspace import corpus

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


# what we write into a map's settings; the reducer's are others
OWN = frozenset({"seed", "parent", "fitted", "scale", "per_group"})
_MOST_REASONS = 3


def embed(
    dataset: Dataset,
    vectorizer: str,
    reducer: str = "umap",
    *,
    dimension: int = 2,
    placeholder: bool = False,
    progress: Progress | None = None,
    only: Positions | None = None,
    parent: int | None = None,
    **settings: Any,
) -> Reducer:
    """Make a map: fit on raw, train and dev, transform test, lay it on the map before, write it down.

    Returns the fitted reducer, whose coordinates are those before it was laid on the old map. `only` some clips make a
    map of a part, whose `parent` is the map that they were chosen on.

    Raises
    ------
    Refused
        No clip that may shape the map has a vector, or the reducer does not know a setting.
    """
    dataset.by.allow("own", dataset.id)
    found = corpus.read_corpus(dataset.store, dataset.journal, dataset.id, vectorizer)
    positions, vectors = found.positions, found.vectors
    if only is not None:
        among = np.isin(positions, only)
        positions, vectors = positions[among], vectors[among]
    fitted = Reducer(reducer, dimension, settings, whitening=found.whitening)
    shapes_map = dataset.state().subset[positions] != SUBSETS.index("test")
    if not shapes_map.any():
        raise Refused(
            "no clip that may shape the map has a vector: the map is fitted on raw, train and dev"
            if len(found.positions)
            else _why_none(dataset, vectorizer)
        )
    fitted.fit(vectors[shapes_map], progress=progress)
    placed = np.concatenate([fitted.embedding_, fitted.transform(vectors[~shapes_map])])
    positions = np.concatenate([positions[shapes_map], positions[~shapes_map]])
    before = None if placeholder or parent is not None else main_map(dataset)
    scale = 1.0
    if before is not None:
        shaped = int(shapes_map.sum())  # test clips do not turn the map either
        alignment = _onto(dataset, before, positions[:shaped], placed[:shaped])
        placed, scale = alignment.apply(placed), alignment.scale
    vector_rows.add_embedding(
        dataset.store,
        dataset.id,
        vectorizer=vectorizer,
        reducer=reducer,
        settings={
            "seed": SEED,
            **_plain(settings),
            "fitted": int(shapes_map.sum()),
            **({} if scale == 1.0 else {"scale": scale}),
            **({"per_group": True} if found.per_group else {}),
            **({} if parent is None else {"parent": parent}),
        },
        positions=positions,
        coordinates=placed,
        placeholder=placeholder,
    )
    return fitted


def _why_none(dataset: Dataset, vectorizer: str) -> str:
    """Why no clip has a vector: nobody tried, or what went wrong with all of them."""
    failures = dataset.failures(vectorizer)
    if not failures:
        return "no clip has a vector yet: vectorize first"
    reasons = Counter(failure.reason for failure in failures)
    told = [reason if count == 1 else f"{count:,} × {reason}" for reason, count in reasons.most_common(_MOST_REASONS)]
    if len(reasons) > _MOST_REASONS:
        told.append(f"{len(reasons) - _MOST_REASONS:,} other reasons")
    first = failures[0].position
    url = dataset.names([first])[first][1].partition("?")[0]  # what opens a presigned one is not told
    tried = "the only clip" if len(failures) == 1 else f"none of {len(failures):,} clips"
    could = "could not be turned into a vector" if len(failures) == 1 else "could be turned into vectors"
    return f"{tried} {could}: {'; '.join(told)}. The first is {url}"


def main_map(dataset: Dataset) -> Embedding | None:
    """The newest map of the whole dataset that is not just a first look."""
    return next(
        (found for found in dataset.embeddings() if not found.placeholder and "parent" not in found.settings), None
    )


def positions_without_place(dataset: Dataset, embedding: Embedding) -> Positions:
    """Clips that have a vector of the map's vectorizer and lie nowhere on it, in rising order."""
    have = vector_rows.vectorized_positions(dataset.store, dataset.id, embedding.vectorizer)
    there, _ = vector_rows.coordinates_as_written(dataset.store, embedding.id)
    return np.setdiff1d(have, there)


def place_new(dataset: Dataset) -> int:
    """Place the clips that were vectorized since the map was drawn; nothing on it moves. How many there were.

    Raises
    ------
    Refused
        There is no map yet.
    """
    dataset.by.allow("own", dataset.id)
    newest = main_map(dataset)
    if newest is None:
        raise Refused("there is no map to place clips on: draw one first")
    return place(dataset, newest)


def place(dataset: Dataset, embedding: Embedding) -> int:
    """Place the clips that have come since a map was drawn; return how many. Those that are there do not move."""
    found = corpus.read_corpus(
        dataset.store,
        dataset.journal,
        dataset.id,
        embedding.vectorizer,
        per_group=bool(embedding.settings.get("per_group", False)),  # as the map was drawn
    )
    positions, vectors = found.positions, found.vectors
    there, coordinates = vector_rows.coordinates_as_written(dataset.store, embedding.id)
    new = ~np.isin(positions, there)
    if not new.any():
        return 0
    shaped = int(embedding.settings.get("fitted", len(there)))
    rows = np.searchsorted(positions, there[:shaped])
    known = (rows < len(positions)) & (positions[np.minimum(rows, len(positions) - 1)] == there[:shaped])
    settings = {key: value for key, value in embedding.settings.items() if key not in OWN}
    reducer = Reducer(embedding.reducer, embedding.dimension, settings, whitening=found.whitening).resume(
        vectors[rows[known]], coordinates[:shaped][known], scale=float(embedding.settings.get("scale", 1.0))
    )
    vector_rows.extend_embedding(dataset.store, embedding.id, positions[new], reducer.transform(vectors[new]))
    return int(new.sum())


def _onto(dataset: Dataset, before: Embedding, positions: Positions, placed: Floats) -> Alignment:
    """How to lay new coordinates on an old map, by the clips that lie on both."""
    there, old = vector_rows.coordinates(dataset.store, before.id)
    _, new_rows, old_rows = np.intersect1d(positions, there, assume_unique=True, return_indices=True)
    if not len(new_rows):
        return Alignment.stretch(1.0, placed.shape[1])
    return Alignment.of(placed[new_rows], old[old_rows])


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | int | float | bool | None) else repr(value)
        for key, value in settings.items()
    }
