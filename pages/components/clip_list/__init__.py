"""A page of clips in a list: play, outline, name, label; more like this; leave out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from hover_core.annotations import colour
from hover_core.clips import clip_name
from hover_core.dataset import Dataset
from pages.server import assets


@dataclass(frozen=True)
class Act:
    """What a person asked of one clip in the list: `focus`, `similar`, `evict`, or `label` with a name (patch)."""

    kind: str
    position: int
    label: str = ""


def clip_list(
    dataset: Dataset,
    positions: Sequence[int],
    *,
    key: str,
    scores: Sequence[float] | None = None,
    focus: int | None = None,
    evict: bool = False,
) -> Act | None:
    """Draw the clips at `positions`, a page of them, with a score each if given; the act of this run, if any."""
    state = dataset.state()
    clips = dataset.clips()
    rows = []
    for number, position in enumerate(int(p) for p in positions):
        clip = clips.loc[position]
        code = int(state.label[position])
        rows.append(
            {
                "position": position,
                "name": clip_name(clip["url"], _number(clip["start_s"]), _number(clip["end_s"])),
                "url": clip["url"],
                "label": state.names[code] if code >= 0 else "",
                "colour": colour(code) if code >= 0 else "",
                "score": None if scores is None else f"{scores[number]:.3f}",
            }
        )
    data = {
        "assets": assets.folder(),
        "clips": f"clips/{dataset.id}/",
        "rows": rows,
        "focus": focus,
        "evict": evict,
        "labels": list(state.names[:500]),
    }
    came = _element()(key=key, data=data, height="content", on_act_change=_nothing)
    if not came.act:
        return None
    given = json.loads(came.act)
    position = given.get("position")
    if given.get("kind") not in ("focus", "similar", "evict", "label") or not isinstance(position, int):
        return None
    return Act(given["kind"], position, str(given.get("label", ""))) if 0 <= position < state.size else None


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_list", js=assets.inline("clip_list"), isolate_styles=False)


def _nothing() -> None:
    """Streamlit keeps a trigger in the result only if a callback is named for it."""
