"""JSON in the shapes in which people have it: lists, lines, nested objects, what pandas writes."""

import contextlib
import io
import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.tables.decisions import Reading
from hover_core.tables.reading import table_reader
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.foreign_files import read_table
from hover_core.tables.rows import RawTable


def read(value, name: str = "a.json", **reading) -> RawTable:
    text = value if isinstance(value, str) else json.dumps(value)
    return read_table(text.encode(), name, reading=Reading(**reading))


def rows(table: RawTable) -> list[list[str]]:
    return table.frame.to_numpy().tolist()


FRAME = pd.DataFrame({"url": ["http://h/1.wav", "http://h/2.wav"], "label": ["dog", None], "n": [1.5, 2.0]})
CELLS = [["http://h/1.wav", "dog", "1.5"], ["http://h/2.wav", "", "2"]]


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns"])
def test_what_pandas_writes_as_json_comes_back(orient):
    table = read(FRAME.to_json(orient=orient))

    assert (list(table.frame.columns), rows(table)) == (["url", "label", "n"], CELLS)


def test_values_that_pandas_writes_have_no_names():
    table = read(FRAME.to_json(orient="values"))

    assert (list(table.frame.columns), rows(table)) == (["column 1", "column 2", "column 3"], CELLS)
    assert [(decision.about, decision.value) for decision in table.decisions] == [("header", "0")]


def test_a_table_schema_of_pandas_keeps_its_index():
    table = read(FRAME.to_json(orient="table"))

    assert list(table.frame.columns) == ["index", "url", "label", "n"]
    assert rows(table)[1] == ["1", *CELLS[1]]


@pytest.mark.parametrize(("orient", "name"), [("split", "index"), ("index", "key"), ("columns", "key")])
def test_an_index_that_does_not_just_count_is_a_column(orient, name):
    table = read(FRAME.set_index(pd.Index(["x", "y"])).to_json(orient=orient))

    assert list(table.frame.columns) == [name, "url", "label", "n"]
    assert table.frame[name].tolist() == ["x", "y"]


def test_rows_that_lie_in_an_object_are_found_and_another_place_can_be_chosen():
    value = {"version": 2, "recordings": [{"url": "a.wav"}, {"url": "b.wav"}], "people": [{"name": "Ann"}]}
    [decision] = read(value).decisions

    assert rows(read(value)) == [["a.wav"], ["b.wav"]]
    assert (decision.about, decision.value, decision.sure) == ("records", "recordings", True)
    assert decision.sentence == "The rows are the entries of “recordings”: 2 rows"
    assert [choice.value for choice in decision.choices] == ["people", "."]
    assert rows(read(value, records="people")) == [["Ann"]]


def test_two_lists_of_sounds_are_asked_about():
    value = {"mine": [{"url": "a.wav"}], "theirs": [{"path": "b.wav", "who": "x"}]}

    assert [decision.sure for decision in read(value).decisions] == [False]


def test_a_place_that_is_not_there_is_a_sentence():
    with pytest.raises(TableError, match=r"a\.json has no rows at records='x': there are “recordings”"):
        read({"recordings": [{"url": "a.wav"}]}, records="x")


def test_objects_in_objects_are_columns_with_dots_and_lists_stay_json():
    table = read([{"id": 1, "data": {"audio": "a.wav", "m": {"k": None}}, "tags": [{"x": 1}]}, {"data.audio": "b.wav"}])

    assert list(table.frame.columns) == ["id", "data.audio", "data.m.k", "tags", "data.audio (2)"]
    assert rows(table) == [["1", "a.wav", "", '[{"x": 1}]', ""], ["", "", "", "", "b.wav"]]


def test_objects_over_several_lines_one_after_the_other_are_rows():
    table = read('{\n  "url": "a.wav"\n}\n{\n  "url": "b.wav"\n}\n')

    assert (rows(table), table.rows) == ([["a.wav"], ["b.wav"]], [1, 2])


def test_one_object_is_one_row():
    assert rows(read('{"url": "http://h/1.wav", "label": "dog"}')) == [["http://h/1.wav", "dog"]]


@pytest.mark.parametrize(("value", "names", "cells"), [
    ({"train": [{"f": "a.wav"}], "test": [{"f": "b.wav"}]}, ["split", "f"], [["train", "a.wav"], ["test", "b.wav"]]),
    ({"train": ["a.wav"], "dev": []}, ["split", "value"], [["train", "a.wav"]]),
    ({"dog": ["a.wav", "b.wav"], "cat": ["c.wav"]}, ["key", "value"],
     [["dog", "a.wav"], ["dog", "b.wav"], ["cat", "c.wav"]]),
    ({"a.wav": "dog", "b.wav": "cat"}, ["key", "value"], [["a.wav", "dog"], ["b.wav", "cat"]]),
    ({"a.wav": {"label": "dog"}, "b.wav": {"label": "cat"}}, ["key", "label"], [["a.wav", "dog"], ["b.wav", "cat"]]),
    ({"url": ["a.wav", "b.wav"], "label": ["x", "y"]}, ["url", "label"], [["a.wav", "x"], ["b.wav", "y"]]),
    (["a.wav", "b.wav"], ["column 1"], [["a.wav"], ["b.wav"]]),
    ([["url", "label"], ["a.wav", "x"]], ["url", "label"], [["a.wav", "x"]]),
    ({"x": {"y": [{"url": "a.wav"}]}}, ["url"], [["a.wav"]]),
])  # fmt: skip
def test_other_shapes_of_people(value, names, cells):
    table = read(value)

    assert (list(table.frame.columns), rows(table)) == (names, cells)


@pytest.mark.parametrize("text", ['{"recordings": [{"url": "a"}', '{"a": [{"url": "a.wav"} {"url": 1}]}', '{"a": 1'])
def test_an_object_that_is_cut_short_is_a_sentence(text):
    with pytest.raises(TableError, match=r"a\.json is damaged: entry"):
        read(text)


def test_an_object_larger_than_what_is_read_at_a_time_is_read_whole():
    value = {"about": "x" * 10, "rows": [{"n": n, "url": f"{'é' * 40}{n}.wav"} for n in range(30_000)]}
    frame = pd.DataFrame({"url": [f"{'é' * 40}{n}.wav" for n in range(30_000)], "n": range(30_000)})

    assert read(value).frame["n"].tolist() == [str(n) for n in range(30_000)]
    for orient in ("split", "index", "columns"):
        assert read(frame.to_json(orient=orient)).frame["n"].tolist() == [str(n) for n in range(30_000)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
                      min_size=2, max_size=2), min_size=1, max_size=4),
    st.sampled_from(["records", "split", "index", "columns", "lines"]),
)  # fmt: skip
def test_any_text_that_pandas_writes_comes_back(cells, orient):
    frame = pd.DataFrame([[f"{n}.wav", *row] for n, row in enumerate(cells)], columns=["url", "a", "b"], dtype=object)
    file = io.StringIO()
    frame.to_json(file, orient="records" if orient == "lines" else orient, lines=orient == "lines")

    assert rows(read(file.getvalue())) == frame.to_numpy().tolist()


LEAVES = st.none() | st.booleans() | st.floats() | st.sampled_from(["a.wav", "x", "", "http://h/1", "0", "1", "train"])
KEYS = st.sampled_from(["0", "1", "url", "label", "columns", "data", "index", "train", "test", "a.wav", "b.wav", ""])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@settings(max_examples=500, deadline=None)
@given(VALUES, st.booleans(), st.sampled_from(["", ".", "data"]))
def test_any_json_is_a_table_or_a_table_error(value, pretty, records):
    data = json.dumps(value, indent=2 if pretty else None).encode()
    reading = Reading(records=records)
    with contextlib.suppress(TableError):
        table_reader.read_table(io.BytesIO(data), "a.json", reading, FileLimits(), lambda header, buffer: None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(KEYS, LEAVES, min_size=1, max_size=3) | LEAVES, min_size=1, max_size=6))
def test_every_entry_of_a_list_is_a_row_or_a_named_refusal(entries):
    try:
        table = read({"recordings": [{"url": "a.wav"}, {"url": "b.wav"}, *entries]}, records="recordings")
    except TableError:
        return

    assert sorted([*table.rows, *(bad.row for bad in table.refused)]) == list(range(1, len(entries) + 3))
