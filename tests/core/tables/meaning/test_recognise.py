"""Which column means what, by its name and by what is in it."""

import numpy as np
import pandas as pd
import pytest

from hover_core.errors import TableError
from hover_core.tables.meaning.recognise import recognise, recording_name
from hover_core.tables.meaning.understand import understand
from hover_core.tables.rows import RawTable
from tests.core.tables.meaning.rows_of import asked, decision, roles, understood, values, with_header, without_header

# sounds -----------------------------------------------------------------------------------------------------------


def test_the_column_whose_cells_end_like_sound_is_taken_before_web_pages():
    found = understood(
        "url,filename,primary_label\nhttps://xeno-canto.org/1,a/1.ogg,wren\nhttps://xeno-canto.org/2,a/2.ogg,tit\n"
    )

    assert roles(found.columns) == {"audio": "filename", "label": "primary_label"}
    audio = decision(found, "audio")
    assert audio.sentence == "“filename” names the sounds: its cells end like sound; “url” holds web pages"
    assert values(audio) == ["url", ""]


@pytest.mark.parametrize(("text", "audio"), [
    ("Klasse,Sound file,note\ndog,http://h/1.wav,x\ncat,http://h/2.wav,http://h\n", "Sound file"),
    ("id,url\n1,http://h/1\n2,http://h/2\n", "url"),
    ("path,file\n/a/b/1.wav,1.wav\n/a/c/2.wav,2.wav\n", "path"),
    ("audio_file,annotation_file\n1.wav,1.txt\n2.wav,2.txt\n", "audio_file"),
    ("file,original_file\ncut1.wav,night.wav\ncut2.wav,night.wav\n", "file"),
    ("data.audio,data.image\nhttp://h/1.wav,http://h/1.png\n", "data.audio"),
    ("url,x\n//h.example.org/a/1.wav,1\n", "url"),
    ("url,preview_url\nhttp://h/1.wav,http://h/p1.mp3\nhttp://h/2.wav,http://h/p2.mp3\n", "url"),
    ("file,image\nhttp://h/a?f=1.wav&x=1,a.png\n", "file"),
])  # fmt: skip
def test_one_column_is_clearly_the_sounds(text, audio):
    found = understood(text)

    assert (found.columns.audio, decision(found, "audio").sure) == (audio, True)


@pytest.mark.parametrize(("text", "choices"), [
    ("clean,noisy\nc1.wav,n1.wav\nc2.wav,n2.wav\n", ["clean", "noisy", ""]),
    ("url,label\nhttps://freesound.org/people/a/sounds/1/,x\n", ["label", "url", ""]),
    ("a,b\nx,y\n", ["a", "b", ""]),
])  # fmt: skip
def test_where_no_column_or_several_may_be_the_sounds_it_is_asked(text, choices):
    question = decision(understood(text), "audio")

    assert not question.sure
    assert sorted(values(question)) == sorted(choices)


def test_names_without_an_ending_are_asked_about_as_a_pattern():
    found = understood("fname,label\n64760,dog\n16399,cat\n")

    question = decision(found, "pattern")
    assert (question.sure, values(question)[0], values(question)[-1]) == (False, "{fname}.wav", "")
    assert roles(found.columns) == {"pattern": "{fname}.wav", "label": "label"}


def test_a_folder_in_its_own_column_is_joined():
    found = understood("Folder,File,label\nA,1.wav,x\nB,1.wav,y\n")

    assert found.columns.pattern == "{Folder}/{File}"
    assert values(decision(found, "pattern")) == [""]


def test_a_fold_is_a_folder_only_where_names_of_files_come_again():
    alone = understood("file,fold,label\n1.wav,1,x\n2.wav,2,y\n")
    again = understood("file,fold,label\n1.wav,1,x\n1.wav,2,y\n")

    assert (alone.columns.pattern, asked(alone)) == ("", [])
    assert (again.columns.pattern, asked(again)) == ("fold{fold}/{file}", ["pattern"])


def test_what_a_person_chose_for_the_pattern_wins():
    found = understood("Folder,File,label\nA,1.wav,x\nB,2.wav,y\n", pattern="")

    assert roles(found.columns) == {"audio": "File", "label": "label"}
    assert values(decision(found, "pattern")) == ["{Folder}/{File}"]


def test_a_choice_of_a_column_that_is_not_there_is_refused():
    with pytest.raises(TableError, match="label='klass' is no column"):
        understood("file,label\n1.wav,x\n", label="klass")


# labels, subsets, groups, ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "label", "category", "class", "target", "primary_label", "Common Name", "species", "event_label", "choice",
    "annotation", "Label", "className", "bird_species", "true_label", "data.label", "Klasse", "manual id",
])  # fmt: skip
def test_labels_have_many_names(name):
    found = understood(f"file,{name}\na.wav,dog\nb.wav,cat\nc.wav,dog\n")

    assert (found.columns.label, asked(found)) == (name, [])


@pytest.mark.parametrize("name", ["transcription", "sentence", "text", "caption", "notes", "secondary_labels",
                                  "label_file", "predicted_label", "license", "gender"])  # fmt: skip
def test_what_is_no_label(name):
    found = understood(f"file,{name}\na.wav,dog\nb.wav,cat\nc.wav,dog\n")

    assert (found.columns.label, asked(found)) == ("", [])


def test_a_label_column_of_sentences_is_asked_about():
    found = understood("file,label\n" + "".join(f"{row}.wav,they say a sentence of number {row}\n" for row in range(5)))

    assert (found.columns.label, asked(found)) == ("", ["label"])


def test_words_win_over_the_numbers_that_go_with_them():
    found = understood("file,label,label_name\na.wav,0,dog\nb.wav,1,cat\nc.wav,0,dog\n")

    assert found.columns.label == "label_name"
    assert values(decision(found, "label")) == ["label", ""]


def test_two_columns_that_may_both_be_labels_are_asked_about():
    found = understood("file,species,call_type\na.wav,wren,song\nb.wav,wren,call\nc.wav,tit,song\n")

    assert asked(found) == ["label"]
    assert values(decision(found, "label")) == ["species", "call_type", ""]


def test_a_column_of_few_words_with_another_name_is_asked_about():
    found = understood("file,kind\na.wav,dog\nb.wav,cat\nc.wav,dog\n")

    assert (found.columns.label, asked(found)) == ("kind", ["label"])


def test_without_a_header_a_column_of_few_words_is_the_label():
    found = understand(
        without_header("http://h/1.wav,dog\nhttp://h/2.wav,cat\nhttp://h/3.wav,dog\nhttp://h/4.wav,dog\n")
    )

    assert roles(found.columns) == {"audio": "column 1", "label": "column 2"}


def test_an_empty_column_of_labels_is_still_the_label():
    found = understood("file,label\na.wav,\nb.wav,NA\n")

    assert found.columns.label == "label"


def test_an_empty_label_beside_another_that_is_full_is_asked_about():
    found = understood("file,label,species\na.wav,,wren\nb.wav,,tit\nc.wav,,tit\n")

    assert asked(found) == ["label"]


def test_split_wins_over_a_subset_that_means_sizes():
    found = understood("file,subset,split\na.wav,small,training\nb.wav,medium,test\n")

    assert found.columns.subset == "split"
    assert "“subset” means something else" in decision(found, "subset").sentence


def test_subset_that_means_sizes_is_no_subset():
    found = understood("file,subset\na.wav,small\nb.wav,medium\n")

    assert (found.columns.subset, values(decision(found, "subset"))) == ("", ["subset"])


def test_a_column_of_subset_words_is_known_by_them():
    assert understood("file,usage of it\na.wav,Training\nb.wav,test\n").columns.subset == "usage of it"


def test_a_class_called_train_is_no_subset():
    found = understood("file,category\na.wav,train\nb.wav,car\nc.wav,train\n")

    assert (found.columns.label, found.columns.subset) == ("category", "")


def test_unknown_words_of_a_subset_are_asked_about_one_by_one():
    found = understood("file,split\na.wav,train\nb.wav,holdout\nc.wav,holdout\nd.wav,extra\n")

    assert asked(found) == ["subset:holdout", "subset:extra"]


def test_an_answer_about_a_word_is_kept():
    found = understood("file,split\na.wav,train\nb.wav,holdout\n", **{"subset:holdout": "test"})

    assert (found.questions, decision(found, "subset:holdout").value) == ([], "test")


def test_folders_of_addresses_become_subsets():
    found = understood("file_name,label\ntrain/1.wav,x\ntest/1.wav,y\n")

    assert found.columns.subset == "subset (folder)"
    assert found.table.frame["subset (folder)"].tolist() == ["train", "test"]
    assert values(decision(found, "subset")) == [""]


def test_folders_of_addresses_are_no_subsets_if_a_person_says_so():
    found = understood("file_name,label\ntrain/1.wav,x\ntest/1.wav,y\n", subset="")

    assert (found.columns.subset, list(found.table.frame.columns)) == ("", ["file_name", "label"])


@pytest.mark.parametrize("name", ["speaker", "speaker_id", "client_id", "src_file", "Subject", "patient_id", "fsID"])
def test_groups_have_many_names(name):
    assert understood(f"file,{name}\na.wav,s1\nb.wav,s2\n").columns.group == name


def test_an_id_that_counts_rows_names_no_clip_and_it_can():
    text = "id,url,label\n1,http://h/1.wav,dog\n2,http://h/2.wav,cat\n"
    found = understood(text)

    assert found.columns.own_id == ""
    assert decision(found, "own_id").sentence == "“id” does not name clips, for it counts rows: their addresses do"
    assert understood(text, own_id="id").columns.own_id == "id"


def test_an_id_of_ours_names_clips():
    found = understood("clip_id,url\n0123456789abcdef0123,http://h/1.wav\n")

    assert found.columns.own_id == "clip_id"


def test_words_for_verdicts_are_known():
    found = understood("file,label,label_type\na.wav,dog,positive\nb.wav,dog,negative\n")

    assert found.columns.verdict == "label_type"


def test_one_clip_with_two_labels_in_two_rows_is_said():
    found = understood("file,label\na.wav,dog\na.wav,cat\nb.wav,dog\nb.wav,dog\n")

    twice = decision(found, "label_twice")
    assert twice.sentence.startswith("1 row gives a clip another label than an earlier row")
    assert (twice.value, values(twice)) == ("first", ["refuse"])


def test_stretches_of_one_sound_may_have_different_labels():
    found = understood("file,start,end,label\na.wav,0,1,dog\na.wav,1,2,cat\n")

    assert [part.about for part in found.decisions if part.about == "label_twice"] == []


def test_words_in_late_rows_of_a_long_table_are_seen():
    rows = 30_000
    frame = pd.DataFrame(
        {"file": [f"{row}.wav" for row in range(rows)], "label": "dog", "split": "train"}, dtype=object
    )
    frame.loc[rows - 7, ["label", "split"]] = ["Dog", "holdout"]
    _, decisions = recognise(RawTable(frame, list(range(2, rows + 2))))

    assert {"label_case", "subset:holdout"} <= {part.about for part in decisions}


def test_a_table_in_arrows_memory_is_understood():
    text = pd.StringDtype("pyarrow", na_value=np.nan)
    frame = pd.DataFrame({"file": ["a.wav", "b.wav"], "label": ["x", "y"]}).astype(text)

    assert roles(understand(RawTable(frame, [2, 3])).columns) == {"audio": "file", "label": "label"}


@pytest.mark.parametrize("text", ["file,label\n", "file\n"])
def test_a_table_without_rows_is_asked_about(text):
    table = RawTable(pd.DataFrame({name: [] for name in text.strip().split(",")}, dtype=object), [])

    assert asked(understand(table)) == ["audio"]


@pytest.mark.parametrize(("file", "recording"), [
    ("site0.Table.1.selections.txt", "site0"), ("site0.BirdNET.selection.table.txt", "site0"),
    ("site0.BirdNET.results.csv", "site0"), ("rec/night.wav.txt", "night.wav"), ("a.b.csv", "a.b"), ("", ""),
    ("a{b}.txt", ""), ("site0_labels.txt", "site0"),
])  # fmt: skip
def test_a_table_is_called_after_its_recording(file, recording):
    assert recording_name(file) == recording


def test_understanding_changes_no_table():
    table = with_header("file_name,label\ntrain/1.wav,x\ntest/1.wav,y\n")
    before = table.frame.copy()
    understand(table)

    assert table.frame.equals(before)


def test_addresses_without_an_ending_beside_names_of_sounds_are_asked_about():
    found = understood("filename,download_url\na.wav,https://h.example.org/d/1\nb.wav,https://h.example.org/d/2\n")

    assert asked(found) == ["audio"]
    assert values(decision(found, "audio")) == ["filename", "download_url", ""]


def test_a_licence_beside_names_of_sounds_asks_nothing():
    assert asked(understood("filename,license_url\na.wav,https://cc.org/by\nb.wav,https://cc.org/by\n")) == []


FOLDERS = "path\n" + "".join(f"esc/{word}/{row}.wav\n" for row, word in enumerate(["dog", "cat", "rain"] * 3))


def test_folders_can_be_the_labels_where_no_column_is():
    found = understood(FOLDERS)

    label = decision(found, "label")
    assert (label.value, label.sure, values(label)) == ("", True, ["label (folder)"])
    assert label.sentence == "No column holds labels; the folders of the sounds may (“cat”, “dog”, “rain” …)"


def test_folders_are_the_labels_if_a_person_says_so():
    found = understood(FOLDERS, label="label (folder)")

    assert found.columns.label == "label (folder)"
    assert found.table.frame["label (folder)"].tolist()[:3] == ["dog", "cat", "rain"]


def test_missing_times_and_subsets_are_said():
    found = understood("file,start,end,split\na.wav,NA,NA,NA\nb.wav,1,2,train\nc.wav,1,2,test\n")

    assert decision(found, "missing:start").sentence == "1 row says “NA” in “start”: no time"
    assert decision(found, "missing:subset").sentence == "1 row says “NA” in “split”: not yet split"


def test_without_a_header_columns_that_may_be_times_are_asked_about():
    found = understand(without_header("a.wav,0.5,1.5,dog\nb.wav,2.25,3,cat\nc.wav,0.5,3,dog\nd.wav,0.5,3,dog\n"))

    assert asked(found) == ["start", "end"]
    assert roles(found.columns) == {"audio": "column 1", "start": "column 2", "end": "column 3", "label": "column 4"}


def test_choosing_a_column_gives_up_the_pattern_of_a_format():
    found = understood("client_id,path,sentence\nc1,x.mp3,Hello.\n", audio="path")

    assert roles(found.columns) == {"audio": "path", "group": "client_id"}


WIDE = "fname,min_t,max_t,subset,DOG,CAT,RAIN\n" + "".join(
    f"s{row // 4}.wav,{row % 4 * 3},{row % 4 * 3 + 3},{'train' if row < 4 else 'test'},{row % 2},{row % 3 // 2},0\n"
    for row in range(8)
)


def test_columns_of_marks_are_asked_about_and_can_be_the_labels():
    found, chosen = understood(WIDE), understood(WIDE, label="classes marked 1")

    assert (asked(found), values(decision(found, "label"))) == (["label"], ["", "classes marked 1"])
    assert roles(chosen.columns) == {
        "audio": "fname", "start": "min_t", "end": "max_t", "subset": "subset", "label": "classes marked 1",
    }  # fmt: skip
    assert chosen.table.frame["classes marked 1"].tolist()[:6] == ["", "DOG", "CAT", "DOG", "", "DOG;CAT"]


def test_columns_of_elan_say_in_what_they_count():
    found = understood(
        "file,Begin Time - ss.msec,End Time - ss.msec,Duration - ss.msec,label\na.wav,0.5,1.5,1.0,x\na.wav,2,3,1,y\n"
    )
    clock = understood("file,Begin Time - hh:mm:ss.ms,End Time - hh:mm:ss.ms\na.wav,00:00:00.5,00:00:01.5\n")

    assert (found.columns.start, found.columns.end, found.columns.time_unit) == (
        "Begin Time - ss.msec", "End Time - ss.msec", "s",
    )  # fmt: skip
    assert (clock.columns.start, clock.columns.time_unit) == ("Begin Time - hh:mm:ss.ms", "hms")


def test_a_text_of_a_few_words_that_come_again_is_asked_about():
    rows = "".join(f"a.wav,{row},{row + 1},{'xy'[row % 2]}\n" for row in range(6))
    found = understood("file,tmin,tmax,text\n" + rows)

    assert (asked(found), found.columns.label) == (["label"], "text")


def test_numbers_of_classes_without_a_header_are_asked_about():
    found = understand(without_header("".join(f"a{row}.wav,{row % 2 * 2 - 1}\n" for row in range(8))))

    assert asked(found) == ["label", "minus_one"]


def test_a_list_of_times_alone_is_asked_about_by_the_name_of_its_file():
    found = understand(without_header("0.036,0.579,0,0\n0.579,2.45,0,1\n2.45,3.893,0,0\n"), "101_al.txt")

    assert (found.columns.start, found.columns.end, found.columns.pattern) == ("column 1", "column 2", "101_al.wav")
    assert {"start", "end", "pattern"} <= set(asked(found))


def test_labels_that_are_the_same_name_are_not_two():
    found = understood(
        'file,label\na.wav,dog\na.wav, dog \na.wav,do\u200bg\na.wav,NA\nb.wav,"[""cat"", ""dog""]"\nb.wav,cat\n'
    )

    assert [part.about for part in found.decisions if part.about == "label_twice"] == []


def test_a_path_without_a_file_is_a_folder():
    found = understood("path,filename\n/rec/night1/,a.wav\n/rec/night2/,a.wav\n")

    assert found.columns.pattern == "{path}/{filename}"


@pytest.mark.parametrize(("text", "label", "questions"), [
    ("file,x,y\na.wav,1,2\nb.wav,3,4\nc.wav,5,4\n", "", []),
    ("file,y\na.wav,1\nb.wav,0\nc.wav,1\n", "y", []),
    ("file,target\na.wav,0.25\nb.wav,0.5\nc.wav,0.75\n", "target", ["label"]),
    ("file,label,label_text\na.wav,0,dog\nb.wav,1,cat\nc.wav,0,dog\n", "label_text", []),
])  # fmt: skip
def test_a_name_alone_makes_no_label(text, label, questions):
    found = understood(text)

    assert (found.columns.label, asked(found)) == (label, questions)
