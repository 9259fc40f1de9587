"""Verdicts: the effect of an annotation on the label of a clip, and the annotations that an undo appends.

Labels are replayed twice: for everybody, and for one annotator who works blind, from their own annotations alone. Both
replays, the write of an annotation and its undo use the tables and functions here; no other module knows the effect of
a verdict. Annotations are columns of numbers: a verdict is its `number`, a label its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.annotations import UNLABELLED
from hover_core.data.arrays import Positions

_UNKNOWN: Final = UNLABELLED - 1  # a clip that a batch did not change: different from every label and from none


class Verdict(StrEnum):
    """The statement of one annotation about a label. The strings are in the database and never change."""

    YES = "yes"  # the clip has this label
    NO = "no"  # the clip does not have this label; another label that it carries stays
    UNSURE = "unsure"  # the annotator cannot tell whether the clip has this label
    WITHDRAWN = "withdrawn"  # a yes counts no longer: the label of the clip ends
    NO_WITHDRAWN = "no withdrawn"  # a no counts no longer
    UNSURE_WITHDRAWN = "unsure withdrawn"  # an unsure counts no longer
    CLEARED = "cleared"  # no label in the view of a blind annotator, while somebody else's label stays
    CLEARED_WITHDRAWN = "cleared withdrawn"  # a cleared counts no longer

    @property
    def inverse(self) -> Verdict:
        """The verdict that takes this one back; its inverse is this one.

        Examples
        --------
        >>> Verdict.NO.inverse.value
        'no withdrawn'
        """
        return _INVERSE[self]

    @property
    def number(self) -> int:
        """The place of this verdict in the arrays of `Annotations`; never stored."""
        return _NUMBER[self]


_NUMBER: Final = {verdict: number for number, verdict in enumerate(Verdict)}
_INVERSE: Final = {
    Verdict.YES: Verdict.WITHDRAWN,
    Verdict.NO: Verdict.NO_WITHDRAWN,
    Verdict.UNSURE: Verdict.UNSURE_WITHDRAWN,
    Verdict.WITHDRAWN: Verdict.YES,
    Verdict.NO_WITHDRAWN: Verdict.NO,
    Verdict.UNSURE_WITHDRAWN: Verdict.UNSURE,
    Verdict.CLEARED: Verdict.CLEARED_WITHDRAWN,
    Verdict.CLEARED_WITHDRAWN: Verdict.CLEARED,
}
ANSWERS: Final = (Verdict.YES, Verdict.NO, Verdict.UNSURE)  # what an annotator can say about a label


class Effect(IntEnum):
    """The effect of an annotation on the label of a clip. Within a batch smaller numbers are applied first."""

    KEEP = 0  # nothing
    END_SAME = 1  # end the label that the annotation names, and no other
    END = 2  # end any label
    GIVE = 3  # give the label that the annotation names, in place of any other


def _effects(of: Mapping[Verdict, Effect]) -> NDArray[np.int8]:
    table = np.array([of.get(verdict, Effect.KEEP) for verdict in Verdict], np.int8)
    table.flags.writeable = False
    return table


# The effect of each verdict, by its number. [shape=(8,)]
# For everybody only two verdicts count: where a no or a clear ends a label, the same batch has a `WITHDRAWN` as well.
EVERYBODY: Final = _effects({Verdict.YES: Effect.GIVE, Verdict.WITHDRAWN: Effect.END})
# For one annotator alone a verdict counts by itself: a `WITHDRAWN` beside it may be about somebody else's label. The
# annotations of an undo are not replayed there (the batch that it takes back is left out), so they have no effect.
ALONE: Final = _effects(
    {Verdict.YES: Effect.GIVE, Verdict.NO: Effect.END_SAME, Verdict.WITHDRAWN: Effect.END, Verdict.CLEARED: Effect.END}
)
INVERSES: Final = np.array([verdict.inverse.number for verdict in Verdict], np.int8)  # by number [shape=(8,)]
INVERSES.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Annotations:
    """Annotations as columns. [each shape=(n,), integers]"""

    position: Positions
    verdict: NDArray[Any]  # numbers of verdicts
    code: NDArray[Any]  # codes of their labels
    source: NDArray[Any]  # ids of their batches, which say who, when and how

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, which: NDArray[Any] | slice) -> Annotations:
        return Annotations(self.position[which], self.verdict[which], self.code[which], self.source[which])


def apply(
    label: NDArray[Any] | int,
    source: NDArray[Any] | int,
    effect: NDArray[Any] | int,
    code: NDArray[Any] | int,
    given_by: NDArray[Any] | int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The label and source of a clip after an annotation; with arrays, of each clip after its own annotation.

    Parameters
    ----------
    label, source
        The code of the label that the clip carries, -1 for none, and the batch that gave it, 0 for none. [shape=(n,)]
    effect
        The effect of the annotation: its verdict, looked up in `EVERYBODY` or `ALONE`. [shape=(n,)]
    code, given_by
        The label of the annotation, and its source. [shape=(n,)]

    Returns
    -------
    tuple
        `label` and `source` afterwards. [each shape=(n,)]

    Examples
    --------
    >>> [int(value) for value in apply(3, 7, Effect.END_SAME, 3, 9)]  # a no to label 3
    [-1, 0]
    """
    gives = np.equal(effect, Effect.GIVE)
    ends = np.equal(effect, Effect.END) | (np.equal(effect, Effect.END_SAME) & np.equal(label, code))
    return (
        np.where(gives, code, np.where(ends, UNLABELLED, label)),
        np.where(gives, given_by, np.where(ends, 0, source)),
    )


def still_current(
    batch: Annotations, label: NDArray[Any], source: NDArray[Any], effects: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Whether each annotation of a batch still counts: its clip has the label that the batch gave or ended.

    Parameters
    ----------
    batch
        The annotations of one batch, in any order.
    label, source
        The label and source of every clip of the dataset now: code, -1 for none, and batch, 0 for none.
        [shape=(clips,)]
    effects
        `EVERYBODY` or `ALONE`. [shape=(8,)]

    Returns
    -------
    np.ndarray
        False for annotations without an effect on a label. [shape=(n,), bool]
    """
    left_label, left_source = np.full(len(label), _UNKNOWN, np.int64), np.zeros(len(label), np.int64)
    effect = effects[batch.verdict]
    for step in (Effect.END, Effect.GIVE):
        of = batch[effect == step]
        left_label[of.position], left_source[of.position] = apply(_UNKNOWN, 0, int(step), of.code, of.source)
    stands = (left_label == label) & (left_source == source)
    return stands[batch.position] & (effect >= Effect.END)


def inverse_batch(batch: Annotations, label: NDArray[Any], source: NDArray[Any], *, undone: bool) -> Annotations:
    """The annotations that an undo of a batch appends: the inverse of each that can be taken back.

    An annotation that gave or ended a label is taken back if it is `still_current`; a clip that changed later keeps the
    later change. An annotation without an effect on a label (a no, an unsure, a cleared) is taken back once.

    Parameters
    ----------
    batch
        The annotations of one batch, in any order.
    label, source
        The label and source of every clip of the dataset now, for everybody: code, -1 for none, and batch, 0 for none.
        [shape=(clips,)]
    undone
        Whether this batch has been undone already.

    Returns
    -------
    Annotations
        The same clips, labels and sources with the inverse verdicts, in the order of `batch`.
    """
    silent = EVERYBODY[batch.verdict] == Effect.KEEP
    takes = batch[still_current(batch, label, source, EVERYBODY) | (silent & (not undone))]
    return Annotations(takes.position, INVERSES[takes.verdict], takes.code, takes.source)
