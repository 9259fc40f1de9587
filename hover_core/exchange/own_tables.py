"""Our own table as CSV, Parquet or JSONL: one row a clip, and nothing of it is lost when it comes in again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from hover_core.exchange.column_types import ColumnType, arrow_batch, arrow_schema, json_records
from hover_core.exchange.data_card import KEY, data_card
from hover_core.exchange.report import Progress, Report
from hover_core.exchange.selection import ClipBlock, SelectedClips
from hover_core.store import clip_rows
from hover_core.tables.intake import OUR_COLUMNS
from hover_core.tables.rows import neutralise

Columns = dict[str, list[str]]
_SEPARATORS: Final = frozenset(";|\t")
_MOST_NAMED: Final = 3  # labels in a sentence
_ROW_GROUP: Final = 50_000  # rows


class OwnTable:
    """The columns of our table, and its rows as columns of text, some thousand at a time.

    Attributes
    ----------
    names : the columns in the order of the format, then those that came in.
    kinds : `{column: kind}`, see `column_types`; those that came in count as text unless the table is `typed`.
    """

    def __init__(self, clips: SelectedClips, *, typed: bool = True) -> None:
        self.clips, dataset = clips, clips.dataset
        with_reference = clips.selection.reference and clip_rows.has_reference(dataset.store, dataset.id)
        ours = {name: ColumnType(name).kind for name in OUR_COLUMNS if name != "reference" or with_reference}
        key = ("column types", dataset.id, dataset.clips_revision, clips.state.size, typed)
        self.kinds = ours | dataset.remember(key, lambda: _types_of_extras(clips, typed=typed))
        self.names = list(self.kinds)

    def columns(self, clips: ClipBlock) -> Columns:
        """Some clips as columns of text."""
        columns: Columns = {
            "id": clips.id,
            "audio": clips.url,
            "SUBSET": clips.subset,
            "label": clips.label,
            "start": list(map(seconds_text, clips.start_s)),
            "end": list(map(seconds_text, clips.end_s)),
            "group": clips.group,
            "duration": [
                seconds_text(measured_s) or extra.get("duration", "")
                for measured_s, extra in zip(clips.measured_s, clips.extra, strict=True)
            ],
            "annotator": clips.annotator,
            "annotated_at": clips.annotated_at,
            "how": clips.how,
            "reference": clips.reference,
        }
        return {
            name: columns[name] if name in columns else [extra.get(name, "") for extra in clips.extra]
            for name in self.names
        }

    def first(self, rows: int) -> Columns:
        """The first clips that go out as columns of text."""
        empty: Columns = {name: [] for name in self.names}
        return next(map(self.columns, self.clips.blocks(self.clips.positions[:rows])), empty)

    def blocks(self) -> Iterator[Columns]:
        """All clips that go out as columns of text, some thousand at a time."""
        return map(self.columns, self.clips.blocks())


def _types_of_extras(clips: SelectedClips, *, typed: bool) -> dict[str, str]:
    """`{column: kind}` of the columns that came in, and of `duration`, which may be the table's own."""
    types = {"duration": ColumnType("duration")}
    for cells in clips.extra_cells():
        distinct = list({id(row): row for row in cells}.values())
        for name in dict.fromkeys(name for row in distinct for name in row):
            if name == "duration" or name not in OUR_COLUMNS:
                column = types.setdefault(name, ColumnType(name))
                if typed:
                    column.see(row.get(name, "") for row in distinct)
    return {name: column.kind for name, column in types.items()}


def seconds_text(value: float | None) -> str:
    """Seconds with as many digits as they need, six at most; empty for none."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def changed_labels(labels: Iterable[str]) -> list[str]:
    """A sentence that names the labels that CSV spells in another way; none where there are none."""
    changed = [f"“{label}”" for label in labels if neutralise(label) != label]
    if not changed:
        return []
    more = len(changed) - _MOST_NAMED
    named = ", ".join(changed[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return [f"{named}: a ' stands before it in the file, so that no spreadsheet runs it; Upload takes it off again."]


def csv_header(names: Iterable[str], delimiter: str = ",") -> str:
    """The line that names the columns."""
    harmless = [neutralise(name) for name in names]
    file = io.StringIO()
    # a name that holds another separator is quoted: nobody shall take the table for one of two columns
    quoted = bool(_SEPARATORS.intersection("".join(harmless))) and delimiter == ","
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerow(harmless)
    return file.getvalue()


def csv_rows(columns: Mapping[str, Sequence[str]], delimiter: str = ",") -> str:
    """The rows of columns of text as lines; cells that a spreadsheet would run are made harmless."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)  # its lines end as RFC 4180 says; only then does it quote a lone \r
    writer.writerows(zip(*map(_harmless, columns.values()), strict=True))
    return file.getvalue()


def csv_line(cells: Sequence[str], delimiter: str = ",") -> str:
    """One row as a line, the same way."""
    return csv_rows({str(number): [cell] for number, cell in enumerate(cells)}, delimiter)


def json_line(record: Mapping[str, Any]) -> str:
    """An object as one line of JSON."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def write_csv(clips: SelectedClips, path: Path, report: Report, progress: Progress) -> None:
    """Our table as CSV."""
    table = OwnTable(clips, typed=False)
    report.notes += changed_labels(clips.label_names())
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_header(table.names))
        for columns in table.blocks():
            file.write(csv_rows(columns))
            report.add(len(columns["id"]), progress)


def write_jsonl(clips: SelectedClips, path: Path, report: Report, progress: Progress) -> None:
    """Our table as one JSON object a line."""
    table = OwnTable(clips)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for columns in table.blocks():
            file.writelines(map(json_line, json_records(table.kinds, columns)))
            report.add(len(columns["id"]), progress)


def write_parquet(clips: SelectedClips, path: Path, report: Report, progress: Progress) -> None:
    """Our table as Parquet, with the data card in its metadata."""
    table = OwnTable(clips)
    schema = arrow_schema(table.kinds, card_metadata(data_card(clips.dataset)))
    with path.open("wb") as file:
        for rows in write_arrow(file, schema, table.kinds, table.blocks()):
            report.add(rows, progress)


def card_metadata(card: Mapping[str, Any] | None) -> dict[bytes, bytes]:
    """Where a Parquet file carries the data card."""
    return {} if card is None else {KEY.encode(): json.dumps(card, ensure_ascii=False).encode()}


def write_arrow(file: IO[bytes], schema: Any, kinds: Mapping[str, str], blocks: Iterable[Columns]) -> Iterator[int]:
    """Write columns of text as a Parquet file of their types; yields the rows of each block when it is taken in."""
    import pyarrow as pa
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        waiting: list[Any] = []
        for columns in blocks:
            batch = arrow_batch(schema, kinds, columns)
            waiting.append(batch)
            if sum(batch.num_rows for batch in waiting) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema), _ROW_GROUP)
                waiting = []
            yield batch.num_rows
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema), _ROW_GROUP)


def preview_csv(clips: SelectedClips, rows: int) -> str:
    """The first lines of `write_csv`."""
    table = OwnTable(clips, typed=False)
    return csv_header(table.names) + csv_rows(table.first(rows))


def preview_jsonl(clips: SelectedClips, rows: int) -> str:
    """The first lines of `write_jsonl`."""
    table = OwnTable(clips)
    return "".join(map(json_line, json_records(table.kinds, table.first(rows))))


def preview_parquet(clips: SelectedClips, rows: int) -> str:
    """The names and types of the columns of `write_parquet`, and its first rows, with tabs between the cells."""
    table = OwnTable(clips)
    schema = arrow_schema(table.kinds)
    columns = table.first(rows)
    lines = ["\t".join(f"{field.name}: {field.type}" for field in schema)]
    lines += ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _harmless(cells: Sequence[str]) -> Sequence[str]:
    if _beginnings_of_formulas().isdisjoint({cell[:1] for cell in cells}):
        return cells
    return [neutralise(cell) for cell in cells]


@cache
def _beginnings_of_formulas() -> frozenset[str]:
    """Every character with which a cell can begin that `neutralise` changes."""
    every = map(chr, range(0x10000))
    return frozenset(character for character in every if neutralise(f"{character}=x") != f"{character}=x")
