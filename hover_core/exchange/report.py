"""What was written, and what was left out and why: nothing is left out without a sentence."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

Progress = Callable[[int, int], object]  # clips done, clips in all; what it raises ends the export
_MOST_NAMED: Final = 20  # clips of one reason that a sentence can name
_NAMED_IN_A_SENTENCE: Final = 5


@dataclass
class LeftOut:
    """Clips that are not in what was written, for one reason. `names` are those of the first twenty."""

    reason: str
    positions: array[int] = field(default_factory=lambda: array("q"))
    names: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """How many, why, and the names of the first of them."""
        count = len(self.positions)
        named = ", ".join(self.names[:_NAMED_IN_A_SENTENCE])
        named += f" and {count - _NAMED_IN_A_SENTENCE:,} more" if count > _NAMED_IN_A_SENTENCE else ""
        were = "1 clip was" if count == 1 else f"{count:,} clips were"
        return f"{were} left out: {self.reason} ({named})."


@dataclass
class Report:
    """What an export did.

    Attributes
    ----------
    path : the file or folder that was written.
    format : the key of its format.
    clips : how many clips are in it.
    left_out : which are not, by reason.
    notes : sentences about what is otherwise than somebody may expect.
    labelling_config : of Label Studio: what a project needs to show the tasks; else empty.
    """

    path: Path
    format: str
    clips: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    labelling_config: str = ""
    total: int = 0  # clips that were selected

    @property
    def clips_left_out(self) -> int:
        """How many clips are not in it."""
        return sum(len(group.positions) for group in self.left_out.values())

    def add(self, clips: int, progress: Progress) -> None:
        """Some clips more were written."""
        self.clips += clips
        progress(self.clips + self.clips_left_out, self.total)

    def leave_out(self, position: int, name: str, reason: str) -> None:
        """A clip is not written."""
        group = self.left_out.setdefault(reason, LeftOut(reason))
        group.positions.append(position)
        if len(group.names) < _MOST_NAMED:
            group.names.append(name)

    def sentences(self) -> list[str]:
        """What was written, what was not, and the notes, for a person."""
        written = "1 clip was written." if self.clips == 1 else f"{self.clips:,} clips were written."
        return [written, *(group.sentence() for group in self.left_out.values()), *self.notes]
