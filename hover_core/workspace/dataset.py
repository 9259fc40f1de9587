"""A dataset: clips, their labels, vectors and maps, and everything that can be done with them.

`Datasets` opens them from a store; `Dataset` acts for one person, whose role every write checks again;
`SupervisableAudioDataset` is the same thing in the form that the guide's notebook uses.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from hover_core.data.annotations import Batch, label_named
from hover_core.data.arrays import Floats, Positions
from hover_core.data.clips import SUBSETS
from hover_core.data.clock import now
from hover_core.data.credentials import without_credentials
from hover_core.data.people import LOCAL_OWNER, OWNER, Invite, Person
from hover_core.errors import NotFound, Refused
from hover_core.numerics.index import SearchIndex
from hover_core.numerics.split import split
from hover_core.store import cleaning, clip_rows, members, vector_rows
from hover_core.store.database import DatasetRow
from hover_core.store.state import State
from hover_core.store.transaction import Entry, WriteResult
from hover_core.store.vector_rows import Embedding, Failure
from hover_core.tables import rows
from hover_core.tables.intake import Columns, Intake, plan_intake
from hover_core.workspace import add_table, duplicates, visibility
from hover_core.workspace.add_table import AddForecast, AddResult
from hover_core.workspace.duplicates import NearDuplicates
from hover_core.workspace.resources import Resources
from hover_core.workspace.sounds import ClipSounds
from hover_core.workspace.visibility import ColumnRule, Visible

if TYPE_CHECKING:  # the first page does without
    import pandas as pd

T = TypeVar("T")
MOST_OFFERED: Final = 500  # labels, to those who work blind


class Dataset:
    """One dataset, in the hands of one person."""

    def __init__(self, resources: Resources, dataset_id: str, by: Person = LOCAL_OWNER) -> None:
        self.resources = resources
        self.store = resources.store
        self.journal = resources.journal
        self.indexes = resources.indexes
        self.remember = resources.remember
        self.id = dataset_id
        self.by = by

    @property
    def sounds(self) -> ClipSounds:
        """Where the sounds of the clips are; opened when first asked for."""
        return self.resources.sounds

    # what it is -------------------------------------------------------------------------------------------------------

    @property
    def row(self) -> DatasetRow:
        """Name, revision, size and settings as they are now."""
        return self.store.dataset(self.id)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.row.name

    def state(self) -> State:
        """Labels and subsets as they are now; for whoever works blind, with their own labels alone."""
        return self.journal.state(self.id, self.by.name if self.by.blind else "")

    def clips(self) -> pd.DataFrame:
        """All clips in clip order; see `clip_rows.table`. Do not change it: it is shared.

        Labels and subsets are not in it, and what was heard since (durations) may be missing: it is read again only
        when clips, their columns or groups change. A guest's has no addresses, ids or references, and of the table's
        columns and the groups what `visible` says.
        """
        every, shown = self.resources.clips(self.id), self.visible()
        if shown.addresses:
            return every

        def make() -> pd.DataFrame:
            kept = every.assign(clip_id="", own_id="", url="", reference="", sha256="")
            if not shown.group:
                kept["group_name"] = ""
            cells: dict[int, dict[str, str]] = {}  # clips that share their cells go on sharing them
            for extra in kept["extra"]:
                if id(extra) not in cells:
                    cells[id(extra)] = {name: cell for name, cell in extra.items() if shown.column(name)}
            kept["extra"] = kept["extra"].map(lambda extra: cells[id(extra)])
            return kept

        return self.remember(("clips", self.id, self.clips_revision, shown), make)

    def names(self, positions: Sequence[int]) -> dict[int, tuple[str, str]]:
        """`{position: (name, url)}` of some clips; a million others are not read for it.

        A guest is told no URL, and a blind one a number instead of the name.
        """
        shown = self.by.role == OWNER
        return {
            position: (
                visibility.clip_title(self.by, position, url, start_s, end_s),
                without_credentials(url) if shown else "",  # one that was stored when they were not refused yet
            )
            for position, (url, start_s, end_s) in clip_rows.addresses(self.store, self.id, positions).items()
        }

    def titles(self) -> list[str]:
        """What this person is told that each clip is called, in clip order."""
        key = ("titles", self.id, self.clips_revision, self.by.role, self.by.blind)

        def make() -> list[str]:
            clips = self.resources.clips(self.id)
            return [
                visibility.clip_title(self.by, position, url, _seconds(start_s), _seconds(end_s))
                for position, url, start_s, end_s in zip(
                    clips.index, clips["url"], clips["start_s"], clips["end_s"], strict=True
                )
            ]

        return self.remember(key, make)

    # who is shown what ------------------------------------------------------------------------------------------------

    def visible(self) -> Visible:
        """What this person is shown of the dataset: the one answer for pages, routes and search; see `visibility`."""
        if self.by.role == OWNER:
            return Visible()
        settings, seen = self.row.settings, self.resources.cell_evidence(self.id)
        return visibility.visible(self.by, settings, visibility.rules(settings, seen), seen)

    def guest_columns(self) -> list[ColumnRule]:
        """What guests are shown of each column of the table, and why not of those that they never are."""
        self.by.allow("own", self.id)
        return visibility.rules(self.row.settings, self.resources.cell_evidence(self.id))

    def show_to_guests(self, changes: Mapping[str, bool]) -> None:
        """Show guests some columns of the table, or show them no more.

        Raises
        ------
        Refused
            There is no such column, or no guest is ever shown what it holds.
        """
        self.by.allow("own", self.id)
        known = {rule.name: rule for rule in self.guest_columns()}
        for name, shown in changes.items():
            if name not in known:
                raise Refused(f"the table has no column “{name}”: choose one of {', '.join(known) or 'none'}")
            if shown and known[name].holds:
                raise Refused(f"guests are never shown {known[name].holds}, which “{name}” holds: leave it unticked")
        with self.journal.transaction(self.id, self.by.name) as transaction:  # nobody else writes settings meanwhile
            self.store.set_settings(
                transaction.connection, self.id, visibility.set_shown_columns(self.row.settings, changes)
            )

    @property
    def clips_revision(self) -> int:
        """The revision at which clips, their columns or groups were changed last."""
        return self.resources.clips_revision(self.id)

    def batches(self, *, limit: int = 50, own: bool = False) -> list[Batch]:
        """The newest actions first."""
        return self.journal.batches(self.id, limit=limit, annotator=self.by.name if own or self.by.blind else None)

    # clips in ---------------------------------------------------------------------------------------------------------

    def plan(self, table: rows.RawTable, columns: Columns, **options: Any) -> Intake:
        """What adding a table will do; nothing is written. Options as in `plan_intake`."""
        identity = self.row.settings.get("identity", "full")
        keeps = self.by.role == OWNER and self.row.size == 0
        return plan_intake(table, columns, identity=identity, keep_sources=keeps, **options)

    def forecast(self, intake: Intake) -> AddForecast:
        """What `add` would do to the clips that the dataset has; nothing is written."""
        self.by.allow("own", self.id)
        return add_table.forecast(self.resources, self.id, intake)

    def add(self, intake: Intake, *, token: str | None = None) -> AddResult:
        """Add the clips of a table by the merge rules: the same clip is the same, nothing is ever deleted.

        New clips are appended; unknown columns are added to known ones; a subset that the table gives moves them;
        labels are annotations `imported`, in one batch that one undo takes back.
        """
        self.by.allow("own", self.id)
        return add_table.add(self.resources, self.id, intake, annotator=self.by.name, token=token)

    # labels and subsets -----------------------------------------------------------------------------------------------

    def annotate(
        self,
        positions: Sequence[int] | Positions,
        label: str,
        *,
        how: str,
        verdict: str = "yes",
        near_duplicates: bool = False,
        token: str | None = None,
    ) -> WriteResult:
        """Give clips a label, in one batch. The same `token` twice counts once; returns after the commit.

        With `near_duplicates` their near-duplicates get it as well, in the same batch, as `propagated`.
        """
        self.by.allow("label", self.id)
        entries = [Entry(np.asarray(positions, np.int64), label_named(label), verdict)]
        found = self.near_duplicates() if near_duplicates else None
        if found is not None:
            source = (self.by.name, now(), "propagated")
            entries.append(Entry(found.of(entries[0].positions), entries[0].label, verdict, source))
        token = token or secrets.token_hex(16)
        return self.journal.annotate(
            self.id,
            entries,
            annotator=self.by.name,
            how=how,
            token=token,
            note=entries[0].label,
            blind=self.by.blind,
        )

    def clear(
        self, positions: Sequence[int] | Positions, *, how: str, near_duplicates: bool = False, token: str | None = None
    ) -> WriteResult:
        """Take the labels of clips away, in one batch that can be undone; `near_duplicates`: theirs as well."""
        self.by.allow("label", self.id)
        wanted = np.asarray(positions, np.int64)
        found = self.near_duplicates() if near_duplicates else None
        if found is not None:
            wanted = np.union1d(wanted, found.of(wanted))
        token = token or secrets.token_hex(16)
        return self.journal.clear(self.id, wanted, annotator=self.by.name, how=how, token=token, blind=self.by.blind)

    def undo(self, batch_id: int, *, token: str | None = None) -> WriteResult:
        """Take a batch back. Annotators can undo what they did themselves; clips changed again since are left alone."""
        self.by.allow("label", self.id)
        return self.journal.undo(
            self.id,
            batch_id,
            annotator=self.by.name,
            token=token or secrets.token_hex(16),
            only_own=self.by.role != OWNER,
            blind=self.by.blind,
        )

    def undo_last(
        self, *, kinds: Sequence[str] = ("label", "clear", "move", "split", "import"), token: str | None = None
    ) -> tuple[Batch, WriteResult] | None:
        """Take back the newest action of this person that still stands, or None. `kinds` says which actions count."""
        batch = self.journal.newest_standing(self.id, self.by.name, kinds)
        return None if batch is None else (batch, self.undo(batch.id, token=token))

    def commit(self, positions: Sequence[int] | Positions, subset: str, *, token: str | None = None) -> WriteResult:
        """Move labelled raw clips to train, dev or test. Others among `positions` stay where they are."""
        self.by.allow("own", self.id)
        if subset not in SUBSETS[1:]:
            raise Refused(f"“{subset}” is nothing to commit to: use train, dev or test")
        return self.journal.move(
            self.id,
            [(np.asarray(positions, np.int64), subset)],
            annotator=self.by.name,
            token=token or secrets.token_hex(16),
            note=f"to {subset}",
            only_labelled_raw=True,
        )

    def split(
        self,
        shares: Mapping[str, float],
        *,
        grouped: bool = True,
        near_duplicates: bool = True,
        seed: int = 0,
        token: str | None = None,
    ) -> WriteResult:
        """Give every clip a subset by shares, stratified by label, no group in two subsets. One undo takes it back.

        With `near_duplicates` near-duplicates that were found stay together as well.
        """
        self.by.allow("own", self.id)
        chosen = self.proposed_split(shares, grouped=grouped, near_duplicates=near_duplicates, seed=seed)
        moves = [(np.flatnonzero(chosen == number).astype(np.int64), name) for number, name in enumerate(SUBSETS)]
        return self.journal.move(
            self.id, moves, annotator=self.by.name, token=token or secrets.token_hex(16), kind="split", note="split"
        )

    def proposed_split(
        self, shares: Mapping[str, float], *, grouped: bool = True, near_duplicates: bool = True, seed: int = 0
    ) -> NDArray[np.int8]:
        """What `split` would do: an index into SUBSETS for each clip. [shape=(n,)]"""
        labels = self.state().label_names()
        clips = self.clips().iloc[: len(labels)]  # read later: it may have more by now
        strata = [label or reference for label, reference in zip(labels, clips["reference"], strict=True)]
        groups = list(clips["group_name"]) if grouped else [""] * len(clips)
        found = self.near_duplicates() if near_duplicates else None
        if found is not None and len(found.pairs):
            groups = found.merge_groups(groups)
        return split(strata, shares, groups=groups, seed=seed)

    def near_duplicates(self) -> NearDuplicates | None:
        """The near-duplicates that were found last, or None before the first search; see
        `hover_core.analysis.near_duplicates`."""
        return duplicates.last_result(self.resources, self.id)

    def group_by(self, column: str | None) -> None:
        """Take a column of the table as the group of every clip; None: no groups.

        Raises
        ------
        Refused
            No clip has such a column.
        """
        self.by.allow("own", self.id)
        with self.journal.transaction(self.id, self.by.name) as transaction:  # no clip is added meanwhile
            extras = clip_rows.table(self.store, self.id)["extra"]
            if column is not None and not any(column in extra for extra in extras):
                raise Refused(f"the table has no column “{column}”: choose one that it came with")
            groups = ["" if column is None else str(extra.get(column, "")) for extra in extras]
            clip_rows.set_groups(transaction.connection, self.id, groups)
            transaction.wrote = True
            changes = {"group_column": column, "clips_revision": transaction.revision, **visibility.grouped_by(column)}
            self.store.set_settings(transaction.connection, self.id, changes)

    # settings ---------------------------------------------------------------------------------------------------------

    @property
    def has_groups(self) -> bool:
        """Whether any clip has a group."""
        key = ("has groups", self.id, self.clips_revision, self.row.size)
        return self.remember(key, lambda: clip_rows.has_groups(self.store, self.id))

    def normalise_per_group(self, *, on: bool) -> None:
        """Whether search and the next map leave out what the clips of a group have in common, as a speaker's voice.

        Raises
        ------
        Refused
            There are no groups.
        """
        self.by.allow("own", self.id)
        if on and not self.has_groups:
            raise Refused("no clip has a group: choose the group column on Split first")
        self.change_settings(per_group=on)

    def change_settings(self, **changes: Any) -> None:
        """Set some settings of the dataset."""
        self.by.allow("own", self.id)
        self.store.change_settings(self.id, changes)

    def notices(self) -> list[str]:
        """What the owner should know of a new version that changed something here, until `dismiss_notices`."""
        self.by.allow("own", self.id)
        return [str(notice) for notice in self.row.settings.get(cleaning.NOTICES, [])]

    def dismiss_notices(self) -> None:
        """The owner has read them."""
        self.change_settings(**{cleaning.NOTICES: []})

    def rename(self, name: str) -> None:
        """Give the dataset another name."""
        self.by.allow("own", self.id)
        self.store.rename_dataset(self.id, name)

    def archive(self, *, archived: bool = True) -> None:
        """Put the dataset away, or take it out again."""
        self.by.allow("own", self.id)
        self.store.archive_dataset(self.id, archived=archived)

    def invite(self, name: str = "", *, days: float | None = 30, blind: bool = False) -> str:
        """Make an invite and return its secret token; it is shown this once.

        Whoever comes by a `blind` one sees their own labels and nobody else's.
        """
        self.by.allow("own", self.id)
        return members.add_invite(self.store, self.id, name, days=days, blind=blind)

    @property
    def offered_labels(self) -> list[str]:
        """The labels that are offered by name to those who work blind, in their order."""
        return [str(name) for name, _ in self.row.settings.get("offered_labels", [])]

    def offer_labels(self, labels: Sequence[str]) -> list[str]:
        """Offer labels, in this order, after those that are offered already; which of them are new.

        Who works blind sees no label of anybody else's to choose from. What was offered stays offered: a label's colour
        and key never change.

        Raises
        ------
        Refused
            A name is too long or holds a control character, or there would be more than `MOST_OFFERED`.
        """
        self.by.allow("own", self.id)
        named = [name for words in labels if (name := label_named(words))]
        with self.journal.transaction(self.id, self.by.name) as transaction:
            kept = list(self.row.settings.get("offered_labels", []))  # nobody else writes while the action is open
            before = {name for name, _ in kept}
            new = [name for name in dict.fromkeys(named) if name not in before]
            if len(kept) + len(new) > MOST_OFFERED:
                raise Refused(f"{len(kept) + len(new):,} labels would be offered: at most {MOST_OFFERED} can be")
            if new:
                kept += [[name, transaction.revision] for name in new]
                self.store.set_settings(transaction.connection, self.id, {"offered_labels": kept})
                transaction.wrote = True
        return new

    def invites(self) -> list[Invite]:
        """All invites, the newest first."""
        self.by.allow("own", self.id)
        return members.invites(self.store, self.id)

    def revoke(self, invite_id: int) -> None:
        """End an invite; whoever came in by it is out at once."""
        self.by.allow("own", self.id)
        members.revoke_invite(self.store, self.id, invite_id)

    # vectors and maps -------------------------------------------------------------------------------------------------

    def vectors(self, vectorizer: str) -> tuple[Positions, Floats]:
        """Positions in rising order and their vectors. [shape=(n,), shape=(n, d)]"""
        return vector_rows.vectors(self.store, self.id, vectorizer)

    def failures(self, vectorizer: str | None = None) -> list[Failure]:
        """The clips that have no vector, and why; reasons name hosts and paths, so a guest is not told which."""
        key = vectorizer or self.vectorizer_key
        failures = vector_rows.failures(self.store, self.id, key) if key else []
        if self.by.role == OWNER:
            return failures
        return [replace(failure, reason=visibility.NO_SOUND) for failure in failures]

    @property
    def vectorizer_key(self) -> str:
        """The key of the vectorizer in use; empty before the first."""
        return str(self.row.settings.get("vectorizer", ""))

    def embeddings(self) -> list[Embedding]:
        """All maps, the newest first, maps of a part among them."""
        return vector_rows.embeddings(self.store, self.id)

    def embedding(self) -> Embedding | None:
        """The map in use: the newest of the whole dataset."""
        return next((found for found in self.embeddings() if "parent" not in found.settings), None)

    def coordinates(self, embedding: Embedding) -> Floats:
        """Where each clip lies, in clip order; NaN for clips that are not on the map. [shape=(n, dimension)]"""
        size = self.state().size

        def make() -> Floats:
            placed = np.full((size, embedding.dimension), np.nan, np.float32)
            positions, found = vector_rows.coordinates(self.store, embedding.id)
            known = positions < size  # others have come since
            placed[positions[known]] = found[known]
            return placed

        return self.remember(("coordinates", embedding.id, embedding.clips, size), make)

    def index(self, vectorizer: str | None = None) -> SearchIndex:
        """The search index of the vectors in use, with every vector that is there now; built when first asked for."""
        return self.indexes.get(self.id, vectorizer or self.vectorizer_key, wait=True)[0]

    def near(self, positions: Sequence[int] | Positions, k: int, *, among: Positions | None = None) -> Positions:
        """The `k` clips nearest to the middle of some clips, best first; those clips themselves do not answer.

        `among`: only these clips answer.
        """
        index = self.index()
        rows = np.flatnonzero(np.isin(index.positions, np.asarray(positions, np.int64)))
        if not len(rows):
            raise NotFound("none of these clips has a vector")
        return index.near_all(rows, k, among)


def _seconds(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
