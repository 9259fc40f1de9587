"""What a column looks like: its name taken apart into words and a unit, and what is in its cells.

A profile looks at some rows: the first ones, which lie together as in the file, and others spread over the rest.
`distinct` and `counts` look at every row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from hover_core.tables.meaning.cells import MISSING, is_missing, seconds_of
from hover_core.tables.rows import RawTable

if TYPE_CHECKING:  # the first page does without
    import pandas as pd

MOST: Final = 0.95  # of the cells: what nearly all are, the column is
_ROWS: Final = 1_200  # that are looked at, half of them the first; fewer in a table of very many columns
_FEWEST_ROWS: Final = 60
_CELLS: Final = 200_000
_SOUND: Final = re.compile(
    r"\.(?:wav|wave|flac|ogg|oga|opus|mp3|mp2|aiff?|aifc|au|snd|m4a|aac|mp4|m4v|mov|mkv|webm|wma|amr|caf|w64|rf64|sph"
    r"|3gp|spx|wv)(?:$|[?#&])",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?:https?|s3|gs|hf|file)://|(?:local|demo):|//[^/\s]+\.[^/\s]+/", re.IGNORECASE)
_PAGE: Final = re.compile(
    r"xeno-canto\.org/(?:species/)?[\w-]+/?$|freesound\.org/(?:people/[^/]+/sounds|s)/\d+/?$|/wiki/File:|youtu\.?be"
    r"|macaulaylibrary\.org/|inaturalist\.org/|\.(?:html?|php|aspx?)(?:$|[?#])",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"(?:\d+ days? )?(?:\d+:)?\d{1,2}:\d{1,2}(?:[.,]\d*)?")
_DATE: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}(?:[T ].*)?")
_DECIMAL_COMMA: Final = re.compile(r"-?\d*,\d+")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?%?")
_NESTED: Final = re.compile(r"^(?:[^\W\d]\w*\.)+(?=[^\W\d])")  # names of objects before the last name
_UNIT: Final = re.compile(
    r"[\s_.\-]*[(\[]\s*(?P<brackets>[^)\]]*)\s*[)\]]\s*$"
    r"|[\s_.\-]+(?:in[\s_.\-]+)?(?P<word>seconds?|secs?|s|milliseconds?|msecs?|millis|ms|minutes?|mins?|samples?|frames?"
    r"|micros(?:econds)?|us|ns|hms)$",
    re.IGNORECASE,
)
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "sekunden"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("hms", "hh:mm:ss", "h:m:s", "mm:ss", "m:s", "hh:mm:ss.s"), "hms"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("sample", "samples", "frame", "frames"), "samples"),
    **dict.fromkeys(("us", "micros", "microseconds", "ns"), "finer than milliseconds"),
    **dict.fromkeys(("h", "hours"), "hours"),
}
_FORMS: Final = {  # how ELAN says in what it counts: `Begin Time - hh:mm:ss.ms`, `Begin Time - ss.msec`
    "hms": re.compile(r"[\s_\-]*\(?hh:mm:ss(?:[.,](?:ms\w*|s+))?\)?$"),
    "s": re.compile(r"[\s_\-]+ss[.,]ms\w*$"),
}
_GLUED: Final = re.compile(  # `starttime`, `classname`; not `labels`, `ends`
    r"\b(?:(start|begin|end|stop|onset|offset)(time|offset|secs?|seconds|ms|samples?|frame)"
    r"|(clip|audio|sound|wav|label|class|speaker)(file|filename|filepath|path|url|name|id|label))\b"
)


class ColumnProfile:
    """One column of a table.

    Attributes
    ----------
    name : what the table calls it.
    words : its name in small words without its unit, as `begin time`; of a nested name the last part.
    unit : the unit in its name: `s`, `ms`, `hms`, another word for one that is not read, or empty.
    cells : some of its cells, without spaces around; missing ones are empty.
    """

    def __init__(self, name: str, cells: list[str], column: pd.Series[str]) -> None:
        self.name = name
        self.words, self.unit = words_and_unit(name)
        self.cells = ["" if is_missing(cell) else cell.strip() for cell in cells]
        self._column = column

    @property
    def tokens(self) -> frozenset[str]:
        """The words of the name."""
        return frozenset(self.words.split())

    @cached_property
    def filled_cells(self) -> list[str]:
        """Those of `cells` that are not missing."""
        return [cell for cell in self.cells if cell]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Every word of the column, of all rows, and how often it stands there; missing words too."""
        counts: dict[str, int] = {}
        for word, number in self._column.value_counts(dropna=False, sort=False).items():
            text = "" if not isinstance(word, str) else word.strip()
            counts[text] = counts.get(text, 0) + int(number)
        return counts

    @cached_property
    def is_filled(self) -> bool:
        """Whether any cell of any row is not missing."""
        return bool(self.filled_cells) or any(not is_missing(word) for word in self.counts)

    @cached_property
    def missing(self) -> dict[str, int]:
        """Words for “nothing” in all rows, but for empty cells, and how often each stands there."""
        words = [word for word in MISSING if word]
        rows = self._column[self._column.isin(words)]
        return {str(word): int(count) for word, count in rows.value_counts().items()}

    @cached_property
    def distinct(self) -> dict[str, int]:
        """`counts` without missing words."""
        return {word: count for word, count in self.counts.items() if not is_missing(word)}

    def share(self, test: Callable[[str], object]) -> float:
        """Which share of the cells that are not missing passes a test; 0 if there are none."""
        return (
            sum(bool(test(cell)) for cell in self.filled_cells) / len(self.filled_cells) if self.filled_cells else 0.0
        )

    @cached_property
    def sound(self) -> float:
        """The share of cells that end like a sound."""
        return self.share(is_sound)

    @cached_property
    def address(self) -> float:
        """The share of cells that are full addresses."""
        return self.share(_ADDRESS.match)

    @cached_property
    def page(self) -> float:
        """The share of cells that are addresses of web pages, as far as an address can tell."""
        return self.share(lambda cell: _ADDRESS.match(cell) and _PAGE.search(cell))

    @cached_property
    def folders(self) -> float:
        """The share of cells with a slash or a backslash."""
        return self.share(lambda cell: "/" in cell or "\\" in cell)

    @cached_property
    def number(self) -> float:
        """The share of cells that are numbers."""
        return self.share(_NUMBER.fullmatch)

    @cached_property
    def whole(self) -> float:
        """The share of cells that are whole numbers."""
        return self.share(lambda cell: cell.lstrip("+-").isdecimal())

    @cached_property
    def clock(self) -> float:
        """The share of cells like `hh:mm:ss` or `mm:ss`."""
        return self.share(_CLOCK.fullmatch)

    @cached_property
    def date(self) -> float:
        """The share of cells that are dates."""
        return self.share(_DATE.fullmatch)

    @cached_property
    def json(self) -> float:
        """The share of cells that are JSON objects or lists, or Python's."""
        return self.share(lambda cell: cell[0] + cell[-1] in ("[]", "{}"))

    @cached_property
    def decimal(self) -> str:
        """The decimal mark of its numbers."""
        return "," if any(map(_DECIMAL_COMMA.fullmatch, self.filled_cells)) else "."

    @cached_property
    def seconds(self) -> list[float | None]:
        """`cells` as numbers: clock times in seconds, others as they are; None where a cell is no time."""
        unit = "hms" if self.clock else "s"
        times = (seconds_of(cell, unit, self.decimal) for cell in self.cells)
        return [time if isinstance(time, float) else None for time in times]

    @cached_property
    def is_times(self) -> bool:
        """Whether its cells can be times, 0 or more."""
        times = sum(time is not None for time in self.seconds)
        return bool(self.filled_cells) and times >= MOST * len(self.filled_cells)


class TableProfile:
    """All columns of a table, and the rows that they look at."""

    def __init__(self, table: RawTable) -> None:
        self.table = table
        self.rows = len(table.frame)
        most = max(_FEWEST_ROWS, min(_ROWS, _CELLS // max(1, table.frame.shape[1])))
        first = min(self.rows, most // 2)
        step = max(1, (self.rows - first) // (most // 2))
        self.places = [*range(first), *range(first, self.rows, step)]
        part = table.frame.iloc[self.places]
        self.columns: dict[str, ColumnProfile] = {}
        for place, name in enumerate(map(str, table.frame.columns)):
            cells = [cell if isinstance(cell, str) else "" for cell in part.iloc[:, place].tolist()]
            self.columns[name] = ColumnProfile(name, cells, table.frame.iloc[:, place])

    def __getitem__(self, name: str) -> ColumnProfile:
        return self.columns[name]

    def __iter__(self) -> Iterator[ColumnProfile]:
        return iter(self.columns.values())

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the columns in small letters."""
        return frozenset(name.strip().lower() for name in self.columns)

    @cached_property
    def headless(self) -> bool:
        """Whether no line of the file named the columns."""
        return all(re.fullmatch(r"column \d+", name) for name in self.columns)

    def has(self, *names: str) -> bool:
        """Whether all of these columns are there, in any case."""
        return self.names.issuperset(names)

    def called(self, *names: str) -> str:
        """The column of the first of some names that is there, in any case; empty for none."""
        by_lower = {name.strip().lower(): name for name in reversed(self.columns)}
        return next((by_lower[name] for name in names if name in by_lower), "")


def words_and_unit(name: str) -> tuple[str, str]:
    """The name of a column in small words, and the unit that it names.

    Examples
    --------
    >>> words_and_unit("Begin Time (s)"), words_and_unit("data.startMs")
    (('begin time', 's'), ('start', 'ms'))
    """
    text = unicodedata.normalize("NFKC", name).strip()
    text = _NESTED.sub("", text)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", text).lower()
    unit = next((unit for unit, form in _FORMS.items() if form.search(text)), "")
    text = _FORMS[unit].sub("", text) if unit else text
    match = None if unit else _UNIT.search(text)
    if match:
        word = (match["brackets"] if match["brackets"] is not None else match["word"]).strip()
        if word in _UNITS and match.start():
            unit, text = _UNITS[word], text[: match.start()]
    words = " ".join(re.findall(r"[^\W_]+", text))
    words = _GLUED.sub(lambda match: " ".join(part for part in match.groups() if part), words)
    last = words.rpartition(" ")
    if not unit and last[0] in ("start", "begin", "end", "stop", "onset", "offset") and last[2] in _UNITS:
        words, unit = last[0], _UNITS[last[2]]
    return words, unit


def is_sound(cell: str) -> bool:
    """Whether an address or a path ends like a sound, and is no page about one."""
    return bool(_SOUND.search(cell)) and not _PAGE.search(cell)


def stem(path: str) -> str:
    """The last part of a path without its ending."""
    return re.sub(r"\.[A-Za-z0-9]{1,5}$", "", re.split(r"[/\\]", re.split(r"[?#]", path)[0].rstrip("/"))[-1])
