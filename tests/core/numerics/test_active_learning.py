"""What to listen to first."""

import numpy as np
import pytest

from hover_core.numerics.active_learning import least_sure, medoids


def clouds(sizes, seed=0):
    """Clouds of these sizes, far from each other: `(vectors, which cloud)`."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    return (100 * draw.normal(size=(len(sizes), 6))[of] + draw.normal(size=(len(of), 6))).astype(np.float32), of


def test_every_cloud_has_its_medoid_and_the_largest_comes_first():
    vectors, of = clouds([10, 60, 30, 20])

    assert of[medoids(vectors, 4)].tolist() == [1, 2, 3, 0]


def test_a_medoid_is_the_clip_nearest_to_the_middle():
    vectors, _ = clouds([50])
    expected = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1).argmin()

    assert medoids(vectors, 1).tolist() == [expected]


def test_no_clip_is_suggested_twice_where_many_sound_the_same():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)

    with pytest.warns(match="distinct clusters"):
        chosen = medoids(vectors, 12)

    assert len(set(chosen.tolist())) == 12


def test_asking_for_more_medoids_than_clips_gives_all():
    assert medoids(clouds([3])[0], 10).tolist() == [0, 1, 2]


def test_the_same_seed_suggests_the_same():
    vectors, _ = clouds([40, 40, 40])

    assert medoids(vectors, 20, seed=3).tolist() == medoids(vectors, 20, seed=3).tolist()


def test_no_medoids_are_refused():
    with pytest.raises(ValueError, match="k=0 must be at least 1"):
        medoids(clouds([3])[0], 0)


def test_least_sure_are_those_between_two_labels():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.5, 0.45, 0.05], [0.4, 0.3, 0.3], [0.49, 0.48, 0.03]])

    assert least_sure(probabilities, 3).tolist() == [3, 1, 2]
    assert least_sure(probabilities, 9, leave_out=np.array([3, 0])).tolist() == [1, 2]


def test_with_one_label_nothing_is_less_sure_than_anything_else():
    assert least_sure(np.ones((3, 1)), 2).tolist() == [0, 1]
