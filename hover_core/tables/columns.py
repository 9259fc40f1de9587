"""Which column of a table means what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Which column of a table means what; empty for none."""

    audio: str = ""
    label: str = ""
    subset: str = ""
    group: str = ""
    start: str = ""
    end: str = ""
    own_id: str = ""
    annotator: str = ""
    annotated_at: str = ""
    how: str = ""
    reference: str = ""
    length: str = ""  # end = start + length
    verdict: str = ""  # what is said of the label: positive, negative or uncertain
    pattern: str = ""  # in place of `audio`: an address with names of columns, as in `fold{fold}/{file}.wav`
    time_unit: str = "s"  # of start, end and length: s, ms or hms
