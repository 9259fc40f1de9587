"""What words of a table mean for its clips, as was decided: labels, groups, subsets, times."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hover_core.data.annotations import label_named
from hover_core.data.clips import SUBSETS
from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.cells import decimal_mark, seconds_of
from hover_core.tables.meaning.labels import group_reader, label_reader
from hover_core.tables.meaning.subsets import subset_reader

# Where nothing was decided, a word is what it says.
_LITERAL: Final = (
    Decision("missing:label", "", "word"),
    Decision("missing:group", "", "word"),
    Decision("label_list", "", "whole"),
)


class Words:
    """Functions from a cell to what it means; each raises `TableError` or `Refused` for a cell that means nothing."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.decisions = list(decisions)
        self._values = {decision.about: decision.value for decision in [*_LITERAL, *self.decisions]}
        self._subset = subset_reader(self.decisions)
        self.group = group_reader([*_LITERAL, *self.decisions])  # cell → name of a group, empty for none
        self._decimal = decimal_mark(self.decisions)

    def subset(self, cell: str) -> int:
        """A place in `SUBSETS`."""
        return SUBSETS.index(self._subset(cell))

    def label(self, cells: Sequence[str], name: str) -> Callable[[str], str]:
        """The function for the labels of a column with these cells; empty for no label."""
        read = label_reader(Counter(cells), name, [*_LITERAL, *self.decisions])

        def label(cell: str) -> str:
            word = label_named(read(cell))
            return "" if word == "ABSTAIN" else word

        return label

    def value(self, about: str) -> str:
        """What was decided about something; empty where nothing was."""
        return self._values.get(about, "")

    def seconds(self, what: str, unit: str) -> Callable[[str], float]:
        """The function for times of `what` (start, end, length) in `unit`; NaN for none."""

        def seconds(cell: str) -> float:
            time_s = seconds_of(cell, unit, self._decimal)
            if isinstance(time_s, str):
                raise TableError(f"{what}: {time_s}")
            return math.nan if time_s is None else time_s

        return seconds
