"""Small tables for tests, written as CSV."""

import csv
import io

import pandas as pd

from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.understand import Understanding, understand
from hover_core.tables.rows import RawTable, cell_text


def with_header(text: str, delimiter: str = ",") -> RawTable:
    """A table whose first line names the columns."""
    names, *rows = _lines(text, delimiter)
    return RawTable(pd.DataFrame(rows, columns=names, dtype=object), list(range(2, len(rows) + 2)))


def without_header(text: str, delimiter: str = ",") -> RawTable:
    """A table whose columns have no names, as the reader calls them."""
    rows = _lines(text, delimiter)
    names = [f"column {number + 1}" for number in range(len(rows[0]))]
    return RawTable(pd.DataFrame(rows, columns=names, dtype=object), list(range(1, len(rows) + 1)))


def flat_json(entries: list[dict]) -> RawTable:
    """Objects as the reader makes rows of them: objects in dotted columns, lists as JSON."""
    rows = [dict(_flat(entry, "")) for entry in entries]
    return RawTable(pd.DataFrame(rows, dtype=object).fillna(""), list(range(1, len(rows) + 1)))


def _flat(entry: dict, prefix: str):
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, cell_text(value)


def cells(table: RawTable, *names: str) -> list[tuple[str, ...]]:
    """The cells of some columns, row by row."""
    return list(zip(*(table.frame[name].tolist() for name in names), strict=True))


def roles(columns: Columns) -> dict[str, str]:
    """The roles that are given."""
    return {role: value for role, value in vars(columns).items() if value and (role, value) != ("time_unit", "s")}


def understood(text: str, name: str = "", **chosen: str) -> Understanding:
    """A table with a header, understood."""
    return understand(with_header(text), name, chosen)


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
