"""One person's selection on Label, the clip in focus, and the changes that the map must still take over.

The map has filters: a clip that a filter hides is not selected, and is selected again when the filter is removed.
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
    """Clips by their positions in the dataset, in ascending order."""

    positions: Positions = field(default_factory=_no_clips)
    unfiltered: Positions = field(default_factory=_no_clips)  # the selection without the filters of the map
    passes: Positions | None = None  # the clips that these filters let through; None: all
    how: str = "lasso"  # how the clips were selected; annotations store it
    imposed: str = ""  # id of a selection that the map must take over from Python
    imposed_how: str = "replace"
    turn: int = 0  # changes with each selection, so that its list starts on the first page
    focus: int | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def trim(self, size: int) -> None:
        """Remove positions from `size` on, which a dataset of `size` clips does not have."""
        if self.unfiltered.max(initial=-1) >= size or self.positions.max(initial=-1) >= size:
            self.positions = self.positions[self.positions < size]
            self.unfiltered = self.unfiltered[self.unfiltered < size]

    def visible(self, positions: Positions) -> Positions:
        """The positions that the filters of the map let through, in the order of `positions`."""
        return positions if self.passes is None else positions[np.isin(positions, self.passes)]

    def select(self, positions: Positions, how: str, *, tell_map: bool) -> None:
        """Select the positions that the filters let through. `tell_map` is False if the map did this itself."""
        before = self.positions
        self.unfiltered, self.how = np.asarray(positions, np.int64), how
        self.positions = self.visible(self.unfiltered)
        self._drop_focus(before)
        self.turn = next(_ids)
        if tell_map:
            self.tell_map()

    def take_over(self, act: SelectionMade) -> None:
        """Take over a selection from the map. A filter there does not change `how`."""
        if not np.array_equal(act.positions, self.positions):
            self.turn = next(_ids)
        self.positions, self.unfiltered, self.passes = act.positions, act.unfiltered, act.passes
        if act.how != "filter":
            self.how = "lasso"
        # a filter can hide only selected clips: a clip in focus that was never selected stays in focus
        self._drop_focus(None if act.how != "filter" else act.unfiltered)

    def add(self, positions: Positions) -> None:
        """Add `positions` to the selection; `how` stays."""
        self.positions, self.unfiltered = np.union1d(self.positions, positions), np.union1d(self.unfiltered, positions)
        self.turn = next(_ids)
        self.tell_map("change")

    def leave_out(self, position: int) -> None:
        """Remove one clip from the selection; the list stays on its page."""
        self.positions = self.positions[self.positions != position]
        self.unfiltered = self.unfiltered[self.unfiltered != position]
        self._drop_focus(np.array([position], np.int64))
        self.tell_map("change")

    def tell_map(self, how: str = "replace") -> None:
        """Make the map take over the whole selection (`replace`), or only the changes in it (`change`)."""
        self.imposed, self.imposed_how = f"{next(_ids)}", how

    def _drop_focus(self, removed: Positions | None) -> None:
        """Clear the focus if its clip is not selected and, if `removed` is given, is one of those."""
        if self.focus is None or self.focus in self.positions:
            return
        if removed is None or self.focus in removed:
            self.focus = None
