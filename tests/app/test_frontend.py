"""Streamlit's own files, and how soon what is written is sent."""

import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.file_util import get_static_dir

from pages.server import frontend, patches
from pages.server.headers import MIDDLEWARE


async def _behind(request: Request) -> PlainTextResponse:
    return PlainTextResponse("passed on", 418)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The owner's client of a server that answers everything that is passed on to it with 418."""
    monkeypatch.setenv("HOVER_OPEN", "1")
    return TestClient(Starlette(routes=[Route("/{path:path}", _behind)], middleware=MIDDLEWARE))


def test_every_file_of_the_page_is_answered_whole_and_kept_for_ever(client: TestClient) -> None:
    folder = Path(get_static_dir())
    scripts = list((folder / "static" / "js").glob("*.js"))
    assert len(scripts) > 50
    for path in (*scripts[:5], *(folder / "static").rglob("*.woff2"), *(folder / "static").rglob("*.css")):
        answer = client.get(f"/{path.relative_to(folder).as_posix()}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "font/woff2")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/static/js/", "/static/js/none.js", "/static/js/../../index.html", "/static/%2e%2e/x"]
)
def test_everything_else_is_passed_on(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 418


def test_what_asks_for_a_part_or_for_a_change_is_passed_on(client: TestClient) -> None:
    address = next(iter(frontend.files()))
    assert client.get(address).status_code == 200
    assert client.get(address, headers={"Range": "bytes=0-9"}).status_code == 418
    assert client.get(address, headers={"If-None-Match": '"1"'}).status_code == 418


def test_it_is_found_below_the_address_that_the_operator_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend.st, "get_option", lambda name: {"server.baseUrlPath": "/hover/"}.get(name))
    frontend.files.cache_clear()
    try:
        assert all(address.startswith("/hover/static/") for address in frontend.files())
    finally:
        frontend.files.cache_clear()


def test_connections_send_at_once() -> None:
    with socket.socket() as listening:  # as Streamlit opens it: of no named protocol, so asyncio leaves it alone
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        patches.send_without_delay()
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
