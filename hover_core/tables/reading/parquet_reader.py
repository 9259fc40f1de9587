"""Parquet tables: what the file promises is looked at first; sound in it is left out, classes get their names."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.reading.file_blocks import BLOCK_BYTES, CELL_BYTES, MOST_BUFFER, PackedText, pack_text
from hover_core.tables.reading.file_limits import MOST_COLUMNS
from hover_core.tables.reading.row_blocks import BLOCK_CELLS, TOO_LONG, Rows
from hover_core.tables.rows import ColumnNames, cell_text

_MOST_VALUE: Final = 25  # characters of a number, a truth value or a time
_SOUND: Final = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b".snd")
_DAMAGE: Final = "is not a Parquet file that can be read"


@dataclass
class _Column:
    """A column of the file that is read: its name in the table, where it lies, and the names of its classes."""

    name: str
    path: str
    type: Any
    classes: list[str] = field(default_factory=list)
    outside: int = 0  # numbers that have no name


def read_parquet(source: IO[bytes], out: Rows) -> None:
    """Send the rows of a Parquet file.

    Raises
    ------
    TableError
        It is damaged, has no rows, or asks for more than one file may take.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    pa.set_cpu_count(1)
    source.seek(0)
    try:
        _send(parquet.ParquetFile(arrow_file(source)), out)
    except MemoryError:  # Arrow's is one of its own errors as well
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TableError(f"{out.name} {_DAMAGE}: {str(error)[:120]}") from error


def _send(file: Any, out: Rows) -> None:
    limits, name = out.limits, out.name
    promised = file.metadata
    if not promised.num_rows:
        raise TableError(f"{name} has no clips in it")
    if promised.num_rows > limits.most_rows:
        raise TableError(f"{name} {limits.too_many_rows(promised.num_rows)}")
    width = max(len(file.schema_arrow), promised.num_columns)
    if width > MOST_COLUMNS:
        raise TableError(f"{name} {limits.too_many_columns(width)}")
    columns, decisions = _columns(file)
    cells = CELL_BYTES * max(len(columns), 1) * promised.num_rows
    size = _text_size(file, columns, limits.most_bytes - cells)
    if size + cells > limits.most_bytes:
        raise TableError(f"{name} {limits.too_large()}")
    if not columns:
        raise TableError(f"{name} holds nothing but sound: give a table that says where it is, one row a clip")
    out.add_columns(ColumnNames().add(column.name for column in columns))
    at_a_time = max(1, min(20_000, BLOCK_CELLS // max(width, 1), BLOCK_BYTES * promised.num_rows // (size + 1)))
    first = 1
    wanted = columns if decisions else None  # all by their places, where that is possible: a name may stand there twice
    for batch in _batches(file, wanted, at_a_time):
        _send_batch(batch, columns, first, out)
        first += batch.num_rows
    if first == 1:
        raise TableError(f"{name} has no clips in it")
    for decision in (*decisions, *filter(None, map(_about_classes, columns))):
        out.decide(decision)


def _batches(file: Any, columns: list[_Column] | None, at_a_time: int) -> Iterator[Any]:
    paths = None if columns is None else [column.path for column in columns]
    yield from file.iter_batches(batch_size=at_a_time, columns=paths, use_threads=False)


def _columns(file: Any) -> tuple[list[_Column], list[Decision]]:
    """The columns that are read, and what is said about those that hold sound."""
    import pyarrow as pa

    classes = _class_names(file.schema_arrow.metadata or {})
    columns: list[_Column] = []
    decisions: list[Decision] = []
    for arrow_field in file.schema_arrow:
        name, kind = arrow_field.name, arrow_field.type
        parts = {part.name: part.type for part in kind} if pa.types.is_struct(kind) else {}
        if ("bytes" in parts and _is_binary(parts["bytes"])) or ("array" in parts and "sampling_rate" in parts):
            kept = [part for part in parts if part not in ("bytes", "array")]
            columns += [_Column(f"{name}.{part}", f"{name}.{part}", parts[part]) for part in kept]
            decisions.append(_about_sound(name, [f"{name}.{part}" for part in kept]))
        elif _is_binary(kind) and _holds_sound(file, name):
            decisions.append(_about_sound(name, []))
        else:
            columns.append(_Column(name, name, kind, classes.get(name, [])))
    return columns, decisions


def _about_sound(name: str, kept: list[str]) -> Decision:
    left = " and ".join(f"“{part}”" for part in kept)
    rest = f"; {left} {'is' if len(kept) == 1 else 'are'} read" if kept else ""
    return Decision(
        "audio",
        f"The column “{name}” holds the sounds themselves: they are not read from a table yet, and left out{rest}",
    )


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_sound(file: Any, name: str) -> bool:
    """Whether the first value of a column of bytes is a sound."""
    if "." in name or file.schema_arrow.names.count(name) > 1:
        return False
    for batch in file.iter_batches(batch_size=1, columns=[name], use_threads=False):
        value = batch.column(0)[0].as_py()
        if value:
            return value.startswith(_SOUND)
    return False


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Of each column of classes their names, as Hugging Face's library writes them beside the schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {str(name): names for name, feature in features.items() if (names := _names_of(feature))}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _names_of(feature: Any) -> list[str]:
    if isinstance(feature, list) and len(feature) == 1:
        return _names_of(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") in ("Sequence", "LargeList", "List"):
        return _names_of(feature.get("feature"))
    names = feature.get("names")
    is_class = feature.get("_type") == "ClassLabel" and isinstance(names, list)
    return [str(name) for name in names] if is_class and names else []


def _about_classes(column: _Column) -> Decision | None:
    if not column.classes:
        return None
    shown = ", ".join(f"{number} is “{name[:40]}”" for number, name in enumerate(column.classes[:3]))
    more = f" and {len(column.classes) - 3:,} more" if len(column.classes) > 3 else ""
    cells = "1 cell has a number without a name and keeps" if column.outside == 1 else ""
    cells = cells or f"{column.outside:,} cells have a number without a name and keep"
    outside = f"; {cells} it" if column.outside else ""
    return Decision(
        "label",
        f"The numbers of the column “{column.name}” have names in the file, which are read instead: {shown}{more}"
        f"{outside}; -1 is empty",
        column.name,
    )


def _class_cells(column: _Column, values: Any) -> PackedText:
    """Numbers of classes as names."""
    names = column.classes

    def name(value: Any) -> Any:
        if isinstance(value, list):
            return [name(entry) for entry in value]
        if not isinstance(value, int) or isinstance(value, bool):
            return value
        if 0 <= value < len(names):
            return names[value]
        column.outside += value != -1
        return None if value == -1 else value

    return pack_text([cell_text(name(value)) for value in values.to_pylist()])


def arrow_file(source: IO[bytes]) -> Any:
    """A file as Arrow reads it, without a copy of its bytes."""
    import pyarrow as pa

    if not isinstance(source, io.BytesIO):
        return pa.PythonFile(source, "r")
    return pa.BufferReader(source.getvalue())  # no copy


def _text_size(file: Any, columns: list[_Column], most: int) -> int:
    """Characters that the columns will have as text, at most, as far as a column by itself can tell.

    A footer does not say: a dictionary holds a text once, and any number of rows point at it. So columns of text are
    decoded one by one, a few rows at a time, and only counted; lists and objects are counted when they are sent.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for column in columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if column.classes:
            size += file.metadata.num_rows * max(len(name.encode()) for name in column.classes)
            continue
        if not (_is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            most_value = kind.byte_width if pa.types.is_fixed_size_binary(kind) else _MOST_VALUE
            size += 0 if pa.types.is_nested(kind) else most_value * file.metadata.num_rows
            continue
        if file.schema_arrow.names.count(column.path) != 1:
            continue  # a column is asked for by its name; what lies in another is counted when it is sent
        for batch in file.iter_batches(batch_size=1_000, columns=[column.path], use_threads=False):
            values = batch.column(0)
            if pa.types.is_dictionary(values.type):
                lengths = pc.take(pc.binary_length(values.dictionary), values.indices)
            else:
                lengths = pc.binary_length(values)
            size += pc.sum(lengths).as_py() or 0
            if size > most:
                return size
    return size


def _send_batch(batch: Any, columns: list[_Column], first: int, out: Rows) -> None:
    packed = [
        _class_cells(column, values) if column.classes else packed_column(values)
        for column, values in zip(columns, _values(batch, columns), strict=True)
    ]
    if sum(len(column.data) + len(column.offsets) for column in packed) > MOST_BUFFER - 16 * len(packed):
        if batch.num_rows == 1:
            raise TableError(f"{out.name}, row {first}: {TOO_LONG}")
        half = batch.num_rows // 2
        _send_batch(batch.slice(0, half), columns, first, out)
        _send_batch(batch.slice(half), columns, first + half, out)
        return
    out.add(range(first, first + batch.num_rows), packed)


def _values(batch: Any, columns: list[_Column]) -> list[Any]:
    """The columns of a batch; a part of a struct comes inside it."""
    if len(batch.schema) == len(columns) and not any(_inside(batch, column) for column in columns):
        return list(batch.columns)
    import pyarrow.compute as pc

    values = []
    for column in columns:
        if _inside(batch, column):
            outer, part = column.path.rsplit(".", 1)
            values.append(pc.struct_field(batch.column(outer), part))
        else:
            values.append(batch.column(column.path))
    return values


def _inside(batch: Any, column: _Column) -> bool:
    return "." in column.path and column.path not in batch.schema.names


def packed_column(column: Any) -> PackedText:
    """A column of any type as text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    if not _is_text(column.type):
        return pack_text([_text(value) for value in column.to_pylist()])
    if column.type != pa.string():
        column = column.cast(pa.string())
    if column.null_count:
        column = pc.fill_null(column, "")
    column.validate(full=True)
    if not len(column):
        return PackedText(bytes(4), b"")
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    text = memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes() if data is not None else b""
    return PackedText((ends - ends[0]).tobytes(), text)


def _text(value: Any) -> str:
    """A value as text; programs that do not mark their texts as such write bytes."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return cell_text(value)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
