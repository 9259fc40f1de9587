"""The path from the map of the whole dataset down through maps of parts, and which of them is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile

from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset


@dataclass
class MapTrail:
    """A stack of maps: each is a part of the one before it."""

    parts: list[int] = field(default_factory=list)  # ids of the maps of parts, from the widest to the narrowest
    depth: int = 0  # number of parts from the whole map down to the open map; 0: the whole map is open
    job_id: int | None = None  # the job that draws another part

    def maps(self, dataset: Dataset) -> list[Embedding]:
        """The whole map, if there is one, and the parts below it that still exist."""
        whole, by_id = dataset.embedding(), {embedding.id: embedding for embedding in dataset.embeddings()}
        self.parts = list(takewhile(by_id.__contains__, self.parts))
        self.depth = min(self.depth, len(self.parts))
        return [] if whole is None else [whole, *(by_id[part] for part in self.parts)]

    def enter(self, part: Embedding) -> None:
        """Open a part that was just drawn; earlier parts of the same map leave the trail."""
        parent = part.settings.get("parent")
        above = self.parts.index(parent) + 1 if parent in self.parts else 0
        self.parts[above:] = [part.id]
        self.depth = above + 1

    def back(self) -> None:
        """Open the map of which the current map is a part."""
        self.depth = max(0, self.depth - 1)

    def go(self, depth: int) -> None:
        """Open the map that lies `depth` parts below the whole map."""
        self.depth = depth
