"""Maps in the store: clips that come later are placed alone, and a map that is drawn again lies on the old one."""

import numpy as np
import pytest

from hover_core.analysis import maps
from hover_core.data.clips import Clip, clip_id
from hover_core.errors import Refused
from hover_core.numerics import reducers
from hover_core.store import vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests.benchmarks.maps import clouds

KEY = "mfcc-mean-32-22050-v1"


@pytest.fixture
def dataset(hover_data):
    opened = Datasets()
    made = opened.new("clips")
    grow(made, 240)
    yield made
    opened.close()


def grow(dataset: Dataset, to: int) -> None:
    """More clips with vectors, every tenth of them test."""
    size = dataset.row.size
    numbers = range(size, to)
    urls = [f"https://example.org/{number}.wav" for number in numbers]
    clips = [
        Clip(clip_id(url), url, subset="test" if n % 10 == 0 else "raw") for n, url in zip(numbers, urls, strict=True)
    ]
    dataset.add(Intake(clips=clips))
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, KEY, list(numbers), clouds(400)[size:to, :32])


def where(dataset: Dataset) -> np.ndarray:
    return dataset.coordinates(dataset.embedding())


def test_clips_that_come_later_are_placed_and_nothing_moves(dataset):
    maps.embed(dataset, KEY)
    before, old = where(dataset).copy(), dataset.embedding()
    grow(dataset, 300)
    assert np.isnan(where(dataset)[240:]).all()

    placed = maps.place_new(dataset)

    assert placed == 60
    assert dataset.embedding().id == old.id
    assert (old.clips, dataset.embedding().clips) == (240, 300)
    assert where(dataset)[:240].tobytes() == before.tobytes()
    assert np.isfinite(where(dataset)).all()
    assert maps.place_new(dataset) == 0


def test_in_two_goes_clips_lie_where_they_lie_in_one(dataset):
    maps.embed(dataset, KEY)
    grow(dataset, 270)
    maps.place_new(dataset)
    grow(dataset, 300)
    maps.place_new(dataset)
    in_two = where(dataset)[240:]
    positions, vectors = dataset.vectors(KEY)
    fitted = np.flatnonzero(positions[:240] % 10 != 0)  # test clips shape nothing, and later ones do not either
    reducer = reducers.Reducer("umap", 2, {}).resume(vectors[fitted], where(dataset)[fitted])

    # rounding differs with the number of rows, and every epoch doubles it
    np.testing.assert_allclose(in_two, reducer.transform(vectors[240:]), atol=0.05)


@pytest.mark.parametrize("reducer", ["umap", "pca"])
def test_a_placed_clip_lies_where_its_equal_lies(dataset, reducer):
    maps.embed(dataset, KEY, reducer)
    maps.embed(dataset, KEY, reducer)  # the second is laid on the first
    _, vectors = dataset.vectors(KEY)
    urls = [f"https://example.org/copy-{n}.wav" for n in range(30)]
    dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, KEY, list(range(240, 270)), vectors[1:31])

    maps.place_new(dataset)

    drawn = where(dataset)
    shaped = np.arange(1, 31) % 10 != 0
    np.testing.assert_allclose(drawn[240:270][shaped], drawn[1:31][shaped], atol=1e-4)


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_map_drawn_again_lies_on_the_old_one(dataset, dimension):
    maps.embed(dataset, KEY, dimension=dimension)
    old = where(dataset).copy()
    grow(dataset, 300)

    raw = maps.embed(dataset, KEY, dimension=dimension, random_state=5)

    new = where(dataset)
    shaped = np.flatnonzero(np.arange(300) % 10 != 0)
    common = shaped[shaped < 240]
    unaligned = np.empty((300, dimension), np.float32)
    unaligned[shaped] = raw.embedding_
    spread = np.linalg.norm(old - old.mean(axis=0))

    def off(placed):
        return float(np.linalg.norm(placed[common] - old[common]) / spread)

    assert off(new) < 0.75 * off(unaligned)
    np.testing.assert_allclose(new[:240].mean(axis=0), old.mean(axis=0), atol=0.1 * float(old.std()))


def test_placing_on_a_map_that_was_drawn_again_keeps_its_scale(dataset):
    maps.embed(dataset, KEY)
    maps.embed(dataset, KEY, min_dist=0.7)
    settings = dataset.embedding().settings
    before = where(dataset).copy()
    grow(dataset, 300)
    maps.place_new(dataset)
    late = where(dataset)[240:]

    assert settings["scale"] != 1.0
    assert (late > before.min(axis=0) - before.std()).all()
    assert (late < before.max(axis=0) + before.std()).all()
    # close to some clip of the map, and not all in one point
    near = np.linalg.norm(late[:, None] - before[None], axis=2).min(axis=1)
    assert np.median(near) < 0.2 * float(before.std())


def test_a_first_look_is_not_what_a_map_is_laid_on(dataset):
    maps.embed(dataset, KEY, "pca", placeholder=True)
    assert maps.main_map(dataset) is None

    fitted = maps.embed(dataset, KEY)

    shaped = np.arange(240) % 10 != 0
    assert where(dataset)[shaped].tobytes() == fitted.embedding_.tobytes()


def test_a_map_of_a_part_is_not_grown(dataset):
    maps.embed(dataset, KEY)
    whole = dataset.embedding()
    maps.embed(dataset, KEY, only=np.arange(50), parent=whole.id)
    grow(dataset, 260)
    maps.place_new(dataset)

    part = next(found for found in dataset.embeddings() if "parent" in found.settings)
    assert (part.clips, dataset.embedding().id, dataset.embedding().clips) == (50, whole.id, 260)


def test_without_a_map_nothing_can_be_placed(dataset):
    with pytest.raises(Refused, match="draw one first"):
        maps.place_new(dataset)
