"""The vectors of a dataset for its map and its search: as stored, or with group differences (a speaker's voice, a
microphone) removed.

The dataset's setting `per_group` decides. It changes no stored vector: each map records the setting that it was drawn
with, and the search index is built again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats, Positions
from hover_core.data.clips import SUBSETS
from hover_core.numerics.group_effects import GroupEffects
from hover_core.numerics.standardize import WHITENING
from hover_core.store import clip_rows, vector_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store

# Most covariance in a corpus comes from differences between its groups: once these are removed, whitening does harm
# (spoken digits, ten nearest of other speakers: 0.81 right without whitening, 0.77 with it).
_WITHOUT_GROUPS: Final = 0.0


@dataclass(frozen=True)
class Corpus:
    """Vectors to be compared with each other.

    Attributes
    ----------
    positions : of the clips, rising [shape=(n,), int64]
    vectors : as stored, or with group differences removed [shape=(n, d), float32]
    shapes : whether statistics of the corpus may be computed from a clip: not from test clips [shape=(n,), bool]
    per_group : whether group differences were removed
    effects : the group effects that were removed, and must be removed from queries too; None if none were
    """

    positions: Positions
    vectors: Floats
    shapes: NDArray[np.bool_]
    per_group: bool
    effects: GroupEffects | None = None

    @property
    def whitening(self) -> float:
        """The `whitening` for `Scale.of`, 0 to 1."""
        return whitening_share(per_group=self.per_group)


def whitening_share(*, per_group: bool) -> float:
    """The share of whitening for vectors with or without group differences, 0 to 1."""
    return _WITHOUT_GROUPS if per_group else WHITENING


def read_corpus(
    store: Store, journal: Journal, dataset_id: str, vectorizer: str, *, per_group: bool | None = None
) -> Corpus:
    """All vectors of one vectorizer; `per_group` None: the setting of the dataset.

    The effect of a group is estimated from its clips in raw, train and dev, from those in test only if it has no
    others. If no clip has a group, nothing is removed.
    """
    positions, vectors = vector_rows.vectors(store, dataset_id, vectorizer)
    if per_group is None:
        per_group = is_per_group(store, dataset_id)
    subset = journal.state(dataset_id).subset
    groups = clip_rows.groups(store, dataset_id) if per_group and len(positions) else []
    is_known = positions < (min(len(groups), len(subset)) if any(groups) else len(subset))
    if not is_known.all():  # clips were added between the reads
        positions, vectors = positions[is_known], vectors[is_known]
    shapes = subset[positions] != SUBSETS.index("test")
    if not any(groups):
        return Corpus(positions, vectors, shapes, per_group=False)
    names = [groups[position] for position in positions]
    effects = GroupEffects.of(vectors, names, shapes=shapes)
    if effects is not None:
        vectors = effects.taken_out(vectors, names)
    return Corpus(positions, vectors, shapes, per_group=True, effects=effects)


def is_per_group(store: Store, dataset_id: str) -> bool:
    """Whether map and search of a dataset use vectors with group differences removed."""
    return bool(store.dataset(dataset_id).settings.get("per_group", False))


def version(store: Store, dataset_id: str, vectorizer: str) -> tuple[int, ...]:
    """A tuple that changes whenever the result of `read_corpus` does; its first number counts the blocks of vectors."""
    settings = store.dataset(dataset_id).settings
    blocks = vector_rows.version(store, dataset_id, vectorizer)
    return (*blocks, int(settings.get("clips_revision", 0))) if settings.get("per_group") else blocks
