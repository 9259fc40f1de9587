"""Search by ear on Label: clips that sound like one, ranked, as a second way to gather clips beside the lasso."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.dataset import Dataset
from hover_core.errors import HoverError
from pages.components.clip_list import Act, clip_list
from pages.components.desk import Desk

Positions = NDArray[np.int64]

LIST_ROWS = 10


def more_like_focus(desk: Desk) -> None:
    """A button that asks for the clips most like the one in focus."""
    if desk.focus is not None and desk.focus != desk.like:
        st.button("More like this", icon=":material/search:", key="label.like", on_click=desk.ask, args=(desk.focus,))


def is_shown(desk: Desk) -> bool:
    """Whether the panel shows the hits of a search; while there is one, a control to go to the selection and back."""
    if desk.like is None:
        return False
    shown = st.segmented_control(
        "Clips",
        ["selected", "similar"],
        format_func={"selected": "Selected", "similar": "Most similar"}.__getitem__,
        default="similar",
        required=True,
        key=f"label.shown.{desk.like}",
        label_visibility="collapsed",
    )
    return shown == "similar"


def ring(dataset: Dataset, desk: Desk) -> Positions | None:
    """Which points the map marks as hits, or None without a search."""
    return None if desk.like is None else _hits(dataset, desk.like, int(st.session_state.get("label.k", 50)))[0]


def search_panel(dataset: Dataset, desk: Desk) -> Act | None:
    """Clips that sound like the one asked for, ranked, with their cosine; returns what was done with one of them."""
    assert desk.like is not None  # only drawn for a query
    k = st.slider("Most similar clips", 5, 500, 50, 5, key="label.k")
    hits, cosines = _hits(dataset, desk.like, k)
    if not len(hits):
        st.info("This clip has no vector, so nothing can be compared with it.")
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        take = f"Select these {len(hits):,}"
        st.button(take, icon=":material/select_all:", key="label.hits", on_click=desk.take, args=(hits,))
        st.button("Close", key="label.close", on_click=desk.ask, args=(None,))
    pages = -(-len(hits) // LIST_ROWS)
    key = f"label.hits_page.{desk.like}"
    page = min(int(st.session_state.get(key, 1)), pages)
    first = slice((page - 1) * LIST_ROWS, page * LIST_ROWS)
    act = clip_list(dataset, hits[first], key="label.hit_list", scores=cosines[first], focus=desk.focus)
    if pages > 1:
        st.pagination(pages, key=key)
    return act


def _hits(dataset: Dataset, position: int, k: int) -> tuple[Positions, NDArray[np.float32]]:
    try:
        return dataset.neighbours(position, k)
    except HoverError:  # a clip without a vector has no neighbours, and the panel says so
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
