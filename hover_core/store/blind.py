"""The view of one annotator in blind mode: a fold of their own annotations alone, with label codes of their own.

Subsets are those of everybody. Labels that the owner offers are known by name from then on. Nothing that
others annotated shows: not their labels, not the names or number of those, not which clips they touched. An annotation
is one's own if its source names one as its annotator; what is undone, by whomever, does not count.
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

# An undo is no annotation here: what it takes back is left out instead. So only a clear of one's own withdraws.
_SAYING: Final = (Verdict.YES, Verdict.NO, Verdict.UNSURE, Verdict.CLEARED)
_OWN: Final = (
    f"SELECT b.id, b.revision, a.position, {verdict_number((*_SAYING, Verdict.WITHDRAWN))}, a.code, a.source "  # noqa: S608 - our own words
    "FROM annotations a JOIN batches b ON b.id = a.batch_id JOIN batches s ON s.id = a.source "
    "WHERE b.dataset_id = :d AND b.revision > :after AND b.revision <= :upto AND b.kind <> 'undo' "
    f"AND s.annotator = :a AND ({any_of(_SAYING)} "
    f"OR ({any_of([Verdict.WITHDRAWN])} AND b.kind = 'clear' AND b.annotator = :a)) "
    "ORDER BY b.revision, b.id, a.code, a.position"
)


def view_of(connection: Connection, dataset_id: str, annotator: str, everybody: State, kept: State | None) -> State:
    """What `annotator` sees at the revision of `everybody`; `kept` is what they saw before, if it is known."""
    upto = everybody.revision
    after = kept.revision if kept is not None else -1
    if kept is None or after > upto or _undos(connection, dataset_id, after, upto):
        kept, after = None, -1  # an undo may bring back what lies anywhere in the log
    batch, at, own = _own(connection, dataset_id, annotator, after, upto)
    names = list(kept.names) if kept is not None else []
    theirs = _codes(names, own.code, at, everybody.names, _offered_labels(connection, dataset_id, after, upto))
    label = np.full(everybody.size, UNLABELLED, np.int32)
    given_by = np.zeros(everybody.size, np.int64)
    changed = np.zeros(everybody.size, np.int64)
    if kept is not None:
        label[: kept.size], given_by[: kept.size] = kept.label, kept.source
        changed[: kept.size] = kept.label_changed
    undone, last = _chains(connection, dataset_id, upto) if kept is None else (set[int](), dict[int, int]())
    touched = [max(r, last.get(b, 0)) for b, r in zip(batch.tolist(), at.tolist(), strict=True)]
    np.maximum.at(changed, own.position, np.array(touched, np.int64))
    stands = np.flatnonzero([b not in undone for b in batch.tolist()])
    mine = replace(own, code=theirs[own.code])[stands]
    fold_labels(label, given_by, *in_order(mine, batch[stands], ALONE), ALONE)
    return replace(everybody, label=label, source=given_by, label_changed=changed, names=tuple(names), view=annotator)


def _own(
    connection: Connection, dataset_id: str, annotator: str, after: int, upto: int
) -> tuple[Wide, Wide, Annotations]:
    """The batch and revision of each of their annotations, and these, in order."""
    span = {"d": dataset_id, "a": annotator, "after": after, "upto": upto}
    batch, at, *columns = numbers(connection, _OWN, span, 6)
    return batch, at, Annotations(*columns)


def _codes(names: list[str], code: Wide, at: Wide, everybody: tuple[str, ...], offered: list[tuple[str, int]]) -> Wide:
    """Their code of each label, in the order of their first use or of its offer: `names` grows by those that are new.

    By revision, so that a label has one code in every process, also in those that saw less of the log before.
    """
    theirs = np.full(len(everybody), UNLABELLED, np.int64)
    used, first = np.unique(code, return_index=True)
    came = [(revision, number, name) for number, (name, revision) in enumerate(offered)]
    came += [
        (int(at[place]), len(offered) + int(place), everybody[label])
        for label, place in zip(used.tolist(), first.tolist(), strict=True)
    ]
    of = {name: number for number, name in enumerate(names)}
    for _, _, name in sorted(came):
        if name not in of:
            of[name] = len(names)
            names.append(name)
    for label in used.tolist():
        theirs[label] = of[everybody[label]]
    return theirs


def _offered_labels(connection: Connection, dataset_id: str, after: int, upto: int) -> list[tuple[str, int]]:
    """The labels that were offered since a revision, and when, in their order."""
    kept = connection.execute(text("SELECT settings FROM datasets WHERE id = :d"), {"d": dataset_id}).scalar_one()
    offered = json.loads(kept).get("offered_labels", [])
    return [(str(name), int(revision)) for name, revision in offered if after < revision <= upto]


def _undos(connection: Connection, dataset_id: str, after: int, upto: int) -> bool:
    found = connection.execute(
        text(
            "SELECT 1 FROM batches WHERE dataset_id = :d AND revision > :after AND revision <= :upto "
            "AND undoes IS NOT NULL LIMIT 1"
        ),
        {"d": dataset_id, "after": after, "upto": upto},
    ).first()
    return found is not None


def _chains(connection: Connection, dataset_id: str, upto: int) -> tuple[set[int], dict[int, int]]:
    """The batches that are taken back, and `{batch: revision of the last undo that touches it}`."""
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
