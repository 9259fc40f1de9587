"""Our UMAP beside umap-learn: neighbours stay neighbours as well, for every seed, dimension and number of cores."""

import numpy as np
import pytest

from hover_core.numerics import neighbours, umap_kernels, umap_layout
from hover_core.numerics.reducers import principal_axes
from tests.benchmarks.maps import clouds, trustworthiness


def standard(n, seed=0):
    vectors = clouds(n, seed)
    return ((vectors - vectors.mean(axis=0)) / vectors.std(axis=0)).astype(np.float32)


def laid_out(vectors, dimension=2, **settings):
    return umap_layout.lay_out(
        vectors, vectors @ principal_axes(vectors, dimension), umap_layout.LayoutSettings(**settings)
    )


@pytest.fixture(scope="module")
def vectors():
    return standard(1_200)


@pytest.fixture(scope="module")
def placed(vectors):
    return laid_out(vectors)


@pytest.mark.long
def test_neighbours_stay_neighbours_as_with_umap_learn(vectors, placed):
    import umap

    theirs = umap.UMAP(random_state=0, n_jobs=1).fit_transform(vectors)

    assert trustworthiness(vectors, placed) >= trustworthiness(vectors, theirs) - 0.01


def test_the_fuzzy_graph_is_that_of_umap_learn(vectors):
    import umap.umap_

    others, distances = neighbours.Neighbours(vectors).of_themselves(15)
    ours = umap_layout.fuzzy_graph(others, distances, umap_layout.LayoutSettings())
    theirs, _, _ = umap.umap_.fuzzy_simplicial_set(
        vectors, 15, np.random.RandomState(0), "euclidean", knn_indices=others, knn_dists=distances
    )
    dense = np.zeros((1_200, 1_200), np.float32)
    for row in range(1_200):
        part = slice(ours.starts[row], ours.starts[row + 1])
        dense[row, ours.others[part]] = ours.weights[part]

    np.testing.assert_allclose(dense, theirs.toarray(), atol=2e-4)


def test_the_curve_is_that_of_umap_learn():
    import umap.umap_

    for spread, min_dist in ((1.0, 0.1), (1.0, 0.5), (2.0, 0.0)):
        np.testing.assert_allclose(
            umap_layout.curve(spread, min_dist), umap.umap_.find_ab_params(spread, min_dist), rtol=1e-3
        )


def test_the_number_of_cores_does_not_change_the_map(monkeypatch):
    vectors = standard(2_000)
    maps = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(umap_layout, "cores_free", lambda cores=cores: cores)
        maps.append(laid_out(vectors, n_epochs=20).tobytes())

    assert len(set(maps)) == 1


def test_another_seed_draws_another_map(vectors):
    assert laid_out(vectors, n_epochs=5).tobytes() != laid_out(vectors, n_epochs=5, random_state=1).tobytes()


@pytest.mark.parametrize("dimension", [3, 10])
def test_more_dimensions_keep_more_neighbours(vectors, placed, dimension):
    more = laid_out(vectors, dimension)

    assert more.shape == (1_200, dimension)
    assert trustworthiness(vectors, more) > trustworthiness(vectors, placed)


def test_new_points_come_to_lie_among_their_neighbours(vectors, placed):
    old, new = np.arange(1_200) % 6 != 0, np.arange(1_200) % 6 == 0
    drawn = laid_out(vectors[old])
    late = umap_layout.place(vectors[old], drawn, vectors[new], umap_layout.LayoutSettings())
    both = np.empty((1_200, 2), np.float32)
    both[old], both[new] = drawn, late

    assert trustworthiness(vectors, both) > trustworthiness(vectors, placed) - 0.02


def test_where_a_new_point_lies_does_not_depend_on_who_comes_with_it(vectors, placed):
    late = standard(40, seed=3)

    together = umap_layout.place(vectors, placed, late, umap_layout.LayoutSettings())
    alone = umap_layout.place(vectors, placed, late[:1], umap_layout.LayoutSettings())

    np.testing.assert_allclose(alone[0], together[0], atol=1e-5)


def test_by_the_cosine_length_does_not_matter(vectors):
    stretched = vectors * np.random.default_rng(0).uniform(0.1, 10, (1_200, 1)).astype(np.float32)
    index = neighbours.Neighbours(vectors, "cosine").of_themselves(15)[0]

    assert (neighbours.Neighbours(stretched, "cosine").of_themselves(15)[0] == index).mean() > 0.99


def test_a_row_is_its_own_first_neighbour_also_among_equals():
    rows = np.repeat(standard(30), 20, axis=0)
    others, distances = neighbours.Neighbours(rows).of_themselves(15)

    assert (others[:, 0] == np.arange(600)).all()
    assert all(len(set(row)) == 15 for row in others.tolist())
    assert (distances == np.sort(distances, axis=1)).all()


def test_beyond_what_is_searched_exactly_most_neighbours_are_found(monkeypatch):
    vectors = standard(5_000)
    exact, _ = neighbours.Neighbours(vectors).of_themselves(15)
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 1_000)
    found, _ = neighbours.Neighbours(vectors).of_themselves(15)

    same = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    assert np.mean(same) / 15 > 0.95


@pytest.mark.parametrize(("n", "parts", "workers"), [(1_000, 1, 1), (3_000, 2, 2), (60_000, 12, 2)])
def test_a_large_map_is_moved_in_more_parts_than_there_are_cores(monkeypatch, n, parts, workers):
    monkeypatch.setattr(umap_layout, "cores_free", lambda: 2)
    starts = np.arange(0, 5 * n + 1, 5, dtype=np.int64)

    bounds, side_by_side = umap_layout._shares(starts)

    assert (len(bounds), side_by_side) == (parts, workers)
    assert [row for low, high in bounds for row in range(low, high)] == list(range(n))


def test_as_many_points_must_begin_as_there_are_vectors():
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)

    with pytest.raises(ValueError, match="10 starting points for 60 vectors"):
        umap_layout.lay_out(vectors, vectors[:10, :2], umap_layout.LayoutSettings(n_neighbors=5))


def test_the_loop_for_two_dimensions_moves_points_as_the_one_for_any():
    draw = np.random.default_rng(0)
    now = draw.normal(size=(300, 2)).astype(np.float32)
    starts = np.arange(0, 300 * 5 + 1, 5, dtype=np.int64)
    others, often = draw.integers(0, 300, 1_500).astype(np.int32), draw.random(1_500).astype(np.float32)
    epoch, alpha, seed, low, high = 3, np.float32(0.7), 0, 0, 300
    given = (
        np.arange(300),
        starts,
        others,
        often,
        *umap_layout._forces(umap_layout.LayoutSettings()),
        2,
        5,
        epoch,
        alpha,
        seed,
        low,
        high,
    )
    two, any_ = np.empty_like(now), np.empty_like(now)

    umap_kernels.move_2d(now, two, now, *given)
    umap_kernels.move(now, any_, now, *given)

    assert np.abs(two - now).max() > 0.1
    np.testing.assert_allclose(two, any_, atol=1e-4)


def test_neighbours_come_in_the_order_of_the_rows_however_they_were_asked(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(3_000, 8)).astype(np.float32)
    exact, _ = neighbours.Neighbours(vectors).of_themselves(5)
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 1_000)
    monkeypatch.setattr(neighbours, "_QUERIES_AT_ONCE", 700)

    rows, distances = neighbours.Neighbours(vectors).of_themselves(5)

    assert (rows[:, 0] == np.arange(3_000)).all()
    assert (rows == exact).mean() > 0.6  # cells lose some in a cloud without clusters
    np.testing.assert_allclose(distances[:, 1], np.linalg.norm(vectors - vectors[rows[:, 1]], axis=1), rtol=1e-4)
