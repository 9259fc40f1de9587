"""What a column of text holds: numbers, times and booleans are written as such where reading gives the same text again.

Everything that comes in is kept as text. A column leaves as numbers only if each of its cells is spelled as its number
is: `007`, `1.50` and `1_000` stay text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from hover_core.tables.rows import cell_text

_LONGEST: Final = 40  # characters: nothing longer is a number, a date or a time
_MOST_INTEGER: Final = 1 << 63


def _boolean(cell: str) -> bool:
    return {"True": True, "False": False}[cell]


def _integer(cell: str) -> int:
    value = int(cell)
    if str(value) != cell or not -_MOST_INTEGER <= value < _MOST_INTEGER:
        raise ValueError
    return value


def _float(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value) or cell_text(value) != cell:
        raise ValueError
    return value


def _day(cell: str) -> date:
    value = date.fromisoformat(cell)
    if str(value) != cell:
        raise ValueError
    return value


def _time(cell: str) -> datetime:
    value = datetime.fromisoformat(cell)
    if value.tzinfo is not None or str(value) != cell:
        raise ValueError
    return value


def _time_utc(cell: str) -> datetime:
    value = datetime.fromisoformat(cell)
    if value.tzinfo is None or str(value.astimezone(UTC)) != cell:
        raise ValueError
    return value


def _seconds(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError
    return value


def _moment(cell: str) -> datetime:
    value = datetime.fromisoformat(cell)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


# kind → its value of a cell; raises ValueError or KeyError where the cell has none. The first that fits is taken.
_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "boolean": _boolean, "integer": _integer, "float": _float, "date": _day, "time": _time, "time_utc": _time_utc,
    "seconds": _seconds, "moment": _moment,
}  # fmt: skip
_GUESSED: Final = ("boolean", "integer", "float", "date", "time", "time_utc")
# Our own columns are known: what they hold has one spelling whatever the table's was.
OURS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("id", "audio", "SUBSET", "label", "group", "annotator", "how", "reference"), ()),
    **dict.fromkeys(("start", "end", "duration"), ("seconds",)),
    "annotated_at": ("moment",),
}


class ColumnType:
    """What a column can still be after the cells that were seen; `kind` is `text` where nothing else is left."""

    def __init__(self, name: str = "") -> None:
        self._left = OURS.get(name, _GUESSED)
        self._seen = name in OURS

    def see(self, cells: Iterable[str]) -> None:
        """Look at more cells; empty ones say nothing."""
        if not self._left:
            return
        for cell in set(cells):
            if cell:
                self._seen = True
                self._left = tuple(kind for kind in self._left if _fits(kind, cell))
                if not self._left:
                    return

    @property
    def kind(self) -> str:
        """`text`, `boolean`, `integer`, `float`, `date`, `time`, `time_utc`, `seconds` or `moment`."""
        return self._left[0] if self._left and self._seen else "text"


def _fits(kind: str, cell: str) -> bool:
    if len(cell) > _LONGEST:
        return False
    try:
        _PARSERS[kind](cell)
    except (ValueError, KeyError, OverflowError):
        return False
    return True


def types_of(columns: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """`{column: kind}` of columns of text."""
    kinds = {}
    for name, cells in columns.items():
        column = ColumnType(name)
        column.see(cells)
        kinds[name] = column.kind
    return kinds


def values(kind: str, cells: Iterable[str]) -> list[Any]:
    """The cells of a column as values of its kind, None for empty ones; of a column of text the text."""
    if kind == "text":
        return list(cells)
    parse = _PARSERS[kind]
    return [parse(cell) if cell else None for cell in cells]


def json_values(kind: str, cells: Sequence[str]) -> list[Any]:
    """The same for JSON, which has numbers and booleans, but no times: those stay text, null where there is none."""
    if kind in ("date", "time", "time_utc", "moment"):
        return [cell or None for cell in cells]
    return values(kind, cells)


def arrow_type(kind: str) -> Any:
    """The Arrow type of a kind."""
    import pyarrow as pa

    return {
        "boolean": pa.bool_(), "integer": pa.int64(), "float": pa.float64(), "seconds": pa.float64(),
        "date": pa.date32(), "time": pa.timestamp("us"), "time_utc": pa.timestamp("us", "UTC"),
        "moment": pa.timestamp("us", "UTC"), "text": pa.string(),
    }[kind]  # fmt: skip


def arrow_schema(kinds: Mapping[str, str], about: Mapping[bytes, bytes] | None = None) -> Any:
    """The Arrow schema of columns of these kinds, with some metadata."""
    import pyarrow as pa

    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in kinds.items()], metadata=dict(about or {}))


def arrow_batch(schema: Any, kinds: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> Any:
    """Columns of text as an Arrow batch of that schema."""
    import pyarrow as pa

    arrays = [pa.array(values(kind, columns[name]), arrow_type(kind)) for name, kind in kinds.items()]
    return pa.record_batch(arrays, schema=schema)


def json_records(kinds: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    """The rows of columns of text as objects that `json.dumps` takes."""
    cells = [json_values(kind, columns[name]) for name, kind in kinds.items()]
    for row in zip(*cells, strict=True):
        yield dict(zip(kinds, row, strict=True))
