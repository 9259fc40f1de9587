"""Nearest neighbours; a plain sort is the oracle."""

import re
from pathlib import Path

import numpy as np
import pytest

import hover_core
from hover_core.numerics import neighbours


def rows(n=400, d=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def by_sorting(asked, vectors, k, measure):
    if measure == "product":
        return np.argsort(-(asked @ vectors.T), axis=1)[:, :k]
    return np.argsort(((asked[:, np.newaxis] - vectors) ** 2).sum(axis=2), axis=1)[:, :k]


@pytest.mark.parametrize("measure", ["distance", "product"])
@pytest.mark.parametrize("m", [1, 50])
def test_the_nearest_are_those_that_sorting_finds(measure, m):
    asked, vectors = rows(m, seed=1), rows()
    near, values = neighbours.nearest(asked, vectors, 10, measure)
    expected = by_sorting(asked, vectors, 10, measure)

    assert near.tolist() == expected.tolist()
    assert near.dtype == np.int64
    own = (asked[:, np.newaxis] * vectors[expected]).sum(2) if measure == "product" else (
        (asked[:, np.newaxis] - vectors[expected]) ** 2).sum(2)  # fmt: skip
    np.testing.assert_allclose(values, own, atol=1e-4)


def test_rows_that_lie_apart_in_memory_or_are_float64_are_compared_as_well():
    wide = np.random.default_rng(0).normal(size=(100, 24))

    near, _ = neighbours.nearest(wide[:3, ::2], wide[:, ::2], 5, "distance")

    assert near.tolist() == by_sorting(wide[:3, ::2], wide[:, ::2], 5, "distance").tolist()


def test_beyond_the_last_row_the_rows_are_minus_one():
    near, _ = neighbours.nearest(rows(1, seed=1), rows(3), 5, "distance")

    assert sorted(near[0].tolist()) == [-1, -1, 0, 1, 2]


@pytest.mark.parametrize("measure", ["distance", "product"])
def test_an_index_that_looks_into_all_its_cells_is_exact(measure):
    asked, vectors = rows(20, seed=1), rows()
    _, near = neighbours.cell_index(vectors, 8, 8, measure).search(asked, 10)

    assert near.tolist() == by_sorting(asked, vectors, 10, measure).tolist()


def test_an_index_of_codes_finds_most_of_the_nearest_if_it_looks_into_all_its_cells():
    asked, vectors = rows(20, seed=1), rows()
    index = neighbours.code_index(vectors, 8, "SQ8", rounds=4)
    index.add(vectors)
    _, near = index.search(asked, 10, params=neighbours.probe_parameters(8))
    expected = by_sorting(asked, vectors, 10, "product")

    assert np.mean([len(np.intersect1d(*pair)) for pair in zip(near, expected, strict=True)]) >= 9


def test_a_search_on_one_core_leaves_the_number_of_cores_as_it_was():
    import faiss

    before = faiss.omp_get_max_threads()
    with neighbours.one_core():
        during = faiss.omp_get_max_threads()

    assert (during, faiss.omp_get_max_threads()) == (1, before)


def test_one_module_makes_the_indexes():
    root = Path(hover_core.__file__).parent
    makers = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.py"))
        if re.search(r"^\s*(import|from) faiss\b", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert makers == ["numerics/neighbours.py"]
