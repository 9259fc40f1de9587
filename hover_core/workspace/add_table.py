"""Adding the clips of a table to a dataset, and what that will do and did."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hover_core.data.clips import SUBSETS, Clip
from hover_core.store import clip_rows
from hover_core.store.transaction import Entry, Transaction, add_labels
from hover_core.tables.intake import Intake
from hover_core.workspace import visibility
from hover_core.workspace.resources import Resources


@dataclass(frozen=True)
class AddResult:
    """What adding a table did."""

    new: int
    known: int
    moved: int
    labelled: int
    columns_added: int
    batch_id: int | None


@dataclass(frozen=True)
class AddForecast:
    """What adding a table would do to clips that are there already."""

    known: int
    moved: int
    relabelled: int  # those that would lose the label that they have to another


def forecast(resources: Resources, dataset_id: str, intake: Intake) -> AddForecast:
    """What `add` would do to the clips that the dataset has; nothing is written."""
    with resources.store.read() as connection:
        at = clip_rows.positions_of(connection, dataset_id, [clip.clip_id for clip in intake.clips])
    state = resources.journal.state(dataset_id)
    moved = relabelled = 0
    for clip in intake.clips:
        position = at.get(clip.clip_id)
        if position is None:
            continue
        code = int(state.label[position])
        relabelled += bool(clip.label) and code >= 0 and state.names[code] != clip.label
        gives_subset = intake.subset_given and clip.clip_id not in intake.unsaid
        moved += gives_subset and SUBSETS[state.subset[position]] != clip.subset
    return AddForecast(len(at), moved, relabelled)


def add(
    resources: Resources, dataset_id: str, intake: Intake, *, annotator: str, token: str | None = None
) -> AddResult:
    """Add the clips of a table by the merge rules of `Dataset.add`, in one transaction.

    The label codes come in the order of the label names, so that colours do not depend on the order of the rows.
    """
    token = token or secrets.token_hex(16)
    with resources.journal.transaction(dataset_id, annotator) as transaction:
        connection = transaction.connection
        known = clip_rows.positions_of(connection, dataset_id, [clip.clip_id for clip in intake.clips])
        new = [clip for clip in intake.clips if clip.clip_id not in known]
        new_positions = clip_rows.add_clips(connection, dataset_id, new)
        _record_evidence(resources, transaction, dataset_id, intake, new)
        at = {**known, **{clip.clip_id: position for clip, position in zip(new, new_positions, strict=True)}}
        extras = {known[clip.clip_id]: clip.extra for clip in intake.clips if clip.clip_id in known}
        columns_added = clip_rows.add_columns(connection, dataset_id, extras)
        names = sorted({clip.label for clip in intake.clips if clip.label} - set(transaction.state.names))
        add_labels(connection, dataset_id, names)
        if new or columns_added or names:
            transaction.take_in_new()
        if new or columns_added:
            changes: dict[str, Any] = {"clips_revision": transaction.revision}
            if intake.group_column and new_positions and new_positions[0] == 0:  # the first clips name the groups
                changes["group_column"] = intake.group_column
            resources.store.set_settings(connection, dataset_id, changes)
        moved = _move(transaction, intake, at, token) if intake.subset_given and known else 0
        entries = [
            Entry(np.array(positions, np.int64), label, source=source)
            for (label, source), positions in by_label_and_source(intake, at).items()
        ]
        written = (
            transaction.annotate(entries, how="imported", token=token, kind="import", note="table") if entries else None
        )
    labelled, batch_id = (written.changed, written.batch_id) if written else (0, None)
    return AddResult(len(new), len(known), moved, labelled, columns_added, batch_id)


def _record_evidence(
    resources: Resources, transaction: Transaction, dataset_id: str, intake: Intake, new: list[Clip]
) -> None:
    store = resources.store

    def columns_before() -> tuple[list[str], bool]:
        return list(clip_rows.extras(store, dataset_id)), clip_rows.has_groups(store, dataset_id)

    settings = store.dataset(dataset_id).settings  # nobody else writes while the transaction is open
    grouped = any(clip.group for clip in new)
    evidence = visibility.record_evidence(settings, intake, grouped=grouped, before=columns_before)
    store.set_settings(transaction.connection, dataset_id, evidence)


def _move(transaction: Transaction, intake: Intake, at: Mapping[str, int], token: str) -> int:
    """Put clips where the table says; how many changed their subset."""
    with_subset = [clip for clip in intake.clips if clip.clip_id not in intake.unsaid]
    moves = [
        (np.array([at[clip.clip_id] for clip in with_subset if clip.subset == subset], np.int64), subset)
        for subset in SUBSETS
    ]
    return transaction.move(moves, token=f"{token}/subsets", note="table").changed


def by_label_and_source(
    intake: Intake, at: Mapping[str, int]
) -> dict[tuple[str, tuple[str, str, str] | None], list[int]]:
    """Positions of the labelled clips of a table, by label and by who gave it when and how (None: the importer)."""
    groups: dict[tuple[str, tuple[str, str, str] | None], list[int]] = {}
    clip: Clip
    for clip in intake.clips:
        if clip.label:
            groups.setdefault((clip.label, intake.sources.get(clip.clip_id)), []).append(at[clip.clip_id])
    return groups
