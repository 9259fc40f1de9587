"""The Content-Security-Policy in a real browser: every page works, and what is not ours does not run.

That the microphone, a file, a download and the map work is tested where they are; `open_page` fails for whatever the
policy stopped.
"""

import re
import secrets
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from hover_core.data.clips import SUBSETS, Clip, clip_id
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from tests.browser import acts
from tests.browser.conftest import Standing, policy_violations
from tests.servers import SoundServer

COUNT = 60


@pytest.fixture
def mapped(standing: Standing) -> Dataset:
    """A labelled, split dataset on a map: each page has something to show."""
    dataset = standing.datasets.new(f"pages {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(COUNT)]
    clips = [
        Clip(clip_id(url), url, label="ab"[n % 2], subset=SUBSETS[n % 4], group=f"speaker {n % 5}")
        for n, url in enumerate(urls)
    ]
    dataset.add(Intake(clips=clips))
    vectors = np.random.default_rng(1).normal(size=(COUNT, 8)).astype(np.float32)
    acts.give_map(dataset, vectors, vectors[:, :2])
    return dataset


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_every_page_shows_all_that_it_has(
    standing: Standing, mapped: Dataset, open_page: Callable[..., Page], theme: str
) -> None:
    page = open_page(color_scheme=theme)
    for step, sight in (
        ("upload", "Try the demo"),
        ("split", re.compile("Split")),
        ("vectorize", re.compile("60")),
        ("share", "Make a link"),
        ("export", re.compile("^Download")),
    ):
        page.goto(standing.at(step, mapped))
        expect(page.get_by_text(sight).locator("visible=true").first).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        if step == "split":
            page.locator(".js-plotly-plot .bars").first.wait_for(timeout=100_000)  # measured first
    page.goto(standing.at("label", mapped))
    acts.map_ready(page, COUNT)
    page.route("**/assets/*/map.js", lambda route: route.abort())
    page.reload()
    page.get_by_role("button", name="Use the classic map").click()
    page.frame_locator("iframe[title*='plotly_events']").locator(".nsewdrag").first.wait_for()


BRINGS = """url => new Promise(done => {
    window.ran = []
    const inline = document.createElement("script")
    inline.textContent = "window.ran.push('inline')"
    const picture = document.createElement("img")
    picture.setAttribute("onerror", "window.ran.push('attribute')")
    picture.src = "data:image/png;base64,none"
    const foreign = document.createElement("script")
    foreign.src = url
    foreign.onload = foreign.onerror = () => fetch(url, { mode: "no-cors" }).then(
        () => done([...window.ran, "connected"]), () => done(window.ran))
    document.body.append(inline, picture, foreign)
})"""


def test_scripts_that_somebody_brings_in_do_not_run_and_reach_nobody(standing: Standing, browser: Browser) -> None:
    context = browser.new_context()
    violations = policy_violations(context)
    page = context.new_page()
    with SoundServer({"/x.js": b"window.ran.push('foreign')"}) as other:
        page.goto(f"{standing.app.url}/upload")
        expect(page.get_by_text("You are the owner")).to_be_visible()

        assert page.evaluate(BRINGS, other.url("/x.js")) == []
        assert other.count["/x.js"] == 0
    context.close()
    assert len(violations) >= 4
