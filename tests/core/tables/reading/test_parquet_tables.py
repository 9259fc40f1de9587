"""Parquet of Hugging Face: sounds in the table are left out and said, classes get their names."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hover_core.errors import TableError
from hover_core.tables.reading.foreign_files import read_table

SOUND = b"RIFF\x24\x00\x00\x00WAVE"


def parquet(columns, features=None) -> bytes:
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def test_sounds_in_a_table_are_left_out_their_paths_are_read_and_a_sentence_says_so():
    sounds = pa.array([{"bytes": SOUND, "path": "a.wav"}, {"bytes": SOUND * 9, "path": None}, None])
    table = read_table(parquet({"audio": sounds, "label": ["dog", "cat", "owl"]}), "a.parquet")

    assert list(table.frame.columns) == ["audio.path", "label"]
    assert table.frame.to_numpy().tolist() == [["a.wav", "dog"], ["", "cat"], ["", "owl"]]
    assert [(decision.about, decision.sentence) for decision in table.decisions] == [
        ("audio", "The column “audio” holds the sounds themselves: they are not read from a table yet, and left out; "
         "“audio.path” is read")
    ]  # fmt: skip


def test_a_name_with_a_dot_is_a_name_beside_sounds_as_well():
    sounds = pa.array([{"bytes": SOUND, "path": "a.wav", "rate": 8}])
    with_sound = read_table(parquet({"data.id": [7], "audio": sounds, "audio.x": ["y"]}), "a.parquet").frame
    without = read_table(parquet({"data.id": [7], "x": [{"bytes": "text", "n": 1}]}), "a.parquet").frame

    assert with_sound.to_dict("list") == {
        "data.id": ["7"],
        "audio.path": ["a.wav"],
        "audio.rate": ["8"],
        "audio.x": ["y"],
    }
    assert without.to_dict("list") == {"data.id": ["7"], "x": ['{"bytes": "text", "n": 1}']}


def test_texts_that_are_not_marked_as_such_are_texts():
    assert read_table(parquet({"url": [b"http://h/\xc3\xa9.wav", b"\xff"]}), "a.parquet").frame["url"].tolist() == [
        "http://h/é.wav", "b'\\xff'",
    ]  # fmt: skip


def test_a_column_of_bytes_that_are_sound_is_left_out():
    table = read_table(parquet({"wav": [None, SOUND], "url": ["a", "b"]}), "a.parquet")

    assert list(table.frame.columns) == ["url"]
    assert [decision.about for decision in table.decisions] == ["audio"]


def test_a_table_of_nothing_but_sound_is_a_sentence():
    with pytest.raises(TableError, match=r"a\.parquet holds nothing but sound"):
        read_table(parquet({"audio": [SOUND]}), "a.parquet")


def test_numbers_of_classes_become_their_names():
    features = {
        "label": {"names": ["dog", "cat"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["x", "y"], "_type": "ClassLabel"}, "_type": "Sequence"},
        "url": {"dtype": "string", "_type": "Value"},
    }
    columns = {"url": ["a", "b", "c", "d"], "label": [1, 0, -1, 7], "tags": [[0, 1], [], [1], None]}
    table = read_table(parquet(columns, features), "a.parquet")

    assert table.frame["label"].tolist() == ["cat", "dog", "", "7"]
    assert table.frame["tags"].tolist() == ['["x", "y"]', "[]", '["y"]', ""]
    assert table.decisions[0].sentence == (
        "The numbers of the column “label” have names in the file, which are read instead: 0 is “dog”, 1 is “cat”; "
        "1 cell has a number without a name and keeps it; -1 is empty"
    )


@pytest.mark.parametrize(
    "features", ["[]", '{"info": 7}', "[" * 100_000, '{"info": {"features": {"label": 7}}}', "\xff"]
)
def test_metadata_that_cannot_be_read_changes_nothing(features):
    table = pa.table({"url": ["a"], "label": [1]}).replace_schema_metadata({"huggingface": features.encode("latin-1")})
    file = io.BytesIO()
    pq.write_table(table, file)

    assert read_table(file.getvalue(), "a.parquet").frame.to_numpy().tolist() == [["a", "1"]]
