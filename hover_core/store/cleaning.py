"""Brings the names in an older database into the form that `names.clean` gives new ones: a step of the migrations.

Where two labels, two people or two datasets would get one name, one keeps it and the others get a number behind it:
codes, colours and annotators of labels stay as they were. Groups with one clean name become one group, because two
spellings of a speaker would let the speaker into two subsets; references become one as well. Each such decision is a
notice in the settings of the dataset.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from sqlalchemy import Connection, column, table, text

from hover_core.data.annotations import MAX_LABEL
from hover_core.data.names import clean, escape, first_alike
from hover_core.data.people import OWNER

NOTICES: Final = "notices"  # their key in the settings of a dataset
_MAX_NAME: Final = 60  # characters of a person's name
_MAX_TITLE: Final = 1_000  # of a dataset's
_MAX_NOTICES: Final = 20  # of one kind; the rest is a number

_RENAMED: Final = table("renamed", column("stale"), column("fresh"))  # a temporary one
_RENAME: Final = {  # join with `renamed`, a table of pairs: one pass for any number of names
    "labels": "UPDATE labels SET name = fresh FROM renamed WHERE dataset_id = :d AND name = stale",
    "reference": "UPDATE clips SET reference = fresh FROM renamed WHERE dataset_id = :d AND reference = stale",
    "notes": "UPDATE batches SET note = fresh FROM renamed WHERE dataset_id = :d AND note = stale",
    "group_name": "UPDATE clips SET group_name = fresh FROM renamed WHERE dataset_id = :d AND group_name = stale",
    "annotators": "UPDATE batches SET annotator = fresh FROM renamed WHERE dataset_id = :d AND annotator = stale",
    "devices": "UPDATE devices SET name = fresh FROM renamed WHERE name = stale AND invite_id IN "
    "(SELECT id FROM invites WHERE dataset_id = :d)",
    "invites": "UPDATE invites SET name = fresh FROM renamed WHERE dataset_id = :d AND name = stale",
}

_DISTINCT: Final = {
    "reference": "SELECT DISTINCT reference FROM clips WHERE dataset_id = :d",
    "group_name": "SELECT DISTINCT group_name FROM clips WHERE dataset_id = :d",
}
_PERHAPS_UNCLEAN: Final = {  # selects the few cells with a character that is not ASCII, a control, or a space too many
    "sqlite": " AND ({0} GLOB '*[^ -~]*' OR {0} GLOB '*  *' OR {0} GLOB ' *' OR {0} GLOB '* ')",
    "postgresql": " AND {0} ~ '[^ -~]|  |^ | $'",
}


def clean_names(connection: Connection) -> None:
    """Clean labels, references, groups, and the names of people and of datasets; clean names stay as they are."""
    # SQLite needs a key to find the pairs; PostgreSQL hashes them, and limits the length of keys
    key = "PRIMARY KEY" if connection.dialect.name == "sqlite" else "NOT NULL"
    connection.execute(text(f"CREATE TEMPORARY TABLE renamed (stale TEXT {key}, fresh TEXT NOT NULL)"))
    rows = connection.execute(text("SELECT id, name, revision, settings FROM datasets ORDER BY created_at, id")).all()
    titles = _fresh([row.name for row in rows], longest=_MAX_TITLE)
    for row in rows:
        settings: dict[str, Any] = json.loads(row.settings)
        title = {row.name: titles[row.name]} if row.name in titles else {}
        labels = _clean_labels(connection, row.id, settings)
        references = _clean_clips(connection, row.id, "reference", labels)
        groups = _clean_clips(connection, row.id, "group_name", {})
        people = _clean_people(connection, row.id)
        if not (title or labels or references or groups or people):
            continue
        notices = [
            *_of_renamed("dataset", title),
            *_of_renamed("label", labels),
            *_of_renamed("name", people),
            *_of_joined("reference", references),
            *_of_joined("group", groups),
        ]
        if notices:
            settings[NOTICES] = [*settings.get(NOTICES, []), *notices]
        if references or groups:
            settings["clips_revision"] = row.revision + 1
        connection.execute(
            text("UPDATE datasets SET name = :n, settings = :s, revision = :r WHERE id = :d"),
            {
                "n": title.get(row.name, row.name),
                "s": json.dumps(settings, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
                "r": row.revision + 1,  # so that open pages fetch the change
                "d": row.id,
            },
        )
    connection.execute(text("DROP TABLE renamed"))


def _clean_labels(connection: Connection, dataset_id: str, settings: dict[str, Any]) -> dict[str, str]:
    """`{old name: new name}` of the labels in use or on offer."""
    offers = settings.get("offered_labels", [])
    names = _texts(connection, "SELECT name FROM labels WHERE dataset_id = :d ORDER BY code", dataset_id)
    fresh = _fresh([*names, *(str(name) for name, _ in offers)], longest=MAX_LABEL)
    if fresh:
        _rename(connection, dataset_id, fresh, "labels", "notes")
        if offers:
            settings["offered_labels"] = [[fresh.get(name, name), revision] for name, revision in offers]
    return fresh


def _clean_people(connection: Connection, dataset_id: str) -> dict[str, str]:
    """`{old name: new name}` of annotators, guests and invites; no new name looks like the owner's."""
    names = [
        *_texts(
            connection,
            "SELECT annotator FROM batches WHERE dataset_id = :d GROUP BY annotator ORDER BY min(id)",
            dataset_id,
        ),
        *_texts(connection, "SELECT name FROM invites WHERE dataset_id = :d ORDER BY id", dataset_id),
        *_texts(
            connection,
            "SELECT name FROM devices WHERE invite_id IN (SELECT id FROM invites WHERE dataset_id = :d) ORDER BY id",
            dataset_id,
        ),
    ]
    fresh = _fresh([OWNER, *names], longest=_MAX_NAME, people=True)
    if fresh:
        _rename(connection, dataset_id, fresh, "annotators", "devices", "invites")
    return fresh


def _clean_clips(
    connection: Connection, dataset_id: str, cells: Literal["reference", "group_name"], labels: Mapping[str, str]
) -> dict[str, str]:
    """`{old cell: new cell}` of a column; a cell that stays, and that others become equal to, is in it too.

    Empty if nothing changes. A cell that equals a renamed label's old name gets the label's new one.
    """
    query = _DISTINCT[cells] + _PERHAPS_UNCLEAN[connection.dialect.name].format(cells)
    texts = _texts(connection, query, dataset_id)
    fresh = {was: is_now for was in texts if (is_now := labels.get(was) or _visible_name(was)) != was}
    if fresh:
        texts = _texts(connection, _DISTINCT[cells], dataset_id)
        _rename(connection, dataset_id, fresh, cells)
        targets = set(fresh.values())
        fresh.update({was: was for was in texts if was in targets and was not in fresh})
    return fresh


def _texts(connection: Connection, query: str, dataset_id: str) -> list[str]:
    return [str(name) for name in connection.execute(text(query), {"d": dataset_id}).scalars() if name]


def _rename(connection: Connection, dataset_id: str, fresh: Mapping[str, str], *kinds: str) -> None:
    connection.execute(_RENAMED.delete())
    connection.execute(_RENAMED.insert(), [{"stale": was, "fresh": is_now} for was, is_now in fresh.items()])
    for kind in kinds:
        connection.execute(text(_RENAME[kind]), {"d": dataset_id})


def _fresh(names: Iterable[str], *, longest: int, people: bool = False) -> dict[str, str]:
    """`{old name: new name}` of the names that are not clean, all new names distinct: the first gets the plain one.

    With `people`, no new name looks like another name either.
    """
    distinct = list(dict.fromkeys(names))
    names_in_use = {name for name in distinct if clean(name) == name}
    fresh: dict[str, str] = {}
    for name in distinct:
        if name in names_in_use:
            continue
        visible, number = _visible_name(name), 1
        is_now = clean(visible[:longest])
        while is_now in names_in_use or (people and first_alike(is_now, names_in_use) is not None):
            number += 1
            suffix = f" ({number})"
            is_now = clean(visible[: longest - len(suffix)]) + suffix
        names_in_use.add(is_now)
        fresh[name] = is_now
    return fresh


def _visible_name(name: str) -> str:
    """`name` cleaned; if it has no visible character, its code points."""
    return clean(name) or escape(name)


def _of_renamed(kind: str, fresh: Mapping[str, str]) -> list[str]:
    """A notice for each new name that is not just the clean form of the old one."""
    notices = [
        f"The {kind} “{escape(was)}” is “{is_now}” from now on: without its invisible characters it was the same as "
        "another one, or empty."
        for was, is_now in fresh.items()
        if is_now != clean(was)
    ]
    return _short(notices, kind)


def _of_joined(kind: str, fresh: Mapping[str, str]) -> list[str]:
    """A notice for each new name that several groups or references got."""
    advice = ": split again if they are in different subsets" if kind == "group" else ""
    notices = [
        f"{count} {kind}s that look the same are one from now on, “{name}”{advice}."
        for name, count in Counter(fresh.values()).items()
        if count > 1
    ]
    return _short(notices, kind)


def _short(notices: list[str], kind: str) -> list[str]:
    more = len(notices) - _MAX_NOTICES
    return (
        notices if more <= 0 else [*notices[:_MAX_NOTICES], f"The same happened to {more:,} more of the kind “{kind}”."]
    )
