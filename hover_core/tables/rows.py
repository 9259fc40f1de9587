"""Rows of text, as every table becomes them; names of columns; and cells that spreadsheets run.

Everything is read as text, so that `007` stays `007`. A row that cannot be read is named and left out. Files are read
in a limited child: `hover_core.tables.reading.foreign_files` asks, `hover_core.tables.reading.table_reader` reads.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hover_core.data.credentials import mask_credentials
from hover_core.tables.decisions import Decision

if TYPE_CHECKING:  # the first page does without
    import pandas as pd

# What spreadsheets read as the beginning of a formula: also full-width, small, raised and lowered signs, which they or
# an input method turn into plain ones, and a sign behind blanks, which an import may trim.
_BLANK: Final = r"[\s\x00-\x1f\x7f\xad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
_SIGN: Final = "[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u208a\u207c\u208c\ufb29\u2212]"
_BEGINS: Final = rf"(?:{_BLANK}*+{_SIGN}|[\t\r\n])"
_FORMULA: Final = re.compile(_BEGINS)
_NEUTRALISED: Final = re.compile(f"'+{_BEGINS}")
_ROWS_AT_A_TIME: Final = 10_000
NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")  # what no database keeps and no UTF-8 file holds


@dataclass(frozen=True)
class Refusal:
    """A row that is no clip. `row` counts as in the file: the header is row 1.

    Neither `value`, of which 200 characters are kept, nor `reason` repeats the user name or password of an address.
    """

    row: int
    value: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", mask_credentials(self.value)[:200])
        object.__setattr__(self, "reason", mask_credentials(self.reason))


@dataclass
class RawTable:
    """The rows of a file as text, where each stood in it, and the rows that could not be read at all.

    `decisions` says how the file was read where it could have been read otherwise.
    """

    frame: pd.DataFrame
    rows: list[int]
    refused: list[Refusal] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def records(self) -> Iterator[dict[str, str]]:
        """The rows one by one, column → cell; only some of them are texts of Python's at a time."""
        names = [str(name) for name in self.frame.columns]
        for first in range(0, len(self.frame), _ROWS_AT_A_TIME):
            part = self.frame.iloc[first : first + _ROWS_AT_A_TIME]
            for cells in zip(*(part.iloc[:, place].tolist() for place in range(len(names))), strict=True):
                yield dict(zip(names, cells, strict=True))


def frame_table(frame: pd.DataFrame) -> RawTable:
    """A DataFrame as rows of text; rows are numbered as in a file with a header."""
    import pandas as pd

    columns = [[_frame_cell(value) for value in frame.iloc[:, number]] for number in range(frame.shape[1])]
    names = ColumnNames().add(str(name) for name in frame.columns)
    text = pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)
    return RawTable(text, list(range(2, len(frame) + 2)))


def _frame_cell(value: Any) -> str:
    import numpy as np

    return cell_text(value.item() if isinstance(value, np.generic) else value)


def neutralise(value: str) -> str:
    """A cell that a spreadsheet would run as a formula, with a leading `'`; import takes it off again."""
    if _FORMULA.match(value) or _NEUTRALISED.match(value):
        try:
            float(value)
        except ValueError:
            return "'" + value
    return value


def plain(cell: str) -> str:
    """A cell as it was before `neutralise`."""
    return cell[1:] if _NEUTRALISED.match(cell) else cell


def cell_text(value: Any) -> str:
    """A cell as text: of a number as few digits as it needs, of a list or an object its JSON, nothing for none."""
    if isinstance(value, str):
        return str(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # 3.0 where a missing value made a column of whole numbers float
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    pandas = sys.modules.get("pandas")  # without it no value can be one of its missing ones
    return "" if pandas is not None and (value is pandas.NaT or value is pandas.NA) else str(value)


class ColumnNames:
    """Names of columns as they come: none is empty, none stands there twice, each is text that a database keeps."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}  # name → the number that the next of this name tries
        self._count = 0

    def add(self, names: Iterable[str]) -> list[str]:
        """What the next columns are called."""
        result = []
        for given in names:
            self._count += 1
            name = free = NO_TEXT.sub("\ufffd", given) or f"column {self._count}"
            again = self._next.get(name, 2)
            while free in self._taken:
                free, again = f"{name} ({again})", again + 1
            self._next[name] = again
            self._taken.add(free)
            result.append(free)
        return result
