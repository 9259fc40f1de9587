"""All formats: what each says of itself, its first rows, what is left out, and files that are whole or not there."""

import json

import pytest

from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import Cancelled, NotAllowed, Refused
from hover_core.exchange import formats
from hover_core.exchange.export import export_table, to_bytes
from hover_core.exchange.formats import FORMATS
from hover_core.exchange.selection import AT_ONCE
from tests.core.exchange.adding import add, hear, read

TABLE = """url,SUBSET,label,start,end,speaker,note
http://h/night/a.wav,train,dog,0.5,1.5,ann,=1+1
http://h/night/a.wav,test,cat,2,3,ann,
http://h/b.wav,dev,"great, tit",,,ben,"x
y"
http://h/c.wav,raw,,,,,007
"""
TEXT = [key for key in FORMATS if key not in ("audiofolder", "audiofolder_zip")]


@pytest.fixture
def dataset(datasets):
    made = datasets.new("barks")
    add(made, TABLE)
    hear(made, {2: 1.25})
    return made


def test_every_format_says_what_it_is_for_and_what_it_loses_in_one_sentence_each():
    for format in FORMATS.values():
        for sentence in (format.purpose, format.cannot_carry):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert ". " not in sentence


def test_the_formats_are_these():
    assert {key: format.ending for key, format in FORMATS.items()} == {
        "csv": ".csv", "parquet": ".parquet", "jsonl": ".jsonl", "audiofolder": "", "audiofolder_zip": ".zip",
        "label_studio": ".json", "audacity": ".zip", "raven": ".zip", "nemo": ".json", "esc50": ".csv",
        "perch_hoplite": ".csv",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["csv", "jsonl", "nemo", "esc50", "perch_hoplite"])
def test_a_preview_is_the_beginning_of_the_file(dataset, tmp_path, key):
    formats.write(dataset, key, tmp_path / "out")
    written = (tmp_path / "out").read_bytes().decode()

    assert formats.preview(dataset, key, 50) == written
    assert written.startswith(formats.preview(dataset, key, 1))
    assert len(formats.preview(dataset, key, 1)) < len(written) or key == "esc50"  # it has one row


@pytest.mark.parametrize("key", list(FORMATS))
def test_an_empty_dataset_has_a_preview_and_a_file_in_every_format(datasets, tmp_path, key):
    empty = datasets.new("empty")
    formats.preview(empty, key)
    report = formats.write(empty, key, tmp_path / "out")

    assert (report.clips, report.clips_left_out) == (0, 0)
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("key", TEXT)
def test_every_clip_is_written_or_named_as_left_out(dataset, tmp_path, key):
    report = formats.write(dataset, key, tmp_path / "out")

    assert report.clips + report.clips_left_out == 4
    assert sorted(report.sentences()) == sorted(set(report.sentences()))


def test_what_is_left_out_is_named_with_its_reason(dataset, tmp_path):
    report = formats.write(dataset, "esc50", tmp_path / "out.csv")

    assert report.clips == 1
    assert {reason: (group.positions.tolist(), group.names) for reason, group in report.left_out.items()} == {
        "it is a stretch, and this format names whole files alone": ([0, 1], ["a.wav 0.5–1.5 s", "a.wav 2–3 s"]),
        "it has no label": ([3], ["c.wav"]),
    }
    assert report.sentences()[:3] == [
        "1 clip was written.",
        "2 clips were left out: it is a stretch, and this format names whole files alone "
        "(a.wav 0.5–1.5 s, a.wav 2–3 s).",
        "1 clip was left out: it has no label (c.wav).",
    ]


@pytest.mark.parametrize("key", ["csv", "jsonl"])
def test_a_file_of_our_table_is_what_the_table_in_memory_makes(dataset, tmp_path, key):
    formats.write(dataset, key, tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == to_bytes(export_table(dataset), key)


def test_a_parquet_file_of_our_table_reads_as_the_csv_does(dataset, tmp_path):
    for key in ("csv", "parquet"):
        formats.write(dataset, key, tmp_path / f"out.{key}")
    of_csv, of_parquet = (
        read(tmp_path / f"out.{key}").frame.drop(columns="annotated_at") for key in ("csv", "parquet")
    )

    assert of_parquet.to_dict("list") == of_csv.to_dict("list")
    assert len(of_csv) == 4


@pytest.mark.parametrize("key", TEXT)
def test_a_label_that_is_spelled_in_another_way_is_said_where_it_is(dataset, tmp_path, key):
    dataset.annotate([1], "-x", how="heard")
    report = formats.write(dataset, key, tmp_path / "out")
    is_said = any(note.startswith("“-x”: a ' stands before it in the file") for note in report.notes)

    assert is_said == (key in ("csv", "raven", "esc50", "perch_hoplite"))


def test_a_selection_of_subsets_and_ways_counts_in_every_format(dataset, tmp_path):
    dataset.annotate([3], "owl", how="heard")
    report = formats.write(dataset, "jsonl", tmp_path / "out", subsets=("raw", "dev"), hows=("heard",))
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]

    assert report.clips == 2
    assert [(row["SUBSET"], row["label"]) for row in rows] == [("dev", ""), ("raw", "owl")]


def test_more_clips_than_are_read_at_a_time_come_out_in_order(datasets, tmp_path):
    dataset = datasets.new("many")
    count = 2 * AT_ONCE + 3
    add(dataset, "url,SUBSET\n" + "".join(f"http://h/{n}.wav,{'test' if n % 3 else 'dev'}\n" for n in range(count)))
    report = formats.write(dataset, "csv", tmp_path / "out.csv", subsets=("dev",))
    urls = read(tmp_path / "out.csv").frame["audio"].tolist()

    assert report.clips == 6668
    assert urls == [f"http://h/{n}.wav" for n in range(0, count, 3)]


def test_progress_counts_every_clip(dataset, tmp_path):
    seen = []
    formats.write(dataset, "raven", tmp_path / "out.zip", progress=lambda done, total: seen.append((done, total)))

    assert seen[-1] == (4, 4)


def test_nothing_stays_of_an_export_that_was_cancelled_and_the_older_file_does(dataset, tmp_path):
    (tmp_path / "out.csv").write_text("older")

    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        formats.write(dataset, "csv", tmp_path / "out.csv", progress=cancel)

    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".csv" or "part" in path.name] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "older"


def test_a_folder_that_is_there_is_not_overwritten(dataset, tmp_path):
    (tmp_path / "out").mkdir()

    with pytest.raises(Refused, match="is there already: choose another name"):
        formats.write(dataset, "audiofolder", tmp_path / "out")


def test_a_target_without_a_folder_is_refused(dataset, tmp_path):
    with pytest.raises(Refused, match=r"there is no folder .*nowhere: make it first"):
        formats.write(dataset, "csv", tmp_path / "nowhere" / "out.csv")


def test_an_unknown_format_is_refused_with_the_ones_that_there_are(dataset):
    with pytest.raises(Refused, match="“xlsx” is no format to export to: use csv, parquet, jsonl, audiofolder"):
        formats.preview(dataset, "xlsx")


def test_an_annotator_can_neither_write_nor_preview(dataset, tmp_path):
    theirs = dataset.resources.open(dataset.id, by=Person("Ann", ANNOTATOR, dataset.id))

    with pytest.raises(NotAllowed):
        formats.preview(theirs, "csv")
    with pytest.raises(NotAllowed):
        formats.write(theirs, "csv", tmp_path / "out.csv")


@pytest.mark.parametrize("key", TEXT)
def test_no_password_goes_out(dataset, tmp_path, key):
    from sqlalchemy import text

    with dataset.store.write() as connection:  # as tables were read before
        connection.execute(
            text("UPDATE clips SET url = :u, extra = :e WHERE position = 2"),
            {"u": "https://me:s3cret@h/b.wav", "e": '{"url": "https://me:s3cret@h/b.wav", "note": "x"}'},
        )
    formats.write(dataset, key, tmp_path / "out")
    shown = formats.preview(dataset, key, 10)

    assert "s3cret" not in shown
    assert b"s3cret" not in (tmp_path / "out").read_bytes()
