"""A notebook's table and the dataset that it belongs to: found again, followed where it changed, its types restored."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final

from hover_core.data.clip_table import ClipTable
from hover_core.store import clip_rows
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.intake import Intake
from hover_core.tables.meaning.labels import group_decisions, label_decisions
from hover_core.tables.rows import RawTable
from hover_core.workspace.add_table import AddResult
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets

_BEGINS: Final = "notebook "  # names of datasets that a notebook made without naming them
_SAME_DATASET: Final = 0.5  # share of common clips from which a table belongs to a dataset


def dataset_for(
    datasets: Datasets, name: str, table: RawTable, columns: Columns, draft: Intake, options: dict[str, Any]
) -> str:
    """The id of the dataset that a table belongs to, made now if there is none.

    With a `name` it is the dataset of that name. Otherwise it is the unnamed dataset of a notebook that shares most
    clips with the table: at least half of the smaller of the two.

    Parameters
    ----------
    draft : the table planned for a new dataset
    options : of `Dataset.plan`
    """
    existing = datasets.store.datasets(archived=True)
    if name:
        same_name_ids = [row.id for row in existing if row.name == name]
        return same_name_ids[0] if same_name_ids else datasets.new(name).id
    best, best_share = "", 0.0
    for row in existing:
        if row.size and row.name.startswith(_BEGINS):
            clips = ClipTable.of(datasets.open(row.id).plan(table, columns, **options).clips)  # by its rule for ids
            with datasets.store.read() as connection:
                known = clip_rows.positions_of(connection, row.id, clips.clip_ids)
            share = len(known) / max(min(row.size, len(clips)), 1)
            if share >= _SAME_DATASET and share > best_share:
                best, best_share = row.id, share
    if best:
        return best
    digest = hashlib.sha256("".join(sorted(ClipTable.of(draft.clips).clip_ids)).encode()).hexdigest()[:8]
    taken = {row.name for row in existing}
    names = [f"{_BEGINS}{digest}", *(f"{_BEGINS}{digest} ({number})" for number in range(2, len(taken) + 3))]
    return datasets.new(next(name for name in names if name not in taken)).id


def word_decisions(table: RawTable, columns: Columns) -> list[Decision]:
    """What is decided about words of labels and groups: missing ones, lists in a cell. Questions stay as they are."""
    decisions: list[Decision] = []
    if columns.label:
        decisions += label_decisions(Counter(table.frame[columns.label]), columns.label.lower())
    if columns.group:
        decisions += group_decisions(Counter(table.frame[columns.group]))
    return [decision for decision in decisions if decision.sure]


def leave_out_what_was_said_before(dataset: Dataset, intake: Intake) -> None:
    """Leave out labels and subsets that a table gave to a clip last time as well: people may have changed them."""
    clips = ClipTable.of(intake.clips)
    with dataset.store.read() as connection:
        at = clip_rows.positions_of(connection, dataset.id, clips.clip_ids)
    if not at:
        return
    size = dataset.row.size
    labels = dataset.journal.imported_labels(dataset.id, size)
    subsets = dataset.journal.imported_subsets(dataset.id, size)
    for place, clip_id in enumerate(clips.clip_ids):
        position = at.get(clip_id)
        if position is not None:
            if clips.labels[place] == labels[position]:
                clips.labels[place] = ""
            if clips.subsets[place] == subsets[position]:
                intake.unsaid.add(clip_id)
    intake.clips = clips


def outcome(dataset: Dataset, added: AddResult, duplicates: int) -> str:
    """One line about what a table did to a dataset."""
    parts = [f"{added.new:,} clips added" if added.new or not added.known else "no new clips"]
    parts += [f"{added.known:,} known already"] if added.known else []
    parts += [f"{added.moved:,} moved to another subset"] if added.moved else []
    parts += [f"{added.labelled:,} labels imported"] if added.labelled else []
    parts += [f"columns added to {added.columns_added:,} clips"] if added.columns_added else []
    parts += [f"{duplicates:,} duplicate rows"] if duplicates else []
    return f"“{dataset.name}”: {', '.join(parts)}"


def with_type(cells: list[str], kind: str) -> Any:
    """Cells as a column of the dtype `kind` that they came from, where all of them fit; else the cells.

    A missing number or time is NaN or NaT, so whole numbers with gaps come back as float64, as pandas has them.
    """
    import pandas as pd

    if kind in ("", "object", "str", "string", "category"):
        return cells
    try:
        if kind == "bool":
            return [{"True": True, "False": False}[cell] for cell in cells]
        filled = pd.Series(cells, dtype=object).replace("", None)
        if kind.startswith("datetime"):
            times: Any = pd.to_datetime(filled)
            return times.astype(kind).to_numpy()
        numbers: Any = pd.to_numeric(filled)
        gaps = bool(numbers.isna().any()) and kind.startswith(("int", "uint"))
        return numbers.astype("float64" if gaps else kind).to_numpy()
    except (KeyError, TypeError, ValueError):  # a cell came from another table
        return cells
