"""Rows of a table on their way from the child to the parent, in blocks and counted, and what was decided on the way."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final

from hover_core.data.credentials import mask_credentials
from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.reading.file_blocks import CELL_BYTES, MOST_BUFFER, PackedText, block, pack_text
from hover_core.tables.reading.file_limits import MOST_COLUMNS, MOST_ROW, FileLimits

Send = Callable[[dict[str, Any], bytes], None]

TOO_LONG: Final = f"it has more than {MOST_ROW:,} characters, or a quote in it is never closed; a row is one clip"
BLOCK_CHARACTERS: Final = 2_000_000
BLOCK_CELLS: Final = 500_000


class Rows:
    """Rows of a table on their way to the parent, in blocks, and counted: `most_bytes` and `most_rows` hold for all.

    Columns may be added as they turn up; earlier rows have empty cells there.
    """

    def __init__(self, send: Send, name: str, limits: FileLimits) -> None:
        self._send = send
        self.name = name
        self.limits = limits
        self._text = 0
        self._refused: list[tuple[int, str, str]] = []
        self.columns = self.rows = self.refused = 0

    def add_columns(self, names: Sequence[str]) -> None:
        """More columns, on the right."""
        self.columns += len(names)
        if self.columns > MOST_COLUMNS:
            raise TableError(f"{self.name} {self.limits.too_many_columns(self.columns)}")
        packed = pack_text(names)
        self._count(len(packed.data))
        self._send({"of": "columns", "rows": len(names)}, block([packed]))

    def add(self, numbers: Sequence[int], columns: Sequence[PackedText]) -> None:
        """Rows by the number that each has in the file: the first columns, the others are empty."""
        self.rows += len(numbers)
        self._count(sum(len(column.data) for column in columns))
        buffer = block([_numbers(numbers), *columns])
        if len(buffer) > MOST_BUFFER:
            raise TableError(f"{self.name}, row {numbers[0]}: {TOO_LONG}")
        self._send({"of": "rows", "rows": len(numbers), "columns": len(columns)}, buffer)

    def refuse(self, number: int, value: str, reason: str) -> None:
        """A row that cannot be read."""
        self._refused.append((number, mask_credentials(value)[:200], mask_credentials(reason)[:400]))
        self.refused += 1
        if len(self._refused) >= 2_000:
            self.flush()

    def flush(self) -> None:
        """Send off the rows that were refused."""
        if not self._refused:
            return
        numbers, values, reasons = zip(*self._refused, strict=True)
        self._refused = []
        texts = [pack_text(values), pack_text(reasons)]
        self._count(sum(len(text.data) for text in texts))
        self._send({"of": "refused", "rows": len(numbers)}, block([_numbers(numbers), *texts]))

    def decide(self, decision: Decision) -> None:
        """Say how the file was read where it could have been read otherwise."""
        choices = json.dumps([[choice.value, choice.words] for choice in decision.choices])
        texts = [pack_text([text]) for text in (decision.about, decision.sentence, decision.value, choices)]
        self._count(sum(len(text.data) for text in texts))
        self._send({"of": "decision", "rows": 1}, block([bytes([decision.sure]), *texts]))

    def _count(self, text: int) -> None:
        self._text += text
        if self.rows + self.refused > self.limits.most_rows:
            raise TableError(f"{self.name} {self.limits.too_many_rows()}")
        if self._text + CELL_BYTES * (self.rows * self.columns + 2 * self.refused) > self.limits.most_bytes:
            raise TableError(f"{self.name} {self.limits.too_large()}")


def _numbers(numbers: Sequence[int]) -> bytes:
    return array("q", numbers).tobytes()
