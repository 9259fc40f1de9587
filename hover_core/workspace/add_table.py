"""What adding a table does to a dataset, said before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hover_core.data.clips import Clip
from hover_core.tables.intake import Intake


@dataclass(frozen=True)
class Added:
    """What adding a table did."""

    new: int
    known: int
    moved: int
    labelled: int
    columns_added: int
    batch_id: int | None


@dataclass(frozen=True)
class Foreseen:
    """What adding a table would do to clips that are there already."""

    known: int
    moved: int
    relabelled: int  # those that would lose the label that they have to another


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
