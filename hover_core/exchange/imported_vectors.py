"""Imported vectors, computed elsewhere: Parquet or NPZ with a vector for each clip, by its id or address.

Their key is `own-` and a name; map and search use them like any others. A stored vector is never replaced: a clip
cannot get another vector under the same name.
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
from hover_core.tables.reading import foreign_files
from hover_core.tables.reading.file_blocks import Reader, Unreadable
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.vector_reader import MOST_NUMBERS, ArrayShape, check_shape, choose
from hover_core.workspace.vector_keys import key_of

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset

Source = str | Path | bytes | Mapping[str, Any]

_SHOWN: Final = 10


@dataclass(frozen=True)
class VectorTable:
    """The content of a file.

    Attributes
    ----------
    ids : of each row [length n]
    vectors : of each row [shape=(n, d), float32]
    wrong : `{row: reason}` of the rows whose vector cannot be used, counted from 0
    """

    ids: list[str]
    vectors: Floats
    wrong: dict[int, str]


@dataclass
class ImportPlan:
    """The plan of an import.

    Attributes
    ----------
    key : the key of the vectors in the store
    positions, vectors : clips and vectors that will be written [length n, and shape=(n, d), float32]
    known : number of rows whose clip has this very vector already
    wrong : `{row: reason}` of the rows that cannot be used, counted from 1
    without : number of clips in the dataset that will have no vector
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

    A file is opened in a limited process, see `hover_core.tables.reading.foreign_files`; arrays in memory are trusted.

    Raises
    ------
    TableError
        The source is none of these, or larger than the limits; the message says what would be right.
    Refused
        `HOVER_TABLE_BYTES` or `HOVER_TABLE_ROWS` is no whole number above 0.

    Examples
    --------
    >>> read_vectors({"ids": ["a", "b"], "vectors": [[1.0, 2.0], [3.0, 4.0]]}).ids
    ['a', 'b']
    """
    if isinstance(source, Mapping):
        return _of_arrays({str(name): np.asarray(value) for name, value in source.items()})
    bounds = foreign_files.limits()
    answer = _VectorBlocks(bounds)
    name = "the file" if isinstance(source, bytes) else str(source)
    foreign_files.collect("vectors", source if isinstance(source, bytes) else Path(source), name, bounds, answer.add)
    return answer.finish()


def plan(dataset: Dataset, table: VectorTable, name: str) -> ImportPlan:
    """Find the clip of each row, and the rows that cannot be used; nothing is written.

    Raises
    ------
    Refused
        The name has no letters or digits, or vectors of this name have another length.
    """
    key = key_of(name)
    clips = clip_rows.table(dataset.store, dataset.id)
    identity = str(dataset.row.settings.get("identity", "full"))
    at = _Positions(clips, identity)
    positions_before, vectors_before = dataset.vectors(key)
    reason_of, n_known = dict(table.wrong), 0
    row_of: dict[int, int] = {}
    positions: list[int] = []
    rows: list[int] = []
    if len(positions_before) and table.vectors.shape[1] != vectors_before.shape[1]:
        before = f"those under “{name}” have {vectors_before.shape[1]}: give these another name"
        raise Refused(f"these vectors have {table.vectors.shape[1]} numbers, and {before}")
    for row, label in enumerate(table.ids):
        if row in reason_of:
            continue
        position, reason = at.find(label)
        if position is None:
            reason_of[row] = reason
        elif position in row_of:
            reason_of[row] = f"{_short(label)} is the same clip as row {row_of[position] + 1}"
        else:
            row_of[position] = row
            place = int(np.searchsorted(positions_before, position))
            if place < len(positions_before) and positions_before[place] == position:
                if np.array_equal(vectors_before[place], table.vectors[row]):
                    n_known += 1
                else:
                    reason_of[row] = (
                        f"{_short(label)} has another vector under “{name}” already: give these another name"
                    )
            else:
                positions.append(position)
                rows.append(row)
    without = len(clips) - len(set(positions_before.tolist()) | set(positions))
    reasons = {row + 1: reason for row, reason in sorted(reason_of.items())}
    vectors = table.vectors if len(rows) == len(table.vectors) else table.vectors[rows]  # no copy if all rows are used
    return ImportPlan(key, positions, vectors, n_known, reasons, without)


def add(dataset: Dataset, import_plan: ImportPlan) -> int:
    """Write the vectors of a plan; return their number.

    Raises
    ------
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, import_plan.key, import_plan.positions, import_plan.vectors)
    return len(import_plan.positions)


def import_vectors(dataset: Dataset, source: Source, *, name: str, wrong: str = "refuse") -> ImportPlan:
    """Read, plan and add vectors; the arguments are those of `SupervisableAudioDataset.add_vectors`.

    Raises
    ------
    TableError
        As in `read_vectors`; or rows cannot be used and `wrong` is `refuse`, or no row can.
    Refused
        As in `plan`; or `wrong` is another word.
    NotAllowed
        This person does not own the dataset.
    """
    dataset.by.allow("own", dataset.id)
    if wrong not in ("refuse", "leave out"):
        raise Refused(f"wrong={wrong!r} must be “refuse” or “leave out”")
    import_plan = plan(dataset, read_vectors(source), name)
    if import_plan.wrong and (wrong == "refuse" or not (import_plan.positions or import_plan.known)):
        reasons = "; ".join(f"row {row}: {reason}" for row, reason in list(import_plan.wrong.items())[:_SHOWN])
        more = f"; and {len(import_plan.wrong) - _SHOWN:,} more" if len(import_plan.wrong) > _SHOWN else ""
        raise TableError(f"{len(import_plan.wrong):,} rows cannot be used: {reasons}{more}")
    add(dataset, import_plan)
    return import_plan


class _Positions:
    """Finds clips by their id, their id in the table, or their address."""

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
        positions = self._urls.get(normal_url(label, self._identity), [])
        if len(positions) == 1:
            return positions[0], ""
        if positions:
            return None, f"{len(positions)} clips have the address {_short(label)}: use their ids"
        return None, f"no clip has the id or address {_short(label)}"


class _VectorBlocks:
    """Assembles the blocks of the child process, without trusting them: fills one array block by block."""

    def __init__(self, bounds: FileLimits) -> None:
        self._bounds = bounds
        self._ids: list[str] = []
        self._vectors: Floats | None = None
        self._n_filled = 0  # numbers
        self._bad: NDArray[np.bool_] = np.zeros(0, bool)  # rows with a number that is not finite
        self._reasons: dict[int, str] = {}

    def add(self, header: dict[str, Any], buffer: bytes) -> None:
        """Take a block; raises `Unreadable` if it is malformed or beyond the limits."""
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
            first = self._n_filled // width
            if self._n_filled % width or first + rows > length:
                raise Unreadable("vectors")
            self._fill(slice(first, first + rows), slice(None), block.numbers(np.float32, width).reshape(rows, width))
        elif kind == "column":
            column, first = divmod(self._n_filled, length)
            if (header.get("column"), header.get("first")) != (column, first) or first + rows > length:
                raise Unreadable("column")
            self._fill(slice(first, first + rows), slice(column, column + 1), block.numbers(np.float32)[:, np.newaxis])
        elif kind == "wrong":
            numbers, reasons = block.numbers(np.int64).tolist(), block.text().to_pylist()
            if len(self._reasons) + rows > length or not all(0 <= row < length for row in numbers):
                raise Unreadable("wrong")
            self._reasons.update(zip(numbers, reasons, strict=True))
        else:
            raise Unreadable("of")
        block.end()
        if len(self._ids) > length:
            raise Unreadable("ids")

    def finish(self) -> VectorTable:
        if self._vectors is None or self._n_filled != self._vectors.size or len(self._ids) != len(self._vectors):
            raise TableError("the process that reads the vectors gave fewer than it promised")
        return _with_faults(self._ids, self._vectors, self._bad, self._reasons)

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
        self._n_filled += numbers.size


def _of_arrays(arrays: Mapping[str, NDArray[Any]]) -> VectorTable:
    """A table from arrays in memory."""
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
