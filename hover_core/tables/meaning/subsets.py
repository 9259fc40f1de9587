"""Words and folders that say in which subset a row is, and what to do with words that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from hover_core.data.names import clean
from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.cells import is_missing

SUBSET_WORDS: Final = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "development", "devel", "val", "valid", "validation", "eval", "evaluation"), "dev"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    "raw": "raw",
}
ABOUT_WORD: Final = "subset:"  # `about` of the decision on one unknown word
MOST_ASKED: Final = 20  # unknown words: a column with more is no column of subsets
_MEANINGS: Final = {
    "raw": "raw: not yet split",
    "train": "train",
    "dev": "dev (validation)",
    "test": "test",
    "refuse": "leave its rows out",
}
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def subset_of(word: str) -> str:
    """The subset that a word means, in any case; empty if it is none of `SUBSET_WORDS`.

    Examples
    --------
    >>> subset_of("Training"), subset_of("validation"), subset_of("holdout")
    ('train', 'dev', '')
    """
    return SUBSET_WORDS.get(clean(word).lower(), "")


def subset_questions(words: Iterable[tuple[str, int]]) -> list[Decision]:
    """One open question for each word that means no subset; `words` with how many rows have each."""
    questions = []
    for word, count in words:
        if is_missing(word) or subset_of(word):
            continue
        near = nearest_subset(word)
        order = [near, *(value for value in _MEANINGS if value != near)] if near else list(_MEANINGS)
        rows = "1 row says" if count == 1 else f"{count:,} rows say"
        questions.append(
            Decision(
                ABOUT_WORD + word,
                f"{rows} “{word[:60]}” for the subset, a word that is not known: say which subset it means",
                near,
                tuple(Choice(value, _MEANINGS[value]) for value in order),
                sure=False,
            )
        )
    return questions


def subset_reader(decisions: Iterable[Decision]) -> Callable[[str], str]:
    """A function from a cell to `raw`, `train`, `dev` or `test`; missing is raw.

    The function raises `TableError` for a word whose rows are left out or that nobody has answered for.
    """
    answers = {
        decision.about.removeprefix(ABOUT_WORD): decision.value if decision.sure else ""
        for decision in decisions
        if decision.about.startswith(ABOUT_WORD)
    }

    def read(cell: str) -> str:
        word = cell.strip()
        if is_missing(word):
            return "raw"
        meaning = subset_of(word) or answers.get(word, "")
        if meaning in ("", "refuse"):
            why = "its rows are left out" if meaning else "say which subset it means"
            raise TableError(f"the subset “{word[:60]}” is unknown: {why}")
        return meaning

    return read


def folder_subset(path: str) -> str:
    """The subset that a folder of a path names: `data/train/dog/1.wav` → `train`; empty for none."""
    for folder in folders_of(path):
        if subset_of(folder):
            return subset_of(folder)
    return ""


def folders_of(path: str) -> list[str]:
    """The folders of a path or an address, without its host."""
    bare = re.sub(r"^[a-z0-9+.-]+://[^/]*", "", path, flags=re.IGNORECASE)
    return [folder for folder in re.split(r"[/\\]", bare)[:-1] if folder]


def nearest_subset(word: str) -> str:
    """The subset whose word stands in another one, `train-clean-100` → train; empty where none or several do."""
    meanings = {SUBSET_WORDS[part] for part in map(str.lower, _PARTS.findall(word)) if part in SUBSET_WORDS}
    return meanings.pop() if len(meanings) == 1 else ""
