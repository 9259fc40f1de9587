"""Rows of cells → a table: which row names the columns, what stands above it, and rows that are short or long.

What a file with lines, a sheet of a workbook and a JSON list of lists have in common. The first rows are looked at
together (`Layout`), the rest goes by one at a time.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.file_blocks import PackedText, pack_text
from hover_core.tables.reading.looks import (
    ADDRESS_NAMES,
    KNOWN_NAMES,
    cut,
    is_address,
    is_number,
    is_path,
    line_list,
    name_key,
    share_of,
)
from hover_core.tables.reading.row_blocks import BLOCK_CELLS, BLOCK_CHARACTERS, Rows
from hover_core.tables.rows import ColumnNames, plain

SAMPLE_ROWS: Final = 1_000
_MOST_ABOVE: Final = 30  # rows above the header
_WITHOUT_HEADER: Final = re.compile(  # lists of Kaldi and of NIST never have one
    r"(?:^|[/\\])(?:segments|utt2spk|spk2utt|utt2dur|text)\Z|\.(?:scp|rttm|ctm|stm)\Z", re.IGNORECASE
)


class Row(NamedTuple):
    """A row as it stands in the file: its number, its cells, how many characters it has."""

    number: int
    cells: list[str]
    characters: int


@dataclass
class Layout:
    """How the rows of a file are a table.

    Attributes
    ----------
    header : the number of the row that names the columns; 0 for none.
    names : what it says, as wide as the rows; empty where a column has no name.
    above : rows that stand above it.
    short : whether the header had one cell fewer than the rows, the first of them missing.
    sure : whether what the cells say leaves no doubt about the header.
    """

    header: int
    names: list[str]
    above: list[Row]
    short: bool = False
    sure: bool = True
    first: int = 1  # the number of the first row
    first_words: str = ""

    @property
    def width(self) -> int:
        return len(self.names)


def send_grid(rows: Iterable[Row], out: Rows, reading: Reading, *, word: str = "line") -> None:
    """Send rows of cells, and what was decided about them.

    Parameters
    ----------
    word : what a row is called in sentences.

    Raises
    ------
    TableError
        There is no row besides the header, or more than one file may have.
    """
    source = iter(rows)
    sample = list(_some(source))
    if not sample:
        raise TableError(f"{out.name} is empty: a table has a header row and at least one clip")
    layout = find_layout(sample, out.name, reading)
    body = itertools.chain((row for row in sample if row.number > _last_above(layout)), source)
    out.add_columns(ColumnNames().add(plain(name).strip() for name in layout.names))
    fit = _Fit(layout, out, reading, sample, word)
    fit.send(body)
    if not out.rows and not out.refused:
        raise TableError(f"{out.name} has a header but no clips below it")
    about = _about_chosen_header(layout, sample, out.name, word) if reading.header else _header_decisions(layout, word)
    for decision in (*about, *fit.decisions()):
        out.decide(decision)


def _some(source: Iterator[Row]) -> Iterator[Row]:
    """The first rows that are not blank, at most so many that they fit into memory easily."""
    characters = 0
    for count, row in enumerate(source, 1):
        characters += row.characters
        yield row
        if count >= SAMPLE_ROWS or characters > BLOCK_CHARACTERS:
            return


def _last_above(layout: Layout) -> int:
    return max([layout.header, *(row.number for row in layout.above)])


# the header -----------------------------------------------------------------------------------------------------------


def find_layout(sample: Sequence[Row], name: str, reading: Reading) -> Layout:
    """What the first rows of a table are."""
    width = _width(sample)
    if reading.header:
        return _chosen_layout(sample, width, reading)
    above = 0
    while above < min(_MOST_ABOVE, len(sample) - 1) and _is_above(sample[above:], width):
        above += 1
    first, below = sample[above], sample[above + 1 :]
    data, sure = _is_data(first.cells, [row.cells for row in below[:50]], name)
    comment = _named_by_comment(sample[:above], width)
    if data and above and comment:
        header = sample[above - 1]
        names = [header.cells[0].lstrip("#! "), *header.cells[1:]]
        return _layout(sample, header.number, names, list(sample[: above - 1]), width, sure=False)
    if data:
        return _layout(sample, 0, [""] * max(width, len(first.cells)), list(sample[:above]), width)
    return _layout(sample, first.number, first.cells, list(sample[:above]), width, sure)


def _layout(
    sample: Sequence[Row], header: int, names: list[str], above: list[Row], width: int, sure: bool = True
) -> Layout:
    """A layout whose names are as many as the rows have cells."""
    cells = [row.cells for row in sample if row.number > header and row not in above]
    short = False
    if header:
        wider = [row for row in cells if len(row) > len(names)]
        while len(names) > 1 and not names[-1].strip() and not any(_cell(row, len(names) - 1) for row in cells):
            names = names[:-1]  # the header ends with separators, and so do the rows, or they do not have the cell
        filled = [row for row in wider if any(cell.strip() for cell in row[len(names) :])]
        missing = width - len(names)
        if missing > 0 and filled and len(filled) * 2 > len(cells):
            short = missing == 1 and not _first_is_named(names, cells)
            names = ["", *names] if short else [*names, *[""] * missing]
    first = sample[len(above)] if len(above) < len(sample) else sample[-1]
    words = cut(" · ".join(cell.strip() for cell in first.cells if cell.strip()))
    return Layout(header, names, above, short, sure, first.number, words)


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _first_is_named(names: Sequence[str], cells: Sequence[Sequence[str]]) -> bool:
    """Whether the first name is that of the first column: it is called like addresses, which the first cells are."""
    return name_key(names[0]) in ADDRESS_NAMES and share_of(is_address, (row[0] for row in cells[:50] if row)) > 0.5


def _chosen_layout(sample: Sequence[Row], width: int, reading: Reading) -> Layout:
    try:
        number = int(reading.header)
    except ValueError:
        raise TableError(f"header={reading.header!r} must be the number of a line, or 0 for none") from None
    if number == 0:
        return _layout(sample, 0, [""] * width, [], width)
    place = next((place for place, row in enumerate(sample) if row.number >= number), len(sample) - 1)
    row = sample[place]
    return _layout(sample, row.number, row.cells, list(sample[:place]), width)


def _width(sample: Sequence[Row]) -> int:
    """How many cells most rows have; the first row counts where no other number is that of more than half.

    A row that holds an address counts as much as three.
    """
    counts: Counter[int] = Counter()
    for row in sample:
        counts[len(row.cells)] += 3 if any(map(is_address, row.cells)) else 1
    width, weight = counts.most_common(1)[0]
    first = len(sample[0].cells)
    return width if weight * 2 > counts.total() and weight > counts[first] else max(first, 1)


def _is_above(rows: Sequence[Row], width: int) -> bool:
    """Whether the first of these rows stands above the header: a comment, a title, a line of another shape."""
    cells = rows[0].cells
    if is_comment(rows[0], width):
        return True
    filled = [cell for cell in cells if cell.strip()]
    if width < 2 or any(map(is_address, filled)):
        return False
    if len(cells) == width - 1 and (_known(cells) or _is_data(rows[1].cells, [row.cells for row in rows[2:50]], "")[0]):
        return False  # the header of R: the names of its rows have no name
    complete = any(_is_filled(row.cells, width) for row in rows[1 : _MOST_ABOVE + 1])
    if len(filled) == 1:
        return complete and bool(cells[0].strip())
    if len(cells) < width:
        return complete and not _known(cells)
    named = any(_is_filled(row.cells, width) and _known(row.cells) for row in rows[1 : _MOST_ABOVE + 1])
    return named and not any(cell.strip() for cell in cells[width - 1 :]) and not _known(cells)


def _is_filled(cells: Sequence[str], width: int) -> bool:
    return len(cells) >= width and sum(bool(cell.strip()) for cell in cells) >= max(2, width - 1)


def is_comment(row: Row, width: int) -> bool:
    """Whether a row is a comment: it begins with `#` and is no row of the table."""
    first = row.cells[0].lstrip() if row.cells else ""
    if not first.startswith(("#", "%%", "//# ")) or any(map(is_address, row.cells)):
        return False
    return len(row.cells) != width or first[1:2] in (" ", "\t", "#", "!") or width > 1


def _named_by_comment(above: Sequence[Row], width: int) -> bool:
    """Whether the last row above the data names its columns, behind a `#`."""
    return bool(above) and above[-1].cells[0].lstrip().startswith("#") and len(above[-1].cells) == width > 1


def _known(cells: Sequence[str]) -> bool:
    return any(name_key(cell) in KNOWN_NAMES for cell in cells)


def _is_data(cells: Sequence[str], below: Sequence[Sequence[str]], name: str) -> tuple[bool, bool]:
    """Whether a row is a clip and no header, and whether that is sure."""

    def column(place: int) -> list[str]:
        return [row[place] for row in below if place < len(row)]

    for place, cell in enumerate(cells):
        if is_address(cell) and (share_of(is_address, column(place)) > 0.5 or not below or not _known(cells)):
            return True, True
        if is_path(cell) and column(place) and share_of(is_path, column(place)) > 0.9 and not _known(cells):
            return True, True
        if len(column(place)) > 1 and cell.strip() and column(place).count(cell) > 0.8 * len(column(place)):
            return True, True  # a word that stands in nearly all rows names no column
    if _WITHOUT_HEADER.search(name):
        return True, True
    if _known(cells):
        return False, True
    for place, cell in enumerate(cells):
        shapes = [_shape(other) for other in column(place)]
        if len(shapes) > 1 and any(map(str.isdigit, cell)) and shapes.count(_shape(cell)) > 0.8 * len(shapes):
            return True, True  # as in LJ001-0001, LJ001-0002
    numbers = [place for place, cell in enumerate(cells) if is_number(cell)]
    if numbers and not _counts(cells) and any(share_of(is_number, column(place)) > 0.8 for place in numbers):
        return True, True
    return False, False


def _shape(cell: str) -> str:
    """A cell with its digits made alike."""
    return re.sub(r"\d", "0", cell.strip())


def _counts(cells: Sequence[str]) -> bool:
    """Whether the numbers count columns, as pandas names them that have no name."""
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    return len(numbers) > 1 and any(numbers == [str(n) for n in range(k, len(numbers) + k)] for k in (0, 1))


def _about_chosen_header(layout: Layout, sample: Sequence[Row], name: str, word: str) -> Iterator[Decision]:
    """That a person said which row names the columns, and what would be taken else."""
    guess = find_layout(sample, name, Reading())

    def words(header: int) -> str:
        row = next((row for row in sample if row.number == header), None)
        if row is None:
            return f"no {word} names the columns"
        return f"{word} {header} names the columns: “{cut(' · '.join(filter(None, row.cells)))}”"

    others = dict.fromkeys((guess.header, guess.first, 0))
    choices = tuple(Choice(str(header), words(header)) for header in others if header != layout.header)
    left = f"; {line_list([row.number for row in layout.above])} above it left out" if layout.above else ""
    yield Decision("header", f"As was said, {words(layout.header)}{left}", str(layout.header), choices)


def _header_decisions(layout: Layout, word: str) -> Iterator[Decision]:
    """What was taken for the header and what stands above it, in one decision."""
    sentences = [_about_above(layout, word)] if layout.above else []
    choices = []
    if layout.above:
        top = layout.above[0]
        words = cut(" · ".join(filter(None, top.cells)))
        choices.append(Choice(str(top.number), f"{word} {top.number} names the columns: “{words}”"))
    if layout.header:
        choices.append(Choice("0", f"no {word} names the columns: “{layout.first_words}” is a clip"))
    else:
        at_first = f"{word} {layout.first} names the columns: “{layout.first_words}”"
        choices.append(Choice(str(layout.first), at_first))
        last = f"“column {layout.width}”"
        called = last if layout.width == 1 else f"“column 1” {'and' if layout.width == 2 else 'to'} {last}"
        sentences.append(
            f"No {word} names the columns: {word} {layout.first} (“{layout.first_words}”) looks like those below it "
            f"and is a row; the column{'s are' if layout.width > 1 else ' is'} called {called}"
        )
    if layout.short:
        sentences.append(
            "The header has one cell fewer than the rows, as R writes it: the first column, which has no name there, "
            "is called “column 1”"
        )
    elif layout.header and not layout.sure:
        sentences.append(f"{word.capitalize()} {layout.header} names the columns: “{layout.first_words}”")
    if sentences:
        yield Decision("header", ". ".join(sentences), str(layout.header), tuple(choices))


def _about_above(layout: Layout, word: str) -> str:
    text = cut(" / ".join(" ".join(filter(None, row.cells)) for row in layout.above), 120)
    numbers = line_list([row.number for row in layout.above])
    if len(layout.above) == 1:
        return f"{word.capitalize()} {numbers} above the table is no clip and is left out: “{text}”"
    return f"{word.capitalize()}s {numbers} above the table are no clip and are left out: “{text}”"


# the rows -------------------------------------------------------------------------------------------------------------


class _Fit:
    """Sends rows as wide as the layout; keeps count of those that were made so, refuses the others by name."""

    def __init__(self, layout: Layout, out: Rows, reading: Reading, sample: Sequence[Row], word: str) -> None:
        self._width = layout.width
        self._named = layout.header
        self._header = layout.names if layout.header else []
        self._out = out
        self._word = word
        self._fill = reading.short_rows != "refuse"
        self._chosen = reading.short_rows
        self._short: list[int] = []
        self._long: list[int] = []
        complete = [row.cells for row in sample if len(row.cells) == self._width and row.number != layout.header]
        shares = [share_of(is_path, (row[place] for row in complete[:200])) for place in range(self._width)]
        self._addresses = [place for place, part in enumerate(shares) if part > 0.5]

    def send(self, body: Iterable[Row]) -> None:
        """Send the rows, those that fit as they are."""
        rows: list[list[str]] = []
        numbers: list[int] = []
        characters, width = 0, self._width
        for number, cells, size in body:
            if len(cells) != width or cells[0][:1] == "#" or cells == self._header:
                row = self._fit_row(number, cells)
                if row is None:
                    continue
                cells = row
            rows.append(cells)
            numbers.append(number)
            characters += size
            if characters >= BLOCK_CHARACTERS or len(rows) * width >= BLOCK_CELLS:
                self._out.add(numbers, columns_of(rows))
                rows, numbers, characters = [], [], 0
        if rows:
            self._out.add(numbers, columns_of(rows))

    def _fit_row(self, number: int, cells: list[str]) -> list[str] | None:
        """The row with as many cells as there are columns; None where it was refused."""
        width = self._width
        if is_comment(Row(number, cells, 0), width) and not any(cell.strip() for cell in cells[1:]):
            self._out.refuse(number, cells[0], f"a {self._word} that begins with # is a comment, and no clip")
            return None
        if cells == self._header:
            self._out.refuse(number, cells[0], f"this {self._word} repeats the header, and is no clip")
            return None
        if len(cells) == width:
            return cells
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            self._long.append(number)
            return cells[:width]
        if len(cells) < width and self._fill and self._is_beginning(cells):
            self._short.append(number)
            return [*cells, *[""] * (width - len(cells))]
        than = f"the header has {width}" if self._named else f"most rows have {width}"
        counts = f"the row has {len(cells)} {'cell' if len(cells) == 1 else 'cells'}, {than}"
        advice = "quote cells that hold the separator" if len(cells) > width else "write the cells that are missing"
        self._out.refuse(number, next((cell for cell in cells if cell.strip()), ""), f"{counts}: {advice}")
        return None

    def _is_beginning(self, cells: Sequence[str]) -> bool:
        """Whether the cells are the first ones of a row: an address stands where addresses stand."""
        places = self._addresses
        return bool(places) and places[0] < len(cells) and is_path(cells[places[0]])

    def decisions(self) -> Iterator[Decision]:
        """What was done with rows that had too few or too many cells."""
        if self._long:
            yield Decision(
                "delimiter",
                f"{_rows(len(self._long))} separators behind the last column and nothing after them: these are "
                f"left out ({self._word} {line_list(self._long)})",
            )
        if self._short:
            yield Decision(
                "short_rows",
                f"{_rows(len(self._short))} too few cells: the missing ones are read as empty "
                f"({self._word} {line_list(self._short)})",
                "fill",
                (Choice("refuse", "leave such rows out, each by name"),),
            )
        elif self._chosen == "refuse":
            yield Decision(
                "short_rows",
                "Rows with too few cells are left out, each by name",
                "refuse",
                (Choice("fill", "read the missing cells as empty"),),
            )


def _rows(count: int) -> str:
    return "1 row has" if count == 1 else f"{count:,} rows have"


def columns_of(rows: Sequence[Sequence[str]]) -> list[PackedText]:
    """Rows as columns, formulas that were neutralised as they were."""
    columns = []
    for column in zip(*rows, strict=True):
        packed = pack_text(column)
        if b"'" in packed.data:
            packed = pack_text([plain(cell) for cell in column])
        columns.append(packed)
    return columns
