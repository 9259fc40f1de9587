"""What goes out comes in again."""

import io
import json

import pandas as pd
import pyarrow.parquet
import pytest
from sqlalchemy import text

from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import FetchError, NotAllowed, Refused, TableError
from hover_core.exchange.export import export_table, labels_by_how, to_bytes
from hover_core.store import clip_rows
from hover_core.tables.intake import Intake
from tests.core.exchange.adding import add

TABLE = """url,SUBSET,label,start,end,speaker,duration,note,=odd name
http://h/1.wav,raw,dog,,,ann,0.5,=1+1,a
http://h/1.wav,raw,,0.25,1.5,ann,,'=x,
http://h/2.wav,train,cat,,,ben,," two  spaces ",007
https://h/3.wav?x=1,val,great tit,,,,,"line
end",-5
http://h/4.wav,test,,,,,,"a\rb",+x
"""


@pytest.fixture
def worked_on(datasets):
    """A dataset with everything in it: imported, heard, corrected, moved and undone labels, and references."""
    dataset = datasets.new("worked on")
    add(dataset, TABLE.encode(), raw_labels="reference")
    ann = datasets.open(dataset.id, by=Person("Ann", ANNOTATOR, dataset.id))
    ann.annotate([0, 1, 2], "cow", how="heard")
    dataset.annotate([2, 4], "=formula", how="search")
    ann.undo(ann.annotate([3], "never", how="lasso").batch_id)
    dataset.commit([0], "train")
    dataset.annotate([0], "dog", how="propagated", verdict="no")
    with dataset.store.write() as connection:
        clip_rows.hear(connection, dataset.id, {2: clip_rows.SoundFacts("0" * 64, 1.25, 8000)})
    return dataset


def everything(dataset):
    """All that a dataset knows of its clips, as plain values."""
    state, clips = dataset.state(), clip_rows.table(dataset.store, dataset.id)
    sources = dataset.journal.sources(dataset.id, state.source.tolist())
    return {
        "clips": clips[["clip_id", "own_id", "url", "group_name", "reference"]].values.tolist(),
        "stretch": clips[["start_s", "end_s"]].fillna(-1).values.tolist(),
        "labels": state.label_names().tolist(),
        "subsets": state.subset.tolist(),
        "sources": [sources.get(source) for source in state.source.tolist()],
        "note": [(extra.get("note"), extra.get("=odd name")) for extra in clips["extra"]],
    }


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_makes_the_same_state_in_an_empty_dataset(worked_on, form):
    data = to_bytes(export_table(worked_on), form)
    copy = worked_on.resources.new("copy")
    add(copy, data, f"export.{form}")

    assert everything(copy) == everything(worked_on)
    assert to_bytes(export_table(copy), form) == data


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_adds_nothing_where_it_came_from(worked_on, form):
    before, revision = everything(worked_on), worked_on.row.revision
    found = add(worked_on, to_bytes(export_table(worked_on), form), f"export.{form}")

    assert (found.new, found.known, found.moved, found.labelled, found.batch_id) == (0, 5, 0, 0, None)
    assert everything(worked_on) == before
    add(worked_on, to_bytes(export_table(worked_on), form), f"export.{form}")
    assert worked_on.row.revision <= revision + 1  # columns of ours may be new to the extras once


def test_an_export_into_a_dataset_that_has_clips_names_the_importer(worked_on):
    data = to_bytes(export_table(worked_on), "csv")
    other = worked_on.resources.new("other")
    add(other, b"url\nhttp://elsewhere/1.wav\n")
    add(other, data, "export.csv")

    assert {source[0] for source in everything(other)["sources"] if source} == {"owner"}


def test_the_columns_come_in_the_order_of_the_format(worked_on):
    assert list(export_table(worked_on).columns) == [
        "id", "audio", "SUBSET", "label", "start", "end", "group", "duration", "annotator", "annotated_at", "how",
        "reference", "url", "speaker", "note", "=odd name",
    ]  # fmt: skip


def test_a_row_says_who_when_and_how(worked_on):
    row = export_table(worked_on).iloc[0].to_dict()

    assert (row["label"], row["annotator"], row["how"], row["SUBSET"]) == ("cow", "Ann", "heard", "train")
    assert pd.Timestamp(row["annotated_at"]).tzname() == "UTC"


def test_a_measured_duration_beats_that_of_the_table(worked_on):
    assert export_table(worked_on)["duration"].tolist() == ["0.5", "", "1.25", "", ""]


def test_an_unlabelled_clip_names_nobody(datasets):
    dataset = datasets.new("x")
    add(dataset, b"url\nhttp://h/1\n")

    assert export_table(dataset)[["label", "annotator", "annotated_at", "how"]].values.tolist() == [["", "", "", ""]]


def test_only_labelled_leaves_the_others_out(worked_on):
    assert export_table(worked_on, only_labelled=True)["label"].tolist() == [
        "cow", "cow", "=formula", "great tit", "=formula",
    ]  # fmt: skip


def test_references_stay_here_if_asked(worked_on):
    assert "reference" not in export_table(worked_on, reference=False).columns


def test_formulas_go_out_neutralised_in_cells_and_header(worked_on):
    data = to_bytes(export_table(worked_on), "csv").decode()

    assert "'=odd name" in data
    assert ",=" not in data


def test_json_has_numbers_as_numbers_and_null_for_none(worked_on):
    rows = [json.loads(line) for line in to_bytes(export_table(worked_on), "jsonl").decode().splitlines()]

    assert [row["start"] for row in rows] == [None, 0.25, None, None, None]
    assert [row["duration"] for row in rows] == [0.5, None, 1.25, None, None]
    assert (rows[0]["label"], rows[3]["label"]) == ("cow", "great tit")
    assert [row["=odd name"] for row in rows] == ["a", "", "007", "-5", "+x"]


def test_parquet_has_numbers_times_and_booleans_as_such(datasets):
    dataset = datasets.new("typed")
    add(
        dataset,
        "url,label,start,count,share,checked,day,at,code\n"
        "http://h/1.wav,dog,0.5,1,0.25,True,2024-05-01,2024-05-01 10:00:00,007\n"
        "http://h/2.wav,,,-20,3,False,,,12\n",
    )
    table = pyarrow.parquet.read_table(io.BytesIO(to_bytes(export_table(dataset), "parquet")))

    assert {name: str(table.schema.field(name).type) for name in table.column_names} == {
        "id": "string", "audio": "string", "SUBSET": "string", "label": "string", "start": "double", "end": "double",
        "group": "string", "duration": "double", "annotator": "string", "annotated_at": "timestamp[us, tz=UTC]",
        "how": "string", "url": "string", "count": "int64", "share": "double", "checked": "bool", "day": "date32[day]",
        "at": "timestamp[us]", "code": "string",
    }  # fmt: skip
    assert table["start"].to_pylist() == [0.5, None]
    assert table["count"].to_pylist() == [1, -20]
    assert table["code"].to_pylist() == ["007", "12"]


def test_an_annotator_cannot_export(worked_on):
    theirs = worked_on.resources.open(worked_on.id, by=Person("Ann", ANNOTATOR, worked_on.id))

    with pytest.raises(NotAllowed):
        export_table(theirs)


def test_an_unknown_format_is_refused(worked_on):
    with pytest.raises(Refused, match="use csv, parquet, jsonl"):
        to_bytes(export_table(worked_on), "xlsx")


def test_an_empty_dataset_exports_a_header(datasets):
    frame = export_table(datasets.new("x"))

    assert len(frame) == 0
    assert to_bytes(frame, "csv").decode().startswith("id,audio,SUBSET,label")


def test_labels_of_some_ways_can_be_left_out(worked_on):
    found = labels_by_how(worked_on)
    assert found == {"heard": 2, "search": 2, "imported": 1}

    frame = export_table(worked_on, hows=("heard",))
    assert len(frame) == 5
    assert frame.loc[frame["label"] != "", ["label", "annotator", "how"]].to_numpy().tolist() == [
        ["cow", "Ann", "heard"],
        ["cow", "Ann", "heard"],
    ]
    assert len(export_table(worked_on, hows=("search",), only_labelled=True)) == 2


def test_clips_of_some_subsets_can_be_left_out(worked_on):
    assert export_table(worked_on, subsets=("test", "dev"))["SUBSET"].tolist() == ["dev", "test"]


def test_a_subset_that_there_is_not_is_refused(worked_on):
    with pytest.raises(Refused, match="subsets has “eval”: the subsets are raw, train, dev, test"):
        export_table(worked_on, subsets=("eval",))


def test_a_way_that_there_is_not_is_refused(worked_on):
    with pytest.raises(Refused, match="hows has “guessed”: use some of heard, lasso"):
        export_table(worked_on, hows=("guessed",))


def test_a_password_that_was_stored_once_does_not_go_out_and_the_clip_stays_the_same(datasets, hover_data):
    dataset = datasets.new("before")
    add(dataset, b"id,url,label\n,https://h/1.wav,dog\ntake:1@ulm,https://h/2.wav?to=me@h,\n", own_id="id")
    with dataset.store.write() as connection:  # as tables were read before
        connection.execute(
            text("UPDATE clips SET url = :u, extra = :e WHERE dataset_id = :d AND position = 0"),
            {"u": "https://me:s3cret@h/1.wav", "e": '{"url": "https://me:s3cret@h/1.wav"}', "d": dataset.id},
        )

    out = to_bytes(export_table(dataset), "csv")
    again = add(dataset, out)

    assert b"s3cret" not in out
    assert out.splitlines()[2].startswith(b"take:1@ulm,https://h/2.wav?to=me@h,")
    assert (again.new, again.known) == (0, 2)
    assert dataset.names([0])[0] == ("1.wav", "https://h/1.wav")
    with pytest.raises(FetchError, match="a user name or password: take it out"):
        dataset.sounds.recording(dataset.id, 0)


def test_a_clip_with_a_password_in_its_address_is_not_added_by_the_library_either(datasets):
    dataset = datasets.new("made by hand")
    url = "https://me:s3cret@h/1.wav"

    with pytest.raises(TableError, match="a user name or password: take it out") as caught:
        dataset.add(Intake(clips=[Clip(clip_id(url), url)]))

    assert "s3cret" not in str(caught.value)
    assert dataset.row.size == 0
