"""A page of clips as a list: play button, outline, name and label of each, and buttons for actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.data.arrays import Positions
from hover_core.data.colours import colour
from hover_core.workspace.dataset import Dataset
from pages.components import elements
from pages.server import assets


@dataclass(frozen=True)
class ClipAction:
    """An action on one clip of the list.

    Attributes
    ----------
    kind
        `focus`, `similar` (search for more like it), `evict`, `up` (an example), `down` (a counterexample) or `label`.
    label
        The new label, for `label`.
    """

    kind: str
    position: int
    label: str = ""


def clip_list(
    dataset: Dataset,
    positions: Sequence[int] | Positions,
    *,
    key: str,
    scores: Sequence[float] | NDArray[np.float32] | None = None,
    closer_than: Sequence[float] | NDArray[np.float32] | None = None,
    distances: Sequence[float] | NDArray[np.float32] | None = None,
    thumbs: Sequence[int] | None = None,
    focus: int | None = None,
    evict: bool = False,
) -> ClipAction | None:
    """Draw one page of clips.

    Parameters
    ----------
    positions
        The clips to draw [shape=(n,)].
    scores
        The score of each clip [shape=(n,)].
    closer_than
        The share of all clips that each clip is closer than [shape=(n,), 0 to 1].
    distances
        The distance of each clip frame by frame, NaN if it was not compared [shape=(n,)].
    thumbs
        1 for an example, -1 for a counterexample, 0 for neither [shape=(n,)]. Draws the thumbs.
    focus
        Position of the clip in focus.
    evict
        Draw a button that removes the clip from the selection.

    Returns
    -------
    ClipAction or None
        The next action that waits. A run returns only one: the caller carries it out and runs again.
    """
    state = dataset.state()
    clips = [int(position) for position in positions]
    names = dataset.names(clips)
    rows = []
    for number, position in enumerate(clips):
        name, url = names[position]
        code = int(state.label[position])
        rows.append(
            {
                "position": position,
                "name": name,
                "url": url,
                "label": state.names[code] if code >= 0 else "",
                "colour": colour(code) if code >= 0 else "",
                "score": None if scores is None else f"{scores[number]:.3f}",
                "closer": None if closer_than is None else _percent(closer_than[number]),
                "frames": None if distances is None else _distance(distances[number]),
                "thumb": None if thumbs is None else thumbs[number],
            }
        )
    data = {
        "assets": assets.folder(),
        "clips": f"clips/{dataset.id}/",
        "rows": rows,
        "focus": focus,
        "evict": evict,
        "labels": list(state.names[:500]),
        "heard": elements.acknowledgement(key),
    }
    _element()(key=key, data=data, height="content", on_said_change=partial(_collect, key))
    waiting: list[Any] = st.session_state.get(f"{key}.acts", [])
    while waiting:
        message = waiting.pop(0)
        position = message.get("position")
        valid = message.get("kind") in ("focus", "similar", "evict", "up", "down", "label")
        if valid and isinstance(position, int) and 0 <= position < state.size:
            return ClipAction(message["kind"], position, str(message.get("label", "")))
    return None


def _collect(key: str) -> None:
    st.session_state.setdefault(f"{key}.acts", []).extend(elements.new_messages(key))


def _distance(mean: float) -> str:
    return "–" if math.isnan(mean) else f"{mean:.3g}"


def _percent(share: float) -> str:
    """A share in percent, rounded down: no clip is closer than 100 % of all clips."""
    return f"{int(share * 1000) / 10:.1f} %"


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_list", js=assets.inline("clip_list"), isolate_styles=False)
