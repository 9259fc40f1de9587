"""The clips that one person has selected on Label, the clip in focus, and what the map still has to be told of it.

The map can filter: a clip that a filter hides is not selected, and comes back when the filter goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import numpy as np

from hover_core.data.arrays import Positions
from pages.components.clip_map import SelectionMade

_ids = count(1)


def _no_clips() -> Positions:
    return np.zeros(0, np.int64)


@dataclass
class Selection:
    """Clips by their positions in the dataset, in rising order."""

    positions: Positions = field(default_factory=_no_clips)
    unfiltered: Positions = field(default_factory=_no_clips)  # what would be selected without the filters of the map
    passes: Positions | None = None  # what those let through; None: everything
    how: str = "lasso"  # how it came about; annotations say so
    imposed: str = ""  # id of a selection that the map has to take over from us
    imposed_how: str = "replace"
    turn: int = 0  # changes with each selection: its list starts on the first page
    focus: int | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def trim(self, size: int) -> None:
        """Forget the positions from `size` on: a dataset of `size` clips does not have them."""
        if self.unfiltered.max(initial=-1) >= size or self.positions.max(initial=-1) >= size:
            self.positions = self.positions[self.positions < size]
            self.unfiltered = self.unfiltered[self.unfiltered < size]

    def visible(self, positions: Positions) -> Positions:
        """Those of `positions` that the filters of the map let through, in their order."""
        return positions if self.passes is None else positions[np.isin(positions, self.passes)]

    def select(self, positions: Positions, how: str, *, tell_map: bool) -> None:
        """Select those of `positions` that the filters let through; `tell_map` unless the map did this itself."""
        before = self.positions
        self.unfiltered, self.how = np.asarray(positions, np.int64), how
        self.positions = self.visible(self.unfiltered)
        self._drop_focus(before)
        self.turn = next(_ids)
        if tell_map:
            self.tell_map()

    def take_over(self, act: SelectionMade) -> None:
        """Take over a selection that was made on the map; a filter there leaves `how` as it was."""
        if not np.array_equal(act.positions, self.positions):
            self.turn = next(_ids)
        self.positions, self.unfiltered, self.passes = act.positions, act.kept, act.passes
        if act.how != "filter":
            self.how = "lasso"
        # a filter can only hide what was selected: a clip in focus that never was selected stays in focus
        self._drop_focus(None if act.how != "filter" else act.kept)

    def add(self, positions: Positions) -> None:
        """Select `positions` as well; `how` stays."""
        self.positions, self.unfiltered = np.union1d(self.positions, positions), np.union1d(self.unfiltered, positions)
        self.turn = next(_ids)
        self.tell_map("change")

    def leave_out(self, position: int) -> None:
        """Take one clip out of the selection; the page of the list stays."""
        self.positions = self.positions[self.positions != position]
        self.unfiltered = self.unfiltered[self.unfiltered != position]
        self._drop_focus(np.array([position], np.int64))
        self.tell_map("change")

    def tell_map(self, how: str = "replace") -> None:
        """Have the map take over the whole selection (`replace`), or only what has changed in it (`change`)."""
        self.imposed, self.imposed_how = f"{next(_ids)}", how

    def _drop_focus(self, removed: Positions | None) -> None:
        """Clear the focus if its clip is not selected; with `removed` only if its clip is one of those."""
        if self.focus is None or self.focus in self.positions:
            return
        if removed is None or self.focus in removed:
            self.focus = None
