"""What a random split would hide: how much easier a test is when its speakers, recordings or sounds are in train too.

Nearest neighbours are asked for the labels of clips whose neighbours they know, once with clips dealt to five parts at
random, once with whole groups dealt. If the first does better, a model's test on a random split flatters it: it knows
the speaker, not what is said.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.data.clips import SUBSETS
from hover_core.numerics import neighbours
from hover_core.numerics.standardize import Scale, unit
from hover_core.store import duplicate_rows, vector_rows
from hover_core.workspace.dataset import Dataset

FEWEST_CLIPS: Final = 50
MOST_CLIPS: Final = 6_000
_PARTS: Final = 5
_NEIGHBOURS: Final = 5
_SHARP: Final = 10  # votes count by cosine to this power: a near-duplicate outweighs four that are just near
_SAME: Final = 0.03  # a difference that may be chance


@dataclass(frozen=True)
class Leak:
    """What was measured; `missing` says in one sentence what it would take where nothing was.

    Attributes
    ----------
    random, grouped : accuracy of the 5 nearest neighbours in each part, with clips and with groups dealt at random
    chance : accuracy of always naming the most frequent label
    clips, labels, groups : what it was measured on; a sample of whole groups if there are many
    astride : groups that have clips in test and in train or dev as the dataset is split now
    astride_of : groups that have clips in test
    word : what a group is called
    """

    random: tuple[float, ...] = ()
    grouped: tuple[float, ...] = ()
    chance: float = 0.0
    clips: int = 0
    labels: int = 0
    groups: int = 0
    astride: int = 0
    astride_of: int = 0
    word: str = "group"
    missing: str = ""

    @property
    def sentence(self) -> str:
        """What it means, in one sentence; the word for a group is somebody else's."""
        if self.missing:
            return self.missing
        random, grouped = np.mean(self.random), np.mean(self.grouped)
        numbers = f"{random:.2f} against {grouped:.2f}"
        if random - grouped > _SAME:
            return (
                f"{numbers}: with a random split your test set would flatter you, because clips of one {self.word} "
                "would be in train and in test."
            )
        return f"{numbers}: nothing leaks that nearest neighbours would notice; a random split would tell the same."

    @property
    def as_split(self) -> str:
        """How it is with the split that there is, in one sentence; empty without a test subset."""
        if self.missing or not self.astride_of:
            return ""
        if not self.astride:
            return f"As the clips are split now, no {self.word} of test is in train or dev."
        some = f"{self.astride:,} of {self.astride_of:,} groups in test"
        return f"As the clips are split now, {some} are in train or dev too."

    def as_dict(self) -> dict[str, Any]:
        """The measure for a data card."""
        if self.missing:
            return {"missing": self.missing}
        return {
            "accuracy_random_split": round(float(np.mean(self.random)), 4),
            "accuracy_grouped_split": round(float(np.mean(self.grouped)), 4),
            "accuracy_most_frequent_label": round(self.chance, 4),
            "measured_on": {"clips": self.clips, "labels": self.labels, "groups": self.groups},
            "groups_in_test": self.astride_of,
            "groups_in_test_and_in_train_or_dev": self.astride,
            "in_words": self.sentence,
        }


def leak(dataset: Dataset, *, most: int = MOST_CLIPS) -> Leak:
    """Measure it now, on at most `most` clips with a label, a vector and a group.

    Labels are the current ones, else those set aside as reference. Near-duplicates that were found count as one group.
    Only labels that more than one group has can be asked across groups.
    """
    dataset.by.allow("own", dataset.id)
    if not dataset.vectorizer_key:
        return Leak(missing="The leak report needs vectors: make the map, then come back.")
    state, clips = dataset.state(), dataset.clips().iloc[: dataset.state().size]
    size = len(clips)
    references = clips["reference"].to_numpy(dtype=object).astype(str)
    names = np.where(state.label[:size] >= 0, state.label_names()[:size].astype(str), references)
    given = clips["group_name"].to_numpy(dtype=object).astype(str)
    near_duplicates = dataset.near_duplicates()
    joined = given.tolist() if near_duplicates is None else near_duplicates.merge_groups(given.tolist())
    grouped = given != ""
    if near_duplicates is not None:
        grouped |= np.pad(near_duplicates.group[:size] >= 0, (0, max(0, size - len(near_duplicates.group))))
    _, group = np.unique([j or f"\x00{n}" for n, j in enumerate(joined)], return_inverse=True)
    word = str(dataset.row.settings.get("group_column") or "group")
    positions, vectors = dataset.vectors(dataset.vectorizer_key)
    inside = positions < size
    positions, vectors = positions[inside], vectors[inside]
    usable = names[positions] != ""
    if usable.sum() < FEWEST_CLIPS or len(np.unique(names[positions[usable]])) < 2:
        return Leak(
            missing=f"The leak report needs {FEWEST_CLIPS} clips with labels, of two labels or more; "
            f"there are {int(usable.sum()):,}."
        )
    if not grouped[positions[usable]].any():
        return Leak(
            missing="The leak report needs groups: choose the column that names the speaker or recording of each clip."
        )
    positions, vectors = positions[usable], vectors[usable]
    label, groups = np.unique(names[positions], return_inverse=True)[1], group[positions]
    kept = _across_groups(label, groups)
    positions, vectors, label, groups = positions[kept], vectors[kept], label[kept], groups[kept]
    if len(positions) < FEWEST_CLIPS or len(np.unique(label)) < 2:
        return Leak(missing=f"The leak report needs labels that occur in more than one {word}: each lies in one alone.")
    if len(np.unique(groups)) == len(groups):
        return Leak(missing=f"The leak report needs a {word} with more than one labelled clip.")
    generator = np.random.default_rng(0)
    chosen = _sample(groups, most, generator)
    label, groups = np.unique(label[chosen], return_inverse=True)[1], np.unique(groups[chosen], return_inverse=True)[1]
    units = np.ascontiguousarray(unit(Scale.of(vectors[chosen]).standardise(vectors[chosen])))
    parts = min(_PARTS, int(groups.max()) + 1)
    by_clip = generator.permutation(np.arange(len(label)) % parts)
    by_group = _dealt(groups, parts, generator)[groups]
    astride, astride_of = _astride(state.subset[:size], group, grouped)
    return Leak(
        tuple(_accuracy(units, label, by_clip == part) for part in range(parts)),
        tuple(_accuracy(units, label, by_group == part) for part in range(parts)),
        float(np.bincount(label).max() / len(label)),
        len(label),
        int(label.max()) + 1,
        int(groups.max()) + 1,
        astride,
        astride_of,
        word,
    )


def leak_if_measured(dataset: Dataset) -> Leak | None:
    """The leak of a dataset as it is now, or None while it is still being measured in the background."""
    future = _measurement(dataset)
    return future.result() if future.done() else None


def measure_leak(dataset: Dataset) -> Leak:
    """The leak of a dataset as it is now, measured once for each state of it; waits until it is."""
    return _measurement(dataset).result()


_measured: dict[tuple[Any, ...], Future[Leak]] = {}
_lock = threading.Lock()


def _measurement(dataset: Dataset) -> Future[Leak]:
    dataset.by.allow("own", dataset.id)
    key = _made_of(dataset)
    with _lock:
        if key not in _measured:
            while len(_measured) >= 16:
                _measured.pop(next(iter(_measured)))
            _measured[key] = _worker().submit(leak, dataset)
        return _measured[key]


@cache
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="leaks")


def _made_of(dataset: Dataset) -> tuple[Any, ...]:
    row, key = dataset.row, dataset.vectorizer_key
    version = vector_rows.version(dataset.store, dataset.id, key) if key else None
    return (
        id(dataset.resources),
        dataset.id,
        row.revision,
        key,
        version,
        duplicate_rows.made_of(dataset.store, dataset.id),
    )


def _across_groups(label: Positions, groups: Positions) -> NDArray[np.bool_]:
    """Which clips have a label that more than one group has."""
    pairs = np.unique(np.stack([label, groups], axis=1), axis=0)
    return np.asarray((np.bincount(pairs[:, 0], minlength=int(label.max()) + 1) > 1)[label])


def _sample(groups: Positions, most: int, generator: np.random.Generator) -> Positions:
    """Rows of at most about `most` clips: groups in random order, of large ones a part. Thinning groups would hide what
    they give away, so small ones stay whole."""
    if len(groups) <= most:
        return np.arange(len(groups))
    order = generator.permutation(len(groups))
    rank = generator.permutation(int(groups.max()) + 1)
    order = order[np.argsort(rank[groups[order]], kind="stable")]
    _, start, sizes = np.unique(rank[groups[order]], return_index=True, return_counts=True)
    within = np.arange(len(order)) - np.repeat(start, sizes)
    cap = max(20, most // len(sizes))
    return np.sort(order[within < cap][:most])


def _dealt(groups: Positions, parts: int, generator: np.random.Generator) -> Positions:
    """The part of each group: the largest first, each to the part that holds least."""
    sizes = np.bincount(groups)
    order = generator.permutation(len(sizes))
    held, part = np.zeros(parts), np.zeros(len(sizes), np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        part[group] = held.argmin()
        held[part[group]] += sizes[group]
    return part


def _accuracy(units: Floats, label: Positions, asked: NDArray[np.bool_]) -> float:
    """The share of the asked rows whose label the 5 nearest of the others name, nearer ones with far more weight."""
    known = np.flatnonzero(~asked)
    near, cosine = neighbours.nearest(units[asked], units[known], min(_NEIGHBOURS, len(known)), "product")
    votes = np.zeros((len(near), int(label.max()) + 1), np.float32)
    np.add.at(votes, (np.arange(len(near))[:, None], label[known[near]]), np.maximum(cosine, 0) ** _SHARP + 1e-6)
    return float((votes.argmax(axis=1) == label[asked]).mean())


def _astride(subset: NDArray[np.int8], group: Positions, grouped: NDArray[np.bool_]) -> tuple[int, int]:
    """How many groups are in test and in train or dev, and how many in test. Clips alone are no group."""
    test = np.unique(group[grouped & (subset == SUBSETS.index("test"))])
    learnt = grouped & ((subset == SUBSETS.index("train")) | (subset == SUBSETS.index("dev")))
    return len(np.intersect1d(test, group[learnt])), len(test)
