"""What a reader of a known format hands on: the table as we have tables, the roles that the format fixes, sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hover_core.tables.decisions import Decision
from hover_core.tables.rows import RawTable

if TYPE_CHECKING:  # the first page does without
    import pandas as pd


@dataclass
class FormatTable:
    """A table in a known format.

    Attributes
    ----------
    table : its rows; numbers of rows are those of the file.
    roles : roles that the format fixes: a column, empty for none, or a decision with what else can be meant.
    decisions : what is to be said besides.
    fixed_answers : what is so in this format and need not be guessed, by `about`, as in `missing:label` → `word`.
    words : what follows the name of the format in a sentence, empty for nothing.
    """

    table: RawTable
    roles: dict[str, str | Decision] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    fixed_answers: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


def text_frame(rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> pd.DataFrame:
    """A frame of text from rows; a cell that a row does not have is empty."""
    import pandas as pd

    columns = {name: [row.get(name, "") for row in rows] for name in names}
    return pd.DataFrame(columns, dtype=object)


def json_value(cell: str) -> Any:
    """What a cell of JSON holds; None for one that holds none."""
    text = cell.strip()
    if not text or text[0] not in "[{":
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def with_rows(table: RawTable, keep: Sequence[int]) -> RawTable:
    """A table of some of the rows of another, by place."""
    frame = table.frame.iloc[list(keep)].reset_index(drop=True)
    return RawTable(frame, [table.rows[place] for place in keep], table.refused, table.decisions)
