"""The vectors of a dataset as its map and its search see them: as stored, or with what each group has in common taken
out (a speaker's voice, a microphone).

That is a setting of the dataset, `per_group`, and changes nothing that is stored: each map knows with which it was
drawn, and the search index is built again.
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
from hover_core.store.database import Store
from hover_core.store.log import Journal

# What spreads together in a whole corpus is mostly what sets its groups apart: with that gone whitening takes more than
# it gives (spoken digits, ten nearest of other speakers: 0.81 right without it, 0.77 with it).
_WITHOUT_GROUPS: Final = 0.0


@dataclass(frozen=True)
class Corpus:
    """Vectors to be compared with each other.

    Attributes
    ----------
    positions : which clips, rising [shape=(n,)]
    vectors : raw, or without their groups [shape=(n, d), float32]
    shapes : whether a clip may say what the corpus is like, which a test clip may not [shape=(n,)]
    per_group : whether groups were taken out
    effects : what was taken out with them, to be taken out of a query as well; None if nothing was
    """

    positions: Positions
    vectors: Floats
    shapes: NDArray[np.bool_]
    per_group: bool
    effects: GroupEffects | None = None

    @property
    def whitening(self) -> float:
        """What `Scale.of` is to be given."""
        return whitening_share(per_group=self.per_group)


def whitening_share(*, per_group: bool) -> float:
    """The share of the covariance that vectors with or without their groups are whitened by."""
    return _WITHOUT_GROUPS if per_group else WHITENING


def read_corpus(
    store: Store, journal: Journal, dataset_id: str, vectorizer: str, *, per_group: bool | None = None
) -> Corpus:
    """All vectors of one vectorizer; `per_group` None: as the dataset is set.

    What a group has in common is learnt from raw, train and dev, never from test, as long as the group has any of
    these. Where no clip has a group, nothing is taken out.
    """
    positions, vectors = vector_rows.vectors(store, dataset_id, vectorizer)
    if per_group is None:
        per_group = is_per_group(store, dataset_id)
    subset = journal.state(dataset_id).subset
    groups = clip_rows.groups(store, dataset_id) if per_group and len(positions) else []
    known = positions < (min(len(groups), len(subset)) if any(groups) else len(subset))
    if not known.all():  # clips have come in between
        positions, vectors = positions[known], vectors[known]
    shapes = subset[positions] != SUBSETS.index("test")
    if not any(groups):
        return Corpus(positions, vectors, shapes, per_group=False)
    names = [groups[position] for position in positions]
    effects = GroupEffects.of(vectors, names, shapes=shapes)
    if effects is not None:
        vectors = effects.taken_out(vectors, names)
    return Corpus(positions, vectors, shapes, per_group=True, effects=effects)


def is_per_group(store: Store, dataset_id: str) -> bool:
    """Whether map and search leave out what the clips of a group have in common."""
    return bool(store.dataset(dataset_id).settings.get("per_group", False))


def version(store: Store, dataset_id: str, vectorizer: str) -> tuple[int, ...]:
    """Another answer means that `read_corpus` finds something else; first in it is the number of blocks of vectors."""
    settings = store.dataset(dataset_id).settings
    blocks = vector_rows.version(store, dataset_id, vectorizer)
    return (*blocks, int(settings.get("clips_revision", 0))) if settings.get("per_group") else blocks
