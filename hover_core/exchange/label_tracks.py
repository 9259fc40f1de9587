"""Labels beside the recording that they are about, one file a recording in a zip: Audacity label tracks and Raven
selection tables.

The zip also holds `recordings.csv`, which says which address each file is about.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from hover_core.data.clips import file_name
from hover_core.exchange.own_tables import changed_labels, csv_header, csv_line
from hover_core.exchange.report import Progress, Report
from hover_core.exchange.selection import ClipRow, SelectedClips
from hover_core.exchange.text_files import need_ends, need_label, preview_candidates, texts_of

INDEX: Final = "recordings.csv"
_INDEX_COLUMNS: Final = ("file", "audio")
_RAVEN: Final = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)", "Annotation",
    "Begin Path", "Clip ID",
)  # fmt: skip
_HIGHEST_HZ: Final = 24_000.0  # of a box, where nobody has heard the recording
_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST_NAME: Final = 120
_SPOOL_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class LabelTracks:
    """A format with one file a recording. `line` is given a clip and its number in the file, from 1."""

    head: str
    ending: str
    line: Callable[[ClipRow, int], str]
    changes_labels: bool = False  # where a spreadsheet would run them

    def write(self, clips: SelectedClips, path: Path, report: Report, progress: Progress) -> None:
        """Write a zip of the files of all recordings."""
        names = _Names(self.ending)
        report.notes += changed_labels(clips.label_names()) if self.changes_labels else []
        with (
            zipfile.ZipFile(path, "w") as archive,
            tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+b") as index,
        ):
            for url, texts in self._files(clips.rows(clips.by_recording()), report):
                name = names.add(url)
                with archive.open(_member(name), "w") as file:
                    file.write((self.head + "".join(texts)).encode())
                index.write(csv_line([name, url]).encode())
                report.add(len(texts), progress)
            index.seek(0)
            with archive.open(_member(INDEX), "w", force_zip64=True) as file:
                file.write(csv_header(_INDEX_COLUMNS).encode())
                while part := index.read(_SPOOL_BYTES):
                    file.write(part)
        report.add(0, progress)

    def preview(self, clips: SelectedClips, rows: int) -> str:
        """The names of the first files and the first lines of each."""
        names, parts, left = _Names(self.ending), list[str](), rows
        candidates = sorted(clips.rows(preview_candidates(clips)), key=_order)
        for url, texts in self._files(iter(candidates), Report(Path(), "")):
            parts.append(f"{names.add(url)}:\n{self.head}{''.join(texts[:left])}")
            left -= len(texts)
            if left <= 0:
                break
        return "\n".join(parts) or self.head

    def _files(self, rows: Iterator[ClipRow], report: Report) -> Iterator[tuple[str, list[str]]]:
        """`(address, its lines)` of each recording that has any; the clips of one come one after another."""
        for url, of_one in groupby(rows, key=lambda row: row.url):
            texts: list[str] = []
            for text in texts_of(of_one, lambda row: self.line(row, len(texts) + 1), report):  # noqa: B023 - read at once
                texts.append(text)
            if texts:
                yield url, texts


def _audacity(row: ClipRow, number: int) -> str:
    label, (start_s, end_s) = need_label(row), need_ends(row)
    return f"{start_s:.6f}\t{end_s:.6f}\t{label}\n"  # Audacity knows no quotes, and a label holds no tab


def _raven(row: ClipRow, number: int) -> str:
    label, (start_s, end_s) = need_label(row), need_ends(row)
    low, high = _band(row)
    times = [f"{start_s:.6f}", f"{end_s:.6f}", f"{low:.1f}", f"{high:.1f}"]
    return csv_line([str(number), "Spectrogram 1", "1", *times, label, row.url, row.id], "\t")


AUDACITY: Final = LabelTracks("", ".txt", _audacity)
RAVEN: Final = LabelTracks(csv_header(_RAVEN, "\t"), ".selections.txt", _raven, changes_labels=True)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # with no time of its own: the same labels make the same zip
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _order(row: ClipRow) -> tuple[str, float, int]:
    return row.url, row.start_s or 0.0, row.position


def _band(row: ClipRow) -> tuple[float, float]:
    """The lowest and the highest frequency of the box: as it came from such a table, else all that there is. [Hz]"""
    try:
        low, high = float(row.extra["Low Freq (Hz)"]), float(row.extra["High Freq (Hz)"])
        if np.isfinite([low, high]).all():
            return low, high
    except (KeyError, ValueError):
        pass
    return 0.0, row.sample_rate / 2 if row.sample_rate else _HIGHEST_HZ


class _Names:
    """The names of files, each as its recording is called, none twice."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._taken = {INDEX}
        self._next: dict[str, int] = {}  # stem → the number that the next of this stem tries

    def add(self, url: str) -> str:
        """What the file of a recording is called."""
        given = file_name(url)
        stem = _NO_FILE_NAME.sub("_", given.rpartition(".")[0] or given).strip(". ")[:_LONGEST_NAME] or "recording"
        name, number = f"{stem}{self._ending}", self._next.get(stem.lower(), 2)
        while name.lower() in self._taken:  # some file systems know no case
            name, number = f"{stem} ({number}){self._ending}", number + 1
        self._taken.add(name.lower())
        self._next[stem.lower()] = number
        return name
