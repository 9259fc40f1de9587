"""Label Studio: tasks as its documentation has them, and a labelling interface that shows them."""

import json
from xml.etree import ElementTree

import jsonschema
import pytest

from hover_core.exchange import formats
from hover_core.exchange.label_studio import labelling_config
from tests.core.exchange.adding import add, hear

TABLE = """url,SUBSET,label,start,end,speaker,n,audio_file
https://h/a.wav,train,"say ""hi"" & <go>",0.5,1.5,ann,1,x
https://h/b.wav,test,cat,,,,2,
https://h/c.wav,raw,,,,,3,
https://h/d.wav,raw,,3,,,4,
"""
# labelstud.io/guide/task_format and /guide/predictions, as far as they speak of audio
RESULT = {
    "type": "object",
    "required": ["id", "from_name", "to_name", "type", "value"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "from_name": {"type": "string"},
        "to_name": {"const": "audio"},
        "type": {"enum": ["choices", "labels"]},
        "value": {"type": "object"},
    },
    "allOf": [
        {
            "if": {"properties": {"type": {"const": "choices"}}},
            "then": {
                "properties": {
                    "value": {
                        "required": ["choices"],
                        "properties": {"choices": {"type": "array", "minItems": 1, "items": {"type": "string"}}},
                        "additionalProperties": False,
                    }
                }
            },
            "else": {
                "properties": {
                    "value": {
                        "required": ["start", "end", "labels"],
                        "properties": {
                            "start": {"type": "number", "minimum": 0},
                            "end": {"type": "number", "exclusiveMinimum": 0},
                            "channel": {"type": "integer"},
                            "labels": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                        },
                        "additionalProperties": False,
                    }
                }
            },
        }
    ],
}
TASKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "object", "required": ["audio"], "properties": {"audio": {"type": "string"}}},
            "annotations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {"result": {"type": "array", "items": RESULT}},
                },
            },
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["model_version", "score", "result"],
                    "properties": {
                        "model_version": {"type": "string"},
                        "score": {"type": ["number", "null"]},
                        "result": {"type": "array", "items": RESULT},
                    },
                },
            },
        },
        "additionalProperties": False,
    },
}


@pytest.fixture
def dataset(datasets):
    made = datasets.new("tasks")
    add(made, TABLE)
    made.annotate([2], "dog", how="propagated")
    return made


@pytest.fixture
def written(dataset, tmp_path):
    """The tasks, and the report."""
    report = formats.write(dataset, "label_studio", tmp_path / "out.json")
    return json.loads((tmp_path / "out.json").read_text()), report


def test_the_tasks_are_valid(written):
    tasks, _ = written

    jsonschema.Draft202012Validator(TASKS).validate(tasks)
    assert len(tasks) == 4


def test_what_people_said_is_an_annotation_and_what_was_spread_a_prediction(written):
    tasks, _ = written

    assert [sorted(set(task) - {"data"}) for task in tasks] == [["annotations"], ["annotations"], ["predictions"], []]
    assert tasks[2]["predictions"] == [
        {
            "model_version": "hover propagated",
            "score": None,
            "result": [
                {"id": "r1", "from_name": "label", "to_name": "audio", "type": "choices", "value": {"choices": ["dog"]}}
            ],
        }
    ]


def test_a_stretch_is_a_region_and_not_a_choice_about_the_whole_recording(written):
    tasks, _ = written

    assert tasks[0]["annotations"][0]["result"][0]["value"] == {
        "start": 0.5, "end": 1.5, "channel": 0, "labels": ['say "hi" & <go>'],
    }  # fmt: skip


def test_the_data_of_a_task_names_the_clip_and_keeps_the_columns(dataset, written):
    tasks, _ = written

    data = dict(tasks[1]["data"])
    assert data.pop("clip_id") == dataset.clips()["clip_id"].iloc[1]
    assert data.pop("annotated_at")
    assert data == {
        "audio": "https://h/b.wav", "subset": "test", "annotator": "owner", "how": "imported",
        "url": "https://h/b.wav", "speaker": "", "n": 2, "audio_file": "",
    }  # fmt: skip


def test_the_interface_offers_every_result_of_the_tasks(written):
    tasks, report = written
    view = ElementTree.fromstring(report.labelling_config)
    offered = {
        control.get("name"): (control.tag.lower(), control.get("toName"), {one.get("value") for one in control})
        for control in view
        if control.get("toName")
    }

    assert (view.tag, view.find("Audio").attrib) == ("View", {"name": "audio", "value": "$audio"})
    results = [
        result
        for task in tasks
        for group in (*task.get("annotations", []), *task.get("predictions", []))
        for result in group["result"]
    ]
    assert len(results) == 3
    for result in results:
        kind, to_name, values = offered[result["from_name"]]
        assert (kind, to_name) == (result["type"], result["to_name"])
        assert set(result["value"][kind]) <= values


def test_the_interface_of_whole_recordings_is_that_of_the_format():
    assert labelling_config(["dog", 'a "b" & <c>']) == (
        '<View><Audio name="audio" value="$audio"/><Choices name="label" toName="audio" choice="single">'
        '<Choice value="dog"/><Choice value=\'a "b" &amp; &lt;c&gt;\'/></Choices></View>'
    )


def test_where_all_are_stretches_their_regions_are_the_label(datasets, tmp_path):
    dataset = datasets.new("stretches")
    add(dataset, "url,label,start,end\nhttp://h/1.wav,dog,0,1\n")
    report = formats.write(dataset, "label_studio", tmp_path / "out.json")
    task = json.loads((tmp_path / "out.json").read_text())[0]

    assert task["annotations"][0]["result"][0]["from_name"] == "label"
    assert report.labelling_config == (
        '<View><Audio name="audio" value="$audio"/><Labels name="label" toName="audio" choice="single">'
        '<Label value="dog"/></Labels></View>'
    )


def test_a_labelled_stretch_without_a_known_end_is_named(dataset, tmp_path):
    dataset.annotate([3], "cat", how="heard")
    report = formats.write(dataset, "label_studio", tmp_path / "again.json")

    assert [group.names for group in report.left_out.values()] == [["d.wav 3–end s"]]
    hear(dataset, {3: 2.0})
    formats.write(dataset, "label_studio", tmp_path / "heard.json")
    task = json.loads((tmp_path / "heard.json").read_text())[3]
    assert task["annotations"][0]["result"][0]["value"] == {"start": 3.0, "end": 5.0, "channel": 0, "labels": ["cat"]}


def test_references_stay_here_also_those_in_a_column_of_the_table(datasets, tmp_path):
    dataset = datasets.new("graded")
    add(dataset, "url,category,note\nhttp://h/1.wav,secretive,x\n", raw_labels="reference")
    report = formats.write(dataset, "label_studio", tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text()

    assert "secretive" not in text
    assert '"note": "x"' in text
    assert report.notes == ["The column “category” stays here: it holds the labels that were set aside."]


def test_a_column_that_is_called_as_ours_gets_another_name_and_the_report_says_so(datasets, tmp_path):
    dataset = datasets.new("clash")
    add(dataset, "url,clip_id,kind\nhttp://h/1.wav,17,small\n")
    report = formats.write(dataset, "label_studio", tmp_path / "out.json")
    task = json.loads((tmp_path / "out.json").read_text())[0]

    assert task["data"]["clip_id (table)"] == 17
    assert report.notes == ["The column “clip_id” is called “clip_id (table)” there: we have one of that name."]
