"""The data card: what comes along with an export."""

import io
import json

import pyarrow.parquet
import pytest

from hover_core.data.people import Person
from hover_core.errors import NotAllowed
from hover_core.exchange.data_card import KEY, data_card
from hover_core.exchange.export import export_table, to_bytes
from hover_core.tables.reading.foreign_files import read_table


def by(dataset, name, *, blind=False):
    return dataset.resources.open(dataset.id, by=Person(name, "annotator", dataset.id, blind))


def test_a_card_counts_labels_ways_and_people(dataset):
    dataset.annotate([0, 1, 2], "dog", how="lasso")
    by(dataset, "Mira").annotate([3], "cat", how="heard")
    dataset.commit([0, 1], "train")

    card = data_card(dataset)

    assert (card["clips"], card["labelled"], card["subsets"]) == (10, 4, {"raw": 8, "train": 2, "dev": 0, "test": 0})
    assert card["labels"]["dog"] == {"raw": 1, "train": 2, "dev": 0, "test": 0}
    assert card["how"] == {"lasso": 3, "heard": 1}
    assert card["annotators"] == {"owner": 3, "Mira": 1}
    assert "make the map" in card["leak"]["missing"]


def test_agreement_is_over_what_two_people_labelled_each_by_themselves(dataset):
    by(dataset, "Mira", blind=True).annotate([0, 1, 2, 3], "dog", how="lasso")
    by(dataset, "Jon", blind=True).annotate([2, 3, 4, 5], "dog", how="lasso")
    by(dataset, "Jon", blind=True).annotate([3], "cat", how="lasso")

    assert data_card(dataset)["agreement"] == {"clips_labelled_by_two_or_more": 2, "share_of_pairs_that_agree": 0.5}


def test_a_parquet_file_carries_the_card_and_comes_in_again(dataset):
    dataset.annotate([0], "dog", how="lasso")
    card = data_card(dataset)

    data = to_bytes(export_table(dataset), "parquet", card=card)

    assert json.loads(pyarrow.parquet.read_schema(io.BytesIO(data)).metadata[KEY.encode()]) == card
    assert len(read_table(data, "x.parquet").frame) == 10


def test_a_card_is_the_owners(dataset):
    with pytest.raises(NotAllowed):
        data_card(by(dataset, "Mira"))


def test_agreement_counts_those_whose_labels_somebody_has_replaced(dataset):
    by(dataset, "Mira").annotate([0, 1], "dog", how="lasso")
    by(dataset, "Jon").annotate([0, 1], "cat", how="lasso")

    assert data_card(dataset)["agreement"] == {"clips_labelled_by_two_or_more": 2, "share_of_pairs_that_agree": 0.0}
