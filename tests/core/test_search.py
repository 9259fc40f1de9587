"""Nearest clips; a plain sort is the oracle."""

import numpy as np
import pytest

from hover_core.search import SearchIndex


def corpus(n=300, d=20, seed=0):
    return np.random.default_rng(seed).normal(100, 3, (n, d)).astype(np.float32)


def by_sorting(vectors, query, k):
    mean, deviation = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    standard = (vectors - mean) / deviation
    asked = (query - mean) / deviation
    cosines = standard @ asked / (np.linalg.norm(standard, axis=1) * np.linalg.norm(asked))
    order = np.argsort(-cosines)[:k]
    return order, cosines[order]


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_are_those_that_sorting_finds(seed):
    vectors = corpus(seed=seed)
    query = corpus(1, seed=99 + seed)[0]
    found, cosines = SearchIndex(np.arange(300), vectors).neighbours(query, 25)
    expected, expected_cosines = by_sorting(vectors, query, 25)

    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(cosines, expected_cosines, atol=1e-5)


def test_positions_answer_and_not_rows():
    positions = np.array([5, 17, 40])
    found, _ = SearchIndex(positions, np.eye(3, dtype=np.float32)).neighbours(np.eye(3, dtype=np.float32)[1], 1)

    assert found.tolist() == [17]


def test_a_clip_does_not_answer_itself():
    vectors = corpus()
    found, _ = SearchIndex(np.arange(300), vectors).neighbours(vectors[7], 10, leave_out=7)

    assert (len(found), 7 in found) == (10, False)


def test_asking_for_more_than_there_is_gives_what_there_is():
    found, cosines = SearchIndex(np.arange(4), corpus(4)).neighbours(corpus(1, seed=1)[0], 50)

    assert sorted(found.tolist()) == [0, 1, 2, 3]
    assert len(cosines) == 4


def test_an_empty_index_answers_nothing():
    found, cosines = SearchIndex(np.zeros(0, np.int64), np.zeros((0, 0), np.float32)).neighbours(corpus(1)[0], 5)

    assert (found.tolist(), cosines.tolist()) == ([], [])


def test_identical_vectors_have_finite_cosines():
    vectors = np.ones((5, 3), np.float32)
    _, cosines = SearchIndex(np.arange(5), vectors).neighbours(vectors[0], 5)

    assert cosines.tolist() == [0, 0, 0, 0, 0]


def test_a_clip_without_a_vector_has_no_row():
    index = SearchIndex(np.array([2, 5]), np.eye(2, dtype=np.float32))

    assert [index.vector_row(position) for position in (2, 3, 5, 9)] == [0, None, 1, None]
