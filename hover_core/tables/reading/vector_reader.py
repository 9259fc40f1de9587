"""Bytes of a Parquet or NPZ file → an id and a vector for each row, in the child of `foreign_files`.

Of an NPZ file the zip directory and the headers of its arrays are looked at first: what they promise must fit together,
and only the two arrays that are wanted are unpacked, a piece at a time. Nothing is unpickled. Of a Parquet file the
footer is looked at, and the lengths of its lists are counted before any vector is sent.
"""

from __future__ import annotations

import ast
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hover_core.errors import TableError
from hover_core.tables.reading.file_blocks import BLOCK_BYTES, CELL_BYTES, MOST_BUFFER, PackedText, block, pack_text
from hover_core.tables.reading.file_limits import FileLimits, shown_bytes
from hover_core.tables.reading.parquet_reader import arrow_file, packed_column
from hover_core.tables.reading.row_blocks import Send

MOST_NUMBERS: Final = 65_536  # in a vector
MOST_RATIO: Final = 100  # by how much a file of vectors may shrink when it is compressed; those of models shrink little
_ANY_RATIO: Final = 256_000_000  # bytes that may unpack from however few
_MOST_ARRAYS: Final = 1_000
_MOST_HEADER: Final = 10_000  # characters, as numpy has it
_ROWS_AT_A_TIME: Final = 256
_IDS: Final = ("clip_id", "id", "ids", "url", "urls", "audio", "address", "path", "file", "filename")
_VECTORS: Final = ("vectors", "vector", "embeddings", "embedding")


class ArrayShape(NamedTuple):
    """What an array is, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def choose(arrays: Mapping[str, ArrayShape]) -> tuple[str, str]:
    """The names of the array of ids (text or whole numbers, one dimension) and of that of vectors (two dimensions).

    Raises
    ------
    TableError
        There are none, or none that belong together.
    """
    shown = ", ".join(f"{name[:80]} {array.shape} {array.dtype}" for name, array in [*arrays.items()][:20]) or "nothing"
    named = {name.lower(): name for name in arrays}
    numbers = [n for n, name in named.items() if len(arrays[name].shape) == 2 and arrays[name].dtype.kind in "fiu"]
    texts = [n for n, name in named.items() if len(arrays[name].shape) == 1 and arrays[name].dtype.kind in "UOiu"]
    vectors = next((name for name in _VECTORS if name in numbers), numbers[0] if len(numbers) == 1 else None)
    ids = next((name for name in _IDS if name in texts), texts[0] if len(texts) == 1 else None)
    if vectors is None or ids is None:
        raise TableError(
            f"there is {shown}; wanted are “ids” (text, one for each clip) and “vectors” (numbers, clips × dimensions)"
        )
    have, want = arrays[named[ids]].shape[0], arrays[named[vectors]].shape[0]
    if have != want:
        raise TableError(f"there are {have:,} ids and {want:,} vectors: one of each for every clip is wanted")
    return named[ids], named[vectors]


def check_shape(rows: int, width: int) -> None:
    """Whether there can be so many vectors of so many numbers.

    Raises
    ------
    TableError
        There are none, or a vector has too many numbers.
    """
    if not rows:
        raise TableError("there are no rows in it")
    if not 1 <= width <= MOST_NUMBERS:
        raise TableError(f"a vector has {width:,} numbers: 1 to {MOST_NUMBERS:,} are wanted")


def read_vectors(source: IO[bytes], name: str, limits: FileLimits, send: Send) -> None:
    """Send ids and vectors of a Parquet or NPZ file, and why a row has no vector.

    Raises
    ------
    TableError
        It is neither, or asks for too much; the message says what would be right.
    """
    first = source.read(4)
    source.seek(0)
    answer = _Vectors(send, limits)
    if first == b"PAR1":
        _parquet(source, limits, answer)
    elif first[:2] == b"PK":
        _npz(source, limits, answer)
    else:
        raise TableError(
            "neither Parquet nor NPZ: save with DataFrame.to_parquet or numpy.savez(file, ids=…, vectors=…)"
        )


class _Vectors:
    """Ids and vectors on their way to the parent, and counted."""

    def __init__(self, send: Send, limits: FileLimits) -> None:
        self._send = send
        self._limits = limits
        self._size = 0

    def promise(self, rows: int, width: int) -> None:
        """So many vectors of so many numbers will come; nothing was decoded for that."""
        if rows > self._limits.most_rows:
            raise TableError(f"the file {self._limits.too_many_rows(rows)}")
        check_shape(rows, width)
        self._count((4 * width + CELL_BYTES) * rows)
        self._send({"of": "shape", "rows": rows, "width": width}, b"")

    def ids(self, ids: PackedText, rows: int) -> None:
        """The next ids."""
        self._count(len(ids.data))
        buffer = block([ids])
        if len(buffer) > MOST_BUFFER:
            raise TableError(f"ids have more than {MOST_BUFFER // max(rows, 1):,} characters: an id is short")
        self._send({"of": "ids", "rows": rows}, buffer)

    def rows(self, vectors: NDArray[Any]) -> None:
        """The next vectors. [shape=(n, d)]"""
        self._send({"of": "vectors", "rows": len(vectors)}, block([_narrow(vectors)]))

    def numbers(self, column: int, first: int, numbers: NDArray[Any]) -> None:
        """One number of some vectors, from the `first` on. [shape=(n,)]"""
        self._send({"of": "column", "column": column, "first": first, "rows": len(numbers)}, block([_narrow(numbers)]))

    def wrong(self, rows: NDArray[np.int64], reasons: list[str]) -> None:
        """Rows without a vector, and why."""
        for at in range(0, len(rows), 10_000):
            packed = pack_text(reasons[at : at + 10_000])
            self._count(len(packed.data) + CELL_BYTES * len(reasons[at : at + 10_000]))
            part = rows[at : at + 10_000].astype(np.int64)
            self._send({"of": "wrong", "rows": len(part)}, block([part.tobytes(), packed]))

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.most_bytes:
            raise TableError(f"the file {self._limits.too_large()}")


def _narrow(numbers: NDArray[Any]) -> bytes:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(numbers, np.float32).tobytes()


# NPZ ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Array:
    """An array of an NPZ file: what its header says, and where its numbers begin."""

    part: zipfile.ZipInfo
    kind: ArrayShape
    fortran: bool
    begin: int


def _npz(source: IO[bytes], limits: FileLimits, answer: _Vectors) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            arrays = _arrays(archive, limits, source.seek(0, 2))
            ids, vectors = choose({name: array.kind for name, array in arrays.items()})
            answer.promise(*arrays[vectors].kind.shape)
            _send_ids(archive, arrays[ids], answer)
            _send_numbers(archive, arrays[vectors], answer)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, KeyError, NotImplementedError) as error:
        raise TableError(f"the NPZ file is damaged: {str(error)[:200]}") from error


def _arrays(archive: zipfile.ZipFile, limits: FileLimits, file_size: int) -> dict[str, _Array]:
    parts = archive.infolist()
    if len(parts) > _MOST_ARRAYS:
        raise TableError(f"the NPZ file has {len(parts):,} arrays: “ids” and “vectors” are wanted")
    size = sum(part.file_size for part in parts)
    # Numbers may stand there in float64, and text in 32 bits a character: up to four times what they become.
    if size > 4 * limits.most_bytes or size > max(_ANY_RATIO, MOST_RATIO * file_size):
        if size <= 4 * limits.most_bytes:
            raise TableError(
                f"{shown_bytes(file_size)} unpack to {shown_bytes(size)}, more than {MOST_RATIO} times as much: "
                "vectors of a model do not shrink so; save them with numpy.savez, without compression"
            )
        raise TableError(f"unpacked it has {shown_bytes(size)}: it {limits.too_large()}")
    arrays: dict[str, _Array] = {}
    for part in parts:
        if not part.filename.endswith(".npy"):
            continue
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or part.flag_bits & 1:
            raise TableError("the NPZ file is encrypted or compressed in a way that is not read: save with numpy.savez")
        arrays[part.filename.removesuffix(".npy")] = _header(archive, part)
    return arrays


def _header(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Array:
    """What an array says about itself: it must be plain, and as long as the directory says that it is."""

    def damage_error(why: str) -> ValueError:
        return ValueError(f"the header of {part.filename[:80]} {why}")

    with archive.open(part) as file:
        start = file.read(8)
        if start[:6] != b"\x93NUMPY" or len(start) < 8 or start[6] not in (1, 2, 3):
            raise damage_error("is not that of an array")
        digits = 2 if start[6] == 1 else 4
        length = int.from_bytes(file.read(digits), "little")
        if length > _MOST_HEADER:
            raise damage_error(f"has {length:,} characters: at most {_MOST_HEADER:,} are read")
        text = file.read(length).decode("utf-8" if start[6] == 3 else "latin-1")
    try:
        said = ast.literal_eval(text.strip())
    except (SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise damage_error("cannot be read") from error
    if not isinstance(said, dict) or set(said) != {"descr", "fortran_order", "shape"}:
        raise damage_error("says something else than its type, order and shape")
    shape, descr, fortran = said["shape"], said["descr"], said["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**63 for n in shape) or len(shape) > 32:
        raise damage_error(f"says that its shape is {str(shape)[:80]}")
    if not isinstance(descr, str) or type(fortran) is not bool:
        raise damage_error("says that it is of several fields: numbers or text are wanted")
    try:
        dtype = np.dtype(descr)
    except TypeError as error:
        raise damage_error(f"says that it is of {descr[:40]!r}") from error
    if dtype.hasobject:
        raise TableError(
            "an array of it is of Python objects, which are not read: save ids as text, numpy.array(ids, dtype=str)"
        )
    begin = 8 + digits + length
    if math.prod(shape) * dtype.itemsize != part.file_size - begin:
        promised = shown_bytes(math.prod(shape) * dtype.itemsize)
        raise damage_error(
            f"says that its shape is {shape}, that is {promised}; there are {part.file_size - begin:,} bytes"
        )
    return _Array(part, ArrayShape(shape, dtype), fortran, begin)


def _pieces(archive: zipfile.ZipFile, array: _Array, unit: int) -> Iterator[bytes]:
    """The bytes of an array, in pieces of whole units of so many bytes."""
    left = array.part.file_size - array.begin
    at_a_time = max(1, BLOCK_BYTES // unit) * unit
    with archive.open(array.part) as file:
        file.read(array.begin)
        while left:
            piece = file.read(min(at_a_time, left))
            if len(piece) < min(at_a_time, left):
                raise EOFError(f"{array.part.filename[:80]} ends too soon")
            left -= len(piece)
            yield piece


def _send_ids(archive: zipfile.ZipFile, array: _Array, answer: _Vectors) -> None:
    dtype = array.kind.dtype
    if not dtype.itemsize:  # nothing but empty texts
        answer.ids(pack_text([""] * array.kind.shape[0]), array.kind.shape[0])
        return
    for piece in _pieces(archive, array, dtype.itemsize):
        ids = [str(one) for one in np.frombuffer(piece, dtype).tolist()]
        answer.ids(pack_text(ids), len(ids))


def _send_numbers(archive: zipfile.ZipFile, array: _Array, answer: _Vectors) -> None:
    (rows, width), dtype = array.kind.shape, array.kind.dtype
    if not array.fortran:
        for piece in _pieces(archive, array, width * dtype.itemsize):
            answer.rows(np.frombuffer(piece, dtype).reshape(-1, width))
        return
    at = 0  # one column after the other
    for piece in _pieces(archive, array, dtype.itemsize):
        numbers = np.frombuffer(piece, dtype)
        while len(numbers):
            column, first = divmod(at, rows)
            part, numbers = numbers[: rows - first], numbers[rows - first :]
            answer.numbers(column, first, part)
            at += len(part)


# Parquet ------------------------------------------------------------------------------------------------------------


def _parquet(source: IO[bytes], limits: FileLimits, answer: _Vectors) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    pa.set_cpu_count(1)
    try:
        file = parquet.ParquetFile(arrow_file(source))
        rows = file.metadata.num_rows
        if rows > limits.most_rows:
            raise TableError(f"the file {limits.too_many_rows(rows)}")
        if file.metadata.num_columns > MOST_NUMBERS + 100:
            raise TableError(f"it has {file.metadata.num_columns:,} columns: a vector has at most {MOST_NUMBERS:,}")
        types = {column.name: column.type for column in file.schema_arrow}
        ids = _id_column(types)
        lists = [name for name, kind in types.items() if _is_list(kind)]
        vectors = next((n for n in lists if n.lower() in _VECTORS), lists[0] if len(lists) == 1 else None)
        if vectors is None:
            columns = [n for n, t in types.items() if n != ids and (pa.types.is_floating(t) or pa.types.is_integer(t))]
            if lists or not columns:
                raise TableError(
                    "the vectors are wanted as one column of lists, called “vector”, or as one column of numbers for "
                    f"each dimension (there are {_type_names(types)})"
                )
            answer.promise(rows, len(columns))
        else:
            columns = [vectors]
            width = _width(file, vectors, rows, limits, answer)
        for batch in _batches(file, [ids]):
            column = batch.column(0)
            answer.ids(packed_column(column), len(column))
        at_a_time = _ROWS_AT_A_TIME if vectors else max(1, BLOCK_BYTES // (8 * len(columns)))
        for batch in _batches(file, columns, at_a_time):
            if vectors is None:
                at = [batch.schema.get_field_index(name) for name in columns]
                # pyarrow's numbers with a missing one come as float64, with NaN for it
                answer.rows(np.stack([batch.column(n).to_numpy(zero_copy_only=False) for n in at], axis=1, dtype=float))
            else:
                answer.rows(_of_lists(batch.column(0), width))
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(f"the Parquet file is damaged: {str(error)[:200]}") from error


def _id_column(types: Mapping[str, Any]) -> str:
    import pyarrow as pa

    texts = [n for n, t in types.items() if pa.types.is_string(t) or pa.types.is_large_string(t)]
    whole = [n for n, t in types.items() if pa.types.is_integer(t)]
    named = {name.lower(): name for name in (*whole, *texts)}
    ids = next((named[name] for name in _IDS if name in named), texts[0] if len(texts) == 1 else None)
    if ids is None:
        raise TableError(f"no column says which clip a row is: call one “id” or “url” (there are {_type_names(types)})")
    return ids


def _type_names(types: Mapping[str, Any]) -> str:
    return ", ".join(name[:80] for name in [*types][:30])


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _batches(file: Any, columns: list[str], at_a_time: int = _ROWS_AT_A_TIME) -> Iterator[Any]:
    yield from file.iter_batches(batch_size=at_a_time, columns=columns, use_threads=False)


def _width(file: Any, name: str, rows: int, limits: FileLimits, answer: _Vectors) -> int:
    """How many numbers most lists have: that is promised, and rows with another length are wrong."""
    import pyarrow as pa

    kind = file.schema_arrow.field(name).type.value_type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise TableError(f"the column of vectors holds {kind}: numbers are wanted")
    lengths = np.concatenate([_lengths(batch.column(0)) for batch in _batches(file, [name])] or [np.zeros(0, np.int64)])
    counts = Counter(lengths[lengths > 0].tolist())
    if not counts:
        raise TableError("the column of vectors is empty")
    most = max(counts.values())
    width = min(length for length, count in counts.items() if count == most)
    answer.promise(rows, width)
    wrong = np.flatnonzero(lengths != width)
    reasons = [
        f"{lengths[row]:,} numbers, in most rows {width:,}" if lengths[row] else "there is no vector" for row in wrong
    ]
    answer.wrong(wrong, reasons)
    return width


def _lengths(column: Any) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _of_lists(column: Any, width: int) -> NDArray[np.float64]:
    """Vectors of lists that have so many numbers; of the others zeros. [shape=(n, width)]"""
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = _lengths(column) == width
    vectors = np.zeros((len(column), width))
    flat = pc.list_flatten(column.filter(pa.array(fits)))
    vectors[fits] = flat.to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, width)
    return vectors
