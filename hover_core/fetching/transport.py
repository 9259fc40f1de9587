"""One HTTP request to a checked address, within the deadline.

HTTP itself is `requests` and its urllib3 pools. This module adds the guard: every address that a name resolves to is
checked; the connection goes to exactly that address (a second look-up could answer differently), while SNI, Host and
certificate keep the name; and no piece of an answer may take longer than the rest of the total time. A time-out of
urllib3 starts again with every piece, so it does not help against a server that sends one byte a second.

`Transport.get` returns the head of an answer; `Fetcher` follows redirects, reads bodies and tries again. For thousands
of small sounds the pool is used without the session; both share the same connections.
"""

from __future__ import annotations

import errno
import functools
import http.client
import io
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Literal, NoReturn

import requests
import requests.utils
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from hover_core.errors import FetchError, RefusedHost
from hover_core.fetching.addresses import Target, refusal, refusal_to_owners

Through = Literal["session", "pool"]

_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "hover_core (labelling of sound clips)",
}
_NO_RETRIES: Final = urllib3.Retry(False)
_MOST_HEAD: Final = 1 << 19  # bytes before the body: status, headers, interim answers
_MOST_INTERIM: Final = 10  # answers like "103 Early Hints" before the final one
_MOST_OPEN: Final = 256  # pools and sockets of one fetcher: 10,000 hosts must not use up the file descriptors
_ADDRESS_LIFE_S: Final = 30.0


@dataclass(frozen=True)
class FetchLimits:
    """Limits for one URL.

    Parameters
    ----------
    max_bytes : largest body, both as received and after decompression.
    connect_s, read_s : seconds for one connection, and between two pieces of an answer.
    total_s : seconds for the URL in all: redirects, tries and pauses included.
    redirects : redirects followed in one try.
    tries : attempts on 429, 5xx, connection errors and short bodies.
    """

    max_bytes: int = 200_000_000
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 60.0
    redirects: int = 20
    tries: int = 3


class TryAgain(FetchError):
    """A failure that another try may resolve, after `pause_s` seconds if the server says so."""

    def __init__(self, message: str, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class FetchAttempt:
    """One call of `Fetcher.fetch`: its limits, its deadline, and its current target."""

    def __init__(self, limits: FetchLimits) -> None:
        self.limits = limits
        self.deadline = time.monotonic() + limits.total_s
        self.target: Target
        self.bucket = ""  # the bucket of the URL in words, if it has one
        self.where = ""  # for the end of a message: the server that failed, if the URL does not name it

    def left_s(self, most: float) -> float:
        """Seconds until the deadline, at most `most`.

        Raises
        ------
        FetchError
            The deadline is over.
        """
        remaining_s = self.deadline - time.monotonic()
        if remaining_s <= 0:
            raise FetchError(f"not finished after {self.limits.total_s:g} s{self.where}")
        return min(most, remaining_s)


class _StaleConnection(Exception):
    """The server closed a kept-alive connection before it saw the request; the URL is not at fault."""


class _BodyStream(io.RawIOBase):
    """The bytes of an answer as they come, within the deadline of the attempt and a bound on their number."""

    def __init__(self, raw: Any, sock: socket.socket, attempt: FetchAttempt) -> None:
        self._raw, self._sock, self._attempt = raw, sock, attempt
        self.room = _MOST_HEAD
        self.in_head = True
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        attempt = self._attempt
        self._sock.settimeout(attempt.left_s(attempt.limits.read_s))
        try:
            count: int = self._raw.readinto(buffer)
        except TimeoutError as error:
            attempt.left_s(0)
            raise TryAgain(f"the server sent nothing for {attempt.limits.read_s:g} s{attempt.where}") from error
        self.at_end = not count
        self.room -= count
        if self.room < 0:
            raise http.client.HTTPException("a head without end") if self.in_head else too_large(attempt.limits)
        return count

    def close(self) -> None:
        super().close()
        self._raw.close()


class _Response(http.client.HTTPResponse):
    """An answer that is read through `_BodyStream`."""

    def __init__(self, attempt: FetchAttempt, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._most = attempt.limits.max_bytes
        self._pieces = _BodyStream(self.fp.detach(), sock, attempt)
        self.fp = io.BufferedReader(self._pieces)

    def begin(self) -> None:
        for _ in range(_MOST_INTERIM):
            super().begin()
            if self._pieces.at_end:  # http.client takes the end of the stream for the end of the head
                raise http.client.IncompleteRead(b"")
            if not 100 <= self.status < 200:
                break
            self.headers = None  # type: ignore[assignment]  # http.client skips only "100 Continue"
        else:
            raise http.client.HTTPException("only interim answers")
        self._pieces.in_head = False
        self._pieces.room = self._most + self._most // 8 + _MOST_HEAD  # and the marks between chunks


class _GuardedConnection(HTTPConnection):
    """A connection to a checked address of its host."""

    def __init__(self, *args: Any, transport: Transport, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._transport = transport
        self._answers = 0  # since it was opened

    def connect(self) -> None:
        attempt = self._transport.attempt
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            message = f"the certificate of {self.host} is not valid ({error.verify_message}){attempt.where}"
            raise FetchError(message) from error
        except TimeoutError as error:
            attempt.left_s(0)
            message = f"the server did not answer within {attempt.limits.connect_s:g} s{attempt.where}"
            raise TryAgain(message) from error
        except (OSError, ValueError) as error:
            what = "has no service there" if isinstance(error, ConnectionRefusedError) else "cannot be reached"
            raise TryAgain(f"{attempt.target.host_port} {what} ({_words(error)}){attempt.where}") from error

    def _new_conn(self) -> socket.socket:
        transport = self._transport
        attempt = transport.attempt
        failure: OSError | None = None
        for family, address in transport.addresses(attempt):
            timeout_s = attempt.left_s(attempt.limits.connect_s)
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(timeout_s)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
            else:
                transport.count_connection(self)
                return sock
        raise failure or OSError(errno.EADDRNOTAVAIL, "no address")

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        # urllib3 may log `url`, so it lacks the query, which may open private sound; here the full path is sent.
        super().putrequest(method, self._transport.attempt.target.path, *args, **kwargs)

    def getresponse(self) -> Any:
        reused = self._answers > 0  # http.client closes the connection before it raises
        self.response_class = functools.partial(_Response, self._transport.attempt)  # type: ignore[assignment]
        try:
            response = super().getresponse()
        except (OSError, http.client.BadStatusLine) as error:
            if reused:
                raise _StaleConnection from error
            raise
        if self.sock is not None:
            self._answers += 1
        return response

    def close(self) -> None:
        self._answers = 0
        super().close()


class _GuardedTLSConnection(_GuardedConnection, HTTPSConnection):
    """A `_GuardedConnection` with TLS, whose certificate is checked for the name."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _GuardedTLSConnection


class _Session(requests.Session):
    """A session of `requests` without redirects, cookies, proxies and netrc."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no proxies, no netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: otherwise `requests` would read and unpack the whole body of a redirect."""


class Transport(HTTPAdapter):
    """Connections of one fetcher, for all its threads.

    It is the adapter of a `requests.Session`, whose settings for proxies, time-outs and certificates have no effect.
    The parameters are those of a `Fetcher`.
    """

    def __init__(
        self,
        allowed_hosts: Collection[str],
        dataset_hosts: Collection[str],
        resolver: Callable[..., Any],
        limits: FetchLimits,
        pool: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._operator_hosts = frozenset(allowed_hosts)
        self._owner_hosts = frozenset(dataset_hosts)
        self._resolver = resolver
        self._limits = limits
        self._tls = tls
        self._here = threading.local()  # the attempt of each thread
        self._lock = threading.Lock()
        self._addresses: dict[str, tuple[float, list[tuple[int, Any]]]] = {}
        self._open: weakref.WeakSet[_GuardedConnection] = weakref.WeakSet()
        super().__init__(_MOST_OPEN, pool)
        self._session = _Session()
        self._session.mount("http://", self)
        self._session.mount("https://", self)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Create the pools of guarded connections; called by `HTTPAdapter`."""
        timeout = urllib3.Timeout(connect=self._limits.connect_s, read=self._limits.read_s)
        self.poolmanager = urllib3.PoolManager(
            connections, maxsize=maxsize, block=block, timeout=timeout, transport=self, **pool_kwargs
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def get(
        self, attempt: FetchAttempt, cookies: RequestsCookieJar | None, through: Through
    ) -> urllib3.BaseHTTPResponse:
        """The answer to a GET of the attempt's target; its head is read, its body is not.

        Raises
        ------
        RefusedHost
            The target's name leads to an address that only the operator may allow.
        FetchError
            All other failures; `TryAgain` if another try may help.
        """
        self._here.attempt = attempt
        target = attempt.target
        secret = {name.lower() for name, _ in target.secret}
        headers = {name: value for name, value in _HEADERS.items() if name.lower() not in secret}
        headers |= {name: value.strip(" \t") for name, value in target.secret}
        try:
            if through == "pool" and cookies is None:
                return self._ask(headers)
            request = requests.Request("GET", _public_url(target), headers, cookies=cookies).prepare()
            answer = self._session.send(request, stream=True, allow_redirects=False, proxies={})
            return answer.raw
        except requests.RequestException as error:
            raise FetchError("the address cannot be read as a URL") from error
        except (HTTPError, OSError, http.client.HTTPException, ValueError) as error:
            raise failure(error, attempt) from error

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request of the session through the pool; called by `requests`."""
        return self.build_response(request, self._ask(request.headers))

    def _ask(self, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        target = self.attempt.target
        context = {**self.poolmanager.connection_pool_kw, "scheme": target.scheme, "host": target.host}
        if target.scheme == "https":
            context["ssl_context"] = self._context()
        # By the host as written: permission for one spelling does not extend to another.
        pool = self.poolmanager.connection_from_pool_key(target.origin, {**context, "port": target.port})
        while True:
            try:
                return pool.urlopen(
                    "GET",
                    target.path.partition("?")[0],
                    headers=headers,
                    retries=_NO_RETRIES,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                    enforce_content_length=False,
                )
            except _StaleConnection:
                continue  # each removes a connection; the new one after the last is not stale

    @property
    def attempt(self) -> FetchAttempt:
        """The attempt of this thread."""
        attempt: FetchAttempt = self._here.attempt
        return attempt

    def count_connection(self, connection: _GuardedConnection) -> None:
        """Count a new connection; if there are too many, idle ones are closed."""
        with self._lock:
            crowded = sum(other.sock is not None for other in self._open) >= _MOST_OPEN
            self._open.add(connection)
        if crowded:
            self.poolmanager.clear()

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
                if not self._tls.cert_store_stats()["x509_ca"]:  # python.org's Python for macOS has none
                    self._tls.load_verify_locations(requests.utils.DEFAULT_CA_BUNDLE_PATH)
            return self._tls

    # -- addresses --------------------------------------------------------------------------------------------------

    def addresses(self, attempt: FetchAttempt) -> list[tuple[int, Any]]:
        """The addresses of the target's host, all checked, as (family, sockaddr).

        Raises
        ------
        RefusedHost
            One of them needs a permission that the target does not have.
        FetchError
            The name has no address; `TryAgain` if the look-up failed for the moment.
        """
        target = attempt.target
        entry = self._addresses.get(target.host_port)
        if entry and entry[0] > time.monotonic():
            return entry[1]
        box = meanwhile(lambda: self._resolver(target.host, target.port, type=socket.SOCK_STREAM), attempt)
        if not box:
            raise FetchError(f"the name {target.host} could not be looked up within {self._limits.total_s:g} s")
        if isinstance(box[0], socket.gaierror) and box[0].errno == socket.EAI_AGAIN:
            raise TryAgain(f"the name {target.host} cannot be looked up at the moment") from box[0]
        if isinstance(box[0], Exception) or not box[0]:
            cause = box[0] if isinstance(box[0], Exception) else None
            raise FetchError(f"there is no server with the name {target.host}") from cause
        addresses = [(family, address) for family, _, _, _, address in box[0]]
        if target.host_port not in self._operator_hosts:
            # One bad address among good ones is enough: the owner of the name decides which one comes first.
            owner_refusal = next(
                filter(None, (refusal_to_owners(target.host, address[0]) for _, address in addresses)), None
            )
            if target.host_port in self._owner_hosts:
                why = owner_refusal
            else:
                why = next(filter(None, (refusal(address[0]) for _, address in addresses)), None)
            if why:
                _refuse(target, owner_refusal or why, operator_only=owner_refusal is not None)
        with self._lock:
            if len(self._addresses) > 10_000:
                self._addresses.clear()
            self._addresses[target.host_port] = (time.monotonic() + _ADDRESS_LIFE_S, addresses)
        return addresses


def keep_cookies(jar: RequestsCookieJar, target: Target, answer: urllib3.BaseHTTPResponse) -> None:
    """Put the cookies of an answer into the jar of its chain of redirects."""
    extract_cookies_to_jar(jar, requests.Request("GET", _public_url(target)).prepare(), answer)


def meanwhile(ask: Callable[[], Any], attempt: FetchAttempt) -> list[Any]:
    """A list of what `ask` returned or raised; empty if the deadline of the attempt came first.

    `ask` runs in a thread because it has no time-out; after the deadline its result is ignored.
    """
    box: list[Any] = []

    def work() -> None:
        try:
            box.append(ask())
        except Exception as error:  # the waiting thread raises it or not
            box.append(error)

    thread = threading.Thread(target=work, name="hover-ask", daemon=True)
    thread.start()
    thread.join(max(0.0, attempt.deadline - time.monotonic()))
    return box


def failure(error: Exception, attempt: FetchAttempt) -> FetchError:
    """The error for a request or an answer that broke off, in words."""
    cause = error.args[-1] if isinstance(error, ProtocolError | SSLError) and error.args else error
    if isinstance(cause, http.client.IncompleteRead):
        what = "the connection ended before the file did"
    elif isinstance(cause, OSError):
        what = f"the connection was lost ({_words(cause)})"
    else:
        what = "the server's answer is not HTTP"
    return TryAgain(what + attempt.where)


def too_large(limits: FetchLimits) -> FetchError:
    """The error for a body beyond `max_bytes`."""
    size = limits.max_bytes
    return FetchError(f"larger than {size / 1e6:g} MB" if size >= 100_000 else f"larger than {size:,} bytes")


def _refuse(target: Target, why: str, *, operator_only: bool) -> NoReturn:
    if target.redirected:
        message = f"the server redirects to {target.host_port}, which {why}"
    elif operator_only:
        message = f"{target.host_port} {why}: only the operator of this app can allow it (HOVER_ALLOWED_HOSTS)"
    else:
        message = f"{target.host_port} {why}: allow it (allowed_hosts or HOVER_ALLOWED_HOSTS) if that is meant"
    raise RefusedHost(message, target.host_port, target.redirected, operator_only=operator_only)


def _public_url(target: Target) -> str:
    """The address without its query, in ASCII: for cookies, and for libraries that may log it."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.scheme}://{host}:{target.port}{target.path.partition('?')[0]}"


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS").replace("_", " ").lower()
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number).lower()
    return "closed by the server"
