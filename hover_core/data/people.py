"""People: the owner, and annotators who came by an invite.

Every write takes a `Person` and calls `allow`; a hidden page is no protection.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from hover_core.errors import NotAllowed

OWNER: Final = "owner"
ANNOTATOR: Final = "annotator"
MOST_SOUND_BYTES: Final = 20 << 20  # of a sound that an annotator may search with


@dataclass(frozen=True)
class Person:
    """A person with a role. An annotator belongs to one dataset, the owner to all.

    A `blind` annotator sees only their own labels.
    """

    name: str
    role: str
    dataset_id: str | None = None
    blind: bool = False

    def may(self, act: str, dataset_id: str | None = None) -> bool:
        """Whether this person may do an act: `label` (listen, label, undo their own labels) or `own` (everything else).

        Examples
        --------
        >>> person = Person("Anna", ANNOTATOR, dataset_id="birds")
        >>> person.may("label", "birds"), person.may("own", "birds")
        (True, False)
        """
        if self.role == OWNER:
            return True
        return act == "label" and dataset_id is not None and dataset_id == self.dataset_id

    def allow(self, act: str, dataset_id: str | None = None) -> None:
        """Raise unless this person `may` do an act.

        Raises
        ------
        NotAllowed
            The act is not allowed to this person in this dataset.
        """
        if not self.may(act, dataset_id):
            what = (
                "only the owner of this dataset may do this" if act == "own" else "this dataset is not shared with you"
            )
            raise NotAllowed(f"{self.name}: {what}")


LOCAL_OWNER: Final = Person("owner", OWNER)


@dataclass(frozen=True)
class Invite:
    """A link by which an annotator signs in, on any number of devices, until it expires or is revoked."""

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
        """Whether the invite is valid at the time `at` (ISO 8601, UTC): not revoked, and not expired."""
        return not self.revoked_at and (not self.expires_at or at < self.expires_at)


def new_token() -> str:
    """A new random secret of 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The SHA-256 of a secret, which is stored in its place: a copy of the database lets nobody in."""
    return hashlib.sha256(token.encode()).hexdigest()
