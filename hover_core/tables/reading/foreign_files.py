"""Files that strangers made, tables and vectors, opened in limited child processes.

A Parquet file of 2 MB can unpack to 20 GB, and libraries in C have bugs. So no such file is decoded in the process that
holds the database: a child (`python -m hover_core.tables.reading.file_worker`) looks at what the file promises,
decodes it piece by piece within limits on memory, computing time and files, and answers blocks of columns
(`file_blocks`), which are counted and checked here like any other outside data. What was too much is
a sentence, and others' files are read by other children meanwhile.

On Linux all limits hold. macOS ignores the one on memory, Windows knows none of them: there the wall clock and the
counting of whatever is unpacked stand in.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hover_core import settings
from hover_core.data.credentials import mask_credentials
from hover_core.errors import TableError
from hover_core.sandbox.pool import ChildDied, NoChild, Pool, cores
from hover_core.tables.decisions import READING, Choice, Decision, Reading
from hover_core.tables.reading.decimal_commas import decimal_decisions
from hover_core.tables.reading.file_blocks import CELL_BYTES, MOST_BUFFER, Reader, Unreadable
from hover_core.tables.reading.file_limits import MOST_COLUMNS, FileLimits
from hover_core.tables.rows import NO_TEXT, RawTable, Refusal, frame_table

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_IDLE_S: Final = 60.0
_ABOUT: Final = (*READING, "audio", "label")  # what a child may decide about
_MOST_DECISIONS: Final = 200
_MOST_CHOICES: Final = 200
_MOST_WORDS: Final = 1_000  # characters of a sentence
_LIBRARIES_BYTES: Final = 600_000_000  # address space of pyarrow, numpy and pandas, if a file needs them
_UNREADABLE: Final = "the process that reads it gave an answer that cannot be read: it may be damaged on purpose"

_pool: Pool | None = None
_opening = threading.Lock()


def limits() -> FileLimits:
    """The bounds for one file, as the operator has set them."""
    return FileLimits(most_bytes=settings.table_bytes(), most_rows=settings.table_rows())


def read_table(
    source: bytes | str | os.PathLike[str] | pd.DataFrame, name: str = "", *, reading: Reading | None = None
) -> RawTable:
    """The rows of a table as text, and what was decided to read it.

    CSV, TSV and other text with a row a line, JSON, JSONL, workbooks, Parquet, these in gzip, bzip2, xz or a zip
    archive, and Kaldi's lists in one; what a file is, its first bytes say.

    Parameters
    ----------
    source : the file's bytes, its path, or a DataFrame.
    name : what it is called in messages; its ending counts where the first bytes say nothing. Of a path its last part.
    reading : how it is to be read, where that was said; the rest is decided by what is in the file.

    Raises
    ------
    TableError
        The file as a whole cannot be read, or asks for more than one file may take; the sentence says what would be
        right.
    Refused
        A setting of the operator is no number.
    """
    if not isinstance(source, bytes | str | os.PathLike):
        return frame_table(source)
    file = source if isinstance(source, bytes) else Path(source)
    name = name or (file.name if isinstance(file, Path) else "the table")
    bounds = limits()
    table = _Table(bounds)
    reading = reading or Reading()
    _check_reading(reading)
    collect("table", file, name, bounds, table.add, reading)
    return table.finish(reading)


def _check_reading(reading: Reading) -> None:
    for field, allowed in (("quotes", ("yes", "no")), ("decimal", (".", ",")), ("short_rows", ("fill", "refuse"))):
        value = getattr(reading, field)
        if value and value not in allowed:
            raise TableError(f"{field}={value[:40]!r} must be {' or '.join(map(repr, allowed))}")


def collect(
    act: str,
    source: bytes | Path,
    name: str,
    bounds: FileLimits,
    add: Callable[[dict[str, Any], bytes], None],
    reading: Reading | None = None,
) -> None:
    """Have a file read by a reader of `file_worker.READERS`, and hand each block of the answer to `add`.

    `add` raises `file_blocks.Unreadable` for a block that is not what it must be: the child is then ended.

    Raises
    ------
    TableError
        The file cannot be read, or asks for too much, or the child died of it.
    """
    try:
        with closing(_blocks(act, source, name, bounds, reading)) as answer:
            for header, buffer in answer:
                add(header, buffer)
    except Unreadable as error:
        raise TableError(f"{name}: {_UNREADABLE}") from error


def pids() -> list[int]:
    """Process ids of the living children, for measuring."""
    return [child.process.pid for child in _children().children()]


def _children() -> Pool:
    global _pool
    with _opening:
        if _pool is None:
            bounds = limits()
            most = bounds.memory_bytes + bounds.most_bytes + _LIBRARIES_BYTES
            _pool = Pool(
                "hover_core.tables.reading.file_worker",
                {"memory_bytes": most},
                most=max(2, cores()),
                wall_s=bounds.wall_s,
                most_buffer=MOST_BUFFER,
                idle_s=_IDLE_S,
            )
        return _pool


def _blocks(
    act: str, source: bytes | Path, name: str, bounds: FileLimits, reading: Reading | None
) -> Generator[tuple[dict[str, Any], bytes]]:
    """Headers and buffers of the answer; a child whose answer was not taken to its end is ended."""
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror}") from error
    try:
        child = _children().take()
    except NoChild as error:
        raise TableError(f"{name} cannot be opened: no process for it can be started ({error})") from error
    times = bounds.times(size)
    question: dict[str, Any] = {"act": act, "name": name, "limits": asdict(bounds), "cpu_s": bounds.cpu_s * times}
    if reading is not None:
        question["reading"] = asdict(reading)
    if isinstance(source, Path):
        question["path"] = os.path.abspath(source)
    instead = "split it" if act != "table" or name.lower().endswith((".csv", ".tsv")) else "split it, or save it as CSV"
    left = bounds.most_bytes + MOST_BUFFER
    ended = False
    try:
        child.send([(question, source if isinstance(source, bytes) else b"")], total_s=bounds.wall_s * times)
        while True:
            header, buffer = child.receive()
            ended = "end" in header or "error" in header
            if ended:
                break
            left -= len(buffer)
            if left < 0:
                raise Unreadable("more than it may be")
            yield header, buffer
    except ChildDied as death:
        raise TableError(f"{name}: {_reason(death, bounds, times, instead)}") from death
    finally:
        if not ended:
            child.kill()
        _children().give(child)
    if "error" in header:
        raise TableError(_sentence(header, name, bounds, instead))


def _sentence(header: dict[str, Any], name: str, bounds: FileLimits, instead: str) -> str:
    """Why the child could not read the file, in its words or ours."""
    reason = NO_TEXT.sub("\ufffd", str(header.get("reason", "")))[:2_000]
    if header["error"] == "memory":
        return f"{name} {bounds.too_much_memory(instead)}"
    if header["error"] == "table":
        return reason
    if header["error"] == "file":
        return f"{name} cannot be read: {reason}"
    return f"{name} cannot be read, it is damaged: {reason}"


def _reason(death: ChildDied, bounds: FileLimits, times: float, instead: str) -> str:
    if death.how == "time":
        return f"it is not read within {bounds.wall_s * times:.3g} s: {instead}"
    if death.how == "computing":
        return f"it needs more than {bounds.cpu_s * times:.3g} s of computing to be read: {instead}"
    if death.how == "answer":
        return _UNREADABLE
    if death.how == "signal" and death.code in (6, 9):  # abort(), as C++ ends without memory; the kernel, likewise
        return f"it {bounds.too_much_memory(instead)}"
    return f"it is damaged: the process that reads it ended on it ({death})"


class _Table:
    """Puts the blocks of a table together, and believes none of them."""

    def __init__(self, bounds: FileLimits) -> None:
        self._bounds = bounds
        self._names: list[str] = []
        self._columns: list[list[Any]] = []  # of each, Arrow's arrays of the blocks so far
        self._numbers: list[NDArray[np.int64]] = []
        self._rows = 0
        self._refused: list[Refusal] = []
        self._decisions: list[Decision] = []

    def add(self, header: dict[str, Any], buffer: bytes) -> None:
        """Take a block; raises `Unreadable` if it is none of a table within the limits."""
        block = Reader(buffer, header.get("rows"))
        rows = block.rows
        if header.get("of") == "columns":
            self._names += block.text().to_pylist()
            block.end()
            if len(set(self._names)) < len(self._names) or NO_TEXT.search("".join(self._names)):
                raise Unreadable("names")
            self._check()
            self._columns += [[_empty(self._rows)] for _ in range(rows)]
        elif header.get("of") == "rows":
            width = header.get("columns")
            if type(width) is not int or not 1 <= width <= len(self._names):
                raise Unreadable("columns")
            self._rows += rows
            self._check()
            self._numbers.append(block.numbers(np.int64))
            for place, column in enumerate(self._columns):
                column.append(block.text() if place < width else _empty(rows))
            block.end()
        elif header.get("of") == "refused":
            numbers, values, reasons = block.numbers(np.int64), block.text(), block.text()
            block.end()
            self._refused += map(Refusal, numbers.tolist(), values.to_pylist(), reasons.to_pylist())
            self._check()
        elif header.get("of") == "decision":
            self._decisions.append(_decision(block))
            if len(self._decisions) > _MOST_DECISIONS:
                raise Unreadable("decisions")
        else:
            raise Unreadable("of")

    def finish(self, reading: Reading) -> RawTable:
        """The table. Its text stays in Arrow's memory: a cell becomes a text of Python's when it is asked for."""
        import pandas as pd
        import pyarrow as pa

        if not self._names:
            raise TableError("the process that reads the table gave no column of it")
        text = pd.StringDtype("pyarrow", na_value=np.nan)
        columns = {
            name: pd.array(pa.chunked_array(parts, pa.string()).cast(pa.large_string()), dtype=text, copy=False)
            for name, parts in zip(self._names, self._columns, strict=True)
        }
        numbers = np.concatenate(self._numbers).tolist() if self._numbers else []
        decisions = [*self._decisions, *decimal_decisions(columns, reading.decimal)]
        return RawTable(pd.DataFrame(columns, copy=False), numbers, self._refused, decisions)

    def _check(self) -> None:
        cells = self._rows * len(self._names)
        if (
            len(self._names) > MOST_COLUMNS
            or self._rows + len(self._refused) > self._bounds.most_rows
            or CELL_BYTES * cells > self._bounds.most_bytes
        ):
            raise Unreadable("more than it may be")


def _decision(block: Reader) -> Decision:
    """What the child decided: words of a stranger, so they are cut and clean, and about nothing else than reading."""
    if block.rows != 1:
        raise Unreadable("rows")
    sure = bool(block.numbers(np.uint8)[0])
    about, sentence, value, listed = (block.text()[0].as_py() for _ in range(4))
    block.end()
    try:
        choices = json.loads(listed)
    except (ValueError, RecursionError) as error:
        raise Unreadable("choices") from error
    if about not in _ABOUT or not isinstance(choices, list) or len(choices) > _MOST_CHOICES:
        raise Unreadable("decision")
    if not all(
        isinstance(choice, list) and len(choice) == 2 and all(isinstance(part, str) for part in choice)
        for choice in choices
    ):
        raise Unreadable("choices")
    words = tuple(Choice(NO_TEXT.sub("\ufffd", given), _clean(words)) for given, words in choices)
    return Decision(about, _clean(sentence), NO_TEXT.sub("\ufffd", value), words, sure)


def _clean(words: str) -> str:
    return NO_TEXT.sub("\ufffd", mask_credentials(words))[:_MOST_WORDS]


def _empty(rows: int) -> Any:
    """A column of so many empty cells."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(bytes(4 * (rows + 1))), pa.py_buffer(b"")])
