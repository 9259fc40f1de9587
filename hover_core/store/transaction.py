"""One write to a log: annotations, moves and undos that are appended together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.data.annotations import HOW, UNLABELLED, label_named
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS
from hover_core.data.clock import now
from hover_core.data.names import clean, escape
from hover_core.data.verdicts import (
    ALONE,
    ANSWERS,
    EVERYBODY,
    Annotations,
    Effect,
    Verdict,
    apply,
    inverse_batch,
    still_current,
)
from hover_core.errors import NotAllowed, NotFound, Refused
from hover_core.store.database import insert, insert_tuples
from hover_core.store.replay import (
    fold_moves,
    in_order,
    numbers,
    replay_labels,
    undone,
    verdict_number,
    with_new_clips,
    writable,
)
from hover_core.store.state import State

_ANNOTATION: Final = ("batch_id", "position", "code", "verdict", "source")
_MOVE: Final = ("batch_id", "position", "subset", "subset_before", "source", "source_before")
_BATCH: Final = (
    f"SELECT a.position, {verdict_number(Verdict)}, a.code, a.source "  # noqa: S608 - our own words
    "FROM annotations a WHERE a.batch_id = :id"
)
_BATCH_MOVES: Final = "SELECT position, subset, source, subset_before, source_before FROM moves WHERE batch_id = :id"
_WORDS: Final = [verdict.value for verdict in Verdict]  # plain strings: drivers take other ways for an Enum


@dataclass
class Entry:
    """Annotations that one action is about to append: the same verdict on one label for many clips."""

    positions: Positions
    label: str
    verdict: str = "yes"
    source: tuple[str, str, str] | None = None  # annotator, time, how: kept from an import


@dataclass(frozen=True)
class WriteResult:
    """What an action did: its batch (None if nothing changed) and how many clips it changed or left alone."""

    batch_id: int | None
    changed: int
    left: int
    revision: int
    repeated: bool = False


class Transaction:
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

    def take_in_new(self) -> None:
        """Take in clips and labels that this action has just added by `connection`."""
        self.wrote = True
        self.state = with_new_clips(self.connection, self.dataset_id, self.state)

    def annotate(
        self, entries: Sequence[Entry], *, how: str, token: str, kind: str = "label", note: str = ""
    ) -> WriteResult:
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
        earlier = self._earlier_write(token)
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
            return WriteResult(None, 0, left, self.revision - 1)
        if any(entry.label not in codes for entry, _ in fresh):
            codes = add_labels(self.connection, self.dataset_id, [entry.label for entry, _ in fresh])
            self.state = state = replace(state, names=tuple(sorted(codes, key=lambda name: codes[name])))
        batch_id = self._open_batch(token, how=how, kind=kind, note=note)
        sources: dict[tuple[str, str, str], int] = {}
        events = _Columns()
        for entry, positions in fresh:
            code, verdict = codes[entry.label], Verdict(entry.verdict)
            source = batch_id
            if entry.source is not None:
                if entry.source not in sources:
                    by, at, way = entry.source
                    sources[entry.source] = self._open_batch(
                        f"{token}/{len(sources)}", by=by, at=at, how=way, kind="source"
                    )
                source = sources[entry.source]
            held, held_source = state.label[positions], state.source[positions]
            _, source_after = apply(held, held_source, int(ALONE[verdict.number]), code, source)
            # what this ends is withdrawn in everybody's log; its source stays there so that undo can give the label
            # back to whoever gave it
            ends = (held >= 0) & (source_after != held_source)
            events.add(positions[ends], Verdict.WITHDRAWN, held[ends], held_source[ends])
            events.add(positions, verdict, code, source)
        return self._append(batch_id, left, events.annotations())

    def clear(self, positions: Positions, *, how: str, token: str) -> WriteResult:
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
        earlier = self._earlier_write(token)
        if earlier is not None:
            return earlier
        state = self.state
        seen = self.seen or state
        asked = distinct(positions)
        positions = asked[seen.label[asked] >= 0]
        left = len(asked) - len(positions)
        if not len(positions):
            return WriteResult(None, 0, left, self.revision - 1)
        batch_id = self._open_batch(token, how=how, kind="clear", note="no label")
        events = _Columns()
        ends = state.source[positions] == seen.source[positions]
        ended, aside = positions[ends], positions[~ends]
        events.add(ended, Verdict.WITHDRAWN, state.label[ended], state.source[ended])
        # somebody else's label stands there: these rows are for the view alone
        events.add(aside, Verdict.CLEARED, self._everybodys_codes(seen)[seen.label[aside]], batch_id)
        return self._append(batch_id, left, events.annotations())

    def move(
        self,
        moves: Sequence[tuple[Positions, str]],
        *,
        token: str,
        kind: str = "move",
        note: str = "",
        only_labelled_raw: bool = False,
    ) -> WriteResult:
        """Append one batch that puts clips into subsets; clips that are there already are left alone.

        With `only_labelled_raw` all others are left alone as well.
        """
        earlier = self._earlier_write(token)
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
            return WriteResult(None, 0, left, self.revision - 1)
        batch_id = self._open_batch(token, kind=kind, note=note)
        position, subset_now = changes.arrays()
        source = np.full(len(position), batch_id, np.int64)
        return self._append(batch_id, left, moved=(position, subset_now, source))

    def undo(self, batch_id: int, *, token: str, only_own: bool) -> WriteResult:
        """Append the inverse of a batch. Clips that are not as the batch left them keep the newer change.

        Whoever works blind takes their annotations back also where somebody else's has taken their place since.

        Raises
        ------
        NotFound
            The dataset has no such batch.
        NotAllowed
            `only_own` and the batch is somebody else's.
        """
        earlier = self._earlier_write(token)
        if earlier is not None:
            return earlier
        row = self._batch_row(batch_id, only_own=only_own)
        batch = Annotations(*numbers(self.connection, _BATCH, {"id": batch_id}, 4))
        position, subset, source, subset_before, source_before = numbers(
            self.connection, _BATCH_MOVES, {"id": batch_id}, 5
        )
        undone_before = batch_id in undone(self.connection, self.dataset_id)
        inverse = inverse_batch(batch, self.state.label, self.state.source, undone=undone_before)
        stands = (self.state.subset[position] == subset) & (self.state.subset_source[position] == source)
        back = (position[stands], subset_before[stands], source_before[stands])
        touched = len(np.unique(np.concatenate([position, batch.position])))
        if self.seen is None:
            if not (len(inverse) or len(back[0])):
                return WriteResult(None, 0, touched, self.revision - 1)
            written = self._append(self._open_undo(token, row), 0, inverse, back)
            return replace(written, left=touched - written.changed)
        # for whoever works blind it counts, and says, what changes in their own view
        changed, left = self._change_in_view(self.seen, batch, row.kind)
        changed, left = changed + len(back[0]), left + len(position) - len(back[0])
        if undone_before:
            return WriteResult(None, 0, changed + left, self.revision - 1)
        written = self._append(self._open_undo(token, row), left, inverse, back)
        self.connection.execute(
            text("UPDATE batches SET size = :n WHERE id = :id"), {"n": changed, "id": written.batch_id}
        )
        return replace(written, changed=changed)

    def _batch_row(self, batch_id: int, *, only_own: bool) -> Any:
        """The row of a batch that is to be undone."""
        row = self.connection.execute(
            text("SELECT * FROM batches WHERE id = :id AND dataset_id = :d AND kind <> 'source'"),
            {"id": batch_id, "d": self.dataset_id},
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no batch {batch_id} to undo")
        if only_own and row.annotator != self.annotator:
            raise NotAllowed(f"{self.annotator}: this was done by {row.annotator}; only they or the owner can undo it")
        return row

    def _open_undo(self, token: str, row: Any) -> int:
        return self._open_batch(token, how=row.how, kind="undo", note=row.note, undoes=row.id)

    def _change_in_view(self, seen: State, batch: Annotations, kind: str) -> tuple[int, int]:
        """How many annotations of a batch its undo takes back, and leaves, in the view of a blind annotator."""
        # what is withdrawn for everybody was the annotator's own only where they cleared it
        own = (batch.verdict != Verdict.WITHDRAWN.number) | (kind == "clear")
        ended_or_given = batch[(ALONE[batch.verdict] >= Effect.END) & own]
        shows = still_current(ended_or_given, self._everybodys_codes(seen)[seen.label], seen.source, ALONE)
        return int(shows.sum()), int((~shows).sum())

    def _everybodys_codes(self, seen: State) -> NDArray[np.int64]:
        """The code that everybody has for each code of a view, and -1 at the end for no label."""
        code_of = {name: code for code, name in enumerate(self.state.names)}
        # a view has codes of its own, also of labels that were offered and that nobody gave yet
        return np.array([*(code_of.get(name, UNLABELLED) for name in seen.names), UNLABELLED], np.int64)

    def _append(
        self,
        batch_id: int,
        left: int,
        annotations: Annotations | None = None,
        moved: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    ) -> WriteResult:
        """Write the rows of a batch and make them part of the state."""
        self.wrote = True
        touched: list[Positions] = []
        state = writable(self.state)
        if annotations is not None and len(annotations):
            words = map(_WORDS.__getitem__, annotations.verdict.tolist())
            columns = [array.tolist() for array in (annotations.position, annotations.code, annotations.source)]
            rows = list(zip(repeat(batch_id), columns[0], columns[1], words, columns[2]))
            insert_tuples(self.connection, "annotations", _ANNOTATION, rows)
            counting, batch = in_order(annotations, np.full(len(annotations), batch_id), EVERYBODY)
            replay_labels(state, counting, batch, self.revision)
            touched.append(annotations.position)
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
        return WriteResult(batch_id, changed, left, self.revision)

    def _earlier_write(self, token: str) -> WriteResult | None:
        row = self.connection.execute(text("SELECT * FROM batches WHERE token = :t"), {"t": token}).one_or_none()
        if row is None:
            return None
        if row.dataset_id != self.dataset_id:
            raise Refused(f"the token {token[:12]}… belongs to another dataset: make a new one for each action")
        return WriteResult(row.id, row.size, 0, self.revision - 1, repeated=True)

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


class _Columns:
    """Annotations that are added stretch by stretch."""

    def __init__(self) -> None:
        self._parts: list[tuple[Positions, int, NDArray[Any], NDArray[Any]]] = []

    def add(self, positions: Positions, verdict: Verdict, code: NDArray[Any] | int, source: NDArray[Any] | int) -> None:
        shape = positions.shape
        self._parts.append((positions, verdict.number, np.broadcast_to(code, shape), np.broadcast_to(source, shape)))

    def annotations(self) -> Annotations:
        positions, verdicts, codes, sources = zip(*self._parts, strict=True)
        verdict = np.repeat(np.array(verdicts, np.int8), [len(part) for part in positions])
        return Annotations(np.concatenate(positions), verdict, np.concatenate(codes), np.concatenate(sources))


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
    if entry.verdict not in ANSWERS:
        raise Refused(f"“{entry.verdict}” is no verdict: use one of {', '.join(ANSWERS)}")


def _check_disjoint(entries: Sequence[Entry]) -> None:
    if len(entries) > 1:
        together = np.concatenate([np.unique(entry.positions) for entry in entries])
        if len(np.unique(together)) < len(together):
            raise Refused("a clip stands in the batch twice: give each clip one label")


def _check_positions(positions: Positions, size: int) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= size):
        wrong = int(positions.min() if positions.min() < 0 else positions.max())
        raise Refused(f"position {wrong} is no clip: the dataset has {size}")
