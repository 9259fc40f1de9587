"""Tables that are wide: one column a class, with 1 where a clip has it, or with a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.cells import is_missing
from hover_core.tables.meaning.profiles import ColumnProfile, TableProfile
from hover_core.tables.meaning.roles import unused_columns
from hover_core.tables.rows import RawTable

LARGEST_SCORE: Final = "largest score"  # columns that are added when a person asks for them
MARKED_CLASSES: Final = "classes marked 1"
_MARKS: Final = frozenset(("0", "1", "0.0", "1.0", "True", "False", "true", "false", "TRUE", "FALSE"))
_YES: Final = frozenset(("1", "1.0", "True", "true", "TRUE"))
_FEWEST: Final = 3  # columns of marks: with fewer they say something else


def guess_classes(profile: TableProfile, used_names: Sequence[str]) -> Decision | None:
    """The question whether columns of 0 and 1 are classes; None where there are too few of them."""
    marked = [
        column
        for column in unused_columns(profile, used_names)
        if column.filled_cells and set(column.filled_cells) <= _MARKS
    ]
    return class_question(marked) if len(marked) >= _FEWEST else None


def class_question(classes: Sequence[ColumnProfile]) -> Decision:
    """The question whether the classes that have a column make labels."""
    names = ", ".join(f"“{column.name}”" for column in classes[:3]) + (" …" if len(classes) > 3 else "")
    marks = all(set(column.filled_cells) <= _MARKS for column in classes)
    made = Choice(MARKED_CLASSES, "the classes whose column has 1")
    if not marks:
        made = Choice(LARGEST_SCORE, "the class with the largest score of a row")
    what = "marks" if marks else "scores"
    sentence = f"{len(classes)} columns may have {what} of classes ({names}): say whether they make labels"
    return Decision("label", sentence, "", (Choice("", "no labels"), made), sure=False)


def is_marked(column: ColumnProfile) -> bool:
    """Whether a column holds nothing but marks."""
    return bool(column.filled_cells) and set(column.filled_cells) <= _MARKS


def class_labels(table: RawTable, names: Sequence[str], how: str) -> list[str]:
    """The label of each row by its classes: all that are marked, with `;` between, or the one of the largest score."""
    labels = []
    for cells in zip(*(table.frame[name].tolist() for name in names), strict=True):
        if how == MARKED_CLASSES:
            labels.append(";".join(name for name, cell in zip(names, cells, strict=True) if cell.strip() in _YES))
        else:
            scores = [_score(cell) for cell in cells]
            best = max(scores)
            labels.append(names[scores.index(best)] if best != float("-inf") else "")
    return labels


def _score(cell: str) -> float:
    try:
        return float("-inf") if is_missing(cell) else float(cell.replace(",", "."))
    except ValueError:
        return float("-inf")
