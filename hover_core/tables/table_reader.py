"""Bytes of a CSV, TSV, JSON, JSONL or Parquet file → rows of text, in the child of `hover_core.tables.foreign_files`.

What a file promises is looked at before it is decoded; then it is decoded piece by piece, counted, and sent off: the
file's text is never held whole. Nothing here knows pandas, and only Parquet needs pyarrow: a child starts in a moment.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import IO, Any, Final

from hover_core.data.credentials import mask_credentials
from hover_core.errors import TableError
from hover_core.tables.file_blocks import BLOCK_BYTES, CELL_BYTES, MOST_BUFFER, PackedText, block, pack_text
from hover_core.tables.file_limits import MOST_CELL, MOST_COLUMNS, MOST_ROW, FileLimits
from hover_core.tables.rows import ColumnNames, cell_text, plain

Send = Callable[[dict[str, Any], bytes], None]

_NOT_TABLES: Final = {
    b"PK\x03\x04": "is a spreadsheet or an archive, not a text table: save it as CSV (UTF-8) and give that",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet, not a text table: save it as CSV (UTF-8) and give that",
    **dict.fromkeys(
        (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb"),
        "is sound, not a table: give a table with the addresses of the clips, one a row",
    ),
}
TOO_LONG: Final = f"it has more than {MOST_ROW:,} characters, or a quote in it is never closed; a row is one clip"
_ARRAY: Final = re.compile(r"\s*\[\s*[{\]]")
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_LAST_LINE: Final = "\x00the end"
_BLOCK_CHARACTERS: Final = 2_000_000
_BLOCK_CELLS: Final = 500_000
_SOME: Final = 1_000_000  # bytes or characters that are read at a time
_MOST_DIGITS: Final = 4_000  # of a whole number in JSON
_MOST_VALUE: Final = 25  # characters of a number, a truth value or a time


class Rows:
    """Rows of a table on their way to the parent, in blocks, and counted: `most_bytes` and `most_rows` hold for all.

    Columns may be added as they turn up; earlier rows have empty cells there.
    """

    def __init__(self, send: Send, name: str, limits: FileLimits) -> None:
        self._send = send
        self._name = name
        self._limits = limits
        self._text = 0
        self._refused: list[tuple[int, str, str]] = []
        self.columns = self.rows = self.refused = 0

    def add_columns(self, names: Sequence[str]) -> None:
        """More columns, on the right."""
        self.columns += len(names)
        if self.columns > MOST_COLUMNS:
            raise TableError(f"{self._name} {self._limits.too_many_columns(self.columns)}")
        packed = pack_text(names)
        self._count(len(packed.data))
        self._send({"of": "columns", "rows": len(names)}, block([packed]))

    def add(self, numbers: Sequence[int], columns: Sequence[PackedText]) -> None:
        """Rows by the number that each has in the file: the first columns, the others are empty."""
        self.rows += len(numbers)
        self._count(sum(len(column.data) for column in columns))
        buffer = block([_numbers(numbers), *columns])
        if len(buffer) > MOST_BUFFER:
            raise TableError(f"{self._name}, row {numbers[0]}: {TOO_LONG}")
        self._send({"of": "rows", "rows": len(numbers), "columns": len(columns)}, buffer)

    def refuse(self, number: int, value: str, reason: str) -> None:
        """A row that cannot be read."""
        self._refused.append((number, mask_credentials(value)[:200], mask_credentials(reason)[:400]))
        self.refused += 1
        if len(self._refused) >= 2_000:
            self.flush()

    def flush(self) -> None:
        """Send off the rows that were refused."""
        if not self._refused:
            return
        numbers, values, reasons = zip(*self._refused, strict=True)
        self._refused = []
        texts = [pack_text(values), pack_text(reasons)]
        self._count(sum(len(text.data) for text in texts))
        self._send({"of": "refused", "rows": len(numbers)}, block([_numbers(numbers), *texts]))

    def _count(self, text: int) -> None:
        self._text += text
        if self.rows + self.refused > self._limits.most_rows:
            raise TableError(f"{self._name} {self._limits.too_many_rows()}")
        if self._text + CELL_BYTES * (self.rows * self.columns + 2 * self.refused) > self._limits.most_bytes:
            raise TableError(f"{self._name} {self._limits.too_large()}")


def read_table(source: IO[bytes], name: str, limits: FileLimits, send: Send) -> None:
    """Send the rows of a CSV, TSV, JSON, JSONL or Parquet file; what a file is, its first bytes say.

    Raises
    ------
    TableError
        The file as a whole cannot be read; the sentence says what would be right.
    """
    rows = Rows(send, name, limits)
    ending = name.rsplit(".", 1)[-1].lower()
    first = source.read(4)
    if first == b"PAR1" or (ending in ("parquet", "pq") and _holds_anything(source)):
        return _parquet(source, name, limits, rows)
    if not _holds_anything(source):
        raise TableError(f"{name} is empty: a table has a header row and at least one clip")
    encoding = _detect_encoding(source, name)
    try:
        head = _head(source, encoding)
        if _ARRAY.match(head):
            _json(_text(source, encoding, ""), name, rows)
        elif ending in ("jsonl", "ndjson", "json") or head.lstrip().startswith("{"):
            _jsonl(_text(source, encoding, "\n"), name, rows)
        else:
            _csv(_text(source, encoding, ""), name, rows, head)
    except UnicodeDecodeError as error:
        raise TableError(f"{name} says it is {encoding} but is not: save it as UTF-8") from error
    rows.flush()


# text ---------------------------------------------------------------------------------------------------------------


def _holds_anything(source: IO[bytes]) -> bool:
    source.seek(0)
    return any(part.strip() for part in iter(partial(source.read, _SOME), b""))


def _detect_encoding(source: IO[bytes], name: str) -> str:
    source.seek(0)
    data = source.read(4096)
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return encoding
    if b"\x00" in data:
        for first, why in _NOT_TABLES.items():
            if data.startswith(first):
                raise TableError(f"{name} {why}")
        raise TableError(f"{name} is not a text table: give a CSV, TSV, JSON, JSONL or Parquet file")
    source.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in iter(partial(source.read, _SOME), b""):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"  # what spreadsheets on Windows write
    return "utf-8"


def _text(source: IO[bytes], encoding: str, newline: str) -> io.TextIOWrapper:
    source.seek(0)
    errors = "replace" if encoding == "cp1252" else "strict"
    return io.TextIOWrapper(source, encoding, errors, newline)


def _head(source: IO[bytes], encoding: str) -> str:
    """The beginning of the text, from the first line that is not blank."""
    file = _text(source, encoding, "")
    head = next((part for part in iter(partial(file.read, _SOME), "") if part.strip()), "") + file.read(100_000)
    file.detach()
    return head


class _Lines:
    """Lines of text, none longer than a row may be; `characters` is set back by who has taken a row of them."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self.characters = 0
        self.last = 0  # rows that were taken before

    def __iter__(self) -> Iterator[str]:
        for line in iter(partial(self._file.readline, MOST_ROW + 1), ""):
            self.characters += len(line)
            if self.characters > MOST_ROW:
                raise TableError(f"{self._name}, row {self.last + 1}: {TOO_LONG}")
            yield line


# CSV ----------------------------------------------------------------------------------------------------------------


def _csv(file: io.TextIOWrapper, name: str, out: Rows, head: str) -> None:
    csv.field_size_limit(MOST_CELL)
    start = re.sub(r'"[^"]*"', "", head[:100_000]).lstrip("\r\n")  # a quoted name may hold separators
    delimiter = max(",\t;|", key=re.split(r"[\r\n]", start, maxsplit=1)[0].count)
    if name.lower().endswith((".tsv", ".tab")):
        delimiter = "\t"
    # An opened quote that never closes swallows the rest of the file as one cell without a word: then the last line
    # that we add is swallowed too.
    lines = _Lines(file, name)
    reader = csv.reader(itertools.chain(lines, [_LAST_LINE]), delimiter=delimiter, strict=False)
    width = characters = 0
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for cells in reader:
            number, lines.last = lines.last + 1, reader.line_num
            characters += lines.characters
            lines.characters = 0
            if cells and cells[-1].endswith(_LAST_LINE):
                if cells == [_LAST_LINE]:
                    break
                raise TableError(f"{name}, row {number}: a quote is opened here and never closed")
            if not cells or not any(cells) or not any(cell.strip() for cell in cells):
                continue
            if not width:
                width = len(cells)
                out.add_columns(ColumnNames().add(plain(cell).strip() for cell in cells))
                continue
            if len(cells) != width:
                counts = f"the row has {len(cells)} cells, the header has {width}"
                out.refuse(number, cells[0], f"{counts}: quote cells that hold the separator")
                continue
            rows.append(cells)
            numbers.append(number)
            if characters >= _BLOCK_CHARACTERS or len(rows) * width >= _BLOCK_CELLS:
                out.add(numbers, _columns(rows))
                rows, numbers, characters = [], [], 0
    except csv.Error as error:
        if "field limit" in str(error):
            error = csv.Error(f"a cell has more than {MOST_CELL:,} characters, or its quote is never closed")
        raise TableError(f"{name}, row {lines.last + 1}: {error}") from error
    if rows:
        out.add(numbers, _columns(rows))
    if not out.rows and not out.refused:
        raise TableError(f"{name} has a header but no clips below it")


def _columns(rows: Sequence[Sequence[str]]) -> list[PackedText]:
    columns = []
    for column in zip(*rows, strict=True):
        packed = pack_text(column)
        if b"'" in packed.data:
            packed = pack_text([plain(cell) for cell in column])
        columns.append(packed)
    return columns


# JSON ---------------------------------------------------------------------------------------------------------------


class _Decoder(json.JSONDecoder):
    """JSON whose keys stand once and whose whole numbers are not endless; `wrong` says what was wrong with a value."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object, parse_int=self._int)
        self.wrong = ""

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1) if len(keys) < 1_000 else ""
            self.wrong = f"the key “{twice[:60]}” stands in it twice: which one counts nobody can know"
        return found

    def _int(self, digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            self.wrong = f"it holds a number of {len(digits):,} digits: write it as text, in quotes"
            return 0
        return int(digits)


def _json(file: io.TextIOWrapper, name: str, out: Rows) -> None:
    _objects(_entries(file, name), name, out, "the entry is no JSON object: the list is [{…}, {…}]")


def _entries(file: io.TextIOWrapper, name: str) -> Iterator[tuple[int, Any, str, str]]:
    """The entries of one JSON list, `(row, value, what is wrong with it, as it stands there)`, a piece at a time."""
    decoder = _Decoder()
    text, at, whole = "", 0, False

    def more() -> None:
        nonlocal text, at, whole
        part = file.read(max(_SOME, len(text) - at))
        text, at, whole = text[at:] + part, 0, not part

    def after_space() -> str:
        """The character that comes next; empty at the end of the file."""
        nonlocal at
        while True:
            space = _SPACE.match(text, at)
            at = space.end() if space else at
            if at < len(text) or whole:
                return text[at : at + 1]
            more()

    def fail(number: int, why: str) -> TableError:
        return TableError(f"{name} starts like a list of JSON objects, but is none: entry {number}: {why[:120]}")

    after_space()
    at += 1  # the bracket that it was known by
    for number in itertools.count(1):
        if after_space() == "]" and number == 1:
            at += 1
            break
        while True:
            decoder.wrong = ""
            try:
                value, end = decoder.raw_decode(text, at)
            except RecursionError as error:
                raise fail(number, "it is nested too deeply") from error
            except ValueError as error:
                if whole:
                    raise fail(number, str(error).partition(": line")[0]) from error
                if len(text) - at > MOST_ROW:
                    raise fail(number, f"it is no JSON, or has more than {MOST_ROW:,} characters") from error
                more()
                continue
            if end < len(text) or whole:  # a number may go on in the next piece
                break
            more()
        yield number, value, decoder.wrong, text[at : min(end, at + 200)]
        at = end
        mark = after_space()
        at += 1
        if mark == "]":
            break
        if mark != ",":
            raise fail(number, "a comma or the closing bracket is missing after it")
    if after_space():
        raise TableError(f"{name} starts like a list of JSON objects, but more follows after its end")


def _jsonl(file: io.TextIOWrapper, name: str, out: Rows) -> None:
    def lines() -> Iterator[tuple[int, Any, str, str]]:
        decoder = _Decoder()
        found = _Lines(file, name)
        for number, line in enumerate(found, start=1):  # splitlines() would split at U+2028 inside a cell
            found.last, found.characters = number, 0
            if line.strip():
                decoder.wrong, value = "", None
                try:
                    value = decoder.decode(line)
                except RecursionError:
                    decoder.wrong = "it is nested too deeply"
                except ValueError:
                    decoder.wrong = ""
                yield number, value, decoder.wrong, line

    _objects(lines(), name, out, "the line is no JSON object: write one {…} a line, or one list [{…}, {…}]")


def _objects(entries: Iterable[tuple[int, Any, str, str]], name: str, out: Rows, no_object: str) -> None:
    """Rows of JSON objects; what is none is refused."""
    names = ColumnNames()
    places: dict[str, int] = {}  # key → its column
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    characters = 0

    def flush() -> None:
        nonlocal rows, numbers, characters
        keys = list(places)
        if len(keys) > out.columns:
            out.add_columns(names.add(keys[out.columns :]))
        out.add(numbers, [pack_text([row.get(key, "") for row in rows]) for key in keys])
        rows, numbers, characters = [], [], 0

    for number, value, wrong, stood in entries:
        if wrong or not isinstance(value, dict):
            out.refuse(number, stood.strip(), wrong or no_object)
            continue
        try:
            row = {key: cell_text(cell) for key, cell in value.items()}
        except RecursionError:
            out.refuse(number, stood, "it is nested too deeply")
            continue
        rows.append(row)
        numbers.append(number)
        for key in row:
            if key not in places:
                places[key] = len(places)
        if len(places) > MOST_COLUMNS:
            out.add_columns(names.add(list(places)[out.columns :]))
        characters += sum(map(len, row.values()))
        if characters >= _BLOCK_CHARACTERS or len(rows) * len(places) >= _BLOCK_CELLS:
            flush()
    if rows:
        flush()
    if not out.rows:
        raise TableError(f"{name} holds no JSON object: write one {{…}} a line, or one list [{{…}}, {{…}}]")


# Parquet ------------------------------------------------------------------------------------------------------------


def _parquet(source: IO[bytes], name: str, limits: FileLimits, out: Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    pa.set_cpu_count(1)
    source.seek(0)
    try:
        file = parquet.ParquetFile(arrow_file(source))
        promised = file.metadata
        if not promised.num_rows:
            raise TableError(f"{name} has no clips in it")
        width = len(file.schema_arrow)
        if promised.num_rows > limits.most_rows:
            raise TableError(f"{name} {limits.too_many_rows(promised.num_rows)}")
        if max(width, promised.num_columns) > MOST_COLUMNS:
            raise TableError(f"{name} {limits.too_many_columns(max(width, promised.num_columns))}")
        size = _text_size(file, limits.most_bytes - CELL_BYTES * width * promised.num_rows)
        if size + CELL_BYTES * width * promised.num_rows > limits.most_bytes:
            raise TableError(f"{name} {limits.too_large()}")
        out.add_columns(ColumnNames().add(file.schema_arrow.names))
        at_a_time = max(1, min(20_000, _BLOCK_CELLS // max(width, 1), BLOCK_BYTES * promised.num_rows // (size + 1)))
        first = 1
        for batch in file.iter_batches(batch_size=at_a_time, use_threads=False):
            _send_batch(batch, first, name, out)
            first += batch.num_rows
        if first == 1:
            raise TableError(f"{name} has no clips in it")
    except MemoryError:  # Arrow's is one of its own errors as well
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TableError(f"{name} is not a Parquet file that can be read: {str(error)[:120]}") from error


def arrow_file(source: IO[bytes]) -> Any:
    """A file as Arrow reads it, without a copy of its bytes."""
    import pyarrow as pa

    if not isinstance(source, io.BytesIO):
        return pa.PythonFile(source, "r")
    return pa.BufferReader(source.getvalue())  # no copy


def _text_size(file: Any, most: int) -> int:
    """Characters that the columns will have as text, at most, as far as a column by itself can tell.

    A footer does not say: a dictionary holds a text once, and any number of rows point at it. So columns of text are
    decoded one by one, a few rows at a time, and only counted; lists and objects are counted when they are sent.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for field in file.schema_arrow:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not (_is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            most_value = kind.byte_width if pa.types.is_fixed_size_binary(kind) else _MOST_VALUE
            size += 0 if pa.types.is_nested(kind) else most_value * file.metadata.num_rows
            continue
        if file.schema_arrow.names.count(field.name) > 1 or "." in field.name:
            continue  # a column is asked for by its name
        for batch in file.iter_batches(batch_size=1_000, columns=[field.name], use_threads=False):
            column = batch.column(0)
            if pa.types.is_dictionary(column.type):
                lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
            else:
                lengths = pc.binary_length(column)
            size += pc.sum(lengths).as_py() or 0
            if size > most:
                return size
    return size


def _send_batch(batch: Any, first: int, name: str, out: Rows) -> None:
    columns = [packed_column(column) for column in batch.columns]
    if sum(len(column.data) + len(column.offsets) for column in columns) > MOST_BUFFER - 16 * len(columns):
        if batch.num_rows == 1:
            raise TableError(f"{name}, row {first}: {TOO_LONG}")
        half = batch.num_rows // 2
        _send_batch(batch.slice(0, half), first, name, out)
        _send_batch(batch.slice(half), first + half, name, out)
        return
    out.add(range(first, first + batch.num_rows), columns)


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
        return pack_text([cell_text(value) for value in column.to_pylist()])
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


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _numbers(numbers: Sequence[int]) -> bytes:
    from array import array

    return array("q", numbers).tobytes()
