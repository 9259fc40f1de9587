"""The confound lens: how much of a map is explained by groups, and how much by labels.

A cloud on a map may be a word, or a speaker. The lens asks the nearest neighbours: how many are of the clip's own
group, how many have its label, each corrected for chance, so that 0 is a map that knows nothing of it and 1 one that
knows nothing else. And it tries what would mend it: with what each group has in common taken out
(`scale.without_groups`), do the nearest clips of *other* groups carry the clip's label more often?

The correction is that of Cohen, A coefficient of agreement for nominal scales. Educational and Psychological
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
SAMPLE: Final = 4_000  # clips that are looked at
_ASKED: Final = 2_000  # clips whose nearest of other groups are sought, twice
AT_LEAST: Final = 20  # clips, of which something can be said
MOST_VECTORS: Final = 200_000  # clips: to read more vectors for a sentence takes too long
_LASSO: Final = 0.03  # share of the clips
_NESTED: Final = 0.9


@dataclass(frozen=True)
class Share:
    """How much of a map one thing explains.

    Attributes
    ----------
    explained : 0 (chance) to 1 (nothing else); below 0 where neighbours avoid each other
    agree : the share of neighbours that are of the clip's own kind
    chance : what that would be on a map drawn at random
    clips, kinds : of how many it is known, and how many different ones there are
    neighbours : how many each clip asked
    """

    explained: float
    agree: float
    chance: float
    clips: int
    kinds: int
    neighbours: int


@dataclass(frozen=True)
class Confounds:
    """What is known about one map.

    Attributes
    ----------
    group, label : None where fewer than `AT_LEAST` clips have one, or all have the same
    nested : labels cannot be told from groups: within a group nearly all clips have one label
    across : the share of labels that agree with the ten nearest labelled clips of other groups, as map and search are
        set now and with the setting the other way round; None where that cannot be known
    per_group : whether the map was drawn with what groups have in common taken out
    """

    group: Share | None
    label: Share | None
    nested: bool
    across: tuple[float, float] | None
    per_group: bool


def look(dataset: Dataset, embedding: Embedding) -> Confounds:
    """The lens on one map; remembered until the labels, the groups or the map are others."""
    state = dataset.state()  # for whoever works blind other labels than for everybody
    what = (embedding.id, embedding.clips, corpus.is_per_group(dataset.store, dataset.id))
    key = ("lens", dataset.id, *what, state.revision, state.view)
    return dataset.remember(key, lambda: _look(dataset, embedding))


def explained_share(points: Floats, kinds: Codes, *, k: int | None = None) -> Share | None:
    """How much of where points lie [shape=(n, dimension)] their kinds explain; -1 is an unknown kind [shape=(n,)].

    Each point asks its `k` nearest, by default 3 in 100, which is what a lasso holds, and at least 10; never more than
    there are others of its kind. None where fewer than `AT_LEAST` kinds are known, or all of them are the same.
    """
    known = np.flatnonzero(kinds >= 0)
    codes, kinds = np.unique(kinds[known], return_inverse=True)
    others = np.bincount(kinds)[kinds] - 1
    if len(known) < AT_LEAST or len(codes) < 2 or not others.any():
        return None
    k = min(k or max(NEIGHBOURS, round(_LASSO * len(known))), len(known) - 1)
    same = kinds[_nearest(points[known], k)] == kinds[:, None]
    asked = np.minimum(others, k)
    counts = np.arange(k) < asked[:, None]
    shares = (same & counts).sum(axis=1)[asked > 0] / asked[asked > 0]
    agree, chance = float(shares.mean()), float((others[asked > 0] / (len(known) - 1)).mean())
    return Share((agree - chance) / (1 - chance), agree, chance, len(known), len(codes), k)


def across_groups(vectors: Floats, groups: Codes, labels: Codes, *, k: int = NEIGHBOURS) -> float | None:
    """The share of the `k` nearest labelled clips of other groups, by cosine, that have a clip's label.

    Vectors are comparable already [shape=(n, d)]; every clip has a label. None where no clip has `k` others to ask.
    """
    scaled = unit(vectors)
    agree = []
    for group in np.unique(groups):
        asked, others = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        if len(others) >= k:
            cosines = scaled[asked] @ scaled[others].T
            near = others[np.argpartition(-cosines, k - 1, axis=1)[:, :k]]
            agree.append((labels[near] == labels[asked, None]).mean(axis=1))
    return float(np.concatenate(agree).mean()) if agree else None


def is_nested(groups: Codes, labels: Codes) -> bool:
    """Whether clips of one group nearly always have one label, so that who takes out the group takes out the label."""
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
    placed = dataset.coordinates(embedding)
    state = dataset.state()
    names = clip_rows.groups(dataset.store, dataset.id)
    size = min(len(placed), state.size, len(names))
    on_map = np.flatnonzero(np.isfinite(placed[:size]).all(axis=1))
    chosen = np.sort(np.random.default_rng(0).permutation(on_map)[:SAMPLE])
    groups, labels = _codes(names)[chosen], state.label[chosen].astype(np.int64)
    nested = is_nested(groups, labels)
    return Confounds(
        group=explained_share(placed[chosen], groups),
        label=explained_share(placed[chosen], labels),
        nested=nested,
        across=None if nested else _both_ways(dataset, embedding.vectorizer, names, state.label),
        per_group=bool(embedding.settings.get("per_group", False)),
    )


def _both_ways(
    dataset: Dataset, vectorizer: str, names: Sequence[str], label: NDArray[Any]
) -> tuple[float, float] | None:
    """`Confounds.across`."""
    if len(names) > MOST_VECTORS:
        return None
    found = corpus.read_corpus(dataset.store, dataset.journal, dataset.id, vectorizer, per_group=False)
    inside = found.positions < min(len(names), len(label))
    positions, vectors = found.positions[inside], found.vectors[inside]
    groups, labels = _codes(names)[positions], label[positions].astype(np.int64)
    asked = np.flatnonzero((groups >= 0) & (labels >= 0))
    asked = np.sort(np.random.default_rng(0).permutation(asked)[:_ASKED])
    if len(asked) < AT_LEAST or len(np.unique(groups[asked])) < 2 or len(np.unique(labels[asked])) < 2:
        return None
    levelled = without_groups(vectors, [names[position] for position in positions])
    ways = []
    for these, per_group in ((vectors, False), (levelled, True)):
        scale = Scale.of(these, whitening=corpus.whitening_share(per_group=per_group))
        ways.append(across_groups(scale.standardise(these[asked]), groups[asked], labels[asked]))
    if ways[0] is None or ways[1] is None:
        return None
    now = corpus.is_per_group(dataset.store, dataset.id)
    return (ways[1], ways[0]) if now else (ways[0], ways[1])


def _codes(names: Sequence[str]) -> Codes:
    """A number for each name, -1 for none. [shape=(n,)]"""
    words, codes = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return np.where(words[codes] == "", -1, codes) if len(words) else np.zeros(0, np.int64)


def _nearest(points: Floats, k: int) -> NDArray[np.int64]:
    """The `k` nearest other rows of each row. [shape=(n, k)]"""
    near, _ = neighbours.nearest(points, points, k + 1, "distance")
    own = near == np.arange(len(near))[:, None]
    own[~own.any(axis=1), k] = True  # many lie at the very same place: any of them may go
    return near[~own].reshape(len(near), k)
