"""The near-duplicates of a dataset: the result of the last search, and the progress of a running one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.numerics import same_sound
from hover_core.store import near_duplicate_rows
from hover_core.workspace.resources import Resources


@dataclass(frozen=True)
class NearDuplicates:
    """The near-duplicates of a dataset.

    Attributes
    ----------
    group : number of each clip's group of near-duplicates, -1 for none, in clip order [shape=(n,), int32]
    pairs : positions of clips that are the same sound [shape=(m, 2), int64]
    how : how each pair was recognised: BYTES, EAR or VECTOR [shape=(m,), int8]
    score : resemblance of the waveforms of a pair, NaN if they were not compared [shape=(m,), float32]
    threshold : closeness of vectors below which they alone make a pair; see `same_sound.likely`
    heard, unheard : number of likely pairs whose waveforms were compared, and of the others
    made_of : text that stands for the data of the search; if it differs now, a search may find more
    """

    group: NDArray[np.int32]
    pairs: Positions
    how: NDArray[np.int8]
    score: Floats
    threshold: float = 0.0
    heard: int = 0
    unheard: int = 0
    made_of: str = ""

    @property
    def groups(self) -> list[Positions]:
        """The positions of the clips of each group. [shape=(size,), int64 each]"""
        order = np.argsort(self.group, kind="stable")
        order = order[self.group[order] >= 0]
        return [part for part in np.split(order, np.flatnonzero(np.diff(self.group[order])) + 1) if len(part)]

    def of(self, positions: Positions) -> Positions:
        """Positions of the near-duplicates of some clips, in clip order, without these clips. [shape=(k,), int64]"""
        positions = np.asarray(positions, np.int64)
        within = positions[positions < len(self.group)]
        numbers = np.unique(self.group[within])
        together = np.flatnonzero(np.isin(self.group, numbers[numbers >= 0]))
        return np.setdiff1d(together, positions).astype(np.int64)

    def merge_groups(self, groups: Sequence[str]) -> list[str]:
        """Group names for a split that keeps near-duplicates together as well: `groups` that share some become one.

        `groups` are the names of all clips in clip order, empty for none; so is the result, where no name is empty.
        """
        names = [name or f"\x00{number}" for number, name in enumerate(groups)]
        _, code = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
        size = len(names)
        first = np.full(int(code.max(initial=-1)) + 1, size)
        np.minimum.at(first, code, np.arange(size))
        links = [np.stack([np.arange(size), first[code]], axis=1), self.pairs[(self.pairs < size).all(axis=1)]]
        return [f"{number}" for number in same_sound.groups_of(size, np.concatenate(links)).tolist()]


@dataclass
class NearDuplicateSearch:
    """The progress of a search, in pairs, and its end. `problem` is a sentence if it failed, else empty."""

    made_of: str
    done: int = 0
    total: int = 0
    began_at: float = field(default_factory=time.monotonic)
    running: bool = True
    cancelled: bool = False
    problem: str = ""

    def cancel(self) -> None:
        """Stop comparing soon; the search ends with the pairs compared so far."""
        self.cancelled = True


def last_result(resources: Resources, dataset_id: str) -> NearDuplicates | None:
    """The result of the last search, or None before the first.

    The dataset may have changed since: see `hover_core.analysis.near_duplicates.current`.
    """
    made_of = near_duplicate_rows.made_of(resources.store, dataset_id)
    if made_of is None:
        return None
    return resources.remember(("near-duplicates", dataset_id, made_of), lambda: _load(resources, dataset_id, made_of))


def _load(resources: Resources, dataset_id: str, made_of: str) -> NearDuplicates:
    arrays = near_duplicate_rows.stored_arrays(resources.store, dataset_id)
    assert arrays is not None  # made_of was read a moment ago, and nothing deletes the row
    threshold, heard, unheard = arrays["numbers"].tolist()
    result = NearDuplicates(arrays["group"], arrays["pairs"], arrays["how"], arrays["score"], made_of=made_of)
    return replace(result, threshold=threshold, heard=int(heard), unheard=int(unheard))
