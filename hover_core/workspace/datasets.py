"""All datasets of one store: listed, made, opened for a person."""

from __future__ import annotations

from hover_core.data.clips import IDENTITIES
from hover_core.data.people import LOCAL_OWNER, Person
from hover_core.errors import Refused
from hover_core.store.database import DatasetRow
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.resources import Resources


class Datasets(Resources):
    """All datasets of one store, with what a process keeps of them in memory. Safe for threads."""

    def rows(self, by: Person = LOCAL_OWNER, *, archived: bool = False) -> list[DatasetRow]:
        """The datasets that a person may label, the newest first."""
        return [row for row in self.store.datasets(archived=archived) if by.may("label", row.id)]

    def new(self, name: str, *, by: Person = LOCAL_OWNER, identity: str = "full") -> Dataset:
        """Make an empty dataset. `identity` says which parts of an address name a sound."""
        by.allow("own")
        if identity not in IDENTITIES:
            raise Refused(f"identity={identity!r} must be one of {', '.join(IDENTITIES)}")
        return self.open(self.store.add_dataset(name, {"identity": identity}), by=by)

    def open(self, dataset_id: str, *, by: Person = LOCAL_OWNER) -> Dataset:
        """A dataset, to act in it as `by`."""
        by.allow("label", dataset_id)
        self.store.dataset(dataset_id)
        return Dataset(self, dataset_id, by)
