"""Small tables for tests, written as CSV."""

import csv
import io

import pandas as pd

from hover_core.tables.decisions import Decision
from hover_core.tables.intake import Columns
from hover_core.tables.rows import RawTable
from hover_core.tables.understand import Understanding


def with_header(text: str, delimiter: str = ",") -> RawTable:
    """A table whose first line names the columns."""
    names, *rows = _lines(text, delimiter)
    return RawTable(pd.DataFrame(rows, columns=names, dtype=object), list(range(2, len(rows) + 2)))


def without_header(text: str, delimiter: str = ",") -> RawTable:
    """A table whose columns have no names, as the reader calls them."""
    rows = _lines(text, delimiter)
    names = [f"column {number + 1}" for number in range(len(rows[0]))]
    return RawTable(pd.DataFrame(rows, columns=names, dtype=object), list(range(1, len(rows) + 1)))


def roles(columns: Columns) -> dict[str, str]:
    """The roles that are given."""
    return {role: value for role, value in vars(columns).items() if value and (role, value) != ("time_unit", "s")}


def decision(found: Understanding, about: str) -> Decision:
    """The only decision about something."""
    [only] = [part for part in found.decisions if part.about == about]
    return only


def values(part: Decision) -> list[str]:
    """What can be chosen."""
    return [choice.value for choice in part.choices]


def asked(found: Understanding) -> list[str]:
    """What is asked."""
    return [part.about for part in found.questions]


def _lines(text: str, delimiter: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text.strip("\n")), delimiter=delimiter) if row]
