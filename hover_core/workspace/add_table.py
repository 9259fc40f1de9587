"""Adding the clips of a table to a dataset, and what that will do and did."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hover_core.data.clip_table import ClipTable
from hover_core.data.clips import SUBSETS
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
    elsewhere: int = 0  # those whose id is known, with another address: the address that is there stays


def forecast(resources: Resources, dataset_id: str, intake: Intake) -> AddForecast:
    """What `add` would do to the clips that the dataset has; nothing is written."""
    clips = ClipTable.of(intake.clips)
    with resources.store.read() as connection:
        at = clip_rows.positions_of(connection, dataset_id, clips.clip_ids)
    state = resources.journal.state(dataset_id)
    codes = {name: code for code, name in enumerate(state.names)}
    places = [place for place, clip_id in enumerate(clips.clip_ids) if clip_id in at] if at else []
    positions = np.array([at[clips.clip_ids[place]] for place in places], np.int64)
    held = state.label[positions]
    labels = np.array([codes.get(clips.labels[place], -2) for place in places], np.int64)
    given = np.array([bool(clips.labels[place]) for place in places], bool)
    says = np.array([intake.subset_given and clips.clip_ids[place] not in intake.unsaid for place in places], bool)
    moved = says & (state.subset[positions] != clips.subsets[np.array(places, np.int64)])
    relabelled = given & (held >= 0) & (held != labels)
    by_id = [place for place in places if clips.own_ids[place]]
    addresses = clip_rows.addresses(resources.store, dataset_id, [at[clips.clip_ids[place]] for place in by_id])
    elsewhere = sum(addresses[at[clips.clip_ids[place]]][0] != clips.urls[place] for place in by_id)
    return AddForecast(len(at), int(moved.sum()), int(relabelled.sum()), elsewhere)


def add(
    resources: Resources, dataset_id: str, intake: Intake, *, annotator: str, token: str | None = None
) -> AddResult:
    """Add the clips of a table by the merge rules of `Dataset.add`, in one transaction.

    The label codes come in the order of the label names, so that colours do not depend on the order of the rows.
    """
    token = token or secrets.token_hex(16)
    clips = ClipTable.of(intake.clips)
    with resources.journal.transaction(dataset_id, annotator) as transaction:
        connection = transaction.connection
        known = clip_rows.positions_of(connection, dataset_id, clips.clip_ids)
        new = clips.take([place for place, clip_id in enumerate(clips.clip_ids) if clip_id not in known])
        new_positions = clip_rows.add_clips(connection, dataset_id, new)
        _record_evidence(resources, transaction, dataset_id, intake, new)
        at = {**known, **dict(zip(new.clip_ids, new_positions, strict=True))}
        extras = {
            known[clip_id]: json.loads(extra)
            for clip_id, extra in zip(clips.clip_ids, clips.extras, strict=True)
            if clip_id in known
        }
        columns_added = clip_rows.add_columns(connection, dataset_id, extras)
        said = {label for _, label, _ in intake.verdicts}
        names = sorted((set(filter(None, clips.labels)) | said) - set(transaction.state.names))
        add_labels(connection, dataset_id, names)
        if len(new) or columns_added or names:
            transaction.take_in_new()
        if len(new) or columns_added:
            changes: dict[str, Any] = {"clips_revision": transaction.revision}
            if new_positions and new_positions[0] == 0:  # the first clips settle what names groups and clips
                changes |= {"group_column": intake.group_column} if intake.group_column else {}
                changes["own_ids"] = intake.own_ids
                changes["own_id_column"] = next((name for name, role in intake.roles.items() if role == "own_id"), "")
            resources.store.set_settings(connection, dataset_id, changes)
        moved = _move(transaction, clips, intake.unsaid, at, token) if intake.subset_given and known else 0
        entries = [
            Entry(np.array(positions, np.int64), label, source=source)
            for (label, source), positions in by_label_and_source(clips, intake.sources, at).items()
        ]
        entries += _opinions(intake, at)
        written = (
            transaction.annotate(entries, how="imported", token=token, kind="import", note="table") if entries else None
        )
    labelled, batch_id = (written.changed, written.batch_id) if written else (0, None)
    return AddResult(len(new), len(known), moved, labelled, columns_added, batch_id)


def _record_evidence(
    resources: Resources, transaction: Transaction, dataset_id: str, intake: Intake, new: ClipTable
) -> None:
    store = resources.store

    def columns_before() -> tuple[list[str], bool]:
        return list(clip_rows.extras(store, dataset_id)), clip_rows.has_groups(store, dataset_id)

    settings = store.dataset(dataset_id).settings  # nobody else writes while the transaction is open
    grouped = any(new.groups)
    evidence = visibility.record_evidence(settings, intake, grouped=grouped, before=columns_before)
    store.set_settings(transaction.connection, dataset_id, evidence)


def _opinions(intake: Intake, at: Mapping[str, int]) -> list[Entry]:
    """What a table says against labels: that clips are not what a label says, or that it is not sure."""
    groups: dict[tuple[str, str], list[int]] = {}
    for clip_id, label, verdict in intake.verdicts:
        groups.setdefault((label, verdict), []).append(at[clip_id])
    return [Entry(np.array(positions, np.int64), label, verdict) for (label, verdict), positions in groups.items()]


def _move(transaction: Transaction, clips: ClipTable, unsaid: set[str], at: Mapping[str, int], token: str) -> int:
    """Put clips where the table says; how many changed their subset."""
    says = np.array([clip_id not in unsaid for clip_id in clips.clip_ids], bool)
    positions = np.fromiter(map(at.__getitem__, clips.clip_ids), np.int64, len(clips))
    moves = [(positions[says & (clips.subsets == number)], name) for number, name in enumerate(SUBSETS)]
    return transaction.move(moves, token=f"{token}/subsets", note="table").changed


def by_label_and_source(
    clips: ClipTable, sources: Mapping[str, tuple[str, str, str]], at: Mapping[str, int]
) -> dict[tuple[str, tuple[str, str, str] | None], list[int]]:
    """Positions of the labelled clips of a table, by label and by who gave it when and how (None: the importer)."""
    groups: dict[tuple[str, tuple[str, str, str] | None], list[int]] = {}
    for clip_id, label in zip(clips.clip_ids, clips.labels, strict=True):
        if label:
            groups.setdefault((label, sources.get(clip_id)), []).append(at[clip_id])
    return groups
