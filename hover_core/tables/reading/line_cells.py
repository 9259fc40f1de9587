"""Lines of text → rows of cells, by a separator, with quotes or without; no line is swallowed by a quote.

A quote that is opened and closed as it should may hold separators and line ends. Where it is not (`"Is it far?" she
asked.`, or one lone quote), the line is taken as it stands, and the lines after it are lines again.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Final

from hover_core.errors import TableError
from hover_core.tables.reading.file_limits import MOST_CELL, MOST_ROW
from hover_core.tables.reading.grid import Row
from hover_core.tables.reading.row_blocks import TOO_LONG

BLANKS: Final = " "
NOTHING: Final = "\n"
_LONGEST_TOLERATED: Final = 100_000  # characters of a line whose quotes are looked at one by one
_BETWEEN_BLANKS: Final = re.compile(r'"((?:[^"]|"")*)"(?=\s|\Z)|(\S+)')


class _Endings(dict[str, re.Pattern[str]]):
    """Of each delimiter a pattern of what may stand behind a cell in quotes."""

    def __missing__(self, delimiter: str) -> re.Pattern[str]:
        self[delimiter] = re.compile(rf" {{0,100}}(?:{re.escape(delimiter)}|\Z)")
        return self[delimiter]


_ENDS_CELL: Final = _Endings()


@dataclass(frozen=True)
class Dialect:
    """How a line becomes cells.

    Attributes
    ----------
    delimiter : one character; `BLANKS` for any number of blanks, `NOTHING` for none: a line is one cell.
    quotes : whether a cell may stand in quotes.
    once : with blanks: divide a line at the first ones alone, as in `id path with blanks` or `path transcript`.
    blank_after : whether blanks after a delimiter are left out, as in `1, "a, b"`.
    """

    delimiter: str
    quotes: bool
    once: bool = False
    blank_after: bool = False


class Lines:
    """Lines of text, none longer than a row may be; lines that were taken can be given back."""

    def __init__(self, lines: IO[str] | Iterable[str], name: str, first: int = 1) -> None:
        self._file = lines
        self._name = name
        self._again: deque[str] = deque()
        self.taken: list[str] = []  # since `next_row`
        self.number = first  # of the first line that was taken
        self.characters = 0

    def next_row(self) -> None:
        """The lines that were taken are done."""
        self.number += len(self.taken)
        self.taken = []
        self.characters = 0

    def give_back(self) -> None:
        """Take back all lines but the first."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        self.characters = len(self.taken[0])

    def __iter__(self) -> Iterator[str]:
        file = self._file
        lines = iter(partial(file.readline, MOST_ROW + 1), "") if hasattr(file, "readline") else iter(file)
        while True:
            line = self._again.popleft() if self._again else next(lines, "")
            if not line:
                return
            self.characters += len(line)
            self.taken.append(line)
            if self.characters > MOST_ROW:
                raise TooLong(f"{self._name}, row {self.number}: {TOO_LONG}")
            yield line


class TooLong(TableError):
    """A row has more characters than a row may have."""


@dataclass
class Cells:
    """The rows of some lines; what was odd about them is counted on the way.

    Attributes
    ----------
    width : how many cells a row has that may have several lines; 0: any number.
    odd : numbers of the lines whose quotes are not closed as they should be: they were taken as they stand.
    spans : rows that have more than one line.
    """

    lines: Lines
    dialect: Dialect
    name: str
    width: int = 0
    odd: list[int] = field(default_factory=list)
    spans: int = 0

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(MOST_CELL)
        if self.dialect.delimiter in (BLANKS, NOTHING):
            yield from self._by_line()
        elif self.dialect.quotes:
            yield from self._quoted()
        else:
            yield from self._plain()

    def _by_line(self) -> Iterator[Row]:
        for line in self.lines:
            text = line.strip()
            if text:
                yield Row(self.lines.number, self._divide(text), len(line))
            self.lines.next_row()

    def _divide(self, text: str) -> list[str]:
        dialect = self.dialect
        if dialect.delimiter == NOTHING:
            whole = dialect.quotes and len(text) > 1 and text[0] == text[-1] == '"'
            return [text[1:-1].replace('""', '"') if whole else text]
        if dialect.once:
            return text.split(None, 1)
        if dialect.quotes and '"' in text and len(text) <= _LONGEST_TOLERATED:
            parts = _BETWEEN_BLANKS.findall(text)
            return [bare or quoted.replace('""', '"') for quoted, bare in parts]
        return text.split()

    def _plain(self) -> Iterator[Row]:
        lines = self.lines
        reader = csv.reader(iter(lines), delimiter=self.dialect.delimiter, quoting=csv.QUOTE_NONE)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._error(error) from error
            if any(cells) and any(cell.strip() for cell in cells):
                yield Row(lines.number, cells, lines.characters)
            lines.next_row()

    def _quoted(self) -> Iterator[Row]:
        lines, dialect = self.lines, self.dialect
        options = {"delimiter": dialect.delimiter, "strict": True, "skipinitialspace": dialect.blank_after}
        reader = csv.reader(iter(lines), **options)  # type: ignore[arg-type]
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    raise self._error(error) from error
                reader = csv.reader(iter(lines), **options)  # type: ignore[arg-type]
                cells = self._as_it_stands()
            else:
                if len(lines.taken) > 1 and self.width and len(cells) != self.width:
                    cells = self._as_it_stands()
                    reader = csv.reader(iter(lines), **options)  # type: ignore[arg-type]
                self.spans += len(lines.taken) > 1
            if any(cells) and any(cell.strip() for cell in cells):
                yield Row(lines.number, cells, lines.characters)
            lines.next_row()

    def _as_it_stands(self) -> list[str]:
        """The cells of the first line that was taken; the others are lines again."""
        self.lines.give_back()
        self.odd.append(self.lines.number)
        line = self.lines.taken[0].rstrip("\r\n")
        mark = self.dialect.delimiter
        return divide_oddly(line, mark) if len(line) <= _LONGEST_TOLERATED else line.split(mark)

    def _error(self, error: csv.Error) -> TableError:
        why = str(error)
        if "field limit" in why:
            why = f"a cell has more than {MOST_CELL:,} characters, or its quote is never closed"
        return TooLong(f"{self.name}, row {self.lines.number}: {why}")


def divide_oddly(line: str, delimiter: str) -> list[str]:
    """The cells of a line in which a quote does not end where a cell ends: such a cell is taken as it stands.

    >>> divide_oddly('a,"b, c","d" e,"f', ",")
    ['a', 'b, c', '"d" e', '"f']
    """
    cells, at = [], 0
    while True:
        start = at + len(line[at:]) - len(line[at:].lstrip(" ")) if line[at : at + 1] == " " else at
        end = _closing_quote(line, start + 1, delimiter) if line[start : start + 1] == '"' else -1
        if end >= 0 and not _opens_another(line[start + 1 : end], delimiter):
            cells.append(line[start + 1 : end].replace('""', '"').replace('\\"', '"'))
            at = line.find(delimiter, end)
        else:
            end = line.find(delimiter, at)
            cells.append(line[at:] if end < 0 else line[at:end])
            at = end
        if at < 0:
            return cells
        at += len(delimiter)


def _closing_quote(line: str, at: int, delimiter: str) -> int:
    """Where a quote stands behind which the cell ends, from a place inside the quotes on; -1 for none."""
    while True:
        at = line.find('"', at)
        if at < 0:
            return -1
        if line[at + 1 : at + 2] == '"':
            at += 2
        elif line[at - 1] != "\\" and _ENDS_CELL[delimiter].match(line, at + 1):
            return at
        else:
            at += 1


def _opens_another(text: str, delimiter: str) -> bool:
    """Whether what would stand in quotes holds the beginning of another quoted cell: then the first is a lone one."""
    return f'{delimiter}"' in text
