"""Our own routes: who gets what, in which bytes."""

import json
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soundfile
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from hover_core import demo
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import LOCAL_OWNER, Person
from hover_core.store import members
from hover_core.store.clip_rows import durations
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.sounds import ClipSounds
from pages.server import assets, identity, map_codec, routes
from pages.server.headers import MIDDLEWARE


@pytest.fixture
def client(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a server that is not bound to loopback: without a cookie it is nobody's."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: False)
    app = Starlette(routes=routes.routes(), middleware=MIDDLEWARE)
    with TestClient(app, base_url="http://app.example") as opened:
        yield opened


@pytest.fixture
def as_annotator(client: TestClient, mapped: Dataset) -> TestClient:
    """The client, let in by an invite to the dataset."""
    token = mapped.invite("Mira")
    client.cookies.set(identity.COOKIE, members.join(mapped.store, token), domain="app.example")
    return client


@pytest.fixture
def at_home(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The client of a server that is bound to loopback."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    client.base_url = "http://localhost:8501"
    return client


ADDRESSES: list[Callable[[Dataset], str]] = [
    lambda d: f"/clips/{d.id}/0/audio",
    lambda d: f"/clips/{d.id}/0/card",
    lambda d: f"/map/{d.embeddings()[0].id}",
    lambda d: f"/journal/{d.id}?after=-1",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_gets_nothing(client: TestClient, mapped: Dataset, address: Callable[[Dataset], str]) -> None:
    assert client.get(address(mapped)).status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_annotator_gets_what_is_of_their_dataset(
    as_annotator: TestClient, mapped: Dataset, address: Callable[[Dataset], str]
) -> None:
    assert as_annotator.get(address(mapped)).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES[:2] + ADDRESSES[3:])
def test_an_annotator_gets_nothing_of_another_dataset(
    as_annotator: TestClient, datasets: Datasets, address: Callable[[Dataset], str]
) -> None:
    assert as_annotator.get(address(datasets.new("other"))).status_code == 403


def test_a_revoked_invite_closes_every_address_at_once(as_annotator: TestClient, mapped: Dataset) -> None:
    mapped.revoke(mapped.invites()[0].id)

    assert as_annotator.get(f"/journal/{mapped.id}").status_code == 403


def test_a_request_from_another_site_gets_nothing(as_annotator: TestClient, mapped: Dataset) -> None:
    answer = as_annotator.get(f"/clips/{mapped.id}/0/audio", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


def test_whoever_sits_at_a_loopback_server_is_the_owner(at_home: TestClient, mapped: Dataset) -> None:
    assert at_home.get(f"/journal/{mapped.id}").status_code == 200


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_guest_whose_invite_has_ended_is_nobody_at_a_loopback_server_until_they_leave(
    at_home: TestClient, mapped: Dataset, end: str
) -> None:
    cookie = members.join(mapped.store, mapped.invite("Mira"))
    at_home.cookies.set(identity.COOKIE, cookie, domain="localhost.local")
    address = f"/clips/{mapped.id}/0/audio"
    assert at_home.get(address).status_code == 200
    end_invite(mapped, end)

    assert at_home.get(address).status_code == 403
    assert at_home.get(f"/journal/{mapped.id}").status_code == 403
    gone = at_home.post("/leave", follow_redirects=False)
    assert gone.headers["set-cookie"].startswith('hover="";')
    at_home.cookies.clear()
    assert at_home.get(address).status_code == 200


def end_invite(dataset: Dataset, end: str) -> None:
    """Revoke the dataset's invite, or have its time be up."""
    if end == "revoked":
        dataset.revoke(dataset.invites()[0].id)
        return
    with dataset.store.write() as connection:
        connection.execute(text("UPDATE invites SET expires_at = '2020'"))


def test_a_cookie_that_nobody_knows_is_none_at_a_loopback_server(at_home: TestClient, mapped: Dataset) -> None:
    at_home.cookies.set(identity.COOKIE, "from another data folder", domain="localhost.local")

    assert at_home.get(f"/journal/{mapped.id}").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"])
def test_a_forwarding_header_locks_a_loopback_server(at_home: TestClient, mapped: Dataset, header: str) -> None:
    assert at_home.get(f"/journal/{mapped.id}", headers={header: "localhost"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "localhost.evil.example", ""])
def test_a_foreign_host_locks_a_loopback_server(at_home: TestClient, mapped: Dataset, host: str) -> None:
    assert at_home.get(f"/journal/{mapped.id}", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_loopback_host_header_opens_nothing_elsewhere(client: TestClient, mapped: Dataset, host: str) -> None:
    assert client.get(f"/journal/{mapped.id}", headers={"Host": host}).status_code == 403


def test_an_open_server_makes_everybody_the_owner(
    client: TestClient, mapped: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")

    assert client.get(f"/journal/{mapped.id}").status_code == 200


# sounds ---------------------------------------------------------------------------------------------------------------


def test_a_range_is_answered_with_206_and_the_right_bytes(as_annotator: TestClient, mapped: Dataset) -> None:
    whole = (demo.FOLDER / "d0003.ogg").read_bytes()

    answer = as_annotator.get(f"/clips/{mapped.id}/3/audio", headers={"Range": "bytes=100-199"})

    assert answer.status_code == 206
    assert answer.content == whole[100:200]
    assert answer.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert answer.headers["content-type"] == "audio/ogg"


def test_a_clip_that_is_not_there_is_not_found_for_the_owner(at_home: TestClient, mapped: Dataset) -> None:
    assert at_home.get(f"/clips/{mapped.id}/999/audio").status_code == 404


def test_a_card_says_name_label_and_outline(as_annotator: TestClient, mapped: Dataset) -> None:
    card = as_annotator.get(f"/clips/{mapped.id}/3/card").json()

    assert (card["name"], card["label"], card["subset"]) == ("d0003.ogg", "wren", "train")
    assert len(card["peaks"]) == 96
    assert max(card["peaks"]) == 255


def test_a_card_says_how_long_a_clip_is_whose_vector_came_from_elsewhere(
    as_annotator: TestClient, mapped: Dataset
) -> None:
    card = as_annotator.get(f"/clips/{mapped.id}/3/card").json()
    assert as_annotator.get(f"/clips/{mapped.id}/4/spectrogram").status_code == 200

    assert card["duration"] == pytest.approx(soundfile.info(demo.FOLDER / "d0003.ogg").duration)
    known = durations(mapped.store, mapped.id, 40)
    assert np.flatnonzero(np.isfinite(known)).tolist() == [3, 4]


# maps -----------------------------------------------------------------------------------------------------------------


def test_a_map_is_sent_once_and_then_known_by_its_etag(as_annotator: TestClient, mapped: Dataset) -> None:
    address = f"/map/{mapped.embeddings()[0].id}"
    first = as_annotator.get(address)

    again = as_annotator.get(address, headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""


def test_the_base_of_a_map_is_a_header_and_four_bytes_a_clip(as_annotator: TestClient, mapped: Dataset) -> None:
    embedding = mapped.embeddings()[0]

    body = as_annotator.get(f"/map/{embedding.id}").content

    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    points = np.frombuffer(body[4 + length :], "<u2").reshape(-1, 2)
    assert (header["n"], header["part"], header["missing"], header["without"]) == (40, False, 0, [0, 0])
    assert points.shape == (40, 2)
    x = header["x0"] + points[:, 0] / 65534 * (header["x1"] - header["x0"])
    assert np.abs(x - mapped.coordinates(embedding)[:, 0]).max() < 1e-3


def test_the_journal_after_a_revision_holds_only_what_changed_since(as_annotator: TestClient, mapped: Dataset) -> None:
    before = mapped.state().revision
    mapped.annotate([20, 21, 35], "robin", how="lasso")

    told = as_annotator.get(f"/journal/{mapped.id}?after={before}").json()

    assert told["revision"] == before + 1
    assert [label[1] for label in told["labels"]] == ["wren", "robin"]
    ((code, positions),) = told["changes"]
    assert code == 1
    assert list(map_codec.decode_set(positions, 40)) == [20, 21, 35]


def test_a_journal_names_only_the_labels_that_are_new_to_whoever_asks(
    as_annotator: TestClient, mapped: Dataset
) -> None:
    for number in range(30):
        mapped.annotate([number], f"kind {number}", how="lasso")
    whole = as_annotator.get(f"/journal/{mapped.id}").json()
    again = f"/journal/{mapped.id}?after={whole['revision']}&names={whole['names']}"

    idle = as_annotator.get(again)
    mapped.annotate([35], "robin", how="lasso")
    fresh = as_annotator.get(again).json()

    assert len(whole["labels"]) == 31
    assert idle.json()["labels"] == []
    assert len(idle.content) < 150
    assert [label[:2] for label in fresh["labels"]] == [[31, "robin"]]


def test_who_sees_other_names_than_before_gets_all_of_the_journal_anew(as_blind: TestClient, mapped: Dataset) -> None:
    seen = map_codec.journal(mapped, -1)

    told = as_blind.get(f"/journal/{mapped.id}?after={seen['revision']}&names={seen['names']}").json()

    assert (told["reset"], told["labels"]) == (True, [])


def test_a_journal_that_is_asked_to_wait_answers_when_something_is_written(
    as_annotator: TestClient, mapped: Dataset
) -> None:
    before = mapped.state().revision
    later = threading.Timer(0.1, lambda: mapped.annotate([11], "owl", how="heard"))
    later.start()

    told = as_annotator.get(f"/journal/{mapped.id}?after={before}&wait=0.9").json()
    later.join()

    assert told["revision"] == before + 1
    assert as_annotator.get(f"/journal/{mapped.id}?after={before + 1}&wait=0.01").json()["changes"] == []


def test_undo_is_in_the_journal(as_annotator: TestClient, mapped: Dataset) -> None:
    written = mapped.annotate([20, 21], "robin", how="lasso")
    mapped.undo(written.batch_id)

    told = as_annotator.get(f"/journal/{mapped.id}?after={written.revision}").json()

    assert told["changes"] == [[-1, map_codec.encode_set(np.array([20, 21]))]]


def test_assets_are_found_by_their_hash_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")
    good = client.get("/" + assets.folder() + "map.js")
    assert good.status_code == 200
    assert "immutable" in good.headers["cache-control"]
    assert client.get("/" + assets.plotly_bundle()).status_code == 200
    for bad in ("map.js", "../streamlit_app.py", "%2e%2e/streamlit_app.py", "0000/map.js", "/etc/passwd"):
        assert client.get("/assets/" + bad).status_code == 404


def test_what_the_map_is_made_of_is_named_in_full_and_found() -> None:
    named = dict(assets.of_the_map())
    found = [assets.find(address.removeprefix("assets/")) for address in named]
    assert None not in found
    assert {f"{assets.folder()}map.js", f"{assets.folder()}outbox.js", assets.plotly_bundle()} <= set(named)
    script = assets.PLOTLY.read_text()
    assert "Licensed under the MIT license" in script[:300]
    assert f"v{assets.PLOTLY.stem.split('-')[-1].removesuffix('.min')}" in script[:300]


@pytest.mark.parametrize(("path", "kind", "ahead"), [
    ("/tools/label", "text/html; charset=utf-8", True),
    ("/vectorize", "text/html", True),
    ("/label", "application/json", False),
    ("/", "text/html", False),
])  # fmt: skip
def test_a_page_with_a_map_says_ahead_what_it_will_need(
    path: str, kind: str, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOVER_OPEN", "1")
    bare = Starlette(routes=[Route(path, lambda request: Response("<p>", media_type=kind))], middleware=MIDDLEWARE)
    told = TestClient(bare).get(path).headers.get("link", "")

    root = path.rpartition("/")[0]
    assert (f"<{root}/{assets.plotly_bundle()}>; rel=preload; as=script" in told) is ahead
    assert bool(told) is ahead


# the way in -----------------------------------------------------------------------------------------------------------


def test_looking_at_an_invite_burns_nothing(client: TestClient, mapped: Dataset) -> None:
    token = mapped.invite("Mira")

    for _ in range(3):
        page = client.get("/join", params={"t": token})

    assert "Continue as Mira" in page.text
    assert "set-cookie" not in page.headers
    assert mapped.invites()[0].devices == 0


def test_joining_gives_a_cookie_that_scripts_cannot_read(client: TestClient, mapped: Dataset) -> None:
    token = mapped.invite("Mira")

    answer = client.post("/join", data={"t": token}, follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == "./label"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert client.get(f"/journal/{mapped.id}").status_code == 200
    assert mapped.invites()[0].devices == 1


def test_one_invite_lets_in_several_devices(client: TestClient, mapped: Dataset) -> None:
    token = mapped.invite("Mira")

    for _ in range(2):
        client.cookies.clear()
        assert client.post("/join", data={"t": token}, follow_redirects=False).status_code == 303

    assert mapped.invites()[0].devices == 2


def test_an_invite_without_a_name_asks_for_one(client: TestClient, mapped: Dataset) -> None:
    token = mapped.invite("")

    assert 'name="name"' in client.get("/join", params={"t": token}).text
    assert client.post("/join", data={"t": token, "name": " "}, follow_redirects=False).status_code == 400
    assert client.post("/join", data={"t": token, "name": "Jon"}, follow_redirects=False).status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "x" * 3000, "<script>alert(1)</script>"])
def test_a_wrong_token_opens_nothing_and_is_not_shown(client: TestClient, mapped: Dataset, token: str) -> None:
    page = client.get("/join", params={"t": token})

    assert page.status_code == 404
    assert "<script>" not in page.text
    assert client.post("/join", data={"t": token}, follow_redirects=False).status_code == 400


def test_the_owners_token_makes_the_owner(client: TestClient, mapped: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOVER_OWNER_TOKEN", "sesame-sesame")
    identity.owner_token.cache_clear()

    answer = client.post("/join", data={"t": "sesame-sesame"}, follow_redirects=False)

    assert answer.headers["location"] == "."
    assert identity.person(client.cookies, {}) is not None
    assert identity.person(client.cookies, {}).role == LOCAL_OWNER.role  # type: ignore[union-attr]


def test_a_form_sent_from_another_site_is_refused(client: TestClient, mapped: Dataset) -> None:
    token = mapped.invite("Mira")

    answer = client.post("/join", data={"t": token}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


def test_leaving_takes_the_cookie_away(as_annotator: TestClient, mapped: Dataset) -> None:
    answer = as_annotator.post("/leave", follow_redirects=False)

    assert 'hover=""' in answer.headers["set-cookie"]


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    answer = client.get("/join")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"


# columns, axes, pictures ----------------------------------------------------------------------------------------------


def test_columns_are_listed_and_sent_as_bytes(as_annotator: TestClient, mapped: Dataset) -> None:
    keys = [entry["key"] for entry in as_annotator.get(f"/columns/{mapped.id}").json()]
    body = as_annotator.get(f"/column/{mapped.id}/predicted").content

    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    assert keys[:5] == ["predicted", "annotator", "how", "duration", "group"]
    assert (header["kind"], header["names"], header["opacity"]) == ("categorical", ["wren"], True)
    assert len(body) == 4 + length + 40 * 2 + 40


def test_another_axis_is_another_base_with_the_same_clips(as_annotator: TestClient, mapped: Dataset) -> None:
    address = f"/map/{mapped.embeddings()[0].id}"
    first = as_annotator.get(address)

    other = as_annotator.get(address, params={"x": "1", "y": "0"})

    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]
    assert len(other.content) > 160
    assert as_annotator.get(address, params={"x": "7", "y": "0"}).status_code == 403


@pytest.mark.parametrize(("agent", "mime"), [
    ("Mozilla/5.0 AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", "audio/wav"),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "audio/ogg"),
])  # fmt: skip
def test_safari_is_sent_wav_where_others_are_sent_ogg(
    as_annotator: TestClient, mapped: Dataset, agent: str, mime: str
) -> None:
    answer = as_annotator.get(f"/clips/{mapped.id}/0/audio", headers={"User-Agent": agent})

    assert (answer.status_code, answer.headers["content-type"]) == (200, mime)


def test_a_spectrogram_is_a_png_and_even_loudness_a_wav(as_annotator: TestClient, mapped: Dataset) -> None:
    picture = as_annotator.get(f"/clips/{mapped.id}/3/spectrogram")
    sound = as_annotator.get(f"/clips/{mapped.id}/3/audio?level=1")

    assert picture.content.startswith(b"\x89PNG")
    assert sound.headers["content-type"] == "audio/wav"
    assert sound.content[:4] == b"RIFF"


# what must not be possible ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["journal/{id}?after=abc", "clips/{id}/99999999999999999999/card", "map/9" + "9" * 30])
def test_numbers_that_are_none_are_not_found(at_home: TestClient, mapped: Dataset, path: str) -> None:
    assert at_home.get("/" + path.format(id=mapped.id)).status_code == 404


def test_a_form_from_another_origin_is_refused_without_fetch_metadata(client: TestClient, mapped: Dataset) -> None:
    answer = client.post("/join", data={"t": mapped.invite("Mira")}, headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403


@pytest.mark.parametrize(("name", "sentence"), [
    ("own\u200ber", "the name of the owner: take your own"),
    ("\u043ewner", "looks like “owner”, the name of the owner: take your own"),
    ("\u202e\u200b", "a name has 1 to 60 characters"),
    ("M\u0456ra", "looks like what somebody is called here already: add something that tells you apart"),
])  # fmt: skip
def test_a_name_that_looks_like_another_is_refused_with_a_sentence(
    client: TestClient, mapped: Dataset, name: str, sentence: str
) -> None:
    mapped.invite("Mira")

    answer = client.post("/join", data={"t": mapped.invite(""), "name": name}, follow_redirects=False)

    assert answer.status_code == 400
    assert sentence in answer.text.replace("A name", "a name")
    assert identity.COOKIE not in answer.cookies


def test_nobody_can_take_the_name_of_somebody_who_is_there(client: TestClient, mapped: Dataset) -> None:
    mapped.invite("Mira")
    anybody = mapped.invite("")

    answer = client.post("/join", data={"t": anybody, "name": "ｍira "}, follow_redirects=False)

    assert answer.status_code == 400
    assert "called" in answer.text


def test_a_loopback_app_is_framed_by_nobody_else(at_home: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "frame-ancestors 'self';" in at_home.get("/join").headers["content-security-policy"]
    monkeypatch.setenv("HOVER_OPEN", "1")
    assert "img-src 'self'" in at_home.get("/clips").headers["content-security-policy"]


# blind annotators -----------------------------------------------------------------------------------------------------


@pytest.fixture
def as_blind(client: TestClient, mapped: Dataset) -> TestClient:
    """The client, let in by a blind invite; ten clips carry the imported label wren, five the owner's secret one."""
    mapped.annotate(list(range(20, 25)), "secret", how="lasso")
    token = mapped.invite("Mira", blind=True)
    client.cookies.set(identity.COOKIE, members.join(mapped.store, token), domain="app.example")
    return client


def _hers(datasets: Datasets, mapped: Dataset) -> Dataset:
    return datasets.open(mapped.id, by=Person("Mira", "annotator", mapped.id, blind=True))


EVERYWHERE = ["/journal/{id}?after=-1", "/journal/{id}?after=0", "/columns/{id}", "/column/{id}/predicted",
              "/column/{id}/annotator", "/column/{id}/how", "/clips/{id}/3/card", "/clips/{id}/22/card"]  # fmt: skip


@pytest.mark.parametrize("address", EVERYWHERE)
def test_no_answer_to_a_blind_annotator_holds_a_label_of_others(
    as_blind: TestClient, mapped: Dataset, address: str
) -> None:
    answer = as_blind.get(address.format(id=mapped.id))

    assert answer.status_code == 200
    told = answer.content
    if address.endswith("/how"):  # its words are the same for everybody; what is said of clips comes behind them
        start = 4 + int.from_bytes(told[:4], "little")
        told = told[start:]
        assert set(told) == {0xFF}
    for word in (b"wren", b"secret", b"owner", b"imported", b"lasso"):
        assert word not in told


def test_a_blind_journal_names_ones_own_labels_with_codes_and_colours_of_their_own(
    as_blind: TestClient, datasets: Datasets, mapped: Dataset
) -> None:
    _hers(datasets, mapped).annotate([1, 22, 30], "owl", how="lasso")

    told = as_blind.get(f"/journal/{mapped.id}?after=-1").json()

    assert told["labels"] == [[0, "owl", "#e69f00"]]
    assert [[code, map_codec.decode_set(positions, 40).tolist()] for code, positions in told["changes"]] == [
        [0, [1, 22, 30]]
    ]
    assert as_blind.get(f"/clips/{mapped.id}/22/card").json()["label"] == "owl"
    assert b"secret" not in as_blind.get(f"/journal/{mapped.id}?after=-1").content


def test_subsets_are_the_same_for_blind_annotators(as_blind: TestClient, mapped: Dataset) -> None:
    ((code, positions),) = as_blind.get(f"/journal/{mapped.id}?after=-1").json()["subsets"]

    assert (code, map_codec.decode_set(positions, 40).tolist()) == (1, list(range(10)))


def test_what_others_label_says_nothing_to_a_blind_journal_but_that_time_went_on(
    as_blind: TestClient, mapped: Dataset
) -> None:
    before = as_blind.get(f"/journal/{mapped.id}?after=-1").json()["revision"]
    mapped.annotate([30, 31], "another", how="lasso")

    told = as_blind.get(f"/journal/{mapped.id}?after={before}").json()

    none = {"labels": [], "names": "0.d4cbb29", "changes": [], "subsets": []}
    assert told == {"revision": before + 1, "n": 40, "reset": False, **none}


def test_everybody_sees_what_a_blind_annotator_labels(
    as_blind: TestClient, at_home: TestClient, datasets: Datasets, mapped: Dataset
) -> None:
    _hers(datasets, mapped).annotate([22], "owl", how="lasso")
    at_home.cookies.clear()

    told = at_home.get(f"/journal/{mapped.id}?after=-1").json()

    assert [name for _, name, _ in told["labels"]] == ["wren", "secret", "owl"]
    assert at_home.get(f"/clips/{mapped.id}/22/card").json()["label"] == "owl"


def test_the_colours_of_a_blind_and_an_open_journal_are_not_mixed_up_by_a_cache(
    client: TestClient, as_blind: TestClient, datasets: Datasets, mapped: Dataset
) -> None:
    address = f"/column/{mapped.id}/predicted"
    hidden = as_blind.get(address).content
    token = mapped.invite("Jon")
    client.cookies.clear()
    client.cookies.set(identity.COOKIE, members.join(mapped.store, token), domain="app.example")
    shown = client.get(address).content

    assert b"wren" in shown
    assert b"wren" not in hidden


def test_an_outline_is_drawn_once_and_kept_for_the_next_server(mapped: Dataset) -> None:
    first = ClipSounds(mapped.store)
    drawn = first.peaks(mapped.id, 3)
    first.close()
    later = ClipSounds(mapped.store)
    later.workers.close()  # whatever it shows now, it has not decoded

    assert later.peaks(mapped.id, 3) == drawn
    assert len(drawn) == 96
    assert max(drawn) == 255


def test_a_stretch_of_a_recording_is_as_long_as_what_is_heard_of_it(datasets: Datasets) -> None:
    url = "demo:d0003.ogg"
    dataset = datasets.new("stretches")
    ends = [(0.1, 0.3), (0.2, 99.0)]
    dataset.add(Intake(clips=[Clip(clip_id(url, start, end), url, start, end) for start, end in ends]))

    for position in range(2):
        datasets.sounds.peaks(dataset.id, position)

    whole = soundfile.info(demo.FOLDER / "d0003.ogg").duration
    assert durations(dataset.store, dataset.id, 2).tolist() == pytest.approx([0.2, whole - 0.2])
