"""The leak report on a page: one plot and one sentence."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis import leaks, near_duplicates
from hover_core.analysis.leaks import Leak
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import plain

_INKS = (("#e69f00", "#000000"), ("#0072b2", "#ffffff"))  # of a bar, and of the number on it


def leak_report(dataset: Dataset) -> None:
    """Draw the leak report, which compares a random split with a split by groups. It is measured in the background."""
    st.markdown("**What a random split would hide**")
    search = near_duplicates.last_search(dataset)
    if search is not None and search.running:
        st.caption("The measurement starts when the search for near-duplicates has ended.")
        return
    with session.errors_shown():
        leak = leaks.leak_if_measured(dataset)
        if leak is None:
            _under_way(dataset.id)
        elif leak.missing:
            st.caption(plain(leak.missing))
        else:
            _report(leak)


def leak_sentence(dataset: Dataset) -> None:
    """Draw only the sentence of the report. It appears as soon as it is measured."""
    with session.errors_shown():
        leak = leaks.leak_if_measured(dataset)
        if leak is None:
            _under_way(dataset.id)
        elif not leak.missing:
            st.caption(plain(f"Leak report: {leak.sentence} {leak.as_split}"))


@st.fragment(run_every=0.5)
def _under_way(dataset_id: str) -> None:
    dataset = session.still(dataset_id)
    if dataset is None or leaks.leak_if_measured(dataset) is not None:
        st.rerun()
    st.caption("Measuring, with nearest neighbours, what a random split would hide …")


def _report(leak: Leak) -> None:
    st.caption(plain(f"{leak.sentence} {leak.as_split}"))
    import plotly.graph_objects as go

    figure = go.Figure()
    bars = {"Clips at random": leak.random, f"Each {_short(leak.word)} whole": leak.grouped}
    for (name, parts), (fill, ink) in zip(reversed(bars.items()), _INKS, strict=True):
        mean = sum(parts) / len(parts)
        figure.add_bar(
            x=[mean],
            y=[name],
            orientation="h",
            text=[f"{mean:.2f}"],
            textposition="inside",
            insidetextanchor="start",
            textfont={"color": ink},
            marker={"color": fill},
            error_x={
                "type": "data",
                "color": "#808080",
                "array": [max(parts) - mean],
                "arrayminus": [mean - min(parts)],
            },
            hovertemplate="%{x:.3f}<extra></extra>",
        )
    figure.update_layout(
        height=160,
        margin={"l": 0, "r": 10, "t": 4, "b": 0},
        showlegend=False,
        xaxis={"range": [0, 1], "title": "accuracy of the 5 nearest neighbours", "fixedrange": True},
        yaxis={"fixedrange": True},
    )
    st.plotly_chart(figure, width="stretch", key="split.leak", config={"displayModeBar": False})
    st.caption(
        f"Measured on {leak.clips:,} clips with {leak.labels:,} labels and {leak.groups:,} groups; near-duplicates "
        "count as one clip. The lines reach from the worst to the best part; "
        f"always predicting the most frequent label would give {leak.chance:.2f}."
    )


def _short(word: str) -> str:
    """A column's name as text for Plotly, which interprets some HTML."""
    line = " ".join(word.split())[:30]
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
