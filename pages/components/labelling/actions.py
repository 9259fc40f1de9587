"""What a person does with a selection on Label: each function here is a button or a key.

All writes go through `do`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from hover_core.data.annotations import Batch
from hover_core.data.arrays import Positions
from hover_core.jobs import queue
from hover_core.store.transaction import WriteResult
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.labelling.state import LabellingState
from pages.components.text import count_of, plain

T = TypeVar("T")


def do(labelling: LabellingState, act: str, write: Callable[[Dataset, str], T], say: Callable[[T], None]) -> bool:
    """Write once, and say what was done; return whether it was written.

    `write` gets the dataset and the token of `act`, which is the same until a write with it has succeeded: a click
    that is retried counts once. `say` gets what `write` returned. A refusal is shown as a sentence.
    """

    def run(dataset: Dataset) -> None:
        outcome = write(dataset, session.token(act))
        session.spend(act)
        say(outcome)

    return labelling.attempt(run)


def apply(labelling: LabellingState, label: str) -> None:
    """Give the selection a label."""
    labelling.attempts += 1
    selection = labelling.selection
    if label and len(selection):
        _annotate(labelling, "label", selection.positions, label, how=selection.how, known="All {} were “{}” already.")


def patch(labelling: LabellingState, position: int, label: str) -> None:
    """Correct the label of one clip."""
    _annotate(labelling, "patch", np.array([position], np.int64), label, how="lasso")


def _annotate(
    labelling: LabellingState, act: str, positions: Positions, label: str, *, how: str, known: str = ""
) -> None:
    """Label some clips; `known` is what to say if all of them had the label."""

    def write(dataset: Dataset, token: str) -> tuple[WriteResult, str]:
        also = _near_duplicates(labelling, dataset, positions)
        return dataset.annotate(positions, label, how=how, near_duplicates=labelling.near_duplicates, token=token), also

    def say(outcome: tuple[WriteResult, str]) -> None:
        written, also = outcome
        if written.batch_id is None:
            labelling.message = known.format(f"{written.left:,}", plain(label))
            return
        labelling.record([written.batch_id], f"{written.changed:,} × “{label}”")
        clips = f"{written.changed:,}" if act == "label" else count_of(written.changed, "clip")
        labelling.message = f"Labelled {clips} as “{plain(label)}”{also}. {labelling.undo_hint}"

    do(labelling, act, write, say)


def _near_duplicates(labelling: LabellingState, dataset: Dataset, positions: Positions) -> str:
    """What to say of the near-duplicates that get the label as well."""
    groups = dataset.near_duplicates() if labelling.near_duplicates else None
    also = 0 if groups is None else len(groups.of(positions))
    return f", {count_of(also, 'near-duplicate')} among them" if also else ""


def clear_labels(labelling: LabellingState) -> None:
    """Leave the selection without labels."""
    selection = labelling.selection
    if not len(selection):
        return

    def write(dataset: Dataset, token: str) -> WriteResult:
        return dataset.clear(
            selection.positions, how=selection.how, near_duplicates=labelling.near_duplicates, token=token
        )

    def say(written: WriteResult) -> None:
        if written.batch_id is None:
            labelling.message = "None of these has a label."
            return
        labelling.record([written.batch_id], f"{written.changed:,} × “no label”")
        labelling.message = f"{count_of(written.changed, 'clip')} without a label now. {labelling.undo_hint}"

    do(labelling, "clear", write, say)


def commit(labelling: LabellingState, subset: str) -> None:
    """Move the labelled raw clips of the selection to another subset."""

    def write(dataset: Dataset, token: str) -> WriteResult:
        return dataset.commit(labelling.selection.positions, subset, token=token)

    def say(written: WriteResult) -> None:
        if written.batch_id is None:
            labelling.message = "None of these is a labelled raw clip any more: nothing was moved."
            return
        labelling.record([written.batch_id], f"{written.changed:,} moved to {subset}")
        labelling.message = f"Moved {count_of(written.changed, 'clip')} to {subset}. {labelling.undo_hint}"

    do(labelling, "commit", write, say)


def apply_kept(labelling: LabellingState, label: str) -> None:
    """Label the hits that were kept while they were played: as heard what was heard, the rest as found by search."""
    row = labelling.search.row if labelling.search is not None else None
    if row is None or not (label and row.kept):
        return
    outcomes: list[WriteResult] = []
    for how, wanted in (("heard", True), ("search", False)):
        positions = [position for position, heard in row.kept.items() if heard is wanted]
        if not positions:
            continue
        if not do(labelling, f"kept {how}", _annotation(labelling, positions, label, how), outcomes.append):
            break
        row.done.update(positions)
        for position in positions:
            del row.kept[position]
    changed = sum(written.changed for written in outcomes)
    batch_ids = [written.batch_id for written in outcomes if written.batch_id is not None]
    if batch_ids:
        labelling.record(batch_ids, f"{changed:,} × “{label}”")
        labelling.message = f"Labelled {changed:,} as “{plain(label)}”. {labelling.undo_hint}"
    elif not row.kept:
        labelling.message = f"All of them were “{plain(label)}” already."


def _annotation(
    labelling: LabellingState, positions: Sequence[int], label: str, how: str
) -> Callable[[Dataset, str], WriteResult]:
    def write(dataset: Dataset, token: str) -> WriteResult:
        return dataset.annotate(positions, label, how=how, near_duplicates=labelling.near_duplicates, token=token)

    return write


def undo(labelling: LabellingState) -> None:
    """Take back the newest act of this sitting; after a reload, this person's newest labels or move."""
    if not labelling.history:
        _undo_last(labelling)
        return
    batch_ids, note = labelling.history.pop()
    outcomes: list[WriteResult] = []
    for batch_id in reversed(batch_ids):
        if not do(labelling, f"undo {batch_id}", _inverse(batch_id), outcomes.append):
            return
    _say_undone(labelling, note, sum(written.left for written in outcomes))


def _inverse(batch_id: int) -> Callable[[Dataset, str], WriteResult]:
    return lambda dataset, token: dataset.undo(batch_id, token=token)


def _undo_last(labelling: LabellingState) -> None:
    def say(undone: tuple[Batch, WriteResult] | None) -> None:
        if undone is None:
            labelling.message = "There is nothing of yours left to undo here."
            return
        batch, written = undone
        _say_undone(labelling, f"{batch.size:,} × “{batch.note}”", written.left)

    do(
        labelling,
        "undo",
        lambda dataset, token: dataset.undo_last(kinds=("label", "clear", "move"), token=token),
        say,
    )


def _say_undone(labelling: LabellingState, note: str, left: int) -> None:
    stay = f" {left:,} have been changed again since and stay." if left else ""
    labelling.message = f"Taken back: {plain(note)}.{stay}"
    labelling.stale = True


def grow(labelling: LabellingState) -> None:
    """Add the clips nearest to what is selected, of those that the map shows."""
    selection = labelling.selection

    def add(dataset: Dataset) -> None:
        selection.add(dataset.near(selection.positions, labelling.grow_by, among=selection.passes))

    if len(selection):
        labelling.attempt(add)


def map_only(labelling: LabellingState) -> None:
    """Start a map of just the selection, a part of the map that is looked at."""

    def start(dataset: Dataset) -> None:
        trail = labelling.trail
        maps = trail.maps(dataset)
        if maps:
            trail.job_id = queue.start_part(dataset, labelling.selection.positions.tolist(), maps[trail.depth]).id

    labelling.attempt(start)
