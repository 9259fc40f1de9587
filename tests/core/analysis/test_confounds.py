"""How much of a map its groups and its labels explain."""

import numpy as np
import pytest
from sqlalchemy import text

from hover_core.analysis import confounds, maps
from hover_core.data.people import ANNOTATOR, Person
from hover_core.store import clip_rows, vector_rows
from tests.core.workspace.test_corpus import spoken

__all__ = ["spoken"]


def test_a_map_of_nothing_but_its_kinds_is_explained_whole():
    kinds = np.repeat([0, 1, 2], 20)
    found = confounds.explained_share(100.0 * np.eye(3, dtype=np.float32)[kinds], kinds)

    assert (found.explained, found.agree, found.kinds, found.clips) == (1, 1, 3, 60)
    assert found.chance == pytest.approx(19 / 59)


def test_a_map_that_knows_nothing_of_its_kinds_is_not_explained():
    draw = np.random.default_rng(0)
    found = confounds.explained_share(
        draw.normal(size=(2_000, 2)).astype(np.float32), draw.choice(3, 2_000, p=[0.8, 0.1, 0.1])
    )

    assert found.agree > 0.6
    assert abs(found.explained) < 0.03


def test_a_small_kind_is_asked_for_no_more_than_there_are_of_it():
    kinds = np.r_[np.zeros(200, int), 1, 1, 1, 2]  # the last has nobody to agree with
    found = confounds.explained_share(100.0 * np.eye(3, dtype=np.float32)[kinds], kinds, k=50)

    assert (found.explained, found.neighbours) == (1, 50)


def test_the_lens_looks_as_far_as_a_lasso():
    # pairs of one kind lie together, and say nothing of the clouds of hundreds that they lie in
    draw = np.random.default_rng(0)
    pairs = np.repeat(draw.normal(size=(500, 2)), 2, axis=0) + draw.normal(0, 1e-4, (1_000, 2))
    kinds = np.repeat(draw.integers(0, 2, 500), 2)

    assert confounds.explained_share(pairs.astype(np.float32), kinds, k=1).explained == 1
    assert confounds.explained_share(pairs.astype(np.float32), kinds).explained < 0.1


def test_clips_of_no_kind_are_not_asked():
    kinds = np.concatenate([np.repeat([0, 1], 20), np.full(500, -1)])
    points = np.concatenate([np.repeat([[0, 0], [9, 9]], 20, axis=0), np.zeros((500, 2))]).astype(np.float32)

    assert confounds.explained_share(points, kinds).explained == 1


@pytest.mark.parametrize("kinds", [np.zeros(50, int), np.full(50, -1), np.r_[np.zeros(9, int), 1, np.full(40, -1)]])
def test_of_one_kind_or_of_few_clips_nothing_is_said(kinds):
    assert confounds.explained_share(np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32), kinds) is None


def test_points_at_one_place_are_neighbours_of_each_other():
    assert confounds.explained_share(np.zeros((60, 2), np.float32), np.repeat([0, 1], 30)).agree <= 1


def test_neighbours_across_groups_are_never_of_the_own_group():
    # every clip has a twin in its own group; those of the other group have the other label
    vectors = np.array([[1, 0], [1, 0.01]] * 20, np.float32)
    groups = np.repeat([0, 1], 20)

    assert confounds.across_groups(vectors, groups, groups) == 0


def test_labels_are_nested_in_groups_where_each_group_has_one():
    groups = np.repeat(np.arange(10), 6)

    assert confounds.is_nested(groups, groups % 3)
    assert not confounds.is_nested(groups, np.tile([0, 1, 2], 20))
    assert not confounds.is_nested(np.full(60, -1), groups)


def test_the_lens_sees_the_speaker_and_what_taking_it_out_would_do(spoken):
    dataset, _, _ = spoken
    maps.embed(dataset, "v", "pca")
    before = confounds.look(dataset, dataset.embedding())
    dataset.normalise_per_group(on=True)
    maps.embed(dataset, "v", "pca")
    after = confounds.look(dataset, dataset.embedding())

    assert (before.per_group, after.per_group) == (False, True)
    assert before.group.explained > 0.95 > 0.2 > after.group.explained
    assert after.label.explained > 0.9
    assert before.across[1] > 0.95 > 0.8 > before.across[0]
    assert after.across == before.across[::-1]


def test_without_groups_or_labels_the_lens_says_nothing_of_them(spoken):
    dataset, _, _ = spoken
    dataset.group_by(None)
    dataset.undo_last(kinds=("import",))
    maps.embed(dataset, "v", "pca")

    seen = confounds.look(dataset, dataset.embedding())

    assert (seen.group, seen.label, seen.nested, seen.across) == (None, None, False, None)


def test_where_each_group_has_one_label_no_help_is_promised(spoken):
    dataset, _, words = spoken
    with dataset.store.revise(dataset.id) as (connection, _):
        clip_rows.set_groups(connection, dataset.id, [f"source {word}" for word in words])
    maps.embed(dataset, "v", "pca")

    seen = confounds.look(dataset, dataset.embedding())

    assert (seen.nested, seen.across) == (True, None)


def test_the_lens_is_remembered_until_something_changes(spoken):
    dataset, _, _ = spoken
    maps.embed(dataset, "v", "pca")
    first = confounds.look(dataset, dataset.embedding())
    again = confounds.look(dataset, dataset.embedding())
    dataset.annotate([0], "word 2", how="heard")

    assert again is first
    assert confounds.look(dataset, dataset.embedding()) is not first


def test_whoever_works_blind_is_told_nothing_of_the_labels_of_others(spoken):
    dataset, _, _ = spoken
    maps.embed(dataset, "v", "pca")
    everybody = confounds.look(dataset, dataset.embedding())
    blind = dataset.resources.open(dataset.id, by=Person("ann", ANNOTATOR, dataset.id, blind=True))

    seen = confounds.look(blind, blind.embedding())

    assert everybody.label.clips == 90
    assert (seen.label, seen.across) == (None, None)
    assert seen.group == everybody.group


def test_the_lens_looks_again_when_clips_were_placed(spoken):
    dataset, _, _ = spoken
    positions, vectors = dataset.vectors("v")
    with dataset.store.write() as connection:
        connection.execute(text("DELETE FROM vector_blocks"))
        vector_rows.add_vectors(connection, dataset.id, "v", positions[:45].tolist(), vectors[:45])
    maps.embed(dataset, "v", "pca")
    before = confounds.look(dataset, dataset.embedding())
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", positions[45:].tolist(), vectors[45:])
    maps.place(dataset, dataset.embedding())

    assert (before.group.clips, confounds.look(dataset, dataset.embedding()).group.clips) == (45, 90)


def test_more_clips_than_the_sample_are_sampled(spoken, monkeypatch):
    dataset, _, _ = spoken
    maps.embed(dataset, "v", "pca")
    monkeypatch.setattr(confounds, "SAMPLE", 45)

    assert confounds.look(dataset, dataset.embedding()).group.clips == 45
