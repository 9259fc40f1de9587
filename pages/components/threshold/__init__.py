"""A slider that sends its value to Python while it is moved; `st.slider` sends it only when it is released."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.server import assets


def threshold(label: str, *, start: float, key: str) -> float:
    """Draw a slider from 0 to 1 in steps of 0.01, which begins at `start`, and return its value."""
    data = {"label": label, "value": slider_value(key, start)}
    _element()(key=key, data=data, height="content", default={"value": start}, on_value_change=_ignore)
    return slider_value(key, start)


def slider_value(key: str, start: float) -> float:
    """The value of the slider with this key, also before it is drawn in a run."""
    value = getattr(st.session_state.get(key), "value", None)
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else start


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("threshold", js=assets.inline("threshold"), isolate_styles=False)


def _ignore() -> None:
    """Streamlit keeps a value in the result only if a callback is passed for it."""
