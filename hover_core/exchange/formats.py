"""Every format that labels go out in: what each is for, what it cannot carry, its first rows, and how it is written.

>>> from hover_core.exchange import formats                                            # doctest: +SKIP
>>> print(formats.preview(dataset, "raven"))                                           # doctest: +SKIP
>>> report = formats.write(dataset, "audiofolder", "barks", subsets=("train", "test")) # doctest: +SKIP
>>> print(*report.sentences(), sep="\\n")                                               # doctest: +SKIP
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from hover_core.data.annotations import HOW
from hover_core.data.clips import SUBSETS
from hover_core.errors import Refused
from hover_core.exchange import audio_folder, label_studio, label_tracks, manifests, own_tables
from hover_core.exchange.report import Progress, Report
from hover_core.exchange.selection import SelectedClips, Selection
from hover_core.workspace.dataset import Dataset

_Write = Callable[[SelectedClips, Path, Report, Progress], None]
_Preview = Callable[[SelectedClips, int], str]


@dataclass(frozen=True)
class Format:
    """One format that labels go out in.

    Attributes
    ----------
    key : its name in the library.
    title : its name for people.
    ending : what the name of its file ends in; empty for a folder.
    mime : the type of its file.
    purpose : what it is for, in a sentence.
    cannot_carry : what is lost on the way out, in a sentence.
    with_sound : whether the sound goes along, so that it takes long.
    """

    key: str
    title: str
    ending: str
    mime: str
    purpose: str
    cannot_carry: str
    _write: _Write
    _preview: _Preview
    with_sound: bool = False


_VERDICTS: Final = "“not this” and “unsure”"
_ZIP: Final = "application/zip"
_AUDIO_FOLDER_LOSES: Final = (
    f"{_VERDICTS}; clips whose sound cannot be fetched, each of which is named; stretches and unusual files become "
    "16-bit WAV"
)
_FORMATS: Final = (
    Format(
        "csv", "CSV", ".csv", "text/csv",
        "Our own table for spreadsheets and everything else; uploaded again it gives the same state.",
        f"It cannot carry {_VERDICTS}, nor types: every cell is text, and one that a spreadsheet would run as a "
        "formula begins with a '.",
        own_tables.write_csv, own_tables.preview_csv,
    ),
    Format(
        "parquet", "Parquet", ".parquet", "application/vnd.apache.parquet",
        "Our own table, small and fast, with numbers and times as such and the data card inside; for pandas, Polars "
        "and DuckDB.",
        f"It cannot carry {_VERDICTS}.",
        own_tables.write_parquet, own_tables.preview_parquet,
    ),
    Format(
        "jsonl", "JSONL", ".jsonl", "application/jsonl",
        "Our own table as one JSON object a line, with numbers as such; for pipelines.",
        f"It cannot carry {_VERDICTS}; times are text.",
        own_tables.write_jsonl, own_tables.preview_jsonl,
    ),
    Format(
        "audiofolder", "Hugging Face AudioFolder", "", "",
        "A folder with the sound itself and its splits, which `datasets` loads by itself; for training.",
        f"It cannot carry {_AUDIO_FOLDER_LOSES}.",
        partial(audio_folder.write, zipped=False), audio_folder.preview, with_sound=True,
    ),
    Format(
        "audiofolder_zip", "Hugging Face AudioFolder, zipped", ".zip", _ZIP,
        "The same folder as one file; unpack it before `datasets` loads it.",
        f"It cannot carry {_AUDIO_FOLDER_LOSES}; while it is packed, `datasets` sees no splits.",
        partial(audio_folder.write, zipped=True), audio_folder.preview, with_sound=True,
    ),
    Format(
        "label_studio", "Label Studio", ".json", "application/json",
        "Tasks for a Label Studio project: labels that people gave as annotations, labels that were spread as "
        "predictions.",
        f"It cannot carry {_VERDICTS}, nor who labelled as an account (the name goes as data); references stay here, "
        "because everybody sees a task's data; labelled stretches whose end nobody knows are left out.",
        label_studio.TASKS.write, label_studio.TASKS.preview,
    ),
    Format(
        "audacity", "Audacity labels", ".zip", _ZIP,
        "One label track a recording, for looking at labels over the waveform in Audacity.",
        f"It cannot carry clips without a label or of unknown length, {_VERDICTS}, subsets, groups, who labelled, or "
        "columns; a whole recording goes as the stretch from 0 to its end.",
        label_tracks.AUDACITY.write, label_tracks.AUDACITY.preview,
    ),
    Format(
        "raven", "Raven selection tables", ".zip", _ZIP,
        "One selection table a recording, for Raven and the many tools of bioacoustics that read its tables.",
        f"It cannot carry clips without a label or of unknown length, {_VERDICTS}, subsets, groups or who labelled; "
        "boxes span all frequencies unless the table came with its own; a whole recording goes as the stretch from 0 "
        "to its end.",
        label_tracks.RAVEN.write, label_tracks.RAVEN.preview,
    ),
    Format(
        "nemo", "NeMo manifest", ".json", "application/json",
        "One JSON object a line with address, duration and label, for training in NVIDIA NeMo.",
        f"It cannot carry clips without a label or of unknown length, {_VERDICTS}, or columns of the table.",
        manifests.NEMO.write, manifests.NEMO.preview,
    ),
    Format(
        "esc50", "ESC-50", ".csv", "text/csv",
        "A table like meta/esc50.csv, for recipes that are written for ESC-50.",
        f"It cannot carry clips without a label, stretches, {_VERDICTS}, subsets (but as folds), who labelled, or "
        "columns of the table; `target` numbers the labels in the order of the alphabet.",
        manifests.ESC50.write, manifests.ESC50.preview,
    ),
    Format(
        "perch_hoplite", "perch-hoplite", ".csv", "text/csv",
        f"A table of labelled windows for perch-hoplite, with {_VERDICTS} as negative and uncertain.",
        "It cannot carry clips about which nothing was said or of unknown length, subsets, groups, who labelled, or "
        "columns of the table; a whole recording goes as the window from 0 to its end.",
        manifests.HOPLITE.write, manifests.HOPLITE.preview,
    ),
)  # fmt: skip
FORMATS: Final[dict[str, Format]] = {one.key: one for one in _FORMATS}


def format_named(key: str) -> Format:
    """The format with this key.

    Raises
    ------
    Refused
        There is none.
    """
    if key not in FORMATS:
        raise Refused(f"“{key}” is no format to export to: use {', '.join(FORMATS)}")
    return FORMATS[key]


def preview(
    dataset: Dataset,
    format: str | Format,
    rows: int = 5,
    *,
    only_labelled: bool = False,
    hows: Collection[str] = HOW,
    subsets: Collection[str] = SUBSETS,
    reference: bool = True,
) -> str:
    """The first `rows` rows of what `write` would write, as text; of Parquet the types and cells, with tabs between.

    Options and errors are those of `write`. No sound is fetched.
    """
    selected = SelectedClips(dataset, Selection(only_labelled, tuple(hows), tuple(subsets), reference))
    return _format(format)._preview(selected, rows)


def write(
    dataset: Dataset,
    format: str | Format,
    target_path: str | Path,
    *,
    only_labelled: bool = False,
    hows: Collection[str] = HOW,
    subsets: Collection[str] = SUBSETS,
    reference: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Write the clips of a dataset to a file, or to a folder where the format is one, and say what was left out.

    What is written appears at once, when it is whole; a file that was there is replaced.

    Parameters
    ----------
    dataset
        In the hands of its owner.
    format
        A `Format` or its key: one of `FORMATS`.
    target_path
        The file or folder. Its own folder must exist; a folder to write must not.
    only_labelled, hows, subsets, reference
        Which clips and labels go out, see `selection.Selection`.
    progress
        Called with how many clips are done and how many there are; what it raises ends the export, and nothing stays.

    Returns
    -------
    Report
        How many clips were written, and which were left out for which reason.

    Raises
    ------
    Refused
        There is no such format, way or subset, or the target cannot be written to.
    NotAllowed
        The dataset is in the hands of somebody who may not export it.
    """
    chosen, target = _format(format), Path(target_path)
    selected = SelectedClips(dataset, Selection(only_labelled, tuple(hows), tuple(subsets), reference))
    if not target.parent.is_dir():
        raise Refused(f"there is no folder {target.parent}: make it first")
    if target.is_dir() or (target.exists() and not chosen.ending):
        raise Refused(f"{target} is there already: choose another name")
    report = Report(target, chosen.key, total=len(selected.positions))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        chosen._write(selected, part, report, progress or _no_progress)
        os.replace(part, target)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
    return report


def _format(format: str | Format) -> Format:
    return format_named(format) if isinstance(format, str) else format


def _no_progress(done: int, total: int) -> None:
    """Nobody looks."""
