"""Tables in: what is read, what is refused, and by which name."""

import csv
import io
import json
import unicodedata
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.exchange.export import to_bytes
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.intake import clip_counts, guess_columns, guess_columns_of, plan_intake
from hover_core.tables.reading.foreign_files import read_table
from hover_core.tables.rows import RawTable, frame_table, neutralise


def table(data: str | bytes, name: str = "clips.csv") -> RawTable:
    return read_table(data.encode() if isinstance(data, str) else data, name)


def intake(data: str, *, own_id: str = "", **options):
    read = table(data)
    columns = guess_columns(list(read.frame.columns))
    return plan_intake(read, replace(columns, own_id=own_id or columns.own_id), **options)


def rows(read: RawTable) -> list[list[str]]:
    return read.frame.to_numpy().tolist()


def cell_texts():
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def signs():
    """Texts of what makes a formula, and of what takes it off again."""
    return st.text("'=+-@＝＋－＠﹦﹢﹣﹫⁺₌− \t\r\n\xa0\u200b\ufeff05.ex", max_size=6)


# files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "name"), [
    ("url,label\nhttp://h/1,dog\n", "a.csv"),
    ("url\tlabel\nhttp://h/1\tdog\n", "a.tsv"),
    ("url\tlabel\nhttp://h/1\tdog\n", "a.csv"),
    ("url;label\nhttp://h/1;dog\n", "a.csv"),
    ("url|label\r\nhttp://h/1|dog\r\n", "a.txt"),
    ("url,label\rhttp://h/1,dog\r", "old mac.csv"),
    ("\n\nurl,label\n\nhttp://h/1,dog\n\n", "blank lines.csv"),
    ('{"url": "http://h/1", "label": "dog"}\n', "a.jsonl"),
    ('\n{"url": "http://h/1", "label": "dog"}', "a.csv"),
])  # fmt: skip
def test_a_table_is_read_whatever_separates_it(data, name):
    read = table(data, name)

    assert list(read.frame.columns) == ["url", "label"]
    assert rows(read) == [["http://h/1", "dog"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_in_the_encodings_that_spreadsheets_write(encoding):
    assert rows(table("url,label\nhttp://h/1,grün\n".encode(encoding))) == [["http://h/1", "grün"]]


def test_quoted_cells_may_hold_separators_quotes_and_line_ends():
    assert rows(table('url,note\nhttp://h/1,"a, ""b""\nc"\n')) == [["http://h/1", 'a, "b"\nc']]


def test_a_separator_inside_a_quoted_column_name_separates_nothing():
    assert list(table('url,"a;b;c;d"\nhttp://h/1,x\n').frame.columns) == ["url", "a;b;c;d"]


def test_nothing_is_taken_for_a_number_or_a_missing_value():
    assert rows(table("url,a,b,c\nhttp://h/1,007,NA,1.10\n")) == [["http://h/1", "007", "NA", "1.10"]]


def test_a_ragged_row_is_refused_with_its_own_number():
    read = table('url,label\nhttp://h/1,"two\nlines"\nhttp://h/2,dog,more\n\nhttp://h/3,a,b\nhttp://h/4,cat\n')

    assert [(bad.row, bad.value) for bad in read.refused] == [(4, "http://h/2"), (6, "http://h/3")]
    assert read.rows == [2, 7]
    assert read.refused[0].reason.startswith("the row has 3 cells, the header has 2")


def test_columns_of_one_name_are_told_apart():
    assert list(table("a,a,,a (2),\n1,2,3,4,5\n").frame.columns) == ["a", "a (2)", "column 3", "a (2) (2)", "column 5"]


@pytest.mark.parametrize(("data", "name", "reason"), [
    (b"", "a.csv", "is empty"),
    (b" \n ", "a.csv", "is empty"),
    (b"url,label\n", "a.csv", "header but no clips"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a.csv", "a.csv is sound, not a table"),
    (b"PK\x03\x04\x14\x00", "a.xlsx", "a.xlsx is a spreadsheet or an archive, .* save it as CSV"),
    (b"\x00\x01\x02binary", "a.csv", "is not a text table"),
    (b'[{"url": "http://h/1"},', "a.json", "starts like a list of JSON objects, but is none"),
    (b"\xff\xfea", "a.csv", "says it is utf-16 but is not"),
    (b"PAR1 but not really PAR1", "a.csv", "not a Parquet file"),
    (b"[1, 2]", "a.jsonl", "no JSON object"),
])  # fmt: skip
def test_a_file_that_is_no_table_says_what_it_is(data, name, reason):
    with pytest.raises(TableError, match=reason):
        table(data, name)


def test_a_table_may_begin_with_the_name_of_a_sound_format():
    assert list(table("FORM,url\n1,http://h/1\n").frame.columns) == ["FORM", "url"]


def test_a_json_list_of_objects_is_a_table_and_other_entries_are_refused():
    read = table('[\n  {"url": "http://h/1", "label": null},\n  7,\n  {"url": "http://h/2", "n": 3.0}\n]', "a.json")

    assert rows(read) == [["http://h/1", "", ""], ["http://h/2", "", "3"]]
    assert [(bad.row, bad.value) for bad in read.refused] == [(2, "7")]


@pytest.mark.parametrize(("data", "audio"), [
    ("Klasse,Sound file,note\ndog,http://h/1.wav,x\ncat,http://h/2.wav,http://h\n", "Sound file"),
    ("Name;Ort\na/1.flac;Ulm\na/2.FLAC;Bonn\n", "Name"),
    ("Name;Ort\n1;Ulm\n2;Bonn\n", ""),
    ("where,url\nhttp://h/1.wav,\n", "url"),
])  # fmt: skip
def test_the_column_of_addresses_is_known_by_its_cells_if_not_by_its_name(data, audio):
    assert guess_columns_of(table(data)).audio == audio


def test_an_id_given_to_two_addresses_is_said_to_be():
    [twice] = intake("id,url\na,http://h/1\na,http://h/2\n", own_id="id").duplicates

    assert twice.reason == "same id as row 2, with another address"


def test_a_name_with_another_separator_in_it_does_not_divide_the_exported_table():
    frame = pd.DataFrame([["http://h/1", "x"]], columns=["url", "a||b;;c"], dtype=object)

    assert list(table(to_bytes(frame, "csv")).frame.columns) == ["url", "a||b;;c"]


def test_refused_rows_stand_in_the_order_of_the_file():
    found = intake("url,label\nftp://h/1,dog\nhttp://h/2,dog,more\nhttp://h/3,cat\n,ant\n")

    assert [bad.row for bad in found.refused] == [2, 3, 5]


def test_a_line_that_is_no_json_object_is_refused_with_its_number():
    read = table('{"url": "http://h/1"}\n[]\n{"url": }\n{"n": ' + "9" * 5000 + "}\n", "a.jsonl")

    assert [bad.row for bad in read.refused] == [2, 3, 4]


def test_json_cells_become_text():
    line = json.dumps({"url": "u", "n": 3.0, "x": 0.5, "none": None, "list": ["é"], "yes": True})

    assert rows(table(line, "a.jsonl")) == [["u", "3", "0.5", "", '["é"]', "True"]]


def test_a_line_separator_inside_a_json_cell_ends_no_line():
    assert rows(table('{"url": "a\u2028b\x85c"}\n', "a.jsonl")) == [["a\u2028b\x85c"]]


def test_parquet_is_read_with_its_types_as_text():
    file = io.BytesIO()
    frame = pd.DataFrame({"url": ["a", "b"], "n": [1, None], "raw": [b"\xff", None], "bits": [{"x": b"1"}, None]})
    frame.to_parquet(file)

    assert rows(table(file.getvalue(), "a.parquet")) == [["a", "1", "b'\\xff'", '{"x": "b\'1\'"}'], ["b", "", "", ""]]


def test_an_empty_parquet_file_is_refused():
    file = io.BytesIO()
    pd.DataFrame({"url": []}).to_parquet(file)

    with pytest.raises(TableError, match="no clips"):
        table(file.getvalue(), "a.parquet")


def test_a_data_frame_is_read_by_place_whatever_its_index_types_and_names():
    frame = pd.DataFrame(
        [["a", 1.0, pd.NA, np.float32("nan"), 7], ["b", np.nan, pd.NaT, np.int8(3), True]],
        index=[5, 5],
        columns=["url", "n", "n", "m", 0],
    )
    read = frame_table(frame)

    assert list(read.frame.columns) == ["url", "n", "n (2)", "m", "0"]
    assert rows(read) == [["a", "1", "", "", "7"], ["b", "", "", "3", "True"]]


# columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "guess"), [
    (["id", "audio", "SUBSET", "label", "group"], Columns("audio", "label", "SUBSET", "group")),
    (["id", "audio", "SUBSET", "label", "annotator", "annotated_at", "how"],
     Columns("audio", "label", "SUBSET", own_id="id", annotator="annotator", annotated_at="annotated_at", how="how")),
    (["filename", "fold", "target", "category", "esc10", "src_file", "take"],
     Columns("filename", "category", group="src_file")),
    (["client_id", "path", "sentence"], Columns("path", group="client_id")),
    (["audio_filepath", "duration", "label"], Columns("audio_filepath", "label")),
    (["URL", "Split", "Class"], Columns("URL", "Class", "Split")),
    (["a", "b"], Columns()),
])  # fmt: skip
def test_columns_of_known_formats_are_guessed(names, guess):
    assert guess_columns(names) == guess


def test_without_a_column_of_addresses_there_is_nothing_to_plan():
    with pytest.raises(TableError, match="no column holds the addresses"):
        intake("a,b\n1,2\n")


# rows -------------------------------------------------------------------------------------------------------------


def test_columns_that_mean_nothing_to_us_are_kept_untouched():
    clip = intake("url,speaker,note\nhttp://h/1,ann, 007 \n").clips[0]

    assert (clip.group, clip.extra) == ("ann", {"url": "http://h/1", "speaker": "ann", "note": " 007 "})


def test_abstain_is_no_label():
    assert [clip.label for clip in intake("url,label\nhttp://h/1,ABSTAIN\nhttp://h/2,\n").clips] == ["", ""]


def test_a_label_is_in_normal_form():
    assert intake("url,label\nhttp://h/1, great   tit \n").clips[0].label == "great tit"


def test_val_is_dev_and_empty_is_raw():
    found = intake("url,split\nhttp://h/1,val\nhttp://h/2,\nhttp://h/3,Test\n")

    assert [clip.subset for clip in found.clips] == ["dev", "raw", "test"]
    assert clip_counts(found) == {"raw": 1, "train": 0, "dev": 1, "test": 1}


def test_an_unknown_subset_is_refused_by_row_and_value():
    found = intake("url,split\nhttp://h/1,train\nhttp://h/2,holdout\n")

    assert [(bad.row, "“holdout” is unknown" in bad.reason) for bad in found.refused] == [(3, True)]
    assert len(found.clips) == 1


@pytest.mark.parametrize(("url", "reason"), [
    ("", "address is empty"),
    ("ftp://h/1", "start with ftp"),
    ("file:///etc/passwd", "start with file"),
    ("http://", "no host"),
    ("http://[::1", "no host"),
    ("http://h:0/1", "no host"),
    ("clips/1.wav", "no full address"),
    ("http://h/" + "x" * 4000, "4,009 characters"),
    ("http://h/\x01", "control characters"),
    ("http://h/\x00", "no text"),
])  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused(url, reason):
    read = RawTable(pd.DataFrame({"url": [url]}), [2])

    assert [reason in bad.reason for bad in plan_intake(read, Columns("url")).refused] == [True]


@pytest.mark.parametrize("address", [
    "https://me:s3cret@h/1.wav", "https://s3cret@h/1.wav", "//me:s3cret@h/1.wav", "s3://key:s3cret@bucket/1.wav",
    "https://h\\@me:s3cret@h/1.wav", "https:\\\\me:s3cret@h\\1.wav", "https://me:pa/s3cret@h/1.wav",
    "\ufeffhttps://me:s3cret@h/1.wav", "https://me:s3cret%40h/1.wav", f"https://me:{'s3cret' * 60}@h/1.wav",
])  # fmt: skip
@pytest.mark.parametrize(
    "options", [{}, {"base_url": "https://h/"}, {"local_folder": True}], ids=lambda given: str(given)
)
def test_an_address_with_a_password_is_refused_without_it_and_its_clean_twin_stays(address, options):
    read = RawTable(pd.DataFrame({"url": [address, "https://h/1.wav"], "label": ["", "dog"]}), [2, 3])

    found = plan_intake(read, Columns("url", "label"), **options)

    [refused] = found.refused
    assert refused.row == 2
    assert refused.reason.startswith("the address contains a user name or password: take it out")
    assert "s3c" not in repr(refused)
    assert ([clip.url for clip in found.clips], found.duplicates) == (["https://h/1.wav"], [])


def test_a_base_address_with_a_password_is_refused():
    for base in ("https://me:s3cret@h/", "//me:s3cret@h", "https://me:pa/s3cret@h"):
        found = intake("url\n1.wav\nhttps://h/2.wav\n", base_url=base)

        assert [(bad.row, bad.value) for bad in found.refused] == [(2, "1.wav")]
        assert found.refused[0].reason == "the base address contains a user name or password: take it out"
        assert len(found.clips) == 1


def test_the_id_of_a_row_is_no_address_with_a_password():
    found = intake("id,url\nhttps://me:s3cret@h/1.wav,https://h/1.wav\nme@h,https://h/2.wav\n", own_id="id")

    assert [(bad.row, bad.reason.split(":")[0]) for bad in found.refused] == [
        (2, "the id contains the user name or password of an address")
    ]
    assert [clip.own_id for clip in found.clips] == ["me@h"]


@pytest.mark.parametrize("data", [
    "url,label\nhttps://me:s3cret@h/1.wav,dog,more\nhttps://h/2.wav,\n",
    "url,split\nhttps://h/1.wav,https://me:s3cret@h/1.wav\nhttps://h/2.wav,\n",
    "url,start\nhttps://h/1.wav,https://me:s3cret@h/1.wav\nhttps://h/2.wav,\n",
    "url,start\nhttps://h/1.wav,https://me:" + "s3cret" * 40 + "@h/1.wav\nhttps://h/2.wav,\n",
    '{"url": "https://h/2.wav"}\n["https://me:s3cret@h/1.wav"]\n',
])  # fmt: skip
def test_a_row_that_is_refused_for_another_reason_does_not_repeat_a_password(data):
    [refused] = intake(data).refused

    assert "s3c" not in repr(refused)


def test_a_signature_in_a_query_is_the_tables_own():
    url = "https://h/1.wav?X-Amz-Credential=me@h&token=https://me:s3cret@h/"

    assert [clip.url for clip in intake(f"url\n{url}\n").clips] == [url]


def test_relative_addresses_resolve_against_a_base():
    found = intake("url\nclips/a b.wav\n/c.wav\nhttps://other/d.wav\n", base_url="https://h/data")

    assert [clip.url for clip in found.clips] == [
        "https://h/data/clips/a%20b.wav", "https://h/data/c.wav", "https://other/d.wav",
    ]  # fmt: skip


def test_signs_in_relative_names_are_letters_and_full_addresses_stay_as_they_are():
    table_text = "url\nkick C#1.wav\nkick C#2.wav\nwhat?.wav\nhttps://h/a.wav?x=1\nhttps://h/p%20q.wav\n"

    assert [clip.url for clip in intake(table_text, base_url="https://b/").clips] == [
        "https://b/kick%20C%231.wav", "https://b/kick%20C%232.wav", "https://b/what%3F.wav", "https://h/a.wav?x=1",
        "https://h/p%20q.wav",
    ]  # fmt: skip


def test_one_address_for_all_rows_makes_each_row_a_stretch_of_it():
    read = table("start,end,label\n0,1,a\n1,2,b\n")
    found = plan_intake(read, Columns(label="label", start="start", end="end", pattern="https://h/night.wav"))

    assert [(clip.url, clip.start_s) for clip in found.clips] == [
        ("https://h/night.wav", 0.0),
        ("https://h/night.wav", 1.0),
    ]


def test_relative_addresses_name_files_only_where_the_operator_allows_it():
    assert intake("url\n./clips/a.wav\n", local_folder=True).clips[0].url == "local:clips/a.wav"


def test_start_and_end_are_seconds():
    clip = intake("url,start,end_s\nhttp://h/1,0.5,2\n").clips[0]

    assert (clip.start_s, clip.end_s) == (0.5, 2.0)


@pytest.mark.parametrize(("start", "end", "reason"), [
    ("2", "1", "before it starts"), ("1", "1", "before it starts"), ("-1", "", "start: “-1” must"),
    ("a", "", "start: “a” must"), ("", "inf", "end: “inf” must"),
])  # fmt: skip
def test_a_senseless_stretch_is_refused(start, end, reason):
    assert reason in intake(f"url,start,end\nhttp://h/1,{start},{end}\n").refused[0].reason


def test_ids_of_a_table_name_clips_where_that_was_chosen():
    first, second = intake("id,url\n007,http://h/1\n7,http://h/1\n", own_id="id").clips

    assert (first.own_id, second.own_id) == ("007", "7")
    assert first.clip_id != second.clip_id


def test_an_id_that_counts_rows_names_no_clip():
    monday = intake("id,url,label\n1,http://h/dog1.wav,dog\n2,http://h/dog2.wav,dog\n").clips
    tuesday = intake("id,url,label\n1,http://h/rain1.wav,rain\n2,http://h/rain2.wav,rain\n").clips

    assert len({clip.clip_id for clip in [*monday, *tuesday]}) == 4
    assert [clip.own_id for clip in tuesday] == ["", ""]
    assert tuesday[0].extra == {"url": "http://h/rain1.wav", "id (table)": "1"}  # an `id` of ours goes out beside it


def test_stretches_with_one_id_are_clips_of_their_own():
    three = intake("id,url,start,end\nr1,http://h/1,0,2\nr1,http://h/1,2,4\nr1,http://h/1,,\n", own_id="id")

    assert (len(three.clips), three.duplicates) == (3, [])


def test_in_a_dataset_of_before_an_id_alone_names_a_clip():
    stretches = "id,url,start,end\nr1,http://h/1,0,2\nr1,http://h/1,2,4\n"

    assert len(intake(stretches, own_id="id", own_ids="alone").clips) == 1


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_a_cell_that_no_database_keeps_is_refused_by_name(bad):
    read = table(json.dumps({"url": "http://h/1", "note": f"a{bad}"}) + '\n{"url": "http://h/2"}', "a.jsonl")
    found = plan_intake(read, Columns("url"))

    assert [(refused.row, "“note” holds" in refused.reason) for refused in found.refused] == [(1, True)]
    assert len(found.clips) == 1


def test_what_is_not_a_label_becomes_a_verdict_and_no_label():
    read = table(
        "url,start,end,label,label_type\nhttp://h/1,0,5,wren,positive\nhttp://h/1,0,5,owl,negative\n"
        "http://h/1,5,10,owl,uncertain\n"
    )
    found = plan_intake(read, Columns("url", "label", start="start", end="end", verdict="label_type"))

    assert [(clip.start_s, clip.label) for clip in found.clips] == [(0.0, "wren"), (5.0, "")]
    assert [(label, verdict) for _, label, verdict in found.verdicts] == [("owl", "no"), ("owl", "unsure")]
    assert found.duplicates == []


TWICE = "url,label\nhttp://h/1,dog\nhttp://h/1,cat\nhttp://h/2,dog\n"


def test_a_clip_with_two_labels_gets_the_first_and_keeps_both_in_a_column():
    found = plan_intake(table(TWICE), Columns("url", "label"))

    assert [(clip.label, clip.extra.get("labels (table)")) for clip in found.clips] == [
        ("dog", "dog, cat"),
        ("dog", None),
    ]
    assert [(double.row, "the label “dog” wins over “cat”" in double.reason) for double in found.duplicates] == [
        (3, True)
    ]


def test_a_clip_with_two_labels_is_left_out_where_that_was_chosen():
    found = plan_intake(table(TWICE), Columns("url", "label"), decisions=[Decision("label_twice", "", "refuse")])

    assert [clip.url for clip in found.clips] == ["http://h/2"]
    assert [(bad.row, "several labels (“dog”, “cat”" in bad.reason) for bad in found.refused] == [(2, True), (3, True)]
    assert found.duplicates == []


def test_what_is_said_against_labels_of_a_clip_that_is_left_out_goes_with_it():
    rows = "url,label,says\nhttp://h/1,dog,yes\nhttp://h/1,cat,yes\nhttp://h/1,owl,no\nhttp://h/2,owl,no\n"
    columns, refuse = Columns("url", "label", verdict="says"), [Decision("label_twice", "", "refuse")]
    found = plan_intake(table(rows), columns, decisions=refuse)

    assert [(clip_id, label) for clip_id, label, _ in found.verdicts] == [(found.clips[0].clip_id, "owl")]


def test_of_a_list_in_a_cell_the_first_is_the_label_and_the_cell_is_kept():
    read = table('url,label\nhttp://h/1,"[""dog"", ""cat""]"\n')
    [clip] = plan_intake(read, Columns("url", "label"), decisions=[Decision("label_list", "", "first")]).clips

    assert (clip.label, clip.extra["label (table)"]) == ("dog", '["dog", "cat"]')


def test_an_end_may_be_a_length_and_times_milliseconds():
    read = table("url,from,length\nhttp://h/1,250,500\nhttp://h/2,,500\n")
    found = plan_intake(read, Columns("url", start="from", length="length", time_unit="ms"))

    assert [(clip.start_s, clip.end_s) for clip in found.clips] == [(0.25, 0.75), (None, 0.5)]


def test_an_address_may_be_spread_over_columns():
    read = table("fold,name\n3,a\n4,b\n")
    found = plan_intake(read, Columns(pattern="https://h/fold{fold}/{name}.wav"))

    assert [clip.url for clip in found.clips] == ["https://h/fold3/a.wav", "https://h/fold4/b.wav"]


# duplicates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other", "winner"), [
    ("raw", "train", "train"), ("train", "dev", "dev"), ("dev", "test", "test"), ("test", "raw", "test"),
])  # fmt: skip
def test_of_the_same_clip_in_two_subsets_the_later_stage_wins(one, other, winner):
    for first, second in ((one, other), (other, one)):
        found = intake(f"url,split\nhttp://h/1,{first}\nHTTP://H:80/1,{second}\n")

        assert [clip.subset for clip in found.clips] == [winner]
        assert [(again.row, again.reason.startswith("same address as row 2")) for again in found.duplicates] == [
            (3, True)
        ]


def test_of_the_same_clip_twice_nothing_that_only_one_row_knows_is_lost():
    found = intake("url,split,label,speaker,note\nhttp://h/1,raw,dog,ann,x\nhttp://h/1,test,,,\n")

    assert [(clip.subset, clip.label, clip.group) for clip in found.clips] == [("test", "dog", "ann")]


def test_who_labelled_follows_the_label_that_counts():
    head = "url,split,label,annotator,annotated_at,how\n"
    at = "2026-01-01T00:00:00+00:00"
    found = intake(f"{head}http://h/1,raw,dog,ann,{at},heard\nhttp://h/1,test,cat,ben,{at},lasso\n", keep_sources=True)

    assert [clip.label for clip in found.clips] == ["cat"]
    assert list(found.sources.values()) == [("ben", "2026-01-01T00:00:00.000000+00:00", "lasso")]


def test_what_does_not_show_is_in_no_name_of_a_table():
    head = "url,split,label,speaker,reference,annotator,annotated_at,how\n"
    row = "http://h/1,\u200btrain,do\u200bg,\ufefftheo,\u202eowl,Mi\u200bra,2026-01-01T00:00:00+00:00,heard\n"
    found = intake(head + row, keep_sources=True)
    (clip,), (source,) = found.clips, found.sources.values()

    assert (clip.subset, clip.label, clip.group, clip.reference) == ("train", "dog", "theo", "owl")
    assert source[0] == "Mira"
    assert clip.extra["speaker"] == "\ufefftheo"  # what came in goes out again


def test_an_annotator_of_nothing_that_shows_is_none():
    head = "url,label,annotator,annotated_at,how\n"
    found = intake(f"{head}http://h/1,dog,\u200b,2026-01-01T00:00:00+00:00,heard\n", keep_sources=True)

    assert found.sources == {}


def test_a_label_that_names_nobody_takes_nobody_from_the_row_that_it_beats():
    head = "url,split,label,annotator,annotated_at,how\n"
    at = "2026-01-01T00:00:00+00:00"
    found = intake(f"{head}http://h/1,raw,dog,ann,{at},heard\nhttp://h/1,test,cat,,,\n", keep_sources=True)

    assert found.sources == {}


# labels of raw rows -----------------------------------------------------------------------------------------------


def test_labels_of_raw_rows_are_kept_or_set_aside():
    data = "url,split,label\nhttp://h/1,raw,dog\nhttp://h/2,train,cat\n"

    assert [clip.label for clip in intake(data).clips] == ["dog", "cat"]
    aside = intake(data, raw_labels="reference").clips
    assert [(clip.label, clip.reference) for clip in aside] == [("", "dog"), ("cat", "")]


def test_a_time_that_is_none_is_refused():
    head = "url,label,annotator,annotated_at,how\nhttp://h/1,dog,ann,"

    for at in ("yesterday", "0001-01-01T00:00:00+14:00"):
        assert "annotated_at" in intake(f"{head}{at},heard\n", keep_sources=True).refused[0].reason


# out and in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [
    "=1+1", "+1+1", "-x", "@sum", "\t=1", "\r=1", "'=1", "''=1", "\n=1", "\nx",
    "＝1+1", "＋1+1", "－x", "＠sum", "﹦1+1", "﹢1+1", "﹣x", "﹫sum", "⁼1", "⁺x", "−x", "'＝1", "''﹫sum",
    " =1+1", "\t\r\n =1", "\ufeff=1", "\xa0=1", "\u3000＝1", "\u200b@sum", "\u2060 -x", "' =1", "'\ufeff＝1",
])  # fmt: skip
def test_a_formula_goes_out_behind_a_quote(cell):
    assert neutralise(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell", ["-5", "+1.5e3", "-.5", "a=b", "'", "'a", "", "1-2", " -5", " a=b", " ", " '=1", "1＝2"]
)
def test_what_is_no_formula_goes_out_as_it_is(cell):
    assert neutralise(cell) == cell


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(cell_texts() | signs(), cell_texts() | signs()), min_size=1, max_size=4), cell_texts())
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_text_goes_out_and_comes_in_again(form, cells, name):
    name = "n" + name.strip()
    frame = pd.DataFrame([["http://h/1", *pair] for pair in cells], columns=["url", name, name + "2"], dtype=object)
    read = table(to_bytes(frame, form), f"a.{form}")

    assert rows(read) == frame.to_numpy().tolist()
    assert list(read.frame.columns) == [column.strip() if form == "csv" else column for column in frame.columns]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet"]))
def test_any_bytes_are_a_table_or_a_table_error(data, name):
    try:
        read = read_table(data, name)
        plan_intake(read, guess_columns(list(read.frame.columns)), keep_sources=True)
    except TableError:
        pass


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), min_size=4, max_size=4), min_size=1, max_size=3))
def test_any_text_in_any_column_is_a_clip_or_a_named_refusal(cells):
    frame = pd.DataFrame(cells, columns=["url", "label", "start", "annotated_at"], dtype=object)
    frame["annotator"], frame["how"] = "ann", "heard"
    found = plan_intake(frame_table(frame), guess_columns(list(frame.columns)), base_url="http://h/", keep_sources=True)

    assert len(found.clips) + len(found.duplicates) + len(found.refused) == len(cells)


@pytest.mark.long
def test_a_hundred_thousand_rows_are_read_and_planned():
    lines = "".join(f"http://host/{number}.wav,label {number % 10},raw\n" for number in range(100_000))
    found = intake("url,label,SUBSET\n" + lines)  # a quadratic step would run into the time limit of every test

    assert len(found.clips) == 100_000


def test_a_duplicate_with_another_label_says_which_one_wins():
    found = intake("url,label\nhttp://h/1,one\nhttp://h/1,nine\nhttp://h/1,\n")

    assert [again.reason for again in found.duplicates] == [
        "same address as row 2; the label “one” wins over “nine”",
        "same address as row 2",
    ]
    assert (found.disagreeing, found.raw_labels) == (1, 1)


@settings(max_examples=1000, deadline=None)
@given(cell_texts() | signs())
def test_no_cell_of_an_exported_table_begins_a_formula(cell):
    frame = pd.DataFrame([[cell, "x"]], columns=["note", "other"], dtype=object)
    [written, _] = list(csv.reader(io.StringIO(to_bytes(frame, "csv").decode(), newline="")))[1]

    visible = unicodedata.normalize("NFKC", written).lstrip(" \t\r\n\xa0\ufeff\u200b")
    assert visible[:1] not in tuple("=+-@") or is_number(written)
    assert written[:1] not in tuple("\t\r\n") or is_number(written)
