"""The operator's token: what it ends, what it has to look like, and what is said of it at the start."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest

from hover_core.data.people import LOCAL_OWNER, Person
from hover_core.errors import Refused
from hover_core.store import members
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.components import session
from pages.server import identity, lifespan, routes, sign_in
from pages.server.headers import MIDDLEWARE
from tests.run import ROOT

TOKEN = "a-long-token-of-the-operator"
Run = Callable[[Person | None], AppTest]
Set = Callable[[str], None]


@pytest.fixture
def set_token(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Set]:
    """Set HOVER_OWNER_TOKEN, as if the server had started with it."""

    def set_to(token: str) -> None:
        monkeypatch.setenv("HOVER_OWNER_TOKEN", token)
        identity.operators_token.cache_clear()
        identity.owner_token.cache_clear()

    yield set_to
    identity.operators_token.cache_clear()
    identity.owner_token.cache_clear()


@pytest.fixture
def at_home(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client on the machine of an app that is bound to loopback."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    app = Starlette(routes=routes.routes(), middleware=MIDDLEWARE)
    with TestClient(app, base_url="http://localhost:8501") as opened:
        yield opened


@pytest.fixture
def secrets_file(tmp_path: Path, datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of Streamlit's secrets, with nothing at it yet."""
    path = tmp_path / "secrets.toml"
    monkeypatch.delenv("HOVER_OWNER_TOKEN", raising=False)
    before = st.get_option("secrets.files")
    st.config.set_option("secrets.files", [str(path)])
    secrets_singleton._reset()
    identity.operators_token.cache_clear()
    yield path
    secrets_singleton._reset()
    st.config.set_option("secrets.files", before)
    identity.operators_token.cache_clear()


# what it ends ---------------------------------------------------------------------------------------------------------


def test_with_a_token_nobody_owns_an_app_by_sitting_at_its_machine(
    at_home: TestClient, mapped: Dataset, set_token: Set
) -> None:
    address = f"/journal/{mapped.id}"
    assert at_home.get(address).status_code == 200
    set_token(TOKEN)

    assert at_home.get(address).status_code == 403
    at_home.post("/join", data={"t": TOKEN}, follow_redirects=False)
    assert at_home.get(address).status_code == 200


def test_a_token_closes_an_app_that_is_open_to_everybody(
    at_home: TestClient, mapped: Dataset, set_token: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")
    assert identity.is_open()
    set_token(TOKEN)

    assert not identity.is_open()
    assert at_home.get(f"/journal/{mapped.id}").status_code == 403


def test_a_token_in_the_secrets_ends_ownership_by_loopback_too(
    at_home: TestClient, mapped: Dataset, secrets_file: Path
) -> None:
    secrets_file.write_text(f'HOVER_OWNER_TOKEN = "{TOKEN}"\n')

    assert at_home.get(f"/journal/{mapped.id}").status_code == 403
    assert identity.is_owner_token(TOKEN)


def test_a_token_that_goes_while_the_app_runs_opens_nothing(
    at_home: TestClient, mapped: Dataset, set_token: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_token(TOKEN)
    assert identity.person({}, {"host": "localhost"}) is None
    monkeypatch.delenv("HOVER_OWNER_TOKEN")

    assert at_home.get(f"/journal/{mapped.id}").status_code == 403


# what it has to look like ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "sentence"), [
    ("x" * 201, "HOVER_OWNER_TOKEN has 201 characters: at most 200 can be read of a link"),
    ("", "HOVER_OWNER_TOKEN is set and empty"),
    (" \n", "HOVER_OWNER_TOKEN is set and empty"),
    ("open sesame, please, for me", "HOVER_OWNER_TOKEN holds a space"),
    ("open\tsesame-please-for-me", "a control character"),
    ("öffne-dich-bitte-für-mich", "a letter outside ASCII"),
])  # fmt: skip
def test_a_token_that_could_let_nobody_in_is_refused_without_being_repeated(
    set_token: Set, token: str, sentence: str
) -> None:
    set_token(token)

    with pytest.raises(Refused) as caught:
        identity.operators_token()
    assert sentence in str(caught.value)
    assert not token.strip() or token not in str(caught.value)


def test_the_longest_token_that_is_accepted_lets_the_owner_in(at_home: TestClient, set_token: Set) -> None:
    token = "x" * identity.LONGEST_TOKEN
    set_token(token)

    assert "Continue as the owner" in at_home.get("/join", params={"t": token}).text
    assert at_home.post("/join", data={"t": token}, follow_redirects=False).status_code == 303
    assert sign_in._MAX_TOKEN == identity.LONGEST_TOKEN == 200


def test_a_plus_in_a_token_may_stand_in_the_link_as_it_is(at_home: TestClient, set_token: Set) -> None:
    set_token("pK3/xw+8Yq0+3Q==abcdef")

    assert "Continue as the owner" in at_home.get("/join?t=pK3/xw+8Yq0+3Q==abcdef").text


def test_a_line_end_around_a_token_is_none_of_it(at_home: TestClient, set_token: Set) -> None:
    set_token(f"{TOKEN}\n")

    assert at_home.post("/join", data={"t": TOKEN}, follow_redirects=False).status_code == 303


def test_secrets_that_cannot_be_read_are_not_taken_for_none(secrets_file: Path) -> None:
    assert not identity.has_token()
    identity.operators_token.cache_clear()
    secrets_file.write_text(f"HOVER_OWNER_TOKEN = {TOKEN}\n")  # no quotes: no TOML

    with pytest.raises(Refused, match=r"secrets\.toml cannot be read") as caught:
        identity.operators_token()
    assert TOKEN not in str(caught.value)


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """What `streamlit run streamlit_app.py` does with a token that it refuses."""
    command = ["-m", "streamlit", "run", "streamlit_app.py", "--server.address", "localhost", "--server.port", "0"]
    return subprocess.run(
        [sys.executable, *command, "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("token", ["x" * 201, " ", "open sesame"])
def test_a_token_that_could_let_nobody_in_stops_the_start_with_a_sentence(hover_data: Path, token: str) -> None:
    ended = start(HOVER_OWNER_TOKEN=token)

    assert ended.returncode != 0
    assert "Hover does not start: HOVER_OWNER_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not token.strip() or token not in ended.stderr + ended.stdout


# what is said at the start --------------------------------------------------------------------------------------------


def test_the_way_in_by_a_token_is_said_also_where_the_app_is_bound_to_loopback(
    at_home: TestClient, set_token: Set
) -> None:
    assert lifespan.way_in() == []
    set_token(TOKEN)

    [line] = lifespan.way_in()
    assert line.startswith("The owner comes in by http://localhost:")
    assert line.endswith("/join?t= and the token in HOVER_OWNER_TOKEN.")
    assert TOKEN not in line


def test_it_is_said_that_an_open_app_is_closed_by_a_token(
    at_home: TestClient, set_token: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")
    set_token(TOKEN)

    assert lifespan.way_in()[0] == "HOVER_OPEN=1 is ignored because HOVER_OWNER_TOKEN is set."


@pytest.mark.parametrize(("token", "doubt"), [
    ("sesame", "HOVER_OWNER_TOKEN has 6 characters, which can be guessed"),
    ("sesame&open#the%door", "HOVER_OWNER_TOKEN holds characters that have to be percent-encoded"),
])  # fmt: skip
def test_a_token_that_is_unwise_works_and_is_warned_about(
    at_home: TestClient, set_token: Set, token: str, doubt: str
) -> None:
    set_token(token)

    assert lifespan.way_in()[-1].startswith(doubt)
    assert identity.is_owner_token(token)


# where a link leads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "only_here"), [
    ("http://localhost:8501/", True), ("http://127.0.0.1:8501/", True), ("http://[::1]:8501/", True),
    ("http://hover.localhost/", True), ("http://127.1.2.3/", True), ("http://0.0.0.0:8501/", True),
    ("https://hover.example/tools/", False), ("http://192.168.1.7:8501/", False), ("/", False),
])  # fmt: skip
@pytest.mark.parametrize("bound", [True, False])
def test_share_warns_by_the_address_that_the_page_was_opened_by_and_not_by_where_the_server_is_bound(
    run_as: Run, mapped: Dataset, monkeypatch: pytest.MonkeyPatch, address: str, only_here: bool, bound: bool
) -> None:
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: bound)
    monkeypatch.setattr(session, "root", lambda: address)
    app = run_as(LOCAL_OWNER).switch_page("owner/share.py").run()

    warned = [box.value for box in app.warning]
    assert len(warned) == only_here
    assert not warned or ("without `--server.address localhost`" in warned[0]) == bound


def test_an_owner_who_came_in_before_keeps_the_device(at_home: TestClient, mapped: Dataset, set_token: Set) -> None:
    at_home.cookies.set(identity.COOKIE, members.sign_in_owner(mapped.store), domain="localhost.local")
    set_token(TOKEN)

    assert at_home.get(f"/journal/{mapped.id}").status_code == 200
