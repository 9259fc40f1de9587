"""Who is here: the owner's link, invites, two people on one map."""

import re
import secrets
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hover_core.data.clips import Clip, clip_id
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from tests.browser import acts
from tests.browser.conftest import App, Standing

COUNT = 600
NAMES = ("seven", "siren", "owl")
SUBSETS = ("raw", "train", "dev", "test")
COLOUR = "p => window.__hoverMap.state().colours[p]"
HAS = "([p, c]) => window.__hoverMap.state().colours[p] === c"
HAS_NOT = "([p, c]) => window.__hoverMap.state().colours[p] !== c"
SHOWN = """() => {
    const named = all => [...document.querySelectorAll(all)].find(one => one.textContent.startsWith("from Mira"))
    const shown = (element, part) => getComputedStyle(element, part).backgroundColor
    return [shown(named(".label-bar button").querySelector("i")), shown(named(".clip-list .label"), "::before"),
            shown(named(".clip-map-legend button").querySelector("i"))]
}"""


@pytest.fixture
def shared(standing: Standing) -> Dataset:
    """600 demo clips on a map, half of them labelled by the owner."""
    dataset = standing.datasets.new(f"shared {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(COUNT)]
    labels = [NAMES[number % 3] if number % 2 else "" for number in range(COUNT)]
    clips = [
        Clip(clip_id(url), url, label=label, subset=SUBSETS[number % 4])
        for number, (url, label) in enumerate(zip(urls, labels, strict=True))
    ]
    dataset.add(Intake(clips=clips))
    vectors = np.random.default_rng(1).normal(size=(COUNT, 8)).astype(np.float32)
    acts.give_map(dataset, vectors, vectors[:, :2])
    return dataset


@pytest.mark.timeout(240)
def test_a_second_browser_with_an_invite_labels_beside_the_owner(
    standing: Standing, shared: Dataset, open_page: Callable[..., Page]
) -> None:
    owner = open_page()
    owner.goto(standing.at("share", shared))
    owner.get_by_role("textbox", name="Who is it for?").fill("Mira")
    owner.get_by_role("button", name="Make a link").click()
    link = owner.get_by_text(re.compile("/join\\?t=")).first.text_content()
    assert link is not None
    acts.to(owner, "Label")
    acts.map_ready(owner, COUNT)

    # Mira comes in: a page with a button, then Label and nothing else
    mira = open_page()
    mira.goto(link.strip())
    mira.get_by_role("button", name="Continue as Mira").click()
    expect(mira.get_by_text("You are Mira")).to_be_visible()
    acts.map_ready(mira, COUNT)
    expect(mira.get_by_text("Export")).to_have_count(0)
    mira.goto(standing.at("export", shared))
    expect(mira.get_by_text("Download")).to_have_count(0)
    mira.goto(standing.at("label", shared))
    acts.map_ready(mira, COUNT)

    # she labels; the owner sees it without doing anything
    where = acts.pixels(mira, COUNT)
    acts.lasso_around(mira, where[where[:, 0].argsort()[:30]])
    expect(mira.locator(".clip-list .row").first).to_be_visible()
    hers = acts.selected(mira)
    before = mira.evaluate(COLOUR, hers[0])
    acts.label(mira, "from Mira")
    mira.wait_for_function(HAS_NOT, arg=[hers[0], before])
    owner.wait_for_function(HAS, arg=[hers[0], mira.evaluate(COLOUR, hers[0])])
    labelled = COUNT // 2 + sum(number % 2 == 0 for number in hers)
    expect(owner.get_by_test_id("stTopNavLink").filter(has_text=f"Label {labelled}/600")).to_have_count(1)
    expect(owner.get_by_role("radio", name="from Mira")).to_be_visible()
    expect(mira.locator(".clip-list .label").first).to_have_text("from Mira")
    assert mira.evaluate(SHOWN) == ["rgb(208, 199, 63)"] * 3  # a yellow that is seen on white, everywhere the same

    # and the other way round
    where = acts.pixels(owner, COUNT)
    acts.lasso_around(owner, where[where[:, 0].argsort()[-30:]])
    expect(owner.locator(".clip-list .row").first).to_be_visible()
    his = acts.selected(owner)
    before = owner.evaluate(COLOUR, his[0])
    acts.label(owner, "from the owner")
    owner.wait_for_function(HAS_NOT, arg=[his[0], before])
    mira.wait_for_function(HAS, arg=[his[0], owner.evaluate(COLOUR, his[0])])

    # revoked: out at once
    acts.to(owner, "Share")
    owner.get_by_role("button", name="Revoke").click()
    steps = owner.get_by_test_id("stTopNavLink")
    for words in ("Upload 600", "Split 4 subsets", "Map 100 %", "Share 1 person"):
        expect(steps.filter(has_text=words)).to_have_count(1)
    expect(owner.get_by_text("revoked")).to_be_visible()
    # her open tab writes nothing more, and is not taken for the owner's, who needs no cookie here
    revision = shared.state().revision
    button, ended = mira.get_by_role("button", name=re.compile("^Label [0-9]+ as")), mira.get_by_text("Your invite has")
    expect(button.or_(ended).first).to_be_visible()
    if not ended.is_visible():  # the page looks by itself as well, every few seconds, and may have been first
        button.click()
    expect(mira.get_by_text("Your invite has ended")).to_be_visible()
    assert shared.state().revision == revision
    mira.goto(standing.at("upload", shared))
    expect(mira.get_by_text("Your invite has ended")).to_be_visible()
    mira.get_by_role("button", name="Leave").click()
    expect(mira.get_by_text("You are the owner")).to_be_visible()


def test_without_loopback_the_owner_comes_in_by_the_printed_link(
    start_app: Callable[..., App], open_page: Callable[..., Page]
) -> None:
    app = start_app(address=None)
    printed = re.search(r"/join\?t=(\S+)", app.said())
    assert printed is not None
    page = open_page()

    page.goto(app.url)
    expect(page.get_by_text("This app is locked")).to_be_visible()
    page.goto(f"{app.url}/join?t={printed[1]}")
    page.get_by_role("button", name="Continue as the owner").click()

    expect(page.get_by_role("button", name="Try the demo")).to_be_visible()


@pytest.mark.parametrize(("base", "path"), [("", "/"), ("", "/label"), ("tools/hover", "/"), ("tools/hover", "/label")])
def test_where_no_path_of_ours_is_passed_on_the_token_works_at_any_address(
    start_app: Callable[..., App], page: Page, base: str, path: str
) -> None:
    app = start_app(address=None, base=base, HOVER_OWNER_TOKEN="a-token-that-nobody-guesses")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)

    page.goto(f"{app.url}{path}?t=a-token-that-nobody-guesses")
    page.get_by_role("button", name="Continue as the owner").click()

    expect(page.get_by_text("You are the owner")).to_be_visible()
    assert [url.partition("?")[0] for url in asked] == [f"{app.url}{path}"]
    assert "t=" not in page.url
    # our own routes know this browser as well: by a cookie that scripts cannot read
    assert page.evaluate(f"async () => (await fetch('{app.url}/journal/none')).status") == 404
    assert page.evaluate("document.cookie").count("hover=") == 0
    page.reload()
    expect(page.get_by_text("You are the owner")).to_be_visible()
    assert "a-token-that-nobody-guesses" not in app.said()


@pytest.mark.long
@pytest.mark.parametrize("passed_on", [True, False])
def test_on_community_cloud_streamlits_own_page_is_the_lock_and_takes_the_token(
    start_app: Callable[..., App], page: Page, passed_on: bool
) -> None:
    app = start_app(address=None, HOVER_COMMUNITY_CLOUD="1", HOVER_OWNER_TOKEN="sesame-sesame-sesame")
    if not passed_on:  # a host that takes no form for the app
        page.route(
            "**/*", lambda route: route.fulfill(status=405) if route.request.method == "POST" else route.fallback()
        )

    page.goto(f"{app.url}/label")
    expect(page.get_by_test_id("stApp").get_by_text("This app is locked")).to_be_visible()
    page.goto(f"{app.url}/label?t=wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This link is not valid")).to_be_visible()
    page.goto(f"{app.url}/?t=sesame-sesame-sesame")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("button", name="Try the demo")).to_be_visible()
    assert "t=" not in page.url
    page.reload()
    if passed_on:
        expect(page.get_by_role("button", name="Try the demo")).to_be_visible()
    else:  # the sign-in lasts as long as the tab's session
        expect(page.get_by_text("This app is locked")).to_be_visible()


def test_leaving_locks_this_browser_again(start_app: Callable[..., App], page: Page) -> None:
    app = start_app(address=None, HOVER_OWNER_TOKEN="sesame-sesame-sesame")
    page.goto(f"{app.url}/join?t=sesame-sesame-sesame")
    page.get_by_role("button", name="Continue as the owner").click()

    with page.expect_popup() as opened:
        page.get_by_role("link", name="leave").click()
    opened.value.get_by_role("button", name="Leave").click()

    expect(opened.value.get_by_text("This app is locked")).to_be_visible()
    page.get_by_role("button", name="Try the demo").click()  # the first tab is out as well
    expect(page.get_by_text("This app is locked")).to_be_visible()


def test_a_deep_link_is_locked_on_a_fresh_server(start_app: Callable[..., App], page: Page) -> None:
    app = start_app(address=None)

    for path in ("label", "upload", "export", "frame", "session"):
        page.goto(f"{app.url}/{path}")
        expect(page.get_by_text("This app is locked")).to_be_visible()


@pytest.mark.timeout(240)
def test_a_blind_annotator_sees_no_label_of_others_and_everybody_sees_hers(
    standing: Standing, shared: Dataset, open_page: Callable[..., Page]
) -> None:
    owner = open_page()
    owner.goto(standing.at("share", shared))
    owner.get_by_role("textbox", name="Who is it for?").fill("Mira")
    owner.get_by_text("Blind", exact=True).click()
    owner.get_by_role("button", name="Make a link").click()
    link = owner.get_by_text(re.compile("/join\\?t=")).first.text_content()
    assert link is not None
    expect(owner.get_by_text("blind · until")).to_be_visible()
    acts.to(owner, "Label")
    acts.map_ready(owner, COUNT)
    where = acts.pixels(owner, COUNT)
    acts.lasso_around(owner, where[where[:, 0].argsort()[:30]])
    expect(owner.locator(".clip-list .row").first).to_be_visible()
    his = acts.selected(owner)
    before = owner.evaluate(COLOUR, his[0])
    acts.label(owner, "hush-hush")
    owner.wait_for_function(HAS_NOT, arg=[his[0], before])
    his_colour = owner.evaluate(COLOUR, his[0])
    labelled_before = owner.evaluate("window.__hoverMap.state().colours.filter(c => c !== null).length")

    # Mira sees points without labels, and no name that she did not give
    answers: list[str] = []
    mira = open_page()
    mira.on("response", lambda got: answers.append(got.text()) if "/journal/" in got.url else None)
    mira.goto(link.strip())
    mira.get_by_role("button", name="Continue as Mira").click()
    acts.map_ready(mira, COUNT)
    assert mira.evaluate("window.__hoverMap.state().colours.filter(c => c !== null).length") == 0
    where = acts.pixels(mira, COUNT)
    acts.lasso_around(mira, where[where[:, 0].argsort()[:30]])
    expect(mira.locator(".clip-list .row").first).to_be_visible()
    hers = acts.selected(mira)
    assert set(hers) & set(his)
    acts.label(mira, "from Mira")
    mira.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=hers[0])
    assert mira.evaluate("window.__hoverMap.state().colours.filter(c => c !== null).length") == len(hers)
    for secret in ("hush-hush", "siren", "seven"):
        expect(mira.get_by_text(secret)).to_have_count(0)
        assert not [answer for answer in answers if secret in answer]

    # the owner sees hers without doing anything, and his own labels elsewhere stay
    owner.wait_for_function("([p, c]) => window.__hoverMap.state().colours[p] !== c", arg=[hers[0], his_colour])
    assert owner.evaluate("window.__hoverMap.state().colours.filter(c => c !== null).length") >= labelled_before
