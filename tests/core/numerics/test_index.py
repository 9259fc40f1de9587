"""Nearest clips; a plain sort is the oracle."""

import numpy as np
import pytest

from hover_core.numerics.index import SearchIndex
from hover_core.numerics.ivf import IvfIndex
from hover_core.numerics.standardize import Scale, unit


def corpus(n=300, d=20, seed=0):
    return np.random.default_rng(seed).normal(100, 3, (n, d)).astype(np.float32)


def by_sorting(vectors, query, k):
    scale = Scale.of(vectors)
    standard, asked = scale.standardise(vectors), scale.standardise(query)
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


def test_the_nearest_among_some_are_the_nearest_of_all_without_the_others():
    index = SearchIndex(np.arange(0, 600, 2), clouds(300))
    every = index.near_all(np.array([5, 7]), 298)
    among = np.arange(0, 600, 3)  # half of them have no vector

    found = index.near_all(np.array([5, 7]), 20, among)

    assert found.tolist() == [position for position in every.tolist() if position % 3 == 0][:20]


def clouds(n, d=24, seed=0):
    draw = np.random.default_rng(seed)
    return (draw.normal(0, 2, (30, d))[draw.integers(0, 30, n)] + draw.normal(size=(n, d))).astype(np.float32)


def test_an_inverted_index_finds_what_the_exact_one_finds():
    vectors = clouds(20_000)
    exact, inverted = SearchIndex(np.arange(20_000), vectors), SearchIndex(np.arange(20_000), vectors, kind="inverted")
    found = []
    for query in range(0, 20_000, 200):
        rows, cosines = inverted.neighbours(vectors[query], 50)
        _, true = exact.neighbours(vectors[query], 50)
        found.append((cosines >= true[-1] - 1e-5).mean())
        np.testing.assert_allclose(cosines, exact.units[rows] @ exact.units[query], atol=1e-5)  # true cosines

    assert (exact.kind, inverted.kind) == ("exact", "inverted")
    assert np.mean(found) >= 0.99
    assert inverted.recall >= 0.995


def test_an_inverted_index_that_would_miss_too_much_is_not_used():
    noise = np.random.default_rng(0).normal(size=(3_000, 200)).astype(np.float32)  # nothing is near anything
    index = SearchIndex(np.arange(3_000), noise, kind="inverted")
    found, _ = index.neighbours(noise[3], 20)

    assert (index.kind, index.recall) == ("exact", 1.0)
    assert found.tolist() == by_sorting(noise, noise[3], 20)[0].tolist()


def test_an_inverted_index_answers_more_than_its_lists_hold():
    vectors = clouds(2_000)
    found, _ = SearchIndex(np.arange(2_000), vectors, kind="inverted").neighbours(vectors[0], 1_900)

    assert len(set(found.tolist())) == 1_900


def test_few_and_many_hits_are_found_alike():
    vectors = clouds(20_000)
    exact, inverted = SearchIndex(np.arange(20_000), vectors), SearchIndex(np.arange(20_000), vectors, kind="inverted")
    queries = range(0, 20_000, 200)
    found = {}
    for k in (5, 64, 65, 500):
        true = [exact.neighbours(vectors[query], k)[1][-1] for query in queries]
        cosines = [inverted.neighbours(vectors[query], k)[1] for query in queries]
        found[k] = np.mean([(row >= last - 1e-5).mean() for row, last in zip(cosines, true, strict=True)])

    assert inverted.kind == "inverted"
    assert {k: recall >= 0.99 for k, recall in found.items()} == dict.fromkeys((5, 64, 65, 500), True)


def test_what_is_looked_through_follows_from_the_corpus():
    draw = np.random.default_rng(0)
    inner = draw.normal(size=(10_000, 2))
    few, many = inner @ draw.normal(size=(2, 24)), clouds(10_000)  # directions in which clips differ
    files = [IvfIndex.of(unit(vectors.astype(np.float32))) for vectors in (few, many)]
    first = [file.efforts[0] for file in files if file is not None]

    assert len(first) == 2
    assert first[0].candidates != first[1].candidates
    assert all(64 <= effort.candidates <= 640 and effort.recall >= 0.995 for effort in first)


def test_the_size_chooses_the_kind(monkeypatch):
    monkeypatch.setattr("hover_core.numerics.index.EXACT_UP_TO", 24 * 5_000)

    assert [SearchIndex(np.arange(n), clouds(n)).kind for n in (5_000, 6_000)] == ["exact", "inverted"]


def test_raw_vectors_come_back():
    vectors = corpus(50, 4)
    vectors[:, 2] = 7
    index = SearchIndex(np.arange(50), vectors)

    np.testing.assert_allclose(index.raw(np.array([3, 4])), vectors[[3, 4]], rtol=1e-4)


def test_rows_of_clips_with_a_vector():
    index = SearchIndex(np.array([2, 5]), np.eye(2, dtype=np.float32))

    assert index.rows_of(np.array([5, 3, 2, 9])).tolist() == [1, 0]
    assert index.rows_of(np.zeros(0, np.int64)).tolist() == []


def test_test_clips_do_not_say_what_the_corpus_is_like():
    vectors, shapes = corpus(), np.arange(300) < 250
    index = SearchIndex(np.arange(300), vectors, shapes=shapes)
    others = vectors.copy()
    others[250:] *= 50

    np.testing.assert_array_equal(index.scale.mean, Scale.of(vectors[:250]).mean)
    np.testing.assert_array_equal(SearchIndex(np.arange(300), others, shapes=shapes).units[:250], index.units[:250])


def test_a_corpus_of_test_clips_alone_is_described_by_them():
    index = SearchIndex(np.arange(300), corpus(), shapes=np.zeros(300, bool))

    np.testing.assert_array_equal(index.scale.mean, Scale.of(corpus()).mean)
