"""Who may come in: what is passed on to Streamlit, for whom, and what the gate answers itself."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.BackMsg_pb2 import BackMsg

from hover_core.store import members
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.server import gate, hosting, identity, messages, routes, sign_in
from pages.server.headers import MIDDLEWARE

PASSED = 418
HTML = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
STREAM = "ws://app.example/_stcore/stream"
TOKEN = "sesame-sesame-sesame"


async def _behind(request: Request) -> PlainTextResponse:
    return PlainTextResponse("passed on", PASSED, headers={"Access-Control-Allow-Origin": "*"})


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_bytes():
        message = BackMsg.FromString(data)
        await websocket.send_text(f"{message.WhichOneof('type')} from {websocket.headers.get('origin')}")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch, datasets: Datasets) -> Iterator[None]:
    monkeypatch.setenv("HOVER_OWNER_TOKEN", TOKEN)
    identity.operators_token.cache_clear()
    identity.owner_token.cache_clear()
    hosting.on_community_cloud.cache_clear()
    yield
    identity.operators_token.cache_clear()
    identity.owner_token.cache_clear()
    hosting.on_community_cloud.cache_clear()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a server that is not bound to loopback; behind the gate everything is answered with 418."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: False)
    behind = [
        *routes.routes(),
        WebSocketRoute("/{path:path}", _echo),
        Route("/{path:path}", _behind, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    ]
    with TestClient(Starlette(routes=behind, middleware=MIDDLEWARE), base_url="http://app.example") as opened:
        opened.follow_redirects = False
        yield opened


def come_in(client: TestClient, who: str, dataset: Dataset) -> None:
    """Give the client the cookie of one of the people of these tests."""
    if who == "nobody":
        return
    if who == "unknown":
        cookie = "a cookie of another data folder"
    elif who == "owner":
        cookie = members.sign_in_owner(dataset.store)
    else:
        cookie = members.join(dataset.store, dataset.invite("Mira", blind=who == "blind"))
    if who == "revoked":
        dataset.revoke(dataset.invites()[0].id)
    client.cookies.set(identity.COOKIE, cookie, domain="app.example")


PAGES = ("/", "/label", "/upload", "/index.html", "/label/", "/any/path/at/all")
DATA = ("/media/abc.wav", "/component/x.y/index.html", "/_stcore/bidi-components/x/a.js", "/label/_stcore/host-config")
OWNERS = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp")
PUBLIC = ("/_stcore/health", "/_stcore/host-config", "/favicon.png", "/static/js/none.js")


@pytest.mark.parametrize("who", ["nobody", "unknown", "revoked", "annotator", "blind", "owner"])
def test_who_gets_what(client: TestClient, mapped: Dataset, who: str) -> None:
    come_in(client, who, mapped)
    somebody = who in ("annotator", "blind", "owner")

    statuses = {path: client.get(path, headers=HTML).status_code for path in (*PAGES, *PUBLIC)}
    statuses |= {path: client.get(path).status_code for path in (*DATA, *OWNERS)}

    assert {statuses[path] for path in PUBLIC} == {PASSED}
    assert {statuses[path] for path in PAGES} == {PASSED if somebody else 200}
    assert {statuses[path] for path in DATA} == {PASSED if somebody else 403}
    assert {statuses[path] for path in OWNERS} == {PASSED if who == "owner" else 403}


@pytest.mark.parametrize("who", ["nobody", "unknown", "revoked"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "POST"])
def test_nobody_changes_anything(client: TestClient, mapped: Dataset, who: str, method: str) -> None:
    come_in(client, who, mapped)

    for path in ("/_stcore/upload_file/a/b", "/media/a", "/_stcore/agent/mcp", "/journal/x"):
        assert client.request(method, path).status_code == 403


def test_a_page_that_nobody_opens_says_how_to_come_in(client: TestClient, mapped: Dataset) -> None:
    locked = client.get("/label", headers=HTML)
    assert "This app is locked" in locked.text
    assert "HOVER_OWNER_TOKEN" in locked.text
    assert TOKEN not in locked.text
    assert locked.headers["cache-control"] == "no-store"

    come_in(client, "revoked", mapped)
    assert "Your invite has ended" in client.get("/label", headers=HTML).text


def test_what_nobodys_script_fetches_is_refused_also_at_a_pages_address(client: TestClient) -> None:
    assert client.get("/label", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}).status_code == 403


def test_an_app_bound_to_loopback_lets_its_owner_in_without_a_cookie(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOVER_OWNER_TOKEN")
    identity.operators_token.cache_clear()
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    client.base_url = "http://localhost:8501"

    assert client.get("/label", headers=HTML).status_code == PASSED
    assert client.get("/_stcore/metrics").status_code == PASSED
    assert client.get("/label", headers={**HTML, "Host": "rebound.example:8501"}).status_code == 200
    assert client.get("/_stcore/metrics", headers={"Host": "rebound.example:8501"}).status_code == 403


def test_an_open_app_lets_everybody_in_but_no_other_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")
    monkeypatch.delenv("HOVER_OWNER_TOKEN")
    identity.operators_token.cache_clear()

    assert client.get("/_stcore/metrics").status_code == PASSED
    assert client.get("/_stcore/metrics", headers={"Origin": "http://app.example:8000"}).status_code == 403
    for origin in ("http://app.example:8000", "http://evil.test"):  # also where a proxy hides our name: no cookie
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers={"Origin": origin}):
            raise AssertionError("it was accepted")


# pages of other addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://app.example:8000"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "audio"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
])  # fmt: skip
def test_a_page_of_another_address_reads_no_data(client: TestClient, mapped: Dataset, headers: dict[str, str]) -> None:
    come_in(client, "owner", mapped)
    own = (f"/clips/{mapped.id}/0/audio", f"/map/{mapped.embeddings()[0].id}", f"/journal/{mapped.id}")

    for path in (*own, *DATA, *OWNERS):
        assert client.get(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code in (200, PASSED)
        assert client.get(path, headers=headers).status_code == 403


def test_no_answer_lets_pages_of_other_addresses_read_it(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "owner", mapped)

    for path in ("/label", "/_stcore/health", "/_stcore/host-config", "/media/a"):
        assert "access-control-allow-origin" not in client.get(path).headers


def test_a_link_from_another_site_leads_to_a_page_and_to_an_invite(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "owner", mapped)
    link = {**HTML, "Sec-Fetch-Site": "cross-site"}

    assert client.get("/label", headers=link).status_code == PASSED
    assert client.get("/join", params={"t": mapped.invite("Jon")}, headers=link).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://app.example:8000"}, {"Origin": "null"},
                                     {"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "same-site"}])  # fmt: skip
@pytest.mark.parametrize("path", ["/join", "/leave", "/", "/label", "/_stcore/upload_file/a/b"])
def test_a_page_of_another_address_changes_nothing(
    client: TestClient, mapped: Dataset, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(path, data={"t": mapped.invite("Mira")}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_behind_a_proxy_that_hides_the_host_the_browsers_word_or_a_cookie_counts(
    client: TestClient, mapped: Dataset
) -> None:
    hidden = {"Host": "10.0.0.7:8501", "Origin": "https://lab.example"}
    token = mapped.invite("Mira")
    assert client.post("/join", data={"t": token}, headers=hidden).status_code == 403

    joined = client.post("/join", data={"t": token}, headers={**hidden, "Sec-Fetch-Site": "same-origin"})
    assert joined.status_code == 303
    client.cookies.clear()
    cookie = joined.headers["set-cookie"].split(";")[0]
    assert client.post("/leave", headers={**hidden, "Cookie": cookie}).status_code == 303


# the way in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/label", "/any/path"])
def test_the_form_of_an_invite_posts_to_its_own_address(client: TestClient, mapped: Dataset, path: str) -> None:
    address = f"{path}?dataset={mapped.id}&t={mapped.invite('Mira')}"
    page = client.get(address, headers=HTML)
    assert "Continue as Mira" in page.text
    assert '<form method="post">' in page.text
    assert "set-cookie" not in page.headers

    answer = client.post(address, data={"t": address.rpartition("=")[2]}, headers={"Origin": "http://app.example"})

    assert (answer.status_code, answer.headers["location"]) == (303, f"?dataset={mapped.id}")
    assert "path=/;" in answer.headers["set-cookie"].lower()
    assert client.get(path, headers=HTML).status_code == PASSED


def test_a_guest_whose_invite_has_ended_leaves_at_any_address(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "revoked", mapped)
    assert '<input type="hidden" name="leave"' in client.get("/label", headers=HTML).text

    answer = client.post("/label", data={"leave": "1"})

    assert (answer.status_code, answer.headers["location"]) == (303, "?")
    assert answer.headers["set-cookie"].startswith('hover="";')


def test_a_wrong_token_at_any_address_opens_nothing(client: TestClient) -> None:
    assert client.get("/label?t=wrong", headers=HTML).status_code == 404
    answer = client.post("/label?t=wrong", data={"t": "wrong"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


def test_there_is_no_device_address(client: TestClient, mapped: Dataset) -> None:
    cookie = members.sign_in_owner(mapped.store)

    answer = client.post("/device", content=cookie)

    assert (answer.status_code, "set-cookie" in answer.headers) == (415, False)


@pytest.mark.parametrize("path", ["/join", "/", "/label"])
def test_a_form_is_small_and_urlencoded(client: TestClient, path: str) -> None:
    multipart = client.post(path, files={"t": b"x" * 100})
    assert multipart.status_code == 415
    assert client.post(path, json={"t": TOKEN}).status_code == 415
    assert client.post(path, data={"t": "x" * sign_in.MOST_FORM_BYTES}).status_code == 413
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    chunks = (b"x" * 1000 for _ in range(10))
    assert client.post(path, content=chunks, headers=form).status_code == 413
    many = "&".join(f"f{number}=1" for number in range(20))
    assert client.post(path, content=many, headers=form).status_code == 400
    assert multipart.headers["connection"] == "close"


def test_a_form_that_does_not_arrive_is_not_waited_for(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_FORM_S", 0.05)
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"9")]

    async def drips() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"", "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/join", "query_string": b"", "headers": headers}
    assert asyncio.run(sign_in.join(Request(scope, drips))).status_code == 408


def test_below_a_base_path_everything_is_as_above_and_nothing_beside_it(
    client: TestClient, mapped: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = gate.st.get_option
    monkeypatch.setattr(
        gate.st, "get_option", lambda name: "/tools/hover/" if name == "server.baseUrlPath" else options(name)
    )
    base = "/tools/hover"

    assert client.get(f"{base}/_stcore/health").status_code == PASSED
    assert client.get(f"{base}/_stcore/metrics").status_code == 403
    assert client.get(f"{base}/media/a").status_code == 403
    for path in ("/", "/label", "/_stcore/metrics", "/media/a", "/tools/hoverx"):
        assert client.get(path, headers=HTML).status_code == 404
    for path in (base, f"{base}/", f"{base}/label"):
        assert "This app is locked" in client.get(path, headers=HTML).text
    answer = client.post(f"{base}/label?t=x", data={"t": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "?")
    assert "path=/tools/hover;" in answer.headers["set-cookie"].lower()
    assert client.get(f"{base}/_stcore/metrics").status_code == PASSED


# websockets -----------------------------------------------------------------------------------------------------------

RERUN = BackMsg(rerun_script={"query_string": "a"})  # type: ignore[arg-type]
OWNERS_MESSAGES = [
    BackMsg(clear_cache=True),
    BackMsg(set_run_on_save=True),
    BackMsg(load_git_info=True),
    BackMsg(debug_shutdown_runtime=True),
    BackMsg(debug_disconnect_websocket=True),
    BackMsg(backend_operation_request={"install_skills": {}}),  # type: ignore[arg-type]
    BackMsg(backend_operation_request={"dismiss_skills_nudge": {}}),  # type: ignore[arg-type]
    BackMsg(backend_operation_request={"request_id": "1"}),  # type: ignore[arg-type]
    BackMsg(),
]


def answers(client: TestClient, sent: list[BackMsg]) -> list[str]:
    """What comes back for these messages, and a rerun that ends them."""
    with client.websocket_connect(STREAM, headers={"Origin": "http://app.example"}) as websocket:
        for message in (*sent, RERUN):
            websocket.send_bytes(message.SerializeToString())
        got = [websocket.receive_text()]
        while not got[-1].startswith("rerun_script"):
            got.append(websocket.receive_text())
    return [answer.split()[0] for answer in got]


@pytest.mark.parametrize("who", ["nobody", "unknown", "revoked"])
def test_nobodys_websocket_is_refused_before_it_is_accepted(client: TestClient, mapped: Dataset, who: str) -> None:
    come_in(client, who, mapped)

    for address in (STREAM, "ws://app.example/", "ws://app.example/anything"):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(address):
            raise AssertionError("it was accepted")
        assert refused.value.code == 1008


def test_what_changes_the_server_is_the_owners_to_send(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "annotator", mapped)
    assert answers(client, OWNERS_MESSAGES) == ["rerun_script"]

    come_in(client, "owner", mapped)
    assert len(answers(client, OWNERS_MESSAGES)) == len(OWNERS_MESSAGES) + 1


def test_what_a_page_needs_everybody_may_send(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "annotator", mapped)
    needed = [
        BackMsg(stop_script=True),
        BackMsg(app_heartbeat=True),
        BackMsg(file_urls_request={"request_id": "1"}),  # type: ignore[arg-type]
        BackMsg(backend_operation_request={"dataframe_chunk": {}}),  # type: ignore[arg-type]
        BackMsg(backend_operation_request={"deferred_file": {}}),  # type: ignore[arg-type]
    ]

    assert len(answers(client, needed)) == len(needed) + 1


def test_in_a_tab_that_was_open_a_guest_whose_invite_has_ended_only_reruns(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "annotator", mapped)
    with client.websocket_connect(STREAM) as websocket:
        mapped.revoke(mapped.invites()[0].id)
        for message in (*OWNERS_MESSAGES, BackMsg(file_urls_request={}), RERUN):  # type: ignore[arg-type]
            websocket.send_bytes(message.SerializeToString())
        assert websocket.receive_text().startswith("rerun_script")  # and the frame says that the invite has ended

    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM):
        raise AssertionError("it came back")


def test_an_owner_who_left_in_another_tab_sends_nothing_of_the_owners(client: TestClient, mapped: Dataset) -> None:
    come_in(client, "owner", mapped)
    with client.websocket_connect(STREAM) as websocket:
        members.leave(mapped.store, client.cookies[identity.COOKIE])
        websocket.send_bytes(OWNERS_MESSAGES[0].SerializeToString())
        websocket.send_bytes(RERUN.SerializeToString())

        assert websocket.receive_text().startswith("rerun_script")


@pytest.mark.parametrize(("who", "most"), [
    ("annotator", messages.MOST_BYTES), ("owner", messages.MOST_OWNER_BYTES)
])  # fmt: skip
def test_a_message_is_as_large_as_the_largest_honest_one(
    client: TestClient, mapped: Dataset, who: str, most: int
) -> None:
    come_in(client, who, mapped)
    envelope = len(BackMsg(rerun_script={"query_string": "x" * most}).SerializeToString()) - most  # type: ignore[arg-type]
    for size in (most, most + 1):
        message = BackMsg(rerun_script={"query_string": "x" * (size - envelope)})  # type: ignore[arg-type]
        assert len(message.SerializeToString()) == size
        with client.websocket_connect(STREAM) as websocket:
            websocket.send_bytes(message.SerializeToString())
            if size == most:
                assert websocket.receive_text().startswith("rerun_script")
                continue
            with pytest.raises(WebSocketDisconnect) as ended:
                websocket.receive_text()
        assert ended.value.code == 1009


@pytest.mark.parametrize("origin", ["http://app.example:8000", "http://evil.test", "null", "http://other.app.example"])
def test_a_websocket_of_another_page_is_refused_whoever_sits_there(
    client: TestClient, mapped: Dataset, origin: str
) -> None:
    come_in(client, "owner", mapped)
    headers = {"Origin": origin, "Host": "app.example"}
    if origin == "http://evil.test":
        client.cookies.clear()  # SameSite=Lax: the browser sends it from pages of our own site alone

    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers=headers):
        raise AssertionError("it was accepted")


@pytest.mark.parametrize("headers", [
    {},
    {"Origin": "http://app.example"},
    {"Origin": "https://app.example"},
    {"Origin": "https://lab.test", "X-Forwarded-Host": "lab.test"},
    {"Origin": "https://lab.test", "Host": "10.0.0.7:8501"},
])  # fmt: skip
def test_a_websocket_of_our_page_reaches_streamlit_with_an_origin_that_it_takes(
    client: TestClient, mapped: Dataset, headers: dict[str, str]
) -> None:
    cookie = members.sign_in_owner(mapped.store)
    headers = {"Host": "app.example", "Cookie": f"{identity.COOKIE}={cookie}", **headers}

    with client.websocket_connect(STREAM, headers=headers) as websocket:
        websocket.send_bytes(RERUN.SerializeToString())
        origin = websocket.receive_text().split()[-1]

    assert origin == (f"http://{headers['host' if 'host' in headers else 'Host']}" if "Origin" in headers else "None")


# Community Cloud ------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_the_cloud(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The client of an app on Community Cloud."""
    monkeypatch.setenv("HOVER_COMMUNITY_CLOUD", "1")
    hosting.on_community_cloud.cache_clear()
    return client


def test_community_cloud_is_known_by_where_the_app_lies_or_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hosting.on_community_cloud()
    hosting.on_community_cloud.cache_clear()
    monkeypatch.setattr(hosting, "MOUNT", hosting._APP.parents[2])
    assert hosting.on_community_cloud()
    hosting.on_community_cloud.cache_clear()
    monkeypatch.setenv("HOVER_COMMUNITY_CLOUD", "0")
    assert not hosting.on_community_cloud()


def test_on_community_cloud_nobody_gets_streamlits_page_and_a_session_that_is_locked(in_the_cloud: TestClient) -> None:
    for path in ("/", "/label", "/?t=abc", "/media/a", "/component/x/y.js"):
        assert in_the_cloud.get(path, headers=HTML if path in ("/", "/label") else {}).status_code == PASSED
    assert answers(in_the_cloud, OWNERS_MESSAGES) == ["rerun_script"]
    assert in_the_cloud.get("/_stcore/metrics").status_code == 403
    assert in_the_cloud.get("/journal/x").status_code == 403


def test_on_community_cloud_a_page_of_another_port_gets_no_session(in_the_cloud: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect):
        in_the_cloud.websocket_connect(STREAM, headers={"Origin": "http://app.example:8000"}).__enter__()


def test_on_community_cloud_the_cookie_comes_under_a_name_that_its_proxy_knows(
    in_the_cloud: TestClient, mapped: Dataset
) -> None:
    answer = in_the_cloud.post("/label?t=x", data={"t": mapped.invite("Mira")})
    names = [cookie.split("=")[0] for cookie in answer.headers.get_list("set-cookie")]
    assert names == [identity.COOKIE, sign_in.CLOUD_COOKIE]

    in_the_cloud.cookies.delete(identity.COOKIE)  # as its proxy does
    assert in_the_cloud.get(f"/journal/{mapped.id}").status_code == 200
    left = in_the_cloud.post("/leave")
    assert [cookie.split("=")[1][:2] for cookie in left.headers.get_list("set-cookie")] == ['""', '""']
