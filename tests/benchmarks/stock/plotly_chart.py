"""A map to lasso by `st.plotly_chart`: the points and where to write the selection come by the environment."""

import json
import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

points = st.cache_resource(np.load)(os.environ["STOCK_POINTS"])
labels = st.session_state.setdefault("labels", np.zeros(len(points), np.int64))


def label() -> None:
    """Give what is selected a new label."""
    chosen = st.session_state["map"].selection.point_indices
    labels[chosen] = labels.max() + 1
    Path(os.environ["STOCK_OUT"]).write_text(json.dumps([int(position) for position in chosen]))


st.set_page_config(layout="wide")
left, right = st.columns([2, 1])
marker = {"size": 3, "color": labels, "colorscale": "Turbo", "cmin": 0, "cmax": 9}
figure = go.Figure(go.Scattergl(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker))
figure.update_layout(dragmode="lasso", height=760, uirevision="the same", margin={"l": 0, "r": 0, "t": 30, "b": 0})
event = left.plotly_chart(figure, on_select="rerun", key="map")
right.markdown(f"**{len(event.selection.point_indices):,} clips**")
right.button("Label", on_click=label)
