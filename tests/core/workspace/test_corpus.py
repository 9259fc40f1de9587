"""The vectors of a dataset as its map and its search see them."""

import numpy as np
import pytest

from hover_core.analysis import maps
from hover_core.analysis.search import ranking
from hover_core.data.clips import Clip, clip_id
from hover_core.errors import Refused
from hover_core.store import clip_rows, vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace import corpus


@pytest.fixture
def spoken(datasets):
    """90 clips: three speakers far apart, three words near each other; and `(speakers, words)`."""
    draw = np.random.default_rng(0)
    speakers, words = np.arange(90) % 3, np.arange(90) // 3 % 3
    vectors = 40 * draw.normal(size=(3, 8))[speakers] + 5 * draw.normal(size=(3, 8))[words] + draw.normal(size=(90, 8))
    dataset = datasets.new("spoken")
    urls = [f"http://host/{number}.wav" for number in range(90)]
    clips = [
        Clip(clip_id(url), url, group=f"speaker {s}", label=f"word {w}")
        for url, s, w in zip(urls, speakers, words, strict=True)
    ]
    dataset.add(Intake(clips=clips))
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", list(range(90)), vectors.astype(np.float32))
    dataset.change_settings(vectorizer="v")
    return dataset, speakers, words


def of_other_speakers(dataset, speakers, words):
    """The share of the five nearest clips of other speakers that are the same word."""
    shares = []
    for position in range(90):
        found, _ = ranking.neighbours(dataset, position, 90)
        others = [p for p in found if speakers[p] != speakers[position]][:5]
        shares.append(np.mean([words[p] == words[position] for p in others]))
    return float(np.mean(shares))


def test_search_hears_the_word_and_not_the_speaker_once_groups_are_taken_out(spoken):
    dataset, speakers, _ = spoken
    first, _ = ranking.neighbours(dataset, 0, 5)
    before = of_other_speakers(*spoken)

    dataset.normalise_per_group(on=True)

    assert set(speakers[first]) == {0}
    assert of_other_speakers(*spoken) > max(0.95, before + 0.2)


def test_a_query_from_outside_owes_to_its_group_what_one_clip_tells_of_it(spoken):
    dataset, speakers, _ = spoken
    _, raw = dataset.vectors("v")
    dataset.normalise_per_group(on=True)
    index = dataset.index()
    own = index.units[:30]
    asked = {
        "known": index.as_queries(raw[:30], [f"speaker {s}" for s in speakers[:30]]),
        "unknown": index.as_queries(raw[:30]),
        "none": index.as_queries(raw[:30], [""] * 30),
    }
    near = {kind: float((own * units).sum(axis=1).mean()) for kind, units in asked.items()}

    np.testing.assert_allclose(asked["known"], own, atol=1e-4)
    assert near["none"] < near["unknown"] < near["known"]


def test_stored_vectors_stay_raw_and_the_setting_can_be_taken_back(spoken):
    dataset, _, _ = spoken
    stored = dataset.vectors("v")[1].copy()
    before = ranking.neighbours(dataset, 7, 10)

    dataset.normalise_per_group(on=True)
    other = ranking.neighbours(dataset, 7, 10)
    dataset.normalise_per_group(on=False)
    after = ranking.neighbours(dataset, 7, 10)

    np.testing.assert_array_equal(dataset.vectors("v")[1], stored)
    assert after[0].tolist() == before[0].tolist() != other[0].tolist()


def test_a_map_knows_whether_it_was_drawn_without_its_groups(spoken):
    dataset, _, _ = spoken
    maps.embed(dataset, "v", "pca")
    before = dataset.embedding()
    dataset.normalise_per_group(on=True)
    maps.embed(dataset, "v", "pca")

    assert "per_group" not in before.settings
    assert dataset.embedding().settings["per_group"] is True


def test_other_groups_mean_other_neighbours_at_once(spoken):
    dataset, _, _ = spoken
    dataset.normalise_per_group(on=True)
    before = dataset.index()
    with dataset.store.revise(dataset.id) as (connection, revision):
        clip_rows.set_groups(connection, dataset.id, ["one"] * 90)
        dataset.store.set_settings(connection, dataset.id, {"clips_revision": revision})

    assert dataset.index() is not before


def test_test_clips_do_not_move_those_that_shape_the_map(spoken):
    dataset, _, _ = spoken
    dataset.journal.move(
        dataset.id, [(np.arange(80, 90), "test")], annotator=dataset.by.name, token="t", kind="split", note=""
    )
    dataset.normalise_per_group(on=True)
    read = lambda: corpus.read_corpus(dataset.store, dataset.journal, dataset.id, "v")  # noqa: E731 - said twice
    before = read().vectors
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "v", list(range(80, 90)), np.full((10, 8), 999, np.float32))

    np.testing.assert_array_equal(read().vectors[:80], before[:80])


def test_without_groups_there_is_nothing_to_take_out(dataset):
    with pytest.raises(Refused, match="no clip has a group: choose the group column on Split first"):
        dataset.normalise_per_group(on=True)


def test_groups_that_are_gone_take_nothing_out(spoken):
    dataset, _, _ = spoken
    dataset.normalise_per_group(on=True)
    dataset.group_by(None)

    found = corpus.read_corpus(dataset.store, dataset.journal, dataset.id, "v")

    assert not found.per_group
    np.testing.assert_array_equal(found.vectors, dataset.vectors("v")[1])
