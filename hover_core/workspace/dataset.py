"""A dataset: clips, their labels, vectors and maps, and the actions on them.

`Datasets` opens a `Dataset` from a store for one person, whose role every write checks again.
`SupervisableAudioDataset` extends it in the form of hover's guide, for notebooks.

The file is long because this is the one object on which people act: each method checks the role, says what it does and
raises, and hands the work to the modules beside it.
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
from hover_core.tables.columns import Columns
from hover_core.tables.intake import Intake
from hover_core.workspace import add_table, near_duplicate_groups, plan_table, shown_clips, visibility
from hover_core.workspace.add_table import AddForecast, AddResult
from hover_core.workspace.near_duplicate_groups import NearDuplicates
from hover_core.workspace.resources import Resources
from hover_core.workspace.visibility import ColumnRule, Visible

if TYPE_CHECKING:  # so that the first page opens without loading pandas
    import pandas as pd

    from hover_core.workspace.sounds import ClipSounds

T = TypeVar("T")
MOST_OFFERED: Final = 500  # labels, to blind annotators


class Dataset:
    """One dataset, for one person. Every write raises NotAllowed if the role of the person does not permit it."""

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
        """The sounds of the clips; opened at first use."""
        return self.resources.sounds

    # the dataset ------------------------------------------------------------------------------------------------------

    @property
    def row(self) -> DatasetRow:
        """Name, revision, size and settings of the dataset, read now."""
        return self.store.dataset(self.id)

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.row.name

    def state(self) -> State:
        """Labels and subsets as they are now; a blind annotator sees only their own labels."""
        return self.journal.state(self.id, self.by.name if self.by.blind else "")

    def clips(self) -> pd.DataFrame:
        """All clips in clip order; see `clip_rows.table`. The table is shared: do not change it.

        It has no labels, its subsets are those at adding, and new durations may be missing: it is read again only when
        clips, their columns or groups change. A guest gets no addresses, ids or references, and only the groups and
        columns that are `visible`.
        """
        every, visible = self.resources.clips(self.id), self.visible()
        if visible.addresses:
            return every

        key = ("clips", self.id, self.clips_revision, visible)
        return self.remember(key, lambda: shown_clips.masked(every, visible))

    def names(self, positions: Sequence[int]) -> dict[int, tuple[str, str]]:
        """`{position: (name, url)}` of some clips; reads no other rows.

        A guest gets no URL, a blind guest a number instead of the name.
        """
        is_owner = self.by.role == OWNER
        return {
            position: (
                visibility.clip_title(self.by, position, url, start_s, end_s),
                without_credentials(url) if is_owner else "",  # older versions stored addresses with a password
            )
            for position, (url, start_s, end_s) in clip_rows.addresses(self.store, self.id, positions).items()
        }

    def titles(self) -> list[str]:
        """The name of each clip for this person, in clip order; see `visibility.clip_title`."""
        key = ("titles", self.id, self.clips_revision, self.by.role, self.by.blind)
        return self.remember(key, lambda: shown_clips.titles(self.resources.clips(self.id), self.by))

    # visibility -------------------------------------------------------------------------------------------------------

    def visible(self) -> Visible:
        """What this person may see of the dataset; pages, routes and search all use this. See `visibility`."""
        if self.by.role == OWNER:
            return Visible()
        settings, cell_evidence = self.row.settings, self.resources.cell_evidence(self.id)
        return visibility.visible(self.by, settings, visibility.rules(settings, cell_evidence), cell_evidence)

    def guest_columns(self) -> list[ColumnRule]:
        """For each column of the table, whether guests see it, and the reason if they never do."""
        self.by.allow("own", self.id)
        return visibility.rules(self.row.settings, self.resources.cell_evidence(self.id))

    def show_to_guests(self, changes: Mapping[str, bool]) -> None:
        """Show columns of the table to guests, or hide them: `{column: shown}`.

        Raises
        ------
        Refused
            There is no such column, or its content is never shown to guests.
        """
        self.by.allow("own", self.id)
        column_rules = {rule.name: rule for rule in self.guest_columns()}
        for name, shown in changes.items():
            if name not in column_rules:
                raise Refused(f"the table has no column “{name}”: choose one of {', '.join(column_rules) or 'none'}")
            if shown and column_rules[name].holds:
                raise Refused(
                    f"guests are never shown {column_rules[name].holds}, which “{name}” holds: leave it unticked"
                )
        with self.journal.transaction(
            self.id, self.by.name
        ) as transaction:  # no other process writes settings meanwhile
            self.store.set_settings(
                transaction.connection, self.id, visibility.set_shown_columns(self.row.settings, changes)
            )

    @property
    def clips_revision(self) -> int:
        """The revision of the last change of clips, their columns or groups."""
        return self.resources.clips_revision(self.id)

    def batches(self, *, limit: int = 50, own: bool = False) -> list[Batch]:
        """The batches of everybody, or of this person (`own`, and always if they are blind), the newest first."""
        return self.journal.batches(self.id, limit=limit, annotator=self.by.name if own or self.by.blind else None)

    # adding clips -----------------------------------------------------------------------------------------------------

    def plan(
        self,
        table: rows.RawTable,
        columns: Columns | None = None,
        *,
        answers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Intake:
        """A plan for adding a table; nothing is written. What was decided about the table is in `Intake.decisions`.

        Parameters
        ----------
        table : rows as text, of `hover_core.read_table`.
        columns : which column means what; without them that is recognised, as on the page Upload.
        answers : by `about` of the decisions, where another than the one taken is right, or none was sure.
        options : those of `plan_intake`.

        Raises
        ------
        TableError
            No column holds the addresses, or a question about the table is open; the message names its answers.
        """
        return plan_table.plan(self.store, self.row, self.by, table, columns, answers, options)

    @property
    def own_ids(self) -> str:
        """What an id of a table names in this dataset: a clip `with stretch`, or the clip `alone` (before 0.1.0)."""
        return plan_table.own_ids(self.store, self.row)

    def forecast(self, intake: Intake) -> AddForecast:
        """What `add` would change in clips that the dataset has already; nothing is written."""
        self.by.allow("own", self.id)
        return add_table.forecast(self.resources, self.id, intake)

    def add(self, intake: Intake, *, token: str | None = None) -> AddResult:
        """Add the clips of a table.

        New clips are appended. A clip that the dataset has already gets the columns that it does not have, and moves to
        the subset that the table gives. Labels become `imported` annotations in one batch, which one undo takes back.
        Nothing is deleted. A second call with the same `token` adds no annotations.
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
        """Give the clips at `positions` [shape=(n,)] a label, in one batch; returns after the commit.

        With `near_duplicates` their near-duplicates get it too, in the same batch, with the way `propagated`. A second
        call with the same `token` writes nothing.

        Raises
        ------
        Refused
            As in `Transaction.annotate`.
        """
        self.by.allow("label", self.id)
        entries = [Entry(np.asarray(positions, np.int64), label_named(label), verdict)]
        duplicate_groups = self.near_duplicates() if near_duplicates else None
        if duplicate_groups is not None:
            source = (self.by.name, now(), "propagated")
            entries.append(Entry(duplicate_groups.of(entries[0].positions), entries[0].label, verdict, source))
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
        """Take the labels of the clips at `positions` [shape=(n,)] away, in one batch.

        With `near_duplicates` those of their near-duplicates too. Errors are those of `Transaction.clear`.
        """
        self.by.allow("label", self.id)
        targets = np.asarray(positions, np.int64)
        duplicate_groups = self.near_duplicates() if near_duplicates else None
        if duplicate_groups is not None:
            targets = np.union1d(targets, duplicate_groups.of(targets))
        token = token or secrets.token_hex(16)
        return self.journal.clear(self.id, targets, annotator=self.by.name, how=how, token=token, blind=self.by.blind)

    def undo(self, batch_id: int, *, token: str | None = None) -> WriteResult:
        """Take a batch back; clips that were changed again since are left alone.

        Raises
        ------
        NotFound
            There is no such batch.
        NotAllowed
            The batch is somebody else's, and this person is not the owner.
        """
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
        """Take back the newest action of this person that is not undone yet, of one of these `kinds`.

        Returns the batch and the result of the undo, or None if there is no such action.
        """
        batch = self.journal.newest_standing(self.id, self.by.name, kinds)
        return None if batch is None else (batch, self.undo(batch.id, token=token))

    def commit(self, positions: Sequence[int] | Positions, subset: str, *, token: str | None = None) -> WriteResult:
        """Move the labelled raw clips among `positions` [shape=(n,)] to train, dev or test; the others stay.

        Raises
        ------
        Refused
            `subset` is another one, or a position is no clip.
        """
        self.by.allow("own", self.id)
        if subset not in SUBSETS[1:]:
            raise Refused(f"“{subset}” is no subset to commit to: use train, dev or test")
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
        """Assign a subset to every clip, in one batch.

        Parameters
        ----------
        shares
            `{subset: share}`, as in `hover_core.numerics.split.split`; stratified by label, else by reference.
        grouped
            Keep the clips of a group in one subset.
        near_duplicates
            Keep near-duplicates of the last search in one subset.
        seed
            The same seed gives the same split.
        token
            A second call with the same token writes nothing.
        """
        self.by.allow("own", self.id)
        subset = self.proposed_split(shares, grouped=grouped, near_duplicates=near_duplicates, seed=seed)
        moves = [(np.flatnonzero(subset == number).astype(np.int64), name) for number, name in enumerate(SUBSETS)]
        return self.journal.move(
            self.id, moves, annotator=self.by.name, token=token or secrets.token_hex(16), kind="split", note="split"
        )

    def proposed_split(
        self, shares: Mapping[str, float], *, grouped: bool = True, near_duplicates: bool = True, seed: int = 0
    ) -> NDArray[np.int8]:
        """The split that `split` would write: an index into SUBSETS for each clip. [shape=(n,), int8]"""
        labels = self.state().label_names()
        clips = self.clips().iloc[: len(labels)]  # read after the labels: there may be more clips by now
        strata = [label or reference for label, reference in zip(labels, clips["reference"], strict=True)]
        groups = list(clips["group_name"]) if grouped else [""] * len(clips)
        duplicate_groups = self.near_duplicates() if near_duplicates else None
        if duplicate_groups is not None and len(duplicate_groups.pairs):
            groups = duplicate_groups.merge_groups(groups)
        return split(strata, shares, groups=groups, seed=seed)

    def near_duplicates(self) -> NearDuplicates | None:
        """The result of the last search for near-duplicates, or None; see `hover_core.analysis.near_duplicates`."""
        return near_duplicate_groups.last_result(self.resources, self.id)

    def group_by(self, column: str | None) -> None:
        """Use a column of the table as the group of every clip; None: no groups.

        Raises
        ------
        Refused
            No clip has such a column.
        """
        self.by.allow("own", self.id)
        with self.journal.transaction(self.id, self.by.name) as transaction:  # no other process adds clips meanwhile
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
        """Set whether search and the next map remove group differences, for example those between speakers.

        Raises
        ------
        Refused
            `on`, and no clip has a group.
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
        """Sentences about changes that a new version made in this dataset, until `dismiss_notices`."""
        self.by.allow("own", self.id)
        return [str(notice) for notice in self.row.settings.get(cleaning.NOTICES, [])]

    def dismiss_notices(self) -> None:
        """Remove all notices."""
        self.change_settings(**{cleaning.NOTICES: []})

    def rename(self, name: str) -> None:
        """Give the dataset another name.

        Raises
        ------
        Refused
            The name is empty, or another dataset has it.
        """
        self.by.allow("own", self.id)
        self.store.rename_dataset(self.id, name)

    def archive(self, *, archived: bool = True) -> None:
        """Archive the dataset, or take it out of the archive; nothing is deleted."""
        self.by.allow("own", self.id)
        self.store.archive_dataset(self.id, archived=archived)

    def invite(self, name: str = "", *, days: float | None = 30, blind: bool = False) -> str:
        """Make an invite for `name` (empty: guests give their own) and return its secret token, shown only this once.

        It ends after `days` (None: never). A guest of a `blind` invite sees only their own labels.

        Raises
        ------
        Refused
            The name is too long, or looks like that of the owner or of somebody else.
        """
        self.by.allow("own", self.id)
        return members.add_invite(self.store, self.id, name, days=days, blind=blind)

    @property
    def offered_labels(self) -> list[str]:
        """The labels that blind annotators can choose from, in order."""
        return [str(name) for name, _ in self.row.settings.get("offered_labels", [])]

    def offer_labels(self, labels: Sequence[str]) -> list[str]:
        """Append labels to those that are offered, in this order; return the new ones.

        A blind annotator does not see other people's labels, and chooses from these. A label stays offered, so that its
        colour and key never change.

        Raises
        ------
        Refused
            A name is too long or contains a control character, or more than `MOST_OFFERED` would be offered.
        """
        self.by.allow("own", self.id)
        names = [name for words in labels if (name := label_named(words))]
        with self.journal.transaction(self.id, self.by.name) as transaction:
            # no other process writes while the transaction is open
            offers = list(self.row.settings.get("offered_labels", []))
            before = {name for name, _ in offers}
            new_labels = [name for name in dict.fromkeys(names) if name not in before]
            if len(offers) + len(new_labels) > MOST_OFFERED:
                raise Refused(
                    f"{len(offers) + len(new_labels):,} labels would be offered: at most {MOST_OFFERED} can be"
                )
            if new_labels:
                offers += [[name, transaction.revision] for name in new_labels]
                self.store.set_settings(transaction.connection, self.id, {"offered_labels": offers})
                transaction.wrote = True
        return new_labels

    def invites(self) -> list[Invite]:
        """All invites, the newest first."""
        self.by.allow("own", self.id)
        return members.invites(self.store, self.id)

    def revoke(self, invite_id: int) -> None:
        """End an invite; everybody who joined by it loses access at once."""
        self.by.allow("own", self.id)
        members.revoke_invite(self.store, self.id, invite_id)

    # vectors and maps -------------------------------------------------------------------------------------------------

    def vectors(self, vectorizer: str) -> tuple[Positions, Floats]:
        """Positions in rising order and their vectors. [shape=(n,), int64, and shape=(n, d), float32]"""
        return vector_rows.vectors(self.store, self.id, vectorizer)

    def failures(self, vectorizer: str | None = None) -> list[Failure]:
        """The clips that could not be vectorized, with reasons: for guests a general one, without hosts and paths."""
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
        """All maps, the newest first, including maps of a part."""
        return vector_rows.embeddings(self.store, self.id)

    def embedding(self) -> Embedding | None:
        """The map in use: the newest of the whole dataset, or None."""
        return next((embedding for embedding in self.embeddings() if "parent" not in embedding.settings), None)

    def coordinates(self, embedding: Embedding) -> Floats:
        """The point of each clip on a map, in clip order; NaN if it is not on it. [shape=(n, dimension), float32]"""
        size = self.state().size

        def make() -> Floats:
            points = np.full((size, embedding.dimension), np.nan, np.float32)
            positions, values = vector_rows.coordinates(self.store, embedding.id)
            in_range = positions < size  # clips were added since
            points[positions[in_range]] = values[in_range]
            return points

        return self.remember(("coordinates", embedding.id, embedding.clips, size), make)

    def index(self, vectorizer: str | None = None) -> SearchIndex:
        """The search index of the vectors in use, with every vector that is stored now; built if necessary."""
        return self.indexes.get(self.id, vectorizer or self.vectorizer_key, wait=True)[0]

    def near(self, positions: Sequence[int] | Positions, k: int, *, among: Positions | None = None) -> Positions:
        """Positions of the `k` clips nearest to the centre of some clips, best first, without these clips.

        With `among` [positions, shape=(m,)] only clips of these are results. [shape=(k,), int64]

        Raises
        ------
        NotFound
            None of the clips at `positions` has a vector.
        """
        index = self.index()
        rows = np.flatnonzero(np.isin(index.positions, np.asarray(positions, np.int64)))
        if not len(rows):
            raise NotFound("none of these clips has a vector")
        return index.near_all(rows, k, among)
