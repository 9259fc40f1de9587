"""All that a guest's browser is sent: answers of routes, frames of the websocket, the page itself."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, Response, expect

from hover_core.tables import columns, rows
from hover_core.workspace.dataset import Dataset
from tests import sounds
from tests.browser import acts
from tests.browser.conftest import Standing

COUNT = 40
WORDS = ("sirenes", "owlet", "drizzle", "turbine")
ADDRESS = (b"s3cret", b"/hidden/", b"sig=", b"zcaption")
OURS = re.compile("/(clips|columns?|journal|map|_stcore)/")


@pytest.fixture
def table(standing: Standing) -> Dataset:
    """A mapped table whose file names and some columns are the labels, which are set aside."""
    words = [WORDS[n % 4] for n in range(COUNT)]
    for n, word in enumerate(words):
        standing.server.files[f"/hidden/{word}_{n}.wav"] = sounds.encode(sounds.tone(300 + 5 * n, 0.3))
    frame = pd.DataFrame(
        {
            "at": [standing.server.url(f"/hidden/{word}_{n}.wav?sig=s3cret") for n, word in enumerate(words)],
            "category": words,
            "heard": [f"zcaption: {word}" for word in words],
            "depth": [f"{n / 2}" for n in range(COUNT)],
        }
    )
    made = standing.datasets.new(f"table {secrets.token_hex(4)}")
    meaning = columns.Columns(audio="at", label="category")
    made.add(made.plan(rows.frame_table(frame), meaning, raw_labels="reference"))
    vectors = np.random.default_rng(1).normal(size=(COUNT, 32)).astype(np.float32)
    acts.give_map(made, vectors, vectors[:, :2])
    return made


@dataclass
class Sent:
    """Everything that a page was sent, as it came."""

    frames: list[bytes] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Take down what the page is sent from now on."""
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self.frames.append(_bytes(frame))))
        page.on("response", lambda answer: self.answers.append(answer))  # it takes no method of a list

    def all(self) -> list[tuple[str, bytes]]:
        """Where it came from, and what it was. Sound is left out: how it sounds is what guests come for."""
        ours = [answer for answer in list(self.answers) if OURS.search(answer.url)]
        texts = [(one.url, one.body()) for one in ours if "audio" not in one.headers.get("content-type", "")]
        heads = [(one.url, str(one.headers).encode()) for one in ours]
        return [*texts, *heads, *(("websocket", frame) for frame in self.frames)]


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


@pytest.mark.timeout(240)
@pytest.mark.parametrize("who", ["annotator", "blind"])
def test_a_guests_browser_is_sent_no_address_and_a_blind_ones_no_name(
    standing: Standing, table: Dataset, open_page: Callable[..., Page], who: str
) -> None:
    page = open_page()
    page.goto(f"{standing.app.url}/join?t={table.invite('Mira', blind=who == 'blind')}")
    seen = Sent()
    seen.listen(page)
    page.get_by_role("button", name="Continue as Mira").click()
    acts.map_ready(page, COUNT)

    acts.lasso_around(page, acts.pixels(page, COUNT))
    expect(page.locator(".clip-list .row").first).to_be_visible()
    names = page.locator(".clip-list .row .name").all_text_contents()
    page.locator(".clip-list .row .name").first.click()  # into focus: its spectrogram and its player
    expect(page.locator("audio").first).to_be_attached()
    page.get_by_label("Colour by").select_option("depth")
    page.get_by_label("x axis").select_option("depth")
    page.get_by_role("button", name="More like this").first.click()
    expect(page.get_by_role("button", name="Play in a row")).to_be_visible()
    page.get_by_role("button", name="Play in a row").click()
    expect(page.get_by_role("button", name="Back to the list")).to_be_visible()
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("tab", name="By words").click()
    page.get_by_role("textbox", name="Text").fill("0")
    page.get_by_role("textbox", name="Text").press("Enter")
    expect(page.get_by_role("button", name="with “0”")).to_be_visible()

    sent = seen.all()
    for kind in ("websocket", "/card", "/spectrogram", "/column/", "/columns/", "/journal/", "/map/"):
        assert [where for where, _ in sent if kind in where], f"nothing came from {kind}"
    forbidden = ADDRESS if who == "annotator" else (*ADDRESS, *(word.encode() for word in WORDS))
    sent.append(("the page", page.content().encode()))
    for secret in forbidden:
        assert [where for where, data in sent if secret in data] == [], secret
    assert all(re.fullmatch(r"clip \d+" if who == "blind" else r"\w+_\d+\.wav", name) for name in names)
    offered = page.get_by_label("Colour by").locator("option").all_text_contents()
    assert "depth" in offered
    assert not {"at", "category", "heard", "reference"} & set(offered)


def test_the_owner_ticks_on_share_what_guests_see(standing: Standing, table: Dataset, page: Page) -> None:
    page.goto(standing.at("share", table))
    page.get_by_text("What guests see: 1 of 4 columns").click()
    box = page.get_by_role("checkbox", name=re.compile("^depth"))
    expect(box).to_be_checked()
    expect(page.get_by_role("checkbox", name=re.compile("^category"))).to_be_disabled()
    page.locator("label").filter(has=box).click()
    expect(page.get_by_text("What guests see: 0 of 4 columns")).to_be_visible()

    assert {rule.name for rule in table.guest_columns() if rule.shown} == set()
