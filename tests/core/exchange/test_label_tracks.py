"""Audacity and Raven: a file a recording, read by crowsetta and by ourselves."""

import csv
import io
import zipfile

import crowsetta
import pytest

from hover_core.exchange import formats
from hover_core.tables.columns import Columns
from tests.core.exchange.adding import add, hear, read

TABLE = """url,label,start,end
https://h/night/a.wav,great tit,2,3
https://h/day/a.wav,wren,0,1.5
https://h/night/a.wav,wren,0.5,1.25
https://h/b.flac,owl,,
https://h/c.wav,,1,2
https://h/d.wav,owl,,
"""


@pytest.fixture
def dataset(datasets):
    made = datasets.new("birds")
    add(made, TABLE)
    hear(made, {3: 4.5}, rate=32_000)
    return made


def unpack(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        return archive.namelist()


def rows(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_each_recording_has_a_file_of_its_own_also_where_two_are_called_the_same(dataset, tmp_path):
    formats.write(dataset, "audacity", tmp_path / "out.zip")

    assert unpack(tmp_path / "out.zip", tmp_path / "out") == ["b.txt", "a.txt", "a (2).txt", "recordings.csv"]
    assert rows(tmp_path / "out" / "recordings.csv") == [
        {"file": "b.txt", "audio": "https://h/b.flac"},
        {"file": "a.txt", "audio": "https://h/day/a.wav"},
        {"file": "a (2).txt", "audio": "https://h/night/a.wav"},
    ]


def test_audacity_lines_have_six_decimals_and_come_in_the_order_of_time(dataset, tmp_path):
    formats.write(dataset, "audacity", tmp_path / "out.zip")
    unpack(tmp_path / "out.zip", tmp_path / "out")

    assert (tmp_path / "out" / "a (2).txt").read_bytes() == (
        b"0.500000\t1.250000\twren\n2.000000\t3.000000\tgreat tit\n"
    )
    assert (tmp_path / "out" / "b.txt").read_bytes() == b"0.000000\t4.500000\towl\n"


def test_crowsetta_reads_the_audacity_file(dataset, tmp_path):
    formats.write(dataset, "audacity", tmp_path / "out.zip")
    unpack(tmp_path / "out.zip", tmp_path / "out")
    found = crowsetta.formats.seq.AudSeq.from_file(tmp_path / "out" / "a (2).txt")

    assert found.start_times.tolist() == [0.5, 2.0]
    assert found.end_times.tolist() == [1.25, 3.0]
    assert found.labels.tolist() == ["wren", "great tit"]


def test_crowsetta_reads_the_raven_file(dataset, tmp_path):
    formats.write(dataset, "raven", tmp_path / "out.zip")
    unpack(tmp_path / "out.zip", tmp_path / "out")
    found = crowsetta.formats.bbox.Raven.from_file(
        tmp_path / "out" / "a (2).selections.txt", annot_col="Annotation"
    ).to_bbox()

    assert [(box.onset, box.offset, box.low_freq, box.high_freq, box.label) for box in found] == [
        (0.5, 1.25, 0.0, 24_000.0, "wren"),
        (2.0, 3.0, 0.0, 24_000.0, "great tit"),
    ]


def test_a_raven_table_begins_with_the_columns_of_the_format(dataset, tmp_path):
    formats.write(dataset, "raven", tmp_path / "out.zip")
    unpack(tmp_path / "out.zip", tmp_path / "out")
    header, first = (tmp_path / "out" / "b.selections.txt").read_text().splitlines()

    assert header.split("\t") == [
        "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)",
        "Annotation", "Begin Path", "Clip ID",
    ]  # fmt: skip
    # half the sample rate of a recording that was heard
    assert first.split("\t")[:-1] == [
        "1", "Spectrogram 1", "1", "0.000000", "4.500000", "0.0", "16000.0", "owl", "https://h/b.flac",
    ]  # fmt: skip


def test_the_frequencies_of_a_raven_table_go_out_again(datasets):
    dataset = datasets.new("boxes")
    add(dataset, "url,label,start,end,Low Freq (Hz),High Freq (Hz)\nhttp://h/a.wav,wren,0,1,2878.2,4049\n")
    line = formats.preview(dataset, "raven").splitlines()[2]

    assert line.split("\t")[5:7] == ["2878.2", "4049.0"]


def test_clips_without_a_label_or_a_known_end_are_named(dataset, tmp_path):
    report = formats.write(dataset, "audacity", tmp_path / "out.zip")

    assert report.clips == 4
    assert {reason: group.names for reason, group in report.left_out.items()} == {
        "it has no label": ["c.wav 1–2 s"],
        "nobody knows yet how long it is: listen to it once, or vectorize the dataset": ["d.wav"],
    }


def test_a_raven_table_comes_in_again_as_the_same_stretches(dataset, tmp_path):
    formats.write(dataset, "raven", tmp_path / "out.zip")
    unpack(tmp_path / "out.zip", tmp_path / "out")
    copy = dataset.resources.new("copy")
    columns = Columns(audio="Begin Path", label="Annotation", start="Begin Time (s)", end="End Time (s)")
    copy.add(copy.plan(read(tmp_path / "out" / "a (2).selections.txt"), columns))

    assert copy.clips()["clip_id"].tolist() == [dataset.clips()["clip_id"].iloc[at] for at in (2, 0)]
    assert copy.state().label_names().tolist() == ["wren", "great tit"]


def test_names_that_no_file_can_have_are_changed(datasets, tmp_path):
    dataset = datasets.new("odd")
    names = ["", "%3Cx%3E.wav", "A.wav", "a.wav", "..%5Cup.wav", f"{'n' * 300}.wav", "recordings.wav"]
    add(dataset, "url,label,start,end\n" + "".join(f"http://h/{name},dog,0,1\n" for name in names))
    formats.write(dataset, "raven", tmp_path / "out.zip")
    written = unpack(tmp_path / "out.zip", tmp_path / "out")

    assert sorted(written) == sorted(
        ["recording.selections.txt", "_x_.selections.txt", "A.selections.txt", "a (2).selections.txt",
         "up.selections.txt", f"{'n' * 120}.selections.txt", "recordings.selections.txt", "recordings.csv"]
    )  # fmt: skip


def test_a_preview_shows_the_first_files(dataset):
    assert formats.preview(dataset, "audacity", 2) == (
        "b.txt:\n0.000000\t4.500000\towl\n\na.txt:\n0.000000\t1.500000\twren\n"
    )
