"""Leaks of a random split: how much easier a test is when its speakers, recordings or sounds are in train too.

A nearest-neighbour classifier is cross-validated in five parts, once with clips assigned to parts at random, once with
whole groups. If the first accuracy is higher, a test on a random split flatters a model: it may know the speaker
instead of the word.
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
from hover_core.store import near_duplicate_rows, vector_rows
from hover_core.workspace.dataset import Dataset

FEWEST_CLIPS: Final = 50
MOST_CLIPS: Final = 6_000
_PARTS: Final = 5
_NEIGHBOURS: Final = 5
_SHARP: Final = 10  # a vote is the cosine to this power: a near-duplicate outweighs four clips that are just near
_SAME: Final = 0.03  # a difference in accuracy that may be chance


@dataclass(frozen=True)
class Leak:
    """The leak report of a dataset. If nothing could be measured, `missing` says in one sentence what it needs.

    Attributes
    ----------
    random, grouped : accuracy of the 5 nearest neighbours in each part, with clips and with whole groups assigned at
        random [0 to 1]
    chance : accuracy of always predicting the most frequent label [0 to 1]
    clips, labels, groups : how many were measured; of many clips a sample
    astride : number of groups with clips in test and also in train or dev, as the dataset is split now
    astride_of : number of groups with clips in test
    word : the word for a group: the name of the group column
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
        """The result in one sentence. It contains `word`, which is the name of a column: outside text."""
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
        """The leak of the current split in one sentence; empty without a test subset."""
        if self.missing or not self.astride_of:
            return ""
        if not self.astride:
            return f"As the clips are split now, no {self.word} of test is in train or dev."
        some = f"{self.astride:,} of {self.astride_of:,} groups in test"
        return f"As the clips are split now, {some} are in train or dev too."

    def as_dict(self) -> dict[str, Any]:
        """The report for a data card, as plain values."""
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
    """Measure the leak now, on at most `most` clips with a label, a vector and a group.

    Labels are the current ones, else the references. Near-duplicates of the last search count as one group. Only labels
    that occur in more than one group can be tested across groups; clips with others are left out.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    if not dataset.vectorizer_key:
        return Leak(missing="The leak report needs vectors: make the map, then come back.")
    state, clips = dataset.state(), dataset.clips().iloc[: dataset.state().size]
    size = len(clips)
    references = clips["reference"].to_numpy(dtype=object).astype(str)
    names = np.where(state.label[:size] >= 0, state.label_names()[:size].astype(str), references)
    group_names = clips["group_name"].to_numpy(dtype=object).astype(str)
    near_duplicates = dataset.near_duplicates()
    merged_names = (
        group_names.tolist() if near_duplicates is None else near_duplicates.merge_groups(group_names.tolist())
    )
    has_group = group_names != ""
    if near_duplicates is not None:
        has_group |= np.pad(near_duplicates.group[:size] >= 0, (0, max(0, size - len(near_duplicates.group))))
    _, group = np.unique([j or f"\x00{n}" for n, j in enumerate(merged_names)], return_inverse=True)
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
    if not has_group[positions[usable]].any():
        return Leak(
            missing="The leak report needs groups: choose the column that names the speaker or recording of each clip."
        )
    positions, vectors = positions[usable], vectors[usable]
    label, groups = np.unique(names[positions], return_inverse=True)[1], group[positions]
    testable = _across_groups(label, groups)
    positions, vectors, label, groups = positions[testable], vectors[testable], label[testable], groups[testable]
    if len(positions) < FEWEST_CLIPS or len(np.unique(label)) < 2:
        return Leak(missing=f"The leak report needs labels that occur in more than one {word}: each lies in one alone.")
    if len(np.unique(groups)) == len(groups):
        return Leak(missing=f"The leak report needs a {word} with more than one labelled clip.")
    generator = np.random.default_rng(0)
    sample = _sample(groups, most, generator)
    label, groups = np.unique(label[sample], return_inverse=True)[1], np.unique(groups[sample], return_inverse=True)[1]
    units = np.ascontiguousarray(unit(Scale.of(vectors[sample]).standardise(vectors[sample])))
    parts = min(_PARTS, int(groups.max()) + 1)
    by_clip = generator.permutation(np.arange(len(label)) % parts)
    by_group = _assign_parts(groups, parts, generator)[groups]
    astride, astride_of = _astride(state.subset[:size], group, has_group)
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
    """The leak of a dataset as it is now; None while it is measured in the background, which this call starts."""
    future = _measurement(dataset)
    return future.result() if future.done() else None


def measure_leak(dataset: Dataset) -> Leak:
    """The leak of a dataset as it is now, measured once for each state of it; waits for the measurement."""
    return _measurement(dataset).result()


_measurements: dict[tuple[Any, ...], Future[Leak]] = {}
_lock = threading.Lock()


def _measurement(dataset: Dataset) -> Future[Leak]:
    dataset.by.allow("own", dataset.id)
    key = _made_of(dataset)
    with _lock:
        if key not in _measurements:
            while len(_measurements) >= 16:
                _measurements.pop(next(iter(_measurements)))
            _measurements[key] = _worker().submit(leak, dataset)
        return _measurements[key]


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
        near_duplicate_rows.made_of(dataset.store, dataset.id),
    )


def _across_groups(label: Positions, groups: Positions) -> NDArray[np.bool_]:
    """Which clips have a label that occurs in more than one group. [shape=(n,), bool]"""
    pairs = np.unique(np.stack([label, groups], axis=1), axis=0)
    return np.asarray((np.bincount(pairs[:, 0], minlength=int(label.max()) + 1) > 1)[label])


def _sample(groups: Positions, most: int, generator: np.random.Generator) -> Positions:
    """Rows of at most `most` clips: groups in random order, a part of large ones.

    Small groups stay whole, because a thinned group leaks less.
    """
    if len(groups) <= most:
        return np.arange(len(groups))
    order = generator.permutation(len(groups))
    rank = generator.permutation(int(groups.max()) + 1)
    order = order[np.argsort(rank[groups[order]], kind="stable")]
    _, start, sizes = np.unique(rank[groups[order]], return_index=True, return_counts=True)
    within = np.arange(len(order)) - np.repeat(start, sizes)
    cap = max(20, most // len(sizes))
    return np.sort(order[within < cap][:most])


def _assign_parts(groups: Positions, parts: int, generator: np.random.Generator) -> Positions:
    """The part of each group [shape=(groups,)]: the largest group first, each to the smallest part."""
    sizes = np.bincount(groups)
    order = generator.permutation(len(sizes))
    loads, part = np.zeros(parts), np.zeros(len(sizes), np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        part[group] = loads.argmin()
        loads[part[group]] += sizes[group]
    return part


def _accuracy(units: Floats, label: Positions, test: NDArray[np.bool_]) -> float:
    """The share of the test rows whose label the 5 nearest other rows predict, nearer ones with far more weight."""
    train = np.flatnonzero(~test)
    near, cosine = neighbours.nearest(units[test], units[train], min(_NEIGHBOURS, len(train)), "product")
    votes = np.zeros((len(near), int(label.max()) + 1), np.float32)
    np.add.at(votes, (np.arange(len(near))[:, None], label[train[near]]), np.maximum(cosine, 0) ** _SHARP + 1e-6)
    return float((votes.argmax(axis=1) == label[test]).mean())


def _astride(subset: NDArray[np.int8], group: Positions, has_group: NDArray[np.bool_]) -> tuple[int, int]:
    """Number of groups in test and also in train or dev, and of groups in test; a clip without a group is none."""
    test = np.unique(group[has_group & (subset == SUBSETS.index("test"))])
    in_train_or_dev = has_group & ((subset == SUBSETS.index("train")) | (subset == SUBSETS.index("dev")))
    return len(np.intersect1d(test, group[in_train_or_dev])), len(test)
