"""User names and passwords inside addresses: `https://me:secret@host/a.wav`.

Such an address is neither stored nor fetched, and no message repeats the part before its `@`. Secrets in a query
(presigned addresses) are part of the table; this module leaves them alone.

Libraries and browsers disagree about the end of the part before the `@`: backslashes, a missing or a third slash, a
password with a slash in it. Here every part that any of them would take for a user name counts as one.
"""

from __future__ import annotations

import re
from typing import Final

REFUSED: Final = "the address contains a user name or password: take it out"
HIDDEN: Final = "…@"  # in messages, in their place
_LONGEST: Final = 4_000  # characters of a message: a bound on the time, whatever a table contains
_AT: Final = r"(?:@|%40|\uff20|\ufe6b)"  # normalising a host's name turns full-width and small ＠ into @
_USER: Final = rf"[^/?#]*{_AT}"  # the whole part up to the @, in the place of a host
# `me:pa/ss@host`: no port follows the colon, so all up to the last @ is a password
_UNQUOTED: Final = rf"[^/?#@:\[]*:(?!\d*(?:[/\\?#]|\Z))\S*{_AT}"
_SLASHES: Final = r"[/\\]\s*+[/\\][/\\\s]*+"
_AFTER_SLASHES: Final = re.compile(rf"(?<![/\\])({_SLASHES})(?:{_USER}|{_UNQUOTED})")
_ADDRESS: Final = re.compile(rf"(\s*(?:[a-z][a-z0-9+.-]*:\s*)?{_SLASHES})(?:{_USER}|{_UNQUOTED})", re.IGNORECASE)
_NO_SLASHES: Final = re.compile(rf"(\s*(?!local:|demo:)[^/\\?#@\s:]+:[/\\]?){_USER}", re.IGNORECASE)
_holds_at: Final = re.compile(_AT).search


def has_credentials(address: str) -> bool:
    """Whether an address has a user name or a password before its host, in any spelling.

    Examples
    --------
    >>> has_credentials("https://me:secret@host/a.wav"), has_credentials("https://host/me@home.wav")
    (True, False)
    """
    return _userinfo(address) is not None


def holds_credentials(text: str) -> bool:
    """Whether a text contains an address with a user name or a password.

    Examples
    --------
    >>> holds_credentials("see https://me:secret@host/a.wav")
    True
    """
    return bool(_holds_at(text) and _AFTER_SLASHES.search(text))


def without_credentials(address: str) -> str:
    """An address without its user name and password.

    Examples
    --------
    >>> without_credentials("https://me:secret@host/a.wav")
    'https://host/a.wav'
    """
    match = _userinfo(address)
    return address if match is None else match[1] + address[match.end() :]


def mask_credentials(text: str) -> str:
    """The first 4,000 characters of a text, with `…@` in the place of all user names and passwords.

    Examples
    --------
    >>> mask_credentials("cannot open https://me:secret@host/a.wav")
    'cannot open https://…@host/a.wav'
    """
    text = text[:_LONGEST]
    match = _userinfo(text)
    if match is not None:
        text = match[1] + HIDDEN + text[match.end() :]
    return _AFTER_SLASHES.sub(lambda match: match[1] + HIDDEN, text) if _holds_at(text) else text


def _userinfo(address: str) -> re.Match[str] | None:
    if not _holds_at(address):  # true of nearly every address, and a table may have a million
        return None
    return _ADDRESS.match(address) or _NO_SLASHES.match(address)
