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
_WORDS: Final = [verdict.value for verdict in Verdict]  # plain strings: database drivers treat an Enum differently


@dataclass
class Entry:
    """Annotations for an action to append: one verdict on one label for many clips. [positions: shape=(n,), int64]"""

    positions: Positions
    label: str
    verdict: str = "yes"
    source: tuple[str, str, str] | None = (
        None  # annotator, time and way of an imported label; None: the ones of this action
    )


@dataclass(frozen=True)
class WriteResult:
    """The result of an action.

    Attributes
    ----------
    batch_id : the batch that was appended; None if nothing changed
    changed, left : how many clips were changed, and how many left as they are
    revision : of the dataset after the action
    repeated : the token was used before; nothing was written now
    """

    batch_id: int | None
    changed: int
    left: int
    revision: int
    repeated: bool = False


class Transaction:
    """A write under way, which holds the lock of the dataset.

    `state` is the dataset's state with the changes of this write so far; `view` is the blind view of the annotator, or
    None if they are not blind. Code that writes by `connection` alone sets `wrote`.
    """

    def __init__(
        self,
        connection: Connection,
        dataset_id: str,
        annotator: str,
        revision: int,
        state: State,
        view: State | None = None,
    ) -> None:
        self.connection = connection
        self.dataset_id = dataset_id
        self.annotator = annotator
        self.revision = revision
        self.state = state
        self.view = view
        self.wrote = False

    def take_in_new(self) -> None:
        """Bring `state` forward by clips and labels that were just added by `connection`."""
        self.wrote = True
        self.state = with_new_clips(self.connection, self.dataset_id, self.state)

    def annotate(
        self, entries: Sequence[Entry], *, how: str, token: str, kind: str = "label", note: str = ""
    ) -> WriteResult:
        """Append one batch of annotations. A clip has one label: a new yes withdraws the old one in the same batch.

        A clip that has the label already is left alone; in a blind write, only if the annotator gave it themselves.
        A second call with the same `token` writes nothing.

        Raises
        ------
        Refused
            A label is empty, too long or not in normal form, a verdict or a way of labelling is unknown, a position is
            no clip, or a clip occurs in two entries.
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
        view = self.view or state
        codes = {name: code for code, name in enumerate(state.names)}
        unchanged = 0
        pending: list[tuple[Entry, Positions]] = []
        for entry in entries:
            positions = distinct(entry.positions)
            if entry.verdict == "yes":
                code = view.code(entry.label)
                differs = view.label[positions] != (code if code >= 0 else UNLABELLED - 1)
                unchanged += int(len(positions) - differs.sum())
                positions = positions[differs]
            if len(positions):
                pending.append((entry, positions))
        if not pending:
            return WriteResult(None, 0, unchanged, self.revision - 1)
        if any(entry.label not in codes for entry, _ in pending):
            codes = add_labels(self.connection, self.dataset_id, [entry.label for entry, _ in pending])
            self.state = state = replace(state, names=tuple(sorted(codes, key=lambda name: codes[name])))
        batch_id = self._open_batch(token, how=how, kind=kind, note=note)
        sources: dict[tuple[str, str, str], int] = {}
        events = _Columns()
        for entry, positions in pending:
            code, verdict = codes[entry.label], Verdict(entry.verdict)
            source = batch_id
            if entry.source is not None:
                if entry.source not in sources:
                    by, at, way = entry.source
                    sources[entry.source] = self._open_batch(
                        f"{token}/{len(sources)}", by=by, at=at, how=way, kind="source"
                    )
                source = sources[entry.source]
            label_before, source_before = state.label[positions], state.source[positions]
            _, source_after = apply(label_before, source_before, int(ALONE[verdict.number]), code, source)
            # the label that this one replaces is withdrawn in everybody's log; the row keeps its source, so that undo
            # gives the label back to its annotator
            ends = (label_before >= 0) & (source_after != source_before)
            events.add(positions[ends], Verdict.WITHDRAWN, label_before[ends], source_before[ends])
            events.add(positions, verdict, code, source)
        return self._append(batch_id, unchanged, events.annotations())

    def clear(self, positions: Positions, *, how: str, token: str) -> WriteResult:
        """Append one batch that takes the labels of the clips at `positions` [shape=(n,), int64] away.

        Clips without a label are left alone. A blind annotator takes away only labels that they gave: where somebody
        else's label has replaced theirs since, it disappears from their own view alone.

        Raises
        ------
        Refused
            The way of labelling is unknown, or a position is no clip.
        """
        if how not in HOW:
            raise Refused(f"“{how}” is no way of labelling: use one of {', '.join(HOW)}")
        _check_positions(positions, self.state.size)
        earlier = self._earlier_write(token)
        if earlier is not None:
            return earlier
        state = self.state
        view = self.view or state
        unique = distinct(positions)
        positions = unique[view.label[unique] >= 0]
        unchanged = len(unique) - len(positions)
        if not len(positions):
            return WriteResult(None, 0, unchanged, self.revision - 1)
        batch_id = self._open_batch(token, how=how, kind="clear", note="no label")
        events = _Columns()
        ends = state.source[positions] == view.source[positions]
        current, replaced = positions[ends], positions[~ends]
        events.add(current, Verdict.WITHDRAWN, state.label[current], state.source[current])
        # somebody else's label is current there: these rows have an effect on the blind view alone
        events.add(replaced, Verdict.CLEARED, self._everybodys_codes(view)[view.label[replaced]], batch_id)
        return self._append(batch_id, unchanged, events.annotations())

    def move(
        self,
        moves: Sequence[tuple[Positions, str]],
        *,
        token: str,
        kind: str = "move",
        note: str = "",
        only_labelled_raw: bool = False,
    ) -> WriteResult:
        """Append one batch that moves clips to subsets; `moves` are pairs of positions [shape=(n,), int64] and subset.

        Clips that are in their subset already are left alone; with `only_labelled_raw`, so are clips without a label,
        or in another subset than raw. If a clip occurs in several moves, the last one counts.

        Raises
        ------
        Refused
            A position is no clip.
        """
        earlier = self._earlier_write(token)
        if earlier is not None:
            return earlier
        state = self.state
        changes = _Moves()
        unchanged = 0
        for positions, subset in moves:
            _check_positions(positions, state.size)
            target = SUBSETS.index(subset)
            unique = distinct(positions)
            to_move = state.subset[unique] != target
            if only_labelled_raw:
                to_move &= (state.label[unique] >= 0) & (state.subset[unique] == 0)
            unchanged += int(len(unique) - to_move.sum())
            changes.add(unique[to_move], target)
        if not changes.size:
            return WriteResult(None, 0, unchanged, self.revision - 1)
        batch_id = self._open_batch(token, kind=kind, note=note)
        position, subset_now = changes.arrays()
        source = np.full(len(position), batch_id, np.int64)
        return self._append(batch_id, unchanged, moves=(position, subset_now, source))

    def undo(self, batch_id: int, *, token: str, only_own: bool) -> WriteResult:
        """Append the inverse of a batch. Clips that were changed again since keep the newer change.

        A blind annotator takes their annotations back also where somebody else's label has replaced theirs since.

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
        total = len(np.unique(np.concatenate([position, batch.position])))
        if self.view is None:
            if not (len(inverse) or len(back[0])):
                return WriteResult(None, 0, total, self.revision - 1)
            result = self._append(self._open_undo(token, row), 0, inverse, back)
            return replace(result, left=total - result.changed)
        # in a blind write, the counts of the result are those of the annotator's own view
        n_changed, n_unchanged = self._change_in_view(self.view, batch, row.kind)
        n_changed, n_unchanged = n_changed + len(back[0]), n_unchanged + len(position) - len(back[0])
        if undone_before:
            return WriteResult(None, 0, n_changed + n_unchanged, self.revision - 1)
        result = self._append(self._open_undo(token, row), n_unchanged, inverse, back)
        self.connection.execute(
            text("UPDATE batches SET size = :n WHERE id = :id"), {"n": n_changed, "id": result.batch_id}
        )
        return replace(result, changed=n_changed)

    def _batch_row(self, batch_id: int, *, only_own: bool) -> Any:
        """The row of a batch that is to be undone; raises as `undo`."""
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

    def _change_in_view(self, view: State, batch: Annotations, kind: str) -> tuple[int, int]:
        """How many annotations of a batch its undo takes back in a blind view, and how many it leaves."""
        # a withdrawn label was the annotator's own only in a batch of kind `clear`
        own = (batch.verdict != Verdict.WITHDRAWN.number) | (kind == "clear")
        events = batch[(ALONE[batch.verdict] >= Effect.END) & own]
        current = still_current(events, self._everybodys_codes(view)[view.label], view.source, ALONE)
        return int(current.sum()), int((~current).sum())

    def _everybodys_codes(self, view: State) -> NDArray[np.int64]:
        """Everybody's code for each code of a blind view, and -1 at the end for no label. [shape=(labels + 1,)]"""
        code_of = {name: code for code, name in enumerate(self.state.names)}
        # a view has codes of its own, also for labels on offer that no clip has yet
        return np.array([*(code_of.get(name, UNLABELLED) for name in view.names), UNLABELLED], np.int64)

    def _append(
        self,
        batch_id: int,
        unchanged: int,
        annotations: Annotations | None = None,
        moves: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    ) -> WriteResult:
        """Write the rows of a batch and apply them to `state`."""
        self.wrote = True
        positions_written: list[Positions] = []
        state = writable(self.state)
        if annotations is not None and len(annotations):
            words = map(_WORDS.__getitem__, annotations.verdict.tolist())
            columns = [array.tolist() for array in (annotations.position, annotations.code, annotations.source)]
            rows = list(zip(repeat(batch_id), columns[0], columns[1], words, columns[2]))
            insert_tuples(self.connection, "annotations", _ANNOTATION, rows)
            ordered, batch = in_order(annotations, np.full(len(annotations), batch_id), EVERYBODY)
            replay_labels(state, ordered, batch, self.revision)
            positions_written.append(annotations.position)
        if moves is not None and len(moves[0]):
            position, subset, source = moves
            before = (self.state.subset[position], self.state.subset_source[position])
            columns = [array.tolist() for array in (position, subset, before[0], source, before[1])]
            insert_tuples(self.connection, "moves", _MOVE, list(zip(repeat(batch_id), *columns)))
            positions_written.append(position.astype(np.int64))
            fold_moves(state, position, subset, source, self.revision)
        self.state = state
        mask = np.zeros(self.state.size, bool)  # a mask counts a million positions faster than sorting them
        for positions in positions_written:
            mask[positions] = True
        changed = int(mask.sum())
        self.connection.execute(text("UPDATE batches SET size = :n WHERE id = :id"), {"n": changed, "id": batch_id})
        return WriteResult(batch_id, changed, unchanged, self.revision)

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
    """Give each new label name the next code; return `{name: code}` of all labels of the dataset."""
    rows_known = connection.execute(text("SELECT name, code FROM labels WHERE dataset_id = :d"), {"d": dataset_id})
    codes_before: dict[str, int] = {str(row.name): int(row.code) for row in rows_known}
    fresh = [name for name in dict.fromkeys(names) if name and name not in codes_before]
    codes = {name: len(codes_before) + number for number, name in enumerate(fresh)}
    insert(connection, "labels", [{"dataset_id": dataset_id, "code": c, "name": n} for n, c in codes.items()])
    return codes_before | codes


class _Columns:
    """Collects annotations as columns."""

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
    """Collects moves as columns; for a clip in several moves the last one counts."""

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
    """Positions in rising order, each once [shape=(n,), int64]; if they are so already, without a copy.

    Examples
    --------
    >>> distinct(np.array([3, 1, 3]))
    array([1, 3])
    """
    array = np.asarray(positions, np.int64)
    return array if len(array) < 2 or bool((array[1:] > array[:-1]).all()) else np.unique(array)


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
            raise Refused("a clip is in the batch twice: give each clip one label")


def _check_positions(positions: Positions, size: int) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= size):
        outside = int(positions.min() if positions.min() < 0 else positions.max())
        raise Refused(f"position {outside} is no clip: the dataset has {size}")
