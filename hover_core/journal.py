"""The log of a dataset and what is current in it.

Labels and subsets are never overwritten: every action appends a batch, undo appends the inverse of one. `State` is the
fold of the log at one revision, kept in memory as arrays in clip order and brought forward by what is new. Who works
blind has a fold of their own (`hover_core.views`); what they write is in everybody's as well.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, text

from hover_core.annotations import HOW, INVERSE, UNLABELLED, VERDICTS, Batch, label_named, now
from hover_core.clips import SUBSETS
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.state import State
from hover_core.store import Store, insert, insert_tuples
from hover_core.views import view_of

_KEPT_STATES: Final = 8
_KEPT_VIEWS: Final = 32
_ANNOTATION: Final = ("batch_id", "position", "code", "verdict", "source")
_MOVE: Final = ("batch_id", "position", "subset", "subset_before", "source", "source_before")

Positions = NDArray[np.int64]


@dataclass
class Entry:
    """Annotations that one action is about to append: the same verdict on one label for many clips."""

    positions: Positions
    label: str
    verdict: str = "yes"
    source: tuple[str, str, str] | None = None  # annotator, time, how: kept from an import


@dataclass(frozen=True)
class Written:
    """What an action did: its batch (None if nothing changed) and how many clips it changed or left alone."""

    batch_id: int | None
    changed: int
    left: int
    revision: int
    repeated: bool = False


@dataclass
class Journal:
    """Reads and appends to the logs of a store. One in a process; safe for threads."""

    store: Store
    _states: OrderedDict[str, State] = field(default_factory=OrderedDict)
    _views: OrderedDict[tuple[str, str], State] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def await_news(self, dataset_id: str, after: int, seconds: float) -> None:
        """Return when this process has written a revision newer than `after`, or when `seconds` are over."""

        def come() -> bool:
            kept = self._states.get(dataset_id)
            return kept is not None and kept.revision > after

        with self._news:
            self._news.wait_for(come, seconds)

    def state(self, dataset_id: str, view: str = "") -> State:
        """What is current now, for everybody or in the `view` of one annotator who works blind."""
        everybody = self._everybody(dataset_id)
        if not view:
            return everybody
        kept = self._views.get((dataset_id, view))
        if kept is not None and kept.revision == everybody.revision:
            return kept
        with self.store.read() as connection:
            state = view_of(connection, dataset_id, view, everybody, kept)
        with self._lock:
            self._views[(dataset_id, view)] = state
            self._views.move_to_end((dataset_id, view))
            while len(self._views) > _KEPT_VIEWS:
                self._views.popitem(last=False)
        return state

    def _everybody(self, dataset_id: str) -> State:
        kept = self._states.get(dataset_id)
        with self.store.read() as connection:
            found = connection.execute(
                text("SELECT revision FROM datasets WHERE id = :id"), {"id": dataset_id}
            ).scalar()
            if found is None:
                raise NotFound(f"there is no dataset {dataset_id}")
            if kept is not None and kept.revision == found:
                return kept
            state = _advance(connection, dataset_id, kept, found)
        self._keep(dataset_id, state)
        return state

    @contextmanager
    def action(self, dataset_id: str, annotator: str, *, blind: bool = False) -> Iterator[Action]:
        """One write to a dataset, all or nothing; what is done in the block has one revision.

        `blind`: what the annotator is told, and what counts as changed, follows from their own annotations alone.

        If nothing was written, the revision is taken back, so that the order of revisions stays dense.
        """
        with self.store.revise(dataset_id) as (connection, revision):
            state = _advance(connection, dataset_id, self._states.get(dataset_id), revision - 1)
            seen = None
            if blind:
                seen = view_of(connection, dataset_id, annotator, state, self._views.get((dataset_id, annotator)))
            action = Action(connection, dataset_id, annotator, revision, state, seen)
            yield action
            if not action.wrote:
                # the row is locked by us, so nobody has seen the higher number
                connection.execute(
                    text("UPDATE datasets SET revision = :r WHERE id = :id"), {"r": revision - 1, "id": dataset_id}
                )
        self._keep(dataset_id, replace(action.state, revision=revision) if action.wrote else state)

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
    ) -> Written:
        """Append one batch of annotations; see `Action.annotate`."""
        with self.action(dataset_id, annotator, blind=blind) as action:
            return action.annotate(entries, how=how, token=token, note=note)

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
    ) -> Written:
        """Append one batch that puts clips into subsets; see `Action.move`."""
        with self.action(dataset_id, annotator) as action:
            return action.move(moves, token=token, kind=kind, note=note, only_labelled_raw=only_labelled_raw)

    def undo(
        self, dataset_id: str, batch_id: int, *, annotator: str, token: str, only_own: bool, blind: bool = False
    ) -> Written:
        """Append the inverse of a batch; see `Action.undo`."""
        with self.action(dataset_id, annotator, blind=blind) as action:
            return action.undo(batch_id, token=token, only_own=only_own)

    def batches(self, dataset_id: str, *, limit: int = 50, annotator: str | None = None) -> list[Batch]:
        """The newest batches first, of everybody or of one annotator."""
        query = "SELECT * FROM batches WHERE dataset_id = :d AND kind <> 'source'"
        query += " AND annotator = :a" if annotator is not None else ""
        with self.store.read() as connection:
            rows = connection.execute(
                text(f"{query} ORDER BY revision DESC, id DESC LIMIT :limit"),
                {"d": dataset_id, "limit": limit, "a": annotator},
            ).all()
            undone = _undone(connection, dataset_id)
        return [_batch(row, undone=row.id in undone) for row in rows]

    def newest_standing(
        self, dataset_id: str, annotator: str, kinds: Sequence[str] = ("label", "move", "split", "import")
    ) -> Batch | None:
        """The newest action of an annotator that has not been undone, or None. An undo is no action here."""
        with self.store.read() as connection:
            undone = _undone(connection, dataset_id)
            rows = connection.execute(
                text(
                    "SELECT * FROM batches WHERE dataset_id = :d AND annotator = :a AND kind IN :kinds "
                    "ORDER BY revision DESC, id DESC LIMIT :limit"
                ).bindparams(bindparam("kinds", expanding=True)),
                {"d": dataset_id, "a": annotator, "kinds": list(kinds), "limit": len(undone) + 1},
            ).all()
        return next((_batch(row) for row in rows if row.id not in undone), None)

    def tally(self, dataset_id: str) -> dict[str, tuple[int, int]]:
        """`{annotator: (clips labelled, actions)}`, counting what was undone as well: it was work."""
        with self.store.read() as connection:
            rows = connection.execute(
                text(
                    "SELECT annotator, sum(size) AS clips, count(*) AS actions FROM batches "
                    "WHERE dataset_id = :d AND kind = 'label' GROUP BY annotator"
                ),
                {"d": dataset_id},
            ).all()
        return {row.annotator: (int(row.clips), int(row.actions)) for row in rows}

    def sources(self, dataset_id: str, batch_ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
        """`{batch: (annotator, time, how)}` for the batches that current labels come from."""
        wanted = set(batch_ids)
        with self.store.read() as connection:
            rows = connection.execute(
                text("SELECT id, annotator, at, how FROM batches WHERE dataset_id = :d"), {"d": dataset_id}
            ).all()
        return {row.id: (row.annotator, row.at, row.how) for row in rows if row.id in wanted}

    def _keep(self, dataset_id: str, state: State) -> None:
        with self._lock:
            held = self._states.get(dataset_id)
            if held is None or held.revision < state.revision:
                self._states[dataset_id] = state
            self._states.move_to_end(dataset_id)
            while len(self._states) > _KEPT_STATES:
                self._states.popitem(last=False)
        with self._news:
            self._news.notify_all()


class Action:
    """A write under way: the lock of the dataset is held, `state` is what it builds on and what it has made of it.

    `seen` is what the annotator sees of it, if they work blind. Whoever writes by `connection` alone sets
    `wrote`.
    """

    def __init__(
        self,
        connection: Connection,
        dataset_id: str,
        annotator: str,
        revision: int,
        state: State,
        seen: State | None = None,
    ) -> None:
        self.connection = connection
        self.dataset_id = dataset_id
        self.annotator = annotator
        self.revision = revision
        self.state = state
        self.seen = seen
        self.wrote = False

    def grown(self) -> None:
        """Take in clips and labels that this action has just added by `connection`."""
        self.wrote = True
        self.state = _grown(self.connection, self.dataset_id, self.state)

    def annotate(
        self, entries: Sequence[Entry], *, how: str, token: str, kind: str = "label", note: str = ""
    ) -> Written:
        """Append one batch of annotations; single-label: a new yes withdraws the old one in the same batch.

        A clip that carries the label already is left alone; for whoever works blind, only if they gave it themselves.
        The same `token` twice counts once.

        Raises
        ------
        Refused
            A label is empty or too long, a verdict or a way is unknown, or a position is no clip.
        """
        if how not in HOW:
            raise Refused(f"“{how}” is no way of labelling: use one of {', '.join(HOW)}")
        for entry in entries:
            _check_entry(entry)
            _check_positions(entry.positions, self.state.size)
        _check_disjoint(entries)
        earlier = self._repeated(token)
        if earlier is not None:
            return earlier
        state = self.state
        seen = self.seen or state
        codes = {name: code for code, name in enumerate(state.names)}
        left = 0
        fresh: list[tuple[Entry, Positions]] = []
        for entry in entries:
            positions = distinct(entry.positions)
            if entry.verdict == "yes":
                code = seen.code(entry.label)
                changing = seen.label[positions] != (code if code >= 0 else UNLABELLED - 1)
                left += int(len(positions) - changing.sum())
                positions = positions[changing]
            if len(positions):
                fresh.append((entry, positions))
        if not fresh:
            return Written(None, 0, left, self.revision - 1)
        if any(entry.label not in codes for entry, _ in fresh):
            codes = add_labels(self.connection, self.dataset_id, [entry.label for entry, _ in fresh])
            self.state = state = replace(state, names=tuple(sorted(codes, key=lambda name: codes[name])))
        batch_id = self._open_batch(token, how=how, kind=kind, note=note)
        sources: dict[tuple[str, str, str], int] = {}
        ended, given, other = _Events(batch_id), _Events(batch_id), _Events(batch_id)
        for entry, positions in fresh:
            code = codes[entry.label]
            source = batch_id
            if entry.source is not None:
                if entry.source not in sources:
                    by, at, way = entry.source
                    sources[entry.source] = self._open_batch(
                        f"{token}/{len(sources)}", by=by, at=at, how=way, kind="source"
                    )
                source = sources[entry.source]
            held = state.label[positions]
            # a yes for another label, or a no for this one, ends what is held; its source stays in the log
            # so that undo can give the label back to whoever gave it
            ends = {"yes": held >= 0, "no": held == code, "unsure": np.zeros(len(held), bool)}[entry.verdict]
            ended.add(positions[ends], held[ends], INVERSE["yes"], state.source[positions[ends]])
            (given if entry.verdict == "yes" else other).add(positions, code, entry.verdict, source)
        return self._append(batch_id, left, ended, given, other)

    def move(
        self,
        moves: Sequence[tuple[Positions, str]],
        *,
        token: str,
        kind: str = "move",
        note: str = "",
        only_labelled_raw: bool = False,
    ) -> Written:
        """Append one batch that puts clips into subsets; clips that are there already are left alone.

        With `only_labelled_raw` all others are left alone as well.
        """
        earlier = self._repeated(token)
        if earlier is not None:
            return earlier
        state = self.state
        changes = _Moves()
        left = 0
        for positions, subset in moves:
            _check_positions(positions, state.size)
            target = SUBSETS.index(subset)
            unique = distinct(positions)
            moving = state.subset[unique] != target
            if only_labelled_raw:
                moving &= (state.label[unique] >= 0) & (state.subset[unique] == 0)
            left += int(len(unique) - moving.sum())
            changes.add(unique[moving], target)
        if not changes.size:
            return Written(None, 0, left, self.revision - 1)
        batch_id = self._open_batch(token, kind=kind, note=note)
        position, subset_now = changes.arrays()
        source = np.full(len(position), batch_id, np.int64)
        return self._append(batch_id, left, moved=(position, subset_now, source))

    def undo(self, batch_id: int, *, token: str, only_own: bool) -> Written:
        """Append the inverse of a batch. Clips that are not as the batch left them keep the newer change.

        Whoever works blind takes their annotations back also where somebody else's has taken their place since.

        Raises
        ------
        NotFound
            The dataset has no such batch.
        NotAllowed
            `only_own` and the batch is somebody else's.
        """
        earlier = self._repeated(token)
        if earlier is not None:
            return earlier
        found = self.connection.execute(
            text("SELECT * FROM batches WHERE id = :id AND dataset_id = :d AND kind <> 'source'"),
            {"id": batch_id, "d": self.dataset_id},
        ).one_or_none()
        if found is None:
            raise NotFound(f"there is no batch {batch_id} to undo")
        if only_own and found.annotator != self.annotator:
            raise NotAllowed(
                f"{self.annotator}: this was done by {found.annotator}; only they or the owner can undo it"
            )
        events = {
            verdict: _read(
                self.connection,
                "SELECT position, code, source FROM annotations WHERE batch_id = :id AND verdict = :verdict",
                {"id": batch_id, "verdict": verdict},
                3,
            )
            for verdict in INVERSE
        }
        moved = _read(
            self.connection,
            "SELECT position, subset, source, subset_before, source_before FROM moves WHERE batch_id = :id",
            {"id": batch_id},
            5,
        )
        touched = len(np.unique(np.concatenate([moved[0], *(found[0] for found in events.values())])))
        standing = self._as_left(events["yes"], events[INVERSE["yes"]])
        undo_id = self._open_batch(token, how=found.how, kind="undo", note=found.note, undoes=batch_id)
        ended, given, other = _Events(undo_id), _Events(undo_id), _Events(undo_id)
        for verdict, into in (("yes", ended), (INVERSE["yes"], given)):
            positions, codes, sources = events[verdict]
            stands = standing[positions]
            into.add(positions[stands], codes[stands], INVERSE[verdict], sources[stands])
        if batch_id not in _undone(self.connection, self.dataset_id, but=undo_id):
            for verdict in ("no", "unsure", INVERSE["no"], INVERSE["unsure"]):
                positions, codes, sources = events[verdict]
                other.add(positions, codes, INVERSE[verdict], sources)
        position, subset, source, subset_before, source_before = moved
        stands = (self.state.subset[position] == subset) & (self.state.subset_source[position] == source)
        back = (position[stands], subset_before[stands], source_before[stands])
        nothing = not (len(back[0]) or ended.size or given.size or other.size)
        if self.seen is not None:
            return self._undo_unseen(batch_id, undo_id, events["yes"], nothing, ended, given, other)
        if nothing:
            self.connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": undo_id})
            return Written(None, 0, touched, self.revision - 1)
        written = self._append(undo_id, 0, ended, given, other, moved=back)
        return replace(written, left=touched - written.changed)

    def _undo_unseen(
        self,
        batch_id: int,
        undo_id: int,
        yes: Sequence[Positions],
        nothing: bool,
        ended: _Events,
        given: _Events,
        other: _Events,
    ) -> Written:
        """The end of an undo by somebody who works blind: it counts, and says, what changes in their own view."""
        assert self.seen is not None
        mine = self.seen.source[yes[0]] == yes[2]
        changed, left = int(mine.sum()), int((~mine).sum())
        if batch_id in _undone(self.connection, self.dataset_id, but=undo_id):
            self.connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": undo_id})
            return Written(None, 0, len(yes[0]), self.revision - 1)
        self.wrote = True
        if not nothing:
            self._append(undo_id, 0, ended, given, other)
        self.connection.execute(text("UPDATE batches SET size = :n WHERE id = :id"), {"n": changed, "id": undo_id})
        return Written(undo_id, changed, left, self.revision)

    def _as_left(self, given: Sequence[Positions], ended: Sequence[Positions]) -> NDArray[np.bool_]:
        """Which clips carry what a batch left them with: the label that it gave, or none where it only ended one."""
        label = np.full(self.state.size, UNLABELLED - 1, np.int64)
        source = np.zeros(self.state.size, np.int64)
        label[ended[0]] = UNLABELLED
        label[given[0]], source[given[0]] = given[1], given[2]
        return (label == self.state.label) & (source == self.state.source)

    def _append(
        self,
        batch_id: int,
        left: int,
        ended: _Events | None = None,
        given: _Events | None = None,
        other: _Events | None = None,
        moved: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    ) -> Written:
        """Write the rows of a batch and make them part of the state."""
        self.wrote = True
        rows: list[tuple[Any, ...]] = []
        touched: list[Positions] = []
        state = _writable(self.state)
        for events in (ended, given, other):
            if events is not None and events.size:
                rows += events.rows()
                touched.append(events.positions())
        insert_tuples(self.connection, "annotations", _ANNOTATION, rows)
        for events, gives in ((ended, False), (given, True)):
            if events is not None and events.size:
                positions, codes, sources = events.arrays()
                _fold_labels(state, positions, codes, sources, np.full(len(positions), gives), self.revision)
        if moved is not None and len(moved[0]):
            position, subset, source = moved
            before = (self.state.subset[position], self.state.subset_source[position])
            columns = [array.tolist() for array in (position, subset, before[0], source, before[1])]
            insert_tuples(self.connection, "moves", _MOVE, list(zip(repeat(batch_id), *columns)))
            touched.append(position.astype(np.int64))
            _fold_moves(state, position, subset, source, self.revision)
        self.state = state
        of = np.zeros(self.state.size, bool)  # a million positions are counted faster so than sorted
        for positions in touched:
            of[positions] = True
        changed = int(of.sum())
        self.connection.execute(text("UPDATE batches SET size = :n WHERE id = :id"), {"n": changed, "id": batch_id})
        return Written(batch_id, changed, left, self.revision)

    def _repeated(self, token: str) -> Written | None:
        row = self.connection.execute(text("SELECT * FROM batches WHERE token = :t"), {"t": token}).one_or_none()
        if row is None:
            return None
        if row.dataset_id != self.dataset_id:
            raise Refused(f"the token {token[:12]}… belongs to another dataset: make a new one for each action")
        return Written(row.id, row.size, 0, self.revision - 1, repeated=True)

    def _open_batch(
        self,
        token: str,
        *,
        kind: str,
        how: str = "",
        by: str = "",
        at: str = "",
        note: str = "",
        undoes: int | None = None,
    ) -> int:
        return int(
            self.connection.execute(
                text(
                    "INSERT INTO batches (dataset_id, revision, token, annotator, at, how, kind, note, undoes) "
                    "VALUES (:d, :r, :t, :a, :at, :how, :kind, :note, :undoes) RETURNING id"
                ),
                {
                    "d": self.dataset_id,
                    "r": self.revision,
                    "t": token,
                    "a": by or self.annotator,
                    "at": at or now(),
                    "how": how,
                    "kind": kind,
                    "note": note,
                    "undoes": undoes,
                },
            ).scalar_one()
        )


def add_labels(connection: Connection, dataset_id: str, names: Iterable[str]) -> dict[str, int]:
    """Give each new label name the next code; return the codes of all labels of the dataset."""
    rows_known = connection.execute(text("SELECT name, code FROM labels WHERE dataset_id = :d"), {"d": dataset_id})
    known: dict[str, int] = {str(row.name): int(row.code) for row in rows_known}
    fresh = [name for name in dict.fromkeys(names) if name and name not in known]
    codes = {name: len(known) + number for number, name in enumerate(fresh)}
    insert(connection, "labels", [{"dataset_id": dataset_id, "code": c, "name": n} for n, c in codes.items()])
    return known | codes


class _Events:
    """Rows of the table `annotations` of one batch, held as columns."""

    def __init__(self, batch_id: int) -> None:
        self._batch_id = batch_id
        self._parts: list[tuple[Positions, NDArray[Any], str, NDArray[Any]]] = []
        self.size = 0

    def add(self, positions: Positions, code: NDArray[Any] | int, verdict: str, source: NDArray[Any] | int) -> None:
        if len(positions):
            shape = positions.shape
            self._parts.append((positions, np.broadcast_to(code, shape), verdict, np.broadcast_to(source, shape)))
            self.size += len(positions)

    def positions(self) -> Positions:
        return np.concatenate([part[0] for part in self._parts])

    def arrays(self) -> tuple[Positions, NDArray[Any], NDArray[Any]]:
        positions, codes, _, sources = zip(*self._parts, strict=True)
        return np.concatenate(positions), np.concatenate(codes), np.concatenate(sources)

    def rows(self) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for positions, codes, verdict, sources in self._parts:
            columns = (positions.tolist(), codes.tolist(), repeat(verdict), sources.tolist())
            found += zip(repeat(self._batch_id), *columns)
        return found


class _Moves:
    """Which clips go where, held as columns; the last word on a clip counts."""

    def __init__(self) -> None:
        self._parts: list[tuple[Positions, NDArray[np.int64]]] = []
        self.size = 0

    def add(self, positions: Positions, subset: int) -> None:
        self._parts.append((positions, np.full(len(positions), subset, np.int64)))
        self.size += len(positions)

    def arrays(self) -> tuple[Positions, NDArray[np.int64]]:
        positions = np.concatenate([part[0] for part in self._parts])
        subsets = np.concatenate([part[1] for part in self._parts])
        unique, last = np.unique(positions[::-1], return_index=True)
        return unique, subsets[::-1][last]


def _advance(connection: Connection, dataset_id: str, state: State | None, revision: int) -> State:
    """Bring a state forward to `revision` by the clips and events that are new."""
    if state is not None and state.revision == revision:
        return state
    if state is None or state.revision > revision:
        state = _empty()
    after = state.revision
    state = _writable(_grown(connection, dataset_id, state))
    span = {"d": dataset_id, "after": after, "upto": revision}
    given, position, code, source, at = _read(
        connection,
        "SELECT CASE a.verdict WHEN 'yes' THEN 1 ELSE 0 END, a.position, a.code, a.source, b.revision "
        "FROM annotations a JOIN batches b ON b.id = a.batch_id WHERE b.dataset_id = :d AND b.revision > :after "
        "AND b.revision <= :upto AND a.verdict IN ('yes', 'withdrawn')",
        span,
        5,
    )
    # within a batch what is withdrawn goes first, so that the order of its rows does not matter
    order = np.lexsort((given, at))
    _fold_labels(state, position[order], code[order], source[order], given[order] == 1, at[order])
    position, subset, source, at = _read(
        connection,
        "SELECT m.position, m.subset, m.source, b.revision FROM moves m JOIN batches b ON b.id = m.batch_id "
        "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto",
        span,
        4,
    )
    order = np.argsort(at, kind="stable")
    _fold_moves(state, position[order], subset[order], source[order], at[order])
    return replace(state, revision=revision)


def _grown(connection: Connection, dataset_id: str, state: State) -> State:
    """A state with the clips and label names that the dataset has by now."""
    subset, came = _read(
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


def _fold_labels(
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


def _fold_moves(
    state: State, position: NDArray[Any], subset: NDArray[Any], source: NDArray[Any], revision: NDArray[Any] | int
) -> None:
    state.subset[position] = subset
    state.subset_source[position] = source
    state.subset_changed[position] = revision


def _writable(state: State) -> State:
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


def _read(connection: Connection, query: str, values: dict[str, Any], width: int) -> list[NDArray[np.int64]]:
    """The columns of a query whose cells are whole numbers."""
    rows = connection.execute(text(query), values).all()
    flat = np.fromiter(chain.from_iterable(rows), np.int64, count=len(rows) * width)
    return [np.ascontiguousarray(column) for column in flat.reshape(-1, width).T]


def _undone(connection: Connection, dataset_id: str, *, but: int = 0) -> set[int]:
    """The batches that are taken back by an undo which itself still stands; the undo `but` does not count."""
    rows = connection.execute(
        text("SELECT id, undoes FROM batches WHERE dataset_id = :d AND undoes IS NOT NULL ORDER BY id DESC"),
        {"d": dataset_id},
    )
    undone: set[int] = set()
    for row in rows:
        if row.id not in undone and row.id != but:
            undone.add(row.undoes)
    return undone


def distinct(positions: Positions) -> Positions:
    """Positions in rising order, each once. What is so already, as every selection, costs next to nothing."""
    found = np.asarray(positions, np.int64)
    return found if len(found) < 2 or bool((found[1:] > found[:-1]).all()) else np.unique(found)


def _check_entry(entry: Entry) -> None:
    if not entry.label.strip():
        raise Refused("a label needs a name: nothing was written")
    if label_named(entry.label) != entry.label:
        raise Refused(f"the label {entry.label!r} is not in normal form: see annotations.label_named")
    if entry.verdict not in VERDICTS:
        raise Refused(f"“{entry.verdict}” is no verdict: use one of {', '.join(VERDICTS)}")


def _check_disjoint(entries: Sequence[Entry]) -> None:
    if len(entries) > 1:
        together = np.concatenate([np.unique(entry.positions) for entry in entries])
        if len(np.unique(together)) < len(together):
            raise Refused("a clip stands in the batch twice: give each clip one label")


def _check_positions(positions: Positions, size: int) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= size):
        wrong = int(positions.min() if positions.min() < 0 else positions.max())
        raise Refused(f"position {wrong} is no clip: the dataset has {size}")


def _batch(row: Any, *, undone: bool = False) -> Batch:
    at = datetime.fromisoformat(row.at)
    return Batch(row.id, row.revision, row.token, row.annotator, at, row.how, row.kind, row.note, row.size, undone)
