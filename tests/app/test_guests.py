"""What guests are sent: by our routes, and in every element of their pages."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from hover_core.analysis import maps
from hover_core.analysis.search.query import Stretch
from hover_core.data.people import ANNOTATOR, LOCAL_OWNER, Person
from hover_core.store import members, vector_rows
from hover_core.tables import columns, rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.components import session
from pages.components.labelling import search_actions
from pages.components.labelling.search_state import TextFilter
from pages.components.labelling.state import LabellingState
from pages.server import identity, routes
from pages.server.headers import MIDDLEWARE
from tests import sounds
from tests.servers import SoundServer

COUNT = 24
FAILS = 23  # the clip whose file is not there
KEY = "mfcc-mean-32-22050-v1"
WORDS = ("siren", "owlet", "drizzle", "turbine")
# what no guest is sent, and what no blind guest is
ADDRESS = ("s3cret", "127.0.0.1", "/in/", "sig=", "HTTP", "ztapes", "zkind", "zcaption", "grader")
LABELS = (*WORDS, "hush-hush")
Run = Callable[[Person | None], AppTest]
Client = Callable[..., TestClient]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """All sounds but the last, behind a query."""
    files = {f"/in/{WORDS[n % 4]}_{n}.wav": sounds.encode(sounds.tone(300 + n, 0.3)) for n in range(COUNT - 1)}
    with SoundServer(files) as opened:
        monkeypatch.setenv("HOVER_ALLOWED_HOSTS", opened.host_port)
        yield opened


@pytest.fixture
def dataset(datasets: Datasets, server: SoundServer) -> Dataset:
    """A mapped table whose labels are set aside; many of its columns tell them or the addresses all the same."""
    words = [WORDS[n % 4] for n in range(COUNT)]
    frame = pd.DataFrame(
        {
            "at": [server.url(f"/in/{word}_{n}.wav?sig=s3cret") for n, word in enumerate(words)],
            "category": words,
            "zkind": [f"zkind {10 + n % 4}" for n in range(COUNT)],  # as ESC-50's target beside its category
            "zcaption": [f"zcaption: {word}!" for word in words],
            "tape": [f"ztapes/{n % 3}.flac" for n in range(COUNT)],
            "score": [f"{n / 7}" for n in range(COUNT)],
            "annotators": ["grader"] * COUNT,
            "room": [f"room {n % 5}" for n in range(COUNT)],
            "depth": [f"{n / 2}" for n in range(COUNT)],
        }
    )
    made = datasets.new("table")
    meaning = columns.Columns(audio="at", label="category", group="room")
    made.add(made.plan(rows.frame_table(frame), meaning, raw_labels="reference"))
    vectors = np.random.default_rng(0).normal(size=(COUNT, 32)).astype(np.float32)
    with made.store.write() as connection:
        vector_rows.add_vectors(connection, made.id, KEY, list(range(COUNT - 1)), vectors[:-1])
        reason = f"{server.host_port} has no such file (HTTP 404)"
        vector_rows.add_failures(connection, made.id, KEY, {FAILS: reason})
    made.change_settings(vectorizer=KEY)
    maps.embed(made, KEY, "pca")
    made.annotate([0, 1], "hush-hush", how="heard")
    return made


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The player of the clip in focus takes absolute addresses alone, and AppTest has none."""
    monkeypatch.setattr(session, "root", lambda: "http://app.example/")


@pytest.fixture
def client_of(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of our routes for the owner or a guest, each with a cookie of their own."""
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: False)
    opened = []

    def client(who: str) -> TestClient:
        if who == "owner":
            cookie = members.sign_in_owner(dataset.store)
        else:
            cookie = members.join(dataset.store, dataset.invite(f"Mira {who}", blind=who == "blind"))
        made = TestClient(Starlette(routes=routes.routes(), middleware=MIDDLEWARE), base_url="http://app.example")
        made.cookies.set(identity.COOKIE, cookie, domain="app.example")
        made.__enter__()
        opened.append(made)
        return made

    yield client
    for made in opened:
        made.__exit__()


def secrets_of(who: str) -> tuple[str, ...]:
    """What must not be sent to a guest."""
    return (*ADDRESS, *LABELS) if who == "blind" else ADDRESS


# routes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["annotator", "blind"])
@pytest.mark.parametrize("column", ["at", "category", "zkind", "zcaption", "tape", "score", "annotators"])
def test_no_route_serves_a_guest_a_column_that_tells_labels_or_addresses(
    client_of: Client, dataset: Dataset, who: str, column: str
) -> None:
    key = f"table:{column}"
    guest, owner = client_of(who), client_of("owner")
    offered = [one["key"] for one in guest.get(f"/columns/{dataset.id}").json()]

    assert key not in offered
    assert {"table:room", "table:depth"} <= set(offered)
    assert guest.get(f"/column/{dataset.id}/{key}").status_code == 403
    assert guest.get(f"/column/{dataset.id}/reference").status_code == 403
    assert guest.get(f"/column/{dataset.id}/table:depth").status_code == 200
    assert owner.get(f"/column/{dataset.id}/{key}").status_code == 200


@pytest.mark.parametrize("who", ["annotator", "blind"])
def test_no_axis_of_a_map_is_a_column_that_a_guest_is_not_shown(client_of: Client, dataset: Dataset, who: str) -> None:
    base = f"/map/{dataset.embeddings()[0].id}"
    made = client_of("owner").get(f"{base}?x=c:table:score")
    guest = client_of(who)
    known = {"If-None-Match": made.headers["etag"]}

    assert made.status_code == 200
    assert guest.get(f"{base}?x=c:table:score").status_code == 403  # also now that it was made for the owner
    assert guest.get(f"{base}?y=c:table:score", headers=known).status_code == 403
    assert guest.get(f"{base}?x=c:table:depth").status_code == 200
    dataset.show_to_guests({"depth": False})
    assert guest.get(f"{base}?x=c:table:depth").status_code == 403
    assert guest.get(f"/column/{dataset.id}/table:depth").status_code == 403


@pytest.mark.parametrize("who", ["annotator", "blind"])
def test_nothing_that_a_guest_asks_our_routes_for_holds_an_address_or_a_hidden_label(
    client_of: Client, dataset: Dataset, who: str
) -> None:
    guest = client_of(who)
    addresses = [f"/columns/{dataset.id}", f"/journal/{dataset.id}?after=-1"]
    addresses += [f"/clips/{dataset.id}/{n}/{what}" for n in (0, 5, FAILS) for what in ("card", "audio", "spectrogram")]
    keys = [one["key"] for one in guest.get(f"/columns/{dataset.id}").json()]
    addresses += [f"/column/{dataset.id}/{key}" for key in keys]

    for address in addresses:
        answer = guest.get(address)
        sent = f"{answer.headers}".encode() + answer.content
        for secret in secrets_of(who):
            assert secret.encode() not in sent, address


def test_a_card_calls_a_clip_by_its_name_and_for_a_blind_guest_by_its_number(
    client_of: Client, dataset: Dataset
) -> None:
    names = [
        client_of(who).get(f"/clips/{dataset.id}/5/card").json()["name"] for who in ("owner", "annotator", "blind")
    ]

    assert names == ["owlet_5.wav", "owlet_5.wav", "clip 5"]


@pytest.mark.parametrize("what", ["card", "audio", "spectrogram"])
def test_a_guest_is_told_that_a_sound_cannot_be_fetched_and_the_owner_why(
    client_of: Client, dataset: Dataset, server: SoundServer, what: str
) -> None:
    address = f"/clips/{dataset.id}/{FAILS}/{what}"
    owner = client_of("owner").get(address)

    assert "HTTP 404" in owner.text
    for who in ("annotator", "blind"):
        guest = client_of(who).get(address)
        assert guest.status_code == owner.status_code
        assert "could not be fetched: the owner of this dataset can see why" in guest.text
        assert "HTTP" not in guest.text


# pages ----------------------------------------------------------------------------------------------------------------


def sent(app: AppTest) -> str:
    """All that a run has sent to the browser, with what is sent to our elements."""
    parts: list[str] = []

    def walk(node: object) -> None:
        parts.append(str(getattr(node, "proto", "")))
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(app._tree)
    return "\n".join(parts)


def label(app: AppTest, dataset: Dataset) -> tuple[AppTest, LabellingState]:
    """The Label page, and what the person has before them there."""
    app = app.switch_page("annotator/label.py").run()
    found: LabellingState = app.session_state["label.states"][dataset.id]
    return app, found


def everything(app: AppTest, labelling: LabellingState) -> Iterator[str]:
    """What Label sends while somebody selects, listens, searches in every way, and asks what cannot be answered."""

    def run() -> str:
        app.run()
        assert not app.exception
        return sent(app)

    yield run()
    labelling.selection.select(np.arange(COUNT), "lasso", tell_map=True)
    labelling.selection.focus = FAILS
    yield run()
    search_actions.ask(labelling, [2])
    yield run()
    search_actions.play_in_a_row(labelling, np.arange(COUNT))
    yield run()
    search_actions.ask(labelling, [FAILS])
    yield run()
    search_actions.ask_sound(labelling, Stretch(FAILS, 0.0, 0.1), "Like a stretch")
    yield run()
    search_actions.close_search(labelling)
    for text, column in (("room", ""), ("1", "room"), ("x", "category"), ("x", "url"), ("s3", "nothing")):
        search_actions.ask_words(labelling, TextFilter(text, column))
        yield run()
    app.selectbox(key="label.words_in").set_value("label")  # the list of columns is drawn
    yield run()
    app.session_state["label.classic"] = True
    yield run()


@pytest.mark.parametrize("who", ["annotator", "blind"])
def test_label_sends_a_guest_no_address_and_a_blind_one_no_name_or_label(
    run_as: Run, dataset: Dataset, who: str
) -> None:
    app, labelling = label(run_as(Person("Mira", ANNOTATOR, dataset.id, blind=who == "blind")), dataset)
    pages = list(everything(app, labelling))

    for secret in secrets_of(who):
        assert not [number for number, page in enumerate(pages) if secret in page], secret
    everywhere = "\n".join(pages)
    assert ("clip 23" in everywhere, "owlet_5.wav" in everywhere) == (who == "blind", who != "blind")


def test_the_owner_is_sent_names_and_addresses(run_as: Run, dataset: Dataset, server: SoundServer) -> None:
    app, labelling = label(run_as(LOCAL_OWNER), dataset)
    everywhere = "\n".join(everything(app, labelling))

    assert f"{server.host_port}/in/owlet_5.wav?sig" in everywhere
    assert "owlet_5.wav" in everywhere
    assert "HTTP 404" in everywhere


def test_words_can_be_looked_for_where_each_person_is_shown_them(run_as: Run, dataset: Dataset) -> None:
    options = {}
    for blind in (None, False, True):
        who = LOCAL_OWNER if blind is None else Person("Mira", ANNOTATOR, dataset.id, blind=blind)
        app, _ = label(run_as(who), dataset)
        app.selectbox(key="label.words_in").set_value("label").run()  # then the columns of the table are read
        options[blind] = app.selectbox(key="label.words_in").options

    table = [rule.name for rule in dataset.guest_columns()]
    assert options[None] == ["anything", "url", "label", *table]
    assert options[False] == ["anything", "name", "label", "room", "depth"]
    assert options[True] == ["anything", "label", "room", "depth"]


def test_a_search_by_words_does_not_outlive_the_owners_tick(run_as: Run, dataset: Dataset) -> None:
    app, labelling = label(run_as(Person("Mira", ANNOTATOR, dataset.id)), dataset)
    search_actions.ask_words(labelling, TextFilter("room 1", "room"))
    app.run()
    assert labelling.search is not None
    assert len(labelling.search.ranking(labelling.dataset(), k=None)) == 5

    dataset.show_to_guests({"room": False})
    app.run()

    assert "no column “room”" in "".join(box.value for box in app.error)


# Share ----------------------------------------------------------------------------------------------------------------


def share(app: AppTest) -> AppTest:
    """The Share page."""
    return app.switch_page("owner/share.py").run()


def boxes(app: AppTest, dataset: Dataset) -> dict[str, tuple[bool, bool, str]]:
    """Of each column whether its box is ticked, whether it can be, and what it says."""
    before = f"share.column.{dataset.id}."
    found = [box for box in app.checkbox if str(box.key).startswith(before)]
    return {
        str(box.key).removeprefix(before).rpartition(".")[0]: (box.value, not box.disabled, box.label) for box in found
    }


def tick(app: AppTest, dataset: Dataset, name: str, *, on: bool) -> None:
    """Tick a column's box, or untick it."""
    app.checkbox(key=f"share.column.{dataset.id}.{name}.{not on}").set_value(on).run()


def test_share_lists_what_guests_see_and_why_not(run_as: Run, dataset: Dataset) -> None:
    app = share(run_as(LOCAL_OWNER))
    said = "\n".join(caption.value for caption in app.caption)

    assert not app.exception
    assert boxes(app, dataset) == {
        "at": (False, False, "at :small[:gray[never\\: addresses]]"),
        "category": (False, False, "category :small[:gray[never\\: references]]"),
        "zkind": (False, False, "zkind :small[:gray[never\\: labels, by its cells]]"),
        "zcaption": (False, False, "zcaption :small[:gray[never\\: labels, by its cells]]"),
        "tape": (False, False, "tape :small[:gray[never\\: file names, by its cells]]"),
        "score": (False, False, "score :small[:gray[never\\: predictions, by its name]]"),
        "annotators": (False, False, "annotators :small[:gray[never\\: annotators, by its name]]"),
        "room": (True, True, "room :small[:gray[room 0 · room 1 · room 2 · room 3 · …]]"),
        "depth": (True, True, "depth :small[:gray[0\\.0 · 0\\.5 · 1\\.0 · 1\\.5 · …]]"),
    }
    assert "siren\\_0\\.wav" in said
    assert "clip 0" in said


def test_a_tick_on_share_is_taken_over_at_once(run_as: Run, dataset: Dataset) -> None:
    app = share(run_as(LOCAL_OWNER))
    mira = dataset.resources.open(dataset.id, by=Person("Mira", ANNOTATOR, dataset.id))
    tick(app, dataset, "depth", on=False)
    assert mira.visible().columns == {"room"}
    assert not boxes(app, dataset)["depth"][0]
    tick(app, dataset, "room", on=False)
    tick(app, dataset, "depth", on=True)

    assert not app.exception
    assert mira.visible().columns == {"depth"}
    assert [boxes(app, dataset)[name][0] for name in ("room", "depth")] == [False, True]


def test_a_tab_that_was_open_shows_what_another_has_ticked(run_as: Run, dataset: Dataset) -> None:
    app = share(run_as(LOCAL_OWNER))
    tick(app, dataset, "depth", on=False)
    dataset.show_to_guests({"depth": True})

    assert boxes(app.run(), dataset)["depth"][0]


@pytest.mark.parametrize("width", [0, 200])
def test_share_runs_without_table_columns_and_with_many(run_as: Run, datasets: Datasets, width: int) -> None:
    made = datasets.new("wide")
    cells = {f"note {number}": [f"{number} a", "b"] for number in range(width)}
    frame = pd.DataFrame({"audio": ["demo:d0001.ogg", "demo:d0002.ogg"], **cells})
    made.add(made.plan(rows.frame_table(frame), columns.Columns(audio="audio")))
    app = share(run_as(LOCAL_OWNER))

    assert not app.exception
    found = [rule.name for rule in made.guest_columns() if not rule.holds]
    assert len(found) == width
    assert [name for name, (_, can_be, _) in boxes(app, made).items() if can_be] == found
    title = "What guests see: 200 of 200 columns" if width else "What guests see"
    assert title in [one.label for one in app.expander]
