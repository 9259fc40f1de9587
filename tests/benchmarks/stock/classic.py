"""A map to lasso by streamlit-plotly-events: the points and where to write the selection come by the environment."""

import json
import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit_plotly_events import plotly_events

points = st.cache_resource(np.load)(os.environ["STOCK_POINTS"])
labels = st.session_state.setdefault("labels", np.zeros(len(points), np.int64))


def label() -> None:
    """Give what is selected a new label."""
    chosen = st.session_state["chosen"]
    labels[chosen] = labels.max() + 1
    Path(os.environ["STOCK_OUT"]).write_text(json.dumps(chosen))


st.set_page_config(layout="wide")
left, right = st.columns([2, 1])
# lists: its plotly.js is 1.58 and draws arrays blank
marker = {"size": 3, "color": labels.tolist(), "colorscale": "Jet", "cmin": 0, "cmax": 9}
figure = go.Figure(go.Scattergl(x=points[:, 0].tolist(), y=points[:, 1].tolist(), mode="markers", marker=marker))
figure.update_layout(dragmode="lasso", height=760, uirevision="the same", margin={"l": 0, "r": 0, "t": 30, "b": 0})
with left:
    found = plotly_events(figure, click_event=False, select_event=True, override_height=760, key="map")
st.session_state["chosen"] = [point["pointIndex"] for point in found]
right.markdown(f"**{len(found):,} clips**")
right.button("Label", on_click=label)
