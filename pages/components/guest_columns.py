"""The columns that guests see, on Share: a checkbox for each column of the table, and why some cannot be ticked."""

from __future__ import annotations

from itertools import islice

import streamlit as st

from hover_core.data.people import ANNOTATOR, Person
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.visibility import GROUP, ColumnRule, clip_title
from pages.components import session
from pages.components.text import count_of, plain

_EXAMPLES = 4  # cells shown of each column
_LONGEST = 24  # characters of a cell
_AT_A_TIME = 12  # columns in sight; a longer list scrolls
_KNOWN_BY = {"table": "", "name": ", by its name", "cells": ", by its cells"}


def guest_columns(dataset: Dataset) -> None:
    """Draw the list. A tick takes effect at once."""
    rules = dataset.guest_columns()
    shown_count = sum(rule.shown for rule in rules)
    title = f"What guests see: {shown_count} of {count_of(len(rules), 'column')}" if rules else "What guests see"
    with st.expander(title, icon=":material/visibility:"):
        st.caption(_sentence(dataset, table=bool(rules)))
        cells = _examples(dataset, [rule.name for rule in rules if not rule.holds])
        with st.container(height=420 if len(rules) > _AT_A_TIME else "content", border=False, gap="xsmall"):
            for rule in rules:
                _row(dataset, rule, cells.get(rule.name, ""))


def _sentence(dataset: Dataset, *, table: bool) -> str:
    """What a guest sees of a clip, with the first clip as example, and which columns are never shown."""
    url = str(dataset.clips()["url"].iloc[0])
    name, number = (clip_title(Person("", ANNOTATOR, dataset.id, blind=blind), 0, url) for blind in (False, True))
    words = (
        f"Guests hear each clip and see its name (“{plain(name)}”); blind annotators see a number instead "
        f"(“{number}”). Only you see addresses."
    )
    if not table:
        return words
    return (
        f"{words} They can colour, filter and search by the columns that you tick here. Columns with labels, "
        "references, predictions, addresses or names of annotators are never shown."
    )


def _row(dataset: Dataset, rule: ColumnRule, cells: str) -> None:
    """Draw one column with example cells, or the reason why guests never see it."""
    # a new key when the setting changes, so that every tab shows the current one
    key = f"share.column.{dataset.id}.{rule.name}.{rule.shown}"

    def take_over() -> None:
        with session.errors_shown():
            dataset.show_to_guests({rule.name: bool(st.session_state[key])})

    note = f"never: {rule.holds}{_KNOWN_BY[rule.known_by]}" if rule.holds else cells
    st.checkbox(
        f"{plain(rule.name)} :small[:gray[{plain(note)}]]" if note else plain(rule.name),
        value=rule.shown,
        key=key,
        disabled=bool(rule.holds),
        on_change=take_over,
    )


def _examples(dataset: Dataset, names: list[str]) -> dict[str, str]:
    """The first few different cells of each column."""
    clips = dataset.clips()
    extras = clips["extra"].head(2_000).tolist()
    examples = {}
    for name in names:
        cells = [str(extra.get(name, "")) for extra in extras]
        if name == GROUP and not any(name in extra for extra in extras):
            cells = clips["group_name"].head(2_000).tolist()
        different = [cell for cell in islice(dict.fromkeys(cells), _EXAMPLES + 2) if cell]
        short = [cell if len(cell) <= _LONGEST else f"{cell[: _LONGEST - 1]}…" for cell in different[:_EXAMPLES]]
        examples[name] = " · ".join(short) + (" · …" if len(different) > _EXAMPLES else "")
    return examples
