"""Label without a mouse: what is chosen by the keyboard keeps the focus, and every place shows where the focus is."""

from playwright.sync_api import Page, expect

from tests.browser import acts
from tests.browser.conftest import COUNT

FOCUSED = "() => document.activeElement.textContent"


def test_a_selection_is_labelled_and_corrected_by_the_keyboard_alone(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    for name in ("one", "two"):
        acts.label(page, name)
        expect(page.get_by_role("radio", name=name)).to_be_visible()
    expect(page.get_by_text("100 two")).to_be_visible()

    page.get_by_role("radio", name="one").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Label 100 as “one”")).to_be_visible()
    assert page.evaluate(FOCUSED).startswith("one")
    page.locator(".clip-map-plot").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("100 one")).to_be_visible()

    page.locator(".clip-list .row").nth(2).locator(".evict").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("99 clips", exact=True)).to_be_visible()
    expect(page.locator(".clip-list .row").nth(2).locator(".name")).to_have_text("d0003.ogg")
    expect(page.locator(".clip-list .row").nth(2).locator(".evict")).to_be_focused()
