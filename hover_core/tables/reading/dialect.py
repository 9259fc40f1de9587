"""Which separator a text table has, and whether it quotes: that by which its lines have the same number of cells."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.file_limits import MOST_ROW
from hover_core.tables.reading.grid import Row
from hover_core.tables.reading.line_cells import BLANKS, NOTHING, Cells, Dialect, Lines, TooLong
from hover_core.tables.reading.looks import KNOWN_NAMES, is_address, is_number, is_path, line_list, name_key, share_of

_SEPARATORS: Final = "\t;,|"
_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", BLANKS: "blanks", NOTHING: "nothing"}
_SAMPLE_LINES: Final = 1_000
_ENOUGH: Final = 0.34  # of the lines have the same number of cells, more than one
_NEARLY_ALL: Final = 0.9
_MANY: Final = 20  # cells in quotes
_KEY: Final = re.compile(r"\S*[\d_-]\S*")
_BY_BLANKS: Final = re.compile(
    r"\.(?:scp|ctm|stm|rttm)\Z|(?:^|[/\\])(?:segments|utt2spk|utt2dur|spk2utt|text)\Z", re.IGNORECASE
)
_LONG_KEY: Final = re.compile(r"(?=\S*\d)[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)+|(?=\S*\d)[A-Za-z][A-Za-z0-9]{5,}")
_WHOLE_LINE: Final = re.compile(r'"(?:[^"]|"")*"')
_BLANK_AND_QUOTE: Final = re.compile(r'[,;|\t] +"')

OpenText = Callable[[], AbstractContextManager[IO[str] | Iterable[str]]]


@dataclass(frozen=True)
class _Trial:
    """How well a dialect fits the first lines."""

    dialect: Dialect
    width: int
    share: float  # of the lines, in rows of that width
    named: bool = False  # whether the first row holds a common name of a column
    pure: float = 0.0  # share of the cells without another separator, and of the rows with a name of a sound


def separator_line(head: str) -> tuple[str, int]:
    """The separator that the first line names, as Excel understands it (`sep=;`), and where the table begins."""
    match = re.match(r'[\r\n]*"?sep=(\t|[^\r\n"])"?[ \t;,]*(?:\r\n?|\n)', head, re.IGNORECASE)
    return (match[1], match.end()) if match else ("", 0)


def is_wrapped(head: str) -> bool:
    """Whether each line stands in quotes as a whole, as some programs save a table that they read as one column."""
    lines = [line.strip() for line in _whole_lines(head) if line.strip()]
    if len(lines) < 2 or not all(map(_WHOLE_LINE.fullmatch, lines)):
        return False
    counts = [{line.count(mark) for line in lines} for mark in _SEPARATORS]
    return any(len(count) == 1 and 0 not in count for count in counts)


def unwrap_lines(file: IO[str]) -> Iterator[str]:
    """Lines without the quotes around them."""
    for line in iter(partial(file.readline, MOST_ROW + 1), ""):
        text = line.rstrip("\r\n")
        whole = len(text) > 1 and text[0] == text[-1] == '"'
        yield (text[1:-1].replace('""', '"') if whole else text) + "\n"


def find_dialect(head: str, name: str, reading: Reading, *, has_quotes: bool) -> tuple[Dialect, list[Decision]]:
    """The separator and the quotes of the first lines, and what else they could be.

    Parameters
    ----------
    has_quotes : whether there is a double quote anywhere in the file, be it behind its first lines.

    Raises
    ------
    TableError
        `reading` names a separator that is none.
    """
    lines = _whole_lines(head)
    quotes = reading.quotes != "no" and (reading.quotes == "yes" or has_quotes)
    if reading.delimiter:
        if len(reading.delimiter) != 1 or reading.delimiter in '\r"':
            raise TableError(f"delimiter={reading.delimiter!r} must be one character that separates cells")
        return _complete(Dialect(reading.delimiter, quotes), lines, name), [_about_chosen(reading.delimiter)]
    whole = [line.strip() for line in lines if line.strip()]
    if _BY_BLANKS.search(name) and (blanks := _blanks(whole, quotes, name)):
        return blanks, [_about_blanks(blanks)]
    trials = [_trial(lines, Dialect(mark, mode), name) for mark in _SEPARATORS for mode in {quotes, False}]
    trials = sorted(trials, key=lambda trial: _rank(trial, name), reverse=True)
    divided = [trial for trial in trials if trial.width > 1 and (trial.share >= _ENOUGH or trial.named)]
    best = divided[0] if divided else None
    if best is not None and not (best.share < _NEARLY_ALL and share_of(_is_one_address, whole) >= _NEARLY_ALL):
        held = any(t.dialect == replace(best.dialect, quotes=quotes) and t.width > 1 for t in trials)
        dialect = _complete(replace(best.dialect, quotes=quotes and held), lines, name)
        return dialect, _rivals(dialect, trials)
    blanks = _blanks(whole, quotes, name)
    if blanks is not None:
        return blanks, [_about_blanks(blanks)]
    single = Dialect(NOTHING, quotes)
    if best is None and not any(len(line.split(None, 1)) > 1 for line in whole if line[0] != "#"):
        return single, []
    others = [BLANKS] if best is None else [best.dialect.delimiter]
    return single, [
        Decision(
            "delimiter",
            "Each line is one cell: nothing in it separates cells in all lines alike",
            NOTHING,
            tuple(Choice(mark, f"{_WORDS[mark]} separate cells") for mark in others),
        )
    ]


def _whole_lines(head: str) -> list[str]:
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", head)
    if len(lines) > 1 and len(head) > 100_000:
        lines.pop()  # it may go on
    return lines[:_SAMPLE_LINES]


def _rows(lines: Sequence[str], dialect: Dialect, name: str) -> list[tuple[Row, int]]:
    """Rows, and how many lines each has."""
    source = Lines(iter(lines), name)
    rows: list[tuple[Row, int]] = []
    try:
        for row in Cells(source, dialect, name):
            rows.append((row, len(source.taken)))
    except TooLong:
        pass
    return rows


def _trial(lines: Sequence[str], dialect: Dialect, name: str) -> _Trial:
    rows = [(row, count) for row, count in _rows(lines, dialect, name) if not row.cells[0].startswith("#")]
    if not rows:
        return _Trial(dialect, 0, 0.0)
    counts: Counter[int] = Counter()
    for row, count in rows:
        counts[len(row.cells)] += count
    first = len(rows[0][0].cells)
    width = max((width for width in counts if width > 1), key=lambda width: (counts[width], width == first), default=1)
    all_lines = sum(counts.values())
    good = sum(count for row, count in rows if len(row.cells) == width or _only_trailing(row.cells, width))
    named = first > 1 and any(name_key(cell.strip('"')) in KNOWN_NAMES for cell in rows[0][0].cells)
    return _Trial(dialect, width, good / all_lines, named, _purity([row.cells for row, _ in rows], dialect.delimiter))


def _purity(rows: Sequence[Sequence[str]], delimiter: str) -> float:
    """Share of the cells in which no other separator stands, and of the rows in which one ends like sound. [0 to 2]"""
    others = set(_SEPARATORS) - {delimiter}

    def is_pure(cell: str) -> bool:
        return is_number(cell) or not others.intersection(cell)

    cells = [cell for row in rows for cell in row if cell.strip()]
    named = sum(any(is_address(cell) and is_pure(cell) for cell in row) for row in rows)
    return sum(map(is_pure, cells)) / max(len(cells), 1) + named / len(rows)


def _only_trailing(cells: Sequence[str], width: int) -> bool:
    return len(cells) > width > 1 and not any(cells[width:])


def _rank(trial: _Trial, name: str) -> tuple[bool, float, float, bool, bool, int]:
    tab = trial.dialect.delimiter == "\t" and name.lower().endswith((".tsv", ".tab"))
    return (
        trial.width > 1,
        round(trial.share + (0.2 if tab else 0), 2),
        round(trial.pure, 2),
        trial.dialect.quotes,
        trial.dialect.delimiter != "|",
        trial.width,
    )


def _complete(dialect: Dialect, lines: Sequence[str], name: str) -> Dialect:
    """The dialect with what only the lines can say: blanks after separators, and how often blanks divide."""
    if dialect.delimiter == BLANKS:
        return replace(dialect, once=not _even(lines, dialect, name))
    if dialect.quotes and any(map(_BLANK_AND_QUOTE.search, lines)):
        loose = replace(dialect, blank_after=True)
        if _trial(lines, loose, name).share > _trial(lines, dialect, name).share:
            return loose
        strictly, loosely = (Cells(Lines(iter(lines), name), one, name) for one in (dialect, loose))
        if list(strictly) and list(loosely) and len(loosely.odd) <= len(strictly.odd):
            return loose
    return dialect


def _about_chosen(delimiter: str) -> Decision:
    words = _WORDS.get(delimiter, f"“{delimiter}”")
    others = tuple(Choice(mark, f"{_WORDS[mark]} separate cells") for mark in ",;\t| \n" if mark != delimiter)
    sentence = "Each line is one cell" if delimiter == NOTHING else f"Cells are separated by {words}"
    return Decision("delimiter", sentence, delimiter, others)


def _rivals(dialect: Dialect, trials: Sequence[_Trial]) -> list[Decision]:
    """A decision where other separators divide the lines as evenly."""
    marks = [t.dialect.delimiter for t in trials if t.width > 1 and t.share >= _NEARLY_ALL]
    others = [mark for mark in dict.fromkeys(marks) if mark != dialect.delimiter]
    if not others:
        return []
    sentence = f"Cells are separated by {_WORDS[dialect.delimiter]}"
    return [Decision("delimiter", sentence, dialect.delimiter, tuple(Choice(m, f"by {_WORDS[m]}") for m in others))]


# blanks ---------------------------------------------------------------------------------------------------------------


def _is_one_address(line: str) -> bool:
    return is_address(line) and not re.search(r"[\t;|]", line)


def _blanks(whole: Sequence[str], quotes: bool, name: str) -> Dialect | None:
    """Whether blanks divide the lines: `id path`, `path transcript`, or a table whose columns are apart by blanks."""
    body = [line for line in whole if not line.startswith("#")][:_SAMPLE_LINES]
    parts = [line.split(None, 1) for line in body]
    if not body or sum(len(part) > 1 for part in parts) < _NEARLY_ALL * len(body):
        return None
    firsts = [part[0] for part in parts if len(part) > 1]
    rests = [part[1] for part in parts if len(part) > 1]
    if name_key(body[0].strip('"')) in KNOWN_NAMES and not all(is_number(first.strip('"')) for first in firsts):
        return None  # one name above, and names with blanks below; R would number its rows
    dialect = Dialect(BLANKS, quotes)
    even = _even([f"{line}\n" for line in body], dialect, name)
    if share_of(is_address, firsts) >= _NEARLY_ALL:
        return replace(dialect, once=not even)
    if _BY_BLANKS.search(name):
        return replace(dialect, once=not even or name.lower().endswith((".scp", "text", "spk2utt")))
    if share_of(_begins_like_a_path, rests) >= _NEARLY_ALL:
        keys = all(map(_KEY.fullmatch, firsts)) and (len(set(firsts)) > 1 or len(firsts) == 1)
        paths = even > 2 and share_of(is_path, (path for rest in rests for path in rest.split())) >= _NEARLY_ALL
        return replace(dialect, once=not paths) if keys else None
    if len(body) > 2 and len(set(firsts)) == len(body) and all(map(_LONG_KEY.fullmatch, firsts)):
        return replace(dialect, once=True)  # a key and what is said there
    if share_of(is_address, body) >= _NEARLY_ALL - 0.01 - 1 / len(body):
        return None  # paths with blanks in them
    return dialect if even and (even > 2 or _is_table(parts)) else None


def _even(lines: Sequence[str], dialect: Dialect, name: str) -> int:
    """Into how many cells blanks divide each line alike, the first one of R (one cell fewer) set aside; else 0."""
    widths = [len(row.cells) for row, _ in _rows(lines, dialect, name)]
    if not widths:
        return 0
    body = widths[1:] or widths
    width, count = Counter(body).most_common(1)[0]
    return width if width > 1 and count >= _NEARLY_ALL * len(body) and widths[0] in (width, width - 1) else 0


def _begins_like_a_path(rest: str) -> bool:
    first = rest.split(None, 1)[0]
    return is_path(first) or (is_path(rest) and "/" in rest)


def _is_table(parts: Sequence[Sequence[str]]) -> bool:
    """Whether one column of two holds addresses below a header."""
    body = parts[1:]
    return bool(body) and max(share_of(is_address, (part[place] for part in body)) for place in (0, 1)) > _NEARLY_ALL


def _about_blanks(dialect: Dialect) -> Decision:
    how = "the first blank of a line divides it into two cells" if dialect.once else "blanks separate cells"
    return Decision(
        "delimiter",
        f"{how[0].upper()}{how[1:]}",
        BLANKS,
        (Choice(NOTHING, "each line is one cell"), Choice(",", "commas separate cells")),
    )


# quotes or none -------------------------------------------------------------------------------------------------------


@dataclass
class _Count:
    """How a whole file is read in one way."""

    rows: int = 0
    bad: int = 0  # lines in rows of another width
    odd: int = 0
    spans: int = 0
    impossible: bool = False


def quotes_hold(head: str, dialect: Dialect, width: int, name: str) -> bool:
    """Whether the first lines leave no doubt that quotes hold cells together, so that the rest need not be read twice.

    A tab-separated table is never beyond doubt: most programs that write tabs quote nothing.
    """
    if dialect.delimiter == "\t":
        return False
    edge = re.escape(dialect.delimiter)
    lines = _whole_lines(head)
    quoted = sum(len(re.findall(rf'(?:^|{edge})"[^"]*"(?={edge}|\s*\Z)', line)) for line in lines)
    count = _count(lambda: contextlib.nullcontext(io.StringIO("".join(lines), "")), dialect, width, name)
    return quoted >= _MANY and not (count.bad or count.odd or count.impossible)


def find_quotes(open_text: OpenText, dialect: Dialect, width: int, name: str) -> tuple[Dialect, list[Decision]]:
    """Whether quotes hold cells together, for a file that has some: that by which all lines are complete."""
    with_quotes = _count(open_text, dialect, width, name)
    without = _count(open_text, replace(dialect, quotes=False), width, name)
    if not (with_quotes.impossible or with_quotes.odd) and (
        with_quotes.bad < without.bad or (with_quotes.bad == without.bad and not with_quotes.spans)
    ):
        return dialect, []  # as it should be
    if without.impossible or with_quotes.impossible:
        quotes = without.impossible or without.bad * 2 > without.rows
    elif with_quotes.bad == without.bad and not with_quotes.odd:  # cells with line ends, each line complete as well
        quotes = dialect.delimiter != "\t" and not _lines_alike(open_text, dialect, width, name)
    else:
        quotes = with_quotes.bad < without.bad
    chosen = replace(dialect, quotes=quotes)
    return chosen, [_about_quotes(quotes, with_quotes, without)]


def _count(open_text: OpenText, dialect: Dialect, width: int, name: str) -> _Count:
    count = _Count()
    with open_text() as file:
        lines = Lines(file, name)
        cells = Cells(lines, dialect, name, width)
        try:
            for row in cells:
                count.rows += 1
                if len(row.cells) != width and not _only_trailing(row.cells, width):
                    count.bad += len(lines.taken)
        except TooLong:
            count.impossible = True
    count.odd, count.spans = len(cells.odd), cells.spans
    return count


def _lines_alike(open_text: OpenText, dialect: Dialect, width: int, name: str) -> bool:
    """Whether in each line by itself the cells look like addresses where those of other lines do."""
    plain = replace(dialect, quotes=False)
    with open_text() as file:
        rows = [row.cells for row in _first(Cells(Lines(file, name), plain, name), 10_000) if len(row.cells) == width]
    columns = list(zip(*rows[1:], strict=True))
    shares = [share_of(is_path, column) for column in columns]
    return 1.0 in shares or sum(part > 0.99 for part in shares) > 0


def _first(rows: Iterable[Row], most: int) -> Iterator[Row]:
    for row, _ in zip(rows, range(most), strict=False):
        yield row


def _about_quotes(quotes: bool, with_quotes: _Count, without: _Count) -> Decision:
    yes = f"with quotes: {_counted(with_quotes)}"
    no = f"without: {_counted(without)}"
    if quotes:
        return Decision(
            "quotes",
            f"Quotes hold cells together ({yes}; {no})",
            "yes",
            (Choice("no", f"a quote is a character like any other: {_counted(without)}"),),
        )
    return Decision(
        "quotes",
        f"Quotes are characters like any other, so that each line is a row ({no}; {yes})",
        "no",
        (Choice("yes", f"quotes hold cells together: {_counted(with_quotes)}"),),
    )


def _counted(count: _Count) -> str:
    if count.impossible:
        return "a cell would be too long"
    bad = count.bad
    rows = "1 row" if count.rows == 1 else f"{count.rows:,} rows"
    lines = "1 line does" if bad == 1 else f"{bad:,} lines do"
    return f"{rows}, {lines} not fit" if bad else f"{rows}, all complete"


def about_odd(odd: Sequence[int], *, asked: bool) -> Decision:
    """Lines that were taken as they stand because a quote in them does not end where a cell ends.

    Parameters
    ----------
    asked : whether another decision offers to read quotes in another way already.
    """
    has = "1 line has a quote" if len(odd) == 1 else f"{len(odd):,} lines have quotes"
    return Decision(
        "quotes",
        f"{has} that does not end where a cell ends: read as it stands there (line {line_list(odd)})".replace(
            "quotes that does", "quotes that do"
        ),
        "" if asked else "yes",
        () if asked else (Choice("no", "a quote is a character like any other"),),
    )
