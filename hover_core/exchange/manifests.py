"""Manifests of other people's tools, one line a clip: NeMo, ESC-50, perch-hoplite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote, unquote

from hover_core.exchange.own_tables import changed_labels, csv_line, json_line, seconds_text
from hover_core.exchange.report import Report
from hover_core.exchange.selection import ClipRow, SelectedClips
from hover_core.exchange.standing_verdicts import standing_verdicts
from hover_core.exchange.text_files import NO_LABEL, NotCarried, TextFile, need_ends, need_label, need_length

_LABEL_TYPES: Final = {"no": "negative", "unsure": "uncertain"}
_ESC50: Final = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
_HOPLITE: Final = ("recording", "start_offset_s", "end_offset_s", "label", "label_type")
_STRETCH: Final = "it is a stretch, and this format names whole files alone"
_QUERY: Final = frozenset("?#")
_UNRESERVED: Final = "/!$&'()*+,;=:@"


def _nemo(clips: SelectedClips, report: Report) -> Callable[[ClipRow], str]:
    def line(row: ClipRow) -> str:
        label, length_s = need_label(row), need_length(row)
        record: dict[str, Any] = {"audio_filepath": row.url}
        if row.start_s is not None:
            record["offset"] = _rounded(row.start_s)
        record |= {"duration": _rounded(length_s), "label": label, "id": row.id, "subset": row.subset}
        if row.group:
            record["group"] = row.group
        record |= {"annotator": row.annotator, "annotated_at": row.annotated_at, "how": row.how}
        return json_line(record)

    return line


def _hoplite(clips: SelectedClips, report: Report) -> Callable[[ClipRow], str]:
    verdicts = standing_verdicts(clips)
    report.notes += changed_labels(
        sorted({*clips.label_names(), *(name for of in verdicts.values() for name, _ in of)})
    )

    def line(row: ClipRow) -> str:
        statements = [(label, _LABEL_TYPES[verdict]) for label, verdict in verdicts.get(row.position, ())]
        if row.label:
            statements.insert(0, (row.label, "positive"))
        if not statements:
            raise NotCarried(NO_LABEL)
        where = [row.url, *map(seconds_text, need_ends(row))]
        return "".join(csv_line([*where, label, label_type]) for label, label_type in statements)

    return line


def _esc50(clips: SelectedClips, report: Report) -> Callable[[ClipRow], str]:
    targets = {name: str(number) for number, name in enumerate(clips.label_names())}
    report.notes += changed_labels(targets)
    dataset = clips.dataset
    key = (dataset.id, dataset.clips_revision, clips.state.size, clips.state.revision, clips.selection)
    folds = dataset.remember(("folds", *key), lambda: _folds_are_given(clips))
    folder = dataset.remember(("common folder", *key), lambda: _common_folder(clips.urls()))
    if folder:
        report.notes.append(f"The file names are relative to {folder}: give it as the base address to read them again.")
    if not folds:
        report.notes.append("`fold` is 1 for train, 2 for dev, 3 for test and 0 for raw: the table came without folds.")

    def line(row: ClipRow) -> str:
        label = need_label(row)
        if row.is_stretch:
            raise NotCarried(_STRETCH)
        fold = row.extra["fold"] if folds else str({"raw": 0, "train": 1, "dev": 2, "test": 3}[row.subset])
        kept = [row.extra.get("esc10", "") or "False", row.group, row.extra.get("take", "") or "A"]
        return csv_line([_relative(row.url, folder), fold, targets[label], label, *kept])

    return line


NEMO: Final = TextFile(_nemo)
ESC50: Final = TextFile(_esc50, head=csv_line(_ESC50))
HOPLITE: Final = TextFile(_hoplite, head=csv_line(_HOPLITE))


def _rounded(seconds: float) -> float:
    return round(seconds, 6)


def _folds_are_given(clips: SelectedClips) -> bool:
    """Whether every clip came with the number of a fold."""
    return bool(clips.state.size) and all(
        row.get("fold", "").isdecimal() for cells in clips.extra_cells() for row in cells
    )


def _common_folder(urls: Iterator[str]) -> str:
    """The folder of one host that all addresses lie in, with its last slash; empty where there is none."""
    folder: str | None = None
    for url in urls:
        folder = url[: url.rfind("/") + 1] if folder is None else folder
        while not url.startswith(folder):
            folder = folder[: folder.rstrip("/").rfind("/") + 1]
    _, slashes, path = (folder or "").partition("://")
    return folder if folder and slashes and "/" in path and not _QUERY.intersection(folder) else ""


def _relative(url: str, folder: str) -> str:
    """The path of an address below a folder, as text; the whole address where the path would not lead back to it."""
    encoded = url[len(folder) :]
    path = unquote(encoded) if folder and not _QUERY.intersection(url) else ""
    return path if path and quote(path, safe=_UNRESERVED) == encoded else url
