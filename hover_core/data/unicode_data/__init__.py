"""Two properties of Unicode's characters that Python does not know: what looks like what, and which letters join.

The tables are made by `python -m hover_core.data.unicode_data.make`, are read when first asked for, and are under the
Unicode License V3 (`LICENSE.txt` beside them).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent


@functools.cache
def confusables() -> dict[int, str]:
    """`{code point: prototype}` of Unicode TR 39, in the form of `str.translate`.

    What NFD takes apart is not in it: TR 39 maps characters after NFD.
    """
    found: dict[int, str] = {}
    for line in _lines("confusables.txt"):
        prototype, alike = line.split(";")
        text = "".join(chr(int(code, 16)) for code in prototype.split())
        found.update((code, text) for code in _code_points(alike))
    return found


@functools.cache
def joining_letters(side: str) -> frozenset[str]:
    """The letters that join a letter on one side of theirs: `next` (Joining_Type D or L) or `previous` (D or R)."""
    found: set[str] = set()
    for line in _lines("joining.txt"):
        kind, letters = line.split(";")
        if kind in ("DL" if side == "next" else "DR"):
            found.update(map(chr, _code_points(letters)))
    return frozenset(found)


def _lines(name: str) -> Iterator[str]:
    for line in (_HERE / name).read_text("ascii").splitlines():
        if not line.startswith("#"):
            yield line


def _code_points(ranges: str) -> Iterator[int]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)
