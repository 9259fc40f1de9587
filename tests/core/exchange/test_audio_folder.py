"""AudioFolder: sound and splits that `datasets` loads, whatever the labels are, and what is said of missing sound."""

import json
import zipfile

import datasets as hugging_face
import numpy as np
import pytest
import soundfile

from hover_core.exchange import formats
from hover_core.tables.columns import Columns
from tests import sounds
from tests.core.exchange.adding import add, read
from tests.servers import SoundServer

FILES = {
    "/a.wav": sounds.encode(np.concatenate([sounds.silence(1.0, 8_000), sounds.tone(440, 1.0, 8_000)]), 8_000),
    "/b.flac": sounds.encode(sounds.tone(rate=8_000, seconds=0.5), 8_000, form="flac"),
    "/c.ogg": sounds.encode(sounds.tone(rate=8_000, seconds=0.5), 8_000, form="ogg"),
    "/page.wav": b"<html>sign in</html>",
}


@pytest.fixture
def server():
    with SoundServer(FILES) as started:
        yield started


@pytest.fixture
def made(datasets, hover_data, server):
    """Makes a dataset of rows `path,SUBSET,label,start,end` with further columns."""

    def make(rows: str, columns: str = "") -> object:
        dataset = datasets.new(f"sounds {len(datasets.store.datasets())}")
        dataset.change_settings(allowed_hosts=[server.host_port])
        header = f"address,SUBSET,label,start,end{columns}"
        table = "\n".join([header, *(server.url(f"/{row.strip()}") for row in rows.strip().splitlines())])
        add(dataset, table.replace("address", "uri", 1))
        return dataset

    return make


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a folder as `datasets` does, without decoding: the name of each file and a label, by split."""
    # it imports torch before it takes a path as it is
    monkeypatch.setattr(hugging_face.Audio, "encode_example", lambda _, path: {"bytes": None, "path": path})

    def load(*where, **how):
        found = hugging_face.load_dataset(*where, **how, cache_dir=str(tmp_path / "cache"))
        return {
            split: [
                (row["audio"]["path"].rpartition("/")[2], row["label"])
                for row in found[split].cast_column("audio", hugging_face.Audio(decode=False))
            ]
            for split in found
        }

    return load


ROWS = """
a.wav,train,dog,1,2
a.wav,test,cat,0,0.5
b.flac,train,cat,0,0.25
c.ogg,dev,dog,0.1,0.5
"""


def test_datasets_loads_splits_and_labels_from_a_csv_table(made, load, tmp_path):
    report = formats.write(made(ROWS), "audiofolder", tmp_path / "out")

    assert (report.clips, report.notes) == (4, [])
    assert {path.name for path in (tmp_path / "out").rglob("metadata.*")} == {"metadata.csv"}
    expected = {
        "train": [("0000000.wav", "dog"), ("0000002.wav", "cat")],
        "validation": [("0000003.wav", "dog")],
        "test": [("0000001.wav", "cat")],
    }
    assert load("audiofolder", data_dir=str(tmp_path / "out")) == expected
    assert load(str(tmp_path / "out")) == expected


def test_a_stretch_is_cut_to_a_file_of_its_own(made, tmp_path):
    formats.write(made(ROWS), "audiofolder", tmp_path / "out")
    samples, rate = soundfile.read(tmp_path / "out" / "train" / "0000000.wav")
    quiet, _ = soundfile.read(tmp_path / "out" / "test" / "0000001.wav")

    assert (rate, len(samples), len(quiet)) == (8_000, 8_000, 4_000)
    assert np.abs(samples).max() > 0.4
    assert np.abs(quiet).max() == 0


def test_a_whole_recording_goes_as_it_came(made, tmp_path):
    formats.write(made("b.flac,train,dog,,\nc.ogg,train,cat,,\na.wav,train,cat,,"), "audiofolder", tmp_path / "out")

    written = (tmp_path / "out" / "train").glob("0*")
    assert {path.name: path.read_bytes() for path in written} == {
        "0000000.flac": FILES["/b.flac"], "0000001.ogg": FILES["/c.ogg"], "0000002.wav": FILES["/a.wav"],
    }  # fmt: skip


def test_clips_without_sound_are_named_and_the_rest_goes_on(made, load, tmp_path):
    dataset = made("gone.wav,train,dog,,\na.wav,train,dog,,\npage.wav,train,dog,,\na.wav,train,dog,7,8")
    report = formats.write(dataset, "audiofolder", tmp_path / "out")

    assert report.clips == 1
    assert sorted(name for group in report.left_out.values() for name in group.names) == [
        "a.wav 7–8 s", "gone.wav", "page.wav",
    ]  # fmt: skip
    assert any("HTTP 404" in reason for reason in report.left_out)
    assert load(str(tmp_path / "out")) == {"train": [("0000001.wav", "dog")]}


def test_each_recording_is_fetched_once(made, server, tmp_path):
    formats.write(made(ROWS), "audiofolder", tmp_path / "out")

    assert server.count["/a.wav"] == 1


def test_raw_clips_are_a_split_of_the_whole_folder_and_the_report_says_so(made, load, tmp_path):
    report = formats.write(made(ROWS + "b.flac,raw,,0,0.1\n"), "audiofolder", tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").rglob("metadata.*")} == {"metadata.jsonl"}
    assert report.notes == [
        "The tables are metadata.jsonl: from metadata.csv `datasets` would read some cells as something else.",
        'load_dataset("audiofolder", …) sees train, validation and test alone; load_dataset with the path of the '
        "folder has them as raw.",
    ]
    found = load(str(tmp_path / "out"))
    assert {split: len(rows) for split, rows in found.items()} == {"raw": 1, "train": 2, "validation": 1, "test": 1}
    assert found["raw"] == [("0000004.wav", "")]


def test_where_all_clips_are_raw_datasets_calls_them_train(made, load, tmp_path):
    report = formats.write(made("a.wav,,dog,0,1"), "audiofolder", tmp_path / "out")

    assert load("audiofolder", data_dir=str(tmp_path / "out")) == {"train": [("0000000.wav", "dog")]}
    assert load(str(tmp_path / "out")) == {"raw": [("0000000.wav", "dog")]}
    assert report.notes == [
        'load_dataset("audiofolder", …) calls the clips train; load_dataset with the path of the folder has them as '
        "raw."
    ]


@pytest.mark.parametrize("name", ["=odd", '"new\r\nline"', "label (2)", "0", '" "', "file_name", "source_url"])
def test_columns_of_any_name_go_along(made, load, tmp_path, name):
    dataset = made("a.wav,train,dog,0,1,x\nb.flac,test,cat,0,0.5,y", f",{name}")
    formats.write(dataset, "audiofolder", tmp_path / "out")

    assert load(str(tmp_path / "out")) == {"train": [("0000000.wav", "dog")], "test": [("0000001.wav", "cat")]}


def test_a_sound_that_leaves_the_cache_meanwhile_is_named(made, tmp_path, monkeypatch):
    dataset = made("b.flac,train,dog,,\na.wav,train,cat,0,1")
    gone = tmp_path / "gone.flac"
    recording = dataset.sounds.recording
    monkeypatch.setattr(
        dataset.sounds, "recording", lambda of, at: (*recording(of, at)[:2], gone) if at == 0 else recording(of, at)
    )
    report = formats.write(dataset, "audiofolder", tmp_path / "out")

    assert (report.clips, report.clips_left_out) == (1, 1)
    assert [group.names for group in report.left_out.values()] == [["b.flac"]]


@pytest.mark.parametrize("label", ["NA", "None", "007", "=dog", "1e5", "True", "nan", "2024-05-01", "null", "-"])
def test_a_label_is_read_as_it_is_called(made, load, tmp_path, label):
    dataset = made(f"a.wav,train,{label},0,1\nb.flac,test,dog,0,0.5")
    formats.write(dataset, "audiofolder", tmp_path / "out")

    assert load("audiofolder", data_dir=str(tmp_path / "out")) == {
        "train": [("0000000.wav", label)],
        "test": [("0000001.wav", "dog")],
    }


def test_all_splits_have_the_same_columns_also_where_one_is_empty(made, load, tmp_path):
    dataset = made("a.wav,train,dog,0,1,7,x\nb.flac,test,dog,,,,", ",count,note")
    formats.write(dataset, "audiofolder", tmp_path / "out")

    assert load(str(tmp_path / "out"))["test"] == [("0000001.flac", "dog")]
    assert (tmp_path / "out" / "test" / "metadata.parquet").is_file()


def test_names_that_datasets_takes_for_files_are_changed_and_said(made, load, tmp_path):
    dataset = made("a.wav,train,dog,0,1,x.wav,big\nb.flac,train,cat,0,0.5,y.wav,big", ",video_file_name,subset")
    report = formats.write(dataset, "audiofolder", tmp_path / "out")
    header = (tmp_path / "out" / "train" / "metadata.csv").read_text().partition("\n")[0].split(",")

    assert "video_file_name (table)" in header
    assert "The column “video_file_name” is called “video_file_name (table)” there" in report.notes[0]
    assert load(str(tmp_path / "out"))["train"] == [("0000000.wav", "dog"), ("0000001.wav", "cat")]


def test_the_zip_holds_what_the_folder_does(made, tmp_path):
    dataset = made(ROWS)
    formats.write(dataset, "audiofolder", tmp_path / "out")
    formats.write(dataset, "audiofolder_zip", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}

    folder = tmp_path / "out"
    assert packed == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_table_leads_back_to_the_clips_that_it_was_made_of(made, tmp_path):
    dataset = made(ROWS)
    formats.write(dataset, "audiofolder", tmp_path / "out")
    copy = dataset.resources.new("copy")
    columns = Columns(audio="source_url", label="label", start="source_start", end="source_end", subset="subset")
    for split in ("train", "validation", "test"):
        copy.add(copy.plan(read(tmp_path / "out" / split / "metadata.csv"), columns))

    def known(of):
        state, ids = of.state(), of.clips()["clip_id"]
        return sorted(zip(ids, state.label_names(), state.subset.tolist(), strict=True))

    assert known(copy) == known(dataset)


def test_a_preview_fetches_nothing(made, server):
    shown = formats.preview(made(ROWS), "audiofolder", 2)

    assert shown.splitlines()[0].startswith("file_name,id,source_url,subset,label,source_start,source_end")
    assert [line.split(",")[0] for line in shown.splitlines()[1:]] == ["0000000.wav", "0000001.wav"]
    assert not server.count


def test_the_readme_names_the_splits(made, tmp_path):
    formats.write(made(ROWS), "audiofolder", tmp_path / "out")
    lines = (tmp_path / "out" / "README.md").read_text().splitlines()

    assert lines[0] == "---"
    assert [line.strip() for line in lines if "path:" in line] == [
        f"path: {json.dumps(name + '/**')}" for name in ("train", "validation", "test")
    ]
