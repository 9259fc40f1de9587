"""The clips of a dataset in the database, in the order in which they were added; never deleted, never reordered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, text

from hover_core.data.clip_table import ClipTable, extra_json
from hover_core.data.clips import SUBSETS, Clip, normal_url
from hover_core.data.credentials import REFUSED, has_credentials
from hover_core.data.names import clean
from hover_core.errors import TableError
from hover_core.store.database import Store, insert_tuples, run_for_all

if TYPE_CHECKING:  # so that the first page opens without loading pandas
    import pandas as pd

_AT_ONCE = 5_000  # rows a statement: SQLite and PostgreSQL both limit the number of parameters
_COLUMNS = (
    "dataset_id", "position", "clip_id", "own_id", "url", "start_s", "end_s", "group_name", "subset", "reference",
    "extra", "revision",
)  # fmt: skip
_BY_PART = text(
    "SELECT position, url, group_name FROM clips WHERE dataset_id = :d AND url LIKE :p ESCAPE '!' ORDER BY position"
)
_BY_HOST = text(
    "SELECT position, url, group_name FROM clips WHERE dataset_id = :d AND lower(url) LIKE :p ESCAPE '!' "
    "ORDER BY position"
)
_LONGEST_ADDRESS = 8_000  # characters; SQLite limits a pattern to 50,000 bytes


@dataclass(frozen=True)
class SoundFacts:
    """SHA-256 of a clip's recording, and the clip's duration and sample rate [Hz] once it was decoded."""

    sha256: str
    duration_s: float | None
    sample_rate: int | None


def positions_of(connection: Connection, dataset_id: str, clip_ids: Sequence[str]) -> dict[str, int]:
    """`{clip_id: position}` of the clips among `clip_ids` that are in the dataset."""
    positions: dict[str, int] = {}
    size = connection.execute(text("SELECT size FROM datasets WHERE id = :d"), {"d": dataset_id}).scalar_one()
    if not size:
        return positions
    if len(clip_ids) > size // 4:  # reading all of them is quicker than asking for each
        every = connection.execute(text("SELECT clip_id, position FROM clips WHERE dataset_id = :d"), {"d": dataset_id})
        wanted = set(clip_ids)
        return {clip_id: position for clip_id, position in every if clip_id in wanted}
    query = text("SELECT clip_id, position FROM clips WHERE dataset_id = :d AND clip_id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    for start in range(0, len(clip_ids), _AT_ONCE):
        rows = connection.execute(query, {"d": dataset_id, "ids": list(clip_ids[start : start + _AT_ONCE])})
        positions.update({row.clip_id: row.position for row in rows})
    return positions


def add_clips(connection: Connection, dataset_id: str, clips: Sequence[Clip]) -> list[int]:
    """Append clips that are not in the dataset yet, groups and references cleaned; return their positions.

    Raises
    ------
    TableError
        An address contains a user name or password; nothing is added.
    """
    table = ClipTable.of(clips)
    for clip_id, url in zip(table.clip_ids, table.urls, strict=True):
        if has_credentials(url):
            raise TableError(f"clip {clip_id}: {REFUSED}")
    size, revision = connection.execute(
        text("SELECT size, revision FROM datasets WHERE id = :d"), {"d": dataset_id}
    ).one()
    positions = range(size, size + len(table))
    rows = zip(
        repeat(dataset_id),
        positions,
        table.clip_ids,
        table.own_ids,
        table.urls,
        _none_for_nan(table.start_s),
        _none_for_nan(table.end_s),
        _cleaned(table.groups),
        table.subsets.tolist(),
        _cleaned(table.references),
        table.extras,
        repeat(revision),
        strict=False,  # two of them never end
    )
    while some := list(islice(rows, _AT_ONCE)):
        insert_tuples(connection, "clips", _COLUMNS, some)
    connection.execute(text("UPDATE datasets SET size = :n WHERE id = :d"), {"n": positions.stop, "d": dataset_id})
    return list(positions)


def add_columns(connection: Connection, dataset_id: str, extras: Mapping[int, Mapping[str, Any]]) -> int:
    """Add cells `{position: {column: value}}` in columns new to their clips; return how many clips changed."""
    positions = list(extras)
    query = text("SELECT position, extra FROM clips WHERE dataset_id = :d AND position IN :p").bindparams(
        bindparam("p", expanding=True)
    )
    changes: list[dict[str, Any]] = []
    for start in range(0, len(positions), _AT_ONCE):
        for row in connection.execute(query, {"d": dataset_id, "p": positions[start : start + _AT_ONCE]}):
            cells = json.loads(row.extra)
            cells_after = {
                **cells,
                **{name: value for name, value in extras[row.position].items() if name not in cells},
            }
            if cells_after != cells:
                changes.append({"d": dataset_id, "p": row.position, "e": extra_json(cells_after)})
    if changes:
        connection.execute(text("UPDATE clips SET extra = :e WHERE dataset_id = :d AND position = :p"), changes)
    return len(changes)


def set_groups(connection: Connection, dataset_id: str, groups: Sequence[str]) -> None:
    """Set the group of every clip, cleaned, in clip order."""
    connection.execute(
        text("UPDATE clips SET group_name = :g WHERE dataset_id = :d AND position = :p"),
        [{"d": dataset_id, "p": position, "g": clean(group)} for position, group in enumerate(groups)],
    )


def groups(store: Store, dataset_id: str) -> list[str]:
    """The group of every clip in clip order; empty for none."""
    with store.read() as connection:
        query = text("SELECT group_name FROM clips WHERE dataset_id = :d ORDER BY position")
        return list(connection.execute(query, {"d": dataset_id}).scalars())


def has_groups(store: Store, dataset_id: str) -> bool:
    """Whether any clip has a group."""
    with store.read() as connection:
        query = text("SELECT 1 FROM clips WHERE dataset_id = :d AND group_name != '' LIMIT 1")
        return connection.execute(query, {"d": dataset_id}).first() is not None


def table(store: Store, dataset_id: str) -> pd.DataFrame:
    """All clips in clip order; the index is the position.

    Columns: clip_id, own_id, url, start_s, end_s, group_name, subset (the one that the clip was added with), reference,
    extra; duration_s and sha256, empty before the sound was fetched.
    """
    import pandas as pd

    with store.read() as connection:
        result = connection.execute(
            text(
                "SELECT c.position, c.clip_id, c.own_id, c.url, c.start_s, c.end_s, c.group_name, c.subset, "
                "c.reference, c.extra, s.duration_s, s.sha256 FROM clips c LEFT JOIN sounds s "
                "ON s.dataset_id = c.dataset_id AND s.position = c.position WHERE c.dataset_id = :d ORDER BY c.position"
            ),
            {"d": dataset_id},
        )
        columns = list(result.keys())
        assert result.cursor is not None
        rows = result.cursor.fetchall()  # plain tuples, for speed
        result.close()
    cells: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    frame = pd.DataFrame(dict(zip(columns, cells, strict=True)), columns=columns)
    extras = {cell: json.loads(cell) for cell in dict.fromkeys(cells[columns.index("extra")])}
    frame["extra"] = pd.Series([extras[cell] for cell in cells[columns.index("extra")]], dtype=object)
    for column in ("start_s", "end_s", "duration_s"):
        frame[column] = frame[column].astype("float64")
    return frame.set_index("position")


def addresses(
    store: Store, dataset_id: str, positions: Sequence[int]
) -> dict[int, tuple[str, float | None, float | None]]:
    """`{position: (url, start in seconds, end in seconds)}` of some clips; reads no other rows."""
    stretches: dict[int, tuple[str, float | None, float | None]] = {}
    query = text(
        "SELECT position, url, start_s, end_s FROM clips WHERE dataset_id = :d AND position IN :positions"
    ).bindparams(bindparam("positions", expanding=True))
    with store.read() as connection:
        for first in range(0, len(positions), _AT_ONCE):
            some = [int(position) for position in positions[first : first + _AT_ONCE]]
            for row in connection.execute(query, {"d": dataset_id, "positions": some}):
                stretches[row.position] = (row.url, row.start_s, row.end_s)
    return stretches


def with_address(store: Store, dataset_id: str, url: str, identity: str = "full") -> list[tuple[int, str]]:
    """`(position, group)` of the clips whose address is the same as `url` in normal form, in clip order."""
    try:
        normal, parts = normal_url(url, identity), urlsplit(url.strip())
        url.encode()
    except ValueError:  # no address, or a lone surrogate
        return []
    if len(url) > _LONGEST_ADDRESS or any(ord(character) < 32 for character in url):
        return []
    # the database searches for a part that is equal in the normal form, and the few matches are compared here
    query, part = _BY_PART, normal
    if parts.scheme in ("http", "https"):
        part = max(parts.path, parts.query if identity == "full" else "", key=len)
        if len(part) < 2:
            query, part = _BY_HOST, parts.hostname or ""
    with store.read() as connection:
        rows = connection.execute(query, {"d": dataset_id, "p": "%" + re.sub("([%_!])", r"!\1", part) + "%"})
        return [(row.position, row.group_name) for row in rows if normal_url(row.url, identity) == normal]


def extras(store: Store, dataset_id: str) -> dict[str, list[str]]:
    """`{column: its cells in clip order}` of the table's own columns; an empty text where a clip has no such cell."""
    with store.read() as connection:
        query = text("SELECT extra FROM clips WHERE dataset_id = :d ORDER BY position")
        texts = list(connection.execute(query, {"d": dataset_id}).scalars())
    # cells of a clip are stored as JSON: many clips share theirs, and each text is parsed once
    parsed: dict[str, dict[str, Any]] = {cell: json.loads(cell) for cell in dict.fromkeys(texts)}
    columns = dict.fromkeys(name for cells in parsed.values() for name in cells)
    return {name: [str(parsed[cell].get(name, "")) for cell in texts] for name in columns}


def has_own_ids(store: Store, dataset_id: str) -> bool:
    """Whether any clip is named by an id of its table."""
    with store.read() as connection:
        query = text("SELECT 1 FROM clips WHERE dataset_id = :d AND own_id != '' LIMIT 1")
        return connection.execute(query, {"d": dataset_id}).first() is not None


def has_reference(store: Store, dataset_id: str) -> bool:
    """Whether any clip has a reference, a label that was set aside when its table was added."""
    with store.read() as connection:
        query = text("SELECT 1 FROM clips WHERE dataset_id = :d AND reference != '' LIMIT 1")
        return connection.execute(query, {"d": dataset_id}).first() is not None


def clip_at(store: Store, dataset_id: str, position: int) -> tuple[Clip, SoundFacts | None] | None:
    """The clip at a position, and the facts of its sound if it was fetched; None if there is no such clip."""
    with store.read() as connection:
        row = connection.execute(
            text(
                "SELECT c.*, s.sha256, s.duration_s, s.sample_rate FROM clips c LEFT JOIN sounds s "
                "ON s.dataset_id = c.dataset_id AND s.position = c.position "
                "WHERE c.dataset_id = :d AND c.position = :p"
            ),
            {"d": dataset_id, "p": position},
        ).one_or_none()
    if row is None:
        return None
    clip = Clip(
        row.clip_id,
        row.url,
        row.start_s,
        row.end_s,
        row.group_name,
        SUBSETS[row.subset],
        reference=row.reference,
        extra=json.loads(row.extra),
    )
    return clip, SoundFacts(row.sha256, row.duration_s, row.sample_rate) if row.sha256 else None


def hear(connection: Connection, dataset_id: str, facts: Mapping[int, SoundFacts]) -> None:
    """Record the facts of the sounds of some clips, `{position: facts}`."""
    run_for_all(
        connection,
        "INSERT INTO sounds (dataset_id, position, sha256, duration_s, sample_rate) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (dataset_id, position) DO UPDATE SET sha256 = excluded.sha256, "
        "duration_s = excluded.duration_s, sample_rate = excluded.sample_rate",
        [(dataset_id, at, fact.sha256, fact.duration_s, fact.sample_rate) for at, fact in facts.items()],
    )


def heard_count(store: Store, dataset_id: str) -> int:
    """How many clips have a duration; new durations make no new revision, so this number tells of them."""
    with store.read() as connection:
        query = text("SELECT count(*) FROM sounds WHERE dataset_id = :d AND duration_s IS NOT NULL")
        return int(connection.execute(query, {"d": dataset_id}).scalar_one())


def durations(store: Store, dataset_id: str, size: int) -> NDArray[np.float64]:
    """Duration of each clip in clip order, NaN before its sound was decoded. [shape=(n,), float64, seconds]"""
    result = np.full(size, np.nan)
    with store.read() as connection:
        rows = connection.execute(
            text("SELECT position, duration_s FROM sounds WHERE dataset_id = :d AND duration_s IS NOT NULL"),
            {"d": dataset_id},
        )
        for row in rows:
            if row.position < size:
                result[row.position] = row.duration_s
    return result


def _cleaned(words: Sequence[str]) -> list[str]:
    """Names cleaned, each different one once."""
    cleaned = {word: clean(word) for word in set(words)}
    return [cleaned[word] for word in words]


def _none_for_nan(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]
