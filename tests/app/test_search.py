"""What Search on Label says, as far as it needs no browser."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from hover_core.analysis import maps
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import ANNOTATOR, LOCAL_OWNER, Person
from hover_core.store import vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.components.labelling import search_actions
from pages.components.labelling.state import LabellingState
from pages.server import identity
from tests import sounds
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"
Run = Callable[[Person | None], AppTest]


@pytest.fixture
def server() -> Iterator[SoundServer]:
    """A server of this machine, which nobody has allowed."""
    with SoundServer({"/new.wav": sounds.encode(sounds.tone(440, 0.4))}) as opened:
        yield opened


@pytest.fixture
def mapped(datasets: Datasets) -> Dataset:
    """40 clips whose vectors are as wide as those of a sound that is asked with."""
    dataset = datasets.new("birds")
    urls = [f"demo:d{number:04d}.ogg" for number in range(40)]
    dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    vectors = np.random.default_rng(0).normal(size=(40, 32)).astype(np.float32)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, KEY, list(range(40)), vectors)
    dataset.change_settings(vectorizer=KEY)
    maps.embed(dataset, KEY, "pca")
    return dataset


def label(app: AppTest) -> AppTest:
    """The Label page."""
    return app.switch_page("annotator/label.py").run()


def state_of(app: AppTest, dataset: Dataset) -> LabellingState:
    """What the person has before them."""
    found: LabellingState = app.session_state["label.states"][dataset.id]
    return found


def problems(app: AppTest) -> list[str]:
    """What the red boxes say."""
    return [box.value for box in app.error]


def test_the_owner_of_an_app_on_this_machine_may_allow_a_refused_address_by_a_click(
    run_as: Run, mapped: Dataset, server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    app = label(run_as(LOCAL_OWNER))
    app.text_input(key="label.url.0").set_value(server.url("/new.wav")).run()
    assert problems(app) == []
    assert "allow it for this dataset?" in app.warning[0].value
    assert server.count == {}

    app.button(key="label.allow").click().run()

    assert not app.exception
    assert mapped.resources.rows()[0].settings["allowed_hosts"] == [server.host_port]
    assert server.count["/new.wav"] == 1


@pytest.mark.parametrize("host", ["[fd00:ec2::254]", "100.100.100.200", "2852039166", "0xa9fea9fe"])
def test_a_clouds_metadata_server_is_not_offered_to_be_allowed(
    run_as: Run, mapped: Dataset, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: True)
    app = label(run_as(LOCAL_OWNER))

    app.text_input(key="label.url.0").set_value(f"http://{host}/latest/meta-data").run()

    assert not app.warning
    assert "The operator of this app can allow it with HOVER\\_ALLOWED\\_HOSTS=" in problems(app)[0]


def test_elsewhere_the_owner_is_told_the_setting(run_as: Run, mapped: Dataset, server: SoundServer) -> None:
    app = label(run_as(LOCAL_OWNER))
    app.text_input(key="label.url.0").set_value(server.url("/new.wav")).run()

    assert "The operator of this app can allow it" in problems(app)[0]
    assert not app.warning


@pytest.mark.parametrize("bound", [True, False])
def test_an_annotator_is_told_the_same_of_every_address_and_may_allow_none(
    run_as: Run, mapped: Dataset, server: SoundServer, monkeypatch: pytest.MonkeyPatch, bound: bool
) -> None:
    monkeypatch.setattr(identity, "bound_to_loopback", lambda: bound)
    monkeypatch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)  # allowed for the clips, not for them
    app = run_as(Person("Mira", ANNOTATOR, mapped.id))
    said = set()
    for address in (server.url("/new.wav"), server.url("/x.wav"), "http://10.0.0.1/new.wav", "local:a", "http://[::1"):
        app.text_input(key="label.url.0").set_value(address).run()
        assert not app.exception
        assert not app.warning
        said.add(problems(app)[0].partition(":")[2])

    (sentence,) = said
    assert "no sound can be had from this address" in sentence
    assert server.count == {}


def test_an_annotator_asks_with_the_address_of_a_clip(run_as: Run, mapped: Dataset) -> None:
    app = run_as(Person("Mira", ANNOTATOR, mapped.id))
    app.text_input(key="label.url.0").set_value("demo:d0007.ogg").run()

    assert not app.exception
    assert problems(app) == []
    assert "Like **d0007" in state_of(app, mapped).search.title


def test_hits_of_the_question_before_are_not_taken_for_an_answer(run_as: Run, mapped: Dataset) -> None:
    app = label(run_as(LOCAL_OWNER))
    asked = state_of(app, mapped)
    search_actions.ask(asked, [3])
    app.run()

    app.text_input(key=f"label.url.{asked.search.id}").set_value("ftp://nowhere/x.wav").run()

    (said,) = problems(app)
    assert "Like **x\\.wav**:" in said
    assert "These are still the hits of: Like **d0003\\.ogg**." in said


def test_the_threshold_begins_where_the_first_hits_end_whatever_the_question(run_as: Run, mapped: Dataset) -> None:
    app = label(run_as(LOCAL_OWNER))
    asked = state_of(app, mapped)
    for clip in (3, 4):
        search_actions.ask(asked, [clip])
        app.run()
        app.slider(key="label.k").set_value(10).run()
        app.segmented_control(key="label.cut_by").set_value("above").run()

        assert asked.search.cut < 0.5  # vectors drawn at random are near nothing
        assert 10 <= len(asked.search.ranking(mapped, k=None, at_least=asked.search.cut)) < 14
        assert app.button(key="label.hits").label.startswith("Select these 1")
        app.segmented_control(key="label.cut_by").set_value("first").run()


def test_without_words_nobody_is_told_to_take_them_off(run_as: Run, mapped: Dataset) -> None:
    app = label(run_as(LOCAL_OWNER))
    asked = state_of(app, mapped)
    search_actions.ask(asked, [3])
    asked.search.cut = 1.0
    app.run()

    app.segmented_control(key="label.cut_by").set_value("above").run()

    assert [box.value for box in app.info] == ["No hits. Move the slider."]


def test_words_that_narrow_a_question_are_taken_off_where_they_are_said(run_as: Run, mapped: Dataset) -> None:
    app = label(run_as(LOCAL_OWNER))
    app.text_input(key="label.words").set_value("d000").run()
    asked = state_of(app, mapped)
    search_actions.ask(asked, [3])
    app.run()
    assert app.button(key="label.wordless").label == "with “d000”"

    app.button(key="label.wordless").click().run()

    assert not app.exception
    assert asked.search.words is None
    assert asked.search.clips == (3,)
    assert app.text_input(key="label.words").value == ""


def test_a_clip_without_a_vector_says_why_it_cannot_be_asked_with(run_as: Run, mapped: Dataset) -> None:
    mapped.add(Intake(clips=[Clip(clip_id("demo:nope_1.ogg"), "demo:nope_1.ogg")]))
    app = label(run_as(LOCAL_OWNER))
    asked = state_of(app, mapped)
    search_actions.ask(asked, [40])
    app.run()
    (before,) = problems(app)
    with mapped.store.write() as connection:
        vector_rows.add_failures(connection, mapped.id, KEY, {40: "HTTP 404"})

    search_actions.ask(asked, [40])
    app.run()

    assert before == "Like **nope\\_1\\.ogg**: nope\\_1\\.ogg has no vector\\: vectorize first."
    assert problems(app) == ["Like **nope\\_1\\.ogg**: nope\\_1\\.ogg has no vector\\: HTTP 404."]
