"""Roles that columns get, as decisions: what was taken and why, what else could be meant, and what a person chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.profiles import ColumnProfile

_MOST_CHOICES: Final = 12
_PEOPLE: Final = {
    "audio": "Sounds", "pattern": "Addresses", "label": "Labels", "subset": "Subsets", "group": "Groups",
    "start": "Where a clip starts", "end": "Where a clip ends", "length": "How long a clip is",
    "own_id": "Names of clips", "verdict": "Verdicts", "reference": "References", "time_unit": "Times",
    "decimal": "Decimal mark",
}  # fmt: skip
NO_COLUMN: Final = "no column"


def word_set(words: str) -> frozenset[str]:
    """Words with spaces between as a set."""
    return frozenset(words.split())


def column_choices(names: Iterable[str], none: str = NO_COLUMN) -> tuple[Choice, ...]:
    """Columns that can be chosen, each once, and none of them."""
    columns = list(dict.fromkeys(name for name in names if name))[:_MOST_CHOICES]
    return (*(Choice(name, f"the column “{name}”") for name in columns), Choice("", none))


def role(about: str, sentence: str, value: str, others: Iterable[str], none: str = NO_COLUMN) -> Decision:
    """A role that a column was given without a question."""
    choices = column_choices((name for name in others if name != value), none)
    return Decision(about, sentence, value, choices if value else choices[:-1])


def role_question(about: str, sentence: str, value: str, columns: Iterable[str], none: str = NO_COLUMN) -> Decision:
    """A role for which a person has to choose the column; `value` is the likeliest."""
    return Decision(about, sentence, value, column_choices((value, *columns), none), sure=False)


def answer(decision: Decision, answers: Mapping[str, str]) -> Decision:
    """A decision as it is after what a person chose, if they did; what was taken before is one of its choices."""
    if decision.about not in answers:
        return decision
    value = answers[decision.about]
    words = {choice.value: choice.words for choice in decision.choices}
    before = Choice(decision.value, words.get(decision.value, f"“{decision.value}”" if decision.value else NO_COLUMN))
    others = [choice for choice in (before, *decision.choices) if choice.value != value]
    choices = tuple({choice.value: choice for choice in others}.values())
    if value == decision.value:
        return replace(decision, choices=choices, sure=True)
    meaning = words.get(value, f"“{value}”" if value else NO_COLUMN)
    sentence = f"{_head(decision)}: {meaning}, as you chose"
    return replace(decision, sentence=sentence, value=value, choices=choices, sure=True)


def settle(decision: Decision, settled: Mapping[str, str]) -> Decision:
    """A decision as the format of the table has it, if it has."""
    if decision.about not in settled:
        return decision
    decided = answer(decision, settled)
    return replace(
        decided, sentence=decided.sentence.removesuffix(", as you chose") + ", as in all tables of this kind"
    )


def _head(decision: Decision) -> str:
    """What a decision is about, for people."""
    return _PEOPLE.get(decision.about, decision.sentence.partition(": ")[0])


def unused_columns(columns: Iterable[ColumnProfile], used_names: Iterable[str]) -> list[ColumnProfile]:
    """The columns that have no role yet."""
    names = set(used_names)
    return [column for column in columns if column.name not in names]
