"""The state of one person's Label page. None of it is stored; labels are stored, by `actions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hover_core.analysis.search.query import Stretch
from hover_core.errors import HoverError
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.labelling.map_trail import MapTrail
from pages.components.labelling.search_state import Search
from pages.components.labelling.selection import Selection
from pages.components.text import plain


@dataclass(frozen=True)
class PrivateQuery:
    """A search whose address is on this machine or its network, which the owner may allow. `title` is Markdown."""

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
    questions: int = 0  # number of searches by sound, also those that failed
    private_query: PrivateQuery | None = None  # the last search, if it waits for the owner's permission
    no_answer: str = ""  # why the last search failed
    near_duplicates: bool = False  # label the near-duplicates of a clip too
    label: str = ""  # the label that the button will give
    attempts: int = 0  # number of attempts to label, also those that were refused
    grow_by: int = 20  # how many of the nearest clips `grow` adds
    history: list[tuple[list[int], str]] = field(
        default_factory=list
    )  # batches of each action in this tab, the newest last
    message: str = ""  # the result of the last action
    problem: str = ""
    classic: bool = False  # the map is the classic one, which has no keys
    stale: bool = False  # the counts in the frame are out of date

    def dataset(self) -> Dataset | None:
        """The dataset, opened for the person who is here now, or None if they may not label it (any more)."""
        return session.still(self.dataset_id)

    def attempt(self, act: Callable[[Dataset], None]) -> bool:
        """Run `act` with the dataset and return whether it succeeded; if it was refused, `problem` says why.

        The person is checked each time: after an invite is revoked, a tab that is still open cannot write.
        """
        dataset = self.dataset()
        if dataset is None:
            self.problem = "You are no longer signed in. Nothing was changed."
            return False
        try:
            act(dataset)
        except HoverError as error:
            self.problem = plain(str(error))
            return False
        return True

    def record(self, batch_ids: list[int], note: str) -> None:
        """Remember the batches of an action, so that undo reverts all of them; `note` describes the action."""
        self.history.append((batch_ids, note))
        self.stale = True

    @property
    def undo_hint(self) -> str:
        """A sentence that says how to undo."""
        return "“Undo” reverts this." if self.classic else "Undo with u."
