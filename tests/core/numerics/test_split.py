"""Which clip goes into which subset."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.errors import Refused
from hover_core.numerics.split import split, unmet

SHARES = (
    st.tuples(*[st.integers(0, 5)] * 4)
    .filter(any)
    .map(lambda s: dict(zip(("raw", "train", "dev", "test"), s, strict=True)))
)
LABELS = st.lists(st.sampled_from(["", "ant", "bee", "cow"]), min_size=1, max_size=80)


def counts(chosen):
    return np.bincount(chosen, minlength=4).tolist()


def test_shares_are_met():
    assert counts(split(["dog"] * 1000, {"train": 8, "dev": 1, "test": 1})) == [0, 800, 100, 100]


def test_every_label_is_shared_out_alike():
    labels = np.array(["dog"] * 300 + ["cat"] * 100)
    chosen = split(labels, {"train": 0.8, "dev": 0.1, "test": 0.1})

    assert counts(chosen[labels == "dog"]) == [0, 240, 30, 30]
    assert counts(chosen[labels == "cat"]) == [0, 80, 10, 10]


def test_many_rare_labels_do_not_add_up_to_a_bias():
    labels = [f"label {number // 2}" for number in range(1000)]

    assert counts(split(labels, {"train": 8, "dev": 1, "test": 1})) == [0, 800, 100, 100]


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    labels = ["dog"] * 50

    assert (
        split(labels, {"train": 1, "test": 1}, seed=3).tolist()
        == split(labels, {"train": 1, "test": 1}, seed=3).tolist()
    )
    assert (
        split(labels, {"train": 1, "test": 1}, seed=3).tolist()
        != split(labels, {"train": 1, "test": 1}, seed=4).tolist()
    )


def test_groups_of_ordinary_size_meet_the_shares():
    groups = [f"speaker {number % 100}" for number in range(2000)]
    chosen = split(["dog"] * 2000, {"train": 8, "dev": 1, "test": 1}, groups=groups)

    assert counts(chosen) == [0, 1600, 200, 200]


def test_six_speakers_leave_somebody_to_test_on():
    groups = [f"speaker {number % 6}" for number in range(600)]

    assert counts(split(["dog"] * 600, {"train": 8, "dev": 1, "test": 1}, groups=groups)) == [0, 400, 100, 100]


def test_one_group_goes_to_the_largest_share():
    assert counts(split(["dog"] * 10, {"train": 8, "test": 2}, groups=["one"] * 10)) == [0, 10, 0, 0]


def test_clips_without_a_group_are_groups_of_their_own():
    assert counts(split(["dog"] * 10, {"train": 1, "test": 1}, groups=["one", "one", *[""] * 8])) == [0, 5, 0, 5]


def test_no_clips_are_no_error():
    assert split([], {"train": 1}, groups=[]).tolist() == []


@pytest.mark.parametrize("shares", [{}, {"train": 0}, {"train": 2, "dev": -1}, {"train": float("nan")},
                                    {"train": float("inf")}, {"val": 1}])  # fmt: skip
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(Refused):
        split(["dog"], shares)


@given(LABELS, SHARES, st.integers(0, 3))
def test_no_subset_is_more_than_two_clips_off_and_none_without_a_share_gets_any(labels, shares, seed):
    found = counts(split(labels, shares, seed=seed))
    wanted = [len(labels) * share / sum(shares.values()) for share in shares.values()]

    assert sum(found) == len(labels)
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 2
    assert [a for a, b in zip(found, wanted, strict=True) if b == 0 and a] == []


@given(LABELS, SHARES, st.integers(0, 3), st.data())
def test_a_group_is_never_in_two_subsets(labels, shares, seed, data):
    groups = data.draw(
        st.lists(st.sampled_from(["a", "b", "c", "d", "e", ""]), min_size=len(labels), max_size=len(labels))
    )
    chosen = split(labels, shares, groups=groups, seed=seed)
    wanted = {number for number, share in enumerate(shares.values()) if share}

    for name in set(groups) - {""}:
        assert len({subset for subset, group in zip(chosen.tolist(), groups, strict=True) if group == name}) == 1
    assert set(chosen.tolist()) <= wanted


def test_shares_that_large_groups_cannot_meet_are_told():
    groups = [f"speaker {number}" for number in range(6) for _ in range(67)]
    shares = {"raw": 50, "train": 30, "dev": 10, "test": 10}
    assigned = split([""] * 402, shares, groups=groups)

    missed = unmet(assigned, shares)

    assert counts(assigned) == [201, 67, 67, 67]
    sixth = pytest.approx(1 / 6)
    assert missed == {"train": (67, sixth, 0.3), "dev": (67, sixth, 0.1), "test": (67, sixth, 0.1)}


@pytest.mark.parametrize("size", [1, 7, 45, 400])
def test_what_rounding_does_to_shares_is_not_told(size):
    shares = {"raw": 50, "train": 30, "dev": 10, "test": 10}

    assert unmet(split(["a", "b"] * size, shares), shares) == {}
