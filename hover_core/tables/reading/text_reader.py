"""Text tables: CSV, TSV and whatever else has a row a line, from bytes to rows."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import IO, Final

from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.dialect import (
    about_odd,
    find_dialect,
    find_quotes,
    is_wrapped,
    quotes_hold,
    separator_line,
    unwrap_lines,
)
from hover_core.tables.reading.grid import SAMPLE_ROWS, Row, find_layout, send_grid
from hover_core.tables.reading.line_cells import BLANKS, NOTHING, Cells, Lines, TooLong
from hover_core.tables.reading.row_blocks import Rows
from hover_core.tables.reading.text_encoding import TextEncoding

_SOME: Final = 1_000_000  # characters that are read at a time
_HEAD: Final = 200_000
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@contextlib.contextmanager
def text_of(source: IO[bytes], encoding: TextEncoding, newline: str = "") -> Iterator[io.TextIOWrapper]:
    """The text of a file, from its beginning; the file itself stays open."""
    source.seek(0)
    file = io.TextIOWrapper(source, encoding.codec, encoding.errors, newline)
    try:
        yield file
    finally:
        with contextlib.suppress(ValueError):  # it was detached
            file.detach()


def text_head(source: IO[bytes], encoding: TextEncoding) -> str:
    """The beginning of the text, from the first line that is not blank."""
    with text_of(source, encoding) as file:
        blank = iter(partial(file.read, _SOME), "")
        return next((part for part in blank if part.strip()), "") + file.read(_HEAD)


def read_delimited(source: IO[bytes], encoding: TextEncoding, reading: Reading, out: Rows) -> None:
    """Send the rows of a text table.

    Raises
    ------
    TableError
        There is no row besides the header, or one that is too long.
    """
    head = text_head(source, encoding)[:_HEAD]
    mark, before = separator_line(head)
    wrapped = reading.quotes != "no" and is_wrapped(head[before:])
    if wrapped:
        head = head[:before] + "".join(unwrap_lines(io.StringIO(head[before:], "")))
    if mark and not reading.delimiter:
        reading = replace(reading, delimiter=mark)
        dialect, _ = find_dialect(head[before:], out.name, reading, has_quotes=encoding.quotes)
        decisions = [_about_mark(mark)]
    else:
        dialect, decisions = find_dialect(head[before:], out.name, reading, has_quotes=encoding.quotes)
    skipped = len(_LINE_END.findall(head[:before]))

    @contextlib.contextmanager
    def table_file() -> Iterator[IO[str] | Iterable[str]]:
        with text_of(source, encoding) as file:
            for _ in range(skipped):
                file.readline()
            yield unwrap_lines(file) if wrapped else file

    width = 0
    if (
        dialect.quotes
        and encoding.quotes
        and not (reading.quotes or wrapped)
        and dialect.delimiter not in (BLANKS, NOTHING)
    ):
        with table_file() as file:
            sample = _sample(Cells(Lines(file, out.name, skipped + 1), dialect, out.name))
        width = find_layout(sample, out.name, reading).width if sample else 1
        if not quotes_hold(head[before:], dialect, width, out.name):
            dialect, about_quotes = find_quotes(table_file, dialect, width, out.name)
            decisions += about_quotes
    elif reading.quotes:
        decisions.append(_about_chosen_quotes(reading.quotes))
    if wrapped:
        like_others = Choice("no", "a quote is a character like any other")
        sentence = "Each line stands in quotes as a whole: they are taken off"
        decisions.append(Decision("quotes", sentence, "yes", (like_others,)))
    for decision in decisions:
        out.decide(decision)
    with table_file() as file:
        cells = Cells(Lines(file, out.name, skipped + 1), dialect, out.name, width)
        send_grid(cells, out, reading)
    if cells.odd:
        out.decide(about_odd(cells.odd, asked=any(decision.about == "quotes" for decision in decisions)))


def _sample(cells: Cells) -> list[Row]:
    """The first rows, as far as they can be read."""
    rows: list[Row] = []
    with contextlib.suppress(TooLong):
        rows.extend(itertools.islice(cells, SAMPLE_ROWS))
    return rows


def _about_mark(mark: str) -> Decision:
    shown = "a tab" if mark == "\t" else f"“{mark}”"
    return Decision("delimiter", f"The first line says that {shown} separates cells; it is no row", mark)


def _about_chosen_quotes(quotes: str) -> Decision:
    together, like_others = "quotes hold cells together", "a quote is a character like any other"
    if quotes == "yes":
        return Decision("quotes", f"As was said, {together}", "yes", (Choice("no", like_others),))
    return Decision("quotes", f"As was said, {like_others}", "no", (Choice("yes", together),))
