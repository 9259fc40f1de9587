"""The known labels as buttons with their fixed colours and their keys."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from hover_core.data.colours import colour
from hover_core.workspace.dataset import Dataset
from pages.components.label_keys import label_keys
from pages.server import assets

MOST = 60  # more than this are found in the box below


def label_bar(dataset: Dataset, chosen: str, *, key: str, keys: bool = True) -> str:
    """Draw the bar with `chosen` lit; the label that was clicked in this run, or an empty text.

    `keys` says whether there is a map whose keys give labels.
    """
    names = dataset.state().names
    key_of = {code: number for number, code in enumerate(label_keys(names), 1)} if keys else {}
    data = {
        "assets": assets.folder(),
        "labels": [[name, colour(code), key_of.get(code)] for code, name in enumerate(names[:MOST])],
        "chosen": chosen,
    }
    came = _element()(key=key, data=data, height="content", on_choose_change=_ignore)
    picked = str(json.loads(came.choose).get("name", "")) if came.choose else ""
    return picked if picked in names else ""


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("label_bar", js=assets.inline("label_bar"), isolate_styles=False)


def _ignore() -> None:
    """Streamlit keeps a trigger in the result only if a callback is named for it."""
