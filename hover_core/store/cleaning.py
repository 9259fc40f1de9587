"""Brings the names in an older database into the form that `names.clean` gives new ones: a step of the migrations.

Nothing is merged unsaid. Where two labels, two people or two datasets would get one name, one keeps it and the others
get a number behind it: codes, colours and who gave which label stay as they were. Groups become one, for two spellings
of a speaker would let the speaker into two subsets; so do references. Each such decision is a notice in the settings of
the dataset.
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
_RENAME: Final = {  # by `renamed`, a table of pairs: one pass however many names there are
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
_PERHAPS_UNCLEAN: Final = {  # of a million clips few are: not ASCII, a control, or a space too many
    "sqlite": " AND ({0} GLOB '*[^ -~]*' OR {0} GLOB '*  *' OR {0} GLOB ' *' OR {0} GLOB '* ')",
    "postgresql": " AND {0} ~ '[^ -~]|  |^ | $'",
}


def clean_names(connection: Connection) -> None:
    """Clean labels, references, groups, and the names of people and of datasets; what is clean is left alone."""
    # SQLite finds the pairs by a key; PostgreSQL by a hash, and its keys have a longest text
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
                "r": row.revision + 1,  # pages that are open ask for what has changed since
                "d": row.id,
            },
        )
    connection.execute(text("DROP TABLE renamed"))


def _clean_labels(connection: Connection, dataset_id: str, settings: dict[str, Any]) -> dict[str, str]:
    """`{was: is}` of the labels that were given or offered."""
    offered = settings.get("offered_labels", [])
    given = _texts(connection, "SELECT name FROM labels WHERE dataset_id = :d ORDER BY code", dataset_id)
    fresh = _fresh([*given, *(str(name) for name, _ in offered)], longest=MAX_LABEL)
    if fresh:
        _rename(connection, dataset_id, fresh, "labels", "notes")
        if offered:
            settings["offered_labels"] = [[fresh.get(name, name), revision] for name, revision in offered]
    return fresh


def _clean_people(connection: Connection, dataset_id: str) -> dict[str, str]:
    """`{was: is}` of the names of annotators, guests and invites; what was cleaned does not look like the owner's."""
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
    """`{was: is}` of the cells of a column, also of those that stay and are joined by others; empty for no change.

    What is spelled as a label was stays with this label.
    """
    filtered = _DISTINCT[cells] + _PERHAPS_UNCLEAN[connection.dialect.name].format(cells)
    texts = _texts(connection, filtered, dataset_id)
    fresh = {was: is_now for was in texts if (is_now := labels.get(was) or _visible_name(was)) != was}
    if fresh:
        texts = _texts(connection, _DISTINCT[cells], dataset_id)
        _rename(connection, dataset_id, fresh, cells)
        joined = set(fresh.values())
        fresh.update({was: was for was in texts if was in joined and was not in fresh})
    return fresh


def _texts(connection: Connection, query: str, dataset_id: str) -> list[str]:
    return [str(name) for name in connection.execute(text(query), {"d": dataset_id}).scalars() if name]


def _rename(connection: Connection, dataset_id: str, fresh: Mapping[str, str], *kinds: str) -> None:
    connection.execute(_RENAMED.delete())
    connection.execute(_RENAMED.insert(), [{"stale": was, "fresh": is_now} for was, is_now in fresh.items()])
    for kind in kinds:
        connection.execute(text(_RENAME[kind]), {"d": dataset_id})


def _fresh(names: Iterable[str], *, longest: int, people: bool = False) -> dict[str, str]:
    """`{was: is}` of the names that are not clean; no two names become one. The first keeps what several would get.

    Of `people` none gets a name that looks like another's.
    """
    distinct = list(dict.fromkeys(names))
    taken = {name for name in distinct if clean(name) == name}
    fresh: dict[str, str] = {}
    for name in distinct:
        if name in taken:
            continue
        wanted, number = _visible_name(name), 1
        is_now = clean(wanted[:longest])
        while is_now in taken or (people and first_alike(is_now, taken) is not None):
            number += 1
            suffix = f" ({number})"
            is_now = clean(wanted[: longest - len(suffix)]) + suffix
        taken.add(is_now)
        fresh[name] = is_now
    return fresh


def _visible_name(name: str) -> str:
    """`name` cleaned; a name of nothing that shows as its code points."""
    return clean(name) or escape(name)


def _of_renamed(kind: str, fresh: Mapping[str, str]) -> list[str]:
    """A sentence for each name that is not just a clean form of what it was."""
    notices = [
        f"The {kind} “{escape(was)}” is “{is_now}” from now on: without what does not show it looked like another one, "
        "or was empty."
        for was, is_now in fresh.items()
        if is_now != clean(was)
    ]
    return _short(notices, kind)


def _of_joined(kind: str, fresh: Mapping[str, str]) -> list[str]:
    """A sentence for each group or reference that several have become."""
    advice = ": split again if they are in different subsets" if kind == "group" else ""
    notices = [
        f"{count} {kind}s that look the same are one from now on, “{name}”{advice}."
        for name, count in Counter(fresh.values()).items()
        if count > 1
    ]
    return _short(notices, kind)


def _short(notices: list[str], kind: str) -> list[str]:
    more = len(notices) - _MAX_NOTICES
    return notices if more <= 0 else [*notices[:_MAX_NOTICES], f"So it is with {more:,} more of the kind “{kind}”."]
