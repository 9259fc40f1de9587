"""Who may come in, of a real server: pages of other ports in a real browser, strangers and guests on raw sockets."""

import contextlib
import secrets
import socket
import urllib.parse
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from hover_core.data.clips import Clip, clip_id
from hover_core.store import members
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.server import messages
from tests.browser.conftest import App, Standing, _running
from tests.servers import Fault, SoundServer

OPENS = """address => new Promise(done => {
    const socket = new WebSocket(address, ["streamlit"])
    socket.onopen = () => done("open")
    socket.onerror = () => done("refused")
})"""
READS = """address => Promise.all([
    fetch(address).then(() => "read", () => "refused"),
    ...["img", "audio", "script"].map(kind => new Promise(done => {
        const element = document.createElement(kind)
        element.onload = element.oncanplay = () => done("read")
        element.onerror = () => done("refused")
        element.src = address
        document.body.append(element)
    })),
])"""
RERUN = BackMsg(rerun_script={"query_string": ""})  # type: ignore[arg-type]


@pytest.fixture
def birds(standing: Standing) -> Dataset:
    """A few clips in the app that is bound to loopback."""
    dataset = standing.datasets.new(f"birds {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(3)]
    dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    return dataset


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_on_another_port_of_this_machine_is_not_the_owner(
    standing: Standing, birds: Dataset, page: Page, host: str
) -> None:
    port = urllib.parse.urlsplit(standing.app.url).port
    with SoundServer({"/page.html": b"<!doctype html><body>a page"}) as other:
        other.faults["/page.html"] = Fault(headers={"Content-Type": "text/html"})
        page.goto(other.url("/page.html", host=host))

        for name in ("localhost", "127.0.0.1"):
            assert page.evaluate(OPENS, f"ws://{name}:{port}/_stcore/stream") == "refused"
            for path in (f"clips/{birds.id}/0/audio", f"clips/{birds.id}/0/spectrogram", f"journal/{birds.id}",
                         "_stcore/metrics", "_stcore/health"):  # fmt: skip
                assert set(page.evaluate(READS, f"http://{name}:{port}/{path}")) == {"refused"}, path

    page.goto(f"{standing.app.url}/label?dataset={birds.id}")
    expect(page.get_by_text("You are the owner")).to_be_visible()
    assert page.evaluate(OPENS, f"ws://localhost:{port}/_stcore/stream") == "open"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that is not bound to loopback, whose owner has a token."""
    with _running(tmp_path_factory.mktemp("locked"), address=None, HOVER_OWNER_TOKEN="sesame-sesame-sesame") as app:
        yield app


@pytest.fixture
def its_store(locked: App) -> Iterator[Datasets]:
    """The store of that app, seen from here."""
    datasets = Datasets(Store(f"sqlite:///{locked.data / 'hover.sqlite'}"))
    yield datasets
    datasets.close()


def port_of(app: App) -> int:
    """Where the app listens."""
    port = urllib.parse.urlsplit(app.url).port
    assert port is not None
    return port


def said_to(app: App, head: str, body: bytes = b"") -> str:
    """The first line of the answer to a request of which the body, if any, is only begun."""
    with socket.create_connection(("127.0.0.1", port_of(app)), timeout=20) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return wire.recv(65_536).decode("latin-1").split("\r\n")[0]


def websocket(app: App, cookie: str = "", **headers: str) -> ClientConnection:
    """Streamlit's websocket, with a cookie of ours and these headers."""
    more = {name.replace("_", "-"): text for name, text in headers.items()}
    if cookie:
        more["Cookie"] = f"hover={cookie}"
    address = f"ws://127.0.0.1:{port_of(app)}/_stcore/stream"
    return connect(address, additional_headers=more, subprotocols=["streamlit"], max_size=None, proxy=None)  # type: ignore[list-item]


def test_a_stranger_gets_a_page_and_nothing_else(locked: App) -> None:
    with pytest.raises(InvalidStatus) as refused:
        websocket(locked)
    assert refused.value.response.status_code == 403
    host = f"Host: 127.0.0.1:{port_of(locked)}"
    for line in ("GET /media/abc.wav", "GET /_stcore/metrics", "PUT /_stcore/upload_file/a/b", "GET /journal/a",
                 "GET /component/streamlit_plotly_events.plotly_events/index.html"):  # fmt: skip
        assert " 403 " in said_to(locked, f"{line} HTTP/1.1\n{host}\nContent-Length: 0"), line
    for path in ("/_stcore/health", "/_stcore/host-config", "/favicon.png", "/", "/join"):
        assert " 403 " not in said_to(locked, f"GET {path} HTTP/1.1\n{host}"), path


@pytest.mark.parametrize(("path", "kind", "status"), [
    ("/join", "application/x-www-form-urlencoded", 413),
    ("/", "application/x-www-form-urlencoded", 413),
    ("/device", "application/x-www-form-urlencoded", 413),
    ("/device", "text/plain", 415),
    ("/join", "multipart/form-data; boundary=x", 415),
    ("/leave", "text/plain", 303),
    ("/_stcore/upload_file/a/b", "text/plain", 403),
])  # fmt: skip
def test_a_body_of_one_and_a_half_gigabytes_is_refused_by_its_head(
    locked: App, path: str, kind: str, status: int
) -> None:
    head = f"POST {path} HTTP/1.1\nHost: 127.0.0.1:{port_of(locked)}\nContent-Type: {kind}\nContent-Length: 1500000000"

    assert f" {status} " in said_to(locked, head)


def test_a_form_sent_in_pieces_of_no_known_number_is_refused_when_it_is_too_large(locked: App) -> None:
    head = f"POST /join HTTP/1.1\nHost: 127.0.0.1:{port_of(locked)}\nTransfer-Encoding: chunked\n"
    head += "Content-Type: application/x-www-form-urlencoded"

    assert " 413 " in said_to(locked, head, b"2000\r\n" + b"x" * 0x2000 + b"\r\n")


def test_a_guests_websocket_is_open_until_the_invite_ends_and_does_not_come_back(
    locked: App, its_store: Datasets
) -> None:
    dataset = its_store.new(f"birds {secrets.token_hex(4)}")
    cookie = members.join(its_store.store, dataset.invite("Mira"))
    with websocket(locked, cookie) as guest:
        guest.send(RERUN.SerializeToString())
        assert guest.recv(timeout=20)
    dataset.revoke(dataset.invites()[0].id)

    with pytest.raises(InvalidStatus):
        websocket(locked, cookie)


def ending(connection: ClientConnection) -> int | None:
    """The code with which the server ends a connection."""
    with contextlib.suppress(ConnectionClosed):
        for _ in connection:
            pass
    return connection.close_code


@pytest.mark.parametrize(("who", "most"), [
    ("annotator", messages.MOST_BYTES), ("owner", messages.MOST_OWNER_BYTES)
])  # fmt: skip
def test_a_message_above_the_largest_honest_one_ends_the_connection(
    locked: App, its_store: Datasets, who: str, most: int
) -> None:
    invite = its_store.new(f"birds {secrets.token_hex(4)}").invite("Mira")
    cookie = members.sign_in_owner(its_store.store) if who == "owner" else members.join(its_store.store, invite)

    with websocket(locked, cookie) as whole:
        with contextlib.suppress(ConnectionClosed):
            whole.send(b"x" * (most + 1))
        assert ending(whole) in (1009, 1006)  # what is still under way can overtake the server's word
    with websocket(locked, cookie) as begun:  # its length is enough: 200 MB that never come
        begun.socket.sendall(bytes([0x82, 0xFF]) + (200_000_000).to_bytes(8) + bytes(4))
        assert ending(begun) == 1009
    with websocket(locked, cookie) as pieces:
        with contextlib.suppress(ConnectionClosed):
            pieces.send(b"x" * 1_000_000 for _ in range(most // 1_000_000 + 1))
        assert ending(pieces) in (1009, 1006)


def test_a_stranger_who_sends_a_large_frame_ahead_of_the_answer_is_refused(locked: App) -> None:
    head = f"GET /_stcore/stream HTTP/1.1\nHost: 127.0.0.1:{port_of(locked)}\nUpgrade: websocket\nConnection: Upgrade\n"
    head += "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    frame = bytes([0x82, 0xFF]) + (2_500_000).to_bytes(8) + bytes(4) + b"x" * 500_000

    assert " 403 " in said_to(locked, head, frame)


@pytest.mark.parametrize("headers", [
    {"Origin": "https://lab.test", "X_Forwarded_Host": "lab.test"},
    {"Origin": "https://lab.test:9443", "X_Forwarded_Host": "lab.test:9443, inner"},
    {"Origin": "https://lab.test"},  # the proxy hides the host: the cookie is enough
])  # fmt: skip
def test_behind_a_proxy_a_guest_gets_a_session_of_streamlits(
    locked: App, its_store: Datasets, headers: dict[str, str]
) -> None:
    cookie = members.join(its_store.store, its_store.new(f"birds {secrets.token_hex(4)}").invite("Mira"))

    with websocket(locked, cookie, **headers) as guest:
        guest.send(RERUN.SerializeToString())
        assert guest.recv(timeout=20)
    with pytest.raises(InvalidStatus):
        websocket(locked, "", **headers)
    with pytest.raises(InvalidStatus):
        websocket(locked, cookie, Origin="https://127.0.0.1:1")
