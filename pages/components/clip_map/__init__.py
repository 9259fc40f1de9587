"""The lasso map in a page: the clips of a dataset as points; what is selected on it comes back as clip positions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.dataset import Dataset
from hover_core.vector_rows import Embedding
from pages.components.clip_map import wire
from pages.server import assets


@dataclass(frozen=True)
class Selected:
    """A selection that a person made on the map."""

    positions: NDArray[np.int64]
    how: str  # lasso, box, click, legend, invert, paint …


@dataclass(frozen=True)
class Asked:
    """What came up from the map in this run, if anything."""

    selected: Selected | None = None
    focus: int | None = None
    command: dict[str, Any] | None = None


def clip_map(
    dataset: Dataset,
    embedding: Embedding,
    *,
    key: str,
    height: int | None = 560,
    select: tuple[str, NDArray[np.int64]] | None = None,
    ring: NDArray[np.int64] | None = None,
    focus: int | None = None,
) -> Asked:
    """Draw the map.

    Parameters
    ----------
    select
        A selection made elsewhere (search hits, a label), with an id: it is applied when the id changes.
    ring
        Positions to mark softly.
    focus
        The clip that is being listened to.
    height
        Pixels; None: as tall as the window allows.
    """
    state = dataset.state()
    data = {
        "assets": assets.folder(),
        "plotly": assets.plotly_bundle(),
        "map": f"map/{embedding.id}",
        "journal": f"journal/{dataset.id}",
        "clips": f"clips/{dataset.id}/",
        "revision": state.revision,
        "select": None if select is None else {"id": select[0], "set": wire.encode_set(select[1])},
        "ring": None if ring is None else {"set": wire.encode_set(ring)},
        "focus": focus,
        "labels_keys": list(state.names[:9]),
        "colour_by": "label",
        "columns": f"columns/{dataset.id}",
        "column": f"column/{dataset.id}/",
        "axes": wire.axes(dataset, embedding),
        "height": height,
        "placeholder": "A first sketch (PCA). Labelling is better on the UMAP that is coming."
        if embedding.placeholder
        else None,
    }
    came = _element()(
        key=key,
        data=data,
        height="content",
        on_selection_change=_nothing,
        on_focus_change=_nothing,
        on_command_change=_nothing,
    )
    return _asked(came, state.size)


def _asked(came: Any, size: int) -> Asked:
    selected = None
    if came.selection:
        given = json.loads(came.selection)
        selected = Selected(wire.decode_set(str(given["set"]), size), str(given.get("how", "lasso")))
    focus = came.focus.get("position") if isinstance(came.focus, dict) else None
    if not (isinstance(focus, int) and 0 <= focus < size):
        focus = None
    command = json.loads(came.command) if isinstance(came.command, str) else came.command
    return Asked(selected, focus, command if isinstance(command, dict) else None)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_map", js=assets.inline("clip_map"), isolate_styles=False)


def _nothing() -> None:
    """Streamlit keeps a trigger in the result only if a callback is named for it."""
