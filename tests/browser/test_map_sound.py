"""What is heard on the map, and what is shown of it."""

import re

from playwright.sync_api import Page, expect

from tests.browser import acts
from tests.browser.conftest import COUNT

SOUNDING = "[...document.querySelectorAll('audio')].filter(a => !a.paused && !a.ended)"


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
    page.evaluate("const { of } = window.__hoverMap; of.clips.base.places.copyWithin(2, 0, 2); of.forgetGrid()")
    page.mouse.move(*where[0])

    expect(page.locator(".clip-map-tip")).to_contain_text("one of 2 in this place")
    page.mouse.move(*where[5])
    expect(page.locator(".clip-map-tip")).to_contain_text("d0005.ogg")
    assert "in this place" not in page.locator(".clip-map-tip").inner_text()
    page.mouse.move(*where[150])
    expect(page.locator(".clip-map-tip")).to_contain_text("No sound: no audio at demo:broken.wav (HTTP 404)")


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
