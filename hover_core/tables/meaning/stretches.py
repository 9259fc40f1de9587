"""Which columns say from where to where in its recording a clip goes, and in what they count."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.profiles import MOST, ColumnProfile, TableProfile, stem
from hover_core.tables.meaning.roles import role, role_question, unused_columns, word_set

WHOLE: Final = "no stretches: each sound as a whole"
_START: Final = word_set("start begin beginning beg onset from starts begins beginn anfang debut inicio inizio")
_END: Final = word_set("end stop finish until to ends stops ende fin fine ending")
_LENGTH: Final = word_set("duration length dur len dauer duree duracion durata delta")
_FILLERS: Final = word_set(
    "time times offset segment seg clip event annotation region window call chunk interval position pos at of the in"
    " file recording audio sound detection sample t stamp timestamp vocalization box"
)
_PAIRS: Final = {"tmin": "tmax", "t min": "t max", "min t": "max t", "t0": "t1", "t 0": "t 1", "xmin": "xmax",
                 "x min": "x max", "onset": "offset", "t start": "t end", "start": "offset", "t1": "t2"}  # fmt: skip
_SOURCES: Final = word_set("fs fsid freesound ytid youtube source src original")
_UNIT_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "hms": "hh:mm:ss"}
_READ_UNITS: Final = ("", *_UNIT_WORDS)
_LONG_S: Final = 600  # no stretch that is labelled is as long as this
_MOST_FIT: Final = 0.95


@dataclass(frozen=True)
class _Pair:
    start: ColumnProfile
    end: ColumnProfile | None = None
    length: ColumnProfile | None = None

    @property
    def other(self) -> ColumnProfile | None:
        return self.end or self.length


def guess_stretches(profile: TableProfile, sounds: Sequence[str], used_names: Sequence[str]) -> list[Decision]:
    """The decisions on `start`, `end`, `length`, `time_unit` and `decimal`; none where no column says so.

    Parameters
    ----------
    sounds : the columns that name the sound of a row.
    used_names : all columns that have a role already.
    """
    columns = unused_columns(profile, used_names)
    times = [column for column in columns if column.is_times]
    keys = _keys(profile, sounds)
    pair = _named_pair(times, keys)
    if pair is None:
        return _unread(columns, keys) or _unnamed(profile, times, keys)
    others = [column.name for column in times if column not in (pair.start, pair.other)]
    decisions = [_start_decision(profile, pair, keys, others)]
    if pair.end is not None:
        decisions.append(
            role("end", f"“{pair.end.name}” is where a clip ends", pair.end.name, others, "the sound's end")
        )
    elif pair.length is not None:
        decisions.append(
            role("length", f"A clip ends its “{pair.length.name}” after it starts", pair.length.name, others,
                 "no length: to the sound's end")
        )  # fmt: skip
    elif decisions[0].value:
        decisions.append(
            role_question("end", f"“{pair.start.name}” says where a clip starts, and no column where it ends", "",
                          others, "to the sound's end")
        )  # fmt: skip
    return [*decisions, *time_decisions([pair.start, *([pair.other] if pair.other else [])])]


def time_decisions(columns: Sequence[ColumnProfile]) -> list[Decision]:
    """The decisions on `time_unit` and `decimal` for the columns that hold times."""
    decisions = []
    commas = [column.name for column in columns if column.decimal == ","]
    if commas:
        numbers = [cell for column in columns for cell in column.filled_cells if "," in cell]
        thousands = all(re.fullmatch(r"\d{1,3},\d{3}", cell) for cell in numbers)
        sentence = f"The comma in “{commas[0]}” is the decimal mark, as in {numbers[0]}"
        choices = (Choice(".", "a comma separates thousands: such cells are refused"),)
        decisions.append(Decision("decimal", sentence, ",", choices))
        if thousands:
            sentence = f"{numbers[0]} in “{commas[0]}” may be a thousand or a decimal number: say what the comma is"
            decisions[-1] = Decision("decimal", sentence, ",", (Choice(",", "the decimal mark"), *choices), sure=False)
    decisions.append(_unit(columns))
    return [decision for decision in decisions if decision.value != "s" or not decision.sure]


def is_start(column: ColumnProfile) -> bool:
    """Whether the name of a column says that it is where a clip starts."""
    return _means(column, _START) or column.words in _PAIRS.keys() - {"start"}


def rises(column: ColumnProfile, keys: Sequence[str]) -> bool:
    """Whether the numbers of a column rise from row to row of the same sound, and begin anew with the next."""
    steps, restarts, sounds = [], 0, 0
    for place in range(1, len(keys)):
        before, now = column.seconds[place - 1], column.seconds[place]
        if before is None or now is None:
            continue
        if keys[place] == keys[place - 1]:
            steps.append(now > before)
        else:
            sounds += 1
            restarts += now <= before
    return bool(steps) and sum(steps) >= 0.9 * len(steps) and restarts >= 0.5 * sounds


def _means(column: ColumnProfile, words: frozenset[str]) -> bool:
    return bool(column.tokens & words) and column.tokens <= words | _FILLERS


def _keys(profile: TableProfile, sounds: Sequence[str]) -> list[str]:
    """What names the sound of each row that is looked at."""
    columns = [profile[name].cells for name in sounds]
    return ["\0".join(cells) for cells in zip(*columns, strict=True)] if columns else []


def _named_pair(times: Sequence[ColumnProfile], keys: Sequence[str]) -> _Pair | None:
    read = [column for column in times if column.unit in _READ_UNITS]
    starts = [column for column in read if is_start(column)]
    lengths = [column for column in read if _means(column, _LENGTH) or column.words == "delta time"]
    offset = next((column for column in read if column.words in ("offset", "time offset", "file offset")), None)
    if not starts and offset is not None and lengths:
        return _Pair(offset, length=_of_unit(lengths, offset))
    pairs = [
        _Pair(start, end)
        for start in starts
        for end in read
        if end is not start and (_PAIRS.get(start.words) == end.words or _means(end, _END))
        and (start.unit == end.unit or "" in (start.unit, end.unit))
    ]  # fmt: skip
    if pairs:
        return max(pairs, key=lambda pair: _fitness(pair, keys))
    if starts:
        start = max(starts, key=lambda column: (column.unit == "s", -len(column.words)))
        return _Pair(start, length=_of_unit(lengths, start)) if lengths else _Pair(start)
    return _Pair(offset) if offset is not None and offset.unit else None


def _of_unit(columns: Sequence[ColumnProfile], start: ColumnProfile) -> ColumnProfile:
    return max(columns, key=lambda column: (column.unit == start.unit, column.words in ("delta time", "duration")))


def _fitness(pair: _Pair, keys: Sequence[str]) -> tuple[float, int, int]:
    same_words = pair.end is not None and pair.start.tokens & _FILLERS == pair.end.tokens & _FILLERS
    order = {"s": 3, "": 2, "hms": 1, "ms": 0}
    return _share_in_order(pair), order[pair.start.unit], int(same_words)


def _share_in_order(pair: _Pair) -> float:
    """In how many rows a clip ends after it starts."""
    if pair.end is None:
        return 1.0
    both = [
        (a, b) for a, b in zip(pair.start.seconds, pair.end.seconds, strict=True) if a is not None and b is not None
    ]
    return sum(b > a for a, b in both) / len(both) if both else 1.0


def _start_decision(profile: TableProfile, pair: _Pair, keys: Sequence[str], others: Sequence[str]) -> Decision:
    start, other = pair.start, pair.other
    names = f"“{start.name}” and “{other.name}”" if other is not None else f"“{start.name}”"
    for doubt in (_disorder, _time_of_day, _whole_length, _sources):
        why = doubt(profile, pair, keys)
        if why:
            return role_question("start", f"{names} look like times, but {why}", start.name, others, WHOLE)
    if other is pair.length and other is not None and _starts_at_zero_once(start, keys):
        sentence = f"“{start.name}” is 0 everywhere and each sound is there once: the clips are whole sounds"
        return Decision("start", sentence, "", (Choice(start.name, f"stretches from “{start.name}” on"),))
    return role("start", f"{names} say which stretch of its sound a clip is", start.name, others, WHOLE)


def _disorder(profile: TableProfile, pair: _Pair, keys: Sequence[str]) -> str:
    share = _share_in_order(pair)
    return (
        ""
        if share >= _MOST_FIT
        else f"in {1 - share:.0%} of the rows the end is not after the start: say what they are"
    )


def _time_of_day(profile: TableProfile, pair: _Pair, keys: Sequence[str]) -> str:
    if pair.start.clock < MOST:
        return ""
    hours = [seconds / 3600 for seconds in pair.start.seconds if seconds is not None]
    first = [at for place, at in enumerate(hours) if place == 0 or keys[place : place + 1] != keys[place - 1 : place]]
    return "they may be times of day: say what they are" if min(first, default=0) >= 1 else ""


def _whole_length(profile: TableProfile, pair: _Pair, keys: Sequence[str]) -> str:
    """A length that is the same for all stretches of a sound, holds all their starts and is longer than two steps."""
    if pair.length is None or not keys:
        return ""
    of_sound: dict[str, list[tuple[float, float]]] = {}
    for key, start, length in zip(keys, pair.start.seconds, pair.length.seconds, strict=True):
        if start is not None and length is not None:
            of_sound.setdefault(key, []).append((start, length))
    several = [stretches for stretches in of_sound.values() if len(stretches) > 2]
    whole = []
    for stretches in several:
        starts, lengths = sorted(start for start, _ in stretches), {length for _, length in stretches}
        step, length = median(b - a for a, b in pairwise(starts)), max(lengths)
        whole.append(len(lengths) == 1 and starts[-1] < length and length > 2 * step)
    if several and sum(whole) > 0.5 * len(several):
        return f"“{pair.length.name}” may be the length of the whole sound: say which column says how long a clip is"
    return ""


def _sources(profile: TableProfile, pair: _Pair, keys: Sequence[str]) -> str:
    """Each sound stands there once and another column names where it was cut from."""
    if pair.end is None or not keys or len(set(keys)) < len(keys):
        return ""
    cut = next((column.name for column in profile if column.tokens & _SOURCES and column.filled_cells), "")
    if cut:
        return f"“{cut}” names what a sound was cut from, so they may be times in that: say whether the sounds are cut"
    names = [stem(key) for key in keys]
    starts = [seconds for seconds in pair.start.seconds]
    hits = sum(bool(at) and _names_time(name, at) for name, at in zip(names, starts, strict=True))
    return (
        "the names of the sounds have them too: say whether the sounds are cut already" if hits > len(keys) / 2 else ""
    )


def _names_time(name: str, at: float | None) -> bool:
    return at is not None and any(abs(float(part) - at) < 1e-3 for part in re.findall(r"\d+(?:\.\d+)?", name))


def _starts_at_zero_once(start: ColumnProfile, keys: Sequence[str]) -> bool:
    return bool(keys) and len(set(keys)) == len(keys) and not any(start.seconds)


def _unit(columns: Sequence[ColumnProfile]) -> Decision:
    units = {column.unit for column in columns} - {""}
    if any(column.clock for column in columns):
        short = [cell for column in columns for cell in column.filled_cells if cell.count(":") == 1]
        read = "mm:ss" if short else "hh:mm:ss"
        return Decision("time_unit", f"Times are written as {read}", "hms", (Choice("s", "seconds"),))
    if len(units) == 1 and units & _UNIT_WORDS.keys() - {"hms"}:
        unit = units.pop()
        other = "s" if unit == "ms" else "ms"
        sentence = f"Times are in {_UNIT_WORDS[unit]}, as the names of the columns say"
        return Decision("time_unit", sentence, unit, (Choice(other, _UNIT_WORDS[other]),))
    gap = _gap(columns)
    if gap > _LONG_S and all(column.whole > MOST for column in columns):
        sentence = f"Half of the clips would be longer than {gap:,.0f} if times were seconds: say what they count"
        return Decision("time_unit", sentence, "ms", (Choice("ms", "milliseconds"), Choice("s", "seconds")), sure=False)
    return Decision("time_unit", "Times are in seconds", "s", (Choice("ms", "milliseconds"),))


def _gap(columns: Sequence[ColumnProfile]) -> float:
    """The middle length of the stretches, as the numbers stand there."""
    if len(columns) < 2:
        return 0.0
    start, other = columns[0], columns[1]
    pairs = [(a, b) for a, b in zip(start.seconds, other.seconds, strict=True) if a is not None and b is not None]
    lengths = [b if _means(other, _LENGTH) else b - a for a, b in pairs]
    return median(lengths) if lengths else 0.0


def _unread(columns: Sequence[ColumnProfile], keys: Sequence[str]) -> list[Decision]:
    """Columns of starts and ends in a unit that is not read."""
    if len(set(keys)) == len(keys):
        return []
    named = [column for column in columns if is_start(column) and column.unit in ("samples", "minutes", "hours")]
    if not named:
        return []
    sentence = (
        f"“{named[0].name}” counts {named[0].unit}, which are not read: give times in seconds, milliseconds, hh:mm:ss,"
        " or take each sound as a whole"
    )
    return [Decision("start", sentence, "", (Choice("", WHOLE),), sure=False)]


def _unnamed(profile: TableProfile, times: Sequence[ColumnProfile], keys: Sequence[str]) -> list[Decision]:
    """Where most rows would be the same clip and columns without such a name look like times: what they are."""
    if len(set(keys)) > 0.5 * len(keys) or not keys:
        return _nameless(times) if profile.headless else []
    rising = [column for column in times if column.unit in _READ_UNITS and rises(column, keys)]
    if not rising:
        return []
    same = 1 - len(set(keys)) / len(keys)
    start, ends = _likely(rising)
    sentence = (
        f"{same:.0%} of the rows name a sound that another row names too: say which column says where a clip starts"
    )
    names = [column.name for column in rising]
    decisions = [role_question("start", sentence, start.name, names, "no stretches: rows of one sound are one clip")]
    sentence = "Say which column says where a clip ends"
    decisions.append(role_question("end", sentence, ends.name if ends else "", names, "to the sound's end"))
    return [*decisions, *time_decisions([start, *([ends] if ends else [])])]


def _nameless(times: Sequence[ColumnProfile]) -> list[Decision]:
    """Where no line named the columns: two columns of fractions of which one is always after the other."""
    fractions = [column for column in times if column.whole < 1]
    start, end = _likely(fractions) if len(fractions) > 1 else (None, None)
    if start is None or end is None:
        return []
    names = [column.name for column in fractions]
    sentence = f"“{start.name}” and “{end.name}” may be times, and no line names the columns: say what they are"
    decisions = [role_question("start", sentence, start.name, names, WHOLE)]
    decisions.append(
        role_question("end", "Say which column says where a clip ends", end.name, names, "the sound's end")
    )
    return [*decisions, *time_decisions([start, end])]


def _likely(columns: Sequence[ColumnProfile]) -> tuple[ColumnProfile, ColumnProfile | None]:
    after: Callable[[ColumnProfile, ColumnProfile], bool] = lambda a, b: all(  # noqa: E731
        y > x for x, y in zip(a.seconds, b.seconds, strict=True) if x is not None and y is not None
    )
    for start in columns:
        for end in columns:
            if end is not start and after(start, end):
                return start, end
    return columns[0], None
