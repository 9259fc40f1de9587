"""A map laid on another: turned, mirrored, stretched, shifted, and nothing else."""

import numpy as np
import pytest

from hover_core.numerics.procrustes import Alignment


def points(n=50, dimension=2, seed=0):
    return np.random.default_rng(seed).normal(2, 3, (n, dimension)).astype(np.float32)


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("dimension", [2, 3, 10])
def test_a_map_that_was_moved_comes_back(dimension, mirror):
    old = points(dimension=dimension)
    turn, _ = np.linalg.qr(points(dimension, dimension, seed=1))
    turn[:, 0] *= mirror * np.sign(np.linalg.det(turn))
    new = (0.2 * old @ turn + 40).astype(np.float32)

    alignment = Alignment.of(new, old)

    np.testing.assert_allclose(alignment.apply(new), old, atol=1e-4)
    assert alignment.scale == pytest.approx(5, rel=1e-4)
    assert np.linalg.det(alignment.turn) == pytest.approx(mirror)


def test_what_was_not_common_is_moved_alike():
    old = points()
    new = old[:, ::-1] * 2 + 5

    np.testing.assert_allclose(Alignment.of(new[:20], old[:20]).apply(new), old, atol=1e-4)


def test_maps_that_are_quite_different_are_equally_large_afterwards():
    old, new = points(seed=0), points(seed=1) * 17
    laid = Alignment.of(new, old).apply(new)

    assert np.linalg.norm(laid - laid.mean(axis=0)) == pytest.approx(np.linalg.norm(old - old.mean(axis=0)), rel=1e-4)


def test_a_map_of_three_dimensions_is_laid_on_one_of_two():
    old = points()
    new = np.concatenate([old[:, ::-1] + 1, np.zeros((50, 1))], axis=1)

    np.testing.assert_allclose(Alignment.of(new, old).apply(new)[:, :2], old, atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_where_nothing_can_be_turned_it_is_only_shifted(n):
    laid = Alignment.of(np.full((n, 2), 3.0), np.full((n, 2), 8.0)).apply(np.array([[3.0, 4.0]], np.float32))

    assert laid.tolist() == ([[8.0, 9.0]] if n else [[3.0, 4.0]])
