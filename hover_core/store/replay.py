"""The fold of a log, from events to what is current: the arrays of a `State`, brought forward by what is new."""

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
    """SQL for the number of `annotations.verdict` in a query over `annotations a` that asks for no other verdicts."""
    cases = " ".join(f"WHEN '{verdict}' THEN {verdict.number}" for verdict in verdicts)
    return f"CASE a.verdict {cases} END"


def any_of(verdicts: Iterable[Verdict]) -> str:
    """SQL that is true for annotations with one of these verdicts, in a query over `annotations a`."""
    words = ", ".join(f"'{verdict}'" for verdict in verdicts)
    return f"a.verdict IN ({words})"


_COUNTING: Final = [verdict for verdict in Verdict if EVERYBODY[verdict.number] != Effect.KEEP]
_ANNOTATIONS: Final = (  # an annotation without an effect on what everybody sees is not even read
    f"SELECT a.position, {verdict_number(_COUNTING)}, a.code, a.source, a.batch_id "  # noqa: S608 - our own words
    "FROM annotations a JOIN batches b ON b.id = a.batch_id WHERE b.dataset_id = :d AND b.revision > :after "
    f"AND b.revision <= :upto AND {any_of(_COUNTING)}"
)


def advance(connection: Connection, dataset_id: str, state: State | None, revision: int) -> State:
    """Bring a state forward to `revision` by the clips and events that are new."""
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


def replay_labels(state: State, annotations: Annotations, batch: NDArray[Any], revision: NDArray[Any] | int) -> None:
    """Write annotations, as `in_order` returns them, into what everybody sees: the arrays of a state of our own."""
    fold_labels(state.label, state.source, annotations, batch, EVERYBODY)
    state.label_changed[annotations.position] = revision


def in_order(
    annotations: Annotations, batch: NDArray[Any], effects: NDArray[np.int8]
) -> tuple[Annotations, NDArray[Any]]:
    """The annotations that have an effect, in the order in which they count, and the batch of each.

    Batch after batch, and within a batch what ends a label goes first, so that the order of its rows does not matter.

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
        counting = np.flatnonzero(effect)
        annotations, batch, effect = annotations[counting], batch[counting], effect[counting]
    turn = batch * len(Effect) + effect
    if bool((turn[1:] >= turn[:-1]).all()):  # as a log of first labels is: a million rows stay where they are
        return annotations, batch
    order = np.argsort(turn, kind="stable")
    return annotations[order], batch[order]


def fold_labels(
    label: NDArray[Any], source: NDArray[Any], annotations: Annotations, batch: NDArray[Any], effects: NDArray[np.int8]
) -> None:
    """Apply annotations, in the order in which they count, to the label and source of every clip.

    Parameters
    ----------
    label, source
        Changed in place. [shape=(clips,)]
    annotations
        As `in_order` returns them; in one batch a clip is named once, or ended and given.
    batch
        The id of the batch of each annotation. [shape=(n,)]
    effects
        `EVERYBODY` or `ALONE`. [shape=(8,)]
    """
    effect = effects[annotations.verdict]
    where = annotations.position
    if bool((effect >= Effect.END).all()):  # whatever the clips carried: all at once, and the last on a clip counts
        label[where], source[where] = apply(UNLABELLED, 0, effect, annotations.code, annotations.source)
        return
    edges = (np.flatnonzero(batch[1:] != batch[:-1]) + 1).tolist()
    for run in map(slice, [0, *edges], [*edges, len(effect)]):
        of, on = annotations[run], where[run]
        label[on], source[on] = apply(label[on], source[on], effect[run], of.code, of.source)


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


def undone(connection: Connection, dataset_id: str) -> set[int]:
    """The batches that are taken back by an undo which itself still stands."""
    rows = connection.execute(
        text("SELECT id, undoes FROM batches WHERE dataset_id = :d AND undoes IS NOT NULL ORDER BY id DESC"),
        {"d": dataset_id},
    )
    found: set[int] = set()
    for row in rows:
        if row.id not in found:
            found.add(row.undoes)
    return found
