"""Addresses that are spread over columns: `audio/fold{fold}/{slice_file_name}`, `{fname}.wav`, `clips/{path}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hover_core.errors import TableError

_PLACE: Final = re.compile(r"\{([^{}]+)\}")
_EMPTY_FOLDERS: Final = re.compile(r"(?<![:/])/{2,}")


def pattern_columns(pattern: str, names: Iterable[str]) -> list[str]:
    """The columns that a pattern names, in its order.

    Raises
    ------
    TableError
        A brace is left alone, or a name in braces is no column.
    """
    known = set(names)
    columns = _PLACE.findall(pattern)
    if re.search(r"[{}]", _PLACE.sub("", pattern)):
        raise TableError(f"the pattern “{pattern[:80]}” has a brace without its other: write {{column}}")
    unknown = next((column for column in columns if column not in known), "")
    if unknown:
        raise TableError(f"the pattern “{pattern[:80]}” names “{unknown[:40]}”, which is no column of the table")
    return columns


def fill_pattern(pattern: str, cells: Mapping[str, str]) -> str:
    """The address of a row: the cells in the place of the names; empty if the last of them is empty.

    A folder whose cell is empty leaves no slash behind, and `\\` between folders becomes `/`. A cell that is a full
    address is not joined to what the pattern has before it.

    Examples
    --------
    >>> fill_pattern("{FOLDER}/{IN FILE}", {"FOLDER": "", "IN FILE": "a.wav"})
    'a.wav'
    """
    names = _PLACE.findall(pattern)
    values = {name: cells[name].strip() for name in names}
    if names and not values[names[-1]]:
        return ""
    if names and re.match(r"(?:https?|s3|gs|hf)://", values[names[-1]], re.IGNORECASE):
        return values[names[-1]]
    parts = {name: re.sub(r"\\+", "/", value) for name, value in values.items()}
    inner = {name: part.strip("/") if place else part.rstrip("/") for place, (name, part) in enumerate(parts.items())}
    filled = _PLACE.sub(lambda match: inner[match[1]], pattern)
    if names and not inner[names[0]] and pattern.startswith("{"):
        filled = filled.lstrip("/")
    return _EMPTY_FOLDERS.sub("/", filled)
