"""JSON read a piece at a time: members of objects and entries of lists one by one, never the whole text."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

from hover_core.errors import TableError
from hover_core.tables.file_limits import MOST_ROW

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SOME: Final = 1_000_000  # characters that are read at a time
_MOST_DIGITS: Final = 4_000  # of a whole number


class Entry(NamedTuple):
    """A value of a list or an object: its number, itself, what is wrong with it, the beginning of its text."""

    number: int
    value: Any
    wrong: str
    stood: str


class JsonDecoder(json.JSONDecoder):
    """JSON whose keys stand once and whose whole numbers are not endless; `wrong` says what was wrong with a value."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object, parse_int=self._int)
        self.wrong = ""

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1) if len(keys) < 1_000 else ""
            self.wrong = f"the key “{twice[:60]}” stands in it twice: which one counts nobody can know"
        return members

    def _int(self, digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            self.wrong = f"it holds a number of {len(digits):,} digits: write it as text, in quotes"
            return 0
        return int(digits)


class JsonStream:
    """The values of a JSON text in their order.

    Parameters
    ----------
    file : the text, from its beginning.
    what : the beginning of a sentence about damage, as `a.json is damaged`.
    """

    def __init__(self, file: IO[str], what: str) -> None:
        self._file = file
        self._what = what
        self._decoder = JsonDecoder()
        self._text, self._at, self._whole = "", 0, False

    def peek(self) -> str:
        """The character that comes next; empty at the end of the file."""
        mark = self._text[self._at : self._at + 1]
        if mark and mark not in " \t\n\r":
            return mark
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text) or self._whole:
                return self._text[self._at : self._at + 1]
            self._more()

    def value(self, number: int) -> Entry:
        """The next value, whole.

        Raises
        ------
        TableError
            There is none, or none that can be held.
        """
        self.peek()
        while True:
            self._decoder.wrong = ""
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise self._failure(number, "it is nested too deeply") from error
            except ValueError as error:
                if self._whole:
                    raise self._failure(number, str(error).partition(": line")[0]) from error
                if len(self._text) - self._at > MOST_ROW:
                    raise self._failure(number, f"it is no JSON, or has more than {MOST_ROW:,} characters") from error
                self._more()
                continue
            if end < len(self._text) or self._whole:  # a number may go on in the next piece
                break
            self._more()
        entry = Entry(number, value, self._decoder.wrong, self._text[self._at : min(end, self._at + 200)])
        self._at = end
        return entry

    def value_at_hand(self) -> Entry | None:
        """The next value, if it is in memory already; None (and nothing is taken) if it is longer."""
        self.peek()
        if len(self._text) - self._at < _SOME // 2 and not self._whole:
            self._more()
        try:
            self._decoder.wrong = ""
            value, end = self._decoder.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        if end == len(self._text) and not self._whole:
            return None
        entry = Entry(1, value, self._decoder.wrong, "")
        self._at = end
        return entry

    def entries(self) -> Iterator[Entry]:
        """The entries of the list that comes next."""
        for number in self._parts("[", "]"):
            yield self.value(number)

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; after each, its value has to be taken."""
        for number in self._parts("{", "}"):
            key = self.value(number).value
            if not isinstance(key, str) or self.peek() != ":":
                raise self._failure(number, "a key in quotes and a colon are missing")
            self._at += 1
            yield key

    def skip(self) -> None:
        """Take the next value, however long, and forget it."""
        if self.value_at_hand() is not None:
            return
        mark = self.peek()
        if mark == "{":
            for _ in self.members():
                self.skip()
        elif mark == "[":
            for _ in self._parts("[", "]"):
                self.skip()
        else:
            self.value(1)

    def find(self, path: tuple[str, ...]) -> bool:
        """Go to the value at a path of keys; False where there is none."""
        for wanted in path:
            if self.peek() != "{":
                return False
            for key in self.members():
                if key == wanted:
                    break
                self.skip()
            else:
                return False
        return True

    def _parts(self, opening: str, closing: str) -> Iterator[int]:
        if self.peek() != opening:
            raise self._failure(1, f"“{opening}” is missing")
        self._at += 1
        for number in itertools.count(1):
            if self.peek() == closing and number == 1:
                self._at += 1
                return
            yield number
            mark = self.peek()
            self._at += 1
            if mark == closing:
                return
            if mark != ",":
                raise self._failure(number, "a comma or the closing bracket is missing after it")

    def _more(self) -> None:
        part = self._file.read(max(_SOME, len(self._text) - self._at))
        self._text, self._at, self._whole = self._text[self._at :] + part, 0, not part

    def _failure(self, number: int, why: str) -> TableError:
        return TableError(f"{self._what}: entry {number}: {why[:120]}")
