"""Columns of text → values, for all rows at once; a row with a wrong cell is named and left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from hover_core.data import credentials
from hover_core.data.annotations import HOW
from hover_core.data.names import clean
from hover_core.errors import Refused, TableError
from hover_core.tables.rows import NO_TEXT, RawTable

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_JOIN: Final = "\x1f"


class RowCells:
    """The cells of a table by column, and the rows that are refused so far, each with its first reason."""

    def __init__(self, table: RawTable) -> None:
        self._frame = table.frame
        self.names = [str(name) for name in table.frame.columns]
        self.size = len(table.frame)
        self.reasons: dict[int, str] = {}  # row, counted from 0 → why it is refused
        self._refuse_what_is_no_text()

    def column(self, name: str) -> list[str]:
        """The cells of a column as they came; empty texts where `name` is empty. [length n]"""
        if not name:
            return [""] * self.size
        cells = self._frame.iloc[:, self.names.index(name)]
        return [str(cell) for cell in cells.tolist()] if cells.dtype == object else cells.tolist()

    def stripped(self, name: str) -> list[str]:
        """The cells of a column without blanks at their ends. [length n]"""
        return list(map(str.strip, self.column(name))) if name else [""] * self.size

    def refuse(self, row: int, reason: str) -> None:
        """Leave a row out; the first reason counts."""
        self.reasons.setdefault(row, reason)

    def read(self, cells: Sequence[str], value_of: Callable[[str], T], default: T) -> list[T]:
        """`value_of` each cell, asked once for each different one; rows where it raises are refused. [length n]

        `value_of` raises TableError or Refused for a cell that is wrong: its row gets `default`.
        """
        values: dict[str, T] = {}
        wrong: dict[str, str] = {}
        for cell in set(cells):
            try:
                values[cell] = value_of(cell)
            except (TableError, Refused) as error:
                values[cell], wrong[cell] = default, str(error)
        if wrong:
            for row, cell in enumerate(cells):
                if cell in wrong:
                    self.refuse(row, wrong[cell])
        return [values[cell] for cell in cells]

    def _refuse_what_is_no_text(self) -> None:
        for name in self.names:
            cells = self._frame.iloc[:, self.names.index(name)]
            if _has_no_text(cells):
                for row, cell in enumerate(cells.tolist()):
                    if NO_TEXT.search(str(cell)):
                        no_text = "a character that is no text (NUL or half of a pair)"
                        self.refuse(row, f"the column “{name}” holds {no_text}: take it out")


def _has_no_text(cells: pd.Series[Any]) -> bool:
    if cells.dtype == object:
        return bool(NO_TEXT.search(_JOIN.join(map(str, cells.tolist()))))
    return bool(cells.str.contains("\x00", regex=False).any())  # what a child sent is UTF-8: no half pairs


def extra_texts(columns: Sequence[tuple[str, Sequence[str], bool]], rows: NDArray[np.int64]) -> list[str]:
    """Cells that are kept as they came, as one JSON object a row.

    Parameters
    ----------
    columns : name, cells [length n], and whether an empty cell is left out
    rows : the rows that are wanted [shape=(m,)]
    """
    wanted = rows.tolist()
    if not columns:
        return ["{}"] * len(wanted)
    parts: list[list[str]] = []
    for name, cells, only_filled in columns:
        written = {cell: f"{_encode(name)}:{_encode(cell)}," for cell in set(cells)}
        if only_filled and "" in written:
            written[""] = ""
        parts.append([written[cells[row]] for row in wanted])
    if len(parts) == 1:
        return [f"{{{text[:-1]}}}" for text in parts[0]]
    return [f"{{{text[:-1]}}}" for text in map("".join, zip(*parts, strict=True))]


def source(who: str, at: str, how: str) -> tuple[str, str, str] | None:
    """Who labelled, when and in which way, as a table claims; None where it does not say all three.

    Raises
    ------
    TableError
        The time is none.
    """
    who, at, how = clean(who), clean(at), clean(how)
    if not (who and at and how in HOW):
        return None
    try:
        moment = datetime.fromisoformat(at)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        shown = credentials.mask_credentials(at)[:40]
        raise TableError(f"annotated_at is “{shown}”: it must be a time like 2026-03-01T12:00:00+00:00") from error
    return clean(who[:60]), moment.isoformat(timespec="microseconds"), how
