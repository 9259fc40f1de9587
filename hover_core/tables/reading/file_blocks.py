"""What a child answers about a file: blocks of columns, as a count of rows and one buffer.

A column of text is Arrow's own layout (offsets [shape=(rows + 1,), int32], then UTF-8), a column of numbers is its
bytes; each begins at a multiple of 8. This is less than Arrow's IPC format on purpose: that one may be compressed, and
a child that was taken over could answer a few bytes that unpack to gigabytes in the parent. Here nothing is unpacked:
the parent knows which columns come, and holds what it received. Packing needs nothing but Python, so that a child
starts quickly.
"""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELL_BYTES = 50  # what Python needs for a text besides its characters
MOST_BUFFER = 80_000_000  # bytes of a block
BLOCK_BYTES = 4_000_000  # about as many as a block should have
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


class PackedText(NamedTuple):
    """A column of text, ready to be sent: its offsets, its UTF-8."""

    offsets: bytes
    data: bytes


class Unreadable(ValueError):
    """A buffer is not the block that was expected."""


def pack_text(cells: Sequence[str]) -> PackedText:
    """A column of text. Half of a surrogate pair is no UTF-8: NUL stands for it, which is refused by the same rule."""
    joined = "".join(cells)
    try:
        data = joined.encode()
    except UnicodeEncodeError:
        return pack_text([_HALF_A_PAIR.sub("\x00", cell) for cell in cells])
    lengths = map(len, cells) if len(data) == len(joined) else (len(cell.encode()) for cell in cells)
    return PackedText(array("i", itertools.accumulate(lengths, initial=0)).tobytes(), data)


def block(columns: Sequence[PackedText | bytes]) -> bytes:
    """The buffer of some columns: text, or the bytes of numbers."""
    parts: list[bytes] = []
    for column in columns:
        for part in column if isinstance(column, PackedText) else (column,):
            parts += (part, bytes(-len(part) % 8))
    return b"".join(parts)


class Reader:
    """Takes the columns of a block one by one, in the parent; raises `Unreadable` where one is not what it must be."""

    def __init__(self, buffer: bytes, rows: Any) -> None:
        if type(rows) is not int or not 0 <= rows <= len(buffer):
            raise Unreadable("rows")
        self._buffer = memoryview(buffer)
        self.rows: int = rows
        self._at = 0

    def text(self) -> Any:
        """A column of text, valid UTF-8. [pyarrow.Array of rows strings]"""
        import numpy as np
        import pyarrow as pa

        offsets = self._take(4 * (self.rows + 1))
        size = int(np.frombuffer(offsets[-4:], np.int32)[0])
        data = self._take(size)
        column = pa.Array.from_buffers(pa.string(), self.rows, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise Unreadable("text") from error
        return column

    def numbers(self, dtype: type[np.generic], width: int = 1) -> NDArray[Any]:
        """A column of numbers. [shape=(rows · width,)]"""
        import numpy as np

        return np.frombuffer(self._take(np.dtype(dtype).itemsize * self.rows * width), dtype)

    def end(self) -> None:
        """There is nothing more."""
        if self._at != len(self._buffer):
            raise Unreadable("more than was expected")

    def _take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._buffer) - self._at:
            raise Unreadable("too short")
        part = self._buffer[self._at : self._at + size]
        self._at += size + -size % 8
        return part
