"""JSON read a piece at a time: members of objects and entries of lists one by one, never the whole text."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, NamedTuple

from hover_core.errors import TableError
from hover_core.tables.reading.file_limits import MOST_ROW

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SOME: Final = 1_000_000  # characters that are read at a time
_NEXT_ENTRY: Final = re.compile(r'(\})\s*,\s*(\{)\s*"[^"\\]{1,60}"\s*:')
_NEXT_PAIR: Final = re.compile(r'(\})\s*,\s*(")')
_NEXT_CELL: Final = re.compile(r'()\s*,\s*(")')
_MOST_FAILURES: Final = 2
_MOST_DIGITS: Final = 4_000  # of a whole number


class Entry(NamedTuple):
    """A value of a list or an object: its number, itself, what is wrong with it, the beginning of its text."""

    number: int
    value: Any
    wrong: str
    stood: str


@dataclass
class _Joint:
    """What stands between two values of a list or an object.

    Attributes
    ----------
    end, text : where the last value ended, and in which text.
    between : from the last character of a value to the beginning of the next.
    kept, next : how many characters of that belong to the value before, and where the next begins.
    failures : how often it stood somewhere else as well.
    """

    end: int = 0
    text: str = ""
    between: str = ""
    kept: int = 0
    next: int = 0
    failures: int = 0


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
        joint = _Joint()
        number = 0
        for _ in self._parts("[", "]"):
            for value in self._run(joint, "[]") or ():
                number += 1
                yield Entry(number, value, "", "")
            number += 1
            entry = self.value(number)
            joint.end, joint.text = self._at, self._text
            yield entry
            if isinstance(entry.value, dict):
                self._learn(joint, _NEXT_ENTRY)

    def pairs(self) -> Iterator[tuple[str, Entry | None]]:
        """Keys and values of the object that comes next; None for a long value, which then has to be taken."""
        joint = _Joint()
        for number in self._parts("{", "}"):
            for key, value in (self._run(joint, "{}") or {}).items():
                yield key, Entry(number, value, "", "")
            key = self._key(number)
            entry = self.value_at_hand()
            joint.end, joint.text = self._at, self._text
            yield key, entry
            if entry is not None:
                self._learn(joint, _NEXT_PAIR if isinstance(entry.value, dict) else _NEXT_CELL)

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; after each, its value has to be taken."""
        for number in self._parts("{", "}"):
            yield self._key(number)

    def _key(self, number: int) -> str:
        key = self.value(number).value
        if not isinstance(key, str) or self.peek() != ":":
            raise self._failure(number, "a key in quotes and a colon are missing")
        self._at += 1
        return key

    def _learn(self, joint: _Joint, pattern: re.Pattern[str]) -> None:
        """What stands between two values, if both are in memory: where it stands again, many can be read at once."""
        if joint.failures > _MOST_FAILURES or joint.between or joint.text is not self._text:
            return
        match = pattern.match(self._text, joint.end - (pattern is not _NEXT_CELL))
        if match:
            joint.between, joint.kept, joint.next = (
                match[0],
                match.end(1) - match.start(),
                match.start(2) - match.start(),
            )

    def _run(self, joint: _Joint, brackets: str) -> Any:
        """All values up to the last joint in memory, at once; None where that cannot be done."""
        if not joint.between:
            return None
        if len(self._text) - self._at < _SOME // 2 and not self._whole:
            self._more()
        cut = self._text.rfind(joint.between, self._at)
        if cut <= self._at:
            return None
        self._decoder.wrong = ""
        try:
            values = self._decoder.decode(f"{brackets[0]}{self._text[self._at : cut + joint.kept]}{brackets[1]}")
        except (ValueError, RecursionError):
            values = None
        if values is None or self._decoder.wrong or (brackets == "[]" and not all(isinstance(v, dict) for v in values)):
            joint.between, joint.failures = "", joint.failures + 1
            return None
        self._at = cut + joint.next
        return values

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
