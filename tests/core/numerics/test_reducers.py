"""Vectors to maps: finite at every size, the same for the same seed, never shaped by test clips."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hover_core.errors import Cancelled, Refused
from hover_core.numerics.reducers import Reducer, principal_axes


def clouds(n=60, d=12, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(0, 1, (n, d)) + 12 * (np.arange(n) % 3)[:, None]).astype(np.float32)


def fit(name, vectors, dimension=2, **settings):
    return Reducer(name, dimension, settings).fit(vectors)


@pytest.mark.parametrize("name", ["pca", "umap"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 17])
@pytest.mark.parametrize("kind", ["clouds", "identical", "constant dimension"])
def test_every_clip_lies_somewhere_at_every_size(name, n, kind):
    vectors = clouds(n)
    if kind == "identical":
        vectors[:] = 3.3
    if kind == "constant dimension":
        vectors[:, 4] = 1e6
    reducer = fit(name, vectors)

    assert reducer.embedding_.shape == (n, 2)
    assert np.isfinite(reducer.embedding_).all()
    assert np.isfinite(reducer.transform(clouds(3, seed=1))).all()


@pytest.mark.parametrize("name", ["pca", "umap"])
def test_the_same_vectors_give_the_same_map(name):
    assert fit(name, clouds()).embedding_.tobytes() == fit(name, clouds()).embedding_.tobytes()


@pytest.mark.parametrize("name", ["pca", "umap"])
def test_clouds_stay_apart(name):
    placed = fit(name, clouds()).embedding_
    apart = np.linalg.norm(placed[:, np.newaxis] - placed, axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1:6]

    # a point between clouds may go to either, umap-learn's as well
    assert (nearest % 3 == np.arange(60)[:, np.newaxis] % 3).mean() > 0.9


@pytest.mark.parametrize("name", ["pca", "umap"])
def test_transforming_moves_nothing(name):
    reducer = fit(name, clouds())
    before = reducer.embedding_.copy()
    placed = reducer.transform(clouds(9, seed=1))

    assert (placed.shape, placed.dtype) == ((9, 2), np.float32)
    assert reducer.embedding_.tobytes() == before.tobytes()


def test_transforming_nothing_gives_nothing():
    assert fit("pca", clouds(), dimension=3).transform(np.zeros((0, 12), np.float32)).shape == (0, 3)


def test_more_dimensions_than_the_vectors_have_are_zero():
    placed = fit("pca", clouds(d=2), dimension=4).embedding_

    assert placed.shape == (60, 4)
    assert placed[:, 2:].tolist() == [[0, 0]] * 60


def test_principal_axes_are_those_of_the_singular_values():
    standard = clouds() - clouds().mean(axis=0)
    axes = principal_axes(standard, 2)
    _, _, rows = np.linalg.svd(standard, full_matrices=False)

    np.testing.assert_allclose(np.abs((axes * rows[:2].T).sum(axis=0)), 1, atol=1e-5)


def test_epochs_are_heard_and_can_be_stopped():
    heard = []

    def progress(epoch, total):
        heard.append((epoch, total))
        if epoch == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        Reducer("umap", 2, {"n_epochs": 30}).fit(clouds(), progress=progress)
    assert heard == [(epoch, 30) for epoch in range(6)]


def test_after_a_cancelled_fit_the_next_one_runs_to_its_end():
    def at_once(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        Reducer("umap", 2, {}).fit(clouds(), progress=at_once)
    heard = []
    Reducer("umap", 2, {"n_epochs": 4}).fit(clouds(), progress=lambda epoch, total: heard.append(epoch))

    assert heard == [0, 1, 2, 3]


@pytest.mark.long
def test_settings_that_only_umap_learn_has_reach_it():
    model = fit("umap", clouds(), dimension=3, n_neighbors=7, min_dist=0.4, metric="manhattan").model

    assert (model.n_neighbors, model.min_dist, model.n_components) == (7, 0.4, 3)


def test_a_larger_minimum_distance_spreads_clouds():
    def gap(min_dist):
        placed = fit("umap", clouds(), min_dist=min_dist).embedding_
        apart = np.linalg.norm(placed[:, None] - placed[None], axis=2) + 1e9 * np.eye(60)
        return float(np.median(apart.min(axis=1)))

    assert gap(0.8) > 2 * gap(0.01)


@pytest.mark.parametrize("dimension", [2, 3, 10])
@pytest.mark.parametrize("name", ["pca", "umap"])
def test_a_map_that_is_taken_up_places_as_the_fit_did(name, dimension):
    fitted = fit(name, clouds(), dimension)
    stored = fitted.embedding_ * 4 + (7 if name == "pca" else 0)
    late = clouds(9, seed=1)

    placed = Reducer(name, dimension, {}).resume(clouds(), stored, scale=4.0).transform(late)

    np.testing.assert_allclose(placed, fitted.transform(late) * 4 + (7 if name == "pca" else 0), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("name", "dimension", "settings"), [
    ("ivis", 2, {}), ("umap", 1, {}), ("umap", 11, {}), ("umap", 2, {"neighbours": 3}),
    ("umap", 2, {"n_neighbors": 1}), ("umap", 2, {"min_dist": 2.0}), ("umap", 2, {"n_epochs": 0}),
])  # fmt: skip
def test_what_no_reducer_knows_is_refused(name, dimension, settings):
    with pytest.raises(Refused):
        fit(name, clouds(), dimension, **settings)


def test_near_on_a_map_is_the_angle_and_not_the_length():
    """Two directions; in each, half the clips lie three times as far out. Length alone would make four clouds."""
    draw = np.random.default_rng(0)
    towards = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], float)[np.arange(80) % 2] - 0.5
    far = np.where(np.arange(80) // 2 % 2, 3.0, 1.0)
    vectors = (far[:, None] * towards + draw.normal(0, 0.05, (80, 4))).astype(np.float32)

    placed = Reducer("umap", 2, {"n_neighbors": 30}, whitening=0).fit(vectors).embedding_

    near = np.argsort(((placed[:, None] - placed) ** 2).sum(axis=2), axis=1)[:, 1:20]
    assert (near % 2 == np.arange(80)[:, None] % 2).all()
    assert abs((near // 2 % 2 == np.arange(80)[:, None] // 2 % 2).mean() - 0.5) < 0.15


def threads():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_the_algebra_of_few_clips_runs_in_one_thread():
    fit("umap", clouds(), n_epochs=2)  # what it imports brings threads of its own
    before = threads()
    seen = []
    for n in (60, 2_000):
        Reducer("umap", 2, {"n_epochs": 1}).fit(clouds(n), progress=lambda epoch, epochs: seen.append(threads()))

    assert seen == [[1] * len(before), before]
    assert threads() == before


def test_fits_that_overlap_leave_the_threads_of_the_algebra_as_they_were():
    fit("umap", clouds(), n_epochs=2)
    before, shared = threads(), [pool.get("threading_layer") == "pthreads" for pool in threadpool_info()]
    inside = []
    begun, may_end = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def run(number):
        def progress(epoch, epochs):
            begun[number].set()
            may_end[number].wait(60)
            inside.append(threads())

        Reducer("umap", 2, {"n_epochs": 1}).fit(clouds(), progress=progress)

    fits = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for number in (0, 1):
        fits[number].start()
        assert begun[number].wait(60)
    may_end[0].set()  # the first ends while the second goes on
    fits[0].join(60)
    during = threads()
    may_end[1].set()
    fits[1].join(60)

    assert any(shared)  # numpy's, by all threads
    assert [number for number, of_all in zip(during, shared, strict=True) if of_all] == [1] * sum(shared)
    assert inside == [[1] * len(before)] * 2
    assert threads() == before


def test_fits_of_umap_learn_in_two_threads_hear_each_its_own_epochs():
    import umap.layouts

    drawn = umap.layouts.tqdm
    heard = {3: [], 5: []}

    def run(epochs):
        settings = {"n_epochs": epochs, "low_memory": True}
        Reducer("umap-learn", 2, settings).fit(clouds(), progress=lambda *step: heard[epochs].append(step))

    fits = [threading.Thread(target=run, args=(epochs,)) for epochs in heard]
    for one in fits:
        one.start()
    for one in fits:
        one.join(120)

    assert heard == {epochs: [(epoch, epochs) for epoch in range(epochs)] for epochs in (3, 5)}
    assert umap.layouts.tqdm is drawn
