"""A clip is the piece that gets labelled: one URL, optionally `[start, end)` seconds of it.

Its `clip_id` never changes once stored, so that adding the same table twice adds nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from hover_core.data.credentials import without_credentials
from hover_core.data.names import clean
from hover_core.errors import TableError

SUBSETS: Final = ("raw", "train", "dev", "test")
SUBSET_SYNONYMS: Final = {"val": "dev", "valid": "dev", "validation": "dev", "": "raw"}
IDENTITIES: Final = {
    "full": "the whole address",
    "no-query": "the address without what follows “?” (presigned links)",
    "path": "the path alone (files that moved to another host)",
}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_QUERY: Final = re.compile(r"\?.*|[#;&][^#;&]*=.*", re.DOTALL)  # also a query that was encoded with the path
_MOST_ENCODED: Final = 5  # levels of addresses within addresses


@dataclass(frozen=True)
class Clip:
    """One clip of a table. `start_s` and `end_s` are seconds into the recording; None for its start and end."""

    clip_id: str
    url: str
    start_s: float | None = None
    end_s: float | None = None
    group: str = ""
    subset: str = "raw"
    label: str = ""
    reference: str = ""
    own_id: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def subset_named(word: str) -> str:
    """The subset that `word` means; `val`, `valid` and `validation` are dev, empty is raw.

    Raises
    ------
    TableError
        `word` is no subset.

    Examples
    --------
    >>> subset_named("Validation"), subset_named("")
    ('dev', 'raw')
    """
    name = clean(word).lower()
    name = SUBSET_SYNONYMS.get(name, name)
    if name not in SUBSETS:
        raise TableError(f"subset “{word}” is unknown: use raw, train, dev or test (val and validation mean dev)")
    return name


def normal_url(url: str, identity: str = "full") -> str:
    """`url` in normal form: scheme and host in lower case, no default port, no fragment.

    `identity` is one of `IDENTITIES`: the parts of the address that identify the sound. Addresses other than http and
    https are returned as they are.

    Examples
    --------
    >>> normal_url("HTTPS://Example.org:443/a.wav?sig=1#t", "no-query")
    'https://example.org/a.wav'
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        return url.strip()
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    try:
        port = parts.port
    except ValueError:
        return url.strip()
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    query = parts.query if identity == "full" else ""
    if identity == "path":
        return parts.path or "/"
    return urlunsplit((scheme, host, parts.path or "/", query, ""))


def clip_id(
    url: str,
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    own_id: str = "",
    identity: str = "full",
) -> str:
    """The permanent id of a clip: a hash of the table's own id, or else of the URL, and of start and end [seconds].

    Examples
    --------
    >>> clip_id("https://example.org/a.wav") == clip_id("HTTPS://EXAMPLE.org:443/a.wav")
    True
    """
    start, end = seconds_text(start_s), seconds_text(end_s)
    if own_id:
        return hashed(f"id\n{own_id}\n{start}\n{end}" if start or end else f"id\n{own_id}")
    return hashed(f"url\n{normal_url(url, identity)}\n{start}\n{end}")


def hashed(name: str) -> str:
    """The id of a clip with this name. [20 hex digits]"""
    return hashlib.sha256(name.encode()).hexdigest()[:20]


def clip_name(url: str, start_s: float | None = None, end_s: float | None = None) -> str:
    """The name of a clip for people: the last part of its address, and its start and end.

    Examples
    --------
    >>> clip_name("https://example.org/dawn.wav", 1.5, 4)
    'dawn.wav 1.5–4 s'
    """
    try:
        path = urlsplit(url).path or without_credentials(url)
    except ValueError:  # a bracket that begins no IPv6 address
        path = without_credentials(url)
    name = path.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1] or url
    return name + stretch_name(start_s, end_s)


def stretch_name(start_s: float | None, end_s: float | None) -> str:
    """Start and end as a suffix to the name of a clip; empty for a whole recording.

    Examples
    --------
    >>> stretch_name(None, 4)
    ' 0–4 s'
    """
    if start_s is None and end_s is None:
        return ""
    return f" {seconds_text(start_s) or '0'}–{seconds_text(end_s) or 'end'} s"


def file_name(url: str) -> str:
    """The last part of an address's path, without host, folder, user, query or signature.

    If the path contains another address, percent-encoded, the last part of that one. Empty if the path names no file.

    Examples
    --------
    >>> file_name("https://me:secret@host/bark.wav?sig=1")
    'bark.wav'
    >>> file_name("https://host/v0/o/dogs%2Fbark.wav?token=1")
    'bark.wav'
    >>> file_name("https://host?file=bark.wav&sig=1")
    ''
    """
    rest = re.split("[?#]", url.strip(), maxsplit=1)[0]
    for _ in range(_MOST_ENCODED):
        _, scheme, behind = rest.rpartition("://")
        if scheme or rest.startswith("//"):
            rest = (behind if scheme else rest[2:]).partition("/")[2]
        rest = _QUERY.sub("", rest).rstrip("/\\")
        rest = re.split(r"[/\\:]", rest)[-1]
        plain = unquote(rest)
        if plain == rest:
            return rest
        rest = plain
    return ""


def seconds_text(value: float | None) -> str:
    """Seconds as they stand in names and ids, to the microsecond; empty for None."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")
