"""The Export page: downloads the table that trains a model, and its data card."""

import json

import pandas as pd
import streamlit as st

from hover_core.exchange.data_card import data_card
from hover_core.exchange.export import FORMATS, export_table, labels_by_how, to_bytes
from hover_core.store.clip_rows import heard_count
from pages.components import session
from pages.components.leak_report import leak_sentence
from pages.components.text import count_of

WORDS = {
    "csv": ("CSV", "Opens in every program. Cells that a spreadsheet would run as a formula are made harmless."),
    "parquet": ("Parquet", "Small and fast, for pandas, Polars, DuckDB. Every cell is text. Contains the data card."),
    "jsonl": ("JSONL", "One JSON object per line, for pipelines."),
}
HOWS = {
    "heard": "heard one by one",
    "lasso": "from a lasso",
    "search": "from a search",
    "propagated": "propagated",
    "imported": "imported",
}

dataset = session.needs()
state = dataset.state()

st.subheader("Export")
labelled = int((state.label >= 0).sum())
st.caption(
    f"{state.size:,} clips, {labelled:,} labelled. "
    "You can upload the exported table again and get the same clips, labels and subsets."
)
hows = labels_by_how(dataset)
with st.container(horizontal=True, gap="large"):
    only = st.segmented_control(
        "Rows", ["All clips", "Only labelled"], default="All clips", key="export.rows", required=True
    )
    if len(hows) > 1:
        selected_hows = st.pills(
            "Labels that were",
            list(hows),
            selection_mode="multi",
            default=list(hows),
            format_func=lambda how: f"{HOWS[how]} {hows[how]:,}",
            key=f"export.hows.{dataset.id}.{'.'.join(hows)}",
            help="Clips whose label you leave out are exported without a label.",
        )
        hows = {how: hows[how] for how in selected_hows}
form = st.radio(
    "Format",
    list(WORDS),
    format_func=lambda name: WORDS[name][0],
    captions=[words for _, words in WORDS.values()],
    key="export.format",
    horizontal=True,
)


@st.cache_data(max_entries=4, show_spinner="Preparing …")
def _file(
    dataset_id: str, version: tuple[int, int], only_labelled: bool, hows: tuple[str, ...], form: str
) -> tuple[bytes, pd.DataFrame, int]:
    opened = session.datasets().open(dataset_id)
    frame = export_table(opened, only_labelled=only_labelled, hows=hows)
    card = data_card(opened) if form == "parquet" else None
    return to_bytes(frame, form, card=card), frame.head(8), len(frame)


def _card() -> bytes:
    return json.dumps(data_card(dataset), ensure_ascii=False, indent=2).encode()


data, head, rows = _file(
    dataset.id, (state.revision, heard_count(dataset.store, dataset.id)), only == "Only labelled", tuple(hows), form
)
with st.container(horizontal=True):
    st.download_button(
        f"Download {count_of(rows, 'row')} ({max(1, len(data) // 1000):,} kB)",
        data,
        f"{dataset.name}.{form}",
        FORMATS[form],
        type="primary",
        icon=":material/download:",
        key="export.download",
        on_click="ignore",
    )
    st.download_button(
        "Download the data card",
        _card,
        f"{dataset.name}.card.json",
        "application/json",
        icon=":material/description:",
        key="export.card",
        on_click="ignore",
        help="JSON with counts, how and by whom clips were labelled, how well people agree, and the leak report.",
    )
raw = int(((state.label >= 0) & (state.subset == 0)).sum())
if raw and state.subset.any():
    are, them = ("is", "it") if raw == 1 else ("are", "them")
    st.caption(
        f"{count_of(raw, 'labelled clip')} {are} still raw. To train or test a model on {them}, "
        f"move {them} to train, dev or test on Label."
    )
leak_sentence(dataset)
st.dataframe(head, hide_index=True, width="stretch", alt="The first rows of the export")
if labelled < state.size:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{count_of(state.size - labelled, 'clip')} without a label.", width="content")
        st.page_link("annotator/label.py", label="Label more", icon=":material/arrow_back:")
