"""Columns whose numbers have a comma where others have a point: `0,5`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.reading.looks import cut

_LOOKED_AT: Final = 1_000
_NUMBER: Final = r"^\s*[-+]?\d*,\d+\s*$"
_WHOLE: Final = r"^\s*[-+]?\d+\s*$"
_THOUSANDS: Final = r"^\s*[-+]?[1-9]\d{0,2}(,\d{3})+\s*$"
_SHOWN: Final = 5


def decimal_decisions(columns: Mapping[str, Any], chosen: str) -> list[Decision]:
    """What is decided about columns that look as if their numbers had decimal commas; their cells stay as they are.

    Parameters
    ----------
    columns : name → cells, a pandas array of text.
    chosen : `.` or `,` where a person chose what is meant; else empty.
    """
    decimal: list[str] = []
    doubtful: list[str] = []
    for name, cells in columns.items():
        kind = _kind(cells)
        if kind:
            (doubtful if kind == "thousands" else decimal).append(name)
    if not decimal and not doubtful:
        return []
    value = chosen or ("," if decimal else ".")
    names = decimal or doubtful
    shown = ", ".join(f"“{cut(name)}”" for name in islice(names, _SHOWN))
    shown += f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    example = next((str(cell).strip() for cell in columns[names[0]][:_LOOKED_AT] if "," in str(cell)), "0,5")
    in_columns = f"in the column{'s' if len(names) > 1 else ''} {shown}"
    fraction = Choice(",", f"a comma begins the fraction: {example} is {example.replace(',', '.')}")
    other = Choice(".", "a comma begins no fraction")
    if value == ",":
        sentence = f"A comma begins the fraction of a number {in_columns}: {example} is {example.replace(',', '.')}"
        return [Decision("decimal", sentence, ",", (other,))]
    sentence = f"A comma {in_columns} ({example}) begins no fraction"
    return [Decision("decimal", sentence, ".", (fraction,))]


def _kind(cells: Any) -> str:
    """`fraction` where a column holds decimal commas, `thousands` where they may divide thousands, else nothing."""
    import pyarrow.compute as pc

    text = cells._pa_array if hasattr(cells, "_pa_array") else cells
    head = text.slice(0, _LOOKED_AT)
    filled = pc.sum(pc.not_equal(pc.utf8_trim_whitespace(head), "")).as_py() or 0
    with_comma = pc.sum(pc.match_substring_regex(head, _NUMBER)).as_py() or 0
    whole = pc.sum(pc.match_substring_regex(head, _WHOLE)).as_py() or 0
    if not with_comma or (with_comma + whole) < 0.9 * filled:
        return ""
    thousands = pc.sum(pc.match_substring_regex(head, _THOUSANDS)).as_py() or 0
    return "thousands" if thousands == with_comma else "fraction"
