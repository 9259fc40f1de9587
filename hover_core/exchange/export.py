"""Export: the uploaded table with labels, subsets, annotators, times and ways. An export can be imported again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from hover_core.data.annotations import HOW
from hover_core.data.clips import SUBSETS
from hover_core.data.credentials import has_credentials, holds_credentials, without_credentials
from hover_core.errors import Refused
from hover_core.exchange.data_card import KEY
from hover_core.store import clip_rows
from hover_core.tables.intake import OUR_COLUMNS
from hover_core.tables.rows import neutralise
from hover_core.workspace.dataset import Dataset

_SEPARATORS: Final = frozenset(";|\t")
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
    dataset: Dataset, *, only_labelled: bool = False, reference: bool = True, hows: Collection[str] = HOW
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
        `hows` has an unknown way.
    """
    for how in hows:
        if how not in HOW:
            raise Refused(f"hows has “{how}”: use some of {', '.join(HOW)}")
    dataset.by.allow("own", dataset.id)
    state = dataset.state()
    clips = clip_rows.table(dataset.store, dataset.id).iloc[: state.size]
    sources = dataset.journal.sources(dataset.id, np.unique(state.source).tolist())
    by = [sources.get(int(source), ("", "", "")) for source in state.source]
    labels = state.label_names()
    if len(set(hows)) < len(HOW):
        by = [source if source[2] in hows else ("", "", "") for source in by]
        labels = np.array([label if source[2] else "" for label, source in zip(labels, by, strict=True)], dtype=object)
    frame = pd.DataFrame(
        {
            "id": [_cell(own) or clip_id for own, clip_id in zip(clips["own_id"], clips["clip_id"], strict=True)],
            "audio": [without_credentials(url) for url in clips["url"]],
            "SUBSET": np.array(SUBSETS, dtype=object)[state.subset],
            "label": labels,
            "start": [_number(value) for value in clips["start_s"]],
            "end": [_number(value) for value in clips["end_s"]],
            "group": clips["group_name"].to_numpy(),
            "duration": [
                _number(duration_s) or str(extra.get("duration", ""))
                for duration_s, extra in zip(clips["duration_s"], clips["extra"], strict=True)
            ],
            "annotator": [source[0] for source in by],
            "annotated_at": [source[1] for source in by],
            "how": [source[2] for source in by],
        },
        dtype=object,
    )
    if reference and any(clips["reference"]):
        frame["reference"] = clips["reference"].to_numpy()
    extras = [
        {name: _cell(str(cell)) for name, cell in extra.items()} if has_credentials(url) else extra
        for url, extra in zip(clips["url"], clips["extra"], strict=True)
    ]
    for column in dict.fromkeys(key for extra in extras for key in extra):
        if column not in OUR_COLUMNS:
            frame[column] = [extra.get(column, "") for extra in extras]
    return frame[frame["label"] != ""].reset_index(drop=True) if only_labelled else frame


def to_bytes(frame: pd.DataFrame, form: str, *, card: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a table as a file: `csv` (formulas neutralised), `parquet` or `jsonl`.

    A Parquet file has the `card` (of `data_card.data_card`) in its metadata; the other formats ignore it.

    Raises
    ------
    Refused
        `form` is another format.

    Examples
    --------
    >>> to_bytes(pd.DataFrame({"id": ["a"], "label": ["owl"]}), "csv")
    b'id,label\\r\\na,owl\\r\\n'
    """
    if form == "csv":
        file = io.StringIO()
        writer = csv.writer(file)  # with line ends of RFC 4180; only with these does it quote a lone \r
        names = [neutralise(str(name)) for name in frame.columns]
        # names with another separator are quoted, so that a reader does not guess the wrong one
        header_writer = csv.writer(file, quoting=csv.QUOTE_ALL) if _SEPARATORS.intersection("".join(names)) else writer
        header_writer.writerow(names)
        writer.writerows([neutralise(str(cell)) for cell in row] for row in frame.itertuples(index=False, name=None))
        return file.getvalue().encode()
    if form == "jsonl":
        lines = [json.dumps(_short(record), ensure_ascii=False) for record in frame.to_dict("records")]
        return ("\n".join(lines) + "\n").encode()
    if form == "parquet":
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.Table.from_pandas(frame.astype("string[pyarrow]"), preserve_index=False)
        if card is not None:
            about = {KEY.encode(): json.dumps(card, ensure_ascii=False).encode()}
            table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(table, buffer)
        return buffer.getvalue()
    raise Refused(f"“{form}” is no format to export to: use {', '.join(FORMATS)}")


def _cell(text: str) -> str:
    return without_credentials(text) if holds_credentials(text) else text


def _number(value: Any) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")


def _short(record: dict[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in record.items()}
