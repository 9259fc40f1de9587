"""Detections in long recordings: Raven, Audacity, BirdNET, Kaleidoscope, DCASE, OpenSoundscape, perch-hoplite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.cells import seconds_of
from hover_core.tables.meaning.class_columns import LARGEST_SCORE, MARKED_CLASSES, class_labels, class_question
from hover_core.tables.meaning.format_table import FormatTable, text_frame, with_rows
from hover_core.tables.meaning.labels import verdict_of
from hover_core.tables.meaning.profiles import ColumnProfile, TableProfile
from hover_core.tables.meaning.roles import role, role_question, word_set
from hover_core.tables.rows import RawTable, Refusal

_LENGTH: Final = "length (s)"
_LOW, _HIGH = "low frequency (Hz)", "high frequency (Hz)"
_AROUND_S: Final = 0.5
_NOT_CLASSES: Final = word_set(
    "file start_time end_time start end channel low_f high_f index confidence score annotation_file duration"
)


def read_raven(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """A Raven selection table: one row a selection, times in the file that the row names."""
    if not profile.has("selection", "begin time (s)"):
        return None
    begin, end = profile.called("begin time (s)"), profile.called("end time (s)")
    result = FormatTable(table, {"time_unit": "s"})
    result = _one_view(result, profile, answers)
    audio = profile.called("begin path", "begin file")
    if audio:
        result.roles["audio"] = role("audio", f"“{audio}” names the recording", audio,
                                    [profile.called("begin file"), profile.called("end path", "end file")])  # fmt: skip
    offset = profile.called("file offset (s)")
    if offset and profile[offset].is_times and not _same_times(profile, offset, begin):
        _in_their_files(result, profile, offset, begin, end)
    else:
        result.roles |= _raven_times(result.table, profile, audio, begin, end)
    return result


def _raven_times(table: RawTable, profile: TableProfile, audio: str, begin: str, end: str) -> dict[str, str | Decision]:
    whole: dict[str, str | Decision] = {"start": begin, "end": end, "length": ""}
    if not end:
        delta = profile.called("delta time (s)")
        whole = {"start": begin, "end": "", "length": delta}
    if audio and _runs_on(table, audio, begin):
        sentence = (
            f"“{begin}” goes on from one file to the next, as if all were one recording, and no column says where in "
            "its file a selection begins: export “File Offset (s)” from Raven as well"
        )
        whole["start"] = role_question("start", sentence, begin, [], "no stretches: each sound as a whole")
    return whole


def _one_view(result: FormatTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable:
    """Leave out the rows that show a selection in a second view."""
    view, table = profile.called("view"), result.table
    if not view:
        return result
    names = ("selection", "begin path", "begin file", "begin time (s)", "end time (s)")
    columns = [name for name in map(profile.called, names) if name]
    again = table.frame.duplicated(columns)
    other_view = ~table.frame.duplicated([*columns, view])
    second = (again & other_view).tolist()
    count = sum(second)
    if not count:
        return result
    rows = "rows show" if count != 1 else "row shows"
    sentence = f"{count:,} {rows} a selection in a second view: one row of each selection is taken"
    value, other = ("all", "one") if answers.get("view") == "all" else ("one", "all")
    words = {"all": "a row for each view", "one": "one row of each selection"}
    result.decisions.append(Decision("view", sentence, value, (Choice(other, words[other]),)))
    if value == "one":
        result.table = with_rows(table, [place for place, extra in enumerate(second) if not extra])
    return result


def _same_times(profile: TableProfile, one: str, other: str) -> bool:
    pairs = zip(profile[one].seconds, profile[other].seconds, strict=True)
    return all(a is None or b is None or abs(a - b) < 1e-3 for a, b in pairs)


def _in_their_files(result: FormatTable, profile: TableProfile, offset: str, begin: str, end: str) -> None:
    """Times in the file of the row, not in the series of all files: File Offset, and the length of the selection."""
    decimal = profile[begin].decimal
    frame = result.table.frame
    begins, ends = frame[begin].tolist(), frame[end].tolist() if end else []
    lengths = [_difference(a, b, decimal) for a, b in zip(begins, ends, strict=True)] if end else []
    delta = profile.called("delta time (s)")
    if lengths:
        result.table.frame = frame.assign(**{_LENGTH: lengths})
        delta = _LENGTH
    sentence = f"“{offset}” is where in its own file a selection begins; “{begin}” counts on over all files"
    result.roles |= {"start": role("start", sentence, offset, [begin]), "end": "", "length": delta}


def _difference(begin: str, end: str, decimal: str) -> str:
    first, last = seconds_of(begin, "s", decimal), seconds_of(end, "s", decimal)
    if not isinstance(first, float) or not isinstance(last, float):
        return ""
    text = f"{last - first:.6f}".rstrip("0").rstrip(".")
    return text.replace(".", decimal)


def _runs_on(table: RawTable, audio: str, begin: str) -> bool:
    """Whether times go on from file to file: the next file begins where the one before ended, or later."""
    spans: dict[str, tuple[float, float]] = {}
    for file, cell in zip(table.frame[audio].tolist(), table.frame[begin].tolist(), strict=True):
        at = seconds_of(cell, "s", "," if "," in cell else ".")
        if isinstance(at, float):
            low, high = spans.get(file, (at, at))
            spans[file] = (min(low, at), max(high, at))
    ordered = list(spans.values())
    return (
        len(ordered) > 1
        and all(b[0] >= a[1] for a, b in pairwise(ordered))
        and (ordered[1][0] > 0 and any(high > low for low, high in ordered))
    )


def read_audacity(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Audacity's label track: start, end, label; a line with a backslash has the frequencies of the one above."""
    if not profile.headless or not 2 <= len(profile.columns) <= 3:
        return None
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    frequencies = False
    for number, record in zip(table.rows, table.records(), strict=True):
        cells = [*(cell.strip() for cell in record.values()), ""]
        if cells[0] == "\\":
            if not rows:
                return None
            rows[-1] |= {_LOW: cells[1], _HIGH: cells[2]}
            frequencies = True
            continue
        decimal = "," if "," in cells[0] + cells[1] else "."
        begin, end = seconds_of(cells[0], "s", decimal), seconds_of(cells[1], "s", decimal)
        if not isinstance(begin, float) or not isinstance(end, float) or end < begin:
            return None
        rows.append({"start": cells[0], "end": cells[1], "label": cells[2]})
        numbers.append(number)
    if not rows or not (frequencies or all(re.search("[.,]", row["start"] + row["end"]) for row in rows)):
        return None
    frame = text_frame(rows, ["start", "end", "label", *([_LOW, _HIGH] if frequencies else [])])
    result = FormatTable(RawTable(frame, numbers, list(table.refused), table.decisions),
                        {"start": "start", "end": "end", "length": "", "label": "label", "time_unit": "s"})  # fmt: skip
    if frequencies:
        result.words = "; lines that begin with “\\” have the frequencies of the line above"
    _points(result, rows, answers)
    return result


def _points(result: FormatTable, rows: Sequence[Mapping[str, str]], answers: Mapping[str, str]) -> None:
    """Labels at a point in time, which have no length."""
    points = [place for place, row in enumerate(rows) if row["start"] == row["end"]]
    if not points:
        return
    choices = (Choice("refuse", "leave them out"), Choice("around", "one second around each"))
    are = "labels are points in time and have" if len(points) != 1 else "label is a point in time and has"
    sentence = f"{len(points):,} {are} no length: say what becomes of it"
    value = answers.get("point", "refuse")
    others = tuple(choice for choice in choices if choice.value != value)
    asked = "point" not in answers
    result.decisions.append(Decision("point", sentence, value, choices if asked else others, sure=not asked))
    table = result.table
    if value == "around":
        frame = table.frame.copy()
        for place in points:
            decimal = "," if "," in rows[place]["start"] else "."
            at = float(rows[place]["start"].replace(",", "."))
            frame.iloc[place, 0] = f"{max(0.0, at - _AROUND_S):.6f}".replace(".", decimal)
            frame.iloc[place, 1] = f"{at + _AROUND_S:.6f}".replace(".", decimal)
        table.frame = frame
    elif not asked:
        table.refused += [Refusal(table.rows[place], rows[place]["label"], "a point in time has no length")
                          for place in points]  # fmt: skip
        left = set(points)
        result.table = with_rows(table, [place for place in range(len(rows)) if place not in left])


def read_birdnet(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """BirdNET's CSV: start, end, scientific and common name, confidence, and the file in newer ones."""
    if not profile.has("start (s)", "end (s)", "scientific name", "common name"):
        return None
    common, scientific = profile.called("common name"), profile.called("scientific name")
    label = role("label", f"Labels: “{common}”, as BirdNET heard them", common, [scientific])
    times = {"start": profile.called("start (s)"), "end": profile.called("end (s)"), "length": "", "time_unit": "s"}
    return FormatTable(table, {"label": label, **times})


def read_kaleidoscope(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Kaleidoscope's table (BirdNET writes it as well): folder and file in two columns, offset and duration."""
    if not profile.has("folder", "in file"):
        return None
    folder, file, root = map(profile.called, ("folder", "in file", "indir"))
    pattern = f"{{{folder}}}/{{{file}}}"
    choices = [Choice("", f"the column “{file}” as it is")]
    if root:
        choices.append(Choice(f"{{{root}}}/{pattern}", "with the folder of the computer it was made on before it"))
    sentence = f"The recording of a row is “{pattern}”"
    roles: dict[str, str | Decision] = {
        "audio": file,
        "pattern": Decision("pattern", sentence, pattern, tuple(choices)),
    }
    offset, duration = profile.called("offset"), profile.called("duration")
    if offset and duration:
        roles |= {"start": offset, "end": "", "length": duration, "time_unit": "s"}
    return FormatTable(table, roles)


def read_dcase(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """DCASE's lists of events: filename, onset, offset, event_label."""
    label = profile.called("event_label", "event_labels")
    if not label or not profile.has("onset", "offset"):
        return None
    times = {"start": profile.called("onset"), "end": profile.called("offset"), "length": "", "time_unit": "s"}
    return FormatTable(table, {**times, "label": label})


def read_opensoundscape(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """OpenSoundscape: boxes with their annotation, or scores of classes, one column a class."""
    times = {"start": "start_time", "end": "end_time", "length": "", "time_unit": "s"}
    if profile.has("audio_file", "annotation", "start_time", "end_time"):
        return FormatTable(
            table, {**times, "audio": profile.called("audio_file"), "label": profile.called("annotation")}
        )
    if not profile.has("file", "start_time", "end_time") or profile.called("label", "annotation", "class", "species"):
        return None
    classes = [column for column in profile if column.name.lower() not in _NOT_CLASSES and _is_score(column)]
    if not classes:
        return None
    label = class_question(classes)
    result = FormatTable(table, {**times, "audio": profile.called("file"), "label": label})
    wanted = answers.get("label", "")
    if wanted in (LARGEST_SCORE, MARKED_CLASSES):
        result.table.frame = table.frame.assign(
            **{wanted: class_labels(table, [column.name for column in classes], wanted)}
        )
    return result


def _is_score(column: ColumnProfile) -> bool:
    return column.number == 1 and column.unit == ""


def read_hoplite(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """perch-hoplite's CSV: recording, offsets in seconds, label, and what is said of the label."""
    if not profile.has("start_offset_s", "label", "label_type"):
        return None
    verdict = profile.called("label_type")
    unknown = [word for word in profile[verdict].distinct if not verdict_of(word)]
    roles: dict[str, str | Decision] = {
        "audio": profile.called("recording", "filename", "source_id", "file"),
        "start": profile.called("start_offset_s"), "end": profile.called("end_offset_s"), "length": "",
        "time_unit": "s", "label": profile.called("label"), "verdict": verdict,
    }  # fmt: skip
    result = FormatTable(table, roles, words="; negative and uncertain labels become the verdicts no and unsure")
    if unknown:
        sentence = (
            f"“{unknown[0][:40]}” in “{verdict}” is neither positive, negative nor uncertain: its rows are refused"
        )
        result.decisions.append(Decision("unknown:verdict", sentence, "refuse"))
    return result
