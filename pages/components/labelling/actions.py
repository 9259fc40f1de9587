"""Actions on a selection on Label: each public function belongs to a button or a key.

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
    """Write once, then report it.

    Parameters
    ----------
    act
        The kind of action. Its token stays the same until a write has succeeded, so a retried click counts once.
    write
        Called with the dataset and the token of `act`.
    say
        Called with the result of `write`.

    Returns
    -------
    bool
        Whether it was written. If not, `labelling.problem` says why.
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
        _annotate(
            labelling, "label", selection.positions, label, how=selection.how, unchanged="All {} were “{}” already."
        )


def patch(labelling: LabellingState, position: int, label: str) -> None:
    """Correct the label of one clip."""
    _annotate(labelling, "patch", np.array([position], np.int64), label, how="lasso")


def _annotate(
    labelling: LabellingState, act: str, positions: Positions, label: str, *, how: str, unchanged: str = ""
) -> None:
    """Label some clips. `unchanged` is the message if all of them had the label already."""

    def write(dataset: Dataset, token: str) -> tuple[WriteResult, str]:
        also = _near_duplicates(labelling, dataset, positions)
        return dataset.annotate(positions, label, how=how, near_duplicates=labelling.near_duplicates, token=token), also

    def say(outcome: tuple[WriteResult, str]) -> None:
        result, also = outcome
        if result.batch_id is None:
            labelling.message = unchanged.format(f"{result.left:,}", plain(label))
            return
        labelling.record([result.batch_id], f"{result.changed:,} × “{label}”")
        clips = f"{result.changed:,}" if act == "label" else count_of(result.changed, "clip")
        labelling.message = f"Labelled {clips} as “{plain(label)}”{also}. {labelling.undo_hint}"

    do(labelling, act, write, say)


def _near_duplicates(labelling: LabellingState, dataset: Dataset, positions: Positions) -> str:
    """The part of the message about near-duplicates that get the label as well; empty if there are none."""
    groups = dataset.near_duplicates() if labelling.near_duplicates else None
    count = 0 if groups is None else len(groups.of(positions))
    return f", {count_of(count, 'near-duplicate')} among them" if count else ""


def clear_labels(labelling: LabellingState) -> None:
    """Remove the labels of the selection."""
    selection = labelling.selection
    if not len(selection):
        return

    def write(dataset: Dataset, token: str) -> WriteResult:
        return dataset.clear(
            selection.positions, how=selection.how, near_duplicates=labelling.near_duplicates, token=token
        )

    def say(result: WriteResult) -> None:
        if result.batch_id is None:
            labelling.message = "None of these has a label."
            return
        labelling.record([result.batch_id], f"{result.changed:,} × “no label”")
        labelling.message = f"Removed the label of {count_of(result.changed, 'clip')}. {labelling.undo_hint}"

    do(labelling, "clear", write, say)


def commit(labelling: LabellingState, subset: str) -> None:
    """Move the labelled raw clips of the selection to another subset."""

    def write(dataset: Dataset, token: str) -> WriteResult:
        return dataset.commit(labelling.selection.positions, subset, token=token)

    def say(result: WriteResult) -> None:
        if result.batch_id is None:
            labelling.message = "Nothing was moved: none of these clips is raw and labelled any more."
            return
        labelling.record([result.batch_id], f"{result.changed:,} moved to {subset}")
        labelling.message = f"Moved {count_of(result.changed, 'clip')} to {subset}. {labelling.undo_hint}"

    do(labelling, "commit", write, say)


def apply_kept(labelling: LabellingState, label: str) -> None:
    """Label the hits that were kept in the player: with how `heard` if they were heard, else with `search`."""
    row = labelling.search.row if labelling.search is not None else None
    if row is None or not (label and row.kept):
        return
    outcomes: list[WriteResult] = []
    for how, by_ear in (("heard", True), ("search", False)):
        positions = [position for position, heard in row.kept.items() if heard is by_ear]
        if not positions:
            continue
        if not do(labelling, f"kept {how}", _annotation(labelling, positions, label, how), outcomes.append):
            break
        row.done.update(positions)
        for position in positions:
            del row.kept[position]
    changed = sum(result.changed for result in outcomes)
    batch_ids = [result.batch_id for result in outcomes if result.batch_id is not None]
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
    """Undo the newest action of this tab; after a reload, this person's newest labels or move."""
    if not labelling.history:
        _undo_last(labelling)
        return
    batch_ids, note = labelling.history.pop()
    outcomes: list[WriteResult] = []
    for batch_id in reversed(batch_ids):
        if not do(labelling, f"undo {batch_id}", _inverse(batch_id), outcomes.append):
            return
    _say_undone(labelling, note, sum(result.left for result in outcomes))


def _inverse(batch_id: int) -> Callable[[Dataset, str], WriteResult]:
    return lambda dataset, token: dataset.undo(batch_id, token=token)


def _undo_last(labelling: LabellingState) -> None:
    def say(outcome: tuple[Batch, WriteResult] | None) -> None:
        if outcome is None:
            labelling.message = "You have nothing left to undo in this dataset."
            return
        batch, result = outcome
        _say_undone(labelling, f"{batch.size:,} × “{batch.note}”", result.left)

    do(
        labelling,
        "undo",
        lambda dataset, token: dataset.undo_last(kinds=("label", "clear", "move"), token=token),
        say,
    )


def _say_undone(labelling: LabellingState, note: str, remaining: int) -> None:
    rest = f" {remaining:,} have been changed again since then and stay." if remaining else ""
    labelling.message = f"Undone: {plain(note)}.{rest}"
    labelling.stale = True


def grow(labelling: LabellingState) -> None:
    """Add the clips nearest to the selection, out of those that the map shows."""
    selection = labelling.selection

    def add(dataset: Dataset) -> None:
        selection.add(dataset.near(selection.positions, labelling.grow_by, among=selection.passes))

    if len(selection):
        labelling.attempt(add)


def map_only(labelling: LabellingState) -> None:
    """Start a map of the selection only, as a part of the current map."""

    def start(dataset: Dataset) -> None:
        trail = labelling.trail
        maps = trail.maps(dataset)
        if maps:
            trail.job_id = queue.start_part(dataset, labelling.selection.positions.tolist(), maps[trail.depth]).id

    labelling.attempt(start)
