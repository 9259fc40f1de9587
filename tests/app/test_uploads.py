"""Who may upload, and how much: whole bodies, and such as lie about their size or never end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from hover_core.data.people import MOST_SOUND_BYTES
from hover_core.store import members
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.server import identity, uploads
from pages.server.headers import MIDDLEWARE, SecurityHeaders
from pages.server.uploads import AT_ONCE, FRAMING_BYTES, MOST_KEPT, MOST_KEPT_BYTES, Uploads

PART = 1 << 20
FILE = "/_stcore/upload_file/session/{}"


class Taker:
    """The place of Streamlit behind the middleware: reads every body to its end, and says that it has it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.wait: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append((scope["method"], scope["path"]))
        body = b"".join([part async for part in Request(scope, receive).stream()])
        if self.wait is not None:
            await self.wait()
        self.bodies.append(body)
        await Response(status_code=204)(scope, receive, send)


class Sending:
    """One request as a server hands it to an app: `parts` are handed out one by one, as they are asked for."""

    def __init__(
        self, app: Any, cookie: str, parts: Iterable[bytes] = (b"x",), *, method: str = "PUT", file: str = "file",
        **headers: str,
    ) -> None:  # fmt: skip
        self.app, self.read, self.status, self.text = app, 0, 0, ""
        self.headers: dict[bytes, bytes] = {}
        given = {"cookie": f"{identity.COOKIE}={cookie}", "host": "app.example", **headers}
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items() if value]
        path = FILE.format(file)
        self.scope = {"type": "http", "method": method, "path": path, "headers": lines, "query_string": b""}
        self._parts = iter(parts)

    async def _receive(self) -> Message:
        part = next(self._parts, None)
        if part is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": True}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.text += message.get("body", b"").decode()

    async def run(self) -> Sending:
        """Have it answered."""
        await self.app(self.scope, self._receive, self._send)
        return self

    def answer(self) -> int:
        """The status of the answer."""
        return asyncio.run(self.run()).status


@pytest.fixture(autouse=True)
def elsewhere(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not bound to loopback: without a cookie nobody is anybody."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: False)


@pytest.fixture
def mira(mapped: Dataset) -> str:
    """The cookie of an annotator."""
    return members.join(mapped.store, mapped.invite("Mira"))


@pytest.fixture
def ben(mapped: Dataset) -> str:
    """The cookie of another."""
    return members.join(mapped.store, mapped.invite("Ben"))


def endless() -> Iterator[bytes]:
    """A body without an end."""
    while True:
        yield bytes(PART)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_nobody_uploads_or_deletes_and_nothing_of_it_is_read(mapped: Dataset, method: str) -> None:
    taker = Taker()
    sending = Sending(Uploads(taker), "", endless(), method=method)

    assert sending.answer() == 403
    assert (sending.read, taker.asked) == (0, [])


def test_whose_invite_was_revoked_uploads_nothing_more(mapped: Dataset, mira: str) -> None:
    taker = Taker()
    mapped.revoke(mapped.invites()[0].id)

    assert Sending(Uploads(taker), mira).answer() == 403
    assert Sending(Uploads(taker), mira, method="DELETE").answer() == 403
    assert taker.asked == []


@pytest.mark.parametrize("size", [0, 1, PART, MOST_SOUND_BYTES, MOST_SOUND_BYTES + FRAMING_BYTES])
@pytest.mark.parametrize("told", [True, False], ids=["with its length", "chunked"])
def test_an_annotators_sound_reaches_streamlit_byte_by_byte(mira: str, size: int, told: bool) -> None:
    taker = Taker()
    body = bytes(range(256)) * (size // 256 + 1)
    parts = [body[start : min(start + PART, size)] for start in range(0, size, PART)]
    length = {"content_length": str(size)} if told else {}

    assert Sending(Uploads(taker), mira, parts, **length).answer() == 204
    assert taker.bodies == [body[:size]]


@pytest.mark.parametrize("length", [str(MOST_SOUND_BYTES + FRAMING_BYTES + 1), "9" * 30, "1" * 9_000])
def test_a_body_that_says_it_is_too_large_is_not_read(mira: str, length: str) -> None:
    taker = Taker()
    sending = Sending(Uploads(taker), mira, endless(), content_length=length)

    assert sending.answer() == 413
    assert sending.text == "a sound to search with has at most 20 MB"
    assert sending.headers[b"connection"] == b"close"
    assert (sending.read, taker.asked) == (0, [])


@pytest.mark.parametrize("length", ["", "10", str(MOST_SOUND_BYTES)])
def test_a_body_that_is_larger_than_it_says_is_cut_off_before_anybody_gets_it(mira: str, length: str) -> None:
    taker = Taker()
    sending = Sending(Uploads(taker), mira, endless(), content_length=length)

    assert sending.answer() == 413
    assert sending.read <= MOST_SOUND_BYTES + FRAMING_BYTES + PART
    assert taker.asked == []


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "٣", "ten", "+1"])
def test_a_length_that_is_no_number_is_refused(mira: str, length: str) -> None:
    app = Uploads(Taker())
    sending = Sending(app, mira, endless())
    sending.scope["headers"] = [*sending.scope["headers"], (b"content-length", length.encode("latin-1", "replace"))]

    assert sending.answer() == 400
    assert sending.read == 0


def test_the_owner_uploads_more(mapped: Dataset) -> None:
    taker = Taker()
    owner = members.sign_in_owner(mapped.store)
    parts = [bytes(PART)] * 60

    assert Sending(Uploads(taker), owner, parts, content_length=str(60 * PART)).answer() == 204
    assert len(taker.bodies[0]) == 60 * PART


def test_an_annotator_uploads_two_at_once_and_keeps_nobody_else_from_it(mira: str, ben: str) -> None:
    taker = Taker()
    app = Uploads(taker)

    async def scene() -> list[int]:
        go = asyncio.Event()
        taker.wait = go.wait
        under_way = [asyncio.create_task(Sending(app, mira, file=f"f{number}").run()) for number in range(AT_ONCE)]
        while len(taker.asked) < AT_ONCE:
            await asyncio.sleep(0.01)
        third = Sending(app, mira, endless(), file="third")
        await third.run()
        others = asyncio.create_task(Sending(app, ben, file="others").run())
        while len(taker.asked) < AT_ONCE + 1:
            await asyncio.sleep(0.01)
        go.set()
        done = await asyncio.gather(*under_way, others)
        again = await Sending(app, mira, file="again").run()
        assert third.read == 0
        return [third.status, *(one.status for one in done), again.status]

    assert asyncio.run(scene()) == [429, 204, 204, 204, 204]


def test_an_upload_that_is_refused_or_given_up_takes_no_turn(mira: str) -> None:
    app = Uploads(Taker())

    class Gone(Sending):
        async def _receive(self) -> Message:
            return {"type": "http.disconnect"}

    for _ in range(AT_ONCE + 1):
        assert Sending(app, mira, endless()).answer() == 413
        assert Gone(app, mira).answer() == 0  # nobody is there to be answered

    assert Sending(app, mira).answer() == 204
    assert not app._running


def test_an_upload_that_never_ends_is_given_up(mira: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_LONGEST_S", 0.05)
    taker = Taker()

    class Slow(Sending):
        async def _receive(self) -> Message:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits for it")

    assert Slow(Uploads(taker), mira).answer() == 408
    assert taker.asked == []


def test_the_oldest_uploads_of_an_annotator_go_before_there_are_too_many_bytes(mira: str, ben: str) -> None:
    dropped: list[tuple[str, str]] = []
    app = Uploads(Taker(), lambda session, file: dropped.append((session, file)))
    sound = [bytes(PART)] * (MOST_SOUND_BYTES // PART)
    assert Sending(app, ben, sound, file="of ben").answer() == 204
    for number in range(5):
        assert Sending(app, mira, sound, file=f"f{number}").answer() == 204

    assert dropped == [("session", "f0"), ("session", "f1")]
    assert sum(sum(files.values()) for name, files in app._sizes.items() if name[1] == "Mira") <= MOST_KEPT_BYTES


def test_the_oldest_uploads_go_before_there_are_too_many_files_and_what_was_deleted_does_not_count(mira: str) -> None:
    dropped: list[str] = []
    app = Uploads(Taker(), lambda _, file: dropped.append(file))
    for number in range(MOST_KEPT):
        assert Sending(app, mira, file=f"f{number}").answer() == 204
    assert Sending(app, mira, file="f0").answer() == 204  # the same once more is the newest, and one
    assert Sending(app, mira, method="DELETE", file="f1").answer() == 204
    assert Sending(app, mira, file="new").answer() == 204
    assert dropped == []

    assert Sending(app, mira, file="newer").answer() == 204
    assert dropped == ["f2"]


def test_what_streamlit_did_not_take_is_not_counted(mira: str) -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=400)(scope, receive, send)

    app = Uploads(refuses)

    assert Sending(app, mira).answer() == 400
    assert not any(app._sizes.values())


def test_other_addresses_and_looking_are_passed_on_unread(mapped: Dataset) -> None:
    taker = Taker()
    app = Uploads(taker)
    for method in ("OPTIONS", "GET", "HEAD"):
        assert Sending(app, "", [], method=method).answer() == 204
    elsewhere = Sending(app, "", [])
    elsewhere.scope["path"] = "/journal/x"
    assert elsewhere.answer() == 204

    assert len(taker.asked) == 4


# over a real connection -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(taker: Taker) -> Iterator[int]:
    """The middleware of the app in a real server; the port."""

    async def route(request: Request) -> Response:
        taker.asked.append((request.method, request.url.path))
        taker.bodies.append(await request.body())
        return Response(status_code=204)

    app = Starlette(routes=[Route(FILE.format("{file}"), route, methods=["PUT"])], middleware=MIDDLEWARE)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join(30)


def ask_over_tcp(port: int, cookie: str, head: str, parts: Iterable[bytes]) -> tuple[bytes, int]:
    """Send a request as long as the server takes it: the status line, and how many bytes of the body were sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        lines = f"PUT {FILE.format('file')} HTTP/1.1\r\nHost: app.example\r\nCookie: {identity.COOKIE}={cookie}\r\n"
        sock.sendall(f"{lines}{head}\r\n\r\n".encode())
        answer = b""
        try:
            for part in parts:
                sock.sendall(part)
                sent += len(part)
            answer = sock.recv(65_536)
        except (ConnectionError, TimeoutError):  # it hung up while we sent, and may have answered before
            with contextlib.suppress(OSError):
                answer = sock.recv(65_536)
    return answer.partition(b"\r\n")[0], sent


def chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def test_over_a_connection_a_lie_is_cut_off_and_the_next_one_is_answered(mira: str) -> None:
    taker = Taker()
    with served(taker) as port:
        early, _ = ask_over_tcp(port, mira, "Content-Length: 1000000000", [])
        nobody, _ = ask_over_tcp(port, "", "Content-Length: 1000000000", [])
        late, sent = ask_over_tcp(port, mira, "Transfer-Encoding: chunked", chunks([bytes(PART)] * 400))
        good, _ = ask_over_tcp(port, mira, "Transfer-Encoding: chunked", chunks([b"a", b"b"]))

    assert early.startswith(b"HTTP/1.1 413")
    assert nobody.startswith(b"HTTP/1.1 403")
    assert late == b"" or late.startswith(b"HTTP/1.1 413")
    assert sent < 100 * PART
    assert good.startswith(b"HTTP/1.1 204")
    assert taker.bodies == [b"ab"]


def test_refusals_carry_the_security_headers() -> None:
    order = [middleware.cls for middleware in MIDDLEWARE]

    assert order.index(SecurityHeaders) < order.index(Uploads)
