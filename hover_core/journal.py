"""The log of a dataset and what is current in it.

Labels and subsets are never overwritten: every action appends a batch, undo appends the inverse of one. `State` is the
fold of the log at one revision, kept in memory as arrays in clip order and brought forward by what is new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.annotations import HOW, UNLABELLED, VERDICTS, WITHDRAWN, Batch, now
from hover_core.clips import SUBSETS
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.store import Store, insert

MAX_LABEL: Final = 200  # characters
_KEPT_STATES: Final = 8

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """What is current in a dataset at one revision; every array is in clip order. [shape=(n,)]"""

    revision: int
    label: NDArray[np.int32]  # code of the label, -1 for none
    source: NDArray[np.int64]  # the batch that says who gave the label, when and how; 0 for none
    label_batch: NDArray[np.int64]  # the batch that wrote it last
    subset: NDArray[np.int8]  # index into SUBSETS
    subset_batch: NDArray[np.int64]
    changed: NDArray[np.int64]  # revision of the last change of label or subset
    names: tuple[str, ...] = ()  # label names by code

    @property
    def size(self) -> int:
        """How many clips there are."""
        return len(self.label)

    def code(self, name: str) -> int:
        """The code of a label, or -1."""
        return self.names.index(name) if name in self.names else UNLABELLED

    def label_names(self, positions: Positions | None = None) -> NDArray[np.object_]:
        """The label of each clip as text, empty for none. [shape=(n,)]"""
        words = np.array([*self.names, ""], dtype=object)
        return words[self.label if positions is None else self.label[positions]]

    def counts(self) -> dict[str, int]:
        """How many clips carry each label, in the order of the labels' codes; all labels, also unused ones."""
        found = np.bincount(self.label[self.label >= 0], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True)}

    def population(self) -> dict[str, dict[str, int]]:
        """How many clips each label has in each subset; the empty label counts the unlabelled ones."""
        width = len(SUBSETS)
        flat = np.bincount((self.label + 1) * width + self.subset, minlength=(len(self.names) + 1) * width)
        table = flat.reshape(-1, width)
        names = ("", *self.names)
        return {name: dict(zip(SUBSETS, map(int, row), strict=True)) for name, row in zip(names, table, strict=True)}


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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, dataset_id: str) -> State:
        """What is current now."""
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

    def annotate(
        self,
        dataset_id: str,
        entries: Sequence[Entry],
        *,
        annotator: str,
        how: str,
        token: str,
        kind: str = "label",
        note: str = "",
    ) -> Written:
        """Append one batch of annotations; single-label: a new yes withdraws the old one in the same batch.

        A clip that carries the label already is left alone. The same `token` twice counts once.

        Raises
        ------
        Refused
            A label is empty or too long, a verdict or a way is unknown, or a position is no clip.
        """
        if how not in HOW:
            raise Refused(f"“{how}” is no way of labelling: use one of {', '.join(HOW)}")
        for entry in entries:
            _check_entry(entry)
        _check_disjoint(entries)
        with self.store.revise(dataset_id) as (connection, revision):
            earlier = _batch_with(connection, dataset_id, token)
            state = self._behind(connection, dataset_id, revision)
            if earlier is not None:
                _take_back(connection, dataset_id, revision)
                return Written(earlier.id, earlier.size, 0, revision - 1, repeated=True)
            batch_id = _open_batch(connection, dataset_id, revision, token, annotator, how, kind, note=note)
            codes = _codes(connection, dataset_id, state, [entry.label for entry in entries])
            rows: list[dict[str, Any]] = []
            left = 0
            sources: dict[tuple[str, str, str], int] = {}
            for entry in entries:
                _check_positions(entry.positions, state.size)
                code = codes[entry.label]
                source = batch_id
                if entry.source is not None:
                    if entry.source not in sources:
                        sources[entry.source] = _open_batch(
                            connection,
                            dataset_id,
                            revision,
                            f"{token}/{len(sources)}",
                            *entry.source[:1],
                            entry.source[2],
                            "source",
                            at=entry.source[1],
                        )
                    source = sources[entry.source]
                for position in np.unique(entry.positions).tolist():
                    held = int(state.label[position])
                    if held == code and entry.verdict == "yes":
                        left += 1
                        continue
                    # a yes for another label, or a no for this one, ends what is held; its source stays in the log
                    # so that undo can give the label back to whoever gave it
                    if held >= 0 and (entry.verdict == "yes" or held == code):
                        before = int(state.source[position])
                        rows.append(_row(batch_id, position, held, WITHDRAWN, before))
                    rows.append(_row(batch_id, position, code, entry.verdict, source))
            changed = len({row["position"] for row in rows})
            if not rows:
                connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": batch_id})
                _take_back(connection, dataset_id, revision)
                return Written(None, 0, left, revision - 1)
            insert(connection, "annotations", rows)
            _close_batch(connection, batch_id, changed)
        return Written(batch_id, changed, left, revision)

    def move(
        self, dataset_id: str, moves: Sequence[tuple[Positions, str]], *, annotator: str, token: str, note: str = ""
    ) -> Written:
        """Append one batch that puts clips into subsets; clips that are there already are left alone."""
        with self.store.revise(dataset_id) as (connection, revision):
            earlier = _batch_with(connection, dataset_id, token)
            state = self._behind(connection, dataset_id, revision)
            if earlier is not None:
                _take_back(connection, dataset_id, revision)
                return Written(earlier.id, earlier.size, 0, revision - 1, repeated=True)
            rows: list[dict[str, Any]] = []
            left = 0
            for positions, subset in moves:
                _check_positions(positions, state.size)
                target = SUBSETS.index(subset)
                unique = np.unique(positions)
                moving = unique[state.subset[unique] != target]
                left += len(unique) - len(moving)
                before = state.subset[moving].tolist()
                rows += [
                    {"batch_id": 0, "position": p, "subset": target, "subset_before": b}
                    for p, b in zip(moving.tolist(), before, strict=True)
                ]
            if not rows:
                _take_back(connection, dataset_id, revision)
                return Written(None, 0, left, revision - 1)
            batch_id = _open_batch(connection, dataset_id, revision, token, annotator, "", "move", note=note)
            insert(connection, "moves", [{**row, "batch_id": batch_id} for row in rows])
            _close_batch(connection, batch_id, len(rows))
        return Written(batch_id, len(rows), left, revision)

    def undo(self, dataset_id: str, batch_id: int, *, annotator: str, token: str, only_own: bool) -> Written:
        """Append the inverse of a batch. Clips that were changed again since keep the newer change.

        Raises
        ------
        NotFound
            The dataset has no such batch.
        NotAllowed
            `only_own` and the batch is somebody else's.
        """
        with self.store.revise(dataset_id) as (connection, revision):
            earlier = _batch_with(connection, dataset_id, token)
            state = self._behind(connection, dataset_id, revision)
            if earlier is not None:
                _take_back(connection, dataset_id, revision)
                return Written(earlier.id, earlier.size, 0, revision - 1, repeated=True)
            found = connection.execute(
                text("SELECT * FROM batches WHERE id = :id AND dataset_id = :d AND kind <> 'source'"),
                {"id": batch_id, "d": dataset_id},
            ).one_or_none()
            if found is None:
                raise NotFound(f"there is no batch {batch_id} to undo")
            if only_own and found.annotator != annotator:
                raise NotAllowed(f"{annotator}: this was done by {found.annotator}; only they or the owner can undo it")
            undo_id = _open_batch(
                connection, dataset_id, revision, token, annotator, found.how, "undo", note=found.note, undoes=batch_id
            )
            events = connection.execute(
                text("SELECT position, code, verdict, source FROM annotations WHERE batch_id = :id"), {"id": batch_id}
            ).all()
            standing = [
                row for row in events if row.verdict in ("no", "unsure") or state.label_batch[row.position] == batch_id
            ]
            # taken back in the reverse order: first what the batch gave, then what it ended is given again
            inverse = [
                _row(undo_id, e.position, e.code, WITHDRAWN, e.source) for e in standing if e.verdict != WITHDRAWN
            ]
            inverse += [_row(undo_id, e.position, e.code, "yes", e.source) for e in standing if e.verdict == WITHDRAWN]
            insert(connection, "annotations", inverse)
            moved = connection.execute(
                text("SELECT position, subset, subset_before FROM moves WHERE batch_id = :id"), {"id": batch_id}
            ).all()
            back = [
                {"batch_id": undo_id, "position": m.position, "subset": m.subset_before, "subset_before": m.subset}
                for m in moved
                if state.subset_batch[m.position] == batch_id
            ]
            insert(connection, "moves", back)
            touched = {row.position for row in events} | {row.position for row in moved}
            changed = {row["position"] for row in inverse} | {row["position"] for row in back}
            if not changed:
                connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": undo_id})
                _take_back(connection, dataset_id, revision)
                return Written(None, 0, len(touched), revision - 1)
            _close_batch(connection, undo_id, len(changed))
        return Written(undo_id, len(changed), len(touched) - len(changed), revision)

    def batches(self, dataset_id: str, *, limit: int = 50, annotator: str | None = None) -> list[Batch]:
        """The newest batches first, of everybody or of one annotator."""
        query = """
            SELECT b.*, (SELECT count(*) FROM batches u WHERE u.undoes = b.id) AS undone
            FROM batches b WHERE dataset_id = :d AND kind <> 'source'
        """
        query += " AND annotator = :a" if annotator is not None else ""
        with self.store.read() as connection:
            rows = connection.execute(
                text(f"{query} ORDER BY revision DESC, id DESC LIMIT :limit"),
                {"d": dataset_id, "limit": limit, "a": annotator},
            ).all()
        return [_batch(row, undone=bool(row.undone)) for row in rows]

    def sources(self, dataset_id: str, batch_ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
        """`{batch: (annotator, time, how)}` for the batches that current labels come from."""
        wanted = set(batch_ids)
        with self.store.read() as connection:
            rows = connection.execute(
                text("SELECT id, annotator, at, how FROM batches WHERE dataset_id = :d"), {"d": dataset_id}
            ).all()
        return {row.id: (row.annotator, row.at, row.how) for row in rows if row.id in wanted}

    def _behind(self, connection: Connection, dataset_id: str, revision: int) -> State:
        """The state that a writer at `revision` builds on, read inside its own transaction."""
        return _advance(connection, dataset_id, self._states.get(dataset_id), revision - 1)

    def _keep(self, dataset_id: str, state: State) -> None:
        with self._lock:
            held = self._states.get(dataset_id)
            if held is None or held.revision < state.revision:
                self._states[dataset_id] = state
            self._states.move_to_end(dataset_id)
            while len(self._states) > _KEPT_STATES:
                self._states.popitem(last=False)


def add_labels(connection: Connection, dataset_id: str, names: Iterable[str]) -> dict[str, int]:
    """Give each new label name the next code; return the codes of all `names`."""
    rows_known = connection.execute(text("SELECT name, code FROM labels WHERE dataset_id = :d"), {"d": dataset_id})
    known: dict[str, int] = {str(row.name): int(row.code) for row in rows_known}
    fresh = [name for name in dict.fromkeys(names) if name and name not in known]
    codes = {name: len(known) + number for number, name in enumerate(fresh)}
    insert(connection, "labels", [{"dataset_id": dataset_id, "code": c, "name": n} for n, c in codes.items()])
    return known | codes


def _advance(connection: Connection, dataset_id: str, state: State | None, revision: int) -> State:
    """Bring a state forward to `revision` by the events that are new."""
    if state is not None and state.revision > revision:
        state = None
    state = state or _empty()
    if state.revision == revision:
        return state
    fresh = connection.execute(
        text("SELECT subset FROM clips WHERE dataset_id = :d AND position >= :n ORDER BY position"),
        {"d": dataset_id, "n": state.size},
    ).all()
    more = len(fresh)
    label = np.concatenate([state.label, np.full(more, UNLABELLED, np.int32)])
    source, label_batch, subset_batch = (
        np.concatenate([old, np.zeros(more, np.int64)]) for old in (state.source, state.label_batch, state.subset_batch)
    )
    subset = np.concatenate([state.subset, np.array([row.subset for row in fresh], np.int8)])
    changed = np.concatenate([state.changed, np.full(more, revision, np.int64)])
    span = {"d": dataset_id, "after": state.revision, "upto": revision}
    events = connection.execute(
        text(
            "SELECT a.position, a.code, a.verdict, a.source, a.batch_id, b.revision FROM annotations a JOIN batches b "
            "ON b.id = a.batch_id WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto "
            "ORDER BY b.revision, b.id"
        ),
        span,
    ).all()
    # within a batch what is withdrawn goes first, so that the order of its rows does not matter
    for withdrawn, batch in _by_batch(events):
        _fold(withdrawn, batch, label, source, label_batch, changed)
    moves = connection.execute(
        text(
            "SELECT m.position, m.subset, m.batch_id, b.revision FROM moves m JOIN batches b ON b.id = m.batch_id "
            "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto ORDER BY b.revision, b.id"
        ),
        span,
    ).all()
    for move in moves:
        subset[move.position] = move.subset
        subset_batch[move.position] = move.batch_id
        changed[move.position] = move.revision
    rows = connection.execute(text("SELECT name FROM labels WHERE dataset_id = :d ORDER BY code"), {"d": dataset_id})
    names = tuple(row.name for row in rows)
    return replace(
        state,
        revision=revision,
        label=label,
        source=source,
        label_batch=label_batch,
        subset=subset,
        subset_batch=subset_batch,
        changed=changed,
        names=names,
    )


def _by_batch(events: Sequence[Any]) -> Iterable[tuple[list[Any], list[Any]]]:
    batch: list[Any] = []
    withdrawn: list[Any] = []
    for number, row in enumerate(events):
        (withdrawn if row.verdict == WITHDRAWN else batch).append(row)
        if number + 1 == len(events) or events[number + 1].batch_id != row.batch_id:
            yield withdrawn, batch
            batch, withdrawn = [], []


def _fold(
    withdrawn: list[Any],
    given: list[Any],
    label: NDArray[np.int32],
    source: NDArray[np.int64],
    label_batch: NDArray[np.int64],
    changed: NDArray[np.int64],
) -> None:
    for row in withdrawn:
        if label[row.position] == row.code:
            label[row.position], source[row.position] = UNLABELLED, 0
        label_batch[row.position], changed[row.position] = row.batch_id, row.revision
    for row in given:
        if row.verdict == "yes":
            label[row.position], source[row.position] = row.code, row.source
            label_batch[row.position], changed[row.position] = row.batch_id, row.revision


def _empty() -> State:
    wide = np.zeros(0, np.int64)
    return State(-1, np.zeros(0, np.int32), wide, wide, np.zeros(0, np.int8), wide, wide)


def _check_entry(entry: Entry) -> None:
    if not entry.label.strip():
        raise Refused("a label needs a name: nothing was written")
    if len(entry.label) > MAX_LABEL:
        raise Refused(f"the label “{entry.label[:30]}…” has {len(entry.label)} characters: {MAX_LABEL} are allowed")
    if any(ord(character) < 32 for character in entry.label):
        raise Refused(f"the label {entry.label!r} holds a control character: take it out")
    if entry.verdict not in VERDICTS:
        raise Refused(f"“{entry.verdict}” is no verdict: use one of {', '.join(VERDICTS)}")


def _check_disjoint(entries: Sequence[Entry]) -> None:
    if len(entries) > 1:
        together = np.concatenate([np.unique(entry.positions) for entry in entries])
        if len(np.unique(together)) < len(together):
            raise Refused("a clip stands in the batch twice: give each clip one label")


def _check_positions(positions: Positions, size: int) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= size):
        raise Refused(f"position {int(positions.max())} is no clip: the dataset has {size}")


def _codes(connection: Connection, dataset_id: str, state: State, labels: Sequence[str]) -> dict[str, int]:
    if all(label in state.names for label in labels):
        return {label: state.names.index(label) for label in labels}
    return add_labels(connection, dataset_id, labels)


def _row(batch_id: int, position: int, code: int, verdict: str, source: int) -> dict[str, Any]:
    return {"batch_id": batch_id, "position": position, "code": code, "verdict": verdict, "source": source}


def _open_batch(
    connection: Connection,
    dataset_id: str,
    revision: int,
    token: str,
    annotator: str,
    how: str,
    kind: str,
    *,
    at: str = "",
    note: str = "",
    undoes: int | None = None,
) -> int:
    return int(
        connection.execute(
            text(
                "INSERT INTO batches (dataset_id, revision, token, annotator, at, how, kind, note, undoes) "
                "VALUES (:d, :r, :t, :a, :at, :how, :kind, :note, :undoes) RETURNING id"
            ),
            {
                "d": dataset_id,
                "r": revision,
                "t": token,
                "a": annotator,
                "at": at or now(),
                "how": how,
                "kind": kind,
                "note": note,
                "undoes": undoes,
            },
        ).scalar_one()
    )


def _close_batch(connection: Connection, batch_id: int, size: int) -> None:
    connection.execute(text("UPDATE batches SET size = :n WHERE id = :id"), {"n": size, "id": batch_id})


def _batch_with(connection: Connection, dataset_id: str, token: str) -> Batch | None:
    row = connection.execute(text("SELECT * FROM batches WHERE token = :t"), {"t": token}).one_or_none()
    if row is None:
        return None
    if row.dataset_id != dataset_id:
        raise Refused(f"the token {token[:12]}… belongs to another dataset: make a new one for each action")
    return _batch(row)


def _batch(row: Any, *, undone: bool = False) -> Batch:
    at = datetime.fromisoformat(row.at)
    return Batch(row.id, row.revision, row.token, row.annotator, at, row.how, row.kind, row.note, row.size, undone)


def _take_back(connection: Connection, dataset_id: str, revision: int) -> None:
    """Nothing was written: the revision stays dense. The row is locked by us, so nobody saw the higher number."""
    connection.execute(text("UPDATE datasets SET revision = :r WHERE id = :id"), {"r": revision - 1, "id": dataset_id})
