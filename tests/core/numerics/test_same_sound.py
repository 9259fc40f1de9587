"""Which vectors are worth a look as near-duplicates, and which waveforms are one sound."""

import numpy as np
import pytest

from hover_core.numerics import same_sound
from tests import sounds


def printed(wave, rate=8_000):
    import soxr

    return same_sound.print_of(soxr.resample(wave, rate, same_sound.RATE).astype(np.float32))


def decoded(data):
    import io

    import soundfile

    wave, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    return printed(wave, rate)


@pytest.mark.parametrize("form", ["flac", "ogg", "mp3", "wav24"])
def test_a_sound_is_known_in_another_codec(form):
    wave = sounds.speech(3, 0.6, seed=4)

    assert same_sound.resemblance(printed(wave), decoded(sounds.encode(wave, 8_000, form))) >= same_sound.SAME_WAVE


@pytest.mark.parametrize("change", [lambda w: 0.2 * w, lambda w: -w, lambda w: np.concatenate([np.zeros(900), w])])
def test_gain_polarity_and_delay_change_nothing(change):
    wave = sounds.speech(1, 0.5)

    assert same_sound.resemblance(printed(wave), printed(change(wave).astype(np.float32))) > 0.99


def test_another_take_of_the_same_word_is_another_sound():
    takes = [printed(sounds.speech(2, 0.5 + 0.01 * seed, seed=seed)) for seed in range(8)]

    alikeness = [same_sound.resemblance(a, b) for i, a in enumerate(takes) for b in takes[:i]]
    assert max(alikeness) < 0.9


def test_noise_is_alike_only_to_itself():
    one, other = sounds.noise(1, 8_000, seed=1), sounds.noise(1, 8_000, seed=2)

    assert same_sound.resemblance(printed(one), printed(one)) > 0.999
    assert same_sound.resemblance(printed(one), printed(other)) < 0.2


def test_silence_is_alike_to_silence_alone():
    silence, noise = printed(sounds.silence()), printed(sounds.noise(1, 8_000))

    assert (same_sound.resemblance(silence, silence), same_sound.resemblance(silence, noise)) == (1.0, 0.0)


@pytest.mark.parametrize("samples", [0, 1, 2, 7])
def test_a_clip_of_a_few_samples_has_a_print(samples):
    same_sound.print_of(np.ones(samples, np.float32))


# vectors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dimension", [3, 5, 20])
def test_a_corpus_without_duplicates_has_no_sure_pair(dimension, seed):
    vectors = np.random.default_rng(seed).normal(size=(1_500, dimension)).astype(np.float32)

    assert same_sound.likely(vectors).sure.sum() == 0


def test_uneven_density_is_no_duplicate():
    generator = np.random.default_rng(0)
    dense = 5 + 0.01 * generator.normal(size=(500, 8))
    vectors = np.concatenate([generator.normal(size=(1_000, 8)), dense]).astype(np.float32)

    assert same_sound.likely(vectors).sure.sum() == 0


def test_planted_copies_are_the_sure_pairs_and_no_others():
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(1_200, 12)).astype(np.float32)
    copies = vectors[:40] + 0.01 * generator.normal(size=(40, 12)).astype(np.float32)
    found = same_sound.likely(np.concatenate([vectors, copies]))

    assert {tuple(pair) for pair in found.pairs[found.sure].tolist()} == {(n, 1_200 + n) for n in range(40)}
    assert len(found.pairs[: found.sure.sum()]) == 40  # the closest come first


def test_fifty_equal_vectors_are_one_group():
    vectors = np.random.default_rng(2).normal(size=(300, 6)).astype(np.float32)
    vectors[100:150] = vectors[100]
    found = same_sound.likely(vectors)

    group = same_sound.groups_of(300, found.pairs[found.sure])
    assert np.flatnonzero(group == 0).tolist() == list(range(100, 150))


def test_many_cells_find_what_the_exact_index_finds(monkeypatch):
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(8_000, 16)).astype(np.float32)
    both = np.concatenate([vectors, vectors[:300] + 0.01 * generator.normal(size=(300, 16)).astype(np.float32)])
    exact = same_sound.likely(both)
    monkeypatch.setattr(same_sound, "_EXACT_UP_TO", 1_000)

    probed = same_sound.likely(both)

    assert exact.sure.sum() == 300
    assert {tuple(p) for p in probed.pairs[probed.sure].tolist()} == {
        tuple(p) for p in exact.pairs[exact.sure].tolist()
    }


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_a_handful_of_clips_is_enough(count):
    vectors = np.random.default_rng(4).normal(size=(count, 4)).astype(np.float32)

    assert same_sound.likely(vectors).sure.sum() == 0
    assert same_sound.likely(np.concatenate([vectors, vectors])).sure.sum() >= count


def test_groups_are_numbered_in_clip_order():
    pairs = np.array([[7, 3], [1, 8], [8, 5]])

    assert same_sound.groups_of(9, pairs).tolist() == [-1, 0, -1, 1, -1, 0, -1, 1, 0]
    assert same_sound.groups_of(3, np.zeros((0, 2), np.int64)).tolist() == [-1, -1, -1]
