"""Workbooks, compressed files and archives: which table of theirs is read, and what they may unpack to."""

import bz2
import contextlib
import gzip
import io
import lzma
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.tables.decisions import Reading
from hover_core.tables.reading import table_reader
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.foreign_files import read_table
from hover_core.tables.rows import RawTable
from tests.core.tables.reading.files import workbook, zip_file

TABLE = b"url,label\nhttp://h/1.wav,dog\nhttp://h/2.wav,cat\n"
ROWS = [["http://h/1.wav", "dog"], ["http://h/2.wav", "cat"]]


def packed(data: bytes) -> bytes:
    """Bytes in gzip, the same at any time: they name the cases of tests."""
    return gzip.compress(data, mtime=0)


def rows(read: RawTable) -> list[list[str]]:
    return read.frame.to_numpy().tolist()


def about(read: RawTable, word: str) -> list[tuple[str, str]]:
    return [(decision.value, decision.sentence) for decision in read.decisions if decision.about == word]


@pytest.mark.parametrize(("data", "name"), [
    (packed(TABLE), "a.csv.gz"),
    (packed(TABLE[:20]) + packed(TABLE[20:]), "two members.csv.gz"),
    (packed(TABLE.replace(b",", b"\t")), "a.tsv.gz"),
    (bz2.compress(TABLE), "a.csv.bz2"),
    (lzma.compress(TABLE), "a.csv.xz"),
    (zip_file({"a.csv": TABLE}), "a.zip"),
    (zip_file({"a.tsv": TABLE.replace(b",", b"\t")}), "a.tsv.zip"),
    (zip_file({"deep/a.csv.gz": packed(TABLE)}), "a.zip"),
    (zip_file({"a.xlsx": workbook({"clips": [["url", "label"], *ROWS]})}), "a.zip"),
    (zip_file({"__MACOSX/._a.csv": b"\x00\x05", ".DS_Store": b"x", "a.csv": TABLE}), "a.zip"),
], ids=lambda given: given if isinstance(given, str) else "")  # fmt: skip
def test_a_packed_table_is_read_like_the_table_itself(data, name):
    read = read_table(data, name)

    assert (list(read.frame.columns), rows(read), read.decisions) == (["url", "label"], ROWS, [])


def test_of_an_archive_the_one_table_is_read_and_the_rest_is_said_to_be_left_out():
    read = read_table(zip_file({"meta/clips.csv": TABLE, "audio/1.wav": b"RIFF", "README.txt": "hello"}), "a.zip")

    assert rows(read) == ROWS
    assert about(read, "member") == [
        ("meta/clips.csv", "Of the 3 files in the archive “meta/clips.csv” is read; 2 other files are left out")
    ]
    assert read.decisions[0].sure


def test_of_several_tables_a_person_says_which():
    archive = zip_file({"train.csv": TABLE, "test.csv": TABLE.replace(b"dog", b"owl")})
    read = read_table(archive, "a.zip")
    [decision] = read.decisions
    other = read_table(archive, "a.zip", reading=Reading(member="train.csv"))

    assert (decision.value, decision.sure, [choice.value for choice in decision.choices]) == (
        "test.csv", False, ["train.csv"],
    )  # fmt: skip
    assert rows(other) == ROWS
    assert other.decisions[0].sure


@pytest.mark.parametrize(("data", "sentence"), [
    (zip_file({"1.wav": b"RIFF", "notes.pdf": b"x"}), "an archive without a table in it .there are 1.wav, notes.pdf"),
    (zip_file({"a.zip": zip_file({"a.csv": TABLE})}), "an archive without a table"),
    (zip_file({"a.csv": zip_file({"a.csv": TABLE})}), "an archive in an archive"),
    (packed(TABLE)[:-12], "damaged or cut short"),
    (zip_file({"a.csv": TABLE})[:-30], "a spreadsheet or an archive, and damaged"),
    (packed(packed(packed(TABLE))), "packed more than 3 times"),
    (workbook({"empty": []}), "has no rows in any sheet"),
    (bytes(257) + b"ustar", "a tar archive: unpack it"),
])  # fmt: skip
def test_an_archive_without_a_table_says_so(data, sentence):
    with pytest.raises(TableError, match=sentence):
        read_table(data, "a")


def test_a_member_that_is_not_there_is_a_sentence():
    with pytest.raises(TableError, match=r"a\.zip has no file 'x.csv' in it"):
        read_table(zip_file({"a.csv": TABLE}), "a.zip", reading=Reading(member="x.csv"))


@pytest.mark.parametrize("pack", [packed, lambda data: zip_file({"a.csv": data}), bz2.compress, lzma.compress])
def test_a_small_file_that_unpacks_to_too_much_is_refused(monkeypatch, pack):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "1000000")
    data = pack(b"url\n" + b"x" * 5_000_000)

    assert len(data) < 10_000
    with pytest.raises(TableError, match="unpacks to more than the 1 MB that one file may take"):
        read_table(data, "bomb")


def test_a_workbook_that_promises_too_much_is_refused_before_it_is_opened(monkeypatch):
    monkeypatch.setenv("HOVER_TABLE_BYTES", "1000000")
    file = io.BytesIO(workbook({"a": [["url"], ["http://h/1.wav"]]}))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b" " * 5_000_000)

    with pytest.raises(TableError, match="has 5 MB unpacked: it unpacks to more than the 1 MB"):
        read_table(file.getvalue(), "bomb.xlsx")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_sheet_whose_last_cell_is_far_away_is_refused_and_the_next_file_is_read():
    book = workbook({"a": [["url"]]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts[sheet] = parts[sheet].replace(b"</sheetData>", far)

    with pytest.raises(TableError, match="needs more memory than the 1 GB"):
        read_table(zip_file(parts), "bomb.xlsx")
    assert rows(read_table(TABLE, "a.csv")) == ROWS


# workbooks ------------------------------------------------------------------------------------------------------------


def test_cells_of_a_workbook_become_text_and_rows_keep_their_numbers():
    cells = [["url", "n", "label"], [None, None, None], ["http://h/1.wav", 3.0, "007"], ["http://h/2.wav", 0.5, None]]
    read = read_table(workbook({"clips": cells}), "a.xlsx")

    assert rows(read) == [["http://h/1.wav", "3", "007"], ["http://h/2.wav", "0.5", ""]]
    assert (read.rows, read.decisions) == ([3, 4], [])


def test_of_several_sheets_the_one_with_addresses_is_read_and_another_can_be_chosen():
    book = workbook({"about": [["made by", "me"]], "clips": [["url", "label"], *ROWS], "sites": [["site"], ["north"]]})
    read = read_table(book, "a.xlsx")
    [decision] = read.decisions
    sites = read_table(book, "a.xlsx", reading=Reading(sheet="sites"))

    assert rows(read) == ROWS
    assert (decision.about, decision.value, decision.sure) == ("sheet", "clips", True)
    assert decision.sentence == "The workbook has 3 sheets: the rows of “clips” are read, the others are left out"
    assert [choice.value for choice in decision.choices] == ["about", "sites"]
    assert rows(sites) == [["north"]]


def test_two_sheets_with_addresses_are_asked_about():
    read = read_table(workbook({"May": [["url"], ["a.wav"]], "June": [["url"], ["b.wav"]]}), "a.xlsx")

    assert [(decision.about, decision.sure) for decision in read.decisions] == [("sheet", False)]


def test_a_title_above_the_header_of_a_sheet_is_left_out_and_said():
    read = read_table(workbook({"a": [["Recordings of May"], [], ["url", "label"], *ROWS]}), "a.xlsx")

    assert (rows(read), read.rows) == (ROWS, [4, 5])
    assert about(read, "header") == [("3", "Row 1 above the table is no clip and is left out: “Recordings of May”")]


def test_a_sheet_that_is_not_there_is_a_sentence():
    with pytest.raises(TableError, match=r"a\.xlsx has no sheet 'June': there are May"):
        read_table(workbook({"May": [["url"], ["a.wav"]]}), "a.xlsx", reading=Reading(sheet="June"))


# lists of Kaldi -------------------------------------------------------------------------------------------------------

SCP = "rec1 http://h/1.wav\nrec2 /data/my files/2.wav\nrec3 http://h/3.wav\n"
SEGMENTS = "utt1 rec1 0.5 2.25\nutt2 rec1 2.25 4\nutt3 rec2 0 1\nutt4 lost 0 1\n"
SPEAKERS = "utt1 anna\nutt2 bob\nutt3 anna\n"


def test_lists_of_kaldi_are_joined_to_stretches_with_speakers():
    data = zip_file({"data/wav.scp": SCP, "data/segments": SEGMENTS, "data/utt2spk": SPEAKERS})
    read = read_table(data, "kaldi.zip")

    assert list(read.frame.columns) == ["utterance", "audio", "start", "end", "group"]
    assert rows(read) == [
        ["utt1", "http://h/1.wav", "0.5", "2.25", "anna"],
        ["utt2", "http://h/1.wav", "2.25", "4", "bob"],
        ["utt3", "/data/my files/2.wav", "0", "1", "anna"],
    ]
    assert [(bad.row, bad.reason) for bad in read.refused] == [(4, "its recording “lost” is not in wav.scp")]
    assert ("", "1 recording of wav.scp has no segment and is no clip") in about(read, "member")


def test_without_segments_each_recording_is_a_clip_with_its_speaker_and_text():
    data = zip_file({"wav.scp": "a 1.wav\nb 2.wav\n", "utt2spk": "a s1\nb s2\n", "text": "a hello there\n"})
    read = read_table(data, "kaldi.zip")

    assert list(read.frame.columns) == ["utterance", "audio", "group", "text"]
    assert rows(read) == [["a", "1.wav", "s1", "hello there"], ["b", "2.wav", "s2", ""]]


def test_a_list_of_kaldi_that_is_no_utf_8_is_a_sentence():
    data = zip_file({"wav.scp": SCP, "segments": SEGMENTS, "utt2spk": "utt1 J\xf6rg\n".encode("latin-1")})

    with pytest.raises(TableError, match=r"utt2spk, line 1: this is no UTF-8"):
        read_table(data, "k.zip")


def test_one_list_of_kaldi_alone_can_be_chosen():
    data = zip_file({"wav.scp": SCP, "segments": SEGMENTS})
    [decision] = [one for one in read_table(data, "k.zip").decisions if one.choices]
    alone = read_table(data, "k.zip", reading=Reading(member="wav.scp"))

    assert [choice.value for choice in decision.choices] == ["wav.scp", "segments"]
    assert rows(alone)[1] == ["rec2", "/data/my files/2.wav"]


# damage ---------------------------------------------------------------------------------------------------------------

PACKED = [
    workbook({"clips": [["url", "label"], *ROWS], "more": [["x"]]}),
    zip_file({"a.csv": TABLE, "b.json": b'[{"a": 1}]'}),
    zip_file({"wav.scp": SCP, "segments": SEGMENTS}),
    packed(TABLE),
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PACKED),
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 5_000),
)
def test_a_damaged_archive_is_a_table_or_a_table_error(data, changes, cut):
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(data)] = value
    kept = bytes(damaged[: len(data) - cut]) if cut % 3 == 0 and cut < len(data) else bytes(damaged)
    with contextlib.suppress(TableError):
        table_reader.read_table(io.BytesIO(kept), "a", Reading(), FileLimits(), lambda header, buffer: None)
