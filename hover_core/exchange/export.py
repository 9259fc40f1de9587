"""Tables out: what was uploaded, with labels, subsets, and who labelled when and how. What goes out comes in again."""

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
    """How many current labels came about in each way that there is, in the order of `annotations.HOW`."""
    dataset.by.allow("own", dataset.id)
    state = dataset.state()
    used, counts = np.unique(state.source[state.label >= 0], return_counts=True)
    sources = dataset.journal.sources(dataset.id, used.tolist())
    found = dict.fromkeys(HOW, 0)
    for source, count in zip(used.tolist(), counts.tolist(), strict=True):
        found[sources[source][2]] += count
    return {how: count for how, count in found.items() if count}


def export_table(
    dataset: Dataset, *, only_labelled: bool = False, reference: bool = True, hows: Collection[str] = HOW
) -> pd.DataFrame:
    """One row a clip, in clip order, every cell text: our columns first, then the columns that came in, untouched.

    `id, audio, SUBSET, label, start, end, group, duration, annotator, annotated_at, how` and, if asked for and there
    are any, `reference`. Empty means none. A label that came about in no way of `hows` (of `annotations.HOW`: `heard`,
    `lasso`, `search`, `propagated`, `imported`) is left out, and its clip goes as one without a label.

    A clip whose address has a user name or password (they were stored once) goes without them, in every cell: it is
    the same clip when it comes in again.

    Raises
    ------
    Refused
        `hows` names a way that there is not.
    """
    for how in hows:
        if how not in HOW:
            raise Refused(f"hows has “{how}”: labels come about as {', '.join(HOW)}")
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
            "id": [_cell(own) or made for own, made in zip(clips["own_id"], clips["clip_id"], strict=True)],
            "audio": [without_credentials(url) for url in clips["url"]],
            "SUBSET": np.array(SUBSETS, dtype=object)[state.subset],
            "label": labels,
            "start": [_number(value) for value in clips["start_s"]],
            "end": [_number(value) for value in clips["end_s"]],
            "group": clips["group_name"].to_numpy(),
            "duration": [
                _number(measured) or str(extra.get("duration", ""))
                for measured, extra in zip(clips["duration_s"], clips["extra"], strict=True)
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
    """A table as a file: `csv` (formulas neutralised), `parquet` or `jsonl`.

    A Parquet file carries the `card` (`data_card.data_card`) in its metadata; the other two have no room for it.

    Raises
    ------
    Refused
        `form` is none of them.
    """
    if form == "csv":
        file = io.StringIO()
        writer = csv.writer(file)  # its lines end as RFC 4180 says; only then does it quote a lone \r
        names = [neutralise(str(name)) for name in frame.columns]
        # a name that holds another separator is quoted: nobody shall take the table for one of two columns
        quoted = csv.writer(file, quoting=csv.QUOTE_ALL) if _SEPARATORS.intersection("".join(names)) else writer
        quoted.writerow(names)
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
