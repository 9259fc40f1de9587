"""The frame around every page, in a real browser."""

from playwright.sync_api import Page, expect

from tests.browser import acts
from tests.browser.conftest import App


def test_the_menu_of_datasets_closes_when_something_was_done_in_it(app: App, page: Page) -> None:
    acts.load_demo(page, app.url)
    menu = page.get_by_test_id("stPopover").get_by_role("button").first
    inside = page.get_by_role("button", name="New dataset")

    menu.click()
    inside.click()
    expect(menu).to_contain_text("Dataset")
    expect(inside).to_have_count(0)
    menu.click()
    page.get_by_label("Name").fill("Owls")
    page.keyboard.press("Enter")
    expect(menu).to_contain_text("Owls")
    expect(inside).to_have_count(0)
    menu.click()
    page.get_by_role("button", name="Archive").click()

    expect(page.get_by_text("“Owls” is in the archive")).to_be_visible()
    expect(menu).not_to_contain_text("Owls")
    expect(inside).to_have_count(0)
