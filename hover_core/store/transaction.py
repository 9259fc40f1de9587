"""One write to a log: annotations, moves and undos that are appended together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.data.annotations import HOW, INVERSE, UNLABELLED, VERDICTS, label_named
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS
from hover_core.data.clock import now
from hover_core.data.names import clean, escape
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.store.database import insert, insert_tuples
from hover_core.store.replay import fold_labels, fold_moves, grown, numbers, undone, writable
from hover_core.store.state import State

_ANNOTATION: Final = ("batch_id", "position", "code", "verdict", "source")
_MOVE: Final = ("batch_id", "position", "subset", "subset_before", "source", "source_before")


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
        self.state = grown(self.connection, self.dataset_id, self.state)

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

    def clear(self, positions: Positions, *, how: str, token: str) -> Written:
        """Append one batch that leaves clips without a label; those that have none are left alone.

        Whoever works blind takes away what they gave themselves: where somebody else's label has taken its place
        since, it goes from their own view and from nobody else's.

        Raises
        ------
        Refused
            A way is unknown, or a position is no clip.
        """
        if how not in HOW:
            raise Refused(f"“{how}” is no way of labelling: use one of {', '.join(HOW)}")
        _check_positions(positions, self.state.size)
        earlier = self._repeated(token)
        if earlier is not None:
            return earlier
        state = self.state
        seen = self.seen or state
        asked = distinct(positions)
        positions = asked[seen.label[asked] >= 0]
        left = len(asked) - len(positions)
        if not len(positions):
            return Written(None, 0, left, self.revision - 1)
        batch_id = self._open_batch(token, how=how, kind="clear", note="no label")
        code_of = {name: code for code, name in enumerate(state.names)}
        # a view has codes of its own, also of labels that were offered and that nobody gave yet
        codes = np.array([code_of.get(name, UNLABELLED) for name in seen.names], np.int64)
        ended, cleared = _Events(batch_id), _Events(batch_id)
        ends = state.source[positions] == seen.source[positions]
        ended.add(positions[ends], state.label[positions[ends]], INVERSE["yes"], state.source[positions[ends]])
        aside = positions[~ends]  # somebody else's label stands there: this row is for the view alone
        cleared.add(aside, codes[seen.label[aside]], "cleared", batch_id)
        return self._append(batch_id, left, ended, None, cleared)

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
            verdict: numbers(
                self.connection,
                "SELECT position, code, source FROM annotations WHERE batch_id = :id AND verdict = :verdict",
                {"id": batch_id, "verdict": verdict},
                3,
            )
            for verdict in INVERSE
        }
        moved = numbers(
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
        if batch_id not in undone(self.connection, self.dataset_id, but=undo_id):
            for verdict in ("no", "unsure", "cleared", INVERSE["no"], INVERSE["unsure"], INVERSE["cleared"]):
                positions, codes, sources = events[verdict]
                other.add(positions, codes, INVERSE[verdict], sources)
        position, subset, source, subset_before, source_before = moved
        stands = (self.state.subset[position] == subset) & (self.state.subset_source[position] == source)
        back = (position[stands], subset_before[stands], source_before[stands])
        nothing = not (len(back[0]) or ended.size or given.size or other.size)
        if self.seen is not None:
            return self._undo_unseen(batch_id, found.kind, undo_id, events, nothing, ended, given, other)
        if nothing:
            self.connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": undo_id})
            return Written(None, 0, touched, self.revision - 1)
        written = self._append(undo_id, 0, ended, given, other, moved=back)
        return replace(written, left=touched - written.changed)

    def _undo_unseen(
        self,
        batch_id: int,
        kind: str,
        undo_id: int,
        events: dict[str, list[Positions]],
        nothing: bool,
        ended: _Events,
        given: _Events,
        other: _Events,
    ) -> Written:
        """The end of an undo by somebody who works blind: it counts, and says, what changes in their own view."""
        assert self.seen is not None
        yes, cleared = events["yes"], events["cleared"][0]
        if kind == "clear":
            cleared = np.concatenate([cleared, events[INVERSE["yes"]][0]])
        mine = np.concatenate([self.seen.source[yes[0]] == yes[2], self.seen.label[cleared] == UNLABELLED])
        changed, left = int(mine.sum()), int((~mine).sum())
        if batch_id in undone(self.connection, self.dataset_id, but=undo_id):
            self.connection.execute(text("DELETE FROM batches WHERE id = :id"), {"id": undo_id})
            return Written(None, 0, len(mine), self.revision - 1)
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
        state = writable(self.state)
        for events in (ended, given, other):
            if events is not None and events.size:
                rows += events.rows()
                touched.append(events.positions())
        insert_tuples(self.connection, "annotations", _ANNOTATION, rows)
        for events, gives in ((ended, False), (given, True)):
            if events is not None and events.size:
                positions, codes, sources = events.arrays()
                fold_labels(state, positions, codes, sources, np.full(len(positions), gives), self.revision)
        if moved is not None and len(moved[0]):
            position, subset, source = moved
            before = (self.state.subset[position], self.state.subset_source[position])
            columns = [array.tolist() for array in (position, subset, before[0], source, before[1])]
            insert_tuples(self.connection, "moves", _MOVE, list(zip(repeat(batch_id), *columns)))
            touched.append(position.astype(np.int64))
            fold_moves(state, position, subset, source, self.revision)
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
        annotator = by or self.annotator
        if clean(annotator) != annotator:
            raise Refused(f"the name “{escape(annotator)}” is not in normal form: see names.clean")
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
                    "a": annotator,
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
