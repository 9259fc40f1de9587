"""Export: the table that trains a model."""

import streamlit as st

from hover_core.clip_rows import heard_count
from hover_core.export import FORMATS, export_table, to_bytes
from pages.components import session

WORDS = {
    "csv": ("CSV", "Opens everywhere. Cells that a spreadsheet would run as a formula are made harmless."),
    "parquet": ("Parquet", "Small and fast; for pandas, Polars, DuckDB. Every cell is text."),
    "jsonl": ("JSONL", "One JSON object a line; for pipelines."),
}

dataset = session.needs()
state = dataset.state()

st.subheader("Export")
labelled = int((state.label >= 0).sum())
st.caption(
    f"{state.size:,} clips, {labelled:,} labelled. "
    "What comes out can be uploaded again: the same clips, labels and subsets."
)
only = st.segmented_control(
    "Rows", ["All clips", "Only labelled"], default="All clips", key="export.rows", required=True
)
form = st.radio(
    "Format",
    list(WORDS),
    format_func=lambda name: WORDS[name][0],
    captions=[words for _, words in WORDS.values()],
    key="export.format",
    horizontal=True,
)


@st.cache_data(max_entries=4, show_spinner="Preparing …")
def _file(dataset_id: str, made_of: tuple[int, int], only_labelled: bool, form: str):
    frame = export_table(session.datasets().open(dataset_id), only_labelled=only_labelled)
    return to_bytes(frame, form), frame.head(8), len(frame)


data, head, rows = _file(
    dataset.id, (state.revision, heard_count(dataset.store, dataset.id)), only == "Only labelled", form
)
st.download_button(
    f"Download {rows:,} rows ({max(1, len(data) // 1000):,} kB)",
    data,
    f"{dataset.name}.{form}",
    FORMATS[form],
    type="primary",
    icon=":material/download:",
    key="export.download",
    on_click="ignore",
)
st.dataframe(head, hide_index=True, width="stretch", alt="The first rows of the export")
if labelled < state.size:
    st.caption(f"{state.size - labelled:,} clips have no label yet.")
    st.page_link("annotator/label.py", label="Label more", icon=":material/arrow_back:")
