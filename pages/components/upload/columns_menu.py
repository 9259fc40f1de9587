"""What the columns of a table mean, and what else has to be settled before its rows can be read."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from hover_core.data.clips import IDENTITIES
from hover_core.tables.columns import Columns
from hover_core.tables.row_addresses import is_relative
from hover_core.tables.rows import RawTable
from hover_core.workspace.dataset import Dataset
from pages.components.text import count_of, plain
from pages.components.upload.decisions_list import choose

NONE = "–"
_UNITS = {"s": "seconds", "ms": "milliseconds", "hms": "hh:mm:ss"}


def _choose_column(digest: str, role: str, key: str) -> None:
    column = st.session_state[key]
    choose(digest, role, "" if column == NONE else str(column))


def _choose_unit(digest: str, before: str) -> None:
    choose(digest, "time_unit", str(st.session_state[f"upload.unit.{before}.{digest}"]))


def columns_menu(table: RawTable, guessed: Columns, digest: str) -> Columns:
    """Which column of the table is what, beginning with a guess."""
    names = [NONE, *table.frame.columns]
    common = {"audio": "Address", "label": "Label", "subset": "Subset", "group": "Group"}
    rare = {"start": "Start", "end": "End", "length": "Length", "own_id": "Id"}

    def menus(words: dict[str, str]) -> None:
        with st.grid(4, min_column_width=150):
            for role, word in words.items():
                column = getattr(guessed, role)
                key = f"upload.column.{role}.{column}.{digest}"  # another guess is another menu
                st.selectbox(
                    word,
                    names,
                    index=names.index(column) if column in names else 0,
                    key=key,
                    on_change=_choose_column,
                    args=(digest, role, key),
                )

    menus(common)
    stretches = bool(guessed.start or guessed.end or guessed.length)
    with st.expander("Stretches of longer recordings, ids, addresses of several columns", expanded=stretches):
        menus(rare)
        if stretches:
            st.segmented_control(
                "Times are",
                list(_UNITS),
                format_func=_UNITS.__getitem__,
                default=guessed.time_unit,
                required=True,
                key=f"upload.unit.{guessed.time_unit}.{digest}",
                on_change=_choose_unit,
                args=(digest, guessed.time_unit),
            )
        pattern = st.text_input(
            "Address pattern",
            guessed.pattern,
            key=f"upload.pattern.{digest}",
            placeholder="audio/fold{fold}/{slice_file_name}",
            help="For addresses that are spread over columns, or have a beginning or an ending that is in no column:"
            " names of columns stand in braces.",
        )
    return replace(guessed, pattern=pattern.strip())


def base_url_box(table: RawTable, columns: Columns, digest: str) -> str:
    """What relative addresses are relative to, asked for only if there are any."""
    cells = [columns.pattern] if columns.pattern else table.frame[columns.audio].head(500).tolist()
    if not any(is_relative(str(cell)) for cell in cells):
        return ""
    return st.text_input(
        "Base address",
        key=f"upload.base.{digest}",
        placeholder="https://example.org/clips/",
        help="Some addresses are relative; this is what they are relative to.",
    )


def raw_labels_choice(columns: Columns, digest: str) -> tuple[str, str]:
    """What becomes of the labels of raw clips, what was chosen or is likely meant, and the key of the menu for it."""
    ours = bool(columns.annotator and columns.how)
    likely = "reference" if columns.subset and not ours else "keep"
    key = f"upload.raw.{digest}.{likely}"
    return str(st.session_state.setdefault(key, likely)), key


def raw_labels_menu(amount: int, key: str) -> None:
    """Ask what becomes of the labels of raw clips, if there are any."""
    if amount:
        st.radio(
            f"{count_of(amount, 'raw clip')} {'has' if amount == 1 else 'have'} a label",
            ["keep", "reference"],
            format_func={
                "keep": "Keep them as labels",
                "reference": "Set them aside as a reference: hidden from annotators, used to score their work",
            }.__getitem__,
            key=key,
        )


def identity_menu(dataset: Dataset | None, digest: str) -> str:
    """Which parts of an address tell sounds apart: asked for a new dataset, fixed for one that has clips."""
    if dataset is not None and dataset.row.size:
        identity = str(dataset.row.settings.get("identity", "full"))
        column = str(dataset.row.settings.get("own_id_column", ""))
        by_id = f"its “{plain(column)}”, or else by " if column else ""
        st.caption(f"A clip of “{plain(dataset.name)}” is known by {by_id}{IDENTITIES[identity]}, and its stretch.")
        return identity
    with st.expander("What makes two addresses the same sound"):
        return str(
            st.selectbox(
                "The same sound is known by",
                list(IDENTITIES),
                format_func=IDENTITIES.__getitem__,
                key=f"upload.identity.{digest}",
            )
        )
