"""The near-duplicates that were found last in a dataset, and a search for them that is under way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.numerics import same_sound
from hover_core.store import duplicate_rows
from hover_core.workspace.resources import Resources


@dataclass(frozen=True)
class NearDuplicates:
    """The near-duplicates of a dataset.

    Attributes
    ----------
    group : number of each clip's group, -1 for none, in clip order [shape=(n,)]
    pairs : positions of clips that are the same sound [shape=(m, 2)]
    how : BYTES, EAR or VECTOR for each pair [shape=(m,)]
    score : how alike the waveforms of a pair are where they were compared, else NaN [shape=(m,)]
    threshold : closeness below which vectors alone decide; see `same_sound.likely`
    heard, unheard : likely pairs whose waveforms were compared, and those for which sound or time was missing
    made_of : what was looked at; another value now means that a search may find more
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
        """The positions of each group, in clip order."""
        order = np.argsort(self.group, kind="stable")
        order = order[self.group[order] >= 0]
        return [part for part in np.split(order, np.flatnonzero(np.diff(self.group[order])) + 1) if len(part)]

    def of(self, positions: Positions) -> Positions:
        """The near-duplicates of some clips, without those clips themselves, in clip order."""
        positions = np.asarray(positions, np.int64)
        known = positions[positions < len(self.group)]
        numbers = np.unique(self.group[known])
        together = np.flatnonzero(np.isin(self.group, numbers[numbers >= 0]))
        return np.setdiff1d(together, positions).astype(np.int64)

    def merge_groups(self, groups: Sequence[str]) -> list[str]:
        """Names of what must not be split: the `groups` of all clips, in clip order, with near-duplicates in one."""
        names = [name or f"\x00{number}" for number, name in enumerate(groups)]
        _, code = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
        size = len(names)
        first = np.full(int(code.max(initial=-1)) + 1, size)
        np.minimum.at(first, code, np.arange(size))
        links = [np.stack([np.arange(size), first[code]], axis=1), self.pairs[(self.pairs < size).all(axis=1)]]
        return [f"{number}" for number in same_sound.groups_of(size, np.concatenate(links)).tolist()]


@dataclass
class NearDuplicateSearch:
    """A search under way, or how it ended. `problem` is a sentence if it failed."""

    made_of: str
    done: int = 0
    total: int = 0
    began_at: float = field(default_factory=time.monotonic)
    running: bool = True
    cancelled: bool = False
    problem: str = ""

    def cancel(self) -> None:
        """End it soon; what was compared by then counts."""
        self.cancelled = True


def last_result(resources: Resources, dataset_id: str) -> NearDuplicates | None:
    """What was found last, or None before the first search. It may be older than the dataset: see `current`."""
    made_of = duplicate_rows.made_of(resources.store, dataset_id)
    if made_of is None:
        return None
    return resources.remember(("near-duplicates", dataset_id, made_of), lambda: _load(resources, dataset_id, made_of))


def _load(resources: Resources, dataset_id: str, made_of: str) -> NearDuplicates:
    arrays = duplicate_rows.stored_arrays(resources.store, dataset_id)
    assert arrays is not None  # made_of was there a moment ago, and nothing deletes it
    threshold, heard, unheard = arrays["numbers"].tolist()
    found = NearDuplicates(arrays["group"], arrays["pairs"], arrays["how"], arrays["score"], made_of=made_of)
    return replace(found, threshold=threshold, heard=int(heard), unheard=int(unheard))
