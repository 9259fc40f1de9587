"""Workbooks (.xlsx, .xls, .xlsb, .ods): one of their sheets becomes the table."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import IO, Any, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.file_limits import FileLimits, shown_bytes
from hover_core.tables.reading.grid import Row, send_grid
from hover_core.tables.reading.looks import cut, is_path
from hover_core.tables.reading.row_blocks import Rows
from hover_core.tables.rows import cell_text

OLE2: Final = b"\xd0\xcf\x11\xe0"
_PARTS: Final = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
_MOST_SHEETS: Final = 1_000
_LOOKED_AT: Final = 50  # rows of a sheet


def is_workbook(members: list[str]) -> bool:
    """Whether an archive with these files in it is a workbook."""
    return any(part in members for part in _PARTS)


def check_size(archive: zipfile.ZipFile, name: str, limits: FileLimits) -> None:
    """Whether what a workbook promises to unpack to is what one file may take.

    Raises
    ------
    TableError
        It is more.
    """
    size = sum(part.file_size for part in archive.infolist())
    if size > limits.most_bytes:
        raise TableError(f"{name} has {shown_bytes(size)} unpacked: it {limits.too_large()}")


def read_workbook(source: IO[bytes], reading: Reading, out: Rows) -> None:
    """Send the rows of a sheet.

    Raises
    ------
    TableError
        It cannot be read, or has no rows.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    source.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(source)
        names = workbook.sheet_names[:_MOST_SHEETS]
        sheets = {name: list(islice(_rows(workbook, name), _LOOKED_AT)) for name in _wanted(names, reading, out.name)}
        filled = {name: rows for name, rows in sheets.items() if rows}
        if not filled:
            raise TableError(f"{out.name} has no rows in any sheet")
        chosen = max(filled, key=lambda name: _addresses(filled[name]))
        if len(names) > 1:
            out.decide(_about(chosen, names, filled))
        send_grid(_rows(workbook, chosen), out, reading, word="row")
    except CalamineError as error:
        raise TableError(
            f"{out.name} is a spreadsheet or an archive, and cannot be read ({cut(str(error), 80)}): save it as CSV"
        ) from error


def _wanted(names: list[str], reading: Reading, name: str) -> list[str]:
    if reading.sheet and reading.sheet not in names:
        raise TableError(f"{name} has no sheet {reading.sheet[:80]!r}: there are {', '.join(names)[:300]}")
    return [reading.sheet] if reading.sheet else names[:50]


def _rows(workbook: Any, name: str) -> Iterator[Row]:
    """The rows of a sheet that are not blank, by their numbers in it."""
    sheet = workbook.get_sheet_by_name(name)
    if sheet.start is None:
        return
    for number, values in enumerate(sheet.iter_rows(), 1):  # blank rows above the first are among them
        cells = [_text(value) for value in values]
        if any(cell.strip() for cell in cells):
            yield Row(number, cells, sum(map(len, cells)))


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, timedelta):
        return _clock(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return cell_text(value)


def _clock(value: timedelta) -> str:
    seconds = round(value.total_seconds(), 6)
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60):02}:{int(minutes % 60):02}:{rest:09.6f}".rstrip("0").rstrip(".")


def _addresses(rows: list[Row]) -> tuple[int, int]:
    """How many rows of a sheet hold an address, and how many there are."""
    return sum(any(map(is_path, row.cells)) for row in rows), min(len(rows), 2)


def _about(chosen: str, names: list[str], filled: dict[str, list[Row]]) -> Decision:
    others = [name for name in names if name != chosen]

    def words(name: str) -> str:
        rows = filled.get(name)
        begins = " · ".join(cell for cell in rows[0].cells if cell.strip()) if rows else ""
        return f"the sheet “{cut(name)}”" + (f", which begins with “{cut(begins)}”" if begins else "")

    also = [name for name in others if name in filled and _addresses(filled[name])[0]]
    return Decision(
        "sheet",
        f"The workbook has {len(names):,} sheets: the rows of “{cut(chosen)}” are read, the others are left out",
        chosen,
        tuple(Choice(name, words(name)) for name in others[:50]),
        sure=not also,
    )
