"""What browsers play as it is, and what is made of the rest."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hover_core.audio import browser_formats, containers
from hover_core.data.clips import Clip
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests import movies, sounds

WAVE = sounds.tone(rate=44_100, seconds=0.5)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/123.0"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

AS_IT_IS = {
    "wav": ("audio/wav", sounds.encode(WAVE, 44_100, "wav", 2)),
    "wav8": ("audio/wav", sounds.encode(WAVE, 44_100, "wav8")),
    "flac": ("audio/flac", sounds.encode(WAVE, 44_100, "flac", 2)),
    "ogg": ("audio/ogg", sounds.encode(WAVE, 44_100, "ogg", 2)),
    "opus": ("audio/ogg", sounds.encode(WAVE, 48_000, "opus")),
    "mp3": ("audio/mpeg", sounds.encode(WAVE, 44_100, "mp3", 2)),
}
AS_WAV = {
    "aiff": sounds.encode(WAVE, 44_100, "aiff"),
    "24 bits": sounds.encode(WAVE, 44_100, "wav24"),
    "float": sounds.encode(WAVE, 44_100, "wavfloat"),
    "six channels": sounds.encode(WAVE, 44_100, "wav", 6),
    "six channels of flac": sounds.encode(WAVE, 44_100, "flac", 6),
    "192 kHz": sounds.encode(WAVE, 192_000, "flac"),
    "4 kHz": sounds.encode(WAVE, 4_000, "wav"),
    "alac": movies.encode(WAVE, 44_100, "alac", channels=2),
    "m4a": movies.encode(WAVE, 44_100, "m4a", channels=2),
    "six channels of m4a": movies.encode(WAVE, 44_100, "m4a", channels=6),
    "webm": movies.encode(WAVE, 48_000, "webm"),
    "video": movies.encode(WAVE, 44_100, "mp4", video=True),
}


@pytest.fixture
def dataset(datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A dataset of one clip of each kind, in files of the operator's folder."""
    root = tmp_path / "sounds"
    root.mkdir()
    monkeypatch.setenv("HOVER_AUDIO_ROOT", str(root))
    monkeypatch.setenv("HOVER_DATA", str(tmp_path / "data"))
    files = {name: data for name, (_, data) in AS_IT_IS.items()} | AS_WAV
    made = datasets.new("kinds")
    from hover_core.tables.intake import Intake

    for name, data in files.items():
        (root / name).write_bytes(data)
    made.add(Intake(clips=[Clip(name, f"local:{name}") for name in files]))
    return made


def position(dataset: Dataset, name: str) -> int:
    return list(dataset.clips()["clip_id"]).index(name)


@pytest.mark.parametrize("name", AS_IT_IS)
def test_what_every_browser_plays_goes_out_as_it_came(dataset: Dataset, name: str) -> None:
    mime, data = AS_IT_IS[name]

    found = dataset.sounds.playable(dataset.id, position(dataset, name))

    assert (found.mime, found.path.read_bytes()) == (mime, data)


@pytest.mark.parametrize("name", AS_WAV)
def test_all_else_goes_out_as_wav_of_16_bits_made_once(dataset: Dataset, name: str) -> None:
    sounds = dataset.sounds

    found = sounds.playable(dataset.id, position(dataset, name))
    sounds.workers.close()  # from here on nothing can be decoded
    again = sounds.playable(dataset.id, position(dataset, name))

    info = soundfile.info(str(found.path))
    assert (found.mime, info.format, info.subtype) == ("audio/wav", "WAV", "PCM_16")
    assert info.channels <= 2
    assert 8_000 <= info.samplerate <= 96_000
    assert info.frames > 0
    assert again == found


@pytest.mark.parametrize(("who", "mime"), [
    (CHROME, "audio/ogg"), (FIREFOX, "audio/ogg"), (SAFARI, "audio/wav"), (IPHONE, "audio/wav"),
])  # fmt: skip
def test_safari_gets_wav_where_others_get_ogg(dataset: Dataset, who: str, mime: str) -> None:
    webkit = browser_formats.is_webkit(who)

    assert dataset.sounds.playable(dataset.id, position(dataset, "ogg"), webkit=webkit).mime == mime


def test_without_pyav_a_browser_gets_the_m4a_itself(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "is_installed", lambda: False)

    found = dataset.sounds.playable(dataset.id, position(dataset, "m4a"))

    assert (found.mime, found.path.read_bytes()) == ("audio/mp4", AS_WAV["m4a"])


def test_an_mpeg_of_another_layer_is_no_mp3() -> None:
    assert browser_formats.mime(b"\xff\xfd\x50\x04" + bytes(100)) == ""


def test_flac_inside_ogg_is_made_wav() -> None:
    file = io.BytesIO()
    head = b"OggS" + bytes(23) + b"\x33\x7fFLAC" + bytes(90)
    file.write(head)

    assert browser_formats.mime(file.getvalue()) == ""


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_the_beginning_of_a_file_is_enough_or_no_mime(length: int) -> None:
    starts = [data[:length] for _, data in AS_IT_IS.values()]

    assert all(isinstance(browser_formats.mime(start), str) for start in starts)
    assert np.all([browser_formats.mime(data[: browser_formats.HEAD]) for _, data in AS_IT_IS.values()])
