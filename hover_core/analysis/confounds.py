"""Confounds of a map: how much of it groups explain, and how much labels.

A cloud on a map may be a word, or a speaker. For each clip this module counts the nearest neighbours in the clip's own
group, and those with its label, both corrected for chance: 0 means that neighbours are as on a random map, 1 that all
of them agree. It also tests the remedy: do the nearest clips of *other* groups have the clip's label more often after
group differences are removed (`group_effects.without_groups`)?

The correction for chance is that of Cohen, A coefficient of agreement for nominal scales. Educational and Psychological
Measurement, 1960.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.numerics import neighbours
from hover_core.numerics.group_effects import without_groups
from hover_core.numerics.standardize import Scale, unit
from hover_core.store import clip_rows
from hover_core.store.vector_rows import Embedding
from hover_core.workspace import corpus

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset

Codes = NDArray[np.int64]

NEIGHBOURS: Final = 10
SAMPLE: Final = 4_000  # clips whose neighbours on the map are counted
_QUERIES: Final = 2_000  # clips whose nearest clips of other groups are searched, with and without group effects
AT_LEAST: Final = 20  # clips; with fewer there is no answer
MOST_VECTORS: Final = 200_000  # clips; reading more vectors would keep a page waiting
_LASSO: Final = 0.03  # share of the clips that a lasso typically holds
_NESTED: Final = 0.9


@dataclass(frozen=True)
class Share:
    """How much of a map groups, or labels, explain. A clip's kind is its group, or its label.

    Attributes
    ----------
    explained : agreement corrected for chance: 0 (chance) to 1 (all agree); below 0 if neighbours tend to differ
    agree : the share of neighbours of the clip's own kind, 0 to 1
    chance : that share on a random map, 0 to 1
    clips, kinds : number of clips with a known kind, and of different kinds
    neighbours : number of neighbours counted for each clip
    """

    explained: float
    agree: float
    chance: float
    clips: int
    kinds: int
    neighbours: int


@dataclass(frozen=True)
class Confounds:
    """The confounds of one map.

    Attributes
    ----------
    group, label : None if fewer than `AT_LEAST` clips have one, or all have the same
    nested : whether nearly all clips of a group have one label, so that labels and groups cannot be told apart
    across : the share of the ten nearest labelled clips of other groups that have the clip's label, with the dataset's
        setting `per_group` as it is now, and with the opposite; None if it cannot be measured
    per_group : whether the map was drawn with group differences removed
    """

    group: Share | None
    label: Share | None
    nested: bool
    across: tuple[float, float] | None
    per_group: bool


def look(dataset: Dataset, embedding: Embedding) -> Confounds:
    """The confounds of one map; cached until labels, groups or map change."""
    state = dataset.state()  # a blind annotator has a view of their own
    map_key = (embedding.id, embedding.clips, corpus.is_per_group(dataset.store, dataset.id))
    key = ("confounds", dataset.id, *map_key, state.revision, state.view)
    return dataset.remember(key, lambda: _look(dataset, embedding))


def explained_share(points: Floats, kinds: Codes, *, k: int | None = None) -> Share | None:
    """How much of the positions of points their kinds explain.

    Parameters
    ----------
    points
        Coordinates. [shape=(n, dimension), float32]
    kinds
        Number of each point's kind, -1 if unknown. [shape=(n,), int64]
    k
        Neighbours of each point that are counted, at most as many as there are others of its kind; by default 3 in 100
        points (what a lasso typically holds), and at least 10.

    Returns
    -------
    Share or None
        None if fewer than `AT_LEAST` points have a known kind, or all have the same.
    """
    rows = np.flatnonzero(kinds >= 0)
    codes, kinds = np.unique(kinds[rows], return_inverse=True)
    others = np.bincount(kinds)[kinds] - 1
    if len(rows) < AT_LEAST or len(codes) < 2 or not others.any():
        return None
    k = min(k or max(NEIGHBOURS, round(_LASSO * len(rows))), len(rows) - 1)
    same = kinds[_nearest(points[rows], k)] == kinds[:, None]
    n_neighbours = np.minimum(others, k)
    counts = np.arange(k) < n_neighbours[:, None]
    shares = (same & counts).sum(axis=1)[n_neighbours > 0] / n_neighbours[n_neighbours > 0]
    agree, chance = float(shares.mean()), float((others[n_neighbours > 0] / (len(rows) - 1)).mean())
    return Share((agree - chance) / (1 - chance), agree, chance, len(rows), len(codes), k)


def across_groups(vectors: Floats, groups: Codes, labels: Codes, *, k: int = NEIGHBOURS) -> float | None:
    """The share of the `k` nearest clips of other groups, by cosine, that have the clip's label; the mean of all clips.

    `vectors` [shape=(n, d), float32] are standardised; `groups` and `labels` [shape=(n,), int64] are all known. None if
    no group has `k` clips outside of it.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    >>> across_groups(vectors, groups=np.array([0, 0, 1, 1]), labels=np.array([5, 6, 5, 6]), k=1)
    1.0
    """
    units = unit(vectors)
    agree = []
    for group in np.unique(groups):
        own_rows, other_rows = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        if len(other_rows) >= k:
            cosines = units[own_rows] @ units[other_rows].T
            near = other_rows[np.argpartition(-cosines, k - 1, axis=1)[:, :k]]
            agree.append((labels[near] == labels[own_rows, None]).mean(axis=1))
    return float(np.concatenate(agree).mean()) if agree else None


def is_nested(groups: Codes, labels: Codes) -> bool:
    """Whether the clips of a group nearly always have one label: removing group differences would remove labels too.

    `groups` and `labels` are numbers, -1 for unknown. [shape=(n,), int64]

    Examples
    --------
    >>> is_nested(np.array([0, 0, 1, 1]), np.array([5, 5, 6, 6]))
    True
    """
    both = (groups >= 0) & (labels >= 0)
    groups, labels = groups[both], labels[both]
    if not len(groups) or len(np.unique(labels)) < 2:
        return False
    pairs = same = 0
    for group in np.unique(groups):
        counts = np.unique(labels[groups == group], return_counts=True)[1]
        pairs += counts.sum() * (counts.sum() - 1)
        same += (counts * (counts - 1)).sum()
    return bool(pairs and same / pairs > _NESTED)


def _look(dataset: Dataset, embedding: Embedding) -> Confounds:
    points = dataset.coordinates(embedding)
    state = dataset.state()
    names = clip_rows.groups(dataset.store, dataset.id)
    size = min(len(points), state.size, len(names))
    on_map = np.flatnonzero(np.isfinite(points[:size]).all(axis=1))
    sample = np.sort(np.random.default_rng(0).permutation(on_map)[:SAMPLE])
    groups, labels = _codes(names)[sample], state.label[sample].astype(np.int64)
    nested = is_nested(groups, labels)
    return Confounds(
        group=explained_share(points[sample], groups),
        label=explained_share(points[sample], labels),
        nested=nested,
        across=None if nested else _both_ways(dataset, embedding.vectorizer, names, state.label),
        per_group=bool(embedding.settings.get("per_group", False)),
    )


def _both_ways(
    dataset: Dataset, vectorizer: str, names: Sequence[str], label: NDArray[Any]
) -> tuple[float, float] | None:
    """`Confounds.across` of a vectorizer; `names` are the groups and `label` the label codes of all clips."""
    if len(names) > MOST_VECTORS:
        return None
    source = corpus.read_corpus(dataset.store, dataset.journal, dataset.id, vectorizer, per_group=False)
    inside = source.positions < min(len(names), len(label))
    positions, vectors = source.positions[inside], source.vectors[inside]
    groups, labels = _codes(names)[positions], label[positions].astype(np.int64)
    sample = np.flatnonzero((groups >= 0) & (labels >= 0))
    sample = np.sort(np.random.default_rng(0).permutation(sample)[:_QUERIES])
    if len(sample) < AT_LEAST or len(np.unique(groups[sample])) < 2 or len(np.unique(labels[sample])) < 2:
        return None
    without_group_effects = without_groups(vectors, [names[position] for position in positions])
    ways = []
    for compared, per_group in ((vectors, False), (without_group_effects, True)):
        scale = Scale.of(compared, whitening=corpus.whitening_share(per_group=per_group))
        ways.append(across_groups(scale.standardise(compared[sample]), groups[sample], labels[sample]))
    if ways[0] is None or ways[1] is None:
        return None
    now = corpus.is_per_group(dataset.store, dataset.id)
    return (ways[1], ways[0]) if now else (ways[0], ways[1])


def _codes(names: Sequence[str]) -> Codes:
    """A number for each name, -1 for an empty one. [shape=(n,), int64]"""
    words, codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return np.where(words[codes] == "", -1, codes) if len(words) else np.zeros(0, np.int64)


def _nearest(points: Floats, k: int) -> NDArray[np.int64]:
    """The `k` nearest other rows of each row. [shape=(n, k)]"""
    near, _ = neighbours.nearest(points, points, k + 1, "distance")
    own = near == np.arange(len(near))[:, None]
    own[~own.any(axis=1), k] = True  # more than k points at the very same place: any of them may be dropped
    return near[~own].reshape(len(near), k)
