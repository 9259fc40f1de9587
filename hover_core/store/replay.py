"""The fold of a log, from events to what is current: the arrays of a `State`, brought forward by what is new."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.data.annotations import UNLABELLED
from hover_core.store.state import State


def advance(connection: Connection, dataset_id: str, state: State | None, revision: int) -> State:
    """Bring a state forward to `revision` by the clips and events that are new."""
    if state is not None and state.revision == revision:
        return state
    if state is None or state.revision > revision:
        state = _empty()
    after = state.revision
    state = writable(grown(connection, dataset_id, state))
    span = {"d": dataset_id, "after": after, "upto": revision}
    given, position, code, source, at = numbers(
        connection,
        "SELECT CASE a.verdict WHEN 'yes' THEN 1 ELSE 0 END, a.position, a.code, a.source, b.revision "
        "FROM annotations a JOIN batches b ON b.id = a.batch_id WHERE b.dataset_id = :d AND b.revision > :after "
        "AND b.revision <= :upto AND a.verdict IN ('yes', 'withdrawn')",
        span,
        5,
    )
    # within a batch what is withdrawn goes first, so that the order of its rows does not matter
    order = np.lexsort((given, at))
    fold_labels(state, position[order], code[order], source[order], given[order] == 1, at[order])
    position, subset, source, at = numbers(
        connection,
        "SELECT m.position, m.subset, m.source, b.revision FROM moves m JOIN batches b ON b.id = m.batch_id "
        "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto",
        span,
        4,
    )
    order = np.argsort(at, kind="stable")
    fold_moves(state, position[order], subset[order], source[order], at[order])
    return replace(state, revision=revision)


def grown(connection: Connection, dataset_id: str, state: State) -> State:
    """A state with the clips and label names that the dataset has by now."""
    subset, came = numbers(
        connection,
        "SELECT subset, revision FROM clips WHERE dataset_id = :d AND position >= :n ORDER BY position",
        {"d": dataset_id, "n": state.size},
        2,
    )
    names = connection.execute(text("SELECT name FROM labels WHERE dataset_id = :d ORDER BY code"), {"d": dataset_id})
    state = replace(state, names=tuple(names.scalars()))
    if not len(subset):
        return state
    nothing = np.zeros(len(subset), np.int64)
    return replace(
        state,
        label=np.concatenate([state.label, np.full(len(subset), UNLABELLED, np.int32)]),
        source=np.concatenate([state.source, nothing]),
        subset=np.concatenate([state.subset, subset.astype(np.int8)]),
        subset_source=np.concatenate([state.subset_source, nothing]),
        label_changed=np.concatenate([state.label_changed, np.zeros(len(subset), np.int64)]),
        subset_changed=np.concatenate([state.subset_changed, came]),
    )


def fold_labels(
    state: State,
    position: NDArray[Any],
    code: NDArray[Any],
    source: NDArray[Any],
    given: NDArray[np.bool_],
    revision: NDArray[Any] | int,
) -> None:
    """Write label events, in their order, into the arrays of a state of our own: the last on a clip counts."""
    state.label[position] = np.where(given, code, UNLABELLED)
    state.source[position] = np.where(given, source, 0)
    state.label_changed[position] = revision


def fold_moves(
    state: State, position: NDArray[Any], subset: NDArray[Any], source: NDArray[Any], revision: NDArray[Any] | int
) -> None:
    """Write moves, in their order, into the arrays of a state of our own."""
    state.subset[position] = subset
    state.subset_source[position] = source
    state.subset_changed[position] = revision


def writable(state: State) -> State:
    """The same state with arrays of its own."""
    return replace(
        state,
        label=state.label.copy(),
        source=state.source.copy(),
        subset=state.subset.copy(),
        subset_source=state.subset_source.copy(),
        label_changed=state.label_changed.copy(),
        subset_changed=state.subset_changed.copy(),
    )


def _empty() -> State:
    wide = np.zeros(0, np.int64)
    return State(-1, np.zeros(0, np.int32), wide, np.zeros(0, np.int8), wide, wide, wide)


def numbers(connection: Connection, query: str, values: dict[str, Any], width: int) -> list[NDArray[np.int64]]:
    """The columns of a query whose cells are whole numbers."""
    result = connection.execute(text(query), values)
    assert result.cursor is not None  # these queries have rows
    rows = result.cursor.fetchall()  # plain tuples: a Row of SQLAlchemy for each of a million takes four times as long
    result.close()
    flat = np.fromiter(chain.from_iterable(rows), np.int64, count=len(rows) * width)
    return [np.ascontiguousarray(column) for column in flat.reshape(-1, width).T]


def undone(connection: Connection, dataset_id: str, *, but: int = 0) -> set[int]:
    """The batches that are taken back by an undo which itself still stands; the undo `but` does not count."""
    rows = connection.execute(
        text("SELECT id, undoes FROM batches WHERE dataset_id = :d AND undoes IS NOT NULL ORDER BY id DESC"),
        {"d": dataset_id},
    )
    found: set[int] = set()
    for row in rows:
        if row.id not in found and row.id != but:
            found.add(row.undoes)
    return found
