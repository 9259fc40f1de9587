"""Labels given on the map: by keys, buttons and brush, at once and taken back."""

import re

from playwright.sync_api import Page, expect

from tests.browser import acts
from tests.browser.conftest import COUNT


def test_keys_label_and_undo(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    acts.lasso_around(page, where[:100])
    expect(page.locator(".clip-list .row").first).to_be_visible()
    chosen = acts.selected(page)
    acts.label(page, "7")
    page.wait_for_function("p => window.__hoverMap.state().colours[p] !== null", arg=chosen[0])
    expect(page.get_by_role("radio").locator("kbd")).to_have_text("7")
    acts.lasso_around(page, where[100:200])
    expect(page.get_by_text("100 clips", exact=True).first).to_be_visible()

    page.keyboard.press("7")
    page.wait_for_function("() => window.__hoverMap.state().colours[150] !== null")
    expect(page.get_by_text("100 7", exact=True)).to_be_visible()
    page.keyboard.press("u")
    page.wait_for_function("() => window.__hoverMap.state().colours[150] === null")

    assert page.evaluate("p => window.__hoverMap.state().colours[p]", chosen[0]) is not None


def test_a_selection_is_made_unlabelled_by_button_and_by_key_and_undo_brings_its_labels_back(on_label: Page) -> None:
    page = on_label
    given = "() => window.__hoverMap.state().colours.filter(Boolean).length"
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    expect(page.get_by_role("button", name="Unlabel 0", exact=True)).to_have_count(0)  # there is nothing to take away
    acts.label(page, "one")
    page.wait_for_function(f"{given} === 100")

    page.get_by_role("button", name="Unlabel 0", exact=True).click()
    page.wait_for_function(f"{given} === 0")
    expect(page.get_by_text("100 unlabelled")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"{given} === 100")
    page.locator(".clip-map-plot").focus()
    page.keyboard.press("0")
    page.wait_for_function(f"{given} === 0")


def test_a_label_is_shown_at_once_and_then_written(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.route("**/journal/**", lambda route: None)  # no answer until it is unrouted

    acts.label(page, "one")
    page.wait_for_function("() => window.__hoverMap.colour(50) !== null")
    expect(page.get_by_text("writing", exact=True)).to_be_visible()
    assert page.evaluate("window.__hoverMap.state().colours[50]") is None  # nobody has said yet that it is written
    expect(page.get_by_text("100 one")).to_be_visible()
    page.unroute("**/journal/**")

    page.wait_for_function("() => window.__hoverMap.state().colours.filter(Boolean).length === 100")
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def test_a_label_that_is_refused_is_taken_off_again(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.evaluate(
        "() => { window.shown = new Set(); const look = () => { window.shown.add(window.__hoverMap?.colour(50));"
        " requestAnimationFrame(look) }; look() }"
    )

    acts.label(page, "x" * 201)

    expect(page.get_by_text("has 201 characters")).to_be_visible()
    page.wait_for_function("() => window.__hoverMap.colour(50) === null")
    assert page.evaluate("window.shown.size") == 2  # its colour, and none again
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def test_a_label_picked_in_the_bar_wins_over_the_one_typed_before(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    for name, cloud in (("one", slice(0, 100)), ("two", slice(100, 200))):
        acts.lasso_around(page, where[cloud])
        expect(page.get_by_text("100 clips", exact=True).first).to_be_visible()
        acts.label(page, name)
        expect(page.get_by_role("radio", name=name)).to_be_visible()

    page.get_by_role("radio", name="one").click()

    expect(page.get_by_role("button", name="Label 100 as “one”")).to_be_visible()
    expect(page.get_by_role("radio", name="one")).to_have_attribute("aria-checked", "true")


def test_a_key_right_after_a_lasso_labels_what_was_lassoed(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    acts.lasso_around(page, where[:100])
    acts.await_selected(page, range(100))
    acts.label(page, "one")
    expect(page.get_by_role("radio", name="one")).to_be_visible()

    acts.lasso_around(page, where[100:200])
    page.keyboard.press("1")

    page.wait_for_function("() => window.__hoverMap.state().colours.filter(Boolean).length === 200")
    colours = page.evaluate("window.__hoverMap.state().colours")
    assert all(colours[:200])
    assert not any(colours[200:])


def test_a_label_shown_alone_stays_in_the_legend_when_its_last_clip_gets_another(on_label: Page) -> None:
    page = on_label
    legend = page.get_by_role("group", name="Legend")
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    acts.label(page, "one")
    expect(legend.get_by_role("button", name="unlabelled 200")).to_be_visible()
    legend.get_by_role("button", name="unlabelled 200").dblclick()
    expect(legend.get_by_role("button", name="one 100")).to_have_attribute("aria-pressed", "false")
    acts.lasso_around(page, acts.pixels(page, COUNT)[100:])
    acts.await_selected(page, range(100, 300))

    page.keyboard.press("1")
    expect(legend.get_by_role("button", name="unlabelled 0")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("The filters hide every clip")).to_be_visible()
    legend.get_by_role("button", name="show all").click()

    page.wait_for_function("() => window.__hoverMap.state().painted === 300")
    expect(legend.get_by_role("button")).to_have_count(1)


def test_painting_selects_and_with_l_it_labels(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    ways = [[tuple(where[p]) for p in cloud] for cloud in (range(0, 20), range(100, 120), range(200, 220))]

    def paint(key: str, way: list[tuple[float, float]]) -> None:
        page.mouse.move(*way[0])
        page.keyboard.down(key)
        page.mouse.down()
        page.mouse.move(*way[1], steps=4)
        expect(page.locator(".clip-map-count")).to_have_text(re.compile("^[0-9]+ painted$"))
        for x, y in way[2:]:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()
        page.keyboard.up(key)

    paint("p", ways[0])
    page.wait_for_function("() => window.__hoverMap.state().selected.length >= 20")
    painted = acts.selected(page)
    assert set(range(20)) <= set(painted) <= set(range(100))
    paint("l", ways[1])
    expect(page.get_by_text("Choose a label first")).to_be_visible()

    acts.label(page, "one")
    page.wait_for_function("() => window.__hoverMap.state().colours[100] !== null")
    page.wait_for_timeout(300)
    paint("l", ways[2])

    page.wait_for_function("() => window.__hoverMap.state().colours[200] !== null")
    assert min(acts.selected(page)) >= 200


def test_a_label_corrected_in_the_list_changes_that_clip_alone(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    acts.label(page, "one")
    page.wait_for_function("() => window.__hoverMap.state().colours.filter(Boolean).length === 100")
    expect(page.locator(".clip-list .row .label").nth(2)).to_have_text("one")

    page.locator(".clip-list .row .label").nth(2).click()
    page.get_by_label("Another label for d0002.ogg").fill("  two  ")
    page.keyboard.press("Enter")

    expect(page.locator(".clip-list .row .label").nth(2)).to_have_text("two")
    page.wait_for_function("() => new Set(window.__hoverMap.state().colours.slice(0, 100)).size === 2")
    assert acts.selected(page) == list(range(100))


def test_labelled_raw_clips_move_to_train(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    expect(page.get_by_text("100 clips", exact=True).first).to_be_visible()
    acts.label(page, "one")
    page.get_by_role("button", name="Move 50 to …").click()
    page.get_by_role("button", name="train", exact=True).click()

    expect(page.get_by_role("button", name=re.compile("^raw")).filter(has_text="100")).to_be_visible()
