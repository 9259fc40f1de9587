"""The classic map, drawn by streamlit-plotly-events, for browsers in which our own map does not run.

It can select and click only. The package is no longer maintained and contains plotly.js 1.58: that draws lists but not
typed arrays, and its hover events look like selections. One trace holds all points, so an index is a row of that trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.data.colours import colour
from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components.clip_map import FocusMoved, Gesture, SelectionMade
from pages.server import map_codec

MOST_POINTS = 20_000


def classic_map(
    dataset: Dataset, embedding: Embedding, *, key: str, selected: NDArray[np.int64], height: int = 600
) -> list[Gesture]:
    """Draw the map with the selected clips. Of more than 20,000 clips it draws every n-th, and says so."""
    import plotly.graph_objects as go  # both are slow to import, and only this engine needs them
    from streamlit_plotly_events import plotly_events

    state = dataset.state()
    steps, grid = map_codec.quantise(dataset.coordinates(embedding)[:, :2])
    clips = np.flatnonzero(steps[:, 0] != map_codec.MISSING)
    if len(clips) > MOST_POINTS:
        st.caption(f"{len(clips):,} clips: the classic map shows {MOST_POINTS:,} of them.")
        clips = clips[np.linspace(0, len(clips) - 1, MOST_POINTS).astype(int)]
    x = grid["x0"] + steps[clips, 0] / 65_534 * (grid["x1"] - grid["x0"])
    y = grid["y0"] + steps[clips, 1] / 65_534 * (grid["y1"] - grid["y0"])
    dark = st.context.theme.type == "dark"
    ground, ink, none = ("#12161b", "#e6ebf0", "#6b7683") if dark else ("#ffffff", "#1b2530", "#a3acb6")
    colours = [colour(int(code)) if code >= 0 else none for code in state.label[clips]]
    trace = go.Scattergl(x=x.tolist(), y=y.tolist(), mode="markers", marker={"color": colours, "size": 7})
    if len(selected):  # with new colours the chart is drawn again, and would lose its selection
        trace.selectedpoints = np.flatnonzero(np.isin(clips, selected)).tolist()
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
    points = plotly_events(figure, click_event=True, select_event=True, override_height=height, key=key)
    return _new_gestures(points, clips, key)


def _new_gestures(points: list[dict[str, Any]], clips: Any, key: str) -> list[Gesture]:
    """The gestures since the run before. The element repeats its last selection in every run."""
    rows = sorted({int(point["pointIndex"]) for point in points if 0 <= int(point["pointIndex"]) < len(clips)})
    before = st.session_state.get(f"{key}.before")
    st.session_state[f"{key}.before"] = rows
    if not rows or rows == before:
        return []
    positions = clips[rows].astype(np.int64)
    if len(rows) == 1:
        return [SelectionMade(positions, "click", positions), FocusMoved(int(positions[0]))]
    return [SelectionMade(positions, "lasso", positions)]
