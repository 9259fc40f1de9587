"""The classic engine: the map by streamlit-plotly-events, for browsers in which our own map does not run.

Select and click only. The package is not maintained any more and carries plotly.js 1.58: arrays draw nothing there,
lists do, and its hover events cannot be told from selections. One trace holds all points: an index is a place in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.data.colours import colour
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components.clip_map import FocusMoved, Said, SelectionMade
from pages.server import map_codec

MOST_POINTS = 20_000


def classic_map(
    dataset: Dataset, embedding: Embedding, *, key: str, selected: NDArray[np.int64], height: int = 600
) -> list[Said]:
    """Draw the map with what is selected; more than 20,000 clips are thinned evenly, and that is said."""
    import plotly.graph_objects as go  # both are slow to import, and only this engine needs them
    from streamlit_plotly_events import plotly_events

    state = dataset.state()
    steps, grid = map_codec.quantise(dataset.coordinates(embedding)[:, :2])
    drawn = np.flatnonzero(steps[:, 0] != map_codec.MISSING)
    if len(drawn) > MOST_POINTS:
        st.caption(f"{len(drawn):,} clips: the classic map shows {MOST_POINTS:,} of them.")
        drawn = drawn[np.linspace(0, len(drawn) - 1, MOST_POINTS).astype(int)]
    x = grid["x0"] + steps[drawn, 0] / 65_534 * (grid["x1"] - grid["x0"])
    y = grid["y0"] + steps[drawn, 1] / 65_534 * (grid["y1"] - grid["y0"])
    dark = st.context.theme.type == "dark"
    ground, ink, none = ("#12161b", "#e6ebf0", "#6b7683") if dark else ("#ffffff", "#1b2530", "#a3acb6")
    colours = [colour(int(code)) if code >= 0 else none for code in state.label[drawn]]
    trace = go.Scattergl(x=x.tolist(), y=y.tolist(), mode="markers", marker={"color": colours, "size": 7})
    if len(selected):  # new colours draw the chart anew, and it would forget
        trace.selectedpoints = np.flatnonzero(np.isin(drawn, selected)).tolist()
    figure = go.Figure(trace)
    axis = {"visible": False}
    figure.update_layout(
        dragmode="lasso",
        uirevision=embedding.id,  # zoom stays
        paper_bgcolor=ground,
        plot_bgcolor=ground,
        font={"color": ink},
        xaxis=axis,
        yaxis=axis,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode=False,
    )
    came = plotly_events(figure, click_event=True, select_event=True, override_height=height, key=key)
    return _new_gestures(came, drawn, key)


def _new_gestures(came: list[dict[str, Any]], drawn: Any, key: str) -> list[Said]:
    """What is new since the run before: the element answers with its last selection in every run."""
    rows = sorted({int(point["pointIndex"]) for point in came if 0 <= int(point["pointIndex"]) < len(drawn)})
    before = st.session_state.get(f"{key}.before")
    st.session_state[f"{key}.before"] = rows
    if not rows or rows == before:
        return []
    positions = drawn[rows].astype(np.int64)
    if len(rows) == 1:
        return [SelectionMade(positions, "click", positions), FocusMoved(int(positions[0]))]
    return [SelectionMade(positions, "lasso", positions)]
