"""What only a real browser can show of the map."""

import re
import secrets
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from hover_core import vector_rows
from hover_core.clips import Clip, clip_id
from hover_core.tables import Intake
from tests.browser import acts
from tests.browser.conftest import Standing

COUNT = 300


@pytest.fixture
def address(standing: Standing) -> str:
    """The Label page of a dataset of 300 demo clips in three clouds of a map, nothing labelled."""
    dataset = standing.datasets.new(f"clouds {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(COUNT)]
    clips = [
        Clip(clip_id(url), url, subset="raw" if n % 2 else "train", extra={"take": str(n % 4), "snr": str(n / 3)})
        for n, url in enumerate(urls)
    ]
    dataset.add(Intake(clips=clips))
    vectors = np.random.default_rng(1).normal(size=(COUNT, 8)).astype(np.float32)
    # a map with gaps wide enough for a lasso, so that each test knows what is inside
    clouds = vectors[:, :2] + np.repeat([[0, 0], [20, 15], [40, 0]], COUNT // 3, axis=0).astype(np.float32)
    acts.give_map(dataset, vectors, clouds)
    return standing.at("label", dataset)


@pytest.fixture
def on_label(address: str, page: Page) -> Page:
    """The Label page of that dataset, its map standing still."""
    page.goto(address)
    acts.map_ready(page, COUNT)
    return page


def test_hovering_plays_one_sound_and_runs_no_script(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    sent: list[str] = []
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.webSocketFrameSent", lambda frame: sent.append("frame"))
    # how many sound whenever one begins: a short clip may be over before a test has asked
    page.evaluate(
        "() => { window.began = []; addEventListener('playing', () => window.began.push("
        "[...document.querySelectorAll('audio')].filter(a => !a.paused).length), true) }"
    )

    for number, position in enumerate((3, 120, 250), start=1):
        page.mouse.move(*where[position])
        page.wait_for_function("n => window.__hoverMap.state().sounds_started === n", arg=number)
        page.mouse.move(5, 5)
        page.wait_for_function("() => window.__hoverMap.state().sounds_playing === 0")
    page.keyboard.down("s")  # a sweep hears both, also where the mouse was quick
    page.mouse.move(*where[100])
    page.mouse.move(*where[210])
    page.wait_for_function("() => window.__hoverMap.state().sounds_started === 5")
    page.keyboard.up("s")

    assert page.evaluate("[...new Set(window.began)]") == [1]
    assert sent == []
    page.mouse.click(*where[3])  # this does run one
    expect(page.locator(".clip-spectrogram .name")).to_have_text("d0003.ogg")
    assert sent != []


def test_the_card_under_the_mouse_tells_of_points_in_one_place_and_why_there_is_no_sound(on_label: Page) -> None:
    page = on_label
    silent = {"name": "broken.wav", "duration": None, "peaks": [], "problem": "no audio at demo:broken.wav (HTTP 404)"}
    page.route("**/clips/*/150/card", lambda route: route.fulfill(json=silent))
    where = acts.pixels(page, COUNT)
    page.evaluate("const { of } = window.__hoverMap; of.clips.base.places.copyWithin(2, 0, 2); of.grid = null")
    page.mouse.move(*where[0])

    expect(page.locator(".clip-map-tip")).to_contain_text("one of 2 in this place")
    page.mouse.move(*where[5])
    expect(page.locator(".clip-map-tip")).to_contain_text("d0005.ogg")
    assert "in this place" not in page.locator(".clip-map-tip").inner_text()
    page.mouse.move(*where[150])
    expect(page.locator(".clip-map-tip")).to_contain_text("No sound: no audio at demo:broken.wav (HTTP 404)")


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
    page.get_by_role("button", name=re.compile("click takes away")).click()
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
    take.get_by_role("button", name="No filter by take").click()
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


SOUNDING = "[...document.querySelectorAll('audio')].filter(a => !a.paused && !a.ended)"


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


def test_arrows_go_through_the_selection_and_are_heard_and_the_list_turns_to_the_clip(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[100:200])
    acts.await_selected(page, range(100, 200))

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.__hoverMap.state().focus === 101")
    page.wait_for_function("() => window.__hoverMap.state().sounds_started >= 1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # and round

    page.wait_for_function("() => window.__hoverMap.state().focus === 199")
    expect(page.locator(".clip-list .row.focus .name")).to_have_text("d0199.ogg")
    expect(page.locator(".clip-spectrogram .name")).to_have_text("d0199.ogg")


def test_space_plays_a_montage_of_the_selection_until_it_or_another_sound_ends_it(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    hear = page.locator(".clip-map-hear")
    page.mouse.click(*where[250])
    page.wait_for_function("() => window.__hoverMap.state().focus === 250")
    acts.lasso_around(page, where[:100])
    acts.await_selected(page, range(100))
    expect(page.locator(".clip-spectrogram")).to_have_count(0)  # what is not selected is in focus no longer
    page.mouse.move(5, 5)
    page.evaluate(
        "() => { window.turns = []; new MutationObserver(() => window.turns.push("
        "[document.querySelector('.clip-map-hear').textContent, window.__hoverMap.state().montage]))"
        ".observe(document.querySelector('.clip-map-hear'), {childList: true, characterData: true}) }"
    )

    page.keyboard.press(" ")
    page.wait_for_function("() => window.turns.length === 9")
    turns = page.evaluate("window.turns")
    assert [text for text, _ in turns] == [*(f"{at} of 8" for at in range(1, 9)), "Hear it"]
    heard = [clip for _, clip in turns[:8]]
    assert len(set(heard)) == 8
    assert set(heard) <= set(range(100))

    hear.click()
    page.wait_for_function(f"() => {SOUNDING}.length === 1")
    page.evaluate("document.querySelector('.clip-list .play').click()")  # another sound
    expect(hear).to_have_text("Hear it")
    hear.click()
    expect(hear).to_have_text(re.compile("of 8"))
    page.locator(".clip-map-plot").focus()
    page.keyboard.press("Escape")
    expect(hear).to_have_text("Hear it")
    assert len(acts.selected(page)) == 100  # Esc has not cleared it


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


def test_the_head_of_the_spectrogram_follows_whoever_plays_the_clip_and_nothing_plays_beside_it(on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    page.mouse.click(*where[5])
    expect(page.locator(".clip-spectrogram .name")).to_have_text("d0005.ogg")
    page.wait_for_function("() => document.querySelector('.clip-spectrogram img').naturalWidth > 0")
    page.get_by_label("Speed").select_option("0.5 ×")

    for start in ("document.querySelector('.clip-spectrogram .play')", "document.querySelector('.clip-list .play')"):
        page.wait_for_function(f"() => {SOUNDING}.length === 0")  # the click was heard as well
        page.evaluate(f"{start}.click()")
        page.wait_for_function("() => parseFloat(document.querySelector('.clip-spectrogram .head').style.left) > 5")
        assert page.evaluate(f"{SOUNDING}.length") <= 1
        page.wait_for_function(f"() => {SOUNDING}.length === 0")
    page.keyboard.press(" ")
    page.wait_for_function(f"() => {SOUNDING}.length === 1 && {SOUNDING}[0].playbackRate === 0.5")
    page.keyboard.press(" ")

    page.wait_for_function(f"() => {SOUNDING}.length === 0")


def test_even_loudness_is_one_choice_for_all_players(on_label: Page) -> None:
    page = on_label
    page.mouse.click(*acts.pixels(page, COUNT)[5])
    page.get_by_label("even loudness").check()

    page.evaluate("document.querySelector('.clip-spectrogram .play').click()")
    page.wait_for_function(f"() => {SOUNDING}.some(audio => audio.currentTime > 0 && audio.src.endsWith('level=1'))")
    page.locator(".clip-list .play").first.click()
    page.wait_for_function("() => document.querySelector('.clip-list audio').src.endsWith('level=1')")


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


def test_labelled_raw_clips_move_to_train(on_label: Page) -> None:
    page = on_label
    acts.lasso_around(page, acts.pixels(page, COUNT)[:100])
    expect(page.get_by_text("100 clips", exact=True).first).to_be_visible()
    acts.label(page, "one")
    page.get_by_role("button", name="Move 50 to …").click()
    page.get_by_role("button", name="train", exact=True).click()

    expect(page.get_by_role("button", name=re.compile("^raw")).filter(has_text="100")).to_be_visible()


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
    expect(page.get_by_text("Labelled 300 as “all of them”. “Undo” takes it back.")).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector(\"iframe[title*='plotly_events']\").contentDocument"
        ".querySelector('.js-plotly-plot')?.data[0].selectedpoints?.length === 300"
    )
    assert page.locator(".label-bar kbd").count() == 0  # it has no keys
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_role("switch", name="Classic map")).to_be_checked()
