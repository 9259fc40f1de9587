"""Hearing a clip with what Streamlit brings: a click on a point runs the script, which draws `st.audio`."""

import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

points = np.load(os.environ["STOCK_POINTS"])
st.set_page_config(layout="wide")
figure = go.Figure(go.Scattergl(x=points[:, 0], y=points[:, 1], mode="markers", marker={"size": 12}))
figure.update_layout(height=700, margin={"l": 0, "r": 0, "t": 30, "b": 0})
event = st.plotly_chart(figure, on_select="rerun", selection_mode="points", key="map")
for position in event.selection.point_indices:
    st.audio(Path(os.environ["STOCK_SOUNDS"], f"{position}.wav").read_bytes(), format="audio/wav", autoplay=True)
