"""Tables that corpora come with: ours, ESC-50, UrbanSound8K, FSD50K, Common Voice, NeMo, xeno-canto, Hugging Face."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.format_table import FormatTable
from hover_core.tables.meaning.labels import AS_THEY_ARE
from hover_core.tables.meaning.profiles import TableProfile
from hover_core.tables.meaning.roles import role
from hover_core.tables.rows import RawTable

_SLICE: Final = re.compile(r"(\d+)-(\d+)-\d+-\d+\.wav")
_OURS: Final = ("group", "start", "end", "annotator", "annotated_at", "how", "reference")
_AS_IT_IS: Final = "as it is"


def read_ours(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """A table that was exported here."""
    if not {"id", "audio", "SUBSET", "label"} <= profile.columns.keys():
        return None
    roles: dict[str, str | Decision] = {name: name if name in profile.columns else "" for name in _OURS}
    roles |= {"audio": "audio", "pattern": "", "label": "label", "subset": "SUBSET", "own_id": "id", "length": ""}
    roles |= {"verdict": profile.called("verdict"), "time_unit": "s"}
    return FormatTable(table, roles, fixed_answers=AS_THEY_ARE)


def read_esc50(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """ESC-50's `meta/esc50.csv`."""
    if not profile.has("filename", "fold", "target", "category", "src_file"):
        return None
    file, label = profile.called("filename"), profile.called("category")
    roles: dict[str, str | Decision] = {
        "audio": file,
        "label": label,
        "group": profile.called("src_file"),
        "subset": "",
    }
    return FormatTable(table, {**roles, "pattern": _place("", file, [f"audio/{{{file}}}"])})


def read_urbansound(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """UrbanSound8K's table, also without its header: `start` and `end` are times in the recording it was cut from."""
    names = ("slice_file_name", "fsid", "start", "end", "salience", "fold", "classid", "class")
    if profile.has("slice_file_name", "fold", "class"):
        file, source, start, end, _, fold, _, label = (profile.called(name) for name in names)
    elif profile.headless and len(profile.columns) == 8 and _is_urbansound(profile):
        file, source, start, end, _, fold, _, label = profile.columns
    else:
        return None
    pattern = f"fold{{{fold}}}/{{{file}}}"
    sentence = f"The sounds are cut already: “{start}” and “{end}” are times in the recording that they were cut from"
    whole = Decision("start", sentence, "", (Choice(start, f"stretches from “{start}”"),)) if start else ""
    roles: dict[str, str | Decision] = {
        "audio": file, "pattern": _place(pattern, file, [f"audio/{pattern}", ""]), "label": label, "group": source,
        "start": whole, "end": end if answers.get("start") else "", "length": "", "subset": "",
    }  # fmt: skip
    return FormatTable(table, roles)


def _is_urbansound(profile: TableProfile) -> bool:
    rows = list(zip(*(profile[f"column {number}"].cells for number in (1, 2, 7)), strict=True))
    matches = [(_SLICE.fullmatch(file), source, kind) for file, source, kind in rows]
    return bool(rows) and all(match and match[1] == source and match[2] == kind for match, source, kind in matches)


def read_fsd50k(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """FSD50K's ground truth: the names have no ending, a cell has all labels of a clip."""
    if not profile.has("fname", "labels", "mids"):
        return None
    file, subset = profile.called("fname"), profile.called("split")
    roles: dict[str, str | Decision] = {"audio": file, "label": profile.called("labels"), "subset": subset}
    if profile[file].sound < 0.5:
        folder = "FSD50K.dev_audio" if subset else "FSD50K.eval_audio"
        pattern = f"{{{file}}}.wav"
        roles["pattern"] = _place(pattern, file, [f"{folder}/{pattern}", ""])
    return FormatTable(table, roles)


def read_common_voice(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Common Voice's TSV: clips lie under `clips/`; sentences are no labels."""
    if not profile.has("client_id", "path", "sentence"):
        return None
    file = profile.called("path")
    roles: dict[str, str | Decision] = {"audio": file, "label": "", "group": profile.called("client_id"), "subset": ""}
    if profile[file].address < 0.5 and profile[file].folders < 0.5:
        ending = "" if profile[file].sound > 0.5 else ".mp3"
        roles["pattern"] = _place(f"clips/{{{file}}}{ending}", file, ["", *([f"{{{file}}}{ending}"] if ending else [])])
    return FormatTable(table, roles)


def read_nemo(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """NeMo's manifest: offset is where a clip begins, duration how long it is; text is no label."""
    if not profile.has("audio_filepath", "duration"):
        return None
    return FormatTable(table, {"audio": profile.called("audio_filepath")})


def read_xeno_canto(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """The recordings of an answer of xeno-canto: `file` is the sound, `url` its page, `length` the whole length."""
    if not profile.has("gen", "sp", "file") or not profile.has("rec"):
        return None
    english, file = profile.called("en"), profile.called("file")
    label: str | Decision = profile.called("sp")
    if english:
        label = role("label", f"Labels: “{english}”, the English names", english, [profile.called("sp")], "no labels")
    roles: dict[str, str | Decision] = {
        "audio": file,
        "label": label,
        "start": "",
        "end": "",
        "length": "",
        "subset": "",
    }
    return FormatTable(table, roles)


def read_hugging_face(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """`metadata.csv` or `.jsonl` of an AudioFolder: `file_name` is relative to it, folders are splits."""
    if "file_name" not in profile.columns or profile["file_name"].sound < 0.5:
        return None
    return FormatTable(table, {"audio": "file_name"})


def _place(pattern: str, file: str, others: list[str]) -> Decision:
    """Where the sounds lie, and where else they may."""
    words = {other: f"as “{other}”" if other else f"the column “{file}” {_AS_IT_IS}" for other in [pattern, *others]}
    sentence = f"Addresses are “{pattern}”" if pattern else f"Addresses are the column “{file}” {_AS_IT_IS}"
    return Decision("pattern", sentence, pattern, tuple(Choice(other, words[other]) for other in others))
