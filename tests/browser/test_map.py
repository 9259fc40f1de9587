"""What only a real browser can show of the map: selecting, keys, maps of parts."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from hover_core.store import vector_rows
from tests.browser import acts
from tests.browser.conftest import COUNT, Standing


def test_a_map_that_was_replaced_meanwhile_is_found_again(on_label: Page, standing: Standing) -> None:
    page = on_label
    dataset = standing.datasets.open(page.url.rpartition("=")[2])
    [old] = dataset.embeddings()
    with dataset.store.write() as connection:
        connection.execute(text("DELETE FROM embedding_blocks WHERE embedding_id = :e"), {"e": old.id})
        connection.execute(text("DELETE FROM embeddings WHERE id = :e"), {"e": old.id})
    vector_rows.add_embedding(
        dataset.store,
        dataset.id,
        vectorizer=old.vectorizer,
        reducer="umap",
        settings={},
        positions=np.arange(COUNT),
        coordinates=np.random.default_rng(2).normal(size=(COUNT, 2)).astype(np.float32),
        placeholder=False,
    )

    page.get_by_label("x axis").select_option(index=1)  # asks for the map again

    page.wait_for_function("id => window.__hoverMap.of.data.map.split('?')[0] !== `map/${id}`", arg=old.id)
    page.wait_for_function("() => window.__hoverMap.of.shownMap === window.__hoverMap.of.loadingMap")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_consecutive_selections_join_cut_and_subtract(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    acts.lasso_around(page, where[:100])
    acts.await_selected(page, range(100))
    page.keyboard.down("Shift")
    acts.lasso_around(page, where[100:200])
    page.keyboard.up("Shift")
    acts.await_selected(page, range(200))
    page.keyboard.down("Alt")
    acts.lasso_around(page, where[:100])
    page.keyboard.up("Alt")
    acts.await_selected(page, range(100, 200))
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.keyboard.down("Control")  # and moves the map, whatever the hand holds
    page.mouse.move(*where[150])
    page.mouse.down()
    page.mouse.move(where[150][0] + 30, where[150][1] - 20, steps=6)
    page.mouse.up()
    page.keyboard.up("Control")

    assert np.abs(acts.pixels(page, COUNT) - where - [30, -20]).max() < 1
    assert (acts.selected(page), wrong) == (list(range(100, 200)), [])

    # a click is a selection as well
    where = acts.pixels(page, COUNT)
    page.get_by_role("button", name=re.compile("click adds")).click()
    page.mouse.click(*where[250])
    acts.await_selected(page, [*range(100, 200), 250])
    page.get_by_role("button", name=re.compile("click removes")).click()
    page.mouse.click(*where[150])
    acts.await_selected(page, [*range(100, 150), *range(151, 200), 250])
    page.get_by_role("button", name=re.compile("click keeps")).click()
    page.mouse.click(*where[250])
    page.wait_for_function("() => window.__hoverMap.state().selected.length === 1")
    assert acts.selected(page) == [250]


def test_a_lasso_begun_while_the_page_still_redraws_after_the_one_before_is_taken(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    for cloud, op in ((0, None), (1, "Shift"), (2, "Shift"), (0, "Alt")):
        if op:
            page.keyboard.down(op)
        acts.lasso_around(page, where[100 * cloud : 100 * cloud + 100])
        if op:
            page.keyboard.up(op)

    acts.await_selected(page, range(100, 300))


def test_neither_a_label_of_others_nor_a_resize_nor_a_new_script_run_disturbs_a_lasso(
    on_label: Page, address: str, open_page: Callable[..., Page]
) -> None:
    page, other = on_label, open_page()
    other.goto(address)
    acts.map_ready(other, COUNT)
    acts.lasso_around(other, acts.pixels(other, COUNT)[200:])
    acts.await_selected(other, range(200, 300))
    where = acts.pixels(page, COUNT)
    (x0, y0), (x1, y1) = where[:100].min(axis=0) - 6, where[:100].max(axis=0) + 6
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y0, steps=8)

    acts.label(other, "theirs")
    page.wait_for_function("() => window.__hoverMap.of.clips.labels.size === 1")
    page.evaluate("window.__hoverMap.of.outbox.say(window.__hoverMap.of.component, {kind: 'nothing'})")
    page.wait_for_timeout(700)
    page.set_viewport_size({"width": 1300, "height": 850})
    page.wait_for_timeout(700)
    where = acts.pixels(page, COUNT)
    (x0, y0), (x1, y1) = where[:100].min(axis=0) - 6, where[:100].max(axis=0) + 6
    for corner in ((x1, y0), (x1, y1), (x0, y1), (x0, y0)):
        page.mouse.move(*corner, steps=8)
    page.mouse.up()

    acts.await_selected(page, range(100))
    page.wait_for_function("() => window.__hoverMap.state().colours.filter(Boolean).length === 100")


def test_a_lasso_selects_what_python_finds_in_its_polygon(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)[:100]
    turn = np.linspace(0, 4 * np.pi, 60)  # crosses itself: the even-odd rule decides
    middle, reach = where.mean(axis=0), np.ptp(where, axis=0) / 2
    path = middle + reach * (0.25 + 0.5 * turn / turn[-1])[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    acts.drag(page, [(float(x), float(y)) for x, y in path])

    inside = np.flatnonzero(acts.in_polygon(acts.base(page), acts.outline(page)))
    assert 5 < len(inside) < 95
    acts.await_selected(page, inside.tolist())


def test_a_map_that_was_left_and_comes_back_shows_what_was_selected(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.get_by_role("button", name=re.compile("^raw")).click()
    acts.await_selected(page, range(0, 100, 2))
    acts.to(page, "Share")
    expect(page.get_by_text("Who is it for?").first).to_be_visible()
    acts.to(page, "Label")
    acts.map_ready(page, COUNT)

    acts.await_selected(page, range(100))  # the filter is gone, and what it hid is back


def test_keys_grow_invert_and_stop_and_are_not_heard_while_somebody_writes(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.keyboard.press("i")
    acts.await_selected(page, range(100, 300))
    page.keyboard.press("g")
    page.wait_for_function("() => window.__hoverMap.state().selected.length === 220")

    box = page.get_by_role("combobox", name=re.compile("Another label"))
    box.fill("big")
    box.press("i")
    page.wait_for_timeout(300)

    assert len(acts.selected(page)) == 220
    assert box.input_value() == "bigi"


def test_after_a_control_was_used_by_the_mouse_the_keys_are_for_the_map(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    acts.lasso_around(page, where[:100])
    acts.await_selected(page, range(100))
    page.locator(".clip-map-colour").hover()
    page.locator(".clip-map-colour").focus()  # a menu that was opened by the mouse and closed keeps the focus
    page.mouse.move(*where[250])
    page.keyboard.press("s")
    page.keyboard.press("i")
    acts.await_selected(page, range(100, 300))
    assert page.locator(".clip-map-colour").input_value() == "label"

    page.locator(".clip-map-sound input").click()
    page.keyboard.press("i")
    acts.await_selected(page, range(100))
    page.get_by_role("button", name="invert").click()
    page.keyboard.press("z")
    page.keyboard.press("i")
    acts.await_selected(page, range(100))
    acts.label(page, "one")  # ends with a click on a button of the panel
    page.wait_for_function("() => window.__hoverMap.state().colours[5] !== null")
    page.keyboard.press("u")
    page.wait_for_function("() => window.__hoverMap.state().colours[5] === null")
    page.locator(".modebar-btn[data-title='Zoom out to everything']").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.__hoverMap.state().focus === 0")
    page.wait_for_function("() => window.__hoverMap.state().sounds_started > 0")
    page.keyboard.press("i")
    page.keyboard.press("Enter")  # not the button again
    page.wait_for_function("() => window.__hoverMap.state().colours[150] !== null")


def test_leaving_a_clip_out_takes_it_from_the_selection(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    page.locator(".clip-list .evict").first.click()

    page.wait_for_function("() => window.__hoverMap.state().selected.length === 99")
    expect(page.get_by_text("99 clips", exact=True).first).to_be_visible()
    assert 0 not in acts.selected(page)


def test_on_a_narrow_window_the_panel_lies_under_the_map(on_label: Page) -> None:
    page = on_label
    page.set_viewport_size({"width": 800, "height": 900})
    page.mouse.click(*acts.pixels(page, COUNT)[3])
    expect(page.locator(".clip-list .name")).to_have_text(["d0003.ogg"])
    page.wait_for_function("() => document.querySelector('.clip-spectrogram .picture')?.offsetHeight > 150")
    acts.pixels(page, COUNT)  # waits until nothing moves any more

    boxes = [page.locator(f"{one} >> visible=true").bounding_box() for one in (".clip-map", ".clip-spectrogram")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    assert abs(boxes[1]["width"] - boxes[0]["width"]) < 1
    sizes = "() => [...document.querySelectorAll('.clip-list .name')].map(e => getComputedStyle(e).fontSize)"
    assert set(page.evaluate(sizes)) == {"13.6px"}
    corners = "() => getComputedStyle(document.querySelectorAll('.clip-map-chips button')[1]).borderTopRightRadius"
    assert page.evaluate(corners) != "0px"  # the last subset that is shown


@pytest.mark.timeout(200)
def test_a_map_of_just_the_selection_has_one_of_its_own_and_the_way_up_and_down_again(on_label: Page) -> None:
    page = on_label
    painted = "n => window.__hoverMap.state().ready && window.__hoverMap.state().painted === n"
    raw = page.get_by_role("button", name=re.compile("^raw"))
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    acts.await_selected(page, range(100))
    page.get_by_role("button", name="Map only these").click()
    page.wait_for_function(painted, arg=100, timeout=110_000)
    expect(raw).to_have_text("raw 50")
    expect(page.get_by_role("group", name="Legend")).to_have_text("unlabelled100")
    expect(page.get_by_text("no place on this map")).to_have_count(0)

    raw.click()
    acts.await_selected(page, range(0, 100, 2))
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="100 clips")).to_be_visible(timeout=110_000)
    page.wait_for_function("() => window.__hoverMap.of.clips.placed === 50")
    raw.click()  # none of them is here
    acts.lasso_around(page, acts.pixels(page, COUNT)[:10:2])
    page.wait_for_function("() => window.__hoverMap.state().selected.length >= 5")
    before = acts.selected(page)
    page.keyboard.press("g")
    page.wait_for_function("n => window.__hoverMap.state().selected.length === n", arg=min(50, len(before) + 20))
    assert set(acts.selected(page)) <= set(range(0, 100, 2))  # grown within the part

    page.keyboard.press("b")
    page.wait_for_function(painted, arg=100)
    page.get_by_role("button", name="Whole map").click()
    page.wait_for_function(painted, arg=300)
    page.get_by_role("button", name="50 clips").click()

    page.wait_for_function(painted, arg=50)


def test_where_our_script_does_not_load_the_classic_engine_selects_as_well(address: str, page: Page) -> None:
    page.route("**/assets/*/map.js", lambda route: route.abort())
    page.goto(address)
    page.get_by_role("button", name="Use the classic map").click()
    frame = page.frame_locator("iframe[title*='plotly_events']")
    plot = frame.locator(".nsewdrag").first
    plot.wait_for()
    box = plot.bounding_box()
    assert box is not None
    x0, y0 = box["x"] + 3, box["y"] + 3
    x1, y1 = box["x"] + box["width"] - 3, box["y"] + box["height"] - 3

    acts.drag(page, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])

    expect(page.get_by_text("300 clips", exact=True).first).to_be_visible()
    acts.label(page, "all of them")  # redraws the chart: what is selected stays
    expect(page.get_by_text("Labelled 300 as “all of them”. “Undo” reverts this.")).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector(\"iframe[title*='plotly_events']\").contentDocument"
        ".querySelector('.js-plotly-plot')?.data[0].selectedpoints?.length === 300"
    )
    assert page.locator(".label-bar kbd").count() == 0  # it has no keys
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_role("switch", name="Classic map")).to_be_checked()
