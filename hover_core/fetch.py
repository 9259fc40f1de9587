"""URL → bytes, from servers that nobody vouches for.

A table of URLs is text that a stranger may have written, and this process often sits inside a network that the stranger
cannot reach. So every address that a name resolves to is judged, the connection goes to exactly the judged address
(a second look-up could answer differently), and every redirect is judged again. What an operator wants nevertheless,
such as `python -m http.server` on the same laptop, is allowed by its exact `host:port`.

Promises: at most `max_bytes`, never longer than `total_s` per URL (also against a server that sends one byte a second),
no body that is silently short, no proxies, cookies or netrc, and messages without the query of a URL, because that is
where presigned URLs carry their signature. Credentials are sent only where a `Source` of the operator covers the very
address that is asked, so after a redirect to another host, port, scheme or path not any more.

It stands on `http.client`'s bodies, `responses` and a pool of sockets of its own. *Measured*: 0.05 ms of our CPU for a
small file over a kept-alive connection; `urllib3.PoolManager.urlopen` takes 0.14 ms and `requests.get` 0.60 ms.
"""

from __future__ import annotations

import email.utils
import errno
import http.client
import os
import random
import socket
import ssl
import stat
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hover_core.addresses import Target, asking, refusal, refusal_to_owners, target_of
from hover_core.buckets import Buckets
from hover_core.connections import Errand, Pool, Watchdog, hang_up
from hover_core.errors import FetchError
from hover_core.responses import Response
from hover_core.sources import BUCKET_SCHEMES, Source, covering

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BLOCK = 1 << 20
_ADDRESS_LIFE_S = 30.0
_RETRY_AFTER_CAP_S = 10.0


class RefusedHost(FetchError):
    """The URL leads to an address that only the operator may allow.

    Attributes
    ----------
    host_port : str
        What to put into `allowed_hosts`, for example `"127.0.0.1:8000"`.
    redirected : bool
        A server sent us there. Do not offer to allow that: the server chose the address, not the person.
    operator_only : bool
        The owner of a dataset cannot allow it (`dataset_hosts`): it may be a cloud's metadata server, for example.
    """

    def __init__(self, message: str, host_port: str, redirected: bool = False, *, operator_only: bool = False) -> None:
        super().__init__(message)
        self.host_port = host_port
        self.redirected = redirected
        self.operator_only = operator_only


@dataclass(frozen=True)
class FetchLimits:
    """Bounds for one URL.

    Parameters
    ----------
    max_bytes : largest body, as received and also after decompression.
    connect_s, read_s : seconds for one connection, and between two pieces of an answer.
    total_s : seconds for the URL in all: redirects, tries and pauses included.
    redirects : redirects followed in one try.
    tries : attempts on 429, 5xx, connection errors and short bodies.
    """

    max_bytes: int = 200_000_000
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 60.0
    redirects: int = 5
    tries: int = 3


class Fetcher:
    """Fetches URLs; one for all threads (some 64), with kept-alive connections.

    Parameters
    ----------
    allowed_hosts : `host:port` strings of the operator, compared with the URL's host and port as written (lower case,
        default ports filled in): `"localhost:8000"` does not allow `"127.0.0.1:8000"`.
    dataset_hosts : the same, as the owner of a dataset allowed them: only as far as they lead to this machine or a
        private network, and never to a server that hands out a cloud's credentials.
    folders : scheme → folder: with `{"demo": folder}`, `demo:seven_3.ogg` is the file `seven_3.ogg` below the folder.
    sources : what opens private sound, by its address; see `hover_core.sources`. Buckets need an optional package each.
    limits : see `FetchLimits`.
    resolver : called as `socket.getaddrinfo(host, port, type=SOCK_STREAM)`.
    pool : kept-alive connections per host; with fewer than there are threads, each burst of answers hangs some up.
    tls : for https; by default the certificates that this system trusts.

    Examples
    --------
    >>> with Fetcher(allowed_hosts=["127.0.0.1:8000"]) as fetcher:   # doctest: +SKIP
    ...     data = fetcher.fetch("http://127.0.0.1:8000/seven_3.wav")
    """

    def __init__(
        self,
        *,
        allowed_hosts: Collection[str] = (),
        dataset_hosts: Collection[str] = (),
        folders: Mapping[str, Path] | None = None,
        sources: Sequence[Source] = (),
        limits: FetchLimits = FetchLimits(),
        resolver: Callable[..., Any] = socket.getaddrinfo,
        pool: int = 128,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._buckets = Buckets(self._sources)
        self._allowed = frozenset(host_port.strip().lower() for host_port in allowed_hosts) | self._buckets.endpoints()
        self._allowed_by_owner = frozenset(host_port.strip().lower() for host_port in dataset_hosts)
        self._folders = {scheme.lower(): Path(folder) for scheme, folder in (folders or {}).items()}
        self._limits = limits
        self._resolver = resolver
        self._tls = tls
        self._pool = Pool(per_host=pool)
        self._addresses: dict[str, tuple[float, list[tuple[int, Any]]]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watchdog = Watchdog(self._closed)

    def fetch(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises
        ------
        RefusedHost
            The URL, or a redirect of it, leads to an address that only the operator may allow.
        FetchError
            Anything else. The message says what is wrong in words, without the URL: the caller knows it.
        """
        scheme = url.partition(":")[0].strip().lower()
        if scheme in self._folders:
            return self._read(self._folders[scheme], url.strip()[len(scheme) + 1 :])
        errand = Errand(time.monotonic() + self._limits.total_s)
        target = self._in_bucket(url, errand) if scheme in BUCKET_SCHEMES else self._opened(target_of(url))
        for attempt in range(1, self._limits.tries + 1):
            if self._closed.is_set():
                raise FetchError("fetching was stopped")
            try:
                return self._follow(target, errand)
            except _Again as again:
                if errand.expired or time.monotonic() >= errand.deadline:
                    raise FetchError(self._too_slow()) from again
                pause = again.pause_s
                if pause is None:
                    pause = 0.2 * 3 ** (attempt - 1) * random.uniform(0.75, 1.25)
                if attempt == self._limits.tries or time.monotonic() + pause >= errand.deadline:
                    raise FetchError(str(again)) from again
                self._closed.wait(pause)
        raise FetchError(f"tries={self._limits.tries} must be at least 1")

    def close(self) -> None:
        """Closes kept-alive connections and ends pauses; running fetches end with a FetchError or their bytes."""
        self._closed.set()
        self._watchdog.wake()
        self._pool.close()

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
        # NONBLOCK: opening a fifo must not wait for a writer. NOFOLLOW: the path was resolved, a link now is a swap.
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
                raise FetchError(self._too_large())
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(self._limits.max_bytes + 1)
        finally:
            os.close(descriptor)
        if len(data) > self._limits.max_bytes:
            raise FetchError(self._too_large())
        return data

    # -- private sound ----------------------------------------------------------------------------------------------

    def _opened(self, target: Target) -> Target:
        """The target with what the operator's source for its address adds to the request, if there is one."""
        path, _, query = target.path.partition("?")
        source = covering(self._sources, target.scheme, target.host_port, path) if self._sources else None
        if source is None:
            return target
        if source.query and source.query not in query:
            path = f"{path}?{query}&{source.query}" if query else f"{path}?{source.query}"
        else:
            path = target.path
        return asking(target, path, source.headers)

    def _in_bucket(self, url: str, errand: Errand) -> Target:
        found = self._meanwhile(lambda: self._buckets.address(url), errand)
        if not found:
            raise FetchError(self._too_slow())
        if isinstance(found[0], Exception):
            raise found[0]
        errand.where = found[0].where
        target = target_of(found[0].url)
        return asking(target, target.path, tuple(found[0].headers.items()))

    # -- http -------------------------------------------------------------------------------------------------------

    def _follow(self, target: Target, errand: Errand) -> bytes:
        first = target
        for _ in range(self._limits.redirects + 1):
            where = errand.where if target is first else f" (after a redirect to {target.host})"
            answer = self._ask(target, errand, where)
            if isinstance(answer, bytes):
                return answer
            source_of = target
            target = target_of(urllib.parse.urljoin(target.url, answer), redirected=True)
            if not errand.where:
                target = self._opened(target)
            elif target.origin == source_of.origin:  # a bucket's service that moves the file within itself
                target = asking(target, target.path, source_of.secret)
        raise FetchError(f"more than {self._limits.redirects} redirects")

    def _ask(self, target: Target, errand: Errand, where: str) -> bytes | str:
        """The body, or the address that a redirect names."""
        while True:
            sock = self._pool.take(target.origin)
            reused = sock is not None
            try:
                if sock is None:
                    sock = self._connect(target, errand, where)
                self._watchdog.watch(errand, sock)
                sock.sendall(target.request)
                response = Response(sock)
                try:
                    try:
                        response.begin()
                    except (ConnectionError, http.client.BadStatusLine):
                        if reused and not errand.expired:
                            continue  # the server hung up on an idle connection: no fault of the URL
                        raise
                    answer = self._answer(response, where)
                    if errand.expired:  # a body without a length ends where the watchdog cut it
                        raise FetchError(self._too_slow() + where)
                    # Only an answer that was read to its end leaves the connection fit for another question.
                    if response.isclosed() and not response.will_close and not self._closed.is_set():
                        self._watchdog.forget(errand)
                        self._pool.give(target.origin, sock)
                        sock = None
                finally:
                    response.close()
                return answer
            except ConnectionError as error:
                if reused and not errand.expired:
                    continue
                raise self._again(f"the connection was lost ({_words(error)})", errand, where) from error
            except TimeoutError as error:
                raise self._again(f"the server sent nothing for {self._limits.read_s:g} s", errand, where) from error
            except http.client.IncompleteRead as error:
                raise self._again("the connection ended before the file did", errand, where) from error
            except (http.client.HTTPException, ValueError, AttributeError) as error:
                # AttributeError: http.client after our watchdog took its socket away.
                raise self._again("the server's answer is not HTTP", errand, where) from error
            except OSError as error:
                raise self._again(f"the connection was lost ({_words(error)})", errand, where) from error
            finally:
                self._watchdog.forget(errand)
                if sock is not None:
                    hang_up(sock)

    def _answer(self, response: Response, where: str) -> bytes | str:
        status = response.status
        if status == 200 or status == 203:
            body = self._body(response)
            encoding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
            return body if encoding in ("identity", "") else self._plain(body, encoding)
        if response.length is not None and response.length <= 65_536:
            response.read(65_536)  # so that the connection can be kept
        location = response.headers.get("Location")
        if status in _REDIRECTS and location:
            return location.encode("latin-1", "replace").decode("utf-8", "replace")
        message = f"HTTP {status}{_meaning(status)}{where}"
        if status in (408, 425, 429) or status >= 500:
            raise _Again(message, _retry_after(response.headers.get("Retry-After")))
        raise FetchError(message)

    def _body(self, response: Response) -> bytes:
        expected = response.length  # None: chunked, or until the connection closes
        if expected is not None and expected > self._limits.max_bytes:
            raise FetchError(self._too_large())
        if expected is not None and expected <= _BLOCK:
            body = response.read(expected) if expected else response.read()
        else:
            blocks, size = [], 0
            while block := response.read(_BLOCK):
                size += len(block)
                if size > self._limits.max_bytes:
                    raise FetchError(self._too_large())
                blocks.append(block)
            body = b"".join(blocks)
        if expected is not None and len(body) != expected:
            raise _Again(f"the connection ended after {len(body):,} of {expected:,} bytes")
        return body

    def _plain(self, body: bytes, encoding: str) -> bytes:
        """Undoes a compression that we did not ask for, without trusting its size."""
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise FetchError(f"the server sends the file compressed ({encoding}), though it was asked not to")
        blocks, size = [], 0
        while body:
            engine = zlib.decompressobj(wbits=47)  # gzip or zlib, told apart by the first bytes
            try:
                while not engine.eof:
                    block = engine.decompress(body, _BLOCK)
                    body = engine.unconsumed_tail
                    size += len(block)
                    if size > self._limits.max_bytes:
                        raise FetchError(self._too_large())
                    if not block and not body and not engine.eof:
                        raise FetchError(f"the server's {encoding} compression ends too early")
                    blocks.append(block)
            except zlib.error as error:
                raise FetchError(f"the server's {encoding} compression is damaged") from error
            body = engine.unused_data
        return b"".join(blocks)

    # -- connections ------------------------------------------------------------------------------------------------

    def _connect(self, target: Target, errand: Errand, where: str) -> socket.socket:
        failure: FetchError | None = None
        for family, address in self._judged(target, errand):
            left = errand.deadline - time.monotonic()
            if left <= 0:
                break
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(min(self._limits.connect_s, left))
                self._watchdog.watch(errand, sock)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if target.scheme == "https":
                    # Two steps, so that the watchdog holds the socket that the handshake reads from.
                    sock = self._context().wrap_socket(
                        sock, server_hostname=target.host.rstrip("."), do_handshake_on_connect=False
                    )
                    self._watchdog.watch(errand, sock)
                    sock.do_handshake()
                sock.settimeout(self._limits.read_s)
                return sock
            except ssl.SSLCertVerificationError as error:
                hang_up(sock)
                message = f"the certificate of {target.host} is not valid ({error.verify_message}){where}"
                raise FetchError(message) from error
            except TimeoutError as error:
                hang_up(sock)
                failure = _Again(f"the server did not answer within {self._limits.connect_s:g} s{where}")
                failure.__cause__ = error
            except (OSError, ValueError) as error:
                hang_up(sock)
                what = "has no service there" if isinstance(error, ConnectionRefusedError) else "cannot be reached"
                failure = _Again(f"{target.host_port} {what} ({_words(error)}){where}")
                failure.__cause__ = error
        raise failure or _Again(self._too_slow())

    def _judged(self, target: Target, errand: Errand) -> list[tuple[int, Any]]:
        """Addresses of the host, [(family, sockaddr)], every one of them judged."""
        # By the host as written: what `allowed_hosts` lets pass under one spelling says nothing about another.
        known = self._addresses.get(target.host_port)
        if known and known[0] > time.monotonic():
            return known[1]
        found = self._resolve(target, errand)
        if target.host_port not in self._allowed:
            # One bad address among good ones is enough: who controls the name controls which one comes first.
            locked = next(filter(None, (refusal_to_owners(target.host, address[0]) for _, address in found)), None)
            if target.host_port in self._allowed_by_owner:
                why = locked
            else:
                why = next(filter(None, (refusal(address[0]) for _, address in found)), None)
            if why:
                self._refuse(target, locked or why, operator_only=locked is not None)
        with self._lock:
            if len(self._addresses) > 10_000:
                self._addresses.clear()
            self._addresses[target.host_port] = (time.monotonic() + _ADDRESS_LIFE_S, found)
        return found

    def _refuse(self, target: Target, why: str, *, operator_only: bool) -> NoReturn:
        if target.redirected:
            message = f"the server redirects to {target.host_port}, which {why}"
        elif operator_only:
            message = f"{target.host_port} {why}: only whoever runs this app can allow it (HOVER_ALLOWED_HOSTS)"
        else:
            message = f"{target.host_port} {why}: allow it (allowed_hosts or HOVER_ALLOWED_HOSTS) if that is meant"
        raise RefusedHost(message, target.host_port, target.redirected, operator_only=operator_only)

    def _resolve(self, target: Target, errand: Errand) -> list[tuple[int, Any]]:
        box = self._meanwhile(lambda: self._resolver(target.host, target.port, type=socket.SOCK_STREAM), errand)
        if not box:
            raise FetchError(f"nobody answered within {self._limits.total_s:g} s where {target.host} is")
        if isinstance(box[0], socket.gaierror) and box[0].errno == socket.EAI_AGAIN:
            raise _Again(f"the name {target.host} cannot be looked up at the moment") from box[0]
        if isinstance(box[0], Exception):
            raise FetchError(f"there is no server with the name {target.host}") from box[0]
        found = [(family, address) for family, _, _, _, address in box[0]]
        if not found:
            raise FetchError(f"there is no server with the name {target.host}")
        return found

    def _meanwhile(self, ask: Callable[[], Any], errand: Errand) -> list[Any]:
        """What `ask` returned or raised, or nothing when the errand's time is over first.

        It knows no time-out itself, so a thread does it and we stop waiting.
        """
        box: list[Any] = []

        def work() -> None:
            try:
                box.append(ask())
            except Exception as error:  # handed to the waiting thread, which judges it
                box.append(error)

        thread = threading.Thread(target=work, name="hover-ask", daemon=True)
        thread.start()
        thread.join(max(0.0, errand.deadline - time.monotonic()))
        return box

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = _trusting_context()
            return self._tls

    # -- words ------------------------------------------------------------------------------------------------------

    def _again(self, message: str, errand: Errand, where: str) -> FetchError:
        return FetchError(self._too_slow() + where) if errand.expired else _Again(message + where)

    def _too_slow(self) -> str:
        return f"not finished after {self._limits.total_s:g} s"

    def _too_large(self) -> str:
        size = self._limits.max_bytes
        return f"larger than {size / 1e6:g} MB" if size >= 100_000 else f"larger than {size:,} bytes"


class _Again(FetchError):
    """A failure that another try may mend."""

    def __init__(self, message: str, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


def _trusting_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        try:  # python.org's Python for macOS comes without certificates
            import certifi
        except ImportError:
            return context
        context.load_verify_locations(certifi.where())
    return context


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


def _meaning(status: int) -> str:
    plain = {
        401: "the server wants a password",
        403: "the server does not allow it; has the link expired?",
        404: "there is no such file",
        410: "the file is gone",
        429: "too many requests",
    }
    meaning = plain.get(status) or http.client.responses.get(status, "")
    return f": {meaning}" if meaning else ""


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS").replace("_", " ").lower()
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number).lower()
    return "closed by the server"
