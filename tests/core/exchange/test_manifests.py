"""NeMo, ESC-50 and perch-hoplite: what a line holds, and that it comes in again."""

import csv
import io
import json

import pytest

from hover_core.exchange import formats
from hover_core.exchange.selection import SelectedClips, Selection
from hover_core.exchange.standing_verdicts import standing_verdicts
from hover_core.store.database import Store
from hover_core.tables.columns import Columns
from hover_core.tables.intake import plan_intake
from hover_core.workspace.datasets import Datasets
from tests.core.exchange.adding import add, hear, read

TABLE = """url,SUBSET,label,start,end,speaker
https://h/audio/a.wav,train,dog,0.5,1.5,ann
https://h/audio/a.wav,test,cat,2,3,ann
https://h/audio/deep/b%C3%A9.wav,dev,=owl,,,ben
https://h/audio/c.wav,raw,,,,
https://h/audio/d.wav,train,dog,,,
"""


@pytest.fixture
def dataset(datasets):
    made = datasets.new("barks")
    add(made, TABLE)
    hear(made, {2: 1.25})
    return made


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# NeMo -----------------------------------------------------------------------------------------------------------------


def test_a_nemo_line_has_address_offset_duration_and_label(dataset):
    lines = [json.loads(line) for line in formats.preview(dataset, "nemo").splitlines()]

    assert [{key: line.get(key) for key in ("audio_filepath", "offset", "duration", "label")} for line in lines] == [
        {"audio_filepath": "https://h/audio/a.wav", "offset": 0.5, "duration": 1.0, "label": "dog"},
        {"audio_filepath": "https://h/audio/a.wav", "offset": 2.0, "duration": 1.0, "label": "cat"},
        {"audio_filepath": "https://h/audio/deep/b%C3%A9.wav", "offset": None, "duration": 1.25, "label": "=owl"},
    ]


def test_a_clip_whose_length_nobody_knows_is_named_and_not_in_the_nemo_manifest(dataset, tmp_path):
    report = formats.write(dataset, "nemo", tmp_path / "out.json")

    reason = "nobody knows yet how long it is: listen to it once, or vectorize the dataset"
    assert report.left_out[reason].names == ["d.wav"]
    assert all("duration" in json.loads(line) for line in (tmp_path / "out.json").read_text().splitlines())


@pytest.mark.parametrize(("duration", "found"), [("0.75", 0.75), ("unknown", None), ("-1", None), ("nan", None)])
def test_a_duration_of_the_table_counts_where_it_is_one(datasets, duration, found):
    dataset = datasets.new("x")
    add(dataset, f"url,label,duration\nhttp://h/1.wav,dog,{duration}\n")

    assert [row.length_s for row in SelectedClips(dataset, Selection()).rows()] == [found]


def test_the_duration_of_a_recording_is_not_taken_for_that_of_a_stretch_to_its_end(datasets):
    dataset = datasets.new("x")
    add(dataset, "url,label,start,duration\nhttp://h/1.wav,dog,5,60\n")

    assert formats.preview(dataset, "nemo") == ""


# ESC-50 ---------------------------------------------------------------------------------------------------------------


def test_esc50_numbers_labels_and_takes_the_group_for_the_source(dataset, tmp_path):
    report = formats.write(dataset, "esc50", tmp_path / "out.csv")

    assert cells((tmp_path / "out.csv").read_text()) == [
        {"filename": "deep/bé.wav", "fold": "2", "target": "0", "category": "'=owl", "esc10": "False",
         "src_file": "ben", "take": "A"},
        {"filename": "d.wav", "fold": "1", "target": "2", "category": "dog", "esc10": "False", "src_file": "",
         "take": "A"},
    ]  # fmt: skip
    assert report.notes == [
        "“=owl”: a ' stands before it in the file, so that no spreadsheet runs it; Upload takes it off again.",
        "The file names are relative to https://h/audio/: give it as the base address to read them again.",
        "`fold` is 1 for train, 2 for dev, 3 for test and 0 for raw: the table came without folds.",
    ]


def test_esc50_keeps_what_came_from_such_a_table(datasets):
    dataset = datasets.new("esc")
    table = "filename,fold,target,category,esc10,src_file,take\n1-1-A-0.wav,4,0,dog,True,100,B\n"
    add(dataset, table, base_url="https://h/audio")

    assert formats.preview(dataset, "esc50").replace("\r\n", "\n") == table


@pytest.mark.parametrize("name", ["a%2Fb.wav", "a.wav?x=1", "a%20b.wav", "%E9.wav"])
def test_an_esc50_file_name_leads_back_to_its_address_or_is_the_address(datasets, name):
    dataset = datasets.new("esc")
    add(dataset, f"url,label\nhttps://h/audio/{name},dog\nhttps://h/audio/z.wav,dog\n")
    written = cells(formats.preview(dataset, "esc50"))

    assert written[0]["filename"] == ("a b.wav" if name == "a%20b.wav" else f"https://h/audio/{name}")
    assert written[1]["filename"] == "z.wav"


def test_addresses_on_two_hosts_stay_whole_in_esc50(datasets):
    dataset = datasets.new("esc")
    add(dataset, "url,label\nhttps://one/a.wav,dog\nhttps://two/a.wav,dog\n")

    assert [row["filename"] for row in cells(formats.preview(dataset, "esc50"))] == [
        "https://one/a.wav", "https://two/a.wav",
    ]  # fmt: skip


def test_an_esc50_table_comes_in_again_as_the_same_clips(dataset, tmp_path):
    formats.write(dataset, "esc50", tmp_path / "out.csv")
    table = read(tmp_path / "out.csv")
    intake = plan_intake(
        table, Columns(audio="filename", label="category", group="src_file"), base_url="https://h/audio/"
    )

    assert [(clip.label, clip.group) for clip in intake.clips] == [("=owl", "ben"), ("dog", "")]
    assert intake.clips[1].clip_id == dataset.clips()["clip_id"].iloc[4]


# perch-hoplite --------------------------------------------------------------------------------------------------------


def test_hoplite_has_windows_and_what_was_said_of_them(dataset):
    dataset.annotate([0], "fox", how="heard", verdict="no")
    dataset.annotate([3], "owl", how="heard", verdict="unsure")
    hear(dataset, {3: 2.0})

    assert formats.preview(dataset, "perch_hoplite").replace("\r\n", "\n") == (
        "recording,start_offset_s,end_offset_s,label,label_type\n"
        "https://h/audio/a.wav,0.5,1.5,dog,positive\n"
        "https://h/audio/a.wav,0.5,1.5,fox,negative\n"
        "https://h/audio/a.wav,2,3,cat,positive\n"
        "https://h/audio/deep/b%C3%A9.wav,0,1.25,'=owl,positive\n"
        "https://h/audio/c.wav,0,2,owl,uncertain\n"
    )


def test_a_hoplite_table_comes_in_again_as_the_same_stretches(dataset, tmp_path):
    formats.write(dataset, "perch_hoplite", tmp_path / "out.csv")
    copy = dataset.resources.new("copy")
    table = read(tmp_path / "out.csv")
    columns = Columns(audio="recording", label="label", start="start_offset_s", end="end_offset_s")
    copy.add(copy.plan(table, columns))

    assert copy.clips()["clip_id"].tolist()[:2] == dataset.clips()["clip_id"].tolist()[:2]
    assert copy.state().label_names().tolist() == ["dog", "cat", "=owl"]


def test_the_latest_word_about_a_label_counts_on_both_databases(database_url):
    opened = Datasets(Store(database_url))
    dataset = opened.new("said")
    add(dataset, "url,label\n" + "".join(f"http://h/{n}.wav,dog\n" for n in range(6)))
    dataset.annotate([0, 1, 2], "cat", how="heard", verdict="no")
    dataset.annotate([1], "cat", how="heard", verdict="unsure")
    dataset.annotate([2], "cat", how="heard")
    dataset.undo(dataset.annotate([3], "cat", how="heard", verdict="no").batch_id)
    dataset.annotate([4], "dog", how="lasso", verdict="no")
    dataset.annotate([5], "cat", how="lasso", verdict="unsure")

    assert standing_verdicts(SelectedClips(dataset, Selection())) == {
        0: [("cat", "no")],
        1: [("cat", "unsure")],
        4: [("dog", "no")],
        5: [("cat", "unsure")],
    }
    heard = Selection(hows=("heard",))
    assert list(standing_verdicts(SelectedClips(dataset, heard))) == [0, 1]
    opened.close()
