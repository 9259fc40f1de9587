"""Search by ear in a real browser: ask with anything that sounds, refine, take the hits, judge them by keys."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from hover_core.analysis import maps
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import MOST_SOUND_BYTES
from hover_core.jobs import vectorize
from hover_core.store import clip_rows, vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from pages.server.uploads import MOST_KEPT_BYTES
from tests import sounds
from tests.browser import acts
from tests.browser.conftest import ARGUMENTS, Standing, policy_violations
from tests.servers import SoundServer

COUNT = 60
KEY = "profile-13x5-10-16-22050-v1"
TONE, NOISE, CHIRP = range(3)
COLOURED = "p => typeof window.__hoverMap?.state().colours?.[p] === 'string'"


def sound(number: int) -> np.ndarray:
    """Tones, noises and chirps, in turn."""
    return [sounds.tone(300 + 4 * number, 0.6), sounds.noise(0.6, seed=number), sounds.chirp(200 + number, 3_000, 0.6)][
        number % 3
    ]


@dataclass
class Heard:
    """A dataset of clips that really sound, in the app that stands, and a folder for files."""

    address: str
    dataset: Dataset
    server: SoundServer
    folder: Path

    def labelled(self) -> dict[int, tuple[str, str]]:
        """Position → label and how it was given, as it is in the store."""
        state = self.dataset.state()
        sources = self.dataset.journal.sources(self.dataset.id, np.unique(state.source).tolist())
        return {
            int(p): (state.names[state.label[p]], sources[int(state.source[p])][2])
            for p in np.flatnonzero(state.label >= 0)
        }


@pytest.fixture(scope="module")
def vectorized(_standing: Standing) -> Dataset:
    """The sixty clips, vectorized once, for each test to copy; from then on their server has them."""
    server = _standing.server
    server.files.update({f"/{number}.wav": sounds.encode(sound(number)) for number in range(COUNT)})
    server.files["/new.wav"] = sounds.encode(sounds.noise(0.6, seed=777))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOVER_DATA", str(_standing.app.data))
        patch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        dataset = new(_standing)
        vectorize.run_here(dataset, vectorizer=KEY)
    return dataset


@pytest.fixture
def heard(standing: Standing, vectorized: Dataset, tmp_path: Path) -> Heard:
    """Sixty clips behind a real server, vectorized and on a map, none labelled; one label is known."""
    dataset = new(standing)
    positions, vectors = vectorized.vectors(KEY)
    facts = vectorized.clips()
    known = {
        at: clip_rows.SoundFacts(facts["sha256"][at], float(facts["duration_s"][at]), 22_050) for at in range(COUNT)
    }
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, KEY, positions.tolist(), vectors)
        clip_rows.hear(connection, dataset.id, known)
    maps.embed(dataset, KEY, "pca")
    return Heard(standing.at("label", dataset), dataset, standing.server, tmp_path)


@pytest.fixture
def on_label(heard: Heard, page: Page) -> Page:
    """The Label page, its map standing still."""
    page.goto(heard.address)
    acts.map_ready(page, COUNT)
    return page


def new(standing: Standing) -> Dataset:
    """A dataset of the sixty clips, without vectors."""
    dataset = standing.datasets.new(f"sounds {secrets.token_hex(4)}")
    urls = [standing.server.url(f"/{number}.wav") for number in range(COUNT)]
    clips = [Clip(clip_id(url), url, extra={"kind": "tnc"[n % 3], "n": str(n)}) for n, url in enumerate(urls)]
    dataset.add(Intake(clips=clips))
    dataset.change_settings(vectorizer=KEY)
    return dataset


def search(page: Page) -> None:
    """Open the ways to ask."""
    page.get_by_role("button", name="Search", exact=True).click()


def hits(page: Page, count: int) -> list[int]:
    """The hits as the map marks them, once there are so many."""
    page.wait_for_function("n => [...(window.__hoverMap.of.ring ?? [])].filter(Boolean).length === n", arg=count)
    return list(page.evaluate("[...window.__hoverMap.of.ring].flatMap((ring, clip) => ring ? [clip] : [])"))


def listed(page: Page) -> list[int]:
    """The clips in the list, best first."""
    page.locator(".clip-list .row").first.wait_for()
    return [
        int(text) for text in page.locator(".clip-list .row").evaluate_all("rows => rows.map(r => r.dataset.position)")
    ]


def first(page: Page, count: int) -> None:
    """Ask for so many hits, by the keyboard: five a step."""
    slider = page.get_by_role("slider", name="Most similar clips")
    slider.focus()
    for _ in range(abs(count - 50) // 5):
        slider.press("ArrowLeft" if count < 50 else "ArrowRight")
    expect(page.get_by_role("button", name=f"Select these {count}")).to_be_visible()


def wav(heard: Heard, name: str, wave: np.ndarray, rate: int = 22_050) -> Path:
    """A sound file for the browser."""
    path = heard.folder / name
    path.write_bytes(sounds.encode(wave, rate))
    return path


def test_an_uploaded_file_finds_its_kind_and_lights_it_up_on_the_map(heard: Heard, on_label: Page) -> None:
    page = on_label
    search(page)
    page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.noise(0.6, seed=900)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    first(page, 15)

    assert {clip % 3 for clip in hits(page, 15)} == {NOISE}
    scores = [float(text) for text in page.locator(".clip-list .score").all_text_contents()]
    assert scores == sorted(scores, reverse=True)
    expect(page.locator(".clip-list .heading")).to_have_text("cosinecloser than")
    # sixty clips: the nearest is closer than 59 of them
    expect(page.locator(".clip-list .closer").first).to_have_text("98.3 %")


def test_a_file_that_is_no_sound_is_told_so(heard: Heard, on_label: Page) -> None:
    page = on_label
    path = heard.folder / "page.wav"
    path.write_bytes(b"<!doctype html><html>sign in</html>")
    search(page)
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_text("not a sound file but a web page")).to_be_visible()


def test_an_address_that_is_not_in_the_table_and_its_threshold(heard: Heard, on_label: Page) -> None:
    page = on_label
    search(page)
    page.get_by_label("An address").fill(heard.server.url("/new.wav"))
    page.get_by_label("An address").press("Enter")
    expect(page.get_by_text("Like new.wav")).to_be_visible()
    first(page, 10)
    page.get_by_text("Above", exact=True).click()
    threshold = page.get_by_role("slider", name="Cosine above")
    expect(threshold).to_be_visible()
    assert 0.85 < float(threshold.input_value()) < 0.95  # it begins where the first ten ended
    threshold.fill("0.5")
    expect(page.get_by_text(re.compile("^Select these (1[0-9]|20)$"))).to_be_visible()
    found = page.evaluate("[...window.__hoverMap.of.ring].flatMap((ring, clip) => ring ? [clip] : [])")
    assert {clip % 3 for clip in found} == {NOISE}
    # it moves the hits while it is held
    box = threshold.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + box["height"] / 2, steps=6)
    page.wait_for_function("n => [...window.__hoverMap.of.ring].filter(Boolean).length < n", arg=len(found))
    page.mouse.up()
    threshold.focus()
    threshold.press("End")
    expect(page.get_by_text("No hits")).to_be_visible()
    assert hits(page, 0) == []
    threshold.press("Home")
    page.wait_for_function("n => [...window.__hoverMap.of.ring].filter(Boolean).length >= n", arg=len(found))


def test_an_address_that_may_not_be_fetched_is_refused(on_label: Page) -> None:
    page = on_label
    search(page)
    page.get_by_label("An address").fill("http://10.0.0.1/x.wav")
    page.get_by_label("An address").press("Enter")

    # where it was asked, and with what can be done about it
    asked = page.get_by_test_id("stPopoverBody")
    expect(asked.get_by_text("10.0.0.1:80 is this machine or its network")).to_be_visible()
    expect(asked.get_by_role("button", name="Allow 10.0.0.1:80")).to_be_visible()
    expect(page.get_by_role("button", name="Play in a row")).to_have_count(0)


@contextmanager
def with_microphone(browser: Browser, chromium_path: str, spoken: Path) -> Iterator[Page]:
    """A page whose microphone hears a file."""
    fake = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
    ]
    listening = browser.browser_type.launch(executable_path=chromium_path, args=[*ARGUMENTS, *fake])
    try:
        context = listening.new_context(viewport={"width": 1400, "height": 900}, permissions=["microphone"])
        violations = policy_violations(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
        assert violations == []
    finally:
        listening.close()


def come_in(page: Page, heard: Heard, *, blind: bool = False) -> None:
    """Come in by an invite, up to the map."""
    token = heard.dataset.invite("Mira", blind=blind)
    page.goto(f"{heard.address.partition('/label')[0]}/join?t={token}")
    page.get_by_role("button", name="Continue as Mira").click()
    expect(page.get_by_text("You are Mira")).to_be_visible()
    acts.map_ready(page, COUNT)


@pytest.mark.parametrize("who", ["owner", "annotator"])
def test_the_microphone_asks(heard: Heard, browser: Browser, chromium_path: str, who: str) -> None:
    spoken = wav(heard, "spoken.wav", np.tile(sounds.noise(0.6, rate=48_000, seed=5), 10), 48_000)
    with with_microphone(browser, chromium_path, spoken) as page:
        if who == "annotator":
            come_in(page, heard)
        else:
            page.goto(heard.address)
            acts.map_ready(page, COUNT)
        search(page)
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_text("00:01")).to_be_visible()
        page.get_by_role("button", name="Stop recording").click()
        expect(page.get_by_text("your recording")).to_be_visible()
        first(page, 10)

        assert {clip % 3 for clip in hits(page, 10)} == {NOISE}
        assert page.locator("audio[src*='/media/']").count() == 1  # what was asked can be heard
        search(page)  # and the microphone is ready for the next question
        expect(page.get_by_role("button", name="Record")).to_be_visible()
        expect(page.get_by_text("00:00")).to_be_visible()
        expect(page.get_by_text("An error has occurred")).to_have_count(0)


@pytest.mark.parametrize("blind", [False, True], ids=["open", "blind"])
def test_an_annotator_asks_with_a_file(heard: Heard, page: Page, blind: bool) -> None:
    come_in(page, heard, blind=blind)
    search(page)
    expect(page.get_by_text("20MB per file")).to_be_visible()
    page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.noise(0.6, seed=900)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    first(page, 10)

    assert {clip % 3 for clip in hits(page, 10)} == {NOISE}
    expect(page.get_by_text("AxiosError")).to_have_count(0)


def test_a_file_that_is_too_large_for_an_annotator_is_told_so_before_it_is_sent(heard: Heard, page: Page) -> None:
    path = heard.folder / "long.wav"
    path.write_bytes(sounds.encode(sounds.silence(0.1)) + bytes(MOST_SOUND_BYTES))
    come_in(page, heard)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if "/upload_file/" in request.url else None)
    search(page)
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_text("File must be 20.0MB or smaller")).to_be_visible()
    assert "PUT" not in sent


def test_an_annotator_is_told_what_addresses_they_may_ask_with(heard: Heard, page: Page) -> None:
    before = heard.server.count["/new.wav"], heard.server.count["/nothing.wav"]
    come_in(page, heard)
    search(page)
    for path in ("/new.wav", "/nothing.wav"):  # on a host that is allowed for the clips: there is one, and is none
        page.get_by_label("An address").fill(heard.server.url(path))
        page.get_by_label("An address").press("Enter")
        expect(page.get_by_text(f"Like {path[1:]}: no sound can be had from this address")).to_be_visible()
    page.get_by_label("An address").fill(heard.server.url("/7.wav"))
    page.get_by_label("An address").press("Enter")
    expect(page.get_by_text("Like 7.wav")).to_be_visible()

    first(page, 10)
    assert {clip % 3 for clip in hits(page, 10)} == {NOISE}
    assert (heard.server.count["/new.wav"], heard.server.count["/nothing.wav"]) == before


def held(page: Page, heard: Heard) -> int:
    """How many bytes of uploads the app holds, by its own account."""
    text = page.request.get(f"{heard.address.partition('/label')[0]}/_stcore/metrics").text()
    return sum(int(line.split()[-1]) for line in text.splitlines() if 'cache_type="UploadedFileManager"' in line)


@pytest.mark.long
def test_what_an_annotator_uploads_again_and_again_does_not_fill_the_memory(
    heard: Heard, page: Page, open_page: Callable[..., Page]
) -> None:
    owner = open_page()
    come_in(page, heard)
    search(page)
    with page.expect_request(lambda request: request.method == "PUT") as caught:
        page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.noise(0.6, seed=900)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    url, token = caught.value.url.rpartition("/")[0], caught.value.headers["x-xsrftoken"]
    before, statuses, sizes = held(owner, heard), [], []
    assert before > 0
    large = {"file": {"name": "a.wav", "mimeType": "audio/wav", "buffer": bytes(15 << 20)}}
    for number in range(7):
        answer = page.request.put(f"{url}/again{number}", headers={"X-Xsrftoken": token}, multipart=large)
        statuses.append(answer.status)
        sizes.append(held(owner, heard))

    assert statuses == [204] * 7
    assert sizes[1] > 30 << 20  # they are held at first
    assert max(sizes) - before <= MOST_KEPT_BYTES
    # none who came in by no invite: neither writes nor takes away
    cookieless = {"headers": {"X-Xsrftoken": token, "X-Forwarded-For": "10.0.0.1"}}
    small = {"file": {**large["file"], "buffer": bytes(100)}}  # it is answered unread, and a large one breaks off
    assert owner.request.put(f"{url}/strange", multipart=small, **cookieless).status == 403
    assert owner.request.delete(f"{url}/again6", **cookieless).status == 403


def test_thumbs_refine_and_the_hits_are_labelled_as_found_by_search(heard: Heard, on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    page.mouse.click(*where[TONE])
    page.get_by_role("button", name="More like this", exact=True).first.click()
    expect(page.get_by_role("button", name="Select these 50")).to_be_visible()
    before = listed(page)
    page.locator(".clip-list .down").first.click()
    expect(page.get_by_text("thumb_down 1")).to_be_visible()
    page.locator(f".clip-list .row[data-position='{before[5]}'] .up").click()
    expect(page.get_by_text("thumb_up 1 thumb_down 1")).to_be_visible()
    # what was liked has come forward, and what was not is the first no longer
    expect(page.locator(".clip-list .row").first).not_to_have_attribute("data-position", str(before[0]))
    assert listed(page).index(before[5]) < 5

    first(page, 10)
    found = hits(page, 10)
    page.get_by_role("button", name="Select these 10").click()
    acts.await_selected(page, found)
    acts.label(page, "mine")
    page.wait_for_function(COLOURED, arg=found[0])
    assert heard.labelled() == {clip: ("mine", "search") for clip in found}


def test_keys_judge_hits_in_a_row_and_what_was_heard_is_labelled_as_heard(heard: Heard, on_label: Page) -> None:
    page = on_label
    heard.dataset.annotate([COUNT - 1], "hum", how="heard")
    page.reload()
    acts.map_ready(page, COUNT)
    search(page)
    page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.tone(440, 0.6)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    row = listed(page)
    page.get_by_role("radio", name=re.compile("hum")).click()
    page.get_by_role("button", name="Play in a row").click()
    player = page.locator(".review-player")
    expect(player.locator(".where")).to_have_text("1 of 50")
    assert page.evaluate("[...document.querySelectorAll('audio')].filter(a => !a.paused).length") == 1

    def at(number: int) -> None:
        expect(player.locator(".where")).to_have_text(f"{number} of 50")

    def sounded() -> None:
        page.wait_for_function("() => document.querySelector('.review-player audio').currentTime > 0.5")

    # nobody does anything: the next comes on its own
    at(2)
    sounded()
    page.keyboard.press("ArrowUp")  # keeps the second, which was heard
    at(3)
    page.keyboard.press("ArrowDown")  # drops the third at once
    at(4)
    page.keyboard.press("ArrowLeft")  # takes that back
    at(3)
    expect(player.locator(".tally")).to_contain_text("1 kept · 0 dropped")
    page.keyboard.press("ArrowUp")  # keeps the third, before it was heard
    at(4)
    page.keyboard.press("ArrowRight")  # skips the fourth
    at(5)
    page.keyboard.press("ArrowDown")
    at(6)
    expect(player.locator(".tally")).to_contain_text("2 kept · 1 dropped")
    expect(page.get_by_text("thumb_up 2 thumb_down 1")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_function(COLOURED, arg=row[1])
    expect(player.locator(".tally")).to_contain_text("0 kept")

    assert heard.labelled() == {
        COUNT - 1: ("hum", "heard"),
        row[1]: ("hum", "heard"),
        row[2]: ("hum", "search"),
    }
    page.keyboard.press("u")  # one act, whatever of it was heard
    expect(page.get_by_text("Undone: 2 × “hum”")).to_be_visible()
    assert heard.labelled() == {COUNT - 1: ("hum", "heard")}
    page.keyboard.press("Escape")
    expect(player).to_have_count(0)
    expect(page.locator(".clip-list .row").first).to_be_visible()


def test_hits_join_the_selection_by_buttons_that_say_what_comes_out(heard: Heard, on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    page.mouse.click(*where[NOISE])
    page.get_by_role("button", name="More like this", exact=True).first.click()
    first(page, 10)
    found = hits(page, 10)
    tune = page.get_by_test_id("stPopover").last.get_by_role("button")
    tune.click()
    expect(page.get_by_role("button", name="Keep only selected clips that are hits → 0")).to_be_visible()
    page.get_by_role("button", name="Add these to the selection → 11").click()

    acts.await_selected(page, sorted([NOISE, *found]))


def test_words_find_clips_and_narrow_the_hits_of_a_sound(heard: Heard, on_label: Page) -> None:
    page = on_label
    search(page)
    page.get_by_role("tab", name="By words").click()
    page.get_by_label("Text", exact=True).fill("^1[0-4]$")
    page.get_by_label("Text", exact=True).press("Enter")
    expect(page.get_by_text("No hits")).to_be_visible()  # as plain text nothing has that
    page.get_by_text("Regular expression").click()

    assert hits(page, 5) == [10, 11, 12, 13, 14]
    # half an expression is told of where it is written, and it can be written on
    page.get_by_label("Text", exact=True).fill("^1[")
    page.get_by_label("Text", exact=True).press("Enter")
    expect(page.get_by_test_id("stPopoverBody").get_by_text("With “^1[”")).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_be_visible()
    page.get_by_label("Text", exact=True).fill("^1[0-4]$")
    page.get_by_label("Text", exact=True).press("Enter")
    expect(page.get_by_text("With “^1[”")).to_have_count(0)
    page.keyboard.press("Escape")
    search(page)
    page.get_by_role("tab", name="By ear").click()
    page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.noise(0.6, seed=900)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    assert listed(page)[:2] in ([10, 13], [13, 10])
    assert sorted(listed(page)) == [10, 11, 12, 13, 14]


def test_a_stretch_of_a_clip_asks(heard: Heard, on_label: Page) -> None:
    page = on_label
    where = acts.pixels(page, COUNT)
    page.mouse.click(*where[NOISE])
    expect(page.get_by_role("button", name="More like this")).to_be_visible()
    search(page)
    page.get_by_role("button", name="Like this stretch").click()
    expect(page.get_by_text("Like 0.00 to 0.60 s of a clip")).to_be_visible()
    first(page, 10)

    assert {clip % 3 for clip in hits(page, 10)} == {NOISE}


@pytest.mark.timeout(240)
def test_hits_are_compared_frame_by_frame_once_that_was_prepared(heard: Heard, on_label: Page) -> None:
    page = on_label
    heard.dataset.annotate(range(0, COUNT, 3), "tone", how="heard")
    heard.dataset.annotate(range(1, COUNT, 3), "noise", how="heard")
    search(page)
    page.locator("input[type=file]").set_input_files(wav(heard, "mine.wav", sounds.noise(0.6, seed=900)))
    expect(page.get_by_text("Like the file mine.wav")).to_be_visible()
    tune = page.get_by_test_id("stPopover").last.get_by_role("button")
    tune.click()
    expect(page.get_by_text("60 clips take 0 MB on disk")).to_be_visible()
    page.get_by_role("button", name="Prepare it").click()
    expect(page.get_by_text("Compare frame by frame (DTW)").and_(page.locator("label *"))).to_be_visible(
        timeout=120_000
    )
    page.get_by_role("button", name="Would it help here?").click()
    expect(page.get_by_text(re.compile("nearest to each of 40 labelled clips"))).to_be_visible()
    page.get_by_text("Compare frame by frame (DTW)").click()
    # asked before there were sequences: what is heard above the hits is compared all the same
    expect(page.get_by_text(re.compile("and again frame by frame in [0-9.]+ ms"))).to_be_visible(timeout=60_000)
    assert {clip % 3 for clip in listed(page)} == {NOISE}
    page.keyboard.press("Escape")  # what they are ordered by stands outside of the settings as well
    expect(page.get_by_text(re.compile("compared frame by frame, [0-9.]+ ms"))).to_be_visible()
    expect(page.locator(".clip-list .heading")).to_have_text("cosineframes apart")
    assert float(page.locator(".clip-list .closer").first.inner_text()) > 0
