"""Where a recording is cut, as numbers."""

import itertools

import numpy as np
import pytest

from hover_core.audio.segmentation import Cut, at_pauses, every
from hover_core.errors import Refused

LOUD, QUIET = -10.0, -70.0


def level(*parts):
    """Loudness in steps of 10 ms from (seconds, dB) pairs."""
    return np.concatenate([np.full(round(seconds * 100), decibels, np.float32) for seconds, decibels in parts])


@pytest.mark.parametrize(("seconds", "cut", "expected"), [
    (10.0, Cut(length_s=5), [(0, 5), (5, 10)]),
    (12.0, Cut(length_s=5), [(0, 5), (5, 10), (10, 12)]),
    (11.0, Cut(length_s=5), [(0, 5), (5, 11)]),
    (3.0, Cut(length_s=5), [(0, 3)]),
    (0.01, Cut(length_s=5), [(0, 0.01)]),
    (10.0, Cut(length_s=4, overlap_s=1), [(0, 4), (3, 7), (6, 10)]),
    (10.5, Cut(length_s=4, overlap_s=1), [(0, 4), (3, 7), (6, 10.5)]),
    (1.0, Cut(length_s=0.3), [(0, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.0)]),
])  # fmt: skip
def test_clips_of_one_length_leave_nothing_out(seconds, cut, expected):
    assert every(seconds, cut) == [pytest.approx(stretch) for stretch in expected]


@pytest.mark.parametrize("seconds", np.random.default_rng(0).uniform(0.1, 300, 20).round(3))
@pytest.mark.parametrize("overlap", [0.0, 0.5, 4.0])
def test_the_clips_of_any_recording_touch_or_overlap_and_end_with_it(seconds, overlap):
    found = every(seconds, Cut(length_s=5, overlap_s=overlap))

    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(seconds)
    assert all(start < end for start, end in found)
    assert all(after[0] <= before[1] for before, after in itertools.pairwise(found))
    assert max(end - start for start, end in found) <= 5 * 1.25 + 1e-3


def test_sounds_between_pauses_are_clips_with_a_margin():
    loudness = level((1, QUIET), (2, LOUD), (1, QUIET), (0.5, LOUD), (1, QUIET))

    assert at_pauses(loudness, 5.5, Cut("pauses", length_s=10)) == [(0.95, 3.05), (3.95, 4.55)]


def test_a_short_pause_parts_nothing():
    loudness = level((1, LOUD), (0.2, QUIET), (1, LOUD))

    assert at_pauses(loudness, 2.2, Cut("pauses", length_s=10)) == [(0.0, 2.2)]


def test_margins_share_a_pause_that_is_shorter_than_both():
    loudness = level((1, LOUD), (0.06, QUIET), (1, LOUD))

    assert at_pauses(loudness, 2.06, Cut("pauses", pause_s=0.05)) == [(0.0, 1.03), (1.03, 2.06)]


def test_a_click_is_no_clip():
    loudness = level((1, QUIET), (0.03, LOUD), (1, QUIET), (1, LOUD))

    assert at_pauses(loudness, 3.03, Cut("pauses")) == [(1.98, 3.03)]


def test_a_long_sound_is_cut_where_it_is_quietest():
    loudness = level((6, LOUD), (0.05, LOUD - 10), (6, LOUD))

    found = at_pauses(loudness, 12.05, Cut("pauses", length_s=8))

    assert len(found) == 2
    assert 6.0 <= found[0][1] <= 6.05
    assert found[1] == (found[0][1], 12.05)


def test_an_even_sound_is_cut_as_seldom_as_possible():
    found = at_pauses(level((30, LOUD)), 30.0, Cut("pauses", length_s=10))

    assert found == [(0.0, 10.0), (10.0, 20.0), (20.0, 30.0)]


def test_quiet_is_measured_from_the_loudest_moment():
    loudness = level((1, LOUD), (1, LOUD - 25), (1, LOUD))

    assert len(at_pauses(loudness, 3.0, Cut("pauses", quiet_db=30))) == 1
    assert len(at_pauses(loudness, 3.0, Cut("pauses", quiet_db=20))) == 2


@pytest.mark.parametrize("loudness", [level((5, -120.0)), np.zeros(0, np.float32)])
def test_silence_has_no_clips(loudness):
    assert at_pauses(loudness, 5.0, Cut("pauses")) == []


@pytest.mark.parametrize(("given", "sentence"), [
    ({"way": "words"}, "way='words' must be one of fixed, pauses"),
    ({"length_s": 0}, "length_s=0 must lie between 0.1 and 3600"),
    ({"length_s": float("nan")}, "length_s=nan must lie between"),
    ({"length_s": 2, "overlap_s": 2}, "overlap_s=2 must be less than length_s=2"),
    ({"overlap_s": -1}, "overlap_s=-1 must lie between 0"),
    ({"quiet_db": 0}, "quiet_db=0 must lie between 1 and 90"),
    ({"way": "pauses", "length_s": 1, "shortest_s": 2}, "shortest_s=2 must not be more than length_s=1"),
])  # fmt: skip
def test_a_number_out_of_range_is_refused(given, sentence):
    with pytest.raises(Refused, match=sentence):
        Cut(**given)


def test_too_many_clips_of_one_recording_are_refused():
    with pytest.raises(Refused, match="more than 100,000 clips"):
        every(14_400, Cut(length_s=0.1))
