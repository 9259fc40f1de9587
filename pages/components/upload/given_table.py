"""The table on Upload: dropped, pasted as addresses, found in the operator's folder, or our own demo."""

from __future__ import annotations

import io
import os
from pathlib import Path

import streamlit as st

from hover_core import demo, settings
from hover_core.audio import containers
from hover_core.tables.decisions import Reading
from hover_core.tables.reading import foreign_files
from hover_core.tables.rows import RawTable
from hover_core.workspace.dataset import Dataset
from pages.components.text import count_of, plain
from pages.server.messages import MOST_PASTED

SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".m4a")
VIDEO_ENDINGS = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".wma", ".aac", ".flv", ".avi")  # with PyAV


def table_file(dataset: Dataset | None) -> tuple[bytes, str] | None:
    """The table that was dropped, typed, found in the operator's folder, or our own demo."""
    held = st.session_state.get("upload.given")
    if held is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/table: **{plain(held[1])}**", width="content")
            st.button("Another table", icon=":material/close:", key="upload.back", type="tertiary", on_click=forget)
        return held
    known = dataset is not None and dataset.row.size > 0
    if dataset is not None and known:
        about = f"“{plain(dataset.name)}” has {count_of(dataset.row.size, 'clip')}. Nothing in it is ever deleted."
    else:
        about = (
            "A table with one row a clip and a column of URLs. Labels, subsets and speakers come along if it has them."
        )
    above = st.empty()
    above.caption(about)
    file = st.file_uploader(
        "Drop a table: CSV, TSV or other text, Excel, JSON, JSONL or Parquet, also zipped", key="upload.file"
    )
    if file is not None:
        above.empty()  # room for what the table is about
        return file.getvalue(), file.name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try the demo",
            icon=":material/play_circle:",
            type="secondary" if known else "primary",
            key="upload.demo",
            help="600 short sounds of ours: spoken digits, sirens, rain, bells and engines.",
            on_click=_hold_demo,
        )
        with st.popover("Paste URLs", icon=":material/content_paste:"):
            text = st.text_area("One address a line", key="upload.urls", height=160, max_chars=MOST_PASTED)
            if st.button("Use these", key="upload.paste") and text.strip():
                _hold([line.strip() for line in text.splitlines() if line.strip()], "pasted.csv")
        root = settings.audio_root()
        if root is not None and st.button("The folder on this machine", icon=":material/folder:", key="upload.folder"):
            addresses = _sound_files(root)
            if addresses:
                _hold(addresses, "folder.csv")
            st.warning("The folder that the operator named holds no sound files.")
    return None


def _hold(addresses: list[str], name: str) -> None:
    """Take addresses as the table, and look at that alone."""
    st.session_state["upload.given"] = (_csv(addresses), name)
    st.rerun()


def _hold_demo() -> None:
    st.session_state["upload.given"] = (demo.TABLE.read_bytes(), "demo.csv")


def forget() -> None:
    """Put the table away; the page asks for one again."""
    st.session_state.pop("upload.given", None)


def _csv(addresses: list[str]) -> bytes:
    import pandas as pd

    file = io.StringIO()
    pd.DataFrame({"audio": addresses}).to_csv(file, index=False)
    return file.getvalue().encode()


def _sound_files(root: Path) -> list[str]:
    paths: list[str] = []
    endings = SOUND_ENDINGS + (VIDEO_ENDINGS if containers.is_installed() else ())
    for folder, _, names in os.walk(root):
        paths += [str((Path(folder) / file).relative_to(root)) for file in names if file.lower().endswith(endings)]
    return sorted(f"local:{path}" for path in paths)


@st.cache_data(max_entries=4, show_spinner="Reading the table …")
def read_rows(data: bytes, name: str, reading: Reading) -> RawTable:
    """The rows of a file as text, read as a person has said.

    Raises
    ------
    TableError
        The file cannot be read, or takes more than one file may.
    Refused
        A setting of the operator is no number.
    """
    return foreign_files.read_table(data, name, reading=reading)
