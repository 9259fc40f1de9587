"""Clips as one person is shown them: a guest gets no addresses, and only the columns and groups that are visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hover_core.data.people import Person
from hover_core.workspace import visibility
from hover_core.workspace.visibility import Visible

if TYPE_CHECKING:  # so that the first page opens without loading pandas
    import pandas as pd


def masked(clips: pd.DataFrame, visible: Visible) -> pd.DataFrame:
    """A table of clips (`clip_rows.table`) without what a guest is not shown; a copy."""
    shown = clips.assign(clip_id="", own_id="", url="", reference="", sha256="")
    if not visible.group:
        shown["group_name"] = ""
    cells: dict[int, dict[str, str]] = {}  # clips with the same cells keep sharing one dict
    for extra in shown["extra"]:
        if id(extra) not in cells:
            cells[id(extra)] = {name: cell for name, cell in extra.items() if visible.column(name)}
    shown["extra"] = shown["extra"].map(lambda extra: cells[id(extra)])
    return shown


def titles(clips: pd.DataFrame, by: Person) -> list[str]:
    """The name of each clip for a person, in clip order; see `visibility.clip_title`. [length n]"""
    return [
        visibility.clip_title(by, position, url, _none_for_nan(start_s), _none_for_nan(end_s))
        for position, url, start_s, end_s in zip(
            clips.index, clips["url"], clips["start_s"], clips["end_s"], strict=True
        )
    ]


def _none_for_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
