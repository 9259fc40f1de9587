"""The datasets of a store: lists, creates and opens them for a person."""

from __future__ import annotations

from hover_core.data.clips import IDENTITIES
from hover_core.data.people import LOCAL_OWNER, Person
from hover_core.errors import Refused
from hover_core.store.database import DatasetRow
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.resources import Resources


class Datasets(Resources):
    """The datasets of one store, and their caches in this process. Safe for threads."""

    def rows(self, by: Person = LOCAL_OWNER, *, archived: bool = False) -> list[DatasetRow]:
        """The datasets that a person may label, the newest first."""
        return [row for row in self.store.datasets(archived=archived) if by.may("label", row.id)]

    def new(self, name: str, *, by: Person = LOCAL_OWNER, identity: str = "full") -> Dataset:
        """Create an empty dataset. `identity` says which parts of an address identify a sound: see `clips.IDENTITIES`.

        Raises
        ------
        NotAllowed
            `by` is no owner.
        Refused
            There is no such identity; the name is empty, or another dataset has it.
        """
        by.allow("own")
        if identity not in IDENTITIES:
            raise Refused(f"identity={identity!r} must be one of {', '.join(IDENTITIES)}")
        return self.open(self.store.add_dataset(name, {"identity": identity}), by=by)

    def open(self, dataset_id: str, *, by: Person = LOCAL_OWNER) -> Dataset:
        """Open a dataset for a person.

        Raises
        ------
        NotAllowed
            They may not label in it.
        NotFound
            There is no such dataset.
        """
        by.allow("label", dataset_id)
        self.store.dataset(dataset_id)
        return Dataset(self, dataset_id, by)
