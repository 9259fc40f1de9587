"""Files of tables: bytes of a CSV, TSV, JSON, JSONL or Parquet file → rows of text; and cells that spreadsheets run.

Everything is read as text, so that `007` stays `007`. A row that cannot be read is named and left out.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hover_core.credentials import mask_credentials
from hover_core.errors import TableError

if TYPE_CHECKING:  # the first page does without
    import pandas as pd

_NOT_TABLES: Final = {
    b"PK\x03\x04": "is a spreadsheet or an archive, not a text table: save it as CSV (UTF-8) and give that",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet, not a text table: save it as CSV (UTF-8) and give that",
    **dict.fromkeys(
        (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb"),
        "is sound, not a table: give a table with the addresses of the clips, one a row",
    ),
}
_ARRAY: Final = re.compile(r"\s*\[\s*[{\]]")
# What spreadsheets read as the beginning of a formula: also full-width, small, raised and lowered signs, which they or
# an input method turn into plain ones, and a sign behind blanks, which an import may trim.
_BLANK: Final = r"[\s\x00-\x1f\x7f\xad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
_SIGN: Final = "[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u208a\u207c\u208c\ufb29\u2212]"
_BEGINS: Final = rf"(?:{_BLANK}*+{_SIGN}|[\t\r\n])"
_FORMULA: Final = re.compile(_BEGINS)
_NEUTRALISED: Final = re.compile(f"'+{_BEGINS}")
_LAST_LINE: Final = "\x00the end"
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
    """The rows of a file as text, where each stood in it, and the rows that could not be read at all."""

    frame: pd.DataFrame
    rows: list[int]
    refused: list[Refusal] = field(default_factory=list)


def read_table(data: bytes, name: str) -> RawTable:
    """The rows of a CSV, TSV, JSON, JSONL or Parquet file; what a file is, its first bytes say.

    Raises
    ------
    TableError
        The file as a whole cannot be read; the sentence says what would be right.
    """
    if not data.strip():
        raise TableError(f"{name} is empty: a table has a header row and at least one clip")
    ending = name.rsplit(".", 1)[-1].lower()
    if data[:4] == b"PAR1" or ending in ("parquet", "pq"):
        return _parquet(data, name)
    text = _text(data, name)
    if _ARRAY.match(text):
        return _json(text, name)
    if ending in ("jsonl", "ndjson", "json") or text.lstrip().startswith("{"):
        return _jsonl(text, name)
    return _csv(text, name)


def frame_table(frame: pd.DataFrame) -> RawTable:
    """A DataFrame as rows of text; rows are numbered as in a file with a header."""
    import pandas as pd

    columns = [[_cell(value) for value in frame.iloc[:, number]] for number in range(frame.shape[1])]
    names = _unique([str(name) for name in frame.columns])
    text = pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)
    return RawTable(text, list(range(2, len(frame) + 2)))


def neutralise(value: str) -> str:
    """A cell that a spreadsheet would run as a formula, with a leading `'`; import takes it off again."""
    if _FORMULA.match(value) or _NEUTRALISED.match(value):
        try:
            float(value)
        except ValueError:
            return "'" + value
    return value


def _plain(cell: str) -> str:
    return cell[1:] if _NEUTRALISED.match(cell) else cell


def _text(data: bytes, name: str) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise TableError(f"{name} says it is {encoding} but is not: save it as UTF-8") from error
    if b"\x00" in data[:4096]:
        for first, why in _NOT_TABLES.items():
            if data.startswith(first):
                raise TableError(f"{name} {why}")
        raise TableError(f"{name} is not a text table: give a CSV, TSV, JSON, JSONL or Parquet file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what spreadsheets on Windows write


def _csv(text: str, name: str) -> RawTable:
    import pandas as pd

    csv.field_size_limit(10_000_000)
    start = re.sub(r'"[^"]*"', "", text[:100_000]).lstrip("\r\n")  # a quoted name may hold separators
    delimiter = max(",\t;|", key=re.split(r"[\r\n]", start, maxsplit=1)[0].count)
    if name.lower().endswith((".tsv", ".tab")):
        delimiter = "\t"
    # An opened quote that never closes swallows the rest of the file as one cell without a word: then the last line
    # that we add is swallowed too.
    lines = itertools.chain(io.StringIO(text, newline=""), [_LAST_LINE])
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    refused: list[Refusal] = []
    before = 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if cells == [_LAST_LINE]:
                break
            if cells and cells[-1].endswith(_LAST_LINE):
                raise TableError(f"{name}, row {number}: a quote is opened here and never closed")
            if not cells or not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _unique([_plain(cell).strip() for cell in cells])
                continue
            if len(cells) != len(header):
                counts = f"the row has {len(cells)} cells, the header has {len(header)}"
                reason = f"{counts}: quote cells that hold the separator"
                refused.append(Refusal(number, cells[0], reason))
                continue
            rows.append([_plain(cell) for cell in cells])
            numbers.append(number)
    except csv.Error as error:
        raise TableError(f"{name}, row {before + 1}: {error}") from error
    if not rows and not refused:
        raise TableError(f"{name} has a header but no clips below it")
    return RawTable(pd.DataFrame(rows, columns=header, dtype=object), numbers, refused)


def _json(text: str, name: str) -> RawTable:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{name} starts like a list of JSON objects, but is none: {str(error)[:120]}") from error
    entries = ((number, value, json.dumps(value)) for number, value in enumerate(values, start=1))
    return _objects(entries, name, "the entry is no JSON object: the list is [{…}, {…}]")


def _jsonl(text: str, name: str) -> RawTable:
    def lines() -> Iterator[tuple[int, Any, str]]:
        for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would split at U+2028 inside a cell
            if line.strip():
                try:
                    yield number, json.loads(line), line
                except (ValueError, RecursionError):
                    yield number, None, line

    return _objects(lines(), name, "the line is no JSON object: write one {…} a line, or one list [{…}, {…}]")


def _objects(given: Iterable[tuple[int, Any, str]], name: str, wrong: str) -> RawTable:
    """Rows of JSON objects `(row, value, as it stood there)`; what is none is refused."""
    import pandas as pd

    records: list[dict[str, str]] = []
    numbers: list[int] = []
    refused: list[Refusal] = []
    for number, value, stood in given:
        if not isinstance(value, dict):
            refused.append(Refusal(number, stood, wrong))
            continue
        records.append({key: _cell(cell) for key, cell in value.items()})
        numbers.append(number)
    if not records:
        raise TableError(f"{name} holds no JSON object: write one {{…}} a line, or one list [{{…}}, {{…}}]")
    keys = list(dict.fromkeys(key for record in records for key in record))
    cells = [[record.get(key, "") for key in keys] for record in records]
    return RawTable(pd.DataFrame(cells, columns=_unique(keys), dtype=object), numbers, refused)


def _parquet(data: bytes, name: str) -> RawTable:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(io.BytesIO(data))
        columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TableError(f"{name} is not a Parquet file that can be read: {str(error)[:120]}") from error
    if not table.num_rows:
        raise TableError(f"{name} has no clips in it")
    frame = pd.DataFrame(dict(zip(_unique(table.column_names), columns, strict=True)), dtype=object)
    return RawTable(frame, list(range(1, table.num_rows + 1)))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # 3.0 where a missing value made a column of whole numbers float
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _unique(names: Iterable[str]) -> list[str]:
    result: dict[str, None] = {}
    for number, given in enumerate(names, start=1):
        name = free = NO_TEXT.sub("\ufffd", given) or f"column {number}"
        again = 2
        while free in result:
            free, again = f"{name} ({again})", again + 1
        result[free] = None
    return list(result)
