"""Vectors that were computed elsewhere, brought along as Parquet or NPZ: a vector for each clip, by its id or address.

They stand under a key of their own, `own-` and the name that they are given; map and search use them like any others.
What is written stays: the same clip cannot get another vector under the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.data.clips import normal_url
from hover_core.data.credentials import REFUSED, has_credentials, mask_credentials
from hover_core.errors import Refused, TableError
from hover_core.store import clip_rows, vector_rows
from hover_core.tables import foreign_files
from hover_core.tables.file_blocks import Reader, Unreadable
from hover_core.tables.file_limits import FileLimits
from hover_core.tables.vector_reader import MOST_NUMBERS, ArrayShape, check_shape, choose
from hover_core.workspace.vector_keys import key_of

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset

Source = str | Path | bytes | Mapping[str, Any]

_SHOWN: Final = 10


@dataclass(frozen=True)
class VectorTable:
    """What a file holds: an id and a vector for each row; rows whose vector is none are in `wrong` [row → reason]."""

    ids: list[str]
    vectors: Floats
    wrong: dict[int, str]


@dataclass
class ImportPlan:
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


def read_vectors(source: Source) -> VectorTable:
    """Read a `.parquet` or `.npz` file, its bytes, or `{"ids": …, "vectors": …}`.

    Parquet: one column with ids or addresses, and either one column of lists or one column for each number. NPZ: an
    array of ids (text, one dimension) and an array of vectors (numbers, two dimensions); nothing is unpickled.

    A file is opened in a limited child, see `hover_core.tables.foreign_files`; arrays in memory are the caller's own.

    Raises
    ------
    TableError
        It is none of these, or asks for more than one file may take; the message says what would be right.
    Refused
        A setting of the operator is no number.
    """
    if isinstance(source, Mapping):
        return _of_arrays({str(name): np.asarray(value) for name, value in source.items()})
    bounds = foreign_files.limits()
    answer = _VectorBlocks(bounds)
    name = "the file" if isinstance(source, bytes) else str(source)
    foreign_files.collect("vectors", source if isinstance(source, bytes) else Path(source), name, bounds, answer.add)
    return answer.finish()


def plan(dataset: Dataset, given: VectorTable, name: str) -> ImportPlan:
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
    vectors = given.vectors if len(rows) == len(given.vectors) else given.vectors[rows]  # a copy only if it must be
    return ImportPlan(key, positions, vectors, known, numbered, without)


def add(dataset: Dataset, planned: ImportPlan) -> int:
    """Write the vectors of a plan; return how many."""
    dataset.by.allow("own", dataset.id)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, planned.key, planned.positions, planned.vectors)
    return len(planned.positions)


def import_vectors(dataset: Dataset, source: Source, *, name: str, wrong: str = "refuse") -> ImportPlan:
    """`read_vectors`, `plan` and `add`; see `Dataset.add_vectors`."""
    dataset.by.allow("own", dataset.id)
    if wrong not in ("refuse", "leave out"):
        raise Refused(f"wrong={wrong!r} must be “refuse” or “leave out”")
    planned = plan(dataset, read_vectors(source), name)
    if planned.wrong and (wrong == "refuse" or not (planned.positions or planned.known)):
        listed = "; ".join(f"row {row}: {reason}" for row, reason in list(planned.wrong.items())[:_SHOWN])
        more = f"; and {len(planned.wrong) - _SHOWN:,} more" if len(planned.wrong) > _SHOWN else ""
        raise TableError(f"{len(planned.wrong):,} rows cannot be used: {listed}{more}")
    add(dataset, planned)
    return planned


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


class _VectorBlocks:
    """Puts together what the child says, and believes none of it: one array is filled block by block."""

    def __init__(self, bounds: FileLimits) -> None:
        self._bounds = bounds
        self._ids: list[str] = []
        self._vectors: Floats | None = None
        self._filled = 0  # numbers
        self._bad: NDArray[np.bool_] = np.zeros(0, bool)  # rows with a number that is none
        self._wrong: dict[int, str] = {}

    def add(self, header: dict[str, Any], buffer: bytes) -> None:
        """Take a block; raises `Unreadable` if it is none of vectors within the limits."""
        kind = header.get("of")
        if kind == "shape":
            self._begin(header.get("rows"), header.get("width"))
            return
        block = Reader(buffer, header.get("rows"))
        rows = block.rows
        if self._vectors is None:
            raise Unreadable("no shape before it")
        length, width = self._vectors.shape
        if kind == "ids":
            self._ids += block.text().to_pylist()
        elif kind == "vectors":
            first = self._filled // width
            if self._filled % width or first + rows > length:
                raise Unreadable("vectors")
            self._fill(slice(first, first + rows), slice(None), block.numbers(np.float32, width).reshape(rows, width))
        elif kind == "column":
            column, first = divmod(self._filled, length)
            if (header.get("column"), header.get("first")) != (column, first) or first + rows > length:
                raise Unreadable("column")
            self._fill(slice(first, first + rows), slice(column, column + 1), block.numbers(np.float32)[:, np.newaxis])
        elif kind == "wrong":
            numbers, reasons = block.numbers(np.int64).tolist(), block.text().to_pylist()
            if len(self._wrong) + rows > length or not all(0 <= row < length for row in numbers):
                raise Unreadable("wrong")
            self._wrong.update(zip(numbers, reasons, strict=True))
        else:
            raise Unreadable("of")
        block.end()
        if len(self._ids) > length:
            raise Unreadable("ids")

    def finish(self) -> VectorTable:
        if self._vectors is None or self._filled != self._vectors.size or len(self._ids) != len(self._vectors):
            raise TableError("the process that reads the vectors gave fewer than it promised")
        return _with_faults(self._ids, self._vectors, self._bad, self._wrong)

    def _begin(self, rows: Any, width: Any) -> None:
        if self._vectors is not None or type(rows) is not int or type(width) is not int:
            raise Unreadable("shape")
        if not (1 <= rows <= self._bounds.most_rows and 1 <= width <= MOST_NUMBERS):
            raise Unreadable("shape")
        if 4 * rows * width > self._bounds.most_bytes:
            raise Unreadable("shape")
        self._vectors = np.empty((rows, width), np.float32)
        self._bad = np.zeros(rows, bool)

    def _fill(self, rows: slice, columns: slice, numbers: Floats) -> None:
        assert self._vectors is not None
        self._vectors[rows, columns] = numbers
        self._bad[rows] |= ~np.isfinite(numbers).all(axis=1)
        self._filled += numbers.size


def _of_arrays(arrays: Mapping[str, NDArray[Any]]) -> VectorTable:
    """Of arrays in memory; they are the caller's own."""
    names = choose({name: ArrayShape(array.shape, array.dtype) for name, array in arrays.items()})
    ids, vectors = (arrays[name] for name in names)
    check_shape(*vectors.shape)
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(vectors, np.float32)
    bad = np.logical_not(np.isfinite(narrow).all(axis=1))
    return _with_faults([str(label) for label in ids.tolist()], narrow, bad, {})


def _with_faults(labels: list[str], vectors: Floats, bad: NDArray[np.bool_], wrong: dict[int, str]) -> VectorTable:
    for row in np.flatnonzero(bad).tolist():
        wrong.setdefault(row, "a number is missing (NaN), infinite, or too large for float32")
    return VectorTable(labels, vectors, wrong)


def _short(label: str) -> str:
    label = mask_credentials(label)
    return label if len(label) <= 80 else f"{label[:77]}…"
