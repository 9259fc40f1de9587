"""m4a, video and other containers, through PyAV in the same limited children."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, DecodeLimits, Piece
from hover_core.errors import DecodeError
from tests import movies, sounds
from tests.core.audio.test_decoder_pool import by_librosa, difference, one, peak_mb

RATES = dict.fromkeys(movies.FORMATS, 44_100) | {"webm": 48_000}
LOSSLESS = ("alac", "mov", "mkv", "avi")


@pytest.fixture(scope="module")
def workers():
    with DecoderPool(workers=1) as workers:
        yield workers


def made(form, seconds=3.0, **options):
    rate = RATES[form]
    return movies.encode(sounds.chirp(200, 3_000, seconds, rate), rate, form, **options)


def samples(workers, piece):
    found, _ = soundfile.read(io.BytesIO(workers.wav(piece)), dtype="int16", always_2d=True)
    return found.astype(int)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", LOSSLESS)
def test_a_lossless_track_gives_the_guides_vector(workers, form, channels):
    wave = sounds.chirp(seconds=2.5, rate=44_100)

    heard = one(workers, Piece(movies.encode(wave, 44_100, form, channels=channels)))

    # int16 in one is rounded, in the other cut off: half a step of 16 bits
    assert difference(heard, by_librosa(sounds.encode(wave, 44_100, "wav", channels))) <= 1e-3
    assert (heard.sample_rate, heard.duration_s) == (44_100, 2.5)


@pytest.mark.parametrize("form", sorted(movies.FORMATS))
def test_every_container_sounds_as_what_was_put_in(workers, form):
    heard = one(workers, Piece(made(form, channels=2)))

    original = by_librosa(sounds.encode(sounds.chirp(200, 3_000, 3.0, RATES[form]), RATES[form], channels=2))
    assert isinstance(heard, DecodedClip)
    assert heard.duration_s == pytest.approx(3.0, abs=0.1)
    assert np.corrcoef(heard.vector, original)[0, 1] > 0.99


def test_the_delay_of_the_encoder_is_taken_off(workers):
    wave = sounds.silence(2.0, 44_100)
    wave[44_100:44_200] = 0.9

    found = samples(workers, Piece(movies.encode(wave, 44_100, "m4a")))[:, 0]

    assert abs(int(np.abs(found).argmax()) - 44_150) < 100


@pytest.mark.parametrize("form", sorted(movies.FORMATS))
def test_a_stretch_is_a_part_of_the_whole(workers, form):
    data = made(form, 5.0, channels=2)

    whole, part = samples(workers, Piece(data)), samples(workers, Piece(data, 3.25, 3.75))

    first = round(3.25 * RATES[form])
    assert len(part) == RATES[form] // 2
    # codecs without a look back of their own differ in the first frames after a jump
    assert np.abs(whole[first : first + len(part)] - part).max() <= (0 if form in LOSSLESS else 50)


def test_a_stretch_after_the_end_says_so(workers):
    answer = one(workers, Piece(made("m4a"), 8.0, 9.0))

    assert isinstance(answer, DecodeError)
    assert "no sound between 8.0 s and 9.0 s" in str(answer)


def test_a_video_gives_its_sound(workers):
    heard = one(workers, Piece(made("mp4", video=True)))

    assert heard.duration_s == pytest.approx(3.0, abs=0.05)


def test_a_video_without_sound_says_so(workers):
    answer = one(workers, Piece(made("mp4", video=True, sound=False)))

    assert str(answer) == "m4a/AAC without a sound track"


def test_six_channels_are_mixed(workers):
    assert one(workers, Piece(made("m4a", channels=6))).duration_s == pytest.approx(3.0, abs=0.05)


def test_a_file_on_disk_is_heard_like_its_bytes(workers, tmp_path):
    data = made("m4a")
    (tmp_path / "clip").write_bytes(data)

    np.testing.assert_array_equal(one(workers, Piece(tmp_path / "clip")).vector, one(workers, Piece(data)).vector)


def test_a_probe_counts_and_names_the_codec(workers):
    assert workers.probe(Piece(made("alac", channels=2))) == (3.0, 44_100, 2, "M4A/AAC alac")


# -- hostile and broken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", sorted(movies.FORMATS))
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_what_was_cut_off_is_heard_as_far_as_it_goes_or_says_why(workers, form, share):
    data = made(form)

    answer = one(workers, Piece(data[: int(len(data) * share)]))

    assert isinstance(answer, DecodedClip | DecodeError)
    assert isinstance(answer, DecodedClip) or len(str(answer)) > 20


@pytest.mark.parametrize("form", sorted(movies.FORMATS))
def test_damage_costs_no_more_than_the_clip(workers, form):
    data = bytearray(made(form))
    draw = np.random.default_rng(3)
    for place in draw.integers(16, len(data), len(data) // 500):
        data[place] = draw.integers(256)

    answer, after = workers.vectorize([Piece(bytes(data)), Piece(sounds.encode(sounds.tone()))], "mfcc-mean")

    assert isinstance(answer, DecodedClip | DecodeError)
    assert isinstance(after, DecodedClip)


def test_a_playlist_opens_nothing(workers, tmp_path):
    (tmp_path / "secret.wav").write_bytes(sounds.encode(sounds.tone()))
    playlist = f"ffconcat version 1.0\nfile '{tmp_path}/secret.wav'\n".encode()
    stream = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n".encode()

    answers = [one(workers, Piece(data)) for data in (playlist, stream)]

    assert ["not a sound file" in str(answer) for answer in answers] == [True, True]


def test_more_sound_than_is_allowed_says_so():
    with DecoderPool(workers=1, limits=DecodeLimits(max_duration_s=1)) as workers:
        assert str(one(workers, Piece(made("m4a")))) == "longer than 1.0 s"


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of processes are Linux's")
def test_a_long_m4a_is_never_held_whole(tmp_path):
    (tmp_path / "long.m4a").write_bytes(movies.encode(sounds.noise(600, 16_000), 16_000, "m4a"))
    with DecoderPool(workers=1) as workers:
        heard = one(workers, Piece(tmp_path / "long.m4a"), "segments")
        [pid] = workers.pids()

        assert heard.duration_s == pytest.approx(600, abs=0.2)
        assert peak_mb(pid) < 250


# -- without PyAV ----------------------------------------------------------------------------------------------------


def test_without_pyav_a_sentence_says_what_would_help(tmp_path: Path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['av'] = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # what a child gets to import from

    with DecoderPool(workers=1) as workers:
        m4a, wav = workers.vectorize([Piece(made("m4a")), Piece(sounds.encode(sounds.tone()))], "mfcc-mean")

    assert "m4a/AAC is not supported here: convert it to wav, flac, ogg or mp3" in str(m4a)
    assert "pip install av" in str(m4a)
    assert isinstance(wav, DecodedClip)
