"""Invites, and the devices that joined by them, in the database. Secrets are stored as digests only."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from hover_core.data.clock import now
from hover_core.data.names import clean, first_alike, has_control, look_alike
from hover_core.data.people import ANNOTATOR, OWNER, Invite, Person, digest, new_token
from hover_core.errors import NotFound, Refused
from hover_core.store.database import Store

MAX_NAME = 60  # characters
_SEEN_EVERY_S = 20.0


def add_invite(store: Store, dataset_id: str, name: str, *, days: float | None, blind: bool = False) -> str:
    """Make an invite for `name` (empty: guests give their own names) and return its secret token.

    It ends after `days`, or never (None). A guest of a `blind` invite sees their own labels alone. Invites with the
    same name are for the same person.

    Raises
    ------
    Refused
        The name is too long, or looks like that of the owner or of somebody else.
    """
    name = _name(name) if clean(name) else ""
    token = new_token()
    expires = "" if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="microseconds")
    with store.write() as connection:
        names = _names(connection, dataset_id) if name else set()
        alike = first_alike(name, names - {name})
        if alike is not None:
            raise Refused(
                f"“{name}” looks like “{alike}”, who is here already: write it as “{alike}” if it is for the same "
                "person, else add something that tells them apart"
            )
        connection.execute(
            text(
                "INSERT INTO invites (dataset_id, token_digest, name, created_at, expires_at, blind) "
                "VALUES (:d, :t, :n, :at, :e, :b)"
            ),
            {
                "d": dataset_id,
                "t": digest(token),
                "n": name,
                "at": now(),
                "e": expires,
                "b": int(blind),
            },
        )
    return token


def invites(store: Store, dataset_id: str) -> list[Invite]:
    """All invites of a dataset, the newest first, with the number of their devices and the last visit of any."""
    with store.read() as connection:
        rows = connection.execute(
            text(
                "SELECT i.*, count(d.id) AS devices, coalesce(max(d.last_seen), '') AS last_seen FROM invites i "
                "LEFT JOIN devices d ON d.invite_id = i.id WHERE i.dataset_id = :d GROUP BY i.id ORDER BY i.id DESC"
            ),
            {"d": dataset_id},
        ).all()
    return [
        Invite(
            r.id, r.dataset_id, r.name, r.created_at, r.expires_at, r.revoked_at, r.devices, r.last_seen, bool(r.blind)
        )
        for r in rows
    ]


def invite_behind(store: Store, token: str) -> Invite:
    """The invite that belongs to a secret token.

    Raises
    ------
    NotFound
        There is none, it has expired, or it was revoked.
    """
    with store.read() as connection:
        row = connection.execute(
            text("SELECT * FROM invites WHERE token_digest = :t"), {"t": digest(token)}
        ).one_or_none()
    invite = row and Invite(row.id, row.dataset_id, row.name, row.created_at, row.expires_at, row.revoked_at)
    if not invite or not invite.good(now()):
        raise NotFound("this link is not valid (any more): ask the owner of the dataset for a new one")
    return invite


def revoke_invite(store: Store, dataset_id: str, invite_id: int) -> None:
    """End an invite; every device that joined by it loses access at once."""
    with store.write() as connection:
        connection.execute(
            text("UPDATE invites SET revoked_at = :at WHERE id = :i AND dataset_id = :d AND revoked_at = ''"),
            {"at": now(), "i": invite_id, "d": dataset_id},
        )


def join(store: Store, token: str, name: str = "") -> str:
    """Exchange an invite's token for the secret of this device's cookie.

    Raises
    ------
    NotFound
        There is no such invite, it has expired, or it was revoked.
    Refused
        The invite has no name, and `name` is empty, too long, in use, or looks like the name of the owner or of
        somebody else.
    """
    invite = invite_behind(store, token)
    name = invite.name or _name(name)
    with store.write() as connection:
        if not invite.name:
            names = _names(connection, invite.dataset_id)
            if name in names:
                raise Refused(f"somebody is called “{name}” here already: add something that tells you apart")
            if (
                first_alike(name, names) is not None
            ):  # the message does not say which: a stranger need not know who is here
                raise Refused(
                    f"“{name}” looks like what somebody is called here already: add something that tells you apart"
                )
        return _add_device(connection, invite.id, ANNOTATOR, name)


def guests(store: Store, invite_id: int) -> list[tuple[str, int, str]]:
    """The people who joined by an invite: `(name, number of devices, time of the last visit)`."""
    with store.read() as connection:
        rows = connection.execute(
            text(
                "SELECT name, count(*) AS devices, max(last_seen) AS seen FROM devices WHERE invite_id = :i "
                "GROUP BY name ORDER BY name"
            ),
            {"i": invite_id},
        ).all()
    return [(row.name, int(row.devices), row.seen) for row in rows]


def people(store: Store, dataset_id: str) -> int:
    """How many people have joined by the invites of a dataset."""
    with store.read() as connection:
        query = text(
            "SELECT count(DISTINCT d.name) FROM devices d JOIN invites i ON i.id = d.invite_id WHERE i.dataset_id = :d"
        )
        return int(connection.execute(query, {"d": dataset_id}).scalar_one())


def sign_in_owner(store: Store) -> str:
    """Add a device of the owner and return the secret of its cookie. The caller has checked the owner's token."""
    with store.write() as connection:
        return _add_device(connection, None, OWNER, OWNER)


def leave(store: Store, cookie: str) -> None:
    """Sign a device out: its cookie is not valid any more."""
    with store.write() as connection:
        connection.execute(text("DELETE FROM devices WHERE cookie_digest = :c"), {"c": digest(cookie)})


def person_behind(store: Store, cookie: str) -> Person | None:
    """The person whose device has this cookie, or None if the cookie is unknown or its invite has ended."""
    with store.read() as connection:
        row = connection.execute(
            text(
                "SELECT d.id, d.role, d.name, d.last_seen, i.dataset_id, i.expires_at, i.revoked_at, i.blind "
                "FROM devices d LEFT JOIN invites i ON i.id = d.invite_id WHERE d.cookie_digest = :c"
            ),
            {"c": digest(cookie)},
        ).one_or_none()
    if row is None:
        return None
    if row.role != OWNER and _over(row):
        return None
    _see(store, row.id, row.last_seen)
    return Person(row.name, row.role, row.dataset_id, bool(row.blind) and row.role != OWNER)


def has_ended(store: Store, cookie: str) -> bool:
    """Whether the cookie is known, but the invite of its device was revoked or has expired."""
    with store.read() as connection:
        row = connection.execute(
            text(
                "SELECT i.expires_at, i.revoked_at FROM devices d JOIN invites i ON i.id = d.invite_id "
                "WHERE d.cookie_digest = :c AND d.role <> :owner"
            ),
            {"c": digest(cookie), "owner": OWNER},
        ).one_or_none()
    return row is not None and _over(row)


def _over(row: Row[Any]) -> bool:
    return bool(row.revoked_at or (row.expires_at and row.expires_at <= now()))


def _see(store: Store, device_id: int, last_seen: str) -> None:
    if time.time() - datetime.fromisoformat(last_seen).timestamp() > _SEEN_EVERY_S:
        with store.write() as connection:
            connection.execute(
                text("UPDATE devices SET last_seen = :at WHERE id = :id"), {"at": now(), "id": device_id}
            )


def _names(connection: Connection, dataset_id: str) -> set[str]:
    """All names in use in a dataset: of invites, devices and annotators.

    Locks the dataset until the write ends: if two people join at once with names that look alike, one is refused.
    """
    connection.execute(text("UPDATE datasets SET name = name WHERE id = :d"), {"d": dataset_id})
    rows = connection.execute(
        text(
            "SELECT name FROM invites WHERE dataset_id = :d AND name <> '' UNION "
            "SELECT d.name FROM devices d JOIN invites i ON i.id = d.invite_id WHERE i.dataset_id = :d UNION "
            "SELECT annotator FROM batches WHERE dataset_id = :d"
        ),
        {"d": dataset_id},
    ).all()
    return {str(row[0]) for row in rows}


def _add_device(connection: Connection, invite_id: int | None, role: str, name: str) -> str:
    cookie = new_token()
    connection.execute(
        text(
            "INSERT INTO devices (invite_id, cookie_digest, role, name, created_at, last_seen) "
            "VALUES (:i, :c, :r, :n, :at, :at)"
        ),
        {"i": invite_id, "c": digest(cookie), "r": role, "n": name, "at": now()},
    )
    return cookie


def _name(words: str) -> str:
    """`words` cleaned, as the name of a person who is not the owner; Refused if it cannot be one."""
    name = clean(words)
    if not name or len(name) > MAX_NAME or has_control(words):
        raise Refused(f"a name has 1 to {MAX_NAME} characters: say how your colleagues should see you")
    if look_alike(name, OWNER):
        raise Refused(
            "“owner” is the name of the owner: take your own"
            if name.lower() == OWNER
            else f"“{name}” looks like “owner”, the name of the owner: take your own"
        )
    return name
