"""User names and passwords inside addresses: `https://me:secret@host/a.wav`.

Such an address is neither stored nor fetched, and no message repeats what stands before its `@`. What a query holds
(presigned addresses) is the table's own and no matter of this module.

Libraries and browsers disagree about where the part before the `@` ends: backslashes, a missing or a third slash, a
password with a slash in it. Whatever one of them would take for a user name counts as one here.
"""

from __future__ import annotations

import re
from typing import Final

REFUSED: Final = "the address contains a user name or password: take it out"
HIDDEN: Final = "…@"  # stands for them in messages
_LONGEST: Final = 4_000  # characters of a text that are looked at for a message: no table makes this slow
_AT: Final = r"(?:@|%40|\uff20|\ufe6b)"  # full-width and small ＠ are an @ once a name is normalised
_USER: Final = rf"[^/?#]*{_AT}"  # the whole part up to the @, in the place of a host
# `me:pa/ss@host`: what follows the colon is no port, so all of it up to the last @ is a password
_UNQUOTED: Final = rf"[^/?#@:\[]*:(?!\d*(?:[/\\?#]|\Z))\S*{_AT}"
_SLASHES: Final = r"[/\\]\s*+[/\\][/\\\s]*+"
_AFTER_SLASHES: Final = re.compile(rf"(?<![/\\])({_SLASHES})(?:{_USER}|{_UNQUOTED})")
_ADDRESS: Final = re.compile(rf"(\s*(?:[a-z][a-z0-9+.-]*:\s*)?{_SLASHES})(?:{_USER}|{_UNQUOTED})", re.IGNORECASE)
_NO_SLASHES: Final = re.compile(rf"(\s*(?!local:|demo:)[^/\\?#@\s:]+:[/\\]?){_USER}", re.IGNORECASE)
_holds_at: Final = re.compile(_AT).search


def has_credentials(address: str) -> bool:
    """Whether an address has a user name or a password in the place of its host, in any spelling."""
    return _userinfo(address) is not None


def holds_credentials(text: str) -> bool:
    """Whether an address with a user name or a password stands anywhere in a text."""
    return bool(_holds_at(text) and _AFTER_SLASHES.search(text))


def without_credentials(address: str) -> str:
    """An address without its user name and password."""
    match = _userinfo(address)
    return address if match is None else match[1] + address[match.end() :]


def mask_credentials(text: str) -> str:
    """A text for a message, at most 4,000 characters: `…@` in the place of all user names and passwords."""
    text = text[:_LONGEST]
    match = _userinfo(text)
    if match is not None:
        text = match[1] + HIDDEN + text[match.end() :]
    return _AFTER_SLASHES.sub(lambda match: match[1] + HIDDEN, text) if _holds_at(text) else text


def _userinfo(address: str) -> re.Match[str] | None:
    if not _holds_at(address):  # nearly every address; a million are looked at
        return None
    return _ADDRESS.match(address) or _NO_SLASHES.match(address)
