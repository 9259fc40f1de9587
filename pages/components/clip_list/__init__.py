"""A page of clips in a list: play, outline, name, label; more like this; leave out."""

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
    """What a person asked of one clip in the list: `focus`, `similar`, `evict`, `up` or `down` (an example for or
    against), or `label` with a name (patch)."""

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
    """Draw the clips at `positions`, a page of them; the act of this run, if any.

    With `scores` each shows one, with `closer_than` the share of all clips that it is closer than, with `distances` how
    far its frames are instead (NaN for none); with `thumbs` (1 up, -1 down, 0 neither) each can be an example for or
    against.
    Of several acts each run answers one: whoever does it asks for another run.
    """
    state = dataset.state()
    clips = [int(position) for position in positions]
    named = dataset.names(clips)
    rows = []
    for number, position in enumerate(clips):
        name, url = named[position]
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
        given = waiting.pop(0)
        position = given.get("position")
        known = given.get("kind") in ("focus", "similar", "evict", "up", "down", "label")
        if known and isinstance(position, int) and 0 <= position < state.size:
            return ClipAction(given["kind"], position, str(given.get("label", "")))
    return None


def _collect(key: str) -> None:
    st.session_state.setdefault(f"{key}.acts", []).extend(elements.new_messages(key))


def _distance(mean: float) -> str:
    return "–" if math.isnan(mean) else f"{mean:.3g}"


def _percent(share: float) -> str:
    """Rounded down: nothing is closer than 100 % of all clips."""
    return f"{int(share * 1000) / 10:.1f} %"


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_list", js=assets.inline("clip_list"), isolate_styles=False)
