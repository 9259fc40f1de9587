"""The near-duplicates of a dataset in the database: the result of the newest search only."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from hover_core.store.database import Store


@dataclass(frozen=True)
class SoundIdentities:
    """Recording, stretch and duration of each clip, in clip order: clips in which these are equal are the same sound.

    Attributes
    ----------
    sha256 : digest of the recording, empty before it was fetched [shape=(n,), object]
    start_s, end_s : the stretch of the recording that the clip is, NaN for open ends [shape=(n,), float64, seconds]
    duration_s : duration of the clip, NaN before it was decoded [shape=(n,), float64, seconds]
    """

    sha256: NDArray[np.object_]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]


def sounds(store: Store, dataset_id: str) -> SoundIdentities:
    """The sound identities of all clips of a dataset."""
    with store.read() as connection:
        rows = connection.execute(
            text(
                "SELECT s.sha256, c.start_s, c.end_s, s.duration_s FROM clips c LEFT JOIN sounds s "
                "ON s.dataset_id = c.dataset_id AND s.position = c.position WHERE c.dataset_id = :d ORDER BY c.position"
            ),
            {"d": dataset_id},
        ).all()
    sha256 = np.array([row[0] or "" for row in rows], dtype=object)
    numbers = np.array([[np.nan if cell is None else cell for cell in row[1:]] for row in rows], np.float64)
    start_s, end_s, duration_s = numbers.reshape(-1, 3).T
    return SoundIdentities(sha256, start_s, end_s, duration_s)


def keep(store: Store, dataset_id: str, made_of: str, arrays: dict[str, Any]) -> None:
    """Store a result in place of the one before.

    `made_of` is a text that changes with the data that the result was computed from; the arrays hold numbers only.
    """
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    with store.write() as connection:
        connection.execute(
            text(
                "INSERT INTO twins (dataset_id, made_of, found) VALUES (:d, :m, :f) "
                "ON CONFLICT (dataset_id) DO UPDATE SET made_of = excluded.made_of, found = excluded.found"
            ),
            {"d": dataset_id, "m": made_of, "f": file.getvalue()},
        )


def made_of(store: Store, dataset_id: str) -> str | None:
    """The `made_of` of the stored result, or None if there is none."""
    with store.read() as connection:
        return connection.execute(text("SELECT made_of FROM twins WHERE dataset_id = :d"), {"d": dataset_id}).scalar()


def stored_arrays(store: Store, dataset_id: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of the stored result by name, or None if there is none."""
    with store.read() as connection:
        archive = connection.execute(text("SELECT found FROM twins WHERE dataset_id = :d"), {"d": dataset_id}).scalar()
    if archive is None:
        return None
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
