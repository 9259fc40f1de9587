"""Vectors, failures and embeddings in the database."""

import numpy as np
import pytest

from hover_core.errors import Refused
from hover_core.store import vector_rows


def add(store, dataset, positions, vectors, key="v"):
    with store.write() as connection:
        vector_rows.add_vectors(connection, dataset, key, positions, np.asarray(vectors, np.float32))


def test_vectors_come_back_in_clip_order(shared_store, ten):
    vectors = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float32)  # several blocks
    order = np.random.default_rng(1).permutation(1000)
    add(shared_store, ten, order.tolist(), vectors[order])
    positions, found = vector_rows.vectors(shared_store, ten, "v")

    assert positions.tolist() == list(range(1000))
    assert found.tobytes() == vectors.tobytes()


def test_of_two_vectors_of_one_clip_the_newest_counts(shared_store, ten):
    add(shared_store, ten, [1, 2], [[1, 1], [2, 2]])
    add(shared_store, ten, [2, 3], [[5, 5], [3, 3]])
    positions, found = vector_rows.vectors(shared_store, ten, "v")

    assert (positions.tolist(), found.tolist()) == ([1, 2, 3], [[1, 1], [5, 5], [3, 3]])
    assert vector_rows.vectorized_positions(shared_store, ten, "v").tolist() == [1, 2, 3]


def test_another_key_finds_nothing(shared_store, ten):
    add(shared_store, ten, [0], [[1, 2]])

    assert len(vector_rows.vectors(shared_store, ten, "w")[0]) == 0
    assert vector_rows.vectors(shared_store, ten, "w")[1].shape == (0, 0)


def test_vectors_of_another_length_are_refused_under_the_same_key(shared_store, ten):
    add(shared_store, ten, [0], [[1, 2]])

    with pytest.raises(Refused, match="v gave 3 numbers a clip, and 2 before"):
        add(shared_store, ten, [1], [[1, 2, 3]])
    add(shared_store, ten, [1], [[1, 2, 3]], key="w")


def test_the_vectorizer_used_last_is_listed_last(shared_store, ten):
    for key in ("b", "a", "b"):
        add(shared_store, ten, [0], [[1]], key)

    assert vector_rows.vectorizers_used(shared_store, ten) == ["a", "b"]


def test_no_vectors_are_no_error(shared_store, ten):
    add(shared_store, ten, [], np.zeros((0, 3)))

    assert vector_rows.vectorized_positions(shared_store, ten, "v").tolist() == []


def test_success_clears_a_failure_and_a_new_reason_replaces_the_old(shared_store, ten):
    with shared_store.write() as connection:
        vector_rows.add_failures(connection, ten, "v", {1: "HTTP 404", 2: "HTTP 500"})
        vector_rows.add_failures(connection, ten, "v", {2: "not a sound"})
        vector_rows.add_failures(connection, ten, "v", {})
    add(shared_store, ten, [1], [[1]])

    found = vector_rows.failures(shared_store, ten, "v")
    assert [(failure.position, failure.reason) for failure in found] == [(2, "not a sound")]


def test_forgotten_failures_are_counted(shared_store, ten):
    with shared_store.write() as connection:
        vector_rows.add_failures(connection, ten, "v", {number: "dead" for number in range(9)})

    assert vector_rows.forget_failures(shared_store, ten, "v") == 9
    assert vector_rows.failures(shared_store, ten, "v") == []


def embed(store, dataset, n, *, placeholder):
    return vector_rows.add_embedding(
        store,
        dataset,
        vectorizer="v",
        reducer="pca",
        settings={"seed": 0},
        positions=np.arange(n)[::-1],
        coordinates=np.arange(3 * n, dtype=np.float32).reshape(n, 3)[::-1],
        placeholder=placeholder,
    )


def test_coordinates_come_back_in_clip_order(shared_store, ten):
    made = embed(shared_store, ten, 70_000, placeholder=False)  # several blocks
    positions, found = vector_rows.coordinates(shared_store, made)

    assert positions.tolist() == list(range(70_000))
    assert found.tolist()[69_999] == [209_997.0, 209_998.0, 209_999.0]


def test_a_new_embedding_replaces_placeholders_and_no_others(shared_store, ten):
    kept = embed(shared_store, ten, 3, placeholder=False)
    gone = embed(shared_store, ten, 3, placeholder=True)
    newest = embed(shared_store, ten, 3, placeholder=False)

    assert [found.id for found in vector_rows.embeddings(shared_store, ten)] == [newest, kept]
    assert len(vector_rows.coordinates(shared_store, gone)[0]) == 0
    assert vector_rows.dataset_of(shared_store, newest) == ten
    assert vector_rows.dataset_of(shared_store, gone) is None
