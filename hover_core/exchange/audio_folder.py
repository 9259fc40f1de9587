"""A dataset with its sound, as Hugging Face's AudioFolder: a folder for each split, in it the sounds and a table.

How it is read: huggingface.co/docs/datasets/audio_dataset. `datasets` guesses types, wants the same in every split, and
takes a label `NA` in a CSV file for none and `007` for 7. So the table of each split is `metadata.csv` only where that
reads as the text and the types that it stands for; else `metadata.jsonl`, by the same rule; else `metadata.parquet`.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.audio.segment import Piece
from hover_core.data.clips import SUBSETS
from hover_core.errors import SoundError
from hover_core.exchange.column_types import arrow_schema, arrow_type, json_records
from hover_core.exchange.own_tables import Columns, OwnTable, csv_header, csv_rows, json_line, write_arrow
from hover_core.exchange.report import Progress, Report
from hover_core.exchange.selection import ClipRow, SelectedClips
from hover_core.tables.intake import OUR_COLUMNS

SPLITS: Final = {"raw": "raw", "train": "train", "dev": "validation", "test": "test"}  # subset → folder
_FETCHES_AT_ONCE: Final = 8
# What the decoder calls a container → the ending of its files; a sound in another one goes as WAV.
_ENDINGS: Final = {
    "WAV": ".wav", "WAVEX": ".wav", "FLAC": ".flac", "OGG": ".ogg", "MP3": ".mp3", "MPEG": ".mp3", "AIFF": ".aiff",
    "W64": ".w64", "RF64": ".rf64", "AU": ".au", "CAF": ".caf",
}  # fmt: skip
_OURS: Final = {"audio": "source_url", "start": "source_start", "end": "source_end", "SUBSET": "subset"}
_DECIMAL: Final = ("seconds", "float")
_NUMBERS: Final = (*_DECIMAL, "integer", "boolean")  # all else is text in files that have no types


def write(clips: SelectedClips, path: Path, report: Report, progress: Progress, *, zipped: bool) -> None:
    """Write sounds and tables; clips whose sound cannot be had are put into the report."""
    if not zipped:
        _write(clips, _Folder(path), report, progress)
        return
    with zipfile.ZipFile(path, "w") as archive:
        _write(clips, _Zip(archive), report, progress)


def _write(clips: SelectedClips, sink: _Sink, report: Report, progress: Progress) -> None:
    names = _write_sounds(clips, sink, report, progress)
    table = _Metadata(clips, names)
    report.notes += table.notes()
    splits = table.splits()
    ending = next((ending for ending in (".csv", ".jsonl") if table.reads_back(splits, ending)), ".parquet")
    if ending != ".csv":
        report.notes.append(
            f"The tables are metadata{ending}: from metadata.csv `datasets` would read some cells as something else."
        )
    for split in splits:
        table.write(sink, split, ending)
    sink.add("README.md", _readme(splits, clips.label_names()).encode())
    if "raw" in splits:
        sees = "sees train, validation and test alone" if len(splits) > 1 else "calls the clips train"
        report.notes.append(
            f'load_dataset("audiofolder", …) {sees}; load_dataset with the path of the folder has them as raw.'
        )


def preview(clips: SelectedClips, rows: int) -> str:
    """The first rows of the table, with the names that the files will have if they stay as they are."""
    first = clips.positions[:rows]
    names = np.full(clips.state.size, "", dtype=object)
    for row in clips.rows(first):
        names[row.position] = f"{_file_stem(row)}.wav"
    table = _Metadata(clips, names)
    return csv_header(table.names) + "".join(csv_rows(columns) for columns in table.blocks(first))


# sounds ---------------------------------------------------------------------------------------------------------------


def _write_sounds(clips: SelectedClips, sink: _Sink, report: Report, progress: Progress) -> NDArray[np.object_]:
    """Write the sound of every clip; the name of each file below the folder of its split, empty for none."""
    names = np.full(clips.state.size, "", dtype=object)
    with closing(_recordings(clips)) as recordings:
        for rows, fetched in recordings:
            for row in rows:
                try:
                    ending, sound = _sound(clips, row, fetched.result())
                    name = f"{_file_stem(row)}{ending}"
                    sink.add(f"{SPLITS[row.subset]}/{name}", sound)
                except SoundError as error:
                    report.leave_out(row.position, row.name, str(error))
                    report.add(0, progress)
                    continue
                names[row.position] = name
                report.add(1, progress)
    return names


def _recordings(clips: SelectedClips) -> Generator[tuple[list[ClipRow], Future[bytes | Path]]]:
    """The clips of each recording, and the recording: some are fetched while others are written."""
    dataset = clips.dataset

    def fetch(position: int) -> bytes | Path:
        return dataset.sounds.recording(dataset.id, position)[2]

    waiting: deque[tuple[list[ClipRow], Future[bytes | Path]]] = deque()
    with ThreadPoolExecutor(_FETCHES_AT_ONCE, thread_name_prefix="export") as threads:
        try:
            for _, of_one in groupby(clips.rows(clips.by_recording()), key=lambda row: row.url):
                rows = list(of_one)
                waiting.append((rows, threads.submit(fetch, rows[0].position)))
                if len(waiting) >= 2 * _FETCHES_AT_ONCE:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _sound(clips: SelectedClips, row: ClipRow, recording: bytes | Path) -> tuple[str, bytes | Path]:
    """The ending and the bytes of a clip's file: a whole recording as it came, a stretch as WAV."""
    workers = clips.dataset.sounds.workers
    if not row.is_stretch:
        ending = _ENDINGS.get(workers.probe(Piece(recording)).format.partition(" ")[0])
        if ending:
            return ending, recording
    return ".wav", workers.wav(Piece(recording, row.start_s, row.end_s))


def _file_stem(row: ClipRow) -> str:
    # an id of a table may be anything; a word like “test” in the name of a file would be a split to `datasets`
    return f"{row.position:07d}"


# tables ---------------------------------------------------------------------------------------------------------------


class _Metadata:
    """The table of each split. `file_names` are those of all clips of the dataset, empty for those without sound."""

    def __init__(self, clips: SelectedClips, file_names: NDArray[np.object_]) -> None:
        self._clips, self._file_names = clips, file_names
        self._with_sound = clips.positions[file_names[clips.positions] != ""]
        self._table = OwnTable(clips)
        self._called = {name: _column_name(name) for name in self._table.names}
        self._kinds = {"file_name": "text"} | {self._called[name]: kind for name, kind in self._table.kinds.items()}
        self.names = list(self._kinds)
        self._drop_empty()

    def notes(self) -> list[str]:
        """Which columns of the table have another name here."""
        return [
            f"The column “{name}” is called “{called}” there: `datasets` would take it for something else."
            for name, called in self._called.items()
            if name not in OUR_COLUMNS and called != name
        ]

    def splits(self) -> list[str]:
        """The subsets that have clips with sound, in the order of `SUBSETS`."""
        return [name for name in SUBSETS if len(self._positions(name))]

    def blocks(self, positions: Sequence[int] | NDArray[np.int64]) -> Iterator[Columns]:
        """Some clips as columns of text, 10,000 at a time: each lot is typed by itself when `datasets` reads it."""
        for clips in self._clips.blocks(np.asarray(positions, np.int64)):
            found = self._table.columns(clips)
            columns: Columns = {"file_name": self._file_names[clips.position].tolist()}
            columns |= {self._called[name]: cells for name, cells in found.items() if name in self._called}
            yield {name: columns[name] for name in self.names}

    def reads_back(self, subsets: Sequence[str], ending: str) -> bool:
        """Whether `datasets` reads the tables of all splits as the text and the types that they stand for."""
        read, head = {".csv": _read_csv, ".jsonl": _read_jsonl}[ending], self._head(ending)
        try:
            return all(
                _is_same(self._kinds, columns, read(head + self._lines(columns, ending)))
                for subset in subsets
                for columns in self.blocks(self._positions(subset))
            )
        except ValueError:  # both readers' own errors are such
            return False

    def write(self, sink: _Sink, subset: str, ending: str) -> None:
        """Write the table of a split as `metadata.csv`, `metadata.jsonl` or `metadata.parquet`."""
        blocks = self.blocks(self._positions(subset))
        with sink.open(f"{SPLITS[subset]}/metadata{ending}") as file:
            if ending == ".parquet":
                kinds = {name: self._kinds[name] for name in self.names}
                for _ in write_arrow(file, arrow_schema(kinds), kinds, blocks):
                    pass
                return
            file.write(self._head(ending).encode())
            for columns in blocks:
                file.write(self._lines(columns, ending).encode())

    def _positions(self, subset: str) -> NDArray[np.int64]:
        return self._with_sound[self._clips.state.subset[self._with_sound] == SUBSETS.index(subset)]

    def _drop_empty(self) -> None:
        """Leave columns out in which no clip has anything, or the table's `url` where that is ours."""
        idle = set(self.names) - {"file_name", "label"}
        for columns in self.blocks(self._with_sound):
            idle -= {name for name in idle if any(columns[name]) and not _is_url_again(name, columns)}
        self.names = [name for name in self.names if name not in idle]
        self._called = {name: called for name, called in self._called.items() if called not in idle}

    def _head(self, ending: str) -> str:
        return csv_header(self.names) if ending == ".csv" else ""

    def _lines(self, columns: Columns, ending: str) -> str:
        """Some rows as the lines of a file."""
        if ending == ".jsonl":
            kinds = {name: self._kinds[name] if self._kinds[name] in _NUMBERS else "text" for name in columns}
            return "".join(map(json_line, json_records(kinds, columns)))
        # pandas takes a column of whole seconds for integers, in one split and not in another
        spelled = {
            name: [repr(float(cell)) if cell else "" for cell in cells] if self._kinds[name] in _DECIMAL else cells
            for name, cells in columns.items()
        }
        return csv_rows(spelled)


def _read_csv(lines: str) -> Any:
    import pandas as pd
    import pyarrow as pa

    return pa.Table.from_pandas(pd.read_csv(io.StringIO(lines)))


def _read_jsonl(lines: str) -> Any:
    import pyarrow.json

    options = pyarrow.json.ReadOptions(block_size=max(1 << 20, len(lines.encode())))
    return pyarrow.json.read_json(io.BytesIO(lines.encode()), read_options=options)


def _is_same(kinds: Mapping[str, str], columns: Columns, read: Any) -> bool:
    """Whether an Arrow table has the types that columns are of, and the same text in those of text."""
    import pyarrow as pa

    if read.column_names != list(columns):
        return False
    for name, cells in columns.items():
        kind, found = kinds[name], read.column(name)
        if kind in _NUMBERS:
            if found.type != arrow_type(kind):
                return False
        elif found.type not in (pa.string(), pa.large_string()) or (
            [cell or "" for cell in found.to_pylist()] != cells
        ):
            return False
    return True


def _is_url_again(name: str, columns: Columns) -> bool:
    return name == "url" and columns[name] == columns["source_url"]


def _column_name(name: str) -> str:
    """What a column of our table is called beside `file_name`, whose sound becomes the column `audio`.

    Where a clip lay is told in words that nobody takes for a part of its new file, which is the clip alone.
    """
    if name in _OURS:
        return _OURS[name]
    taken = name in _OURS.values() or name.startswith("file_name") or name.endswith(("_file_name", "_file_names"))
    return f"{name} (table)" if taken else name


def _readme(subsets: Sequence[str], labels: Sequence[str]) -> str:
    """The card of the dataset: which folder is which split, for `load_dataset` with the path of the folder."""
    files = [f"  - split: {SPLITS[name]}\n    path: {json.dumps(SPLITS[name] + '/**')}" for name in subsets]
    listed = "\n".join(f"- {label}" for label in labels)
    head = "\n".join(["---", "configs:", "- config_name: default", "  data_files:", *files, "---"])
    return f"{head}\n\nLabels:\n\n{listed}\n"


# where files go -------------------------------------------------------------------------------------------------------


class _Sink:
    """Where files go: a folder or a zip."""

    def open(self, name: str) -> IO[bytes]:
        """A new file to write into."""
        raise NotImplementedError

    def add(self, name: str, sound: bytes | Path) -> None:
        """A file with these bytes, or with those of another file."""
        try:
            source = io.BytesIO(sound) if isinstance(sound, bytes) else sound.open("rb")
        except FileNotFoundError as error:  # the cache made room
            raise SoundError("its sound was dropped from the cache meanwhile: export again") from error
        with source, self.open(name) as file:
            shutil.copyfileobj(source, file)


class _Folder(_Sink):
    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path

    def open(self, name: str) -> IO[bytes]:
        target = self._path / name
        target.parent.mkdir(exist_ok=True)
        return target.open("wb")


class _Zip(_Sink):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def open(self, name: str) -> IO[bytes]:
        info = zipfile.ZipInfo(name)
        packed = name.rpartition(".")[2] in ("flac", "ogg", "mp3", "parquet")
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        return self._archive.open(info, "w", force_zip64=True)
