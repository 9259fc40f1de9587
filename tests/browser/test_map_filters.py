"""What the map shows: colours, filters, axes."""

import re

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser import acts
from tests.browser.conftest import COUNT


def test_a_subset_that_is_switched_off_gives_back_what_it_hid_also_after_leaving_out_and_growing(
    on_label: Page,
) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))

    raw = page.get_by_role("button", name=re.compile("^raw"))
    raw.click()
    acts.await_selected(page, range(0, 100, 2))
    page.locator(".clip-list .evict").first.click()
    acts.await_selected(page, range(2, 100, 2))
    page.locator(".clip-map-plot").focus()
    page.keyboard.press("g")
    page.wait_for_function("() => window.__hoverMap.state().selected.length === 69")
    expect(page.get_by_text("69 clips", exact=True).first).to_be_visible()
    grown = acts.selected(page)
    assert not any(clip % 2 for clip in grown)
    raw.click()

    acts.await_selected(page, sorted({*grown, *range(1, 100)}))


def test_colours_show_a_column_of_the_table_and_come_back_to_labels(on_label: Page) -> None:
    page = on_label
    drawn = "[...window.__hoverMap.of.colours]"
    grey = page.evaluate(drawn)
    assert len(set(grey)) == 1

    page.get_by_label("Colour by").select_option("snr")
    page.wait_for_function(f"() => new Set({drawn}).size > 100")
    expect(page.get_by_text("0 – 99.67")).to_be_visible()
    page.get_by_label("Colour by").select_option("take")
    page.wait_for_function(f"() => new Set({drawn}).size === 4")
    expect(page.get_by_role("group", name="Legend").get_by_role("button")).to_have_count(4)

    page.get_by_label("Colour by").select_option("label")
    page.wait_for_function(f"() => new Set({drawn}).size === 1")


def test_filters_by_columns_restrict_the_selection_and_unticked_restore_it(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))

    page.get_by_label("Filter by", exact=True).select_option("snr")
    snr = page.get_by_role("group", name="Filter by snr")
    snr.get_by_label("Largest value shown").fill("101")  # thousandths of the way from 0 to 99.67
    acts.await_selected(page, range(31))
    page.get_by_label("Filter by", exact=True).select_option("take")
    take = page.get_by_role("group", name="Filter by take")
    take.get_by_role("button", name=re.compile("^0")).click()
    acts.await_selected(page, [n for n in range(31) if n % 4])

    snr.get_by_role("checkbox").uncheck()
    acts.await_selected(page, [n for n in range(100) if n % 4])
    take.get_by_role("button", name="Remove the filter by take").click()
    acts.await_selected(page, range(100))
    expect(take).to_have_count(0)


def test_search_hits_are_a_filter_and_their_scores_a_colour(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.locator(".clip-list .similar").first.click()
    page.wait_for_function("() => window.__hoverMap.of.ring?.some(Boolean)")
    hits = acts.rings(page)

    page.get_by_label("Colour by").select_option("search score")
    expect(page.get_by_label("Largest value shown")).to_be_visible()
    assert page.evaluate("p => window.__hoverMap.of.facet.values[p] > 0", hits[0])
    page.get_by_label("Filter by", exact=True).select_option("search hits")
    page.get_by_role("group", name="Filter by search hits").get_by_role("button", name=re.compile("^no hit")).click()

    wanted = [clip for clip in hits if clip < 100]
    assert 0 < len(wanted) < 100
    acts.await_selected(page, wanted)  # also in the panel: the run that heard of the filter has ended
    expect(page.get_by_role("group", name="Filter by search hits")).to_be_visible()
    assert acts.rings(page) == hits

    # what is drawn among the hits alone leaves the search open as well
    acts.lasso_around(page, acts.pixels(page, COUNT)[100:200])
    acts.await_selected(page, [clip for clip in hits if 100 <= clip < 200])
    expect(page.locator(".clip-list .row")).to_have_count(10)
    assert acts.rings(page) == hits


TITLES = "window.__hoverMap.of.scales"


def test_axes_can_be_numeric_columns(on_label: Page) -> None:
    page = on_label
    page.get_by_label("x axis").select_option("snr")
    page.wait_for_function("() => window.__hoverMap.of.clips.base.x1 > 99 && window.__hoverMap.of.clips.base.x1 < 100")
    where = acts.pixels(page, COUNT)
    acts.lasso_around(page, where[:50])

    assert (np.diff(where[:, 0]) > 0).all()
    assert set(acts.selected(page)) >= set(range(50))
    assert page.evaluate(TITLES) == {"x": "snr", "y": None}

    # nobody has measured one: what cannot be seen is not selected, until it can
    chosen = acts.selected(page)
    page.get_by_label("y axis").select_option("c:duration")
    expect(page.get_by_text("300 clips have no value for duration (s)")).to_be_visible()
    expect(page.get_by_text("Nothing selected")).to_be_visible()
    page.get_by_label("y axis").select_option(index=1)
    acts.await_selected(page, chosen)
    expect(page.get_by_text("no value")).to_have_count(0)
