"""Resampling one clip after another through filters that are kept."""

import numpy as np
import pytest
import soxr

from hover_core.audio.resampling import Resamplers
from tests import sounds


def resampled(resamplers, wave, rate, parts=1):
    blocks = iter(np.array_split(wave, parts))
    return np.concatenate(list(resamplers.stream(blocks, rate, 22_050, 1)))


@pytest.mark.parametrize("rate", [4_000, 5_000, 8_000, 8_001, 11_025, 12_000, 16_000, 16_001, 20_000, 44_100, 48_000])
def test_a_clip_after_others_is_resampled_as_if_it_were_the_first(rate):
    resamplers = Resamplers()
    draw = np.random.default_rng(rate)
    for n in [1, 50, 95, 96, 97, 1_600, 16_384, 16_385, *draw.integers(1, 20_000, 40)]:
        wave = draw.choice(np.float32([-1, 1]), int(n))
        ours, alone = resampled(resamplers, wave, rate), soxr.resample(wave, rate, 22_050, quality="HQ")

        np.testing.assert_allclose(ours[: len(alone)], alone, atol=3e-6)
        assert len(ours) == max(len(alone), int(np.ceil(n * (22_050 / rate))))  # librosa fills up with one zero
        assert not ours[len(alone) :].any()


def test_silence_after_a_loud_clip_is_silence():
    resamplers = Resamplers()
    for n in range(100, 3_000, 77):
        resampled(resamplers, np.ones(n, np.float32), 8_000)
        resampled(resamplers, sounds.noise(0.3, 8_000), 8_000)

        assert not resampled(resamplers, np.zeros(2_000, np.float32), 8_000).any()


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_a_clip_that_broke_off_leaves_nothing_behind(parts):
    resamplers = Resamplers()
    wave = sounds.speech(3, 0.5, 8_000)
    alone = resampled(Resamplers(), wave, 8_000, parts)
    for _ in range(3):
        resampled(resamplers, wave[::-1].copy(), 8_000)
        broken = resamplers.stream(iter(np.array_split(wave, 4)), 8_000, 22_050, 1)
        next(broken)

        np.testing.assert_allclose(resampled(resamplers, wave, 8_000, parts), alone, atol=1e-6)
