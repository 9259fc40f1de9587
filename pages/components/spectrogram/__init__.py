"""The large spectrogram of one clip, with a play head, and controls for speed and loudness."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hover_core.workspace.dataset import Dataset
from pages.server import assets


def spectrogram(dataset: Dataset, position: int, *, key: str) -> None:
    """Draw the clip at `position`. The play head follows every player on the page that plays this clip."""
    name, url = dataset.names([position])[position]
    data = {
        "assets": assets.folder(),
        "clip": f"clips/{dataset.id}/{position}/",
        "name": name,
        "url": url,
    }
    _element()(key=key, data=data, height="content")


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("spectrogram", js=assets.inline("spectrogram"), isolate_styles=False)
