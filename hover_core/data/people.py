"""Who is here: the owner, and annotators who came by an invite.

A person is what every write asks for; hiding a page is not a lock, `allow` is.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from hover_core.errors import NotAllowed

OWNER: Final = "owner"
ANNOTATOR: Final = "annotator"
MOST_SOUND_BYTES: Final = 20 << 20  # of a sound that an annotator asks with


@dataclass(frozen=True)
class Person:
    """Somebody who may do something. An annotator belongs to one dataset; the owner to all.

    Whoever is `blind` sees their own labels and nobody else's.
    """

    name: str
    role: str
    dataset_id: str | None = None
    blind: bool = False

    def may(self, act: str, dataset_id: str | None = None) -> bool:
        """Whether this person may `act`: `label` (listen, label, undo their own) or `own` (everything else)."""
        if self.role == OWNER:
            return True
        return act == "label" and dataset_id is not None and dataset_id == self.dataset_id

    def allow(self, act: str, dataset_id: str | None = None) -> None:
        """Return if this person may `act`, else raise.

        Raises
        ------
        NotAllowed
            The person's role or dataset does not permit it.
        """
        if not self.may(act, dataset_id):
            what = (
                "only the owner of this dataset may do this" if act == "own" else "this dataset is not shared with you"
            )
            raise NotAllowed(f"{self.name}: {what}")


LOCAL_OWNER: Final = Person("owner", OWNER)


@dataclass(frozen=True)
class Invite:
    """A link that lets somebody in, good until it expires or is revoked, for any number of devices."""

    id: int
    dataset_id: str
    name: str
    created_at: str
    expires_at: str
    revoked_at: str
    devices: int = 0
    last_seen: str = ""
    blind: bool = False

    def good(self, at: str) -> bool:
        """Whether the invite still lets people in at the time `at` (ISO 8601, UTC)."""
        return not self.revoked_at and (not self.expires_at or at < self.expires_at)


def new_token() -> str:
    """A secret that cannot be guessed: 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a secret: its SHA-256. A copy of the database opens nothing."""
    return hashlib.sha256(token.encode()).hexdigest()
