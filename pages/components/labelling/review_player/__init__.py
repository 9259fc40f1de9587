"""The review player: plays hits one after another, judged by keys, without looking or touching the mouse."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from hover_core.workspace.dataset import Dataset
from pages.components import elements
from pages.components.label_keys import label_given, label_keys
from pages.components.labelling import actions, search_actions
from pages.components.labelling.search_state import HitQueue
from pages.components.labelling.state import LabellingState
from pages.server import assets

_VERDICTS = ("keep", "drop", "skip", "undo")


def review_player(dataset: Dataset, labelling: LabellingState, row: HitQueue, *, key: str) -> None:
    """Draw the player of a row of hits. Decisions are applied before the run, in their order."""
    names = dataset.names(row.positions)
    rows = [[position, names[position][0]] for position in row.positions]
    data = {
        "assets": assets.folder(),
        "clips": f"clips/{dataset.id}/",
        "rows": rows,
        "keys": label_keys(dataset.state().names),
        "at": row.at,
        "kept": list(row.kept),
        "dropped": sorted(row.dropped),
        "labelled": sorted(row.done),
        "heard": elements.acknowledgement(key),
    }
    _element()(key=key, data=data, height="content", on_said_change=partial(_take_over, labelling, key))


def _take_over(labelling: LabellingState, key: str) -> None:
    dataset = labelling.dataset()
    names = dataset.state().names if dataset is not None else ()
    for act in elements.new_messages(key):
        kind, position, at = act.get("kind"), act.get("position"), act.get("at")
        if kind in _VERDICTS and isinstance(position, int) and isinstance(at, int):
            search_actions.decide(labelling, position, kind, act.get("heard") is True, at)
        elif kind == "label":
            labelling.label = label_given(names, act.get("index")) or labelling.label
            actions.apply_kept(labelling, labelling.label)
            if not labelling.label:
                labelling.problem = "Choose a label first. Nothing was labelled."
        elif kind == "take back":
            actions.undo(labelling)
        elif kind == "end" and labelling.search is not None:
            labelling.search.row = None


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component(
        "review_player", js=assets.inline("labelling/review_player"), isolate_styles=False
    )
