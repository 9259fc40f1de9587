"""Where an operator puts it: a folder of sound on the machine, and a path behind a proxy."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import sounds
from tests.browser import acts
from tests.browser.conftest import App

HEARD = "() => [...document.querySelectorAll('.clip-list audio')].some(a => a.currentTime > 0 && !a.error)"
BASE = "tools/hover"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_clips_in_the_operators_folder_play_and_get_vectors(
    start_app: Callable[..., App], page: Page, tmp_path: Path
) -> None:
    root = tmp_path / "sounds"
    (root / "a b").mkdir(parents=True)
    for number in range(60):
        wave = sounds.tone(300 + 5 * number, 0.3) if number % 2 else sounds.noise(0.3, seed=number)
        (root / "a b" / f"{number:02}.wav").write_bytes(sounds.encode(wave))
    (tmp_path / "secret.wav").write_bytes(sounds.encode(sounds.tone()))
    (root / "out.wav").symlink_to(tmp_path / "secret.wav")
    (root / "notes.txt").write_text("no sound")
    app = start_app(HOVER_AUDIO_ROOT=str(root))

    page.goto(app.url)
    page.get_by_role("button", name="The folder on this machine").click()
    expect(page.get_by_text("Does this sound right?")).to_be_visible(timeout=30_000)
    page.locator("audio").first.evaluate("sound => sound.play()")
    page.wait_for_function("() => [...document.querySelectorAll('audio')].some(a => a.currentTime > 0 && !a.error)")
    page.get_by_role("button", name="Add 61 clips").click()
    expect(page.get_by_text("61 clips added")).to_be_visible()
    acts.vectorize(page)
    expect(page.get_by_text("1 clip could not be turned into vectors")).to_be_visible()  # the link out of the folder
    acts.to_label(page)
    acts.map_ready(page, 61)
    where = acts.pixels(page, 60)
    acts.lasso_around(page, where[where[:, 0].argsort()[:20]])
    page.locator(".clip-list .play").first.click()

    page.wait_for_function(HEARD)
    answer = page.evaluate(
        "async () => { const answer = await fetch(document.querySelector('.clip-list audio').src);"
        "return [answer.status, Array.from(new Uint8Array(await answer.arrayBuffer()))] }"
    )
    heard = sorted(root.glob("a b/*.wav"))[acts.selected(page)[0]]
    assert answer == [200, list(heard.read_bytes())]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_below_a_path_everything_works_and_an_invite_leads_back_below_it(
    start_app: Callable[..., App], open_page: Callable[..., Page]
) -> None:
    app = start_app(base=BASE)
    owner = open_page()
    asked: list[str] = []
    owner.on("request", lambda request: asked.append(request.url))
    failed: list[str] = []
    owner.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    acts.load_demo(owner, app.url)
    acts.vectorize(owner)
    acts.to(owner, "Share")
    owner.get_by_role("textbox", name="Who is it for?").fill("Mira")
    owner.get_by_role("button", name="Make a link").click()
    link = owner.get_by_text(re.compile("/join\\?t=")).first.text_content()
    assert link is not None
    assert link.strip().startswith(f"{app.url}/join?t=")
    acts.to(owner, "Label")
    acts.map_ready(owner, 600)

    # the invite: hear, label; the owner sees it
    mira = open_page()
    mira.goto(link.strip())
    mira.get_by_role("button", name="Continue as Mira").click()
    expect(mira.get_by_text("You are Mira")).to_be_visible()
    assert mira.url.startswith(f"{app.url}/")
    [cookie] = [cookie for cookie in mira.context.cookies() if cookie["name"] == "hover"]
    assert (cookie["httpOnly"], cookie["path"]) == (True, f"/{BASE}")
    acts.map_ready(mira, 600)
    where = acts.pixels(mira, 600)
    acts.lasso_around(mira, where[where[:, 0].argsort()[:30]])
    mira.locator(".clip-list .play").first.click()
    mira.wait_for_function(HEARD)
    hers = acts.selected(mira)
    acts.label(mira, "from Mira")
    owner.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=hers[0])

    # a deep link survives a reload, and nothing was asked for beside the path
    owner.reload()
    acts.map_ready(owner, 600)
    beside = [url for url in asked if url.startswith("http://localhost") and not url.startswith(f"{app.url}")]
    assert beside == []
    # Streamlit asks below the page first, then above; a map that another has replaced may be asked for once more
    standing = owner.evaluate("new URL(window.__hoverMap.of.data.map, window.__hoverMap.of.root).pathname")
    replaced = re.compile(rf"{re.escape(app.url)}/map/(?!{standing.rsplit('/', 1)[1]}\b)\d+(\?|$)")
    assert [url for url in failed if "_stcore" not in url and not replaced.match(url)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has open is read from Linux's /proc")
def test_the_app_watches_no_files(app: App, page: Page) -> None:
    # a watcher of all folders below the app's, `.venv` among them, can keep a core busy
    page.goto(app.url)
    expect(page.get_by_role("button", name="Try the demo")).to_be_visible()
    opened = [os.readlink(path) for path in Path(f"/proc/{app.process.pid}/fd").iterdir() if path.is_symlink()]
    assert any("socket" in name for name in opened)
    assert not any("inotify" in name for name in opened)
