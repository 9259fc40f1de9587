"""The label bar: the labels of a dataset as buttons, with their fixed colours and their keys."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from hover_core.data.colours import colour
from hover_core.workspace.dataset import Dataset
from pages.components.label_keys import label_keys
from pages.server import assets

MOST = 60  # buttons; the box below the bar finds all labels


def label_bar(dataset: Dataset, chosen: str, *, key: str, keys: bool = True) -> str:
    """Draw the bar with the label `chosen` highlighted.

    Parameters
    ----------
    keys
        Whether to show the keys on the map that give the labels.

    Returns
    -------
    str
        The label that was clicked in this run, or an empty text.
    """
    names = dataset.state().names
    key_of = {code: number for number, code in enumerate(label_keys(names), 1)} if keys else {}
    data = {
        "assets": assets.folder(),
        "labels": [[name, colour(code), key_of.get(code)] for code, name in enumerate(names[:MOST])],
        "chosen": chosen,
    }
    result = _element()(key=key, data=data, height="content", on_choose_change=_ignore)
    name = str(json.loads(result.choose).get("name", "")) if result.choose else ""
    return name if name in names else ""


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("label_bar", js=assets.inline("label_bar"), isolate_styles=False)


def _ignore() -> None:
    """Streamlit keeps a trigger in the result only if a callback is passed for it."""
