"""Bytes → vector, WAV and outline, in child processes that may die."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
import warnings

import librosa
import numpy as np
import pytest
import soundfile

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, DecodeLimits, Piece
from hover_core.errors import DecodeError, Refused
from tests import sounds

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of processes are Linux's")
GUIDE = "mfcc-mean-32-22050-v1"


@pytest.fixture(scope="module")
def workers():
    with DecoderPool(workers=2) as workers:
        yield workers


def by_librosa(data, **span):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wave, rate = librosa.load(io.BytesIO(data), **span)
        return librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=32).mean(axis=1)


def difference(heard, oracle):
    """Largest difference as a share of the largest value."""
    assert isinstance(heard, DecodedClip), heard
    return np.abs(heard.vector - oracle).max() / np.abs(oracle).max()


def one(workers, piece, key=GUIDE):
    [answer] = workers.vectorize([piece], key)
    return answer


# -- the same as librosa ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", sorted(sounds.FORMATS))
def test_every_format_gives_the_guides_vector(workers, form, channels):
    rate = 48_000 if form == "opus" else 44_100
    data = sounds.encode(sounds.chirp(seconds=2.5, rate=rate), rate, form, channels)

    assert difference(one(workers, Piece(data)), by_librosa(data)) <= 1e-5


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 22_051, 32_000, 48_000, 96_000, 192_000])
def test_every_sample_rate_gives_the_guides_vector(workers, rate):
    data = sounds.encode(sounds.chirp(seconds=1.234, rate=rate), rate)
    heard = one(workers, Piece(data))

    assert difference(heard, by_librosa(data)) <= 1e-5
    assert heard.sample_rate == rate
    assert heard.duration_s == pytest.approx(1.234, abs=1 / rate)


@pytest.mark.parametrize(("form", "rate"), [
    *((form, rate) for form in ("flac", "flac24", "ogg") for rate in (8_000, 16_000, 32_000, 96_000, 192_000)),
    *(("mp3", rate) for rate in (8_000, 11_025, 16_000, 24_000, 32_000, 48_000)),
    *(("opus", rate) for rate in (8_000, 16_000, 24_000)),
])  # fmt: skip
def test_every_format_gives_the_guides_vector_at_every_rate_that_it_knows(workers, form, rate):
    data = sounds.encode(sounds.chirp(seconds=0.8, rate=rate), rate, form, 2)
    heard = one(workers, Piece(data))

    assert difference(heard, by_librosa(data)) <= 1e-5
    assert heard.sample_rate == soundfile.info(io.BytesIO(data)).samplerate


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", sorted(sounds.FORMATS))
def test_one_frame_of_every_format_gives_the_guides_vector(workers, form, channels):
    data = sounds.encode(np.float32([0.25]), 48_000, form, channels)

    assert difference(one(workers, Piece(data)), by_librosa(data)) <= 1e-5


@pytest.mark.long
@linux
@pytest.mark.parametrize(("form", "rate", "channels"), [
    ("wav", 44_100, 2), ("wav24", 22_050, 1), ("flac", 44_100, 2), ("ogg", 16_000, 1), ("mp3", 16_000, 1),
])  # fmt: skip
def test_ten_minutes_give_the_guides_vector_and_are_never_held_whole(tmp_path, form, rate, channels):
    wave = sounds.chirp(50, 3_000, 600, rate) * np.linspace(0.05, 1, 600 * rate, dtype=np.float32)
    path = tmp_path / "ten minutes"
    path.write_bytes(sounds.encode(wave + sounds.noise(600, rate, 0.01), rate, form, channels))
    with DecoderPool(workers=1) as alone:
        heard = one(alone, Piece(path))
        [pid] = alone.pids()
        peak = peak_mb(pid)

    assert difference(heard, by_librosa(path.read_bytes())) <= 1e-5
    assert peak < 250  # as float64 in stereo it would be 423 MB


@pytest.mark.parametrize("n", [1, 2, 3, 100, 2_047, 8_000, 480_001, 2_646_000])
def test_every_length_gives_the_guides_vector(workers, n):
    data = sounds.encode(sounds.noise(n / 44_100, rate=44_100), 44_100)

    assert difference(one(workers, Piece(data)), by_librosa(data)) <= 1e-5


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_000, 16_000, 48_000])
def test_a_short_dull_sound_of_any_length_gives_the_guides_vector(workers, rate):
    # a sound that breaks off in its middle: one sample too many or too few is heard in all bands that hold nothing else
    waves = [sounds.tone(220, (1_600 + extra) / rate, rate)[: 1_600 + extra] * 0.5 for extra in range(0, 320, 13)]
    pieces = [Piece(sounds.encode(wave, rate)) for wave in waves]

    worst = max(map(difference, workers.vectorize(pieces, GUIDE), [by_librosa(piece.data) for piece in pieces]))

    assert worst <= 1e-5


def test_six_channels_are_mixed_as_librosa_mixes_them(workers):
    data = sounds.encode(sounds.chirp(rate=16_000), 16_000, channels=6)

    assert difference(one(workers, Piece(data)), by_librosa(data)) <= 1e-5


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3"])
def test_a_clip_of_a_recording_is_what_librosa_loads_there(workers, form):
    data = sounds.encode(sounds.chirp(seconds=20, rate=44_100), 44_100, form, 2)
    heard = one(workers, Piece(data, 12.5, 14.0))

    assert difference(heard, by_librosa(data, offset=12.5, duration=1.5)) <= 1e-5
    assert heard.duration_s == 1.5


def test_a_file_on_disk_is_heard_like_its_bytes(workers, tmp_path):
    data = sounds.encode(sounds.speech(), 8_000, "flac")
    path = tmp_path / "no extension"
    path.write_bytes(data)

    np.testing.assert_array_equal(one(workers, Piece(path)).vector, one(workers, Piece(data)).vector)


# -- what is no sound ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "sentence"), [
    (b"", "empty file"),
    (b"<html><body>Sign in", "web page (it starts with '<html')"),
    (b"<!DOCTYPE html>", "web page"),
    (b"<!-- made by a proxy -->\n<html>", "web page (it starts with '<!--')"),
    (b"<?xml version='1.0'?><Error>AccessDenied", "web page (it starts with '<?xml')"),
    (b"<body>gone", "web page (it starts with '<body')"),
    (b'{"error": "gone"}', """not a sound file that can be read (it starts with '{"error": "g')"""),
    (b"\x00\x00\x00\x20ftypM4A \x00\x00", "m4a/AAC that cannot be read: cut off, or damaged"),
    (b"\xff\xf1\x50\x80" * 9, "there are no samples in it"),
    (b"\x1a\x45\xdf\xa3" + b"\0" * 60, "webm/Matroska that cannot be read"),
    (b"\x00\x01\x02\x03\x04", "not a sound file that can be read (it starts with the bytes 00 01 02 03)"),
    (sounds.encode(np.zeros(0, np.float32)), "there are no samples in it"),
], ids=range(12))  # fmt: skip
def test_what_is_no_sound_says_so(workers, data, sentence):
    answer = one(workers, Piece(data))

    assert isinstance(answer, DecodeError)
    assert sentence in str(answer)


@pytest.mark.parametrize(("start", "end", "sentence"), [
    (3.0, 5.0, "no sound between 3.0 s and 5.0 s: the recording is 2.1 s long"),
    (3.0, None, "no sound between 3.0 s and the end: the recording is 2.1 s long"),
    (1.0, 0.5, "the clip ends at 0.5 s, and it starts at 1 s"),
    (-1.0, 0.5, "a clip cannot start at -1 s"),
    (0.0, float("inf"), "a clip cannot end at inf s"),
])  # fmt: skip
def test_a_clip_outside_its_recording_says_so(workers, start, end, sentence):
    answer = one(workers, Piece(sounds.encode(sounds.tone(seconds=2.1)), start, end))

    assert str(answer) == sentence


def test_a_clip_that_ends_after_its_recording_is_what_there_is(workers):
    heard = one(workers, Piece(sounds.encode(sounds.tone(seconds=2.0)), 1.5, 9.0))

    assert heard.duration_s == 0.5


def test_a_missing_file_says_so(workers, tmp_path):
    assert str(one(workers, Piece(tmp_path / "gone.wav"))) == "the file cannot be read (No such file or directory)"


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3"])
def test_of_a_file_that_was_cut_off_the_beginning_is_heard(workers, form):
    data = sounds.encode(sounds.chirp(seconds=10, rate=44_100), 44_100, form)
    heard = one(workers, Piece(data[: len(data) // 2]))

    assert isinstance(heard, DecodedClip)
    assert 2 < heard.duration_s < 6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_a_number_is_silence(workers, bad):
    wave = sounds.tone()
    holes, muted = wave.copy(), wave.copy()
    holes[1_000:1_100], muted[1_000:1_100] = bad, 0

    np.testing.assert_array_equal(
        one(workers, Piece(sounds.encode(holes, form="wavfloat"))).vector,
        one(workers, Piece(sounds.encode(muted, form="wavfloat"))).vector,
    )


def test_silence_has_a_finite_vector(workers):
    heard = one(workers, Piece(sounds.encode(sounds.silence())), "segments")

    assert np.isfinite(heard.vector).all()


def test_an_unknown_vectorizer_is_refused(workers):
    with pytest.raises(Refused):
        workers.vectorize([Piece(b"")], "mfcc-33")


# -- batches ---------------------------------------------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_pieces(workers):
    lengths = [0.1 + 0.001 * number for number in range(150)]
    pieces = [Piece(sounds.encode(sounds.tone(seconds=s, rate=8_000), 8_000)) for s in lengths]

    answers = workers.vectorize(pieces, "segments")

    assert [round(answer.duration_s, 3) for answer in answers] == [round(s, 3) for s in lengths]


def test_one_bad_piece_costs_one_piece(workers):
    good = Piece(sounds.encode(sounds.tone()))

    answers = workers.vectorize([good, Piece(b"<html>"), good, Piece(b""), good], GUIDE)

    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, False, True, False, True]


def test_long_answers_to_large_questions_never_wait_for_each_other(workers):
    word = sounds.encode(sounds.speech(3, 2.5, 8_000), 8_000)

    heard = workers.vectorize([Piece(word)] * 80, "frames")

    assert len({one.vector.tobytes() for one in heard}) == 1


def test_an_empty_batch_is_an_empty_answer(workers):
    assert workers.vectorize([], GUIDE) == []


def test_many_threads_share_the_children(workers):
    pieces = [Piece(sounds.encode(sounds.speech(word), 8_000)) for word in range(6)]
    expected = np.array([heard.vector for heard in workers.vectorize(pieces, GUIDE)])
    found = []

    def ask():
        found.append(np.array([heard.vector for heard in workers.vectorize(pieces * 10, GUIDE)]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(np.array_equal(vectors, np.tile(expected, (10, 1))) for vectors in found)
    assert len(workers.pids()) <= 2


# -- limits ----------------------------------------------------------------------------------------------------------


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3


@pytest.mark.parametrize("bomb", [sounds.silent_flac(9), sounds.empty_promise(12), sounds.silent_flac(3)],
                         ids=["flac of 9 hours", "wav of promises", "flac of 3 hours"])  # fmt: skip
def test_a_decoder_bomb_costs_one_clip(bomb):
    good = Piece(sounds.encode(sounds.tone()))
    with DecoderPool(workers=1, limits=DecodeLimits(cpu_s=1)) as workers:
        before, _, after = workers.vectorize([good, Piece(bomb), good], GUIDE)

    assert isinstance(before, DecodedClip)
    assert isinstance(after, DecodedClip)


def test_a_recording_that_declares_too_many_hours_says_so(workers):
    answer = one(workers, Piece(sounds.silent_flac(9)))

    assert str(answer) == "9.0 hours long, at most 4.0 hours can be decoded"


def test_a_clip_of_a_recording_of_many_hours_is_heard(workers):
    heard = one(workers, Piece(sounds.silent_flac(9), 30_000.0, 30_001.0))

    assert heard.duration_s == 1.0


@linux
def test_too_much_computing_ends_one_clip():
    with DecoderPool(workers=1, limits=DecodeLimits(cpu_s=1)) as workers:
        answer = one(workers, Piece(sounds.silent_flac(3.9)))

    assert str(answer) == "needs more than 1 s of computing to decode"


def test_too_much_time_ends_one_clip():
    good = Piece(sounds.encode(sounds.tone()))
    with DecoderPool(workers=1, limits=DecodeLimits(wall_s=0.5)) as workers:
        assert isinstance(one(workers, good), DecodedClip)
        answers = workers.vectorize([good, Piece(sounds.silent_flac(3.9)), good], GUIDE)

    assert str(answers[1]) == "not decoded within 0.5 s"
    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, False, True]


@linux
def test_too_much_memory_ends_one_clip():
    good = Piece(sounds.encode(sounds.tone()))
    with DecoderPool(workers=1, limits=DecodeLimits(memory_bytes=50_000_000)) as workers:
        answers = workers.vectorize([good, Piece(b"RIFF" + bytes(80_000_000)), good], GUIDE)

    assert str(answers[1]) == "needs more than 50 MB of memory"
    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, False, True]


@pytest.mark.long
@linux
def test_a_long_recording_is_never_held_whole(tmp_path):
    path = tmp_path / "an hour.flac"
    path.write_bytes(sounds.silent_flac(0.5))
    with DecoderPool(workers=1) as workers:
        heard = one(workers, Piece(path), "segments")
        [pid] = workers.pids()

        assert heard.duration_s == pytest.approx(1_800, abs=2)
        assert peak_mb(pid) < 250


@linux
def test_a_killed_child_is_replaced():
    good = Piece(sounds.encode(sounds.tone()))
    slow = Piece(sounds.silent_flac(0.5))
    with DecoderPool(workers=1) as workers:
        workers.vectorize([good], GUIDE)
        [pid] = workers.pids()
        threading.Timer(0.15, os.kill, (pid, signal.SIGKILL)).start()
        answers = workers.vectorize([good, slow, good], GUIDE)

        assert [isinstance(answer, DecodedClip) for answer in answers] == [True, True, True]
        assert workers.pids() != [pid]


@linux
def test_a_child_killed_while_idle_is_replaced():
    good = Piece(sounds.encode(sounds.tone()))
    with DecoderPool(workers=1) as workers:
        workers.vectorize([good], GUIDE)
        os.kill(workers.pids()[0], signal.SIGKILL)
        time.sleep(0.1)

        assert isinstance(one(workers, good), DecodedClip)


@linux
def test_a_piece_that_kills_every_child_is_blamed_alone():
    good = Piece(sounds.encode(sounds.tone()))
    fatal = Piece(sounds.silent_flac(3.9))
    with DecoderPool(workers=1) as workers:
        workers.vectorize([good], GUIDE)
        done = threading.Event()

        def hunt():
            while not done.wait(0.3):
                for pid in workers.pids():
                    with open(f"/proc/{pid}/stat") as stat:
                        if int(stat.read().split()[13]) > 100:  # a second of computing
                            os.kill(pid, signal.SIGSEGV)

        hunter = threading.Thread(target=hunt)
        hunter.start()
        answers = workers.vectorize([good, fatal, good], GUIDE)
        done.set()
        hunter.join()

    assert str(answers[1]) == "the decoder crashed on it (signal 11)"
    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, False, True]


@linux
def test_a_child_knows_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("HOVER_OWNER_TOKEN", "a secret")
    with DecoderPool(workers=1) as workers:
        workers.probe(Piece(sounds.encode(sounds.tone())))
        with open(f"/proc/{workers.pids()[0]}/environ", "rb") as environ:
            names = environ.read()

    assert b"HOVER" not in names
    assert b"HOME=" not in names


def test_closing_ends_the_children():
    workers = DecoderPool(workers=2)
    workers.vectorize([Piece(sounds.encode(sounds.tone()))], GUIDE)
    children = [child.process for child in workers._pool.children()]
    workers.close()

    assert [child.poll() is not None for child in children] == [True]


# -- for playing and drawing -----------------------------------------------------------------------------------------


def test_the_wav_of_a_16_bit_wav_is_the_same_sound(workers):
    data = sounds.encode(sounds.chirp(), channels=2)

    again, _ = soundfile.read(io.BytesIO(workers.wav(Piece(data))), dtype="int16")
    there, _ = soundfile.read(io.BytesIO(data), dtype="int16")

    np.testing.assert_array_equal(again, there)


def test_the_wav_of_a_clip_is_its_span(workers):
    data = sounds.encode(sounds.tone(seconds=3.0, rate=44_100), 44_100, "mp3", 2)

    info = soundfile.info(io.BytesIO(workers.wav(Piece(data, 1.0, 1.5))))

    assert (info.frames, info.channels, info.samplerate, info.subtype) == (22_050, 2, 44_100, "PCM_16")


def test_a_long_wav_comes_whole(workers):
    data = sounds.encode(sounds.noise(60, rate=48_000), 48_000, channels=2)

    assert soundfile.info(io.BytesIO(workers.wav(Piece(data)))).frames == 60 * 48_000


@pytest.mark.parametrize(("rate", "asked", "given"), [
    (44_100, 16_000, 16_000), (192_000, None, 48_000), (2_000, None, 8_000), (96_000, None, 96_000),
])  # fmt: skip
def test_the_rate_of_a_wav_is_one_that_browsers_play(workers, rate, asked, given):
    data = sounds.encode(sounds.tone(rate=rate), rate)

    info = soundfile.info(io.BytesIO(workers.wav(Piece(data), sample_rate=asked)))

    assert (info.samplerate, info.frames) == (given, given)


def test_the_wav_of_many_channels_is_mono(workers):
    assert soundfile.info(io.BytesIO(workers.wav(Piece(sounds.encode(sounds.tone(), channels=6))))).channels == 1


def test_a_wav_too_long_to_play_says_so():
    with DecoderPool(workers=1, limits=DecodeLimits(max_wav_bytes=100_000)) as workers:
        with pytest.raises(DecodeError, match="too long to be played in one: choose at most 2 s"):
            workers.wav(Piece(sounds.encode(sounds.tone(seconds=5))))


def test_peaks_draw_the_loudness_of_a_clip(workers):
    wave = np.concatenate([sounds.silence(), sounds.tone(amplitude=0.4), sounds.tone(amplitude=0.8)])

    peaks = workers.peaks(Piece(sounds.encode(wave)), n=6)

    assert peaks.dtype == np.uint8
    np.testing.assert_allclose(peaks, [0, 0, 128, 128, 255, 255], atol=2)


def test_peaks_of_a_long_clip_lie_where_they_are(workers):
    wave = sounds.noise(60, amplitude=0.01)
    wave[len(wave) // 2 + 5] = 0.9

    peaks = workers.peaks(Piece(sounds.encode(wave)), n=96)

    assert list(np.flatnonzero(peaks > 100)) == [48]


def test_peaks_of_silence_are_zero(workers):
    assert workers.peaks(Piece(sounds.encode(sounds.silence()))).tolist() == [0] * 96


def test_peaks_of_three_samples_are_as_many_as_asked_for(workers):
    assert workers.peaks(Piece(sounds.encode(np.float32([0.1, 0.2, 0.4])))).shape == (96,)


def test_peaks_of_no_sound_raise(workers):
    with pytest.raises(DecodeError, match="empty file"):
        workers.peaks(Piece(b""))


def test_a_probe_tells_what_the_header_says(workers):
    data = sounds.encode(sounds.tone(seconds=1.5, rate=44_100), 44_100, "flac", 2)

    assert workers.probe(Piece(data)) == (1.5, 44_100, 2, "FLAC PCM_16")


def test_a_spectrogram_shows_a_chirp_rising(workers: DecoderPool) -> None:
    wave = sounds.chirp(200, 7_000, 2.0)

    picture = workers.spectrogram(Piece(sounds.encode(wave)))

    assert picture.shape == (110, 600)
    height = picture.argmax(axis=0)  # rows count from 8 kHz downwards
    assert height[20] > height[300] > height[580]
    assert abs((109 - height[300]) / 110 * 8_000 - 3_600) < 400


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.3, 90.0])
def test_a_spectrogram_of_any_length_has_one_size_and_a_loudest_point(workers: DecoderPool, seconds: float) -> None:
    picture = workers.spectrogram(Piece(sounds.encode(sounds.tone(1_000, seconds))))

    assert picture.shape == (110, 600)
    assert picture.max() == 255


def test_a_spectrogram_of_silence_is_dark(workers: DecoderPool) -> None:
    assert workers.spectrogram(Piece(sounds.encode(sounds.silence(0.5)))).max() < 40


# -- where the system knows no limits --------------------------------------------------------------------------------


@pytest.fixture
def lawless(tmp_path, monkeypatch):
    """Children as on Windows: neither `resource` nor `fcntl` can be imported."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['resource'] = sys.modules['fcntl'] = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # what children get to import from
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "resource", None)


@pytest.mark.usefixtures("lawless")
def test_without_limits_of_the_system_sound_is_heard_all_the_same():
    data = sounds.encode(sounds.chirp(seconds=2.5, rate=44_100), 44_100, "flac", 2)
    with DecoderPool(workers=2) as workers:
        assert difference(one(workers, Piece(data)), by_librosa(data)) <= 1e-5


@pytest.mark.usefixtures("lawless")
@pytest.mark.parametrize(("bomb", "limits", "sentence"), [
    (sounds.silent_flac(9), DecodeLimits(), "9.0 hours long, at most 4.0 hours can be decoded"),
    (sounds.silent_flac(3.9), DecodeLimits(cpu_s=0.2, wall_s=1), "not decoded within 1 s"),
], ids=["what a file declares", "the wall clock"])  # fmt: skip
def test_without_limits_of_the_system_others_stand_in(bomb, limits, sentence):
    good = Piece(sounds.encode(sounds.tone()))
    with DecoderPool(workers=1, limits=limits) as workers:
        before, hostile, after = workers.vectorize([good, Piece(bomb), good], GUIDE)

    assert str(hostile) == sentence
    assert [isinstance(before, DecodedClip), isinstance(after, DecodedClip)] == [True, True]


@linux
@pytest.mark.usefixtures("lawless")
def test_without_limits_of_the_system_a_bomb_is_streamed_and_never_held():
    with DecoderPool(workers=1) as workers:
        heard = one(workers, Piece(sounds.silent_flac(0.5)), "segments")
        [pid] = workers.pids()

        assert isinstance(heard, DecodedClip)
        with open(f"/proc/{pid}/limits") as limits:
            assert "Max address space         unlimited" in limits.read()
        assert peak_mb(pid) < 250


# -- many clips of one recording -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("order", [range(20), reversed(range(20)), [7, 7, 0, 19, 1, 3, 3, 0]],
                         ids=["forwards", "backwards", "anyhow"])  # fmt: skip
def test_clips_of_a_file_that_stays_open_are_those_of_one_opened_anew(tmp_path, form, order):
    data = sounds.encode(sounds.chirp(seconds=20, rate=44_100), 44_100, form, 2)
    path = tmp_path / "recording"
    path.write_bytes(data)
    spans = [(place + 0.25, place + 0.75) for place in order]
    with DecoderPool(workers=1) as workers:
        kept = workers.vectorize([Piece(path, *span) for span in spans], GUIDE)
        anew = workers.vectorize([Piece(data, *span) for span in spans], GUIDE)

    for one_of_them, other in zip(kept, anew, strict=True):
        assert difference(one_of_them, other.vector) <= 1e-6


def test_a_file_that_was_replaced_is_opened_anew(workers, tmp_path):
    path = tmp_path / "recording"
    heard = []
    for seconds in (1.0, 2.0, 3.0):
        path.unlink(missing_ok=True)
        path.write_bytes(sounds.encode(sounds.tone(seconds=seconds)))
        heard.append(one(workers, Piece(path)).duration_s)

    assert heard == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("form", ["flac", "mp3", "ogg"])
def test_a_damaged_file_costs_its_later_clips_and_no_others(workers, tmp_path, form):
    data = sounds.encode(sounds.chirp(seconds=20, rate=44_100), 44_100, form)
    path = tmp_path / "half"
    path.write_bytes(data[: len(data) // 2])
    spans = [(1.0, 2.0), (15.0, 16.0), (2.0, 3.0), (16.0, 17.0), (3.0, 4.0)]

    answers = workers.vectorize([Piece(path, *span) for span in spans], GUIDE)

    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, False, True, False, True]
    whole = workers.vectorize([Piece(data, *span) for span in spans[::2]], GUIDE)
    assert all(difference(found, right.vector) <= 1e-5 for found, right in zip(answers[::2], whole, strict=True))
