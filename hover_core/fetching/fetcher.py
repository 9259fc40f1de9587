"""URL → bytes, from untrusted servers.

A stranger may have written a table of URLs, and this process often runs inside a network that the stranger cannot
reach. So every address that a name resolves to is checked (see `transport`), the connection goes to exactly that
address, and every redirect is checked again. An operator can allow private servers, such as `python -m http.server` on
the same laptop, by their exact `host:port`.

Promises: at most `max_bytes`; at most `total_s` for a URL (also if a server sends a byte a second, and while a body is
unpacked); no body that is silently short; no proxies and no netrc; cookies only within one chain of redirects; messages
without the query of a URL, because presigned URLs carry their signature there. Credentials are sent only to an address
that a `Source` of the operator covers, so not after a redirect to another host, port, scheme or path.
"""

from __future__ import annotations

import email.utils
import http.client
import os
import random
import re
import socket
import ssl
import stat
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import urllib3
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import HTTPError

from hover_core.errors import FetchError, RefusedHost
from hover_core.fetching.addresses import Target, target_of
from hover_core.fetching.buckets import Buckets
from hover_core.fetching.transport import (
    FetchAttempt,
    FetchLimits,
    Through,
    Transport,
    TryAgain,
    failure,
    keep_cookies,
    meanwhile,
    too_large,
)
from hover_core.sources import BUCKET_SCHEMES, Source, closest_source

__all__ = ["FetchLimits", "Fetcher", "RefusedHost"]

_REDIRECTS: Final = frozenset({300, 301, 302, 303, 307, 308})
_TIMES_COMPRESSED: Final = 2  # at most
_UNPACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_COMPRESSED: Final = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_BLOCK: Final = 1 << 20
_PIECE: Final = 1 << 14  # of a compressed body: zlib copies the rest of a piece after each member in it
_SMALL: Final = 1 << 16  # bodies of redirects and failures that are read so that the connection can be kept
_RANGE: Final = re.compile(r"bytes\s+0-(\d+)/(\d+|\*)", re.IGNORECASE).fullmatch
_RETRY_AFTER_CAP_S: Final = 10.0


class Fetcher:
    """Fetches URLs over kept-alive connections; one fetcher serves all threads (some 64).

    Parameters
    ----------
    allowed_hosts : `host:port` strings of the operator, compared with the URL's host and port as written (lower case,
        default ports filled in): `"localhost:8000"` does not allow `"127.0.0.1:8000"`.
    dataset_hosts : the same of the owner of a dataset: they may lead to this machine or a private network, but not to
        a server that hands out a cloud's credentials.
    folders : scheme → folder: with `{"demo": folder}`, `demo:seven_3.ogg` is the file `seven_3.ogg` below the folder.
    sources : credentials for private sound, by address; see `hover_core.sources`. Each kind of bucket needs an
        optional package.
    limits : see `FetchLimits`.
    resolver : called as `socket.getaddrinfo(host, port, type=SOCK_STREAM)`.
    pool : kept-alive connections per host; with fewer than threads, each burst of answers closes some.
    tls : context for https; by default with the certificates that this system trusts.

    Examples
    --------
    >>> from hover_core.demo import FOLDER
    >>> with Fetcher(allowed_hosts=["127.0.0.1:8000"], folders={"demo": FOLDER}) as fetcher:
    ...     fetcher.fetch("demo:d0000.ogg")[:4]
    b'OggS'
    """

    def __init__(
        self,
        *,
        allowed_hosts: Collection[str] = (),
        dataset_hosts: Collection[str] = (),
        folders: Mapping[str, Path] | None = None,
        sources: Sequence[Source] = (),
        limits: FetchLimits | None = None,
        resolver: Callable[..., Any] = socket.getaddrinfo,
        pool: int = 128,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._buckets = Buckets(self._sources)
        self._folders = {scheme.lower(): Path(folder) for scheme, folder in (folders or {}).items()}
        self._limits = limits = limits or FetchLimits()
        by_operator = {host_port.strip().lower() for host_port in allowed_hosts} | self._buckets.endpoints()
        by_owner = {host_port.strip().lower() for host_port in dataset_hosts}
        self._transport = Transport(by_operator, by_owner, resolver, limits, pool, tls)
        self._closed = threading.Event()

    def fetch(self, url: str, through: Through = "session") -> bytes:
        """The bytes of a URL.

        Parameters
        ----------
        through : "session" of `requests`, or the "pool" under it for thousands of small sounds: that takes 0.2 ms less
            CPU for each. Checks, limits and redirects are the same.

        Raises
        ------
        RefusedHost
            The URL, or a redirect of it, leads to an address that only the operator may allow.
        FetchError
            All other failures. The message gives the reason without the URL, which the caller knows.
        """
        scheme = url.partition(":")[0].strip().lower()
        if scheme in self._folders:
            return self._read(self._folders[scheme], url.strip()[len(scheme) + 1 :])
        attempt = FetchAttempt(self._limits)
        target = self._in_bucket(url, attempt) if scheme in BUCKET_SCHEMES else self._with_source(target_of(url))
        for try_number in range(1, self._limits.tries + 1):
            if self._closed.is_set():
                raise FetchError("fetching was stopped")
            try:
                return self._follow(target, attempt, through)
            except TryAgain as again:
                pause = again.pause_s
                if pause is None:
                    pause = 0.2 * 3 ** (try_number - 1) * random.uniform(0.75, 1.25)
                if try_number == self._limits.tries or time.monotonic() + pause >= attempt.deadline:
                    raise FetchError(str(again)) from again
                self._closed.wait(pause)
        raise FetchError(f"tries={self._limits.tries} must be at least 1")

    def close(self) -> None:
        """Close kept-alive connections and end pauses; fetches under way end with their bytes or a FetchError."""
        self._closed.set()
        self._transport.close()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- files ------------------------------------------------------------------------------------------------------

    def _read(self, folder: Path, name: str) -> bytes:
        try:
            root = folder.resolve(strict=True)
            path = (root / name.lstrip("/")).resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise FetchError(f"there is no file {name!r} in the folder") from error
        if not path.is_relative_to(root):
            raise FetchError(f"{name!r} lies outside the folder")
        # NONBLOCK: do not wait for the writer of a fifo. NOFOLLOW: the path is resolved, so a link now is a swap.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            raise FetchError(f"{name!r} cannot be read ({error.strerror})") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FetchError(f"{name!r} is not a file")
            if status.st_size > self._limits.max_bytes:
                raise too_large(self._limits)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(self._limits.max_bytes + 1)
        finally:
            os.close(descriptor)
        if len(data) > self._limits.max_bytes:
            raise too_large(self._limits)
        return data

    # -- private sound ----------------------------------------------------------------------------------------------

    def _with_source(self, target: Target) -> Target:
        """The target with the headers and query of the operator's source for its address, if there is one."""
        path, _, query = target.path.partition("?")
        source = closest_source(self._sources, target.scheme, target.host_port, path) if self._sources else None
        if source is None:
            return target
        if source.query and source.query not in query:
            path = f"{path}?{query}&{source.query}" if query else f"{path}?{source.query}"
        else:
            path = target.path
        return replace(target, path=path, secret=source.headers)

    def _in_bucket(self, url: str, attempt: FetchAttempt) -> Target:
        box = meanwhile(lambda: self._buckets.address(url), attempt)
        if not box:
            attempt.left_s(0)
        if isinstance(box[0], Exception):
            raise box[0]
        attempt.bucket = box[0].where
        return replace(target_of(box[0].url), secret=tuple(box[0].headers.items()))

    # -- http -------------------------------------------------------------------------------------------------------

    def _follow(self, target: Target, attempt: FetchAttempt, through: Through) -> bytes:
        cookies: RequestsCookieJar | None = None  # of this chain of redirects only
        targets = set()
        for _ in range(self._limits.redirects + 1):
            attempt.target = target
            attempt.where = f" (after a redirect to {target.host})" if target.redirected else attempt.bucket
            targets.add((target.origin, target.path))
            answer = self._transport.get(attempt, cookies, through)
            try:
                location = answer.headers.get("Location") if answer.status in _REDIRECTS else None
                if not location:
                    return self._body(answer, attempt)
                if "Set-Cookie" in answer.headers:
                    cookies = RequestsCookieJar() if cookies is None else cookies
                    keep_cookies(cookies, target, answer)
                _read_if_small(answer)
            except (HTTPError, OSError, http.client.HTTPException, ValueError) as error:
                raise failure(error, attempt) from error
            finally:
                answer.close()  # an answer that was read to its end has returned its connection already
                answer.release_conn()
            target = self._next(target, location, attempt)
        circle = ", which go in a circle" if len(targets) <= self._limits.redirects else ""
        raise FetchError(f"more than {self._limits.redirects} redirects{circle}")

    def _next(self, target: Target, location: str, attempt: FetchAttempt) -> Target:
        """The target of a redirect, with the credentials for its address."""
        try:
            location = location.encode("latin-1", "replace").decode("utf-8", "replace")
            url = urllib.parse.urljoin(target.url, location)
        except ValueError as error:
            raise FetchError("the server redirects to an address that cannot be read as a URL") from error
        following = target_of(url, redirected=True)
        if not attempt.bucket:
            return self._with_source(following)
        # the service of a bucket may redirect within itself
        return replace(following, secret=target.secret) if following.origin == target.origin else following

    def _body(self, answer: urllib3.BaseHTTPResponse, attempt: FetchAttempt) -> bytes:
        self._insist(answer, attempt)
        codings = [coding.strip().lower() for coding in answer.headers.get("Content-Encoding", "").split(",")]
        if unwanted := _COMPRESSED.intersection(codings):
            name = min(unwanted)
            raise FetchError(f"the server sends the file compressed ({name}), though it was asked not to")
        codings = [coding for coding in codings if coding in _UNPACKED]  # others ("UTF-8", "none") do not compress
        if len(codings) > _TIMES_COMPRESSED:
            raise FetchError(f"the server sends the file compressed {len(codings)} times over")
        pieces = self._pieces(answer, _PIECE if codings else _BLOCK)
        for coding in reversed(codings):
            pieces = _decompress(pieces, coding)
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > self._limits.max_bytes:
                raise too_large(self._limits)
            attempt.left_s(0)
        return bytes(body)

    def _insist(self, answer: urllib3.BaseHTTPResponse, attempt: FetchAttempt) -> None:
        """Raise a FetchError unless the answer holds the whole file."""
        status = answer.status
        part = _RANGE(answer.headers.get("Content-Range", "").strip()) if status == 206 else None
        if part and part[2] not in ("*", str(int(part[1]) + 1)):
            what = f"the server sent {int(part[1]) + 1:,} of {int(part[2]):,} bytes, though it was asked for all"
            raise FetchError(what + attempt.where)
        if status in (200, 203) or part:
            return
        _read_if_small(answer)
        message = f"HTTP {status}{_status_reason(status)}{attempt.where}"
        if status in (408, 425, 429) or status >= 500:
            raise TryAgain(message, _retry_after(answer.headers.get("Retry-After")))
        raise FetchError(message)

    def _pieces(self, answer: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
        """The body as sent, still compressed, in pieces of at most `most` bytes."""
        expected = answer.length_remaining  # None: chunked, or until the connection closes
        if expected is not None and expected > self._limits.max_bytes:
            raise too_large(self._limits)
        size = 0
        while size != expected and (piece := answer.read(most, decode_content=False)):
            size += len(piece)
            if size > self._limits.max_bytes:
                raise too_large(self._limits)
            yield piece
        if expected is not None and size != expected:
            raise TryAgain(f"the connection ended after {size:,} of {expected:,} bytes")
        if not expected:
            answer.read(1)  # so that the connection can be kept


def _read_if_small(answer: urllib3.BaseHTTPResponse) -> None:
    if answer.length_remaining is not None and answer.length_remaining <= _SMALL:
        answer.read(_SMALL, decode_content=False)


def _decompress(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """The pieces of a body without a compression that was not requested, at most a megabyte at a time."""
    engine = None
    try:
        for piece in pieces:
            while piece:
                if engine is None or engine.eof:  # a compressed body may have many members
                    engine = zlib.decompressobj(_wbits(coding, piece[0]))
                yield engine.decompress(piece, _BLOCK)
                piece = engine.unconsumed_tail or engine.unused_data
        while engine is not None and not engine.eof:
            block = engine.decompress(b"", _BLOCK)
            if not block:
                raise FetchError(f"the server's {coding} compression ends too early")
            yield block
    except zlib.error as error:
        raise FetchError(f"the server's {coding} compression is damaged") from error


def _wbits(coding: str, first: int) -> int:
    """The `wbits` for zlib. 47 recognises gzip and zlib; some servers send raw deflate, which needs -15."""
    return -15 if coding == "deflate" and first != 0x1F and first & 15 != 8 else 47


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _RETRY_AFTER_CAP_S) if seconds == seconds else None


def _status_reason(status: int) -> str:
    plain = {
        401: "the server wants a password",
        403: "the server does not allow it; has the link expired?",
        404: "there is no such file",
        410: "the file is gone",
        429: "too many requests",
    }
    meaning = plain.get(status) or http.client.responses.get(status, "")
    return f": {meaning}" if meaning else ""
