"""Label Studio's exports: tasks, JSON-MIN and CSV."""

import json

import pytest

from hover_core.tables.meaning.understand import understand
from tests.benchmarks.tables import meanings
from tests.core.tables.meaning.rows_of import asked, cells, decision, flat_json, roles, values, with_header


def task(number: int, *results: dict, **more) -> dict:
    annotation = {"id": number, "completed_by": {"email": "ann@h"}, "result": list(results)}
    data = {"audio": f"http://h/{number}.wav"}
    return {"id": number, "data": data, "annotations": [annotation], "predictions": [], **more}


def choice(word: str, question: str = "label") -> dict:
    return {"from_name": question, "to_name": "audio", "type": "choices", "value": {"choices": [word]}}


def region(start: float, end: float, word: str, number: str) -> dict:
    value = {"start": start, "end": end, "channel": 0, "labels": [word]}
    return {"id": number, "from_name": "event", "to_name": "audio", "type": "labels", "value": value}


def test_choices_of_label_studio_are_labels():
    found = understand(flat_json([task(1, choice("Dog")), task(2, choice("Cat"))]))

    assert roles(found.columns) == {"audio": "data.audio", "label": "annotation.label"}
    assert cells(found.table, "data.audio", "annotation.label", "annotation.annotator") == [
        ("http://h/1.wav", "Dog", "ann@h"), ("http://h/2.wav", "Cat", "ann@h"),
    ]  # fmt: skip


def test_regions_of_label_studio_are_rows_with_the_number_of_their_task():
    found = understand(flat_json([
        task(1, region(0.5, 1.5, "Dog", "a"), region(2, 3.25, "Cat", "b")), task(2), task(3, region(0, 1, "Dog", "c")),
    ]))  # fmt: skip

    assert found.table.rows == [1, 1, 2, 3]
    assert cells(found.table, "data.audio", "annotation.start", "annotation.end", "annotation.event") == [
        ("http://h/1.wav", "0.5", "1.5", "Dog"), ("http://h/1.wav", "2", "3.25", "Cat"),
        ("http://h/2.wav", "", "", ""), ("http://h/3.wav", "0", "1", "Dog"),
    ]  # fmt: skip
    assert roles(found.columns) == {
        "audio": "data.audio", "start": "annotation.start", "end": "annotation.end", "label": "annotation.event",
    }  # fmt: skip
    assert "3 tasks became 4 rows" in decision(found, "format").sentence


def test_the_annotations_of_a_task_stay_in_its_first_row():
    entries = [task(1, region(0.5, 1.5, "Dog", "a"), region(2, 3.25, "Cat", "b"))]
    found = understand(flat_json(entries))

    assert [bool(cell) for cell in found.table.frame["annotations"]] == [True, False]
    assert json.loads(found.table.frame["annotations"][0]) == entries[0]["annotations"]


def test_what_is_said_of_one_region_stands_in_one_row():
    value = {"start": 0.5, "end": 1.5, "choices": ["loud"]}
    loud = {"id": "a", "from_name": "level", "to_name": "audio", "type": "choices", "value": value}
    text = {"id": "a", "from_name": "words", "type": "textarea", "value": {"start": 0.5, "end": 1.5, "text": ["woof"]}}
    found = understand(flat_json([task(1, region(0.5, 1.5, "Dog", "a"), loud, text)]))

    assert cells(found.table, "annotation.event", "annotation.level", "annotation.words") == [("Dog", "loud", "woof")]
    assert asked(found) == ["label"]
    assert values(decision(found, "label")) == ["annotation.event", "annotation.level", ""]


def test_answers_to_two_questions_are_asked_about():
    found = understand(flat_json([task(1, choice("Dog", "animal"), choice("good", "quality"))]))

    assert (asked(found), found.columns.label) == (["label"], "annotation.animal")


def test_predictions_of_label_studio_are_no_labels():
    found = understand(flat_json([task(1, predictions=[{"result": [choice("Dog")], "score": 0.9}])]))

    assert found.columns.label == ""
    assert decision(found, "predictions").sentence == (
        "1 task has predictions: they stay in “predictions” and are no labels"
    )


def test_skipped_annotations_are_said():
    entry = task(1, choice("Dog"))
    entry["annotations"][0]["was_cancelled"] = True
    found = understand(flat_json([entry, task(2, choice("Cat"))]))

    assert found.table.frame["annotation.label"].tolist() == ["", "Cat"]
    assert decision(found, "skipped").sentence == "1 annotation was skipped by the annotator: no label comes from there"


def test_two_annotators_of_a_task_are_two_rows():
    entry = task(1, choice("Dog"))
    entry["annotations"].append({"id": 9, "completed_by": 4, "result": [choice("Cat")]})
    found = understand(flat_json([entry]))

    assert cells(found.table, "annotation.label", "annotation.annotator") == [("Dog", "ann@h"), ("Cat", "4")]
    assert decision(found, "label_twice").value == "first"


def test_several_choices_of_one_question_are_a_list():
    entry = task(1)
    entry["annotations"][0]["result"] = [{**choice("Dog"), "value": {"choices": ["Dog", "Wind"]}}]
    found = understand(flat_json([entry]))

    assert found.table.frame["annotation.label"].tolist() == ['["Dog", "Wind"]']
    assert decision(found, "label_list").value == "first"


def test_an_id_that_our_export_wrote_into_a_task_names_the_clip():
    entry = task(1, choice("Dog"))
    entry["data"]["clip_id"] = "0123456789abcdef0123"
    assert understand(flat_json([entry])).columns.own_id == "data.clip_id"


def test_a_stretch_of_ours_without_a_region_stays_a_stretch():
    entries = [task(1, region(0.5, 1.5, "Dog", "a")), task(2)]
    for number, entry in enumerate(entries):
        entry["data"] |= {"clip_id": f"{number:020x}", "start": 0.5 + number, "end": 1.5 + number}
    found = understand(flat_json(entries))

    assert [(row.start_s, row.end_s, row.label) for row in meanings(found)] == [(0.5, 1.5, "Dog"), (1.5, 2.5, "")]


def test_labels_beside_ids_of_ours_are_names_that_somebody_gave():
    text = "audio_filepath,offset,duration,label,id\na.wav,0,1,NA,00000000000000000001\n"
    found = understand(with_header(text + "a.wav,1,1,x;y,00000000000000000002\na.wav,2,1,x,00000000000000000003\n"))

    assert [row.label for row in meanings(found)] == ["NA", "x;y", "x"]


def test_json_min_has_choices_or_regions():
    rest = {"annotator": 1, "annotation_id": 9, "lead_time": 2.5}
    regions = [{"start": 0.5, "end": 1.5, "labels": ["Speech"]}, {"start": 2, "end": 3, "labels": ["Noise"]}]
    chosen = understand(flat_json([{"audio": "http://h/0.wav", "id": 0, "choice": "Dog", **rest}]))
    found = understand(flat_json([{"audio": "http://h/0.wav", "id": 0, "label": regions, **rest}]))

    assert roles(chosen.columns) == {"audio": "audio", "label": "choice"}
    assert cells(found.table, "annotation.start", "annotation.label") == [("0.5", "Speech"), ("2", "Noise")]


def test_one_choice_and_several_choices_of_json_min_are_one_column():
    rest = {"annotator": 1, "annotation_id": 9, "lead_time": 2.5}
    found = understand(flat_json([
        {"audio": "http://h/0.wav", "choice": "Dog", **rest},
        {"audio": "http://h/1.wav", "choice": {"choices": ["Dog", "Wind"]}, **rest},
    ]))  # fmt: skip

    assert found.columns.label == "annotation.choice"
    assert found.table.frame["annotation.choice"].tolist() == ["Dog", '["Dog", "Wind"]']


def test_annotations_that_cannot_be_read_are_said():
    table = with_header("id,data.audio,annotations\n1,http://h/1.wav,not json\n2,http://h/2.wav,[7]\n")

    assert decision(understand(table), "unread").sentence.startswith("2 cells hold annotations that cannot be read")


@pytest.mark.parametrize("word", ["NA", "-", "a;b", "[a, b]", '{"choices": ["x"]}', "None"])
def test_a_choice_of_label_studio_is_a_label_whatever_it_looks_like(word):
    found = understand(flat_json([task(1, choice(word)), task(2, choice("a")), task(3, choice("b"))]))

    assert [row.label for row in meanings(found)] == [word, "a", "b"]
