"""Maps: vectors in the store become a map in the store, drawn anew or extended by new clips.

A new map is aligned with the one that it replaces (Procrustes), so that clouds stay where people expect them. New clips
are placed among the clips that a map was fitted on; no other clip moves.
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


# the settings of a map that are not the reducer's
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
    """Make a map: fit on raw, train and dev, transform test, align with the map before, store the result.

    Parameters
    ----------
    vectorizer
        Key of the vectors.
    reducer
        Name of a reducer, see `hover_core.numerics.reducers`.
    placeholder
        The map is only something to look at until a better one is there; it is not aligned.
    progress
        Called with the number of an epoch and the number of epochs; may raise `Cancelled`.
    only, parent
        Positions of clips [shape=(n,), int64]: the map shows only these, and `parent` is the id of the map that they
        were selected on. None: all clips.
    settings
        Settings of the reducer.

    Returns
    -------
    Reducer
        Fitted; its coordinates are those before the alignment.

    Raises
    ------
    Refused
        No clip of raw, train or dev has a vector, or the reducer does not know a setting.
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    source = corpus.read_corpus(dataset.store, dataset.journal, dataset.id, vectorizer)
    positions, vectors = source.positions, source.vectors
    if only is not None:
        is_chosen = np.isin(positions, only)
        positions, vectors = positions[is_chosen], vectors[is_chosen]
    fitted_reducer = Reducer(reducer, dimension, settings, whitening=source.whitening)
    shapes_map = dataset.state().subset[positions] != SUBSETS.index("test")
    if not shapes_map.any():
        raise Refused(
            "no clip of raw, train or dev has a vector: the map is fitted on these"
            if len(source.positions)
            else _why_none(dataset, vectorizer)
        )
    fitted_reducer.fit(vectors[shapes_map], progress=progress)
    coordinates = np.concatenate([fitted_reducer.embedding_, fitted_reducer.transform(vectors[~shapes_map])])
    positions = np.concatenate([positions[shapes_map], positions[~shapes_map]])
    before = None if placeholder or parent is not None else main_map(dataset)
    scale = 1.0
    if before is not None:
        n_fitted = int(shapes_map.sum())  # test clips have no influence on the alignment either
        alignment = _onto(dataset, before, positions[:n_fitted], coordinates[:n_fitted])
        coordinates, scale = alignment.apply(coordinates), alignment.scale
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
            **({"per_group": True} if source.per_group else {}),
            **({} if parent is None else {"parent": parent}),
        },
        positions=positions,
        coordinates=coordinates,
        placeholder=placeholder,
    )
    return fitted_reducer


def _why_none(dataset: Dataset, vectorizer: str) -> str:
    """Why no clip has a vector: they were not vectorized, or all failed."""
    failures = dataset.failures(vectorizer)
    if not failures:
        return "no clip has a vector yet: vectorize first"
    reasons = Counter(failure.reason for failure in failures)
    reason_texts = [
        reason if count == 1 else f"{count:,} × {reason}" for reason, count in reasons.most_common(_MOST_REASONS)
    ]
    if len(reasons) > _MOST_REASONS:
        reason_texts.append(f"{len(reasons) - _MOST_REASONS:,} other reasons")
    first = failures[0].position
    # without the query: it may be the signature of a presigned URL
    url = dataset.names([first])[first][1].partition("?")[0]
    clips_tried = "the only clip" if len(failures) == 1 else f"none of {len(failures):,} clips"
    could = "could not be turned into a vector" if len(failures) == 1 else "could be turned into vectors"
    return f"{clips_tried} {could}: {'; '.join(reason_texts)}. The first is {url}"


def main_map(dataset: Dataset) -> Embedding | None:
    """The newest map of the whole dataset that is no placeholder, or None."""
    return next(
        (
            embedding
            for embedding in dataset.embeddings()
            if not embedding.placeholder and "parent" not in embedding.settings
        ),
        None,
    )


def positions_without_place(dataset: Dataset, embedding: Embedding) -> Positions:
    """Clips that have a vector of the map's vectorizer but are not on it, in rising order. [shape=(n,), int64]"""
    with_vector = vector_rows.vectorized_positions(dataset.store, dataset.id, embedding.vectorizer)
    on_map, _ = vector_rows.coordinates_as_written(dataset.store, embedding.id)
    return np.setdiff1d(with_vector, on_map)


def place_new(dataset: Dataset) -> int:
    """Place the clips that were vectorized since the main map was drawn, and return their number; no other clip moves.

    Raises
    ------
    Refused
        There is no map yet.
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    newest = main_map(dataset)
    if newest is None:
        raise Refused("there is no map to place clips on: draw one first")
    return place(dataset, newest)


def place(dataset: Dataset, embedding: Embedding) -> int:
    """Place the clips that were vectorized since this map was drawn, and return their number; no other clip moves."""
    source = corpus.read_corpus(
        dataset.store,
        dataset.journal,
        dataset.id,
        embedding.vectorizer,
        per_group=bool(embedding.settings.get("per_group", False)),  # as when the map was drawn
    )
    positions, vectors = source.positions, source.vectors
    on_map, coordinates = vector_rows.coordinates_as_written(dataset.store, embedding.id)
    is_new = ~np.isin(positions, on_map)
    if not is_new.any():
        return 0
    n_fitted = int(embedding.settings.get("fitted", len(on_map)))
    rows = np.searchsorted(positions, on_map[:n_fitted])
    with_vector = (rows < len(positions)) & (positions[np.minimum(rows, len(positions) - 1)] == on_map[:n_fitted])
    settings = {key: value for key, value in embedding.settings.items() if key not in OWN}
    reducer = Reducer(embedding.reducer, embedding.dimension, settings, whitening=source.whitening).resume(
        vectors[rows[with_vector]],
        coordinates[:n_fitted][with_vector],
        scale=float(embedding.settings.get("scale", 1.0)),
    )
    vector_rows.extend_embedding(dataset.store, embedding.id, positions[is_new], reducer.transform(vectors[is_new]))
    return int(is_new.sum())


def _onto(dataset: Dataset, before: Embedding, positions: Positions, coordinates: Floats) -> Alignment:
    """The alignment of new coordinates with an old map, by the clips that are on both."""
    on_map, old_coordinates = vector_rows.coordinates(dataset.store, before.id)
    _, new_rows, old_rows = np.intersect1d(positions, on_map, assume_unique=True, return_indices=True)
    if not len(new_rows):
        return Alignment.stretch(1.0, coordinates.shape[1])
    return Alignment.of(coordinates[new_rows], old_coordinates[old_rows])


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | int | float | bool | None) else repr(value)
        for key, value in settings.items()
    }
