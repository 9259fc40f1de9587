"""Whose pages may talk to the app: host and port, not the host's name alone."""

import pytest
from starlette.datastructures import Headers

from pages.server import hosting, identity, origins


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not bound to loopback, and not on Community Cloud."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: False)
    hosting.on_community_cloud.cache_clear()


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is bound to loopback, without a token of the operator's."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    monkeypatch.setattr(identity, "has_token", lambda: False)


def judged(origin: str | None, host: str, scheme: str = "ws", **more: str) -> str:
    headers = {"host": host, **{name.replace("_", "-"): text for name, text in more.items()}}
    return origins.judge(Headers(headers if origin is None else {"origin": origin, **headers}), scheme)


@pytest.mark.parametrize(("origin", "host"), [
    (None, "localhost:8501"),
    ("http://localhost:8501", "localhost:8501"),
    ("http://LOCALHOST:8501", "localhost:8501"),
    ("http://[::1]:8501", "[::1]:8501"),
    ("http://lab.example", "lab.example"),
    ("http://lab.example", "lab.example:80"),
    ("https://lab.example", "lab.example"),  # a proxy in front speaks TLS
    ("https://lab.example", "lab.example:443"),
    ("https://lab.example:9443", "lab.example:9443"),
])  # fmt: skip
def test_the_page_of_the_very_host_and_port_is_the_apps(origin: str | None, host: str) -> None:
    assert judged(origin, host) == "own"


@pytest.mark.parametrize(("origin", "host"), [
    ("http://localhost:8000", "localhost:8501"),
    ("http://localhost", "localhost:8501"),
    ("http://lab.example:8000", "lab.example"),
    ("http://lab.example", "lab.example:443"),
    ("null", "localhost:8501"),
    ("", "localhost:8501"),
    ("file://", "localhost:8501"),
    ("http://localhost:0", "localhost:0"),
    ("http://localhost:99999", "localhost:99999"),
    ("http://a@localhost:8501", "localhost:8501"),
    ("chrome-extension://abc", "localhost:8501"),
    ("http://other.lab.example", "hover.lab.example"),  # one site to a browser: it sends our cookie along
    ("http://lab.example", "hover.lab.example"),
])  # fmt: skip
def test_another_port_and_a_sibling_name_and_no_name_are_foreign(origin: str, host: str) -> None:
    assert judged(origin, host) == "foreign"


def test_two_origins_are_foreign() -> None:
    raw = [(b"host", b"localhost:8501"), (b"origin", b"http://localhost:8501"), (b"origin", b"http://localhost:1")]

    assert origins.judge(Headers(raw=raw), "ws") == "foreign"


def test_over_tls_the_page_without_it_is_foreign() -> None:
    assert judged("http://lab.example", "lab.example", "wss") == "foreign"
    assert judged("http://lab.example", "lab.example", x_forwarded_proto="https") == "foreign"
    assert judged("https://lab.example", "lab.example", "wss") == "own"


@pytest.mark.parametrize(("forwarded", "verdict"), [
    ("lab.example", "own"),
    ("lab.example, inner:8501", "own"),
    ("lab.example:8000", "foreign"),
    ("", "hidden"),
    ("10.0.0.7:8501", "hidden"),
])  # fmt: skip
def test_behind_a_proxy_its_own_word_for_the_host_counts(forwarded: str, verdict: str) -> None:
    assert judged("https://lab.example", "10.0.0.7:8501", x_forwarded_host=forwarded) == verdict


def test_a_loopback_app_hears_nobodys_word_for_its_host(at_home: None) -> None:
    assert judged("http://lab.example", "localhost:8501", x_forwarded_host="lab.example") == "foreign"
    assert judged("http://127.0.0.1:8000", "localhost:8501") == "foreign"
    assert judged("http://127.0.0.1:8501", "127.0.0.1:8501") == "own"


@pytest.mark.parametrize(("site", "verdict"), [("same-origin", "own"), ("none", "own"), ("same-site", "foreign"),
                                               ("cross-site", "foreign")])  # fmt: skip
def test_what_the_browser_says_of_a_request_without_origin_counts(site: str, verdict: str) -> None:
    assert judged(None, "localhost:8501", "http", sec_fetch_site=site) == verdict


def test_of_a_form_the_browsers_word_counts_beside_the_origin_and_of_a_websocket_the_origin_alone() -> None:
    page = "http://localhost:8501"
    assert judged(page, "localhost:8501", "http", sec_fetch_site="same-site") == "foreign"
    assert judged(page, "localhost:8501", "http", sec_fetch_site="same-origin") == "own"
    assert judged(page, "localhost:8501", "ws", sec_fetch_site="cross-site") == "own"
    assert judged("http://localhost:8000", "localhost:8501", "ws", sec_fetch_site="same-origin") == "foreign"


def test_a_further_origin_talks_and_frames_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "TALKING", {"http://localhost:8888"})
    assert judged("http://localhost:8888", "localhost:8501", sec_fetch_site="same-site") == "own"
    assert judged("http://localhost:8889", "localhost:8501") == "foreign"
    assert origins.frame_ancestors() == "'self'"

    monkeypatch.setattr(origins, "FRAMING", {"http://localhost:8888"})
    assert origins.frame_ancestors() == "'self' http://localhost:8888"


def test_community_clouds_shell_frames_the_app_there_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "streamlit.app" not in origins.frame_ancestors()

    monkeypatch.setenv("HOVER_COMMUNITY_CLOUD", "1")
    hosting.on_community_cloud.cache_clear()
    try:
        assert origins.frame_ancestors() == "'self' https://*.streamlit.app"
        assert judged("https://a.streamlit.app", "b.streamlit.app") == "hidden"
        assert judged("https://a.streamlit.app:1", "a.streamlit.app") == "foreign"
    finally:
        hosting.on_community_cloud.cache_clear()
