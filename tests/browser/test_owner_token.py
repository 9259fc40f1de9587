"""An app whose operator gave a token, and options that a host overrides, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from hover_core.data.clips import Clip, clip_id
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace.datasets import Datasets
from tests.browser.conftest import App

TOKEN = "a-long-token-of-the-operator"
WARNING = "an address that works on this machine only"


@pytest.mark.timeout(300)
def test_with_a_token_the_owner_of_a_loopback_app_comes_in_by_it_under_any_name(
    start_app: Callable[..., App], open_page: Callable[..., Page]
) -> None:
    app = start_app(HOVER_OWNER_TOKEN=TOKEN)
    datasets = Datasets(Store(f"sqlite:///{app.data / 'hover.sqlite'}"))
    datasets.new("one").add(Intake(clips=[Clip(clip_id("demo:d0001.ogg"), "demo:d0001.ogg")]))
    datasets.close()

    for url, warned in ((app.url, True), (app.url.replace("localhost", "hover.example"), False)):
        page = open_page()
        page.goto(url)
        expect(page.get_by_text("This app is locked")).to_be_visible()
        page.goto(f"{url}/join?t={TOKEN}")
        page.get_by_role("button", name="Continue as the owner").click()
        expect(page.get_by_text("You are the owner")).to_be_visible()
        page.goto(f"{url}/share")
        expect(page.get_by_role("button", name="Make a link")).to_be_visible()
        expect(page.get_by_text(WARNING)).to_have_count(int(warned))

    said = app.said()
    assert f"The owner comes in by {app.url}/join?t= and the token in HOVER_OWNER_TOKEN." in said
    assert TOKEN not in said


@pytest.mark.timeout(300)
def test_no_traceback_is_shown_though_command_line_and_environment_ask_for_it(
    start_app: Callable[..., App], page: Page
) -> None:
    # a setting that is no number makes an error of ours where sounds are heard first
    app = start_app(
        "--client.showErrorDetails", "full", STREAMLIT_CLIENT_SHOW_ERROR_DETAILS="full", HOVER_CACHE_BYTES="many"
    )
    page.goto(app.url)
    page.get_by_role("button", name="Try the demo").click()

    shown = page.get_by_test_id("stException")
    expect(shown).to_be_visible()
    text = shown.inner_text()
    assert "ValueError" in app.said()
    for word in ("Traceback", "ValueError", "many", ".py", "cache_bytes"):
        assert word not in text
