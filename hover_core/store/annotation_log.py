"""The log of a dataset, and its replay: the labels and subsets that are current.

Labels and subsets are never overwritten: every action (`hover_core.store.transaction`) appends a batch, undo appends
the inverse of one. `State` is the replay of the log up to one revision (`hover_core.store.replay`), kept in memory as
arrays in clip order and brought forward by new batches. A blind annotator has a replay of their own annotations
(`hover_core.store.blind`); these are in everybody's state as well.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, text

from hover_core.data.annotations import Batch
from hover_core.data.arrays import Positions
from hover_core.errors import NotFound
from hover_core.store.blind import view_of
from hover_core.store.database import Store
from hover_core.store.replay import advance, undone
from hover_core.store.state import State
from hover_core.store.transaction import Entry, Transaction, WriteResult, add_labels, distinct

_KEPT_STATES: Final = 8
_KEPT_VIEWS: Final = 32


@dataclass
class Journal:
    """Reads and appends to the logs of a store. One in a process; safe for threads."""

    store: Store
    _states: OrderedDict[str, State] = field(default_factory=OrderedDict)
    _views: OrderedDict[tuple[str, str], State] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def await_news(self, dataset_id: str, after: int, seconds: float) -> None:
        """Return when this process has written a revision newer than `after`, or after `seconds`."""

        def come() -> bool:
            state = self._states.get(dataset_id)
            return state is not None and state.revision > after

        with self._news:
            self._news.wait_for(come, seconds)

    def state(self, dataset_id: str, view: str = "") -> State:
        """The state of a dataset now: everybody's, or the blind view of the annotator named by `view`.

        Raises
        ------
        NotFound
            There is no such dataset.
        """
        everybody = self._everybody(dataset_id)
        if not view:
            return everybody
        earlier = self._views.get((dataset_id, view))
        if earlier is not None and earlier.revision == everybody.revision:
            return earlier
        with self.store.read() as connection:
            state = view_of(connection, dataset_id, view, everybody, earlier)
        with self._lock:
            self._views[(dataset_id, view)] = state
            self._views.move_to_end((dataset_id, view))
            while len(self._views) > _KEPT_VIEWS:
                self._views.popitem(last=False)
        return state

    def _everybody(self, dataset_id: str) -> State:
        state = self._states.get(dataset_id)
        with self.store.read() as connection:
            revision = connection.execute(
                text("SELECT revision FROM datasets WHERE id = :id"), {"id": dataset_id}
            ).scalar()
            if revision is None:
                raise NotFound(f"there is no dataset {dataset_id}")
            if state is not None and state.revision == revision:
                return state
            newer = advance(connection, dataset_id, state, revision)
        self._keep(dataset_id, newer)
        return newer

    @contextmanager
    def transaction(self, dataset_id: str, annotator: str, *, blind: bool = False) -> Iterator[Transaction]:
        """One write to a dataset, all or nothing; all changes of the block have one revision.

        With `blind`, results and counts follow from the annotator's own annotations alone. If the block writes nothing,
        the revision is taken back, so that revisions stay dense.

        Raises
        ------
        NotFound
            There is no such dataset.
        """
        with self.store.revise(dataset_id) as (connection, revision):
            state = advance(connection, dataset_id, self._states.get(dataset_id), revision - 1)
            own_view = None
            if blind:
                own_view = view_of(connection, dataset_id, annotator, state, self._views.get((dataset_id, annotator)))
            transaction = Transaction(connection, dataset_id, annotator, revision, state, own_view)
            yield transaction
            if not transaction.wrote:
                # this transaction locks the row, so nobody has seen the higher number
                connection.execute(
                    text("UPDATE datasets SET revision = :r WHERE id = :id"), {"r": revision - 1, "id": dataset_id}
                )
        self._keep(dataset_id, replace(transaction.state, revision=revision) if transaction.wrote else state)

    def annotate(
        self,
        dataset_id: str,
        entries: Sequence[Entry],
        *,
        annotator: str,
        how: str,
        token: str,
        note: str = "",
        blind: bool = False,
    ) -> WriteResult:
        """Append one batch of annotations; see `Transaction.annotate`."""
        with self.transaction(dataset_id, annotator, blind=blind) as transaction:
            return transaction.annotate(entries, how=how, token=token, note=note)

    def clear(
        self, dataset_id: str, positions: Positions, *, annotator: str, how: str, token: str, blind: bool = False
    ) -> WriteResult:
        """Append one batch that takes the labels of clips away; see `Transaction.clear`."""
        with self.transaction(dataset_id, annotator, blind=blind) as transaction:
            return transaction.clear(positions, how=how, token=token)

    def move(
        self,
        dataset_id: str,
        moves: Sequence[tuple[Positions, str]],
        *,
        annotator: str,
        token: str,
        kind: str = "move",
        note: str = "",
        only_labelled_raw: bool = False,
    ) -> WriteResult:
        """Append one batch that moves clips to subsets; see `Transaction.move`."""
        with self.transaction(dataset_id, annotator) as transaction:
            return transaction.move(moves, token=token, kind=kind, note=note, only_labelled_raw=only_labelled_raw)

    def undo(
        self, dataset_id: str, batch_id: int, *, annotator: str, token: str, only_own: bool, blind: bool = False
    ) -> WriteResult:
        """Append the inverse of a batch; see `Transaction.undo`."""
        with self.transaction(dataset_id, annotator, blind=blind) as transaction:
            return transaction.undo(batch_id, token=token, only_own=only_own)

    def batches(self, dataset_id: str, *, limit: int = 50, annotator: str | None = None) -> list[Batch]:
        """The newest batches first, of everybody or of one annotator."""
        query = "SELECT * FROM batches WHERE dataset_id = :d AND kind <> 'source'"
        query += " AND annotator = :a" if annotator is not None else ""
        with self.store.read() as connection:
            rows = connection.execute(
                text(f"{query} ORDER BY revision DESC, id DESC LIMIT :limit"),
                {"d": dataset_id, "limit": limit, "a": annotator},
            ).all()
            taken_back = undone(connection, dataset_id)
        return [_batch(row, undone=row.id in taken_back) for row in rows]

    def newest_standing(
        self, dataset_id: str, annotator: str, kinds: Sequence[str] = ("label", "clear", "move", "split", "import")
    ) -> Batch | None:
        """The newest action of an annotator that has not been undone, or None; an undo does not count as an action."""
        with self.store.read() as connection:
            taken_back = undone(connection, dataset_id)
            rows = connection.execute(
                text(
                    "SELECT * FROM batches WHERE dataset_id = :d AND annotator = :a AND kind IN :kinds "
                    "ORDER BY revision DESC, id DESC LIMIT :limit"
                ).bindparams(bindparam("kinds", expanding=True)),
                {"d": dataset_id, "a": annotator, "kinds": list(kinds), "limit": len(taken_back) + 1},
            ).all()
        return next((_batch(row) for row in rows if row.id not in taken_back), None)

    def tally(self, dataset_id: str) -> dict[str, tuple[int, int]]:
        """`{annotator: (clips labelled, actions)}`; undone actions count too, because they were work."""
        with self.store.read() as connection:
            rows = connection.execute(
                text(
                    "SELECT annotator, sum(size) AS clips, count(*) AS actions FROM batches "
                    "WHERE dataset_id = :d AND kind = 'label' GROUP BY annotator"
                ),
                {"d": dataset_id},
            ).all()
        return {row.annotator: (int(row.clips), int(row.actions)) for row in rows}

    def newest_import(self, dataset_id: str) -> int:
        """The id of the newest batch of labels that came with a table; 0 before the first."""
        with self.store.read() as connection:
            query = text("SELECT coalesce(max(id), 0) FROM batches WHERE dataset_id = :d AND kind = 'import'")
            return int(connection.execute(query, {"d": dataset_id}).scalar_one())

    def imported_labels(self, dataset_id: str, size: int) -> list[str]:
        """The newest label from a table of each of the first `size` clips, empty for none; undone ones count too."""
        query = (
            "SELECT a.position, l.name FROM annotations a JOIN batches b ON b.id = a.batch_id JOIN labels l "
            "ON l.dataset_id = b.dataset_id AND l.code = a.code WHERE b.dataset_id = :d AND b.kind = 'import' "
            "AND a.verdict = 'yes' AND a.position < :size ORDER BY b.revision, b.id"
        )
        labels = [""] * size
        with self.store.read() as connection:
            for position, name in connection.execute(text(query), {"d": dataset_id, "size": size}):
                labels[position] = name
        return labels

    def imported_subsets(self, dataset_id: str, size: int) -> NDArray[np.int8]:
        """Where a table put each of the first `size` clips last, also if undone; as in `SUBSETS`. [shape=(size,)]"""
        came = text("SELECT position, subset FROM clips WHERE dataset_id = :d AND position < :size")
        moved = text(
            "SELECT m.position, m.subset FROM moves m JOIN batches b ON b.id = m.batch_id WHERE b.dataset_id = :d "
            "AND b.kind = 'move' AND b.note = 'table' AND m.position < :size ORDER BY b.revision, b.id"
        )
        subsets = np.zeros(size, np.int8)
        with self.store.read() as connection:
            for query in (came, moved):
                for position, subset in connection.execute(query, {"d": dataset_id, "size": size}):
                    subsets[position] = subset
        return subsets

    def people(self, dataset_id: str) -> tuple[str, ...]:
        """The names of all annotators, also of imported labels, in the order of their first batch."""
        with self.store.read() as connection:
            rows = connection.execute(
                text("SELECT annotator FROM batches WHERE dataset_id = :d GROUP BY annotator ORDER BY min(id)"),
                {"d": dataset_id},
            )
            return tuple(str(name) for name in rows.scalars())

    def sources(self, dataset_id: str, batch_ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
        """`{batch: (annotator, time, how)}` of the batches among `batch_ids` that exist."""
        ids = set(batch_ids)
        with self.store.read() as connection:
            rows = connection.execute(
                text("SELECT id, annotator, at, how FROM batches WHERE dataset_id = :d"), {"d": dataset_id}
            ).all()
        return {row.id: (row.annotator, row.at, row.how) for row in rows if row.id in ids}

    def _keep(self, dataset_id: str, state: State) -> None:
        with self._lock:
            cached = self._states.get(dataset_id)
            if cached is None or cached.revision < state.revision:
                self._states[dataset_id] = state
            self._states.move_to_end(dataset_id)
            while len(self._states) > _KEPT_STATES:
                self._states.popitem(last=False)
        with self._news:
            self._news.notify_all()


def _batch(row: Any, *, undone: bool = False) -> Batch:
    at = datetime.fromisoformat(row.at)
    return Batch(row.id, row.revision, row.token, row.annotator, at, row.how, row.kind, row.note, row.size, undone)


__all__ = ["Entry", "Journal", "Transaction", "WriteResult", "add_labels", "distinct"]
