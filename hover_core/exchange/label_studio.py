"""Tasks of Label Studio: labels that a person gave as annotations, labels that were spread as predictions.

The format: labelstud.io/guide/task_format, …/guide/predictions, …/tags/audio.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from hover_core.exchange.column_types import json_values
from hover_core.exchange.own_tables import OwnTable
from hover_core.exchange.report import Report
from hover_core.exchange.selection import ClipRow, SelectedClips
from hover_core.exchange.text_files import TextFile, need_ends
from hover_core.store import clip_rows
from hover_core.tables.intake import OUR_COLUMNS
from hover_core.workspace.visibility import label_columns

# Labels that nobody heard on the clip itself; `propagated` is what the three others were called.
_SPREAD: Final = frozenset(("predicted", "near-duplicate", "grown", "propagated"))
_OURS: Final = (
    "audio", "clip_id", "subset", "group", "start", "end", "duration", "annotator", "annotated_at", "how",
)  # fmt: skip


def labelling_config(labels: Sequence[str], *, whole: bool = True, stretches: bool = False) -> str:
    """The labelling interface of a project that shows the tasks: XML for Settings → Labeling Interface → Code.

    `whole`: recordings as a whole are labelled, by choices; `stretches`: parts of them, by regions.
    """
    parts = ['<Audio name="audio" value="$audio"/>']
    whole = whole or not stretches
    if whole:
        choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
        parts.append(f'<Choices name="label" toName="audio" choice="single">{choices}</Choices>')
    if stretches:
        name = _region_control(whole=whole)
        regions = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
        parts.append(f'<Labels name="{name}" toName="audio" choice="single">{regions}</Labels>')
    return f"<View>{''.join(parts)}</View>"


def config_of(clips: SelectedClips) -> str:
    """The labelling interface that shows these clips: of whole recordings, of stretches, or of both."""
    stretches = clips.is_stretch()
    return labelling_config(clips.label_names(), whole=not stretches.all(), stretches=bool(stretches.any()))


def _tasks(clips: SelectedClips, report: Report) -> Callable[[ClipRow], str]:
    table = OwnTable(clips)
    secret = _reference_columns(clips, table.names)
    kinds = {name: kind for name, kind in table.kinds.items() if name not in OUR_COLUMNS and name not in secret}
    report.notes += [f"The column “{name}” stays here: it holds the labels that were set aside." for name in secret]
    names = {name: _free(name) for name in kinds}
    for name in kinds:
        if names[name] != name:
            report.notes.append(f"The column “{name}” is called “{names[name]}” there: we have one of that name.")
    report.labelling_config = config_of(clips)
    region_control = _region_control(whole=not clips.is_stretch().all())

    def line(row: ClipRow) -> str:
        task: dict[str, Any] = {"data": _data(row)}
        for name, kind in kinds.items():
            task["data"][names[name]] = json_values(kind, [row.extra.get(name, "")])[0]
        if row.label:
            if row.how in _SPREAD:
                model = {"model_version": f"hover {row.how}", "score": None}
                task["predictions"] = [{**model, "result": [_result(row, region_control)]}]
            else:
                task["annotations"] = [{"result": [_result(row, region_control)]}]
        return json.dumps(task, ensure_ascii=False)

    return line


TASKS: Final = TextFile(_tasks, head="[\n", between=",\n", tail="\n]\n")


def _reference_columns(clips: SelectedClips, names: Sequence[str]) -> list[str]:
    """The table's columns that hold what was set aside as reference: whoever labels there sees all data of a task."""
    dataset = clips.dataset
    if not clip_rows.has_reference(dataset.store, dataset.id):
        return []
    return [name for name in label_columns(dataset.row.settings, names) if name not in OUR_COLUMNS]


def _data(row: ClipRow) -> dict[str, Any]:
    data: dict[str, Any] = {"audio": row.url, "clip_id": row.id, "subset": row.subset, "group": row.group}
    data |= {"start": row.start_s, "end": row.end_s, "duration": row.length_s}
    data |= {"annotator": row.annotator, "annotated_at": row.annotated_at, "how": row.how}
    return {name: value for name, value in data.items() if value not in ("", None)}


def _result(row: ClipRow, region_control: str) -> dict[str, Any]:
    if not row.is_stretch:
        value: dict[str, Any] = {"choices": [row.label]}
        return {"id": "r1", "from_name": "label", "to_name": "audio", "type": "choices", "value": value}
    start_s, end_s = need_ends(row)  # as choices the label would be one of the whole recording
    value = {"start": start_s, "end": end_s, "channel": 0, "labels": [row.label]}
    return {"id": "r1", "from_name": region_control, "to_name": "audio", "type": "labels", "value": value}


def _region_control(*, whole: bool) -> str:
    """What the question about regions is called: `label` where no other one is."""
    return "stretch" if whole else "label"


def _free(name: str) -> str:
    while name in _OURS:
        name = f"{name} (table)"
    return name
