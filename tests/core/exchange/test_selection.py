"""Which clips go out, read in any order, on both databases."""

import numpy as np
import pytest

from hover_core.exchange import formats
from hover_core.exchange.selection import SelectedClips, Selection
from hover_core.store import clip_rows
from hover_core.store.database import Store
from hover_core.workspace.datasets import Datasets
from tests.core.exchange.adding import add, hear

TABLE = """url,SUBSET,label,start,end,n
http://h/b.wav,train,dog,2,3,1
http://h/a.wav,test,cat,,,2
http://h/b.wav,raw,,0.5,1,3
http://h/c.wav,dev,owl,1,,4
"""


@pytest.fixture
def dataset(database_url):
    opened = Datasets(Store(database_url))
    made = opened.new("four")
    add(made, TABLE)
    yield made
    opened.close()


def test_clips_of_one_recording_stand_together_by_time(dataset):
    assert SelectedClips(dataset, Selection()).by_recording().tolist() == [1, 2, 0, 3]
    assert SelectedClips(dataset, Selection(only_labelled=True)).by_recording().tolist() == [1, 0, 3]


def test_rows_come_in_the_order_that_is_asked_for_also_if_few_of_many(dataset):
    clips = SelectedClips(dataset, Selection())

    assert [row.extra["n"] for row in clips.rows(np.array([3, 0]))] == ["4", "1"]  # few of many in between
    assert [row.extra["n"] for row in clips.rows(np.array([2, 0, 1, 3]))] == ["3", "1", "2", "4"]


def test_a_row_says_all_that_is_known(dataset):
    hear(dataset, {3: 1.5}, rate=16_000)
    row = next(SelectedClips(dataset, Selection(subsets=("dev",))).rows())

    assert (row.url, row.subset, row.label, row.start_s, row.end_s) == ("http://h/c.wav", "dev", "owl", 1.0, None)
    assert (row.measured_s, row.length_s, row.sample_rate, row.how) == (1.5, 1.5, 16_000, "imported")
    assert (row.name, row.is_stretch) == ("c.wav 1–end s", True)


def test_stretches_and_addresses_are_known_without_a_look_at_the_rest(dataset):
    clips = SelectedClips(dataset, Selection(subsets=("train", "test", "dev")))

    assert clips.is_stretch().tolist() == [True, False, True]
    assert list(clips.urls()) == ["http://h/b.wav", "http://h/a.wav", "http://h/c.wav"]


def test_the_labels_that_go_out_are_those_of_the_selection(dataset):
    dataset.annotate([2], "fox", how="lasso")

    assert SelectedClips(dataset, Selection()).label_names() == ["cat", "dog", "fox", "owl"]
    assert SelectedClips(dataset, Selection(hows=("lasso",))).label_names() == ["fox"]
    assert SelectedClips(dataset, Selection(subsets=("dev",))).label_names() == ["owl"]


def test_a_column_that_came_later_is_in_the_next_export(dataset):
    before = formats.preview(dataset, "csv").splitlines()[0]
    add(dataset, "url,start,end,place\nhttp://h/b.wav,2,3,Ulm\n")

    assert "place" not in before
    assert formats.preview(dataset, "csv").splitlines()[0] == before + ",place"


def test_clips_that_come_while_an_export_runs_are_not_in_it(dataset):
    clips = SelectedClips(dataset, Selection())
    add(dataset, "url\nhttp://h/new.wav\n")

    assert len(list(clips.rows())) == 4
    assert len(list(clips.urls())) == 4
    assert len(clips.by_recording()) == 4
    assert len(clip_rows.table(dataset.store, dataset.id)) == 5
