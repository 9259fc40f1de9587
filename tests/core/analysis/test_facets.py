"""What clips can be coloured and filtered by."""

from pathlib import Path

import numpy as np
import pytest

from hover_core.analysis import facets, maps
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import NotFound
from hover_core.store import clip_rows, vector_rows
from hover_core.store.transaction import Entry
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets


@pytest.fixture
def dataset(hover_data: Path):
    """30 clips in two clouds, the first of each labelled."""
    datasets = Datasets()
    opened = datasets.new("birds")
    clips = []
    for number in range(30):
        url = f"http://x/{number}.wav"
        extra = {"snr": f"{number / 2}", "take": str(number % 3), "place": "" if number == 4 else f"site {number % 2}"}
        clips.append(Clip(clip_id(url), url, group=f"s{number % 5}", reference="hidden", extra=extra))
    opened.add(Intake(clips=clips))
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    vectors[15:] += 8
    with opened.store.write() as connection:
        vector_rows.add_vectors(connection, opened.id, "v", list(range(30)), vectors)
        clip_rows.hear(connection, opened.id, {3: clip_rows.SoundFacts("0" * 64, 1.5, 8000)})
    opened.change_settings(vectorizer="v")
    opened.annotate([0, 1], "low", how="heard")
    opened.annotate([15, 16], "high", how="lasso")
    yield opened
    datasets.close()


def test_columns_of_many_numbers_are_numeric_and_of_few_are_categories(dataset: Dataset) -> None:
    kinds = {entry["key"]: entry["kind"] for entry in facets.available_facets(dataset)}

    assert kinds["table:snr"] == "numeric"
    assert kinds["table:take"] == "categorical"
    assert kinds["duration"] == "numeric"


def test_numbers_come_in_clip_order_and_nothing_is_nan(dataset: Dataset) -> None:
    values = facets.column(dataset, "duration").values

    assert values is not None
    assert values[3] == 1.5
    assert np.isnan(values).sum() == 29


def test_categories_come_as_codes_and_an_empty_cell_has_none(dataset: Dataset) -> None:
    found = facets.column(dataset, "table:place")

    assert found.names == ("site 0", "site 1")
    assert found.codes is not None
    assert found.codes[:5].tolist() == [0, 1, 0, 1, facets.NONE]


def test_the_places_of_annotators_and_words_and_so_their_colours_do_not_depend_on_who_or_what_comes_later(
    dataset: Dataset,
) -> None:
    def places(key: str) -> dict[str, int]:
        return {name: code for code, name in enumerate(facets.column(dataset, key).names)}

    before, words = places("annotator"), places("table:place")
    ann = Person("Ann", ANNOTATOR, dataset.id)  # sorts before everybody who is there
    dataset.resources.open(dataset.id, by=ann).annotate([2], "low", how="heard")
    url = "http://x/later.wav"
    dataset.add(Intake(clips=[Clip(clip_id(url), url, extra={"place": "a site"})]))
    found = facets.column(dataset, "annotator")

    assert found.codes is not None
    assert found.names[found.codes[2]] == "Ann"
    assert places("annotator") == before | {"Ann": len(before)}
    assert places("table:place") == words | {"a site": len(words)}


def test_who_works_blind_finds_nobody_else_among_the_annotators(dataset: Dataset) -> None:
    mira = dataset.resources.open(dataset.id, by=Person("mira", ANNOTATOR, dataset.id, blind=True))
    mira.annotate([0, 7], "hers", how="lasso")
    found = facets.column(mira, "annotator")

    assert found.names == ("mira",)
    assert found.codes is not None
    assert np.flatnonzero(found.codes == 0).tolist() == [0, 7]


def test_who_labelled_and_how_follow_the_log(dataset: Dataset) -> None:
    how = facets.column(dataset, "how")

    assert how.codes is not None
    assert [how.names[how.codes[p]] for p in (0, 15)] == ["heard", "lasso"]
    assert how.codes[5] == facets.NONE


def test_an_unlabelled_clip_is_predicted_by_its_neighbours_with_a_confidence(dataset: Dataset) -> None:
    found = facets.prediction_facet(dataset)

    assert found.codes is not None
    assert found.confidence is not None
    assert [found.names[code] for code in found.codes[:15]] == ["low"] * 15
    assert [found.names[code] for code in found.codes[15:]] == ["high"] * 15
    assert found.confidence[0] == 255
    assert (found.confidence[2:15] > 128).all()


def test_thousands_of_labels_are_voted_on_as_two_are(hover_data: Path) -> None:
    datasets = Datasets()
    opened = datasets.new("many labels")
    urls = [f"http://x/{number}.wav" for number in range(3_000)]
    opened.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))
    turn = np.arange(3_000) / 3_000 * np.pi  # along half a circle, three clips to a label
    vectors = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    with opened.store.write() as connection:
        vector_rows.add_vectors(connection, opened.id, "v", list(range(3_000)), vectors)
    opened.change_settings(vectorizer="v")
    with datasets.journal.transaction(opened.id, "owner") as transaction:
        known = [Entry(np.array([3 * n, 3 * n + 2]), f"label {n}") for n in range(1_000)]
        transaction.annotate(known, how="lasso", token="all of them")
    found = facets.prediction_facet(opened)

    assert found.codes is not None
    assert found.confidence is not None
    asked = np.arange(1, 3_000, 3)[5:-5]
    # ten neighbours are those of five labels, two each: its own are not further away than any others
    assert (np.abs(found.codes[asked].astype(int) - asked // 3) <= 2).all()
    assert (found.confidence[asked] >= 255 // 5).all()
    datasets.close()


def test_nothing_is_predicted_without_labels(hover_data: Path) -> None:
    datasets = Datasets()
    empty = datasets.new("empty")
    empty.add(Intake(clips=[Clip(clip_id("http://x/1.wav"), "http://x/1.wav")]))

    assert facets.prediction_facet(empty).codes.tolist() == [facets.NONE]  # type: ignore[union-attr]
    datasets.close()


def test_the_reference_is_hidden_from_annotators(dataset: Dataset) -> None:
    mira = dataset.resources.open(dataset.id, by=Person("Mira", ANNOTATOR, dataset.id))

    assert "reference" in [entry["key"] for entry in facets.available_facets(dataset)]
    assert "reference" not in [entry["key"] for entry in facets.available_facets(mira)]
    with pytest.raises(NotFound):
        facets.column(mira, "reference")


def test_an_unknown_column_is_not_found(dataset: Dataset) -> None:
    with pytest.raises(NotFound):
        facets.column(dataset, "table:nothing")


def test_the_nearest_to_a_cloud_are_of_the_cloud(dataset: Dataset) -> None:
    found = dataset.near([0, 1, 2], 8)

    assert len(found) == 8
    assert max(found) < 15
    assert not {0, 1, 2} & set(found.tolist())


def test_a_map_of_a_part_holds_just_its_clips_and_is_not_the_map_in_use(dataset: Dataset) -> None:
    maps.embed(dataset, "v", "pca")
    whole = dataset.embedding()
    assert whole is not None

    maps.embed(dataset, "v", "pca", only=np.arange(5, 20), parent=whole.id)

    part = dataset.embeddings()[0]
    assert part.settings["parent"] == whole.id
    assert dataset.embedding() == whole
    assert np.flatnonzero(np.isfinite(dataset.coordinates(part)[:, 0])).tolist() == list(range(5, 20))
