"""Vectors that were computed elsewhere, brought along as Parquet or NPZ: a vector for each clip, by its id or address.

They stand under a key of their own, `own-` and the name that they are given; map and search use them like any others.
What is written stays: the same clip cannot get another vector under the same name.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core import clip_rows, vector_rows, vectorizers
from hover_core.clips import normal_url
from hover_core.credentials import REFUSED, has_credentials, mask_credentials
from hover_core.errors import Refused, TableError

if TYPE_CHECKING:
    from hover_core.dataset import Dataset

Floats = NDArray[np.float32]
Source = str | Path | bytes | Mapping[str, Any]

PREFIX: Final = "own-"
MOST_NUMBERS: Final = 65_536  # in a vector
MOST_BYTES: Final = 8_000_000_000  # unpacked
_IDS: Final = ("clip_id", "id", "ids", "url", "urls", "audio", "address", "path", "file", "filename")
_VECTORS: Final = ("vectors", "vector", "embeddings", "embedding")
_SHOWN: Final = 10


@dataclass(frozen=True)
class Given:
    """What a file holds: an id and a vector for each row; rows whose vector is none are in `wrong` [row → reason]."""

    ids: list[str]
    vectors: Floats
    wrong: dict[int, str]


@dataclass
class Plan:
    """What bringing vectors along will do.

    Attributes
    ----------
    key : under which they are kept.
    positions, vectors : those that will be written. [shape=(n,), shape=(n, d)]
    known : rows that are there already, with the same vector.
    wrong : rows that cannot be used, counted from 1, and why.
    without : clips of the dataset that will have no vector.
    """

    key: str
    positions: list[int]
    vectors: Floats
    known: int
    wrong: dict[int, str] = field(default_factory=dict)
    without: int = 0


def read(source: Source) -> Given:
    """Read a `.parquet` or `.npz` file, its bytes, or `{"ids": …, "vectors": …}`.

    Parquet: one column with ids or addresses, and either one column of lists or one column for each number. NPZ: an
    array of ids (text, one dimension) and an array of vectors (numbers, two dimensions); nothing is unpickled.

    Raises
    ------
    TableError
        It is none of these; the message says what would be right.
    """
    if isinstance(source, Mapping):
        return _of_arrays({str(name): np.asarray(value) for name, value in source.items()})
    if isinstance(source, bytes):
        data = source
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise TableError(f"{source} cannot be read: {error.strerror}") from error
    if data[:4] == b"PAR1":
        return _of_parquet(data)
    if data[:2] == b"PK":
        return _of_npz(data)
    raise TableError("neither Parquet nor NPZ: save with DataFrame.to_parquet or numpy.savez(file, ids=…, vectors=…)")


def plan(dataset: Dataset, given: Given, name: str) -> Plan:
    """Which clip each row is, and what is wrong with the others; nothing is written.

    Raises
    ------
    Refused
        The name has no letters or digits.
    """
    key = key_of(name)
    clips = clip_rows.table(dataset.store, dataset.id)
    identity = str(dataset.row.settings.get("identity", "full"))
    at = _Positions(clips, identity)
    have, old = dataset.vectors(key)
    wrong, known = dict(given.wrong), 0
    taken: dict[int, int] = {}
    positions: list[int] = []
    rows: list[int] = []
    if len(have) and given.vectors.shape[1] != old.shape[1]:
        there = f"vectors under “{name}” have {old.shape[1]} numbers: give these another name"
        raise Refused(f"these have {given.vectors.shape[1]}, and the {there}")
    for row, label in enumerate(given.ids):
        if row in wrong:
            continue
        position, reason = at.find(label)
        if position is None:
            wrong[row] = reason
        elif position in taken:
            wrong[row] = f"{_short(label)} is the same clip as row {taken[position] + 1}"
        else:
            taken[position] = row
            place = int(np.searchsorted(have, position))
            if place < len(have) and have[place] == position:
                if np.array_equal(old[place], given.vectors[row]):
                    known += 1
                else:
                    wrong[row] = f"{_short(label)} has another vector under “{name}” already: give these another name"
            else:
                positions.append(position)
                rows.append(row)
    without = len(clips) - len(set(have.tolist()) | set(positions))
    numbered = {row + 1: reason for row, reason in sorted(wrong.items())}
    return Plan(key, positions, given.vectors[rows], known, numbered, without)


def add(dataset: Dataset, planned: Plan) -> int:
    """Write the vectors of a plan; return how many."""
    dataset.by.allow("own", dataset.id)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, planned.key, planned.positions, planned.vectors)
    return len(planned.positions)


def bring(dataset: Dataset, source: Source, *, name: str, wrong: str = "refuse") -> Plan:
    """`read`, `plan` and `add`; see `Dataset.add_vectors`."""
    dataset.by.allow("own", dataset.id)
    if wrong not in ("refuse", "leave out"):
        raise Refused(f"wrong={wrong!r} must be “refuse” or “leave out”")
    planned = plan(dataset, read(source), name)
    if planned.wrong and (wrong == "refuse" or not (planned.positions or planned.known)):
        listed = "; ".join(f"row {row}: {reason}" for row, reason in list(planned.wrong.items())[:_SHOWN])
        more = f"; and {len(planned.wrong) - _SHOWN:,} more" if len(planned.wrong) > _SHOWN else ""
        raise TableError(f"{len(planned.wrong):,} rows cannot be used: {listed}{more}")
    add(dataset, planned)
    return planned


def key_of(name: str) -> str:
    """The key of vectors that are called `name`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if not slug:
        raise Refused("give the vectors a name with letters or digits, for example the model that made them")
    return PREFIX + slug


def all_brought(dataset: Dataset) -> list[str]:
    """Keys of all vectors of a dataset that nothing here can make, the newest last."""
    return [key for key in vector_rows.vectorizers_used(dataset.store, dataset.id) if brought(dataset, key)]


def brought(dataset: Dataset, key: str) -> bool:
    """Whether vectors of this key are there that nothing here can make: from a file, or from a notebook's function."""
    if key not in vector_rows.vectorizers_used(dataset.store, dataset.id):
        return False
    if key.startswith(PREFIX):
        return True
    try:
        vectorizers.get(key)
    except Refused:
        return True
    return False


class _Positions:
    """Clips by their id, the id of their table, and their address."""

    def __init__(self, clips: Any, identity: str) -> None:
        self._identity = identity
        self._ids: dict[str, int] = {}
        self._urls: dict[str, list[int]] = {}
        for position, own_id, clip_id in zip(clips.index, clips["own_id"], clips["clip_id"], strict=True):
            if own_id:
                self._ids[own_id] = int(position)
            self._ids.setdefault(clip_id, int(position))
        for position, url in zip(clips.index, clips["url"], strict=True):
            self._urls.setdefault(normal_url(url, identity), []).append(int(position))

    def find(self, label: str) -> tuple[int | None, str]:
        if not label.strip():
            return None, "there is no id"
        if label in self._ids:
            return self._ids[label], ""
        if has_credentials(label):
            return None, REFUSED
        there = self._urls.get(normal_url(label, self._identity), [])
        if len(there) == 1:
            return there[0], ""
        if there:
            return None, f"{len(there)} clips have the address {_short(label)}: use their ids"
        return None, f"no clip has the id or address {_short(label)}"


def _of_npz(data: bytes) -> Given:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > MOST_BYTES:
            raise TableError(f"unpacked it has {size / 1e9:.0f} GB: at most {MOST_BYTES / 1e9:.0f} GB are read")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, KeyError) as error:
        if "allow_pickle" in str(error):
            raise TableError(
                "an array of it is of Python objects, which are not read: save ids as text, numpy.array(ids, dtype=str)"
            ) from error
        raise TableError(f"the NPZ file is damaged: {error}") from error
    return _of_arrays(arrays)


def _of_arrays(arrays: Mapping[str, NDArray[Any]]) -> Given:
    shapes = ", ".join(f"{name} {value.shape} {value.dtype}" for name, value in arrays.items()) or "nothing"
    named = {name.lower(): value for name, value in arrays.items()}
    numbers = {name: value for name, value in named.items() if value.ndim == 2 and value.dtype.kind in "fiu"}
    vectors = next((numbers[name] for name in _VECTORS if name in numbers), None)
    if vectors is None and len(numbers) == 1:
        vectors = next(iter(numbers.values()))
    texts = {name: value for name, value in named.items() if value.ndim == 1 and value.dtype.kind in "UOiu"}
    ids = next((texts[name] for name in _IDS if name in texts), None)
    if ids is None and len(texts) == 1:
        ids = next(iter(texts.values()))
    if vectors is None or ids is None:
        raise TableError(
            f"there is {shapes}; wanted are “ids” (text, one for each clip) and “vectors” (numbers, clips × dimensions)"
        )
    if len(ids) != len(vectors):
        raise TableError(
            f"there are {len(ids):,} ids and {len(vectors):,} vectors: one of each for every clip is wanted"
        )
    return _checked([str(label) for label in ids.tolist()], vectors, {})


def _of_parquet(data: bytes) -> Given:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        size = sum(file.metadata.row_group(n).total_byte_size for n in range(file.metadata.num_row_groups))
        if size > MOST_BYTES:
            raise TableError(f"unpacked it has {size / 1e9:.0f} GB: at most {MOST_BYTES / 1e9:.0f} GB are read")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"the Parquet file is damaged: {error}") from error
    types = {column.name: column.type for column in table.schema}
    texts = [n for n, t in types.items() if pa.types.is_string(t) or pa.types.is_large_string(t)]
    whole = [n for n, t in types.items() if pa.types.is_integer(t)]
    named = {name.lower(): name for name in (*whole, *texts)}
    ids = next((named[name] for name in _IDS if name in named), texts[0] if len(texts) == 1 else None)
    if ids is None:
        raise TableError(f"no column says which clip a row is: call one “id” or “url” (there are {', '.join(types)})")
    labels = ["" if label is None else str(label) for label in table[ids].to_pylist()]
    lists = [
        n
        for n, t in types.items()
        if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t)
    ]
    chosen = next((n for n in lists if n.lower() in _VECTORS), lists[0] if len(lists) == 1 else None)
    if chosen is not None:
        return _of_lists(labels, table[chosen].combine_chunks())
    columns = [n for n, t in types.items() if n != ids and (pa.types.is_floating(t) or pa.types.is_integer(t))]
    if lists or not columns:
        raise TableError(
            "the vectors are wanted as one column of lists, called “vector”, or as one column of numbers for each "
            f"dimension (there are {', '.join(types)})"
        )
    stacked = [table[name].to_numpy().astype(np.float64) for name in columns]
    return _checked(labels, np.stack(stacked, axis=1) if labels else np.zeros((0, len(columns))), {})


def _of_lists(labels: list[str], column: Any) -> Given:
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    sizes, counts = np.unique(lengths[lengths > 0], return_counts=True)
    if not len(sizes):
        raise TableError("the column of vectors is empty")
    width = int(sizes[counts.argmax()])
    fits = lengths == width
    wrong = {
        int(row): f"{lengths[row]:,} numbers, in most rows {width:,}" if lengths[row] else "there is no vector"
        for row in np.flatnonzero(~fits)
    }
    vectors = np.zeros((len(labels), width))
    if width <= MOST_NUMBERS:
        flat = pc.list_flatten(column.filter(pa.array(fits)))
        if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
            raise TableError(f"the column of vectors holds {flat.type}: numbers are wanted")
        vectors[fits] = flat.to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, width)
    return _checked(labels, vectors, wrong)


def _checked(labels: Sequence[str], vectors: NDArray[Any], wrong: dict[int, str]) -> Given:
    if not len(labels):
        raise TableError("there are no rows in it")
    if not 1 <= vectors.shape[1] <= MOST_NUMBERS:
        raise TableError(f"a vector has {vectors.shape[1]:,} numbers: 1 to {MOST_NUMBERS:,} are wanted")
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(vectors, np.float32)
    for row in np.flatnonzero(~np.isfinite(narrow).all(axis=1)).tolist():
        wrong.setdefault(row, "a number is missing (NaN), infinite, or too large for float32")
    return Given(list(labels), narrow, wrong)


def _short(label: str) -> str:
    label = mask_credentials(label)
    return label if len(label) <= 80 else f"{label[:77]}…"
