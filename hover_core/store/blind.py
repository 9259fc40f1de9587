"""The blind view of one annotator: a replay of their own annotations alone, with label codes of their own.

Subsets are the same for everybody. A label that the owner offers is in the view by name from then on. Of other people's
annotations nothing shows: not their labels, not the names or number of these, not the clips that they labelled. An
annotation belongs to the annotator that its source names; undone annotations do not count, whoever undid them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from hover_core.data.annotations import UNLABELLED
from hover_core.data.verdicts import ALONE, Annotations, Verdict
from hover_core.store.replay import any_of, fold_labels, in_order, numbers, verdict_number
from hover_core.store.state import State

Wide = NDArray[np.int64]

# The rows of an undo are not read: the annotations that it takes back are left out instead. So a label is withdrawn
# only by the annotator's own clear.
_SAYING: Final = (Verdict.YES, Verdict.NO, Verdict.UNSURE, Verdict.CLEARED)
_OWN: Final = (
    f"SELECT b.id, b.revision, a.position, {verdict_number((*_SAYING, Verdict.WITHDRAWN))}, a.code, a.source "  # noqa: S608 - our own words
    "FROM annotations a JOIN batches b ON b.id = a.batch_id JOIN batches s ON s.id = a.source "
    "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto AND b.kind <> 'undo' "
    f"AND s.annotator = :a AND ({any_of(_SAYING)} "
    f"OR ({any_of([Verdict.WITHDRAWN])} AND b.kind = 'clear' AND b.annotator = :a)) "
    "ORDER BY b.revision, b.id, a.code, a.position"
)


def view_of(connection: Connection, dataset_id: str, annotator: str, everybody: State, earlier: State | None) -> State:
    """The blind view of `annotator` at the revision of `everybody`.

    `earlier` is their view at an earlier revision, which is brought forward; None: the whole log is replayed.
    """
    upto = everybody.revision
    after = earlier.revision if earlier is not None else -1
    if earlier is None or after > upto or _undos(connection, dataset_id, after, upto):
        earlier, after = None, -1  # an undo may bring back annotations from anywhere in the log
    batch, at, own = _own(connection, dataset_id, annotator, after, upto)
    names = list(earlier.names) if earlier is not None else []
    theirs = _codes(names, own.code, at, everybody.names, _offered_labels(connection, dataset_id, after, upto))
    label = np.full(everybody.size, UNLABELLED, np.int32)
    source = np.zeros(everybody.size, np.int64)
    label_changed = np.zeros(everybody.size, np.int64)
    if earlier is not None:
        label[: earlier.size], source[: earlier.size] = earlier.label, earlier.source
        label_changed[: earlier.size] = earlier.label_changed
    undone, last = _chains(connection, dataset_id, upto) if earlier is None else (set[int](), dict[int, int]())
    revisions = [max(r, last.get(b, 0)) for b, r in zip(batch.tolist(), at.tolist(), strict=True)]
    np.maximum.at(label_changed, own.position, np.array(revisions, np.int64))
    stands = np.flatnonzero([b not in undone for b in batch.tolist()])
    mine = replace(own, code=theirs[own.code])[stands]
    fold_labels(label, source, *in_order(mine, batch[stands], ALONE), ALONE)
    return replace(
        everybody, label=label, source=source, label_changed=label_changed, names=tuple(names), view=annotator
    )


def _own(
    connection: Connection, dataset_id: str, annotator: str, after: int, upto: int
) -> tuple[Wide, Wide, Annotations]:
    """Batch and revision of each annotation of an annotator, and the annotations, in order of the revisions."""
    span = {"d": dataset_id, "a": annotator, "after": after, "upto": upto}
    batch, at, *columns = numbers(connection, _OWN, span, 6)
    return batch, at, Annotations(*columns)


def _codes(names: list[str], code: Wide, at: Wide, everybody: tuple[str, ...], offers: list[tuple[str, int]]) -> Wide:
    """The view's code for each of everybody's codes; new labels are appended to `names`.

    A label's code follows from the revision of its first use or of its offer, so that it is the same in every process,
    however much of the log that process replayed before.
    """
    theirs = np.full(len(everybody), UNLABELLED, np.int64)
    codes_used, first = np.unique(code, return_index=True)
    came = [(revision, number, name) for number, (name, revision) in enumerate(offers)]
    came += [
        (int(at[place]), len(offers) + int(place), everybody[label])
        for label, place in zip(codes_used.tolist(), first.tolist(), strict=True)
    ]
    of = {name: number for number, name in enumerate(names)}
    for _, _, name in sorted(came):
        if name not in of:
            of[name] = len(names)
            names.append(name)
    for label in codes_used.tolist():
        theirs[label] = of[everybody[label]]
    return theirs


def _offered_labels(connection: Connection, dataset_id: str, after: int, upto: int) -> list[tuple[str, int]]:
    """`(label, revision)` of the labels that were offered after a revision, in the order of the offers."""
    settings = connection.execute(text("SELECT settings FROM datasets WHERE id = :d"), {"d": dataset_id}).scalar_one()
    offers = json.loads(settings).get("offered_labels", [])
    return [(str(name), int(revision)) for name, revision in offers if after < revision <= upto]


def _undos(connection: Connection, dataset_id: str, after: int, upto: int) -> bool:
    row = connection.execute(
        text(
            "SELECT 1 FROM batches WHERE dataset_id = :d AND revision > :after AND revision <= :upto "
            "AND undoes IS NOT NULL LIMIT 1"
        ),
        {"d": dataset_id, "after": after, "upto": upto},
    ).first()
    return row is not None


def _chains(connection: Connection, dataset_id: str, upto: int) -> tuple[set[int], dict[int, int]]:
    """The batches that are undone now, and `{batch: revision of the last undo or redo of it}`."""
    rows = connection.execute(
        text(
            "SELECT id, undoes, revision FROM batches WHERE dataset_id = :d AND undoes IS NOT NULL "
            "AND revision <= :upto ORDER BY id"
        ),
        {"d": dataset_id, "upto": upto},
    ).all()
    root: dict[int, int] = {}
    last: dict[int, int] = {}
    for row in rows:
        root[row.id] = root.get(row.undoes, row.undoes)
        last[root[row.id]] = row.revision
    undone: set[int] = set()
    for row in reversed(rows):
        if row.id not in undone:
            undone.add(row.undoes)
    return undone, last
