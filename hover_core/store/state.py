"""What is current in a dataset at one revision: labels and subsets, as arrays in clip order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.annotations import UNLABELLED
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS


@dataclass(frozen=True)
class State:
    """What is current in a dataset at one revision; every array is in clip order. [shape=(n,)]"""

    revision: int
    label: NDArray[np.int32]  # code of the label, -1 for none
    source: NDArray[np.int64]  # the batch that says who gave the label, when and how; 0 for none
    subset: NDArray[np.int8]  # index into SUBSETS
    subset_source: NDArray[np.int64]  # the batch that put it there; 0 as it came
    label_changed: NDArray[np.int64]  # revision of the last change of label
    subset_changed: NDArray[np.int64]  # revision of the last change of subset, at first that of the clip's coming
    names: tuple[str, ...] = ()  # label names by code
    view: str = ""  # whose view it is: empty for everybody's, else the annotator who sees their own labels alone

    @property
    def changed(self) -> NDArray[np.int64]:
        """Revision of the last change of label or subset. [shape=(n,)]"""
        return np.maximum(self.label_changed, self.subset_changed)

    @property
    def size(self) -> int:
        """How many clips there are."""
        return len(self.label)

    def code(self, name: str) -> int:
        """The code of a label, or -1."""
        return self.names.index(name) if name in self.names else UNLABELLED

    def label_names(self, positions: Positions | None = None) -> NDArray[np.object_]:
        """The label of each clip as text, empty for none. [shape=(n,)]"""
        words = np.array([*self.names, ""], dtype=object)
        return words[self.label if positions is None else self.label[positions]]

    def counts(self) -> dict[str, int]:
        """How many clips carry each label, in the order of the labels' codes; all labels, also unused ones."""
        found = np.bincount(self.label[self.label >= 0], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True)}

    def population(self) -> dict[str, dict[str, int]]:
        """How many clips each label has in each subset; the empty label counts the unlabelled ones."""
        width = len(SUBSETS)
        flat = np.bincount((self.label + 1) * width + self.subset, minlength=(len(self.names) + 1) * width)
        table = flat.reshape(-1, width)
        names = ("", *self.names)
        return {name: dict(zip(SUBSETS, map(int, row), strict=True)) for name, row in zip(names, table, strict=True)}
