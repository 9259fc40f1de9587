"""Cells that hold addresses → addresses that can be fetched, or why one cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from hover_core.data import credentials
from hover_core.errors import TableError
from hover_core.fetching import buckets
from hover_core.tables.row_cells import RowCells

SCHEMES: Final = ("http", "https")
FOLDERS: Final = ("local", "demo")
MAX_URL: Final = 4_000
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_BARE_PERCENT: Final = re.compile("%(?![0-9a-fA-F]{2})")
_CREDENTIALS: Final = f"{credentials.REFUSED}; the operator can open private sound in another way (HOVER_SOURCES)"
# Nearly every address: nothing in it is rewritten, refused or left out by the normal form (`clips.normal_url`).
_ordinary: Final = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?!80/|443/)[1-9][0-9]{0,4})?"
    r"/[!$%&'()*+,\-./0-9:;=A-Z_a-z~]*(?:\?[!$%&'()*+,\-./0-9:;=A-Z_a-z~]+)?"
).fullmatch


def is_ordinary(address: str) -> bool:
    """Whether an address is its own normal form (by the whole address) and needs no further look."""
    return len(address) <= MAX_URL and _ordinary(address) is not None


def is_relative(address: str) -> bool:
    """Whether an address needs a base address or a folder."""
    return bool(address.strip()) and not _SCHEME.match(address.strip())


def read_addresses(cells: RowCells, values: Sequence[str], base_url: str, *, local_folder: bool) -> list[str]:
    """The address of each row; rows whose cell is none are refused. [length n]"""
    addresses: list[str] = []
    for row, value in enumerate(values):
        if not is_ordinary(value):
            try:
                value = address_of(value, base_url, local_folder=local_folder)
            except TableError as error:
                cells.refuse(row, str(error))
        addresses.append(value)
    return addresses


def as_path(name: str) -> str:
    """A relative name, which is text, as the path of an address: `#`, `?` and a bare `%` are letters of it.

    Letters that every server understands as they are stay, so that a clip keeps its id.

    Examples
    --------
    >>> as_path("kick C#1.wav"), as_path("50% off?.wav"), as_path("a%20b.wav")
    ('kick C%231.wav', '50%25 off%3F.wav', 'a%20b.wav')
    """
    name = _BARE_PERCENT.sub("%25", name).replace("#", "%23").replace("?", "%3F")
    return f"./{name}" if ":" in name.split("/", 1)[0] else name  # `a:b.wav` is no scheme


def address_of(value: str, base_url: str, *, local_folder: bool) -> str:
    """A cell without blanks at its ends as an address.

    Raises
    ------
    TableError
        It is none that can be fetched; the sentence says why.
    """
    if not value:
        raise TableError("the address is empty: it must be a URL")
    if len(value) > MAX_URL:
        raise TableError(f"the address has {len(value):,} characters: {MAX_URL:,} are allowed")
    if any(ord(character) < 33 for character in value.replace(" ", "")):
        raise TableError("the address holds control characters: take them out")
    # one that is none by its beginning may be joined to a base or a folder: then it is looked through
    if credentials.has_credentials(value) or (not _SCHEME.match(value) and credentials.holds_credentials(value)):
        raise TableError(_CREDENTIALS)
    if not _SCHEME.match(value):
        if base_url:
            if credentials.has_credentials(base_url):
                raise TableError("the base address contains a user name or password: take it out")
            value = urljoin(base_url.rstrip("/") + "/", as_path(value.lstrip("/")))
        elif local_folder:
            return "local:" + value.removeprefix("./")
        else:
            raise TableError(
                "this is no full address: it must start with http:// or https://, or give a base address for all rows"
            )
    scheme = value.split(":", 1)[0].lower()
    if scheme in FOLDERS:
        return value
    if scheme in buckets.PACKAGES:
        wrong = buckets.unreadable(value)
        if wrong:
            raise TableError(wrong)
        return value
    if scheme not in SCHEMES:
        raise TableError(
            f"addresses that start with {scheme[:20]}: are not read: use http:// or https:// (or s3://, gs://, hf://)"
        )
    try:
        parts = urlsplit(value)
        if "@" in parts.netloc or "\\" in parts.netloc:
            raise TableError(_CREDENTIALS)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError as error:
        raise TableError("the address has no host that could be asked: it looks like https://host/file.wav") from error
    return value.replace(" ", "%20")
