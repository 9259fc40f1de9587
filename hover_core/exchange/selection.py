"""Which clips of a dataset leave it, and what is known of each: read a few thousand at a time, in any order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, bindparam, text

from hover_core.data.annotations import HOW
from hover_core.data.arrays import Positions
from hover_core.data.clips import SUBSETS, clip_name
from hover_core.data.credentials import has_credentials, holds_credentials, without_credentials
from hover_core.errors import Refused
from hover_core.tables.rows import cell_text
from hover_core.workspace.dataset import Dataset

AT_ONCE: Final = 10_000  # clips: fewer than the parameters that SQLite and PostgreSQL allow in one statement
_COLUMNS: Final = (
    "SELECT c.position, c.clip_id, c.own_id, c.url, c.start_s, c.end_s, c.group_name, c.reference, c.extra, "
    "s.duration_s, s.sample_rate FROM clips c LEFT JOIN sounds s "
    "ON s.dataset_id = c.dataset_id AND s.position = c.position WHERE c.dataset_id = :d "
)
_IN_A_ROW: Final = text(_COLUMNS + "AND c.position BETWEEN :first AND :last ORDER BY c.position")
_SOME: Final = text(_COLUMNS + "AND c.position IN :some").bindparams(bindparam("some", expanding=True))
_BY_RECORDING: Final = text(
    "SELECT position FROM clips WHERE dataset_id = :d AND position < :size ORDER BY url, COALESCE(start_s, 0), position"
)
_STRETCHES: Final = text(
    "SELECT position FROM clips WHERE dataset_id = :d AND position < :size "
    "AND (start_s IS NOT NULL OR end_s IS NOT NULL)"
)
_ADDRESSES: Final = text(
    "SELECT position, url FROM clips WHERE dataset_id = :d AND position BETWEEN :first AND :last ORDER BY position"
)
_EXTRAS: Final = text(
    "SELECT extra FROM clips WHERE dataset_id = :d AND position BETWEEN :first AND :last ORDER BY position"
)
_NOBODY: Final = ("", "", "")


@dataclass(frozen=True)
class Selection:
    """Which clips go out, and which of their labels.

    Parameters
    ----------
    only_labelled : leave clips without a label out.
    hows : ways of `annotations.HOW`; a label that came about in another one is left out, and its clip goes as one
        without a label.
    subsets : the subsets whose clips go out.
    reference : whether the labels that were set aside go along, where a format has room for them.

    Raises
    ------
    Refused
        `hows` or `subsets` names something that there is not.
    """

    only_labelled: bool = False
    hows: tuple[str, ...] = HOW
    subsets: tuple[str, ...] = SUBSETS
    reference: bool = True

    def __post_init__(self) -> None:
        for how in self.hows:
            if how not in HOW:
                raise Refused(f"hows has “{how}”: use some of {', '.join(HOW)}")
        for subset in self.subsets:
            if subset not in SUBSETS:
                raise Refused(f"subsets has “{subset}”: the subsets are {', '.join(SUBSETS)}")


class ClipRow(NamedTuple):
    """One clip as it leaves; empty texts and None mean none, no address holds a user name or password."""

    position: int
    id: str  # that of the table where it named the clip, else ours
    url: str
    subset: str
    label: str
    start_s: float | None
    end_s: float | None
    group: str
    measured_s: float | None  # how long the clip is, where its sound was heard
    sample_rate: int | None  # Hz of the recording
    annotator: str
    annotated_at: str
    how: str
    reference: str
    extra: dict[str, str]  # the columns of the table that are not ours; also `group` and `duration`, as they came

    @property
    def name(self) -> str:
        """What a person calls it."""
        return clip_name(self.url, self.start_s, self.end_s)

    @property
    def is_stretch(self) -> bool:
        """Whether it is a part of its recording."""
        return self.start_s is not None or self.end_s is not None

    @property
    def length_s(self) -> float | None:
        """Seconds of the clip: by its ends, else as measured, else as the table says; None where nobody knows."""
        if self.end_s is not None:
            return self.end_s - (self.start_s or 0.0)
        if self.measured_s is not None:
            return self.measured_s
        if self.start_s is not None:  # the table may mean the recording
            return None
        try:
            seconds = float(self.extra.get("duration", ""))
        except ValueError:
            return None
        return seconds if math.isfinite(seconds) and seconds > 0 else None


@dataclass(frozen=True)
class ClipBlock:
    """Some clips as columns, each named as the field of `ClipRow` that it holds."""

    position: list[int]
    id: list[str]
    url: list[str]
    subset: list[str]
    label: list[str]
    start_s: list[float | None]
    end_s: list[float | None]
    group: list[str]
    measured_s: list[float | None]
    sample_rate: list[int | None]
    annotator: list[str]
    annotated_at: list[str]
    how: list[str]
    reference: list[str]
    extra: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.position)

    def rows(self) -> Iterator[ClipRow]:
        """The clips one by one."""
        return map(ClipRow._make, zip(*vars(self).values(), strict=True))


class SelectedClips:
    """The clips of a dataset that go out, at the revision at which this was made.

    Attributes
    ----------
    positions : those of the clips, in clip order. [shape=(n,)]
    labelled : whether each clip of the dataset has a label that goes out. [shape=(clips,)]
    """

    def __init__(self, dataset: Dataset, selection: Selection) -> None:
        dataset.by.allow("own", dataset.id)
        self.dataset, self.selection = dataset, selection
        self.state = dataset.state()
        sources = dataset.journal.sources(dataset.id, np.unique(self.state.source).tolist())
        self._sources = sources
        self.labelled: NDArray[np.bool_] = self.state.label >= 0
        if not set(HOW) <= set(selection.hows):
            batches = [batch for batch, (_, _, how) in sources.items() if how in selection.hows]
            self.labelled &= np.isin(self.state.source, batches)
        chosen = np.isin(self.state.subset, [SUBSETS.index(name) for name in selection.subsets])
        if selection.only_labelled:
            chosen &= self.labelled
        self._chosen = chosen
        self.positions: Positions = np.flatnonzero(chosen).astype(np.int64)

    def label_names(self) -> list[str]:
        """The labels that go out, sorted."""
        used = np.unique(self.state.label[self.positions[self.labelled[self.positions]]])
        return sorted(self.state.names[code] for code in used.tolist())

    def by_recording(self) -> Positions:
        """`positions` so that the clips of one address stand together, by where they begin. [shape=(n,)]"""
        order = self._positions(_BY_RECORDING)
        return order[self._chosen[order]]

    def is_stretch(self) -> NDArray[np.bool_]:
        """Whether each of `positions` is a part of its recording. [shape=(n,)]"""
        return np.isin(self.positions, self._positions(_STRETCHES))

    def urls(self) -> Iterator[str]:
        """The addresses, in clip order, without a look at anything else."""
        for first, last in self._ranges():
            with self.dataset.store.read() as connection:
                addresses = connection.execute(_ADDRESSES, {"d": self.dataset.id, "first": first, "last": last}).all()
            yield from (without_credentials(url) for position, url in addresses if self._chosen[position])

    def rows(self, positions: Positions | None = None) -> Iterator[ClipRow]:
        """The clips one by one, in clip order or in that of `positions`."""
        for block in self.blocks(positions):
            yield from block.rows()

    def blocks(self, positions: Positions | None = None) -> Iterator[ClipBlock]:
        """The same, up to `AT_ONCE` at a time."""
        wanted = self.positions if positions is None else positions
        labels = np.array([*self.state.names, ""], dtype=object)
        subsets = np.array(SUBSETS, dtype=object)
        for first in range(0, len(wanted), AT_ONCE):
            part = wanted[first : first + AT_ONCE]
            labelled = self.labelled[part]
            batches = np.where(labelled, self.state.source[part], 0).tolist()
            sources = [self._sources.get(batch, _NOBODY) for batch in batches]
            yield self._read(
                part,
                labels=labels[np.where(labelled, self.state.label[part], -1)].tolist(),
                subsets=subsets[self.state.subset[part]].tolist(),
                annotators=[source[0] for source in sources],
                times=[source[1] for source in sources],
                hows=[source[2] for source in sources],
            )

    def extra_cells(self) -> Iterator[list[dict[str, str]]]:
        """The table's own columns of all clips of the dataset, in clip order, some thousand clips at a time.

        Clips that share their cells may share the dictionary.
        """
        for first, last in self._ranges():
            with self.dataset.store.read() as connection:
                query = {"d": self.dataset.id, "first": first, "last": last}
                texts = list(connection.execute(_EXTRAS, query).scalars())
            yield _parse(texts)

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """The first and the last position of some thousand clips, of others, …"""
        for first in range(0, self.state.size, AT_ONCE):
            yield first, min(first + AT_ONCE, self.state.size) - 1

    def _positions(self, query: TextClause) -> Positions:
        with self.dataset.store.read() as connection:
            result = connection.execute(query, {"d": self.dataset.id, "size": self.state.size})
            return np.fromiter(result.scalars(), np.int64)

    def _read(self, positions: Positions, **known: list[str]) -> ClipBlock:
        first, last = int(positions.min()), int(positions.max())
        query: dict[str, Any] = {"d": self.dataset.id}
        dense = last - first < 2 * len(positions)
        query |= {"first": first, "last": last} if dense else {"some": positions.tolist()}
        with self.dataset.store.read() as connection:
            result = connection.execute(_IN_A_ROW if dense else _SOME, query)
            assert result.cursor is not None
            rows = result.cursor.fetchall()  # plain tuples, for speed
            result.close()
        if len(rows) != len(positions) or not np.array_equal([row[0] for row in rows], positions):
            by_position = {row[0]: row for row in rows}
            rows = [by_position[position] for position in positions.tolist()]
        _, made, own, urls, starts, ends, groups, references, texts, measured, rates = map(
            list, zip(*rows, strict=True)
        )
        extras = _parse(texts)
        for place, url in enumerate(urls):
            if has_credentials(url):  # stored when they were not refused yet
                urls[place] = without_credentials(url)
                extras[place] = {name: plain_cell(cell) for name, cell in extras[place].items()}
        ids = [plain_cell(own_id) if own_id else clip_id for own_id, clip_id in zip(own, made, strict=True)]
        return ClipBlock(
            positions.tolist(), ids, urls, known["subsets"], known["labels"], starts, ends, groups, measured, rates,
            known["annotators"], known["times"], known["hows"], references, extras,
        )  # fmt: skip


def plain_cell(cell: str) -> str:
    """A cell without the user name and password of an address."""
    return without_credentials(cell) if holds_credentials(cell) else cell


def _parse(texts: list[str]) -> list[dict[str, str]]:
    # what many clips share is read once, and all of it in one go
    distinct = list(dict.fromkeys(texts))
    read = dict(zip(distinct, json.loads(f"[{','.join(distinct)}]"), strict=True))
    for cells in read.values():
        for name, cell in cells.items():
            if not isinstance(cell, str):
                cells[name] = cell_text(cell)
    return [read[one] for one in texts]
