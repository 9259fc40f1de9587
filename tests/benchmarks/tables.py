"""Tables as people have them, made at random with the truth beside them, and how often their meaning is guessed.

`python -m tests.benchmarks.tables` prints how many of 200 are right, asked about, and silently wrong.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hover_core.errors import TableError
from hover_core.tables.meaning.cells import decimal_mark, seconds_of
from hover_core.tables.meaning.labels import group_reader, label_reader, verdict_of
from hover_core.tables.meaning.patterns import fill_pattern
from hover_core.tables.meaning.profiles import words_and_unit
from hover_core.tables.meaning.subsets import subset_reader
from hover_core.tables.meaning.understand import Understanding, understand
from tests.benchmarks.table_kinds import KINDS, Made, Maker, Truth

TABLES: Final = 200


@dataclass
class Score:
    """How many tables were guessed right, asked about, and taken for something else without a question."""

    right: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    silently_wrong: list[str] = field(default_factory=list)


# what a question may be about, by the field of a clip that it leaves open
_OPEN: Final = {
    "address": ("audio", "pattern", "format"),
    "label": ("label", "minus_one", "format"),
    "subset": ("subset",),
    "group": ("group",),
    "start_s": ("start", "end", "length", "time_unit", "decimal", "point"),
    "end_s": ("start", "end", "length", "time_unit", "decimal", "point"),
    "verdict": ("verdict",),
}


def score(tables: int = TABLES, seed: int = 0) -> Score:
    """Guess the meaning of so many tables."""
    counts = Score()
    for number, made in enumerate(make_tables(tables, seed)):
        wrong, asked = judge(made, understand(made.table, made.name))
        where = f"{number} {made.kind}"
        if wrong:
            counts.silently_wrong.append(f"{where}: {', '.join(wrong)}")
        elif asked:
            counts.asked.append(f"{where}: {', '.join(asked)}")
        else:
            counts.right.append(where)
    return counts


def make_tables(tables: int = TABLES, seed: int = 0) -> Iterator[Made]:
    """So many tables of all kinds, the same for the same seed."""
    for number in range(tables):
        yield KINDS[number % len(KINDS)](Maker(seed * 1_000_003 + number))


def is_answerable(made: Made, chosen: Mapping[str, str] | None = None, most: int = 5) -> bool:
    """Whether some answers to the questions make every row mean what it does."""
    found = understand(made.table, made.name, chosen)
    if not found.questions:
        return meanings(found) == made.truth
    question = found.questions[0]
    answers = ({**(chosen or {}), question.about: choice.value} for choice in question.choices)
    return most > 0 and any(is_answerable(made, answer, most - 1) for answer in answers)


def judge(made: Made, found: Understanding) -> tuple[list[str], list[str]]:
    """What is wrong without a question, and what is asked."""
    questions = sorted({decision.about for decision in found.questions})
    rows = meanings(found)
    if len(rows) != len(made.truth):
        return ([] if {"point", "start"} & set(questions) else [f"{len(rows)} rows, not {len(made.truth)}"]), questions
    wrong = []
    for name, about in _OPEN.items():
        differ = [(a, b) for a, b in zip(rows, made.truth, strict=True) if getattr(a, name) != getattr(b, name)]
        if differ and not any(question.split(":")[0] in about for question in questions):
            wrong.append(f"{name} {getattr(differ[0][0], name)!r} is {getattr(differ[0][1], name)!r}")
    return wrong, questions


def meanings(found: Understanding) -> list[Truth]:
    """Rows as the columns that were guessed say."""
    columns, table = found.columns, found.table
    decisions = [*table.decisions, *found.decisions]
    decimal = decimal_mark(decisions)
    words = Counter(map(str, table.frame[columns.label])) if columns.label else {}
    label = label_reader(words, words_and_unit(columns.label)[0], decisions)
    subset = subset_reader(decisions)
    group = group_reader(decisions)
    rows = []
    for record in table.records():
        cells = {"": "", **record}
        start, end, length = (
            seconds_of(cells[name], columns.time_unit, decimal) if name else None
            for name in (columns.start, columns.end, columns.length)
        )
        if isinstance(length, float):
            end = round((start if isinstance(start, float) else 0.0) + length, 6)
        address = fill_pattern(columns.pattern, record) if columns.pattern else cells[columns.audio]
        rows.append(
            Truth(
                address, label(cells[columns.label]), _subset(subset, cells[columns.subset]),
                group(cells[columns.group]),
                start if isinstance(start, float) else None, end if isinstance(end, float) else None,
                verdict_of(cells[columns.verdict]),
            )
        )  # fmt: skip
    return rows


def _subset(read: Callable[[str], str], cell: str) -> str:
    try:
        return read(cell)
    except TableError:
        return "?"


if __name__ == "__main__":
    result = score(seed=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for name, lines in vars(result).items():
        print(f"{name.replace('_', ' ')}: {len(lines)} of {TABLES}")
    print("\n".join(["", "asked:", *result.asked, "", "silently wrong:", *result.silently_wrong]))
