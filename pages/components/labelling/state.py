"""What one person has before them on Label. None of it is of record: labels are, and `actions` writes those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hover_core.analysis.search import Stretch
from hover_core.errors import HoverError
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.labelling.map_trail import MapTrail
from pages.components.labelling.query import Search
from pages.components.labelling.selection import Selection
from pages.components.text import plain


@dataclass(frozen=True)
class PrivateQuery:
    """A question that leads to this machine or its network, which the owner may allow. `title` is Markdown."""

    host_port: str
    query: str | bytes | Stretch
    title: str


@dataclass
class LabellingState:
    """One person's work on one dataset, for as long as their tab is open.

    `message`, `problem` and `no_answer` are Markdown; the page shows each of them once.
    """

    dataset_id: str
    selection: Selection = field(default_factory=Selection)
    trail: MapTrail = field(default_factory=MapTrail)
    search: Search | None = None
    questions: int = 0  # how many sounds this person has asked with, also in vain
    private_query: PrivateQuery | None = None  # the last question, if it waits for the owner's permission
    no_answer: str = ""  # why the last question has no answer
    near_duplicates: bool = False  # near-duplicates of what is labelled get the label too
    label: str = ""  # the label that the button will give
    attempts: int = 0  # to label, also those that were refused
    grow_by: int = 20  # how many of the nearest clips `grow` adds
    history: list[tuple[list[int], str]] = field(default_factory=list)  # batches of each act here, the newest act last
    message: str = ""  # what was done
    problem: str = ""
    classic: bool = False  # the map is the classic one, which has no keys
    stale: bool = False  # the frame's counts are older than what was written

    def dataset(self) -> Dataset | None:
        """The dataset, opened for the person who is here now, or None if they may not label it (any more)."""
        return session.still(self.dataset_id)

    def attempt(self, act: Callable[[Dataset], None]) -> bool:
        """Run `act` with the dataset and return whether it was done; if it was refused, `problem` says why.

        Each time it is asked anew who is here: an invite that was revoked a moment ago writes nothing, also from a
        tab that is still open.
        """
        dataset = self.dataset()
        if dataset is None:
            self.problem = "You are not signed in any more: nothing was written."
            return False
        try:
            act(dataset)
        except HoverError as error:
            self.problem = plain(str(error))
            return False
        return True

    def record(self, batch_ids: list[int], note: str) -> None:
        """Remember what an act wrote, so that undo takes back all of it; `note` says what that was."""
        self.history.append((batch_ids, note))
        self.stale = True

    @property
    def undo_hint(self) -> str:
        """How to take an act back, as a sentence."""
        return "“Undo” takes it back." if self.classic else "Undo with u."
