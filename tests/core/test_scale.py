"""What makes the vectors of one corpus comparable."""

import numpy as np
import pytest

from hover_core.scale import Scale, unit


def corpus(n=300, d=20, seed=0):
    return np.random.default_rng(seed).normal(100, 3, (n, d)).astype(np.float32)


@pytest.mark.parametrize("value", [0.0, 0.1, 123_456.78, -1e10, 1e-20])
def test_a_dimension_that_never_changes_counts_as_nothing(value):
    vectors = corpus(50, 4)
    vectors[:, 2] = value

    assert Scale.of(vectors).standardise(vectors)[:, 2].tolist() == [0.0] * 50


def test_a_dimension_that_differs_by_rounding_alone_counts_as_nothing():
    vectors = corpus(50, 4)
    vectors[:, 2] = np.where(np.arange(50) % 2, np.float32(1e6), np.nextafter(np.float32(1e6), np.float32(2e6)))

    assert Scale.of(vectors).standardise(vectors)[:, 2].tolist() == [0.0] * 50


def test_standardised_vectors_have_mean_0_and_deviation_1():
    standard = Scale.of(corpus()).standardise(corpus())

    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-4)


def test_a_zero_vector_has_no_direction():
    assert unit(np.array([[0, 0], [3, 4]], np.float32)).tolist() == [[0, 0], [0.6000000238418579, 0.800000011920929]]
