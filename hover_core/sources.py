"""Sources of private sound: the headers, query and credentials with which the operator lets some addresses be fetched.

A `Source` belongs to the operator, never to a table or a dataset: it is read from the environment or from secrets, kept
in memory only, and its `repr` shows no secret. It covers addresses by scheme, host, port and the beginning of the path;
the fetcher sends its secrets to these addresses and to no other.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
import urllib.parse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hover_core.errors import Refused

BUCKET_SCHEMES: Final = ("s3", "gs", "hf")
_PORTS: Final = {"http": 80, "https": 443}
_KEYS: Final = ("hosts", "headers", "query", "options", "datasets")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110
_OURS: Final = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect",
    "accept-encoding", "range", "keep-alive",
})  # fmt: skip
_NO_VALUE = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


@dataclass(frozen=True)
class AddressPrefix:
    """All addresses with this scheme, host and beginning of the path; an empty `host`: every bucket of the scheme."""

    scheme: str
    host: str
    path: str

    def covers(self, scheme: str, host: str, path: str) -> bool:
        """Whether an address begins like this. `host` is `host:port`, or a bucket; `path` begins with a slash."""
        if scheme != self.scheme or (self.host and host != self.host):
            return False
        rest = path[len(self.path) :] if path.startswith(self.path) else None
        if rest is None or not _straight(path):
            return False
        return self.path.endswith("/") or not rest or rest[0] == "/" or (scheme == "hf" and rest[0] == "@")


@dataclass(frozen=True, repr=False)
class Source:
    """Headers, query and credentials for some addresses.

    Attributes
    ----------
    name : the operator's name for it; no other part is ever shown.
    places : the addresses that it covers.
    headers : sent with every request to these addresses.
    query : appended to these addresses, `a=1&b=2`.
    options : for buckets, the options of the fsspec file system (`key`, `secret`, `endpoint_url`, `token`, …), as JSON.
    datasets : names or ids of the datasets that may use it; empty for all.
    """

    name: str
    places: tuple[AddressPrefix, ...]
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    options: str = "{}"
    datasets: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


def closest_source(sources: Sequence[Source], scheme: str, host: str, path: str) -> Source | None:
    """The source with the longest prefix that covers an address, or None. Arguments as in `AddressPrefix.covers`.

    Examples
    --------
    >>> closest_source(read_sources('{"all": {"hosts": ["s3://"]}}'), "s3", "bucket", "/owl.wav")
    Source('all')
    """
    matches = [
        (len(place.host), len(place.path), -number, source)
        for number, source in enumerate(sources)
        for place in source.places
        if place.covers(scheme, host, path)
    ]
    return max(matches, key=lambda match: match[:3])[3] if matches else None


def for_dataset(sources: Sequence[Source], names: Collection[str]) -> tuple[Source, ...]:
    """The sources that a dataset with these names (its name, its id) may use."""
    return tuple(source for source in sources if not source.datasets or source.datasets & set(names))


def read_sources(text: str) -> tuple[Source, ...]:
    """The sources in a JSON text, or in the TOML file that it names.

    `{"archive": {"hosts": ["https://sound.example.org/clips/"], "headers": {"Authorization": "Bearer …"}}}`, or in
    TOML a table `[hover.sources.archive]` with the same keys.

    Raises
    ------
    Refused
        The text or the file cannot be read, or a source in it is malformed; the message shows no secret.

    Examples
    --------
    >>> read_sources('{"archive": {"hosts": ["sound.example.org/clips/"], "headers": {"X-Key": "secret"}}}')
    (Source('archive'),)
    """
    return _parse(sources_json(text))


def sources_json(text: str) -> str:
    """The sources in a JSON text, or in the TOML file that it names, as JSON `{name: source}`.

    Raises
    ------
    Refused
        The text is neither JSON nor the path of a TOML file that can be read.

    Examples
    --------
    >>> sources_json("")
    '{}'
    """
    text = text.strip()
    try:
        if not text or text.startswith("{"):
            table = json.loads(text or "{}")
        else:
            table = tomllib.loads(Path(text).expanduser().read_text("utf-8"))
            for part in ("hover", "sources"):
                table = table.get(part, table) if isinstance(table, dict) else table
    except OSError:
        raise Refused("HOVER_SOURCES names no file that can be read: give a TOML file, or JSON") from None
    except ValueError:  # not chained: the message of the error may hold a piece of the text
        raise Refused(
            'the sources cannot be read: JSON looks like {"name": {"hosts": […], "headers": {…}}}, '
            "TOML like [hover.sources.name]"
        ) from None
    if not isinstance(table, dict):
        raise Refused("the sources are no table of names: [hover.sources.name]")
    return json.dumps(table, default=str)


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> tuple[Source, ...]:
    return tuple(_source(name, values) for name, values in json.loads(text).items())


def _source(name: str, table: Any) -> Source:
    where = f"the source “{name}”"
    if not isinstance(table, dict):
        raise Refused(f"{where} is no table: it has hosts, and headers, a query or options")
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise Refused(f"{where} has “{unknown[0]}”, which means nothing here: use {', '.join(_KEYS)}")
    headers, options, query = table.get("headers", {}), table.get("options", {}), table.get("query", "")
    if not (isinstance(headers, dict) and isinstance(options, dict) and isinstance(query, str)):
        raise Refused(f"{where}: headers and options are tables, query is a text")
    places = tuple(_place(word, where) for word in _words(table.get("hosts"), f"{where}: hosts"))
    if not places:
        raise Refused(f"{where} names no hosts: give for example hosts = ['https://sound.example.org/clips/']")
    for header, value in headers.items():
        if not _TOKEN.fullmatch(header) or header.lower() in _OURS:
            raise Refused(f"{where}: {header[:40]!r} is no header that can be given")
        if not isinstance(value, str) or _NO_VALUE.search(value):
            raise Refused(f"{where}: the value of {header} is no line of text")
    query = urllib.parse.quote(query.lstrip("?&"), safe="!$&'()*+,/:;=?@[]~%-._")
    datasets = frozenset(_words(table.get("datasets", []), f"{where}: datasets"))
    return Source(
        name, places, tuple(headers.items()), query, json.dumps(options, sort_keys=True, default=str), datasets
    )


def _words(words: Any, where: str) -> list[str]:
    words = [words] if isinstance(words, str) else words
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise Refused(f"{where} must be a list of texts")
    return [word.strip() for word in words]


def _place(word: str, where: str) -> AddressPrefix:
    """`host`, `host:port`, `https://host/path/`, `s3://bucket/prefix/`, `s3://`; without a scheme it is https."""
    full = word if "://" in word else f"https://{word}"
    try:
        parts = urllib.parse.urlsplit(full)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host, parts = 0, "", urllib.parse.urlsplit("")
    scheme = parts.scheme.lower()
    refusal = Refused(
        f"{where}: one of its hosts cannot be read: write https://host/path/, http://host:port, s3://bucket/ or s3://"
    )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise refusal
    path = parts.path or "/"
    if scheme in BUCKET_SCHEMES:
        return AddressPrefix(scheme, parts.netloc, path)
    if scheme not in _PORTS or not host or port == 0 or "*" in host:
        raise refusal
    host = f"[{host}]" if ":" in host else host
    return AddressPrefix(scheme, f"{host}:{port or _PORTS[scheme]}", path)


def _straight(path: str) -> bool:
    """Whether a path has no `..`, by which a server would leave the prefix that the path was compared with."""
    segments = urllib.parse.unquote(path).replace("\\", "/").split("/")
    return not any(segment.partition(";")[0] in (".", "..") for segment in segments)
