"""The product's spine in a real browser: a table of URLs in, a labelled table out."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests import sounds
from tests.browser import acts
from tests.browser.conftest import App
from tests.servers import SoundServer


@pytest.fixture
def generated(tmp_path: Path):
    """120 generated clips of three kinds behind a server on this machine, and their table."""
    files = {}
    for number in range(120):
        kind = number % 3
        wave = [
            sounds.tone(400 + number, 0.3),
            sounds.noise(0.3, seed=number),
            sounds.chirp(200 + number, 3000, 0.3),
        ][kind]
        files[f"/{number}.wav"] = sounds.encode(wave)
    with SoundServer(files) as server:
        path = tmp_path / "clips.csv"
        rows = [{"audio": server.url(name), "speaker": f"s{n % 10}"} for n, name in enumerate(files)]
        rows.append({"audio": server.url("/missing.wav"), "speaker": "s1"})
        pd.DataFrame(rows).to_csv(path, index=False)
        yield path, server


def _download(page: Page) -> pd.DataFrame:
    acts.to(page, "Export")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("^Download [0-9,]+ rows")).click()
    data = Path(waiting.value.path()).read_bytes()
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)


@pytest.mark.timeout(300)
def test_upload_split_vectorize_lasso_label_export(app: App, page: Page, generated: tuple[Path, SoundServer]) -> None:
    table, server = generated

    # upload: the table lies on this machine's server, so the owner is asked first
    page.goto(app.url)
    page.locator("input[type=file]").set_input_files(table)
    page.get_by_role("button", name=f"Allow {server.host_port}").click()
    expect(page.get_by_text("Does this sound right?")).to_be_visible()
    page.get_by_role("button", name="Add 121 clips").click()
    expect(page.get_by_text("121 clips added")).to_be_visible()

    # split: grouped by the speaker column, which was guessed
    acts.to(page, "Split")
    page.get_by_text("By shares", exact=True).click()
    page.get_by_role("button", name=re.compile("^Split: move")).click()
    expect(page.get_by_text("clips moved")).to_be_visible()

    # map: a failure is named, the rest goes on
    acts.vectorize(page)
    expect(page.get_by_text("1 clip could not be turned into vectors")).to_be_visible()

    # lasso
    acts.to_label(page)
    acts.map_ready(page, 121)
    where = acts.pixels(page, 120)
    # a slanted line through the middle of the clips, closed around one side of it: a box would not test a lasso
    tilted = where @ np.array([1.0, 0.4])
    low, high = where.min(axis=0) - 8, where.max(axis=0) + 8
    cut = float(np.median(tilted))
    across = [(cut - 0.4 * y, y) for y in (float(low[1]), float(high[1]))]
    across = [(float(np.clip(x, low[0], high[0])), y) for x, y in across]
    acts.drag(page, [(float(low[0]), float(low[1])), across[0], across[1], (float(low[0]), float(high[1]))])
    expect(page.get_by_text(re.compile(r"^[0-9]+ clips$")).first).to_be_visible()
    coordinates = acts.base(page)
    inside = np.flatnonzero(acts.in_polygon(coordinates[:120], acts.outline(page)))
    assert 5 < len(inside) < 115
    assert acts.selected(page) == inside.tolist()

    # hear one through the clip route
    page.locator(".clip-list .play").first.click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.clip-list audio')].some(a => a.currentTime > 0 && !a.error)"
    )
    answer = page.evaluate(
        "async () => { const address = document.querySelector('.clip-list audio').src;"
        "const answer = await fetch(address, {headers: {Range: 'bytes=10-29'}});"
        "return [answer.status, answer.headers.get('content-range'), "
        "Array.from(new Uint8Array(await answer.arrayBuffer()))] }"
    )
    whole = server.files[f"/{inside[0]}.wav"]
    assert answer == [206, f"bytes 10-29/{len(whole)}", list(whole[10:30])]

    # label all of it at once; the map recolours where it is
    zoom = page.evaluate("window.__hoverMap.state().zoom")
    acts.label(page, "hum")
    page.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=int(inside[0]))
    assert page.evaluate("window.__hoverMap.state().zoom") == zoom
    assert acts.selected(page) == inside.tolist()

    # export: exactly what was inside
    exported = _download(page)
    assert np.flatnonzero(exported["label"] == "hum").tolist() == inside.tolist()
    assert set(exported.loc[inside, "how"]) == {"lasso"}
    groups = exported.groupby("group")["SUBSET"].nunique()
    assert groups.max() == 1


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_demo_from_first_click_to_a_labelled_table_and_back(app: App, page: Page) -> None:
    acts.load_demo(page, app.url)
    acts.vectorize(page)
    acts.to_label(page)
    acts.map_ready(page, 600)

    # lasso and label
    where = acts.pixels(page, 600)
    corner = where[np.argsort(np.hypot(*(where - where.min(axis=0)).T))[:40]]
    acts.lasso_around(page, corner)
    expect(page.locator(".clip-list .row").first).to_be_visible()
    first = acts.selected(page)
    acts.label(page, "mine")
    page.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=first[0])
    expect(page.get_by_text(re.compile(r"^Label [0-9]+/600$"))).to_be_visible()

    # undo gives everything back
    revision = page.evaluate("window.__hoverMap.state().revision")
    page.get_by_role("button", name="Undo u", exact=True).click()
    page.wait_for_function("r => window.__hoverMap.state().revision > r", arg=revision)
    expect(page.get_by_text("Label 300/600")).to_be_visible()

    # search: more like the first of the list, select the hits, label them
    page.locator(".clip-list .similar").first.click()
    expect(page.get_by_role("button", name="Select these 50")).to_be_visible()
    expect(page.locator(".clip-list .score").first).not_to_be_empty()
    scores = [float(text) for text in page.locator(".clip-list .score").all_text_contents() if text]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] < 1
    page.get_by_role("button", name="Select these 50").click()
    page.wait_for_function("() => window.__hoverMap.state().selected.length === 50")
    hits = acts.selected(page)
    acts.label(page, "hit")
    page.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=hits[0])

    exported = _download(page)
    assert np.flatnonzero(exported["label"] == "hit").tolist() == hits
    assert set(exported.loc[hits, "how"]) == {"search"}

    # what came out goes in again: a dataset of its own with the same state
    again = app.data / "again.csv"
    exported.to_csv(again, index=False)
    page.get_by_role("button", name="demo", exact=True).click()
    page.get_by_role("button", name="New dataset").click()
    acts.to(page, "Upload")
    page.locator("input[type=file]").set_input_files(again)
    page.get_by_role("button", name="Add 600 clips").click()
    expect(page.get_by_text("600 clips added")).to_be_visible()
    second = _download(page)
    pd.testing.assert_frame_equal(second.drop(columns="duration"), exported.drop(columns="duration"))


@pytest.mark.long
@pytest.mark.timeout(200)
def test_the_work_goes_on_when_the_tab_is_closed(
    app: App, open_page: Callable[..., Page], generated: tuple[Path, SoundServer]
) -> None:
    table, server = generated
    server.latency_s = 0.4
    first = open_page()
    first.goto(app.url)
    first.locator("input[type=file]").set_input_files(table)
    first.get_by_role("button", name=f"Allow {server.host_port}").click()
    first.get_by_role("button", name="Add 121 clips").click()
    expect(first.get_by_text("121 clips added")).to_be_visible()
    acts.to(first, "Map")
    first.get_by_role("button", name=re.compile("^Vectorize")).click()
    expect(first.get_by_text("The work goes on when you close this page.")).to_be_visible()
    first.close()

    second = open_page()
    second.goto(f"{app.url}/vectorize")

    expect(second.get_by_role("link", name="Next: label")).to_be_visible(timeout=110_000)
    expect(second.get_by_text("1 clip could not be turned into vectors")).to_be_visible()
