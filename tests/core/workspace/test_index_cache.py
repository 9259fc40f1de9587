"""The index follows the data, is one for all, and serves while a newer one is built."""

import threading

import numpy as np
import pytest

from hover_core.analysis.search.ranking import find
from hover_core.numerics import index
from hover_core.store import vector_rows
from hover_core.workspace import index_cache

KEY = "mfcc-mean-32-22050-v1"


def add(dataset, positions, seed=0, key=KEY, width=8):
    vectors = np.random.default_rng(seed).normal(size=(len(positions), width)).astype(np.float32)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, key, positions, vectors)
    dataset.change_settings(vectorizer=key)


def test_new_clips_answer_without_a_restart(dataset):
    add(dataset, [0, 1, 2])
    before = sorted(find(dataset, 0).positions.tolist())
    add(dataset, [3, 4], seed=1)

    assert (before, sorted(find(dataset, 0).positions.tolist())) == ([1, 2], [1, 2, 3, 4])


def test_another_vectorizer_makes_another_index(dataset):
    add(dataset, [0, 1, 2])
    first = dataset.index()
    add(dataset, [0, 1, 2, 3], key="other", width=5)

    assert (first.units.shape, dataset.index().units.shape) == ((3, 8), (4, 5))


def test_everybody_in_the_process_has_the_same_index(datasets, dataset):
    add(dataset, [0, 1, 2])

    assert datasets.open(dataset.id).index() is dataset.index()


def test_many_who_ask_at_once_build_one_index(dataset, monkeypatch):
    add(dataset, [0, 1, 2])
    built = []
    real = index.SearchIndex
    monkeypatch.setattr(
        index_cache, "SearchIndex", lambda *given, **options: built.append(1) or real(*given, **options)
    )
    threads = [threading.Thread(target=dataset.index) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert built == [1]


def test_a_large_index_serves_while_the_next_is_built(dataset, monkeypatch):
    monkeypatch.setattr(index_cache, "_AT_ONCE", 0)
    add(dataset, [0, 1, 2])
    kept = dataset.indexes
    old, _ = kept.get(dataset.id, KEY)
    go, real = threading.Event(), index.SearchIndex

    def slowly(*given, **options):
        assert go.wait(20)
        return real(*given, **options)

    monkeypatch.setattr(index_cache, "SearchIndex", slowly)
    add(dataset, [3], seed=1)
    meanwhile = kept.get(dataset.id, KEY)
    was_building = kept.is_building(dataset.id)
    go.set()
    kept._slot(dataset.id).building.join(20)

    assert meanwhile == (old, KEY)
    assert was_building
    assert kept.get(dataset.id, KEY)[0].positions.tolist() == [0, 1, 2, 3]
    assert not kept.is_building(dataset.id)


def test_the_old_vectors_serve_while_an_index_of_other_vectors_is_built(dataset, monkeypatch):
    monkeypatch.setattr(index_cache, "_AT_ONCE", 0)
    add(dataset, [0, 1, 2])
    expected = find(dataset, 0).positions.tolist()
    go, real = threading.Event(), index.SearchIndex

    def slowly(*given, **options):
        assert go.wait(20)
        return real(*given, **options)

    monkeypatch.setattr(index_cache, "SearchIndex", slowly)
    add(dataset, [0, 1], key="other", width=5)

    assert find(dataset, 0).positions.tolist() == expected
    go.set()
    dataset.indexes._slot(dataset.id).building.join(20)
    assert find(dataset, 0).positions.tolist() == [1]


def test_an_index_that_cannot_be_built_again_leaves_the_old_one(dataset, monkeypatch, caplog):
    monkeypatch.setattr(index_cache, "_AT_ONCE", 0)
    add(dataset, [0, 1, 2])
    kept = dataset.indexes
    old, _ = kept.get(dataset.id, KEY)

    def fails(*given, **options):
        raise MemoryError("no room")

    monkeypatch.setattr(index_cache, "SearchIndex", fails)
    add(dataset, [3], seed=1)
    kept.get(dataset.id, KEY)
    kept._slot(dataset.id).building.join(20)

    assert kept.get(dataset.id, KEY)[0] is old
    assert "could not be built again" in caplog.text


def test_only_the_datasets_asked_for_last_are_kept(datasets):
    made = [datasets.new(f"n{number}") for number in range(6)]
    for dataset in made:
        datasets.indexes._slot(dataset.id)

    assert list(datasets.indexes._slots) == [dataset.id for dataset in made[2:]]


def test_how_long_it_took_is_known(dataset):
    add(dataset, [0, 1])
    assert dataset.indexes.build_s(dataset.id) is None
    dataset.index()

    assert dataset.indexes.build_s(dataset.id) == pytest.approx(0.5, abs=0.5)
