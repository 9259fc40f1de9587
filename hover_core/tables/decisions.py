"""What was decided about a table without being told, in a sentence, and what else could have been meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# `about` of a decision on how a file is read: the same words name the fields of `Reading`.
READING: Final = ("encoding", "delimiter", "quotes", "header", "decimal", "sheet", "member", "records", "short_rows")


@dataclass(frozen=True)
class Choice:
    """Something that a person can choose instead."""

    value: str
    words: str


@dataclass(frozen=True)
class Decision:
    """One guess that was taken, or one question that is open.

    Attributes
    ----------
    about : what it is about: one of `READING`, `format`, or the role of a column (a field of `intake.Columns`).
    sentence : what was decided and why, for a person; one line.
    value : what was decided, in the form in which it can be given back (`Reading`, `Columns`).
    choices : what else can be chosen, the likeliest first.
    sure : False where a person has to say: nothing is added before.
    """

    about: str
    sentence: str
    value: str = ""
    choices: tuple[Choice, ...] = ()
    sure: bool = True


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; an empty field is decided by what is in the file.

    Attributes
    ----------
    encoding : a name of Python's codecs.
    delimiter : one character; a blank stands for any number of them, a line feed for none: a line is one cell.
    quotes : `yes` or `no`.
    header : the line that names the columns, counted from 1; `0`: no line does.
    decimal : `.` or `,`.
    sheet : the name of a sheet of a workbook.
    member : the name of a file in an archive; a folder of Kaldi's lists, with `/` at its end, for all of them joined.
    records : where the rows lie in a JSON object, names joined by dots; `.` for the object itself.
    short_rows : `fill` the cells that a row is short of with nothing, or `refuse` it.
    """

    encoding: str = ""
    delimiter: str = ""
    quotes: str = ""
    header: str = ""
    decimal: str = ""
    sheet: str = ""
    member: str = ""
    records: str = ""
    short_rows: str = ""
