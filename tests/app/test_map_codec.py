"""Sets of clips on the wire."""

import base64

import numpy as np
import pytest

from hover_core.errors import Refused
from pages.server import map_codec


@pytest.mark.parametrize(
    "positions",
    [[], [0], [5], [0, 1, 2], [127, 128, 16_383, 16_384, 2_097_151], list(range(1000)), [999_999], [0, 999_999]],
)
def test_a_set_comes_back_as_it_went(positions: list[int]) -> None:
    assert list(map_codec.decode_set(map_codec.encode_set(np.array(positions, np.int64)), 2_100_000)) == positions


def test_random_sets_of_every_density_come_back_as_they_went() -> None:
    generator = np.random.default_rng(0)
    for share in (0.0001, 0.01, 0.2, 0.6, 1.0):
        positions = np.flatnonzero(generator.random(50_000) < share)
        assert np.array_equal(map_codec.decode_set(map_codec.encode_set(positions), 50_000), positions)


def test_a_dense_set_goes_as_bits_and_a_sparse_one_as_gaps() -> None:
    dense = base64.b64decode(map_codec.encode_set(np.arange(100_000)))
    sparse = base64.b64decode(map_codec.encode_set(np.array([5, 90_000])))

    assert (dense[0], len(dense)) == (1, 12_501)
    assert (sparse[0], len(sparse)) == (0, 5)


@pytest.mark.parametrize("text", ["!", "Ag==", "AIA=", base64.b64encode(b"\x00" + b"\xff" * 20).decode()])
def test_a_broken_set_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        map_codec.decode_set(text, 100)


def test_a_set_that_names_clips_that_are_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="names clip 100, the dataset has 100"):
        map_codec.decode_set(map_codec.encode_set(np.array([3, 100])), 100)


def test_clips_without_coordinates_are_marked_missing() -> None:
    steps, grid = map_codec.quantise(np.array([[0.0, 0.0], [np.nan, np.nan], [2.0, 4.0]], np.float32))

    assert steps.tolist() == [[0, 0], [65535, 65535], [65534, 65534]]
    assert grid == {"x0": 0.0, "x1": 2.0, "y0": 0.0, "y1": 4.0}
