"""Formats that are lines of text: what one clip becomes, and how a file of them is written and first_texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hover_core.data.arrays import Positions
from hover_core.exchange.report import Progress, Report
from hover_core.exchange.selection import AT_ONCE, ClipRow, SelectedClips

NO_LABEL = "it has no label"
NO_LENGTH = "nobody knows yet how long it is: listen to it once, or vectorize the dataset"


class NotCarried(Exception):
    """The format has no room for a clip; the message says why."""


@dataclass(frozen=True)
class TextFile:
    """One line a clip, or some.

    Attributes
    ----------
    head, between, tail : what stands before the lines, between those of two clips, and after them
    lines : given the clips that go out and the report, a function clip → its lines; it raises `NotCarried`
    """

    lines: Callable[[SelectedClips, Report], Callable[[ClipRow], str]]
    head: str = ""
    between: str = ""
    tail: str = ""

    def write(self, clips: SelectedClips, path: Path, report: Report, progress: Progress) -> None:
        """Write a file of all clips that go out."""
        line = self.lines(clips, report)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(self.head)
            for block in clips.blocks():
                for text in texts_of(block.rows(), line, report):
                    file.write((self.between if report.clips else "") + text)
                    report.clips += 1
                report.add(0, progress)
            file.write(self.tail)

    def preview(self, clips: SelectedClips, rows: int) -> str:
        """The head and the lines of the first clips that the format has room for."""
        report = Report(Path(), "")
        texts = texts_of(clips.rows(preview_candidates(clips)), self.lines(clips, report), report)
        first_texts = [text for _, text in zip(range(rows), texts, strict=False)]
        return self.head + self.between.join(first_texts)


def preview_candidates(clips: SelectedClips) -> Positions:
    """Some thousand clips that a preview looks at, in clip order: those with a label before all others. [shape=(n,)]"""
    labelled = clips.labelled[clips.positions]
    first = np.concatenate([clips.positions[labelled][:AT_ONCE], clips.positions[~labelled][:AT_ONCE]])[:AT_ONCE]
    return np.sort(first)


def texts_of(rows: Iterable[ClipRow], line: Callable[[ClipRow], str], report: Report) -> Iterator[str]:
    """The text of each clip that the format has room for; the others are put into the report."""
    for row in rows:
        try:
            yield line(row)
        except NotCarried as why:
            report.leave_out(row.position, row.name, str(why))


def need_label(row: ClipRow) -> str:
    """The label of a clip; `NotCarried` if it has none."""
    if not row.label:
        raise NotCarried(NO_LABEL)
    return row.label


def need_length(row: ClipRow) -> float:
    """The seconds of a clip; `NotCarried` if nobody knows them."""
    if row.length_s is None:
        raise NotCarried(NO_LENGTH)
    return row.length_s


def need_ends(row: ClipRow) -> tuple[float, float]:
    """Where a clip begins and ends in its recording, in seconds; `NotCarried` if nobody knows its end."""
    start_s = row.start_s or 0.0
    return start_s, row.end_s if row.end_s is not None else start_s + need_length(row)
