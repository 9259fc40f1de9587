"""Tables into a dataset, and clips that were heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hover_core.store import clip_rows
from hover_core.tables import intake
from hover_core.tables.reading import foreign_files
from hover_core.tables.rows import RawTable
from hover_core.workspace.add_table import AddResult
from hover_core.workspace.dataset import Dataset


def read(path: Path) -> RawTable:
    """The rows of a file that was written."""
    return foreign_files.read_table(path.read_bytes(), path.name)


def add(dataset: Dataset, data: bytes | str, name: str = "t.csv", *, own_id: str = "", **options: Any) -> AddResult:
    """Add the clips of a file by the columns that are guessed."""
    table = foreign_files.read_table(data.encode() if isinstance(data, str) else data, name)
    columns = intake.guess_columns(list(table.frame.columns))
    return dataset.add(dataset.plan(table, replace(columns, own_id=own_id or columns.own_id), **options))


def hear(dataset: Dataset, durations: dict[int, float], rate: int = 8_000) -> None:
    """Write down how long some clips are, as listening does."""
    facts = {at: clip_rows.SoundFacts(f"{at:064}", seconds, rate) for at, seconds in durations.items()}
    with dataset.store.write() as connection:
        clip_rows.hear(connection, dataset.id, facts)
