"""Many clips as columns: a million of them without an object for each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hover_core.data.clips import SUBSETS, Clip


@dataclass
class ClipTable(Sequence[Clip]):
    """Clips in the order of their table. A `Clip` is made when one is asked for; it is a copy.

    Attributes
    ----------
    clip_ids, urls, groups, labels, references, own_ids : text of each clip, empty for none [length n]
    start_s, end_s : seconds into the recording, NaN for none [shape=(n,), float64]
    subsets : places in `SUBSETS` [shape=(n,), int8]
    extras : the table's other cells of each clip, as JSON objects whose keys are in the table's order [length n]
    extra_names : the names of all these cells, in the table's order
    """

    clip_ids: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    start_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    end_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    groups: list[str] = field(default_factory=list)
    subsets: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    labels: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    own_ids: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    extra_names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, clips: Iterable[Clip]) -> ClipTable:
        """Clips as columns; a table of them is returned as it is."""
        if isinstance(clips, ClipTable):
            return clips
        listed = list(clips)
        return cls(
            [clip.clip_id for clip in listed],
            [clip.url for clip in listed],
            _seconds(clip.start_s for clip in listed),
            _seconds(clip.end_s for clip in listed),
            [clip.group for clip in listed],
            np.array([SUBSETS.index(clip.subset) for clip in listed], np.int8),
            [clip.label for clip in listed],
            [clip.reference for clip in listed],
            [clip.own_id for clip in listed],
            [extra_json(clip.extra) for clip in listed],
            list(dict.fromkeys(name for clip in listed for name in clip.extra)),
        )

    def __len__(self) -> int:
        return len(self.clip_ids)

    @overload
    def __getitem__(self, place: int) -> Clip: ...

    @overload
    def __getitem__(self, place: slice) -> ClipTable: ...

    def __getitem__(self, place: int | slice) -> Clip | ClipTable:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        return Clip(
            self.clip_ids[place],
            self.urls[place],
            _none_for_nan(self.start_s[place]),
            _none_for_nan(self.end_s[place]),
            self.groups[place],
            SUBSETS[self.subsets[place]],
            self.labels[place],
            self.references[place],
            self.own_ids[place],
            json.loads(self.extras[place]),
        )

    def __iter__(self) -> Iterator[Clip]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def take(self, places: Sequence[int] | NDArray[Any]) -> ClipTable:
        """The clips at some places [shape=(m,)], in that order."""
        index = np.asarray(places, np.int64)
        if len(index) == len(self) and (index == np.arange(len(self))).all():
            return self
        rows = index.tolist()

        def some(column: list[str]) -> list[str]:
            return [column[row] for row in rows]

        return ClipTable(
            some(self.clip_ids),
            some(self.urls),
            self.start_s[index],
            self.end_s[index],
            some(self.groups),
            self.subsets[index],
            some(self.labels),
            some(self.references),
            some(self.own_ids),
            some(self.extras),
            self.extra_names,
        )

    def put(self, place: int, clip: Clip) -> None:
        """Another clip in the place of one."""
        self.clip_ids[place], self.urls[place] = clip.clip_id, clip.url
        self.start_s[place] = math.nan if clip.start_s is None else clip.start_s
        self.end_s[place] = math.nan if clip.end_s is None else clip.end_s
        self.groups[place], self.labels[place], self.references[place] = clip.group, clip.label, clip.reference
        self.subsets[place], self.own_ids[place] = SUBSETS.index(clip.subset), clip.own_id
        self.extras[place] = extra_json(clip.extra)


def extra_json(extra: dict[str, Any]) -> str:
    """The other cells of a clip as they are stored: the keys stay in the order in which they came."""
    return json.dumps(extra, ensure_ascii=False, separators=(",", ":"))


def _seconds(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _none_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
