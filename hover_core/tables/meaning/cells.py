"""What one cell says: that it is missing, or a time in seconds.

A word counts as missing only in the spelling in which programs write it: `NA`, `None` and `null` are nothing, while
`none` and `Na` may be labels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from hover_core.data.credentials import mask_credentials
from hover_core.tables.decisions import Decision

MISSING: Final = frozenset(
    {
        "", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "None", "NULL", "null", "-", "?", "<NA>", "NaT", "#N/A", "#NA",
        "\\N",
    }
)  # fmt: skip
TIME_UNITS: Final = ("s", "ms", "hms")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CLOCK: Final = re.compile(
    r"(?:(?P<days>[0-9]+) days? )?(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]{1,2}):(?P<seconds>[0-9]{1,2}(?:\.[0-9]*)?)"
)
_SUFFIX: Final = {"s": re.compile(r"\s?(?:s|sec|secs|seconds)$", re.I), "ms": re.compile(r"\s?(?:ms|msec)$", re.I)}
_UNIT_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "hms": "hh:mm:ss"}


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is nothing: empty, or one of the words in `MISSING`.

    Examples
    --------
    >>> is_missing(" NA "), is_missing("none")
    (True, False)
    """
    return cell.strip() in MISSING


def missing_words(cells: Iterable[str]) -> dict[str, int]:
    """The words for “nothing” in some cells, and how often each stands there; empty cells are not counted."""
    counts: dict[str, int] = {}
    for cell in cells:
        word = cell.strip()
        if word and word in MISSING:
            counts[word] = counts.get(word, 0) + 1
    return counts


def decimal_mark(decisions: Iterable[Decision]) -> str:
    """The decimal mark of times, `.` or `,`: the last one decided, the reader first, then the columns."""
    return [".", *(decision.value for decision in decisions if decision.about == "decimal")][-1]


def seconds_of(cell: str, unit: str = "s", decimal: str = ".") -> float | str | None:
    """The time that a cell gives, in seconds.

    Parameters
    ----------
    cell : the text as it stands in the table.
    unit : `s`, `ms`, or `hms` for `hh:mm:ss.s`, `mm:ss.s` and `1 days 00:00:02`.
    decimal : the decimal mark, `.` or `,`.

    Returns
    -------
    Seconds, 0 or more; None for a missing cell; a sentence that says what is wrong with it for anything else.

    Examples
    --------
    >>> seconds_of("1:02:03,5", "hms", ","), seconds_of("250", "ms"), seconds_of("NA")
    (3723.5, 0.25, None)
    """
    text = cell.strip()
    if text in MISSING:
        return None
    number = _with_point(text, decimal)
    if unit in _SUFFIX:
        number = _SUFFIX[unit].sub("", number)
    if _NUMBER.fullmatch(number):
        seconds = float(number) / (1000 if unit == "ms" else 1)
        if seconds >= 0 and math.isfinite(seconds):
            return seconds + 0.0  # -0.0 is 0
    clock = _CLOCK.fullmatch(number) if unit == "hms" else None
    if clock and float(clock["seconds"]) < 60 and (clock["hours"] is None or int(clock["minutes"]) < 60):
        days, hours = int(clock["days"] or 0), int(clock["hours"] or 0)
        return ((days * 24 + hours) * 60 + int(clock["minutes"])) * 60 + float(clock["seconds"])
    return _wrong_time(text, unit, decimal)


def _with_point(text: str, decimal: str) -> str:
    if decimal != ",":
        return text
    return text.replace(",", ".") if "." not in text and text.count(",") == 1 else text.replace(".", ",")


def _wrong_time(text: str, unit: str, decimal: str) -> str:
    shown = mask_credentials(text)[:40]
    if unit != "hms" and _CLOCK.fullmatch(text.replace(",", ".")):
        return f"“{shown}” looks like hh:mm:ss, but times are read as {_UNIT_WORDS.get(unit, unit)}"
    if decimal != "," and "," in text and _NUMBER.fullmatch(text.replace(",", ".", 1)):
        return f"“{shown}” has a comma: it is a time only if the comma is the decimal mark"
    return f"“{shown}” must be a time, 0 or more, in {_UNIT_WORDS.get(unit, unit)}"
