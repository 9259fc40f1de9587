"""Other people's formats, known by what is in them."""

import pandas as pd
import pytest

from hover_core.tables.meaning.patterns import fill_pattern
from hover_core.tables.meaning.understand import understand
from hover_core.tables.rows import RawTable
from tests.benchmarks.tables import meanings
from tests.core.tables.meaning.rows_of import asked, cells, decision, roles, values, with_header, without_header

# detections -------------------------------------------------------------------------------------------------------


def test_perch_hoplite_has_stretches_and_verdicts():
    found = understand(with_header(
        "recording,start_offset_s,end_offset_s,label,label_type\na.wav,0,5,wren,positive\na.wav,5,10,wren,negative\n"
        "a.wav,10,15,tit,uncertain\n"
    ))  # fmt: skip

    assert roles(found.columns) == {
        "audio": "recording", "start": "start_offset_s", "end": "end_offset_s", "label": "label",
        "verdict": "label_type",
    }  # fmt: skip
    assert decision(found, "format").sentence == (
        "This is a perch-hoplite CSV; negative and uncertain labels become the verdicts no and unsure"
    )
    assert asked(found) == []


def test_a_word_of_perch_hoplite_that_is_no_verdict_is_said():
    found = understand(with_header("recording,start_offset_s,end_offset_s,label,label_type\na.wav,0,5,wren,weak\n"))

    assert "“weak” in “label_type” is neither positive" in decision(found, "unknown:verdict").sentence


RAVEN = """Selection,View,Channel,Begin Time (s),End Time (s),Low Freq (Hz),High Freq (Hz),Begin File,Annotation
1,Spectrogram 1,1,0.5,1.5,0,8000,a.wav,wren
1,Waveform 1,1,0.5,1.5,0,8000,a.wav,wren
2,Spectrogram 1,1,2,3,0,8000,a.wav,tit
2,Waveform 1,1,2,3,0,8000,a.wav,tit
"""


def test_raven_shows_a_selection_in_several_views_and_one_row_of_it_is_taken():
    found = understand(with_header(RAVEN))

    assert roles(found.columns) == {
        "audio": "Begin File", "start": "Begin Time (s)", "end": "End Time (s)", "label": "Annotation",
    }  # fmt: skip
    assert found.table.rows == [2, 4]
    assert decision(found, "view").sentence.startswith("2 rows show a selection in a second view")


def test_raven_keeps_all_views_if_a_person_says_so():
    assert understand(with_header(RAVEN), "", {"view": "all"}).table.rows == [2, 3, 4, 5]


def test_raven_times_over_a_series_of_files_are_taken_in_each_file():
    found = understand(with_header(
        "Selection,View,Begin Time (s),End Time (s),Begin Path,File Offset (s),Species\n"
        "1,Spectrogram 1,1,3.5,C:\\r\\a.wav,1,wren\n2,Spectrogram 1,61,63,C:\\r\\b.wav,1,tit\n"
    ))  # fmt: skip

    assert roles(found.columns) == {
        "audio": "Begin Path", "start": "File Offset (s)", "length": "length (s)", "label": "Species",
    }  # fmt: skip
    assert found.table.frame["length (s)"].tolist() == ["2.5", "2"]


def test_raven_times_over_a_series_of_files_without_offsets_are_asked_about():
    found = understand(with_header(
        "Selection,Begin Time (s),End Time (s),Begin File,Species\n1,1,3,a.wav,x\n2,9,12,a.wav,x\n3,61,63,b.wav,y\n"
        "4,70,72,b.wav,y\n"
    ))  # fmt: skip

    assert asked(found) == ["start"]
    assert "export “File Offset (s)” from Raven" in decision(found, "start").sentence


def test_a_raven_table_without_files_is_asked_by_its_own_name():
    found = understand(
        with_header("Selection,Begin Time (s),End Time (s),Annotation\n1,1,3,x\n2,9,12,y\n"),
        "n1.Table.1.selections.txt",
    )

    assert (asked(found), found.columns.pattern) == (["pattern"], "n1.wav")


def test_audacity_labels_are_stretches_of_the_recording_that_the_file_is_called_after():
    table = without_header("0.500000\t1.500000\tdog\n\\\t200.0\t8000.0\n2.000000\t3.000000\tcat\n", "\t")
    found = understand(table, "night.txt")

    assert found.table.rows == [1, 3]
    assert roles(found.columns) == {"pattern": "night.wav", "start": "start", "end": "end", "label": "label"}
    assert cells(found.table, "start", "end", "label", "low frequency (Hz)", "high frequency (Hz)") == [
        ("0.500000", "1.500000", "dog", "200.0", "8000.0"), ("2.000000", "3.000000", "cat", "", ""),
    ]  # fmt: skip
    assert asked(found) == ["pattern"]


def test_points_of_audacity_are_asked_about():
    table = without_header("0.500000\t0.500000\tdog\n2.000000\t3.000000\tcat\n", "\t")
    asked_about = understand(table, "night.txt")
    around = understand(table, "night.txt", {"point": "around"})
    refused = understand(table, "night.txt", {"point": "refuse"})

    assert asked(asked_about) == ["point", "pattern"]
    assert cells(around.table, "start", "end")[0] == ("0.000000", "1.000000")
    assert (refused.table.rows, [bad.row for bad in refused.table.refused]) == ([2], [1])


def test_three_columns_of_whole_numbers_are_no_labels_of_audacity():
    assert "format" not in [part.about for part in understand(without_header("1,2,3\n2,3,4\n")).decisions]


def test_birdnet_offers_both_names():
    found = understand(with_header(
        "Start (s),End (s),Scientific name,Common name,Confidence,File\n0.0,3.0,Parus major,Great Tit,0.8,n/a.wav\n"
        "3.0,6.0,Turdus merula,Blackbird,0.9,n/a.wav\n"
    ))  # fmt: skip

    assert roles(found.columns) == {
        "audio": "File", "start": "Start (s)", "end": "End (s)", "label": "Common name",
    }  # fmt: skip
    assert values(decision(found, "label")) == ["Scientific name", ""]


def test_kaleidoscope_joins_folder_and_file():
    found = understand(with_header(
        "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,AUTO ID,MANUAL ID\nD:\\rec,N1,a.wav,0,0.25,1.5,x,AMGO\n"
        "D:\\rec,N1,a.wav,0,4.25,1.5,x,AMGO\nD:\\rec,N2,a.wav,0,4.25,1.5,x,AMCR\n"
    ))  # fmt: skip

    assert roles(found.columns) == {
        "pattern": "{FOLDER}/{IN FILE}", "start": "OFFSET", "length": "DURATION", "label": "MANUAL ID",
    }  # fmt: skip
    assert values(decision(found, "pattern")) == ["", "{INDIR}/{FOLDER}/{IN FILE}"]


def test_kaleidoscope_without_manual_names_asks_for_the_automatic_ones():
    found = understand(with_header(
        "FOLDER,IN FILE,OFFSET,DURATION,AUTO ID,MANUAL ID\nN1,a.wav,0.25,1.5,NOISE,\nN1,b.wav,4.25,1.5,EPFU,\n"
    ))  # fmt: skip

    assert asked(found) == ["label"]


def test_dcase_events():
    found = understand(with_header("filename,onset,offset,event_label\nY0.wav,0.1,0.9,Speech\nY0.wav,1.1,1.9,Dog\n"))

    assert roles(found.columns) == {
        "audio": "filename", "start": "onset", "end": "offset", "label": "event_label",
    }  # fmt: skip


def test_boxes_of_opensoundscape():
    found = understand(with_header(
        "audio_file,annotation_file,annotation,start_time,end_time,low_f,high_f\na.wav,a.txt,EATO,0.5,2.5,1000,5000\n"
        "a.wav,a.txt,EATO,2.5,4.5,1000,5000\n"
    ))  # fmt: skip

    assert roles(found.columns) == {
        "audio": "audio_file", "start": "start_time", "end": "end_time", "label": "annotation",
    }  # fmt: skip


SCORES = "file,start_time,end_time,EATO,WOTH\na.wav,0,5,-1.5,0.3\na.wav,5,10,0.4,0.3\n"


def test_scores_of_classes_are_asked_about():
    found = understand(with_header(SCORES))

    assert (found.columns.label, asked(found), values(decision(found, "label"))) == (
        "", ["label"], ["", "largest score"],
    )  # fmt: skip


def test_the_class_of_the_largest_score_can_be_the_label():
    found = understand(with_header(SCORES), "", {"label": "largest score"})

    assert (found.columns.label, asked(found)) == ("largest score", [])
    assert found.table.frame["largest score"].tolist() == ["WOTH", "EATO"]


def test_classes_that_are_marked_can_be_the_labels():
    text = "file,start_time,end_time,EATO,WOTH\na.wav,0,5,1,0\na.wav,5,10,1.0,1.0\na.wav,10,15,0,0\n"
    found = understand(with_header(text), "", {"label": "classes marked 1"})

    assert found.table.frame["classes marked 1"].tolist() == ["EATO", "EATO;WOTH", ""]


# corpora ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [
    ("filename,fold,target,category,esc10,src_file,take\n1-1-A-0.wav,1,0,dog,True,1,A\n",
     {"audio": "filename", "label": "category", "group": "src_file"}),
    ("fname,labels,mids,split\n64760,\"Guitar,Music\",\"/m/1,/m/2\",train\n16399,Music,/m/2,val\n",
     {"pattern": "{fname}.wav", "label": "labels", "subset": "split"}),
    ("client_id,path,sentence,up_votes\nc1,x_1.mp3,Hello there.,2\n",
     {"pattern": "clips/{path}", "group": "client_id"}),
    ("client_id,path,sentence,up_votes\nc1,x_1,Hello there.,2\n",
     {"pattern": "clips/{path}.mp3", "group": "client_id"}),
    ("audio_filepath,offset,duration,label,text\na.wav,0,2,x,-\na.wav,2,2,y,-\n",
     {"audio": "audio_filepath", "start": "offset", "length": "duration", "label": "label"}),
    ("audio_filepath,duration,text\na.wav,2,hello there you\nb.wav,2,bye now you\n", {"audio": "audio_filepath"}),
    ("id,gen,sp,en,rec,url,file,file-name,length\n1,Parus,major,Great Tit,A,//xeno-canto.org/1,"
     "https://xeno-canto.org/1/download,XC1.mp3,0:23\n", {"audio": "file", "label": "en"}),
    ("file_name,label\ntrain/1.wav,x\ntest/2.wav,y\n",
     {"audio": "file_name", "label": "label", "subset": "subset (folder)"}),
    ("id,audio,SUBSET,label,start,end,group,annotator,annotated_at,how\nmine,http://h/1.wav,train,x,0,1,g,ann,t,heard\n",
     {"audio": "audio", "label": "label", "subset": "SUBSET", "group": "group", "start": "start", "end": "end",
      "own_id": "id", "annotator": "annotator", "annotated_at": "annotated_at", "how": "how"}),
])  # fmt: skip
def test_tables_of_corpora_are_known(text, expected):
    found = understand(with_header(text))

    assert roles(found.columns) == expected
    assert asked(found) == []


URBANSOUND = "1-3-0-0.wav,1,2.5,6.5,1,5,3,dog_bark\n2-3-0-0.wav,2,0.0,0.3,1,6,3,dog_bark\n"


def test_urbansound_lies_in_folds_and_is_cut_already():
    found = understand(with_header("slice_file_name,fsID,start,end,salience,fold,classID,class\n" + URBANSOUND))

    assert roles(found.columns) == {"pattern": "fold{fold}/{slice_file_name}", "label": "class", "group": "fsID"}
    assert values(decision(found, "start")) == ["start"]


def test_urbansound_is_known_without_its_header():
    found = understand(without_header(URBANSOUND))

    record = next(found.table.records())
    assert fill_pattern(found.columns.pattern, record) == "fold5/1-3-0-0.wav"
    assert (found.columns.label, found.columns.group) == ("column 8", "column 2")


def test_the_times_of_urbansound_can_be_taken():
    text = "slice_file_name,fsID,start,end,salience,fold,classID,class\n" + URBANSOUND
    found = understand(with_header(text), "", {"start": "start"})

    assert (found.columns.start, found.columns.end) == ("start", "end")


def test_a_known_format_can_be_read_as_a_plain_table():
    table = with_header("filename,fold,target,category,esc10,src_file,take\n1-1-A-0.wav,1,0,dog,True,1,A\n")
    found = understand(table, "", {"format": "table"})

    part = decision(found, "format")
    assert (part.value, values(part)) == ("table", ["esc50"])
    assert understand(table).columns.label == "category"


# Kaldi and lists --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["u1,http://h/1.wav\nu2,http://h/2.wav\n", "u1 http://h/1.wav\nu2 http://h/2.wav\n"])
def test_wav_scp_has_a_name_and_an_address_a_line(text):
    found = understand(without_header(text))

    assert roles(found.columns) == {"audio": "audio"}
    assert cells(found.table, "utterance", "audio") == [("u1", "http://h/1.wav"), ("u2", "http://h/2.wav")]
    assert found.table.rows == [1, 2]


def test_commands_in_wav_scp_are_refused():
    found = understand(without_header("u1,sph2pipe -f wav a.sph |\nu2,/a/2.wav\n"))

    assert (found.table.rows, [bad.row for bad in found.table.refused]) == ([2], [1])


def test_a_name_of_a_file_with_spaces_is_not_taken_apart():
    found = understand(without_header("my dir/1.wav\nmy dir/2.wav\nmy cat.wav\n"))

    assert (roles(found.columns), found.table.frame["column 1"][0]) == ({"audio": "column 1"}, "my dir/1.wav")


def test_segments_ask_for_the_files_of_their_recordings():
    found = understand(without_header("u1,r1,0.0,1.5\nu2,r1,1.5,3.0\n"))

    assert roles(found.columns) == {"pattern": "{recording}.wav", "start": "start", "end": "end"}
    assert asked(found) == ["pattern"]


def test_a_kaldi_folder_as_the_reader_joins_it():
    found = understand(with_header("utterance,audio,start,end,group\nu1,/a/1.wav,0,1.5,ann\nu2,/a/1.wav,1.5,3,bob\n"))

    assert roles(found.columns) == {"audio": "audio", "start": "start", "end": "end", "group": "group"}


def test_speech_commands_have_their_label_as_a_folder():
    found = understand(without_header("right/0a1b2c3d_nohash_0.wav\nleft/0a1b2c3d_nohash_1.wav\n"))

    assert roles(found.columns) == {"audio": "column 1", "label": "word", "group": "speaker"}
    assert cells(found.table, "word", "speaker")[1] == ("left", "0a1b2c3d")


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_voxceleb_numbers_its_subsets(delimiter):
    text = "1 id10000/aaaa/00000.wav\n3 id10001/aaaa/00001.wav\n2 id10001/aaaa/00002.wav\n"
    found = understand(without_header(text.replace(" ", " " if delimiter == "," else "\t"), delimiter))

    assert (found.columns.audio, found.columns.subset) == ("column 2", "split")
    assert found.table.frame["split"].tolist() == ["train", "test", "dev"]
    assert found.table.rows == [1, 2, 3]


def test_words_of_our_own_table_are_labels_whatever_they_look_like():
    found = understand(with_header(
        "id,audio,SUBSET,label,start,end,group\n1,a.wav,raw,NA,,,unknown\n2,b.wav,raw,x;y,,,NA\n3,c.wav,raw,x,,,\n"
        "4,d.wav,raw,y,,,\n"
    ))  # fmt: skip

    assert [(row.label, row.group) for row in meanings(found)] == [
        ("NA", "unknown"), ("x;y", "NA"), ("x", ""), ("y", ""),
    ]  # fmt: skip
    assert asked(found) == []
    assert decision(found, "missing:label").sentence == (
        "1 row says “NA”: a label of this name, as in all tables of this kind"
    )


def test_audacity_may_write_decimal_commas():
    table = without_header("0,500000\t0,500000\tdog\n2,000000\t3,000000\tcat\n", "\t")
    found = understand(table, "night.txt", {"point": "around"})

    assert [(row.start_s, row.end_s) for row in meanings(found)] == [(0.0, 1.0), (2.0, 3.0)]


@pytest.mark.parametrize("header", [
    "recording,start_offset_s,end_offset_s,label,label_type", "INDIR,FOLDER,IN FILE,OFFSET,DURATION,MANUAL ID",
    "Selection,View,Begin Time (s),End Time (s),Begin File,File Offset (s),Annotation", "fname,labels,mids,split",
    "Start (s),End (s),Scientific name,Common name,Confidence,File", "filename,onset,offset,event_label",
    "audio_file,annotation,start_time,end_time", "file,start_time,end_time,A,B", "client_id,path,sentence",
    "slice_file_name,fsID,start,end,salience,fold,classID,class", "audio_filepath,duration,offset,label",
    "id,gen,sp,en,rec,url,file", "data.audio,annotations,predictions", "audio,annotation_id,annotator,choice",
    "id,audio,SUBSET,label,start,end,group",
])  # fmt: skip
def test_a_known_format_whose_cells_are_all_empty_is_understood(header):
    names = header.split(",")
    found = understand(RawTable(pd.DataFrame([[""] * len(names)], columns=names, dtype=object), [2]))

    assert found.table.rows == [2]
    assert [row.label for row in meanings(found)] == [""]
