"""The replay of a log: from its events to the arrays of a `State`, brought forward by new events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.data.annotations import UNLABELLED
from hover_core.data.verdicts import EVERYBODY, Annotations, Effect, Verdict, apply
from hover_core.store.state import State


def verdict_number(verdicts: Iterable[Verdict]) -> str:
    """SQL for the number of `a.verdict`, in a query over `annotations a` that selects these verdicts only."""
    cases = " ".join(f"WHEN '{verdict}' THEN {verdict.number}" for verdict in verdicts)
    return f"CASE a.verdict {cases} END"


def any_of(verdicts: Iterable[Verdict]) -> str:
    """SQL that is true for annotations with one of these verdicts, in a query over `annotations a`."""
    words = ", ".join(f"'{verdict}'" for verdict in verdicts)
    return f"a.verdict IN ({words})"


_COUNTING: Final = [verdict for verdict in Verdict if EVERYBODY[verdict.number] != Effect.KEEP]
_ANNOTATIONS: Final = (  # annotations without an effect on everybody's state are not read
    f"SELECT a.position, {verdict_number(_COUNTING)}, a.code, a.source, a.batch_id "  # noqa: S608 - our own words
    "FROM annotations a JOIN batches b ON b.id = a.batch_id WHERE b.dataset_id = :d AND b.revision > :after "
    f"AND b.revision <= :upto AND {any_of(_COUNTING)}"
)


def advance(connection: Connection, dataset_id: str, state: State | None, revision: int) -> State:
    """The state at `revision`: `state` brought forward by new clips and events, or a replay of the whole log."""
    if state is not None and state.revision == revision:
        return state
    if state is None or state.revision > revision:
        state = _empty()
    after = state.revision
    state = writable(with_new_clips(connection, dataset_id, state))
    span = {"d": dataset_id, "after": after, "upto": revision}
    ids, revisions = numbers(
        connection,
        "SELECT id, revision FROM batches WHERE dataset_id = :d AND revision > :after AND revision <= :upto "
        "ORDER BY id",
        span,
        2,
    )
    *columns, batch = numbers(connection, _ANNOTATIONS, span, 5)
    annotations, batch = in_order(Annotations(*columns), batch, EVERYBODY)
    replay_labels(state, annotations, batch, revisions[np.searchsorted(ids, batch)])
    position, subset, source, batch = numbers(
        connection,
        "SELECT m.position, m.subset, m.source, m.batch_id FROM moves m JOIN batches b ON b.id = m.batch_id "
        "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto",
        span,
        4,
    )
    order = np.argsort(batch, kind="stable")
    at = revisions[np.searchsorted(ids, batch[order])]
    fold_moves(state, position[order], subset[order], source[order], at)
    return replace(state, revision=revision)


def with_new_clips(connection: Connection, dataset_id: str, state: State) -> State:
    """`state` with the clips and label names that were added since."""
    subset, added_at = numbers(
        connection,
        "SELECT subset, revision FROM clips WHERE dataset_id = :d AND position >= :n ORDER BY position",
        {"d": dataset_id, "n": state.size},
        2,
    )
    names = connection.execute(text("SELECT name FROM labels WHERE dataset_id = :d ORDER BY code"), {"d": dataset_id})
    state = replace(state, names=tuple(names.scalars()))
    if not len(subset):
        return state
    zeros = np.zeros(len(subset), np.int64)
    return replace(
        state,
        label=np.concatenate([state.label, np.full(len(subset), UNLABELLED, np.int32)]),
        source=np.concatenate([state.source, zeros]),
        subset=np.concatenate([state.subset, subset.astype(np.int8)]),
        subset_source=np.concatenate([state.subset_source, zeros]),
        label_changed=np.concatenate([state.label_changed, np.zeros(len(subset), np.int64)]),
        subset_changed=np.concatenate([state.subset_changed, added_at]),
    )


def replay_labels(state: State, annotations: Annotations, batch: NDArray[Any], revision: NDArray[Any] | int) -> None:
    """Apply annotations, as `in_order` returns them, to everybody's state; changes its arrays in place.

    `batch` is the batch of each annotation, `revision` that of each or of all. [shape=(n,), int64]
    """
    fold_labels(state.label, state.source, annotations, batch, EVERYBODY)
    state.label_changed[annotations.position] = revision


def in_order(
    annotations: Annotations, batch: NDArray[Any], effects: NDArray[np.int8]
) -> tuple[Annotations, NDArray[Any]]:
    """The annotations that have an effect, in the order of the replay, and the batch of each. [shape=(m,)]

    Batches follow each other; within a batch the rows that end a label come first, so that the order of its rows does
    not matter.

    Parameters
    ----------
    annotations
        In any order.
    batch
        The id of the batch of each annotation. Ids rise with the revisions of a dataset, and tell apart the batches of
        one action, which have one revision. [shape=(n,), int64]
    effects
        `EVERYBODY` or `ALONE`. [shape=(8,)]
    """
    effect = effects[annotations.verdict]
    if not effect.all():  # `KEEP` is 0
        rows = np.flatnonzero(effect)
        annotations, batch, effect = annotations[rows], batch[rows], effect[rows]
    turn = batch * len(Effect) + effect
    if bool((turn[1:] >= turn[:-1]).all()):  # a log of first labels only is sorted already: no copy of a million rows
        return annotations, batch
    order = np.argsort(turn, kind="stable")
    return annotations[order], batch[order]


def fold_labels(
    label: NDArray[Any], source: NDArray[Any], annotations: Annotations, batch: NDArray[Any], effects: NDArray[np.int8]
) -> None:
    """Apply annotations, in the order of the replay, to the label and source of every clip.

    Parameters
    ----------
    label, source
        Label code and source batch of each clip; changed in place. [shape=(clips,), int32 and int64]
    annotations
        As `in_order` returns them; in one batch a clip occurs once, or once to end its label and once to give one.
    batch
        The id of the batch of each annotation. [shape=(n,)]
    effects
        `EVERYBODY` or `ALONE`. [shape=(8,)]
    """
    effect = effects[annotations.verdict]
    where = annotations.position
    if bool(
        (effect >= Effect.END).all()
    ):  # no result depends on the label before: all at once, and the last row of a clip counts
        label[where], source[where] = apply(UNLABELLED, 0, effect, annotations.code, annotations.source)
        return
    edges = (np.flatnonzero(batch[1:] != batch[:-1]) + 1).tolist()
    for run in map(slice, [0, *edges], [*edges, len(effect)]):
        of, on = annotations[run], where[run]
        label[on], source[on] = apply(label[on], source[on], effect[run], of.code, of.source)


def fold_moves(
    state: State, position: NDArray[Any], subset: NDArray[Any], source: NDArray[Any], revision: NDArray[Any] | int
) -> None:
    """Apply moves, in the order of the replay, to a state; changes its arrays in place.

    `position`, `subset` and `source` are columns of the moves, `revision` that of each or of all. [shape=(n,), int64]
    """
    state.subset[position] = subset
    state.subset_source[position] = source
    state.subset_changed[position] = revision


def writable(state: State) -> State:
    """A copy of a state whose arrays may be changed."""
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
    """The columns of a query whose cells are all whole numbers. [shape=(rows,), int64] for each of `width` columns"""
    result = connection.execute(text(query), values)
    assert result.cursor is not None  # these queries have rows
    rows = (
        result.cursor.fetchall()
    )  # plain tuples: a Row of SQLAlchemy for each of a million rows takes four times as long
    result.close()
    flat = np.fromiter(chain.from_iterable(rows), np.int64, count=len(rows) * width)
    return [np.ascontiguousarray(column) for column in flat.reshape(-1, width).T]


def undone(connection: Connection, dataset_id: str) -> set[int]:
    """The ids of the batches that are undone by an undo that is not undone itself."""
    rows = connection.execute(
        text("SELECT id, undoes FROM batches WHERE dataset_id = :d AND undoes IS NOT NULL ORDER BY id DESC"),
        {"d": dataset_id},
    )
    batch_ids: set[int] = set()
    for row in rows:
        if row.id not in batch_ids:
            batch_ids.add(row.undoes)
    return batch_ids
