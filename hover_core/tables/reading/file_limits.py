"""How much one file of a table or of vectors may ask for; and the sentences that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_COLUMNS: Final = 10_000
MOST_CELL: Final = 10_000_000  # characters
MOST_ROW: Final = 16_000_000  # characters, so that a row fits into a block


@dataclass(frozen=True)
class FileLimits:
    """Bounds for one file.

    Parameters
    ----------
    most_bytes : of its text (50 bytes more for each cell, as Python needs them) or of its numbers (float32), unpacked.
    most_rows : rows, those that cannot be read included.
    memory_bytes : address space of the child beyond what it has after its imports, and beyond the bytes of the file.
    cpu_s, wall_s : seconds of computing and on the clock, and as much again for each 100 MB of the file.
    """

    most_bytes: int = 4_000_000_000
    most_rows: int = 2_000_000
    memory_bytes: int = 1_000_000_000
    cpu_s: float = 60.0
    wall_s: float = 180.0

    def times(self, size: int) -> float:
        """By how much the seconds grow for a file of so many bytes."""
        return 1 + size / 100e6

    def too_large(self) -> str:
        """The sentence for a file that unpacks to more than `most_bytes`."""
        return (
            f"unpacks to more than the {shown_bytes(self.most_bytes)} that one file may take: split it, or let the "
            "operator raise HOVER_TABLE_BYTES"
        )

    def too_many_rows(self, rows: int | None = None) -> str:
        """The sentence for a file with more than `most_rows`; `rows` if it is known how many."""
        has = f"has {rows:,} rows" if rows else "has more rows than are read"
        return f"{has}: at most {self.most_rows:,} are, so split it, or let the operator raise HOVER_TABLE_ROWS"

    def too_many_columns(self, columns: int) -> str:
        """The sentence for a file with more than `MOST_COLUMNS`."""
        return f"has {columns:,} columns: at most {MOST_COLUMNS:,} are read"

    def too_much_memory(self, instead: str) -> str:
        """The sentence for a file that the child had not enough memory for."""
        return f"needs more memory than the {shown_bytes(self.memory_bytes)} that reading it may take: {instead}"


def shown_bytes(size: int) -> str:
    """A number of bytes as a person writes it: `4 GB`, `600 MB`."""
    if size >= 10_000_000_000:
        return f"{size / 1e9:,.0f} GB"
    if size >= 1_000_000_000:
        return f"{size / 1e9:.3g} GB"
    return f"{size / 1e6:.3g} MB" if size >= 1_000_000 else f"{size:,} bytes"
