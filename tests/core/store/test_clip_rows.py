"""Clips in the database."""

import numpy as np

from hover_core.data.clips import Clip
from hover_core.store import clip_rows


def test_clips_stay_in_the_order_they_came(shared_store, ten):
    with shared_store.revise(ten) as (connection, _):
        places = clip_rows.add_clips(connection, ten, [Clip("z", "http://h/z"), Clip("a", "http://h/a")])

    assert places == [10, 11]
    assert clip_rows.table(shared_store, ten)["clip_id"].tolist()[8:] == ["c8", "c9", "z", "a"]
    assert shared_store.dataset(ten).size == 12


def test_a_clip_comes_back_as_it_went_in(shared_store, ten):
    clip = Clip("x", "http://h/x", 0.1, 2.5, "ann", "dev", reference="dog", extra={"note": "ü 🐦", "b": ""})
    with shared_store.revise(ten) as (connection, _):
        clip_rows.add_clips(connection, ten, [clip] * 1)

    assert clip_rows.clip_at(shared_store, ten, 10) == (clip, None)
    assert clip_rows.clip_at(shared_store, ten, 11) is None


def test_positions_are_found_by_clip_id(shared_store, ten):
    with shared_store.read() as connection:
        found = clip_rows.positions_of(connection, ten, ["c7", "nobody", "c0"])

    assert found == {"c7": 7, "c0": 0}


def test_positions_are_found_for_more_ids_than_a_statement_takes(shared_store, ten):
    with shared_store.read() as connection:
        found = clip_rows.positions_of(connection, ten, [f"no{i}" for i in range(70_000)] + ["c9"])

    assert found == {"c9": 9}


def test_new_columns_are_added_and_what_is_there_stays(shared_store, ten):
    with shared_store.revise(ten) as (connection, _):
        first = clip_rows.add_columns(connection, ten, {0: {"a": "1"}, 1: {}})
        again = clip_rows.add_columns(connection, ten, {0: {"a": "2", "b": "3"}, 1: {}})

    assert (first, again) == (1, 1)
    assert clip_rows.table(shared_store, ten)["extra"].tolist()[:2] == [{"a": "1", "b": "3"}, {}]


def test_what_was_heard_last_is_known(shared_store, ten):
    with shared_store.write() as connection:
        for seconds in (1.0, 2.0):
            clip_rows.hear(connection, ten, {3: clip_rows.SoundFacts("f" * 64, seconds, 8000)})
        clip_rows.hear(connection, ten, {})

    assert clip_rows.clip_at(shared_store, ten, 3)[1] == clip_rows.SoundFacts("f" * 64, 2.0, 8000)
    assert np.nan_to_num(clip_rows.durations(shared_store, ten, 5)).tolist() == [0, 0, 0, 2, 0]


def test_groups_are_set_in_clip_order(shared_store, ten):
    with shared_store.revise(ten) as (connection, _):
        clip_rows.set_groups(connection, ten, list("aabbccddee"))

    assert "".join(clip_rows.table(shared_store, ten)["group_name"]) == "aabbccddee"
