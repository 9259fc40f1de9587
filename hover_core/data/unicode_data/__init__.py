"""Two properties of Unicode's characters that Python does not have: look-alikes, and letters that join.

`python -m hover_core.data.unicode_data.make` writes the tables, which are read on first use. Their licence: Unicode
License V3 (`LICENSE.txt` beside them).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent


@functools.cache
def confusables() -> dict[int, str]:
    """`{code point: prototype}` of Unicode TR 39, in the form of `str.translate`.

    It has no characters that NFD decomposes: TR 39 maps characters after NFD.

    Examples
    --------
    >>> confusables()[ord("m")]
    'rn'
    """
    prototypes: dict[int, str] = {}
    for line in _lines("confusables.txt"):
        prototype, characters = line.split(";")
        text = "".join(chr(int(code, 16)) for code in prototype.split())
        prototypes.update((code, text) for code in _code_points(characters))
    return prototypes


@functools.cache
def joining_letters(side: str) -> frozenset[str]:
    """The letters that join to the letter on one side: `next` (Joining_Type D or L) or `previous` (D or R).

    Examples
    --------
    >>> "\\N{ARABIC LETTER BEH}" in joining_letters("next"), "a" in joining_letters("next")
    (True, False)
    """
    letters_of_side: set[str] = set()
    for line in _lines("joining.txt"):
        kind, letters = line.split(";")
        if kind in ("DL" if side == "next" else "DR"):
            letters_of_side.update(map(chr, _code_points(letters)))
    return frozenset(letters_of_side)


def _lines(name: str) -> Iterator[str]:
    for line in (_HERE / name).read_text("ascii").splitlines():
        if not line.startswith("#"):
            yield line


def _code_points(ranges: str) -> Iterator[int]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)
