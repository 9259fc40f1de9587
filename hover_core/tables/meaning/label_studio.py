"""Label Studio's exports → rows: JSON (tasks), JSON-MIN and CSV; a region is a row, predictions are no labels.

https://labelstud.io/guide/export: a task has `data`, `annotations` with a `result` each, and `predictions`. A result
has `from_name` (the question it answers), `type` and `value`; a region has `start` and `end` in its value, and results
of one region have one `id`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.format_table import FormatTable, json_value, text_frame
from hover_core.tables.meaning.profiles import TableProfile
from hover_core.tables.meaning.roles import role, role_question
from hover_core.tables.rows import RawTable, cell_text

_PREFIX: Final = "annotation."
_NO_LABELS: Final = ("textarea", "rating", "number", "datetime", "pairwise", "taxonomy_text")
_LIKE_A_LIST: Final = re.compile(r"^\s*[\[{]|[;|,]")
_OUR_ID: Final = "data.clip_id"
_START, _END, _WHO = _PREFIX + "start", _PREFIX + "end", _PREFIX + "annotator"

Row = dict[str, str]


def read_tasks(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Label Studio's JSON export, its `data` taken apart into columns."""
    annotations = profile.called("annotations", "completions")
    data = [name for name in profile.columns if name.startswith("data.")]
    predictions = profile.called("predictions")
    if not data or not (annotations or predictions):
        return None
    tasks = _Tasks(table, annotations)
    for number, record in zip(table.rows, table.records(), strict=True):
        tasks.add(number, record)
    result = tasks.finish()
    proposed = sum(bool(json_value(cell)) for cell in table.frame[predictions].tolist()) if predictions else 0
    if proposed:
        sentence = (
            f"{proposed:,} {'tasks have' if proposed != 1 else 'task has'} predictions: they stay in “predictions” "
        )
        result.decisions.append(Decision("predictions", sentence + "and are no labels", "column"))
    return result


def read_flat(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Label Studio's JSON-MIN and CSV exports, and any table whose cells are lists of regions."""
    regions = [column.name for column in profile if column.json > 0.5 and _holds_regions(column.filled_cells)]
    if regions:
        tasks = _Tasks(table, "", regions)
        for number, record in zip(table.rows, table.records(), strict=True):
            tasks.add(number, record)
        return tasks.finish()
    if not profile.has("annotation_id") or not (profile.has("lead_time") or profile.has("annotator")):
        return None
    return _with_choices(table, profile)


class _Tasks:
    """Rows of tasks as they come."""

    def __init__(self, table: RawTable, annotations: str, regions: Sequence[str] = ()) -> None:
        self._table = table
        self._annotations = annotations
        self._regions = regions
        self._rows: list[Row] = []
        self._numbers: list[int] = []
        self._of_regions: dict[str, None] = {}  # questions that are answered for regions, in order
        self._of_tasks: dict[str, None] = {}
        self._texts: dict[str, None] = {}
        self._has_regions = False
        self._skipped = self._unread = 0

    def add(self, number: int, record: Row) -> None:
        """Take a task."""
        rows = list(self._answers(record)) or [{}]
        if _OUR_ID in record:  # a clip of ours that is a stretch, and has no region yet
            stretch = {_START: record.get("data.start", ""), _END: record.get("data.end", "")}
            rows = [{**stretch, **row} for row in rows]
        whole = {name: cell for name, cell in record.items() if name not in (self._annotations, *self._regions)}
        raw = {name: record[name] for name in (self._annotations, *self._regions) if name}
        for place, row in enumerate(rows):
            self._rows.append({**whole, **(raw if place == 0 else {}), **row})
            self._numbers.append(number)

    def finish(self) -> FormatTable:
        """The table, with what is to be said."""
        questions = [*self._of_regions, *(name for name in self._of_tasks if name not in self._of_regions)]
        names = [str(name) for name in self._table.frame.columns]
        stretches = [_START, _END] if self._has_regions else []
        who = [_WHO] if any(_WHO in row for row in self._rows) else []
        texts = [name for name in self._texts if name not in questions]
        frame = text_frame(self._rows, [*names, *stretches, *questions, *texts, *who])
        table = RawTable(frame, self._numbers, self._table.refused, self._table.decisions)
        label = _label(questions, len(self._of_regions))
        result = FormatTable(table, {"label": label}, fixed_answers={"missing:label": "word"})
        result.roles |= {"start": _START, "end": _END, "time_unit": "s"} if stretches else {}
        more = len(self._rows) - len(self._table.rows)
        if more:
            result.words = (
                f"; {len(self._table.rows):,} tasks became {len(self._rows):,} rows, one a region or annotation"
            )
        self._say_left(result)
        return result

    def _say_left(self, result: FormatTable) -> None:
        if self._skipped:
            were = "annotations were" if self._skipped != 1 else "annotation was"
            sentence = f"{self._skipped:,} {were} skipped by the annotator: no label comes from there"
            result.decisions.append(Decision("skipped", sentence, "unlabelled"))
        if self._unread:
            cells = "cells hold" if self._unread != 1 else "cell holds"
            sentence = (
                f"{self._unread:,} {cells} annotations that cannot be read: they stay as they are, without a label"
            )
            result.decisions.append(Decision("unread", sentence, "unlabelled"))

    def _answers(self, record: Row) -> Iterator[Row]:
        """The rows of one task, only what annotations say."""
        for name in self._regions:
            yield from self._flat_regions(name, record[name])
        if not self._annotations:
            return
        annotations = json_value(record[self._annotations])
        if annotations is None and record[self._annotations].strip():
            self._unread += 1
        for annotation in annotations if isinstance(annotations, list) else []:
            if not isinstance(annotation, dict):
                self._unread += 1
            elif annotation.get("was_cancelled") or annotation.get("skipped"):
                self._skipped += 1
            else:
                yield from self._results(annotation)

    def _results(self, annotation: dict[str, Any]) -> Iterator[Row]:
        results = [result for result in annotation.get("result") or [] if isinstance(result, dict)]
        whole: Row = {_WHO: who} if (who := _annotator(annotation.get("completed_by"))) else {}
        regions: dict[str, Row] = {}
        for place, result in enumerate(results):
            value = result.get("value")
            value = value if isinstance(value, dict) else {}
            question = _PREFIX + str(result.get("from_name") or "label")
            words = _words(value)
            if words is None:
                continue
            of_region = _is_region(value)
            row = regions.setdefault(str(result.get("id", place)), {}) if of_region else whole
            row |= {_START: cell_text(value["start"]), _END: cell_text(value["end"])} if of_region else {}
            if words:
                row[question] = words
            self._note(question, of_region, str(result.get("type", "")))
        yield from [{**whole, **row} for row in regions.values()] or [whole]

    def _flat_regions(self, name: str, cell: str) -> Iterator[Row]:
        values = json_value(cell)
        if values is None and cell.strip():
            self._unread += 1
        for value in values if isinstance(values, list) else []:
            if not isinstance(value, dict) or not _is_region(value):
                self._unread += 1
                continue
            question = _PREFIX + name
            self._note(question, True, "labels")
            yield {_START: cell_text(value["start"]), _END: cell_text(value["end"]), question: _words(value) or ""}

    def _note(self, question: str, of_region: bool, kind: str) -> None:
        where = self._texts if kind in _NO_LABELS else self._of_regions if of_region else self._of_tasks
        where.setdefault(question)
        self._has_regions = self._has_regions or of_region


def _label(questions: Sequence[str], of_regions: int) -> Decision | str:
    """Which question the label answers."""
    if not questions:
        return ""
    first = questions[: of_regions or len(questions)]
    if len(first) > 1:
        names = " and ".join(f"“{name}”" for name in first[:3])
        return role_question("label", f"{names} are answers to different questions: say which is the label", first[0],
                             questions)  # fmt: skip
    return role("label", f"Labels: the answers in “{questions[0]}”", questions[0], questions)


def _words(value: Mapping[str, Any]) -> str | None:
    """The answer in a value: its only word, or several as a JSON list; None where there is no value."""
    if not value:
        return None
    for name, part in value.items():
        if name not in ("start", "end", "channel", "original_length") and isinstance(part, list):
            words = [str(word[-1] if isinstance(word, list) and word else word) for word in part]
            single = len(words) == 1 and not _LIKE_A_LIST.search(words[0])
            return words[0] if single else json.dumps(words, ensure_ascii=False) if words else ""
    answers = [part for name, part in value.items() if name in ("text", "rating", "number", "label", "choice")]
    return cell_text(answers[0]) if answers else ""


def _is_region(value: Mapping[str, Any]) -> bool:
    return all(
        isinstance(value.get(name), int | float) and not isinstance(value[name], bool) for name in ("start", "end")
    )


def _annotator(who: Any) -> str:
    if isinstance(who, dict):
        return str(who.get("email") or who.get("username") or who.get("id") or "")
    return cell_text(who)


def _holds_regions(cells: Sequence[str]) -> bool:
    for cell in cells[:200]:
        values = json_value(cell)
        if isinstance(values, list) and values:
            return all(isinstance(value, dict) and _is_region(value) for value in values)
    return False


def _with_choices(table: RawTable, profile: TableProfile) -> FormatTable:
    """Choices that stand in two columns, one answer in `choice` and several in `choice.choices`, put into one."""
    lists = [name for name in profile.columns if name.endswith(".choices") and name.removesuffix(".choices")]
    if not lists:
        return FormatTable(table)
    questions = []
    frame = table.frame
    for name in lists:
        single = name.removesuffix(".choices")
        if single not in profile.columns:
            questions.append(name)
            continue
        question = _PREFIX + single
        cells = zip(frame[single].tolist(), frame[name].tolist(), strict=True)
        frame = frame.assign(**{question: [several or one for one, several in cells]})
        questions.append(question)
    result = RawTable(frame, table.rows, table.refused, table.decisions)
    return FormatTable(result, {"label": _label(questions, 0)})
