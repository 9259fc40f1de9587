"""Vectors, failures and embeddings in the database; vectors and coordinates as blocks of float32 bytes.

Vectors are stored by clip and by the vectorizer's key, which contains all its settings: a changed setting never reads
vectors of the old one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, text

from hover_core.data.arrays import Floats, Positions
from hover_core.data.clock import now
from hover_core.errors import Refused
from hover_core.store.database import Store, dump, insert, run_for_all

BLOCK_ROWS: Final = 256
_EMBEDDING_ROWS: Final = 65_536


@dataclass(frozen=True)
class Failure:
    """The reason and time of a clip that could not be fetched, decoded or vectorized: a value, not an exception."""

    position: int
    reason: str
    at: str


@dataclass(frozen=True)
class Embedding:
    """The row of a map, without its coordinates."""

    id: int
    vectorizer: str
    reducer: str
    settings: dict[str, Any]
    dimension: int
    placeholder: bool
    created_at: str
    clips: int = 0  # number of clips on it


def add_vectors(
    connection: Connection, dataset_id: str, vectorizer: str, positions: Sequence[int], vectors: Floats
) -> None:
    """Append vectors [shape=(n, d), float32] of the clips at `positions` [n]; removes failures of these clips.

    Raises
    ------
    Refused
        Earlier vectors of this vectorizer have another length.
    """
    there = width(connection, dataset_id, vectorizer)
    if len(positions) and there is not None and there != vectors.shape[1]:
        raise Refused(f"{vectorizer} gave {vectors.shape[1]} numbers a clip, and {there} before: give it another key")
    for start in range(0, len(positions), BLOCK_ROWS):
        part = positions[start : start + BLOCK_ROWS]
        insert(
            connection,
            "vector_blocks",
            [
                {
                    "dataset_id": dataset_id,
                    "vectorizer": vectorizer,
                    "positions": np.asarray(part, "<i4").tobytes(),
                    "vectors": np.ascontiguousarray(vectors[start : start + BLOCK_ROWS], "<f4").tobytes(),
                }
            ],
        )
    _forget_failures(connection, dataset_id, vectorizer, positions)


def width(connection: Connection, dataset_id: str, vectorizer: str) -> int | None:
    """The length of a vector, or None before the first."""
    first = connection.execute(
        text(
            "SELECT length(vectors) AS vectors, length(positions) AS positions FROM vector_blocks "
            "WHERE dataset_id = :d AND vectorizer = :v LIMIT 1"
        ),
        {"d": dataset_id, "v": vectorizer},
    ).one_or_none()
    return None if first is None else int(first.vectors // first.positions)


def vectors(store: Store, dataset_id: str, vectorizer: str) -> tuple[Positions, Floats]:
    """Positions in rising order and their vectors. [shape=(n,), int64, and shape=(n, d), float32]

    Of two vectors of a clip, the newer one.
    """
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT positions, vectors FROM vector_blocks WHERE dataset_id = :d AND vectorizer = :v ORDER BY id"),
            {"d": dataset_id, "v": vectorizer},
        ).all()
    return _stack([(row.positions, row.vectors) for row in rows])


def vectorized_positions(store: Store, dataset_id: str, vectorizer: str) -> Positions:
    """The positions of the clips that have a vector, in rising order. [shape=(n,), int64]"""
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT positions FROM vector_blocks WHERE dataset_id = :d AND vectorizer = :v"),
            {"d": dataset_id, "v": vectorizer},
        ).all()
    blocks = [np.frombuffer(row.positions, "<i4") for row in rows]
    return np.unique(np.concatenate(blocks)).astype(np.int64) if blocks else np.zeros(0, np.int64)


def version(store: Store, dataset_id: str, vectorizer: str) -> tuple[int, int]:
    """The number of blocks of vectors and the id of the newest; the pair changes whenever the vectors do."""
    with store.read() as connection:
        row = connection.execute(
            text("SELECT count(*), coalesce(max(id), 0) FROM vector_blocks WHERE dataset_id = :d AND vectorizer = :v"),
            {"d": dataset_id, "v": vectorizer},
        ).one()
    return int(row[0]), int(row[1])


def vectorizers_used(store: Store, dataset_id: str) -> list[str]:
    """Keys of the vectorizers that the dataset has vectors of, the one used last at the end."""
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT vectorizer FROM vector_blocks WHERE dataset_id = :d GROUP BY vectorizer ORDER BY max(id)"),
            {"d": dataset_id},
        ).all()
    return [row.vectorizer for row in rows]


def add_failures(connection: Connection, dataset_id: str, vectorizer: str, reasons: Mapping[int, str]) -> None:
    """Record why some clips have no vector, `{position: reason}`."""
    if reasons:
        _forget_failures(connection, dataset_id, vectorizer, list(reasons))
        at = now()
        insert(
            connection,
            "failures",
            [
                {"dataset_id": dataset_id, "vectorizer": vectorizer, "position": position, "reason": reason, "at": at}
                for position, reason in reasons.items()
            ],
        )


def failures(store: Store, dataset_id: str, vectorizer: str) -> list[Failure]:
    """All failures in clip order."""
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT * FROM failures WHERE dataset_id = :d AND vectorizer = :v ORDER BY position"),
            {"d": dataset_id, "v": vectorizer},
        ).all()
    return [Failure(row.position, row.reason, row.at) for row in rows]


def forget_failures(store: Store, dataset_id: str, vectorizer: str) -> int:
    """Make all failures pending again; return how many there were."""
    with store.write() as connection:
        return connection.execute(
            text("DELETE FROM failures WHERE dataset_id = :d AND vectorizer = :v"), {"d": dataset_id, "v": vectorizer}
        ).rowcount


def add_embedding(
    store: Store,
    dataset_id: str,
    *,
    vectorizer: str,
    reducer: str,
    settings: Mapping[str, Any],
    positions: Positions,
    coordinates: Floats,
    placeholder: bool,
) -> int:
    """Store the `coordinates` [shape=(n, dimension), float32] of the clips at `positions` [n]; return the map's id.

    Removes earlier placeholder maps of the dataset.
    """
    with store.write() as connection:
        connection.execute(
            text(
                "DELETE FROM embedding_blocks WHERE embedding_id IN "
                "(SELECT id FROM embeddings WHERE dataset_id = :d AND placeholder = 1)"
            ),
            {"d": dataset_id},
        )
        connection.execute(text("DELETE FROM embeddings WHERE dataset_id = :d AND placeholder = 1"), {"d": dataset_id})
        embedding_id = connection.execute(
            text(
                "INSERT INTO embeddings "
                "(dataset_id, vectorizer, reducer, settings, dimension, placeholder, created_at) "
                "VALUES (:d, :v, :r, :s, :n, :p, :at) RETURNING id"
            ),
            {
                "d": dataset_id,
                "v": vectorizer,
                "r": reducer,
                "s": dump(dict(settings)),
                "n": coordinates.shape[1],
                "p": int(placeholder),
                "at": now(),
            },
        ).scalar_one()
        insert(connection, "embedding_blocks", _embedding_blocks(int(embedding_id), positions, coordinates))
    return int(embedding_id)


def extend_embedding(store: Store, embedding_id: int, positions: Positions, coordinates: Floats) -> None:
    """Add clips to a map, with their `coordinates` [shape=(n, dimension), float32]; the others stay as they are."""
    with store.write() as connection:
        insert(connection, "embedding_blocks", _embedding_blocks(embedding_id, positions, coordinates))


def _embedding_blocks(embedding_id: int, positions: Positions, coordinates: Floats) -> list[dict[str, Any]]:
    return [
        {
            "embedding_id": embedding_id,
            "positions": positions[start : start + _EMBEDDING_ROWS].astype("<i4").tobytes(),
            "coordinates": np.ascontiguousarray(coordinates[start : start + _EMBEDDING_ROWS], "<f4").tobytes(),
        }
        for start in range(0, len(positions), _EMBEDDING_ROWS)
    ]


def embeddings(store: Store, dataset_id: str) -> list[Embedding]:
    """All embeddings, the newest first."""
    with store.read() as connection:
        rows = connection.execute(
            text(
                "SELECT e.*, (SELECT coalesce(sum(length(b.positions)), 0) FROM embedding_blocks AS b "
                "WHERE b.embedding_id = e.id) AS bytes FROM embeddings AS e WHERE dataset_id = :d ORDER BY id DESC"
            ),
            {"d": dataset_id},
        ).all()
    return [
        Embedding(
            row.id,
            row.vectorizer,
            row.reducer,
            json.loads(row.settings),
            row.dimension,
            bool(row.placeholder),
            row.created_at,
            int(row.bytes) // 4,
        )
        for row in rows
    ]


def coordinates(store: Store, embedding_id: int) -> tuple[Positions, Floats]:
    """Positions in rising order and their coordinates. [shape=(n,), int64, and shape=(n, dimension), float32]"""
    return _stack(_coordinate_blocks(store, embedding_id))


def coordinates_as_written(store: Store, embedding_id: int) -> tuple[Positions, Floats]:
    """Positions and coordinates in the order in which they were stored: clips that the map was fitted on come first.

    [shape=(n,), int64, and shape=(n, dimension), float32]
    """
    blocks = _coordinate_blocks(store, embedding_id)
    if not blocks:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
    positions = [np.frombuffer(block[0], "<i4").astype(np.int64) for block in blocks]
    values = [np.frombuffer(block[1], "<f4").reshape(len(at), -1) for block, at in zip(blocks, positions, strict=True)]
    return np.concatenate(positions), np.concatenate(values)


def _coordinate_blocks(store: Store, embedding_id: int) -> list[tuple[bytes, bytes]]:
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT positions, coordinates FROM embedding_blocks WHERE embedding_id = :e ORDER BY id"),
            {"e": embedding_id},
        ).all()
    return [(row.positions, row.coordinates) for row in rows]


def _stack(blocks: Sequence[tuple[bytes, bytes]]) -> tuple[Positions, Floats]:
    if not blocks:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
    positions = [np.frombuffer(block[0], "<i4") for block in blocks]
    values = [
        np.frombuffer(block[1], "<f4").reshape(len(where), -1) for block, where in zip(blocks, positions, strict=True)
    ]
    all_positions, all_values = np.concatenate(positions).astype(np.int64), np.concatenate(values)
    # np.unique keeps the first of equals: reversed, the newest wins
    unique, last = np.unique(all_positions[::-1], return_index=True)
    return unique, all_values[::-1][last]


def _forget_failures(connection: Connection, dataset_id: str, vectorizer: str, positions: Sequence[int]) -> None:
    query = text("SELECT 1 FROM failures WHERE dataset_id = :d AND vectorizer = :v LIMIT 1")
    if connection.execute(query, {"d": dataset_id, "v": vectorizer}).first() is not None:
        run_for_all(
            connection,
            "DELETE FROM failures WHERE dataset_id = ? AND vectorizer = ? AND position = ?",
            [(dataset_id, vectorizer, int(position)) for position in positions],
        )


def dataset_of(store: Store, embedding_id: int) -> str | None:
    """The id of the dataset that an embedding belongs to, or None if there is no such embedding."""
    with store.read() as connection:
        query = text("SELECT dataset_id FROM embeddings WHERE id = :e")
        dataset_id = connection.execute(query, {"e": embedding_id}).scalar()
    return None if dataset_id is None else str(dataset_id)
