"""The labels and subsets of a dataset at one revision, as arrays in clip order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.annotations import UNLABELLED
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS


@dataclass(frozen=True)
class State:
    """The labels and subsets of a dataset at one revision; every array is in clip order. [shape=(n,)]"""

    revision: int
    label: NDArray[np.int32]  # code of the label, -1 for none
    source: NDArray[np.int64]  # id of the batch that holds annotator, time and way of the label; 0 for none
    subset: NDArray[np.int8]  # index into SUBSETS
    subset_source: NDArray[np.int64]  # id of the batch that moved the clip there; 0 if it was added in this subset
    label_changed: NDArray[np.int64]  # revision of the last change of label
    subset_changed: NDArray[np.int64]  # revision of the last change of subset; at first the one that added the clip
    names: tuple[str, ...] = ()  # label names by code
    view: str = ""  # the blind annotator whose view this is; empty for everybody's state

    @property
    def changed(self) -> NDArray[np.int64]:
        """Revision of the last change of label or subset. [shape=(n,), int64]"""
        return np.maximum(self.label_changed, self.subset_changed)

    @property
    def size(self) -> int:
        """Number of clips."""
        return len(self.label)

    def code(self, name: str) -> int:
        """The code of a label, or -1 if the dataset has no such label."""
        return self.names.index(name) if name in self.names else UNLABELLED

    def label_names(self, positions: Positions | None = None) -> NDArray[np.object_]:
        """The label of each clip, or of those at `positions`, as text; empty for none. [shape=(n,), object]"""
        words = np.array([*self.names, ""], dtype=object)
        return words[self.label if positions is None else self.label[positions]]

    def counts(self) -> dict[str, int]:
        """How many clips carry each label, in the order of the codes; unused labels have 0."""
        totals = np.bincount(self.label[self.label >= 0], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, totals, strict=True)}

    def population(self) -> dict[str, dict[str, int]]:
        """How many clips each label has in each subset; the empty label stands for unlabelled clips."""
        width = len(SUBSETS)
        flat = np.bincount((self.label + 1) * width + self.subset, minlength=(len(self.names) + 1) * width)
        table = flat.reshape(-1, width)
        names = ("", *self.names)
        return {name: dict(zip(SUBSETS, map(int, row), strict=True)) for name, row in zip(names, table, strict=True)}
