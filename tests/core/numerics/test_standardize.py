"""What makes the vectors of one corpus comparable."""

import numpy as np
import pytest

from hover_core.numerics.group_effects import GroupEffects, without_groups
from hover_core.numerics.standardize import WHITENING, Scale, unit


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
    standard = Scale.of(corpus(), whitening=0).standardise(corpus())

    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-4)


def test_a_zero_vector_has_no_direction():
    assert unit(np.array([[0, 0], [3, 4]], np.float32)).tolist() == [[0, 0], [0.6000000238418579, 0.800000011920929]]


def covarying(n=400, seed=0):
    """Six dimensions; the first four move together, the last two alone."""
    draw = np.random.default_rng(seed)
    together = draw.normal(size=(n, 1)) @ np.ones((1, 4)) + 0.3 * draw.normal(size=(n, 4))
    return (50 + 7 * np.concatenate([together, draw.normal(size=(n, 2))], axis=1)).astype(np.float32)


def test_whitening_by_the_whole_covariance_makes_dimensions_independent():
    vectors = covarying(20_000)
    standard = Scale.of(vectors, whitening=1.0).standardise(vectors)

    np.testing.assert_allclose(np.cov(standard.T), np.eye(6), atol=0.02)


def test_whitening_is_by_the_covariance_shrunk_towards_the_identity():
    vectors = covarying()
    plain = Scale.of(vectors, whitening=0).standardise(vectors).astype(np.float64)
    share = WHITENING * 400 / 406
    shrunk = share * plain.T @ plain / 400 + (1 - share) * np.eye(6)
    values, axes = np.linalg.eigh(shrunk)

    expected = plain @ axes @ np.diag(values**-0.5) @ axes.T

    np.testing.assert_allclose(Scale.of(vectors).standardise(vectors), expected, atol=1e-4)


def test_a_direction_in_which_the_whole_corpus_spreads_counts_for_less():
    vectors = covarying()
    spread = Scale.of(vectors).standardise(vectors).var(axis=0)

    assert spread[:4].max() < spread[4:].min()


def test_few_vectors_are_whitened_less_than_many():
    few, many = (np.linalg.eigvalsh(Scale.of(corpus(n, 20)).whitening) for n in (15, 5_000))

    assert few.min() > 0.7
    assert np.ptp(many) < np.ptp(few) / 2


def test_whitening_leaves_a_dimension_that_never_changes_at_nothing():
    vectors = covarying()
    vectors[:, 3] = 12
    scale = Scale.of(vectors)

    assert scale.standardise(vectors)[:, 3].tolist() == [0.0] * 400
    np.testing.assert_allclose(scale.restore(scale.standardise(vectors)), vectors, rtol=1e-4)


def test_very_long_vectors_are_standardised_and_not_whitened():
    assert Scale.of(corpus(30, 1_025)).whitening is None


@pytest.mark.parametrize("n", [1, 2])
def test_one_vector_or_two_have_finite_standards(n):
    vectors = corpus(n)

    assert np.isfinite(Scale.of(vectors).standardise(vectors)).all()


def test_a_corpus_larger_than_the_sample_is_whitened_like_its_sample(monkeypatch):
    monkeypatch.setattr("hover_core.numerics.standardize._SAMPLE", 1_000)
    vectors = covarying(5_500)
    sampled = Scale.of(vectors).standardise(vectors)
    monkeypatch.undo()

    np.testing.assert_allclose(sampled, Scale.of(vectors).standardise(vectors), atol=0.2)


def spoken(n=60, seed=0):
    """Vectors of two speakers, three words each: `(vectors, speakers, words)`."""
    draw = np.random.default_rng(seed)
    speakers, words = np.arange(n) % 2, np.arange(n) // 2 % 3
    voice, word = draw.normal(0, 30, (2, 5)), draw.normal(0, 5, (3, 5))
    return (voice[speakers] + word[words] + draw.normal(0, 1, (n, 5))).astype(np.float32), speakers, words


def test_what_a_group_has_in_common_is_taken_out():
    vectors, speakers, words = spoken(6_000)
    left = without_groups(vectors, speakers.astype(str))

    means = np.array([[left[(speakers == s) & (words == w)].mean(axis=0) for w in range(3)] for s in range(2)])
    np.testing.assert_allclose(means[0], means[1], atol=0.3)
    assert np.linalg.norm(means[0, 0] - means[0, 1]) > 3


def test_the_mean_of_a_small_group_is_believed_less_than_that_of_a_large_one():
    """Groups differ with variance 4, clips of a group with variance 9."""
    draw = np.random.default_rng(0)
    sizes = np.array([3, 200] * 200)
    own = draw.normal(0, 2, (400, 1))
    groups = np.repeat(np.arange(400), sizes)
    vectors = (own[groups] + draw.normal(0, 3, (len(groups), 1))).astype(np.float32)

    taken = vectors - without_groups(vectors, groups.astype(str).tolist())

    means = np.array([vectors[groups == group].mean() for group in range(400)]) - vectors.mean()
    believed = np.array([taken[groups == group].mean() for group in range(400)]) / means
    np.testing.assert_allclose(believed[sizes == 3], 4 / (4 + 9 / 3), atol=0.07)
    np.testing.assert_allclose(believed[sizes == 200], 4 / (4 + 9 / 200), atol=0.07)


def test_groups_that_differ_by_chance_alone_lose_almost_nothing():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(3_000, 10)).astype(np.float32)

    left = without_groups(vectors, (np.arange(3_000) % 300).astype(str).tolist())

    assert np.abs(left - vectors).mean() < 0.1


def test_clips_of_no_group_stay_as_they_are():
    vectors, speakers, _ = spoken()
    names = np.where(np.arange(60) < 10, "", speakers.astype(str)).tolist()

    np.testing.assert_array_equal(without_groups(vectors, names)[:10], vectors[:10])


def test_with_no_group_or_one_alone_nothing_is_taken_out():
    vectors, _, _ = spoken()

    np.testing.assert_array_equal(without_groups(vectors, [""] * 60), vectors)
    np.testing.assert_allclose(without_groups(vectors, ["one"] * 60), vectors, atol=1e-4)


def test_test_clips_do_not_say_what_their_group_has_in_common():
    vectors, speakers, _ = spoken()
    shapes = np.arange(60) < 50
    before = without_groups(vectors, speakers.astype(str), shapes=shapes)
    vectors[50:] += 1_000

    after = without_groups(vectors, speakers.astype(str), shapes=shapes)

    np.testing.assert_array_equal(after[:50], before[:50])


def test_a_group_of_test_clips_alone_is_described_by_them():
    vectors, speakers, _ = spoken()
    left = without_groups(vectors, speakers.astype(str), shapes=speakers == 0)

    apart = np.abs(left[speakers == 1].mean(axis=0) - left[speakers == 0].mean(axis=0))
    before = np.abs(vectors[speakers == 1].mean(axis=0) - vectors[speakers == 0].mean(axis=0))
    assert (apart < 0.05 * before).all()


def test_taking_groups_out_of_nothing_is_nothing():
    assert without_groups(np.zeros((0, 4), np.float32), []).shape == (0, 4)


def test_a_clip_of_an_unknown_group_is_a_group_of_one():
    draw = np.random.default_rng(3)
    speakers = np.arange(400) % 20
    vectors = (3 * draw.normal(size=(20, 6))[speakers] + draw.normal(size=(400, 6))).astype(np.float32)
    new = 3 * draw.normal(size=(1, 6)).astype(np.float32)
    effects = GroupEffects.of(vectors, speakers.astype(str).tolist())
    as_one = without_groups(np.concatenate([vectors, new]), [*speakers.astype(str), "somebody"])[-1]

    assert effects is not None
    # the corpus that knows of it differs by one clip in 401
    np.testing.assert_allclose(effects.taken_out(new, [None])[0], as_one, atol=0.3)
    np.testing.assert_array_equal(effects.taken_out(new, [None]), effects.taken_out(new, ["somebody"]))
    np.testing.assert_array_equal(effects.taken_out(new, [""]), new)
    np.testing.assert_array_equal(effects.taken_out(new, ["7"]), new - effects.offsets["7"])


def test_a_corpus_without_groups_has_no_effects():
    assert GroupEffects.of(np.ones((5, 3), np.float32), [""] * 5) is None
