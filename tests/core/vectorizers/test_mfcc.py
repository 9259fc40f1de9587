"""Waveform → vector: the guide's numbers, whatever the pieces, in bounded memory."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest

from hover_core.errors import Refused
from hover_core.vectorizers import mfcc, registry
from tests import sounds

GUIDE = registry.get("mfcc-mean-32-22050-v1")
SEGMENTS = registry.get("segments-20x5-22050-v1")
PROFILE = registry.get("profile-13x5-10-16-22050-v1")


def by_librosa(wave):
    return librosa.feature.mfcc(y=wave, sr=22_050, n_mfcc=32).mean(axis=1)


def pushed(vectorizer, wave, size):
    stream = vectorizer.stream()
    for first in range(0, len(wave), size):
        stream.push(wave[first : first + size].copy())
    return stream.finish()


def near(vector, oracle, share=1e-5):
    return float(np.abs(vector - oracle).max()) <= share * float(np.abs(oracle).max())


@pytest.mark.parametrize("n", [1, 2, 511, 512, 1_023, 1_024, 2_047, 2_048, 2_049, 9_999, 65_536, 200_000])
@pytest.mark.filterwarnings("ignore:n_fft")
def test_mean_mfcc_is_the_guides_at_every_length(n):
    wave = sounds.noise(n / 22_050)

    assert near(GUIDE.vector(wave), by_librosa(wave))


@pytest.mark.parametrize("wave", [
    sounds.tone(), sounds.chirp(), sounds.speech(3, rate=22_050), sounds.silence(),
    1e-5 * sounds.noise(), 30_000 * sounds.noise(), np.concatenate([sounds.noise(), sounds.silence(3)]),
], ids=["tone", "chirp", "speech", "silence", "quiet", "unscaled", "floor"])  # fmt: skip
def test_mean_mfcc_is_the_guides_for_every_kind_of_sound(wave):
    assert near(GUIDE.vector(wave), by_librosa(wave))


def test_mean_mfcc_of_a_clip_beyond_the_histogram_is_the_guides(monkeypatch):
    monkeypatch.setattr(mfcc, "_MOST_EXACT_FRAMES", 300)
    wave = np.concatenate(
        [0.001 * sounds.noise(10), sounds.silence(5), sounds.chirp(seconds=20), sounds.noise(7, seed=1)]
    )

    assert near(GUIDE.vector(wave), by_librosa(wave))


def test_the_mel_filter_is_librosas():
    ours = mfcc._mel_filter().toarray()

    np.testing.assert_allclose(ours, librosa.filters.mel(sr=22_050, n_fft=2048), atol=1e-9)


@pytest.mark.parametrize("vectorizer", mfcc.VECTORIZERS, ids=lambda v: v.name)
@pytest.mark.parametrize("size", [1_000, 2_048, 65_537])
def test_the_pieces_of_a_clip_do_not_matter(vectorizer, size):
    wave = sounds.chirp(seconds=7)

    np.testing.assert_allclose(pushed(vectorizer, wave, size), vectorizer.vector(wave), atol=1e-3)


@pytest.mark.parametrize("vectorizer", mfcc.VECTORIZERS, ids=lambda v: v.name)
@pytest.mark.parametrize("wave", [
    sounds.silence(), np.zeros(1, np.float32), np.ones(1, np.float32), 1e9 * sounds.noise(),
], ids=["silence", "one zero", "one sample", "absurdly loud"])  # fmt: skip
def test_every_vector_is_finite_and_as_long_as_announced(vectorizer, wave):
    vector = vectorizer.vector(wave.astype(np.float32))

    assert vector.shape == (vectorizer.dimensions,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


@pytest.mark.parametrize("vectorizer", mfcc.VECTORIZERS, ids=lambda v: v.name)
def test_a_clip_without_samples_has_no_vector(vectorizer):
    with pytest.raises(ValueError, match="without samples"):
        vectorizer.stream().finish()


def test_segments_do_not_hear_the_silence_around_a_word():
    word = sounds.speech(1, rate=22_050)
    padded = np.concatenate([sounds.silence(512 * 20 / 22_050), word, sounds.silence(512 * 30 / 22_050)])

    alone, within = SEGMENTS.vector(word), SEGMENTS.vector(padded)

    assert np.linalg.norm(alone - within) < 0.1 * np.linalg.norm(alone)


def test_segments_tell_a_rising_from_a_falling_tone():
    rising = sounds.chirp()

    difference = SEGMENTS.vector(rising) - SEGMENTS.vector(rising[::-1].copy())

    assert np.linalg.norm(difference[:100]) > 100


def test_segments_of_a_very_long_clip_are_those_of_its_shape(monkeypatch):
    wave = np.concatenate(
        [sounds.noise(20), sounds.tone(seconds=20), sounds.noise(10, seed=2), sounds.chirp(seconds=10)]
    )
    whole = SEGMENTS.vector(wave)
    monkeypatch.setattr(mfcc, "_MOST_FRAMES", 401)

    coarse = SEGMENTS.vector(wave)

    np.testing.assert_allclose(coarse[:100], whole[:100], atol=0.05 * np.abs(whole).max())
    np.testing.assert_allclose(pushed(SEGMENTS, wave, 3_000), coarse, atol=0.02 * np.abs(whole).max())


def test_segments_find_the_same_word_by_another_speaker():
    words = np.repeat(np.arange(5), 8)
    vectors = np.array([SEGMENTS.vector(sounds.speech(w, rate=22_050, seed=s)) for s, w in enumerate(words)])
    unit = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -1)

    nearest = words[likeness.argmax(axis=1)]

    assert (nearest == words).mean() > 0.9


def test_the_profile_is_what_librosa_and_its_definition_say():
    wave = np.concatenate([sounds.chirp(), sounds.noise(0.7), sounds.tone(seconds=0.4)])
    decibels = librosa.power_to_db(librosa.feature.melspectrogram(y=wave, sr=22_050), top_db=80.0)  # loud at both ends
    mfcc = librosa.feature.mfcc(S=decibels, n_mfcc=13)
    frames = mfcc.shape[1]
    at = np.linspace(0, frames, 6)
    means = [mfcc[:, int(a) : int(np.ceil(b))].mean(axis=1) for a, b in itertools.pairwise(at)]
    amounts = [mfcc[:10].std(axis=1)]
    amounts += [np.sqrt(((mfcc[:10, lag:] - mfcc[:10, :-lag]) ** 2).mean(axis=1)) for lag in (1, 4)]
    rough = [np.abs(np.diff(decibels[band : band + 8], axis=0)).mean() for band in range(0, 128, 8)]

    expected = np.concatenate([*means, np.log(1 + np.concatenate(amounts)), [np.log(frames)], rough])

    np.testing.assert_allclose(PROFILE.vector(wave), expected, rtol=1e-4, atol=2e-3)


def test_the_profile_tells_a_tone_from_noise_of_the_same_timbre():
    bands = slice(-16, None)

    tone = sum(sounds.tone(hertz) for hertz in range(300, 8_000, 300)) / 26
    assert PROFILE.vector(tone.astype(np.float32))[bands].mean() > 3 * PROFILE.vector(sounds.noise())[bands].mean()


def test_the_profile_does_not_hear_the_silence_around_a_word():
    word = sounds.speech(1, rate=22_050)
    padded = np.concatenate([sounds.silence(512 * 20 / 22_050), word, sounds.silence(512 * 30 / 22_050)])

    alone, within = PROFILE.vector(word), PROFILE.vector(padded)

    assert np.linalg.norm(alone - within) < 0.1 * np.linalg.norm(alone)


def test_the_profile_of_a_very_long_clip_is_that_of_its_shape(monkeypatch):
    wave = np.concatenate([sounds.noise(20), sounds.tone(seconds=20), sounds.chirp(seconds=20)])
    whole = PROFILE.vector(wave)
    monkeypatch.setattr(mfcc, "_MOST_FRAMES", 401)

    coarse = PROFILE.vector(wave)

    np.testing.assert_allclose(coarse[:65], whole[:65], atol=0.05 * np.abs(whole).max())
    np.testing.assert_allclose(coarse[95], whole[95], atol=0.02)  # the length, in frames of 23 ms
    np.testing.assert_allclose(pushed(PROFILE, wave, 3_000), coarse, atol=0.02 * np.abs(whole).max())


def test_the_keys_of_vectors_that_people_have_never_change():
    assert [v.key for v in mfcc.VECTORIZERS] == [
        "profile-13x5-10-16-22050-v1", "segments-20x5-22050-v1", "mfcc-mean-32-22050-v1",
    ]  # fmt: skip


def test_a_vectorizer_is_found_by_key_and_by_name():
    assert registry.get("segments") is registry.get("segments-20x5-22050-v1") is SEGMENTS
    assert registry.get("mfcc-mean").sample_rate == 22_050


def test_an_unknown_vectorizer_is_refused_with_those_there_are():
    with pytest.raises(Refused, match="no vectorizer 'mfcc-33'; there are profile-13x5-10-16-22050-v1"):
        registry.get("mfcc-33")
