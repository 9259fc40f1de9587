"""The Export page: downloads the labels in the format that the next tool reads, and the data card."""

import json
import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from hover_core.exchange import formats
from hover_core.exchange.data_card import data_card
from hover_core.exchange.export import export_table, labels_by_how
from hover_core.store.clip_rows import heard_count
from pages.components import session
from pages.components.leak_report import leak_sentence
from pages.components.text import count_of, plain

MOST_WITH_SOUND = 1_000  # clips whose sound goes through the browser; more of them by the library, to a disk
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

OWN, OTHERS = ("csv", "parquet", "jsonl"), ("audiofolder_zip", "label_studio", "audacity", "raven", "nemo")
ORDER = (*OWN, *OTHERS, "esc50", "perch_hoplite")
chosen = st.session_state.setdefault("export.format", "csv")


def _choose(key: str) -> None:
    st.session_state["export.format"] = key


with st.grid(3, min_column_width=260):
    for key in ORDER:
        offered = formats.FORMATS[key]
        with st.container(border=True, height="stretch", gap="xxsmall"):
            st.button(
                offered.title,
                key=f"export.choose.{key}",
                type="primary" if key == chosen else "secondary",
                icon=":material/check:" if key == chosen else None,
                on_click=_choose,
                args=(key,),
                width="stretch",
            )
            st.caption(f"{plain(offered.purpose)}")
            st.caption(f":small[{plain(offered.cannot_carry)}]")
form = formats.FORMATS[chosen]
only_labelled = only == "Only labelled"
ways = tuple(hows)


@st.cache_data(max_entries=4, show_spinner="Preparing …")
def _file(
    dataset_id: str, version: tuple[int, int], only_labelled: bool, hows: tuple[str, ...], key: str
) -> tuple[bytes, list[str], int, str]:
    """The file, what is to be said about it, how many clips are in it, and what a Label Studio project needs."""
    opened = session.datasets().open(dataset_id)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"export{formats.FORMATS[key].ending}"
        report = formats.write(opened, key, target, only_labelled=only_labelled, hows=hows)
        return target.read_bytes(), report.sentences()[1:], report.clips, report.labelling_config


@st.cache_data(max_entries=8, show_spinner=False)
def _preview(
    dataset_id: str, version: tuple[int, int], only_labelled: bool, hows: tuple[str, ...], key: str
) -> str | pd.DataFrame:
    opened = session.datasets().open(dataset_id)
    if key in OWN:
        return export_table(opened, only_labelled=only_labelled, hows=hows).head(8)
    return formats.preview(opened, key, only_labelled=only_labelled, hows=hows)


def _card() -> bytes:
    return json.dumps(data_card(dataset), ensure_ascii=False, indent=2).encode()


version = (state.revision, heard_count(dataset.store, dataset.id))
if form.with_sound and state.size > MOST_WITH_SOUND:
    st.info(
        f"The sound of {state.size:,} clips is too much for a download. From Python it goes straight to a disk:",
        icon=":material/terminal:",
    )
    st.code(
        "from hover_core import Datasets\nfrom hover_core.exchange import formats\n\n"
        f'formats.write(Datasets().open("{dataset.id}"), "audiofolder", {dataset.name!r})',
        language="python",
    )
elif form.with_sound and not st.session_state.get(f"export.sound.{dataset.id}"):
    if st.button(f"Collect the sound of {count_of(state.size, 'clip')}", type="primary", key="export.collect"):
        st.session_state[f"export.sound.{dataset.id}"] = True
        st.rerun()
else:
    with session.errors_shown():
        data, sentences, clips, config = _file(dataset.id, version, only_labelled, ways, chosen)
        with st.container(horizontal=True):
            thing = "row" if chosen in OWN else "clip"
            st.download_button(
                f"Download {count_of(clips, thing)} ({max(1, len(data) // 1000):,} kB)",
                data,
                f"{dataset.name}{form.ending}",
                form.mime,
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
                help="JSON: counts, how and by whom clips were labelled, how well people agree, the leak report.",
            )
        for sentence in sentences:
            st.caption(f":material/info: {plain(sentence)}")
        if config:
            with st.expander("The labelling interface of a Label Studio project for these tasks"):
                st.code(config, language="xml")
raw = int(((state.label >= 0) & (state.subset == 0)).sum())
if raw and state.subset.any():
    are, them = ("is", "it") if raw == 1 else ("are", "them")
    st.caption(
        f"{count_of(raw, 'labelled clip')} {are} still raw. To train or test a model on {them}, "
        f"move {them} to train, dev or test on Label."
    )
leak_sentence(dataset)
first_rows = _preview(dataset.id, version, only_labelled, ways, chosen)
if isinstance(first_rows, str):
    st.code(first_rows, language=None)
else:
    st.dataframe(first_rows, hide_index=True, width="stretch", alt="The first rows of the export")
if labelled < state.size:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{count_of(state.size - labelled, 'clip')} without a label.", width="content")
        st.page_link("annotator/label.py", label="Label more", icon=":material/arrow_back:")
