"""The population table: how many clips each label has in each subset."""

from typing import Any, Literal

import pandas as pd
import streamlit as st

from hover_core.data.clips import SUBSETS

_MOST = 200
_AT_ONCE = 11  # rows with the header; a longer table scrolls, so that the page below it stays in sight
_ROW_PX = 35
_NUMBER_PX = 62  # wide enough for a million; on a telephone the names get the rest


def population_table(population: dict[str, dict[str, int]]) -> None:
    """Draw the table of labels and subsets: the sums first, then the unlabelled, then labels by size.

    Parameters
    ----------
    population
        Number of clips by label, then by subset; the empty label stands for unlabelled clips.
    """
    rows: list[dict[str, Any]] = [
        {"label": name, **counts, "all": sum(counts.values())} for name, counts in population.items() if name
    ]
    rows = [row for row in rows if row["all"]]
    rows.sort(key=lambda row: -row["all"])
    left_out = len(rows) - _MOST
    without = population.get("", dict.fromkeys(SUBSETS, 0))
    everything = {name: sum(counts[name] for counts in population.values()) for name in SUBSETS}
    rows = [
        {"label": "all", **everything, "all": sum(everything.values())},
        {"label": "unlabelled", **without, "all": sum(without.values())},
        *rows[:_MOST],
    ]
    height: int | Literal["content"] = _AT_ONCE * _ROW_PX + 2 if len(rows) >= _AT_ONCE else "content"
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height=height,
        column_config={name: st.column_config.NumberColumn(width=_NUMBER_PX) for name in (*SUBSETS, "all")},
        alt="Clips by label and subset",
    )
    if left_out > 0:
        st.caption(f"The {_MOST} largest labels are shown; {left_out:,} smaller ones are counted in the first row.")
