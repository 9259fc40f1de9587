"""Tables out: what was uploaded, with labels, subsets, and who labelled when and how. What goes out comes in again.

This is our own table in memory; `formats` writes it to a file, as well as other people's formats.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from hover_core.data.annotations import HOW
from hover_core.data.clips import SUBSETS
from hover_core.errors import Refused
from hover_core.exchange.column_types import arrow_schema, json_records, types_of
from hover_core.exchange.own_tables import (
    Columns,
    OwnTable,
    card_metadata,
    csv_header,
    csv_rows,
    json_line,
    write_arrow,
)
from hover_core.exchange.selection import SelectedClips, Selection
from hover_core.workspace.dataset import Dataset

FORMATS: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}


def labels_by_how(dataset: Dataset) -> dict[str, int]:
    """The number of current labels by the way of labelling, in the order of `annotations.HOW`.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    state = dataset.state()
    source_ids, counts = np.unique(state.source[state.label >= 0], return_counts=True)
    sources = dataset.journal.sources(dataset.id, source_ids.tolist())
    totals = dict.fromkeys(HOW, 0)
    for source, count in zip(source_ids.tolist(), counts.tolist(), strict=True):
        totals[sources[source][2]] += count
    return {how: count for how, count in totals.items() if count}


def export_table(
    dataset: Dataset,
    *,
    only_labelled: bool = False,
    reference: bool = True,
    hows: Collection[str] = HOW,
    subsets: Collection[str] = SUBSETS,
) -> pd.DataFrame:
    """The export of a dataset: a row for each clip, in clip order, all cells text, empty for none.

    The columns are `id, audio, SUBSET, label, start, end, group, duration, annotator, annotated_at, how`, then
    `reference`, then the columns of the uploaded tables, unchanged. Times are in seconds.

    User names and passwords in addresses, which older versions stored, are removed from all cells; the clip has the
    same identity when it is imported again.

    Parameters
    ----------
    only_labelled
        Leave out clips without a label.
    reference
        Include the column `reference`, if any clip has one.
    hows
        Ways of labelling, of `annotations.HOW`; clips with a label of another way are exported without it.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    Refused
        `hows` or `subsets` names something that there is not.
    """
    selection = Selection(only_labelled, tuple(hows), tuple(subsets), reference)
    table = OwnTable(SelectedClips(dataset, selection), typed=False)
    parts = [pd.DataFrame(columns, columns=table.names, dtype=object) for columns in table.blocks()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=table.names, dtype=object)


def to_bytes(frame: pd.DataFrame, form: str, *, card: Mapping[str, Any] | None = None) -> bytes:
    """A table of text as a file: `csv` (formulas neutralised), `parquet` or `jsonl`.

    The last two have numbers, times and booleans as such where that changes no cell, see `column_types`. A Parquet
    file carries the `card` (`data_card.data_card`) in its metadata; the other two have no room for it.

    Raises
    ------
    Refused
        `form` is another format.

    Examples
    --------
    >>> to_bytes(pd.DataFrame({"id": ["a"], "label": ["owl"]}), "csv")
    b'id,label\\r\\na,owl\\r\\n'
    """
    columns: Columns = {str(name): [str(cell) for cell in frame[name]] for name in frame.columns}
    if form == "csv":
        return (csv_header(columns) + csv_rows(columns)).encode()
    if form == "jsonl":
        return "".join(map(json_line, json_records(types_of(columns), columns))).encode()
    if form == "parquet":
        kinds = types_of(columns)
        buffer = io.BytesIO()
        for _ in write_arrow(buffer, arrow_schema(kinds, card_metadata(card)), kinds, [columns]):
            pass
        return buffer.getvalue()
    raise Refused(f"“{form}” is no format to export to: use {', '.join(FORMATS)}")
