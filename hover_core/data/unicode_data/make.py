"""Writes the tables in this folder again: `python -m hover_core.data.unicode_data.make`.

ICU (Debian's `libicu-dev`), which contains Unicode's `confusables.txt` in compiled form, computes the skeleton of every
character. A newer ICU gives the tables of a newer Unicode; both tables are replaced together.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_HEAD = """\
# {what}
# Unicode {version}, by ICU {icu}. Copyright 1991-2022 Unicode, Inc. Unicode License V3: see LICENSE.txt.
# Made by `python -m hover_core.data.unicode_data.make`; do not change it by hand.
"""
_JOINING_TYPE = 0x1007  # UCHAR_JOINING_TYPE
_JOINING = {2: "D", 3: "L", 4: "R"}  # of UJoiningType
_SURROGATES = range(0xD800, 0xE000)


class _Icu:
    """The few functions of ICU that are needed; their names end in ICU's version."""

    def __init__(self) -> None:
        common, more = (ctypes.util.find_library(name) for name in ("icuuc", "icui18n"))
        number = re.search(r"\d+", (common or "").rpartition(".so")[2])
        if not common or not more or not number:
            sys.exit("ICU is not installed: `apt-get install libicu-dev` brings it")
        self.number = number[0]
        self._common, self._more = ctypes.CDLL(common), ctypes.CDLL(more)
        self._buffer = ctypes.create_string_buffer(4096)
        self._function(self._more, "uspoof_open").restype = ctypes.c_void_p
        self._checker = ctypes.c_void_p(self._call(self._more, "uspoof_open"))

    def _call(self, library: ctypes.CDLL, name: str, *arguments: Any) -> int:
        status = ctypes.c_int(0)
        value: int = self._function(library, name)(*arguments, ctypes.byref(status))
        if status.value > 0:
            sys.exit(f"{name} of ICU {self.number} failed with its error {status.value}")
        return value

    def _function(self, library: ctypes.CDLL, name: str) -> Any:
        return getattr(library, f"{name}_{self.number}")

    def version(self) -> str:
        """The version of Unicode that this ICU implements."""
        parts = (ctypes.c_uint8 * 4)()
        self._function(self._common, "u_getUnicodeVersion")(parts)
        return ".".join(map(str, list(parts)[:3]))

    def skeleton(self, words: str) -> str:
        """The skeleton of a text by TR 39."""
        data, size = words.encode(), len(self._buffer)
        length = self._call(self._more, "uspoof_getSkeletonUTF8", self._checker, 0, data, len(data), self._buffer, size)
        return self._buffer.raw[:length].decode()

    def joining_type(self, code: int) -> str:
        """`D`, `L` or `R` for a letter that joins others, else empty."""
        return _JOINING.get(self._function(self._common, "u_getIntPropertyValue")(code, _JOINING_TYPE), "")


def main() -> None:
    """Write both tables.

    Raises
    ------
    SystemExit
        ICU is not installed, or one of its functions fails.
    """
    icu, here = _Icu(), Path(__file__).parent
    lookalikes: dict[str, list[int]] = {}
    joining: dict[str, list[int]] = {}
    for code in range(sys.maxunicode + 1):
        if code in _SURROGATES:
            continue
        character = chr(code)
        prototype = icu.skeleton(character)
        if prototype != character and unicodedata.normalize("NFD", character) == character:
            lookalikes.setdefault(_hex(map(ord, prototype)), []).append(code)
        if kind := icu.joining_type(code):
            joining.setdefault(kind, []).append(code)
    for name, what, table in (
        ("confusables.txt", "Prototype; the characters that look like it, of TR 39.", lookalikes),
        ("joining.txt", "Joining_Type; the letters that have it.", joining),
    ):
        head = _HEAD.format(what=what, version=icu.version(), icu=icu.number)
        lines = [f"{key};{_ranges(codes)}\n" for key, codes in sorted(table.items())]
        (here / name).write_text(head + "".join(lines), "ascii")


def _hex(codes: Iterable[int]) -> str:
    return " ".join(f"{code:X}" for code in codes)


def _ranges(codes: list[int]) -> str:
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in ranges)


if __name__ == "__main__":
    main()
