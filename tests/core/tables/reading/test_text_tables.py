"""Text tables: separators, quotes, headers and what stands above them, short rows, decimal commas."""

import contextlib
import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading import table_reader
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.foreign_files import read_table
from hover_core.tables.reading.line_cells import divide_oddly
from hover_core.tables.rows import RawTable


def read(text: str | bytes, name: str = "a.csv", **reading) -> RawTable:
    return read_table(text.encode() if isinstance(text, str) else text, name, reading=Reading(**reading))


def rows(table: RawTable) -> list[list[str]]:
    return table.frame.to_numpy().tolist()


def decision(table: RawTable, about: str) -> Decision:
    [found] = [decision for decision in table.decisions if decision.about == about]
    return found


# separators -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_whatever_separates_cells_and_ends_lines_is_found_and_asks_nothing(mark, end):
    lines = [("file", "start", "label"), ("a b.wav", "0.5", "dog"), ("c.wav", "1.5", "cat")]
    table = read(end.join(map(mark.join, lines)))

    assert (rows(table), table.rows) == ([["a b.wav", "0.5", "dog"], ["c.wav", "1.5", "cat"]], [2, 3])
    assert table.decisions == []


def test_semicolons_separate_where_commas_are_decimal():
    table = read("Datei;Beginn;Ende;Art\na.wav;0,5;1,75;Amsel\nb.wav;1;2,25;Meise\n")

    assert rows(table) == [["a.wav", "0,5", "1,75", "Amsel"], ["b.wav", "1", "2,25", "Meise"]]
    assert table.decisions[-1] == Decision(
        "decimal",
        "A comma begins the fraction of a number in the columns “Beginn”, “Ende”: 0,5 is 0.5",
        ",",
        (Choice(".", "a comma begins no fraction"),),
    )


def test_commas_that_may_divide_thousands_begin_no_fraction_unless_it_is_said():
    text = 'url,n\na.wav,"1,200"\nb.wav,"2,300"\n'

    assert decision(read(text), "decimal").value == "."
    assert decision(read(text, decimal=","), "decimal").value == ","
    assert decision(read('url,n\na.wav,"0,200"\n'), "decimal").value == ","


def test_a_first_line_that_names_the_separator_is_no_row():
    table = read("sep=;\nurl;label\na.wav;dog, big\n")

    assert (list(table.frame.columns), rows(table), table.rows) == (["url", "label"], [["a.wav", "dog, big"]], [3])
    assert decision(table, "delimiter").sentence == "The first line says that “;” separates cells; it is no row"


def test_a_header_of_common_names_says_what_separates_cells_whatever_the_rows_are():
    table = read('url,note\na.wav,"one\ntwo\nthree\nfour\nfive\n')

    assert list(table.frame.columns) == ["url", "note"]
    assert [bad.row for bad in table.refused] == [3, 4, 5, 6]


def test_a_separator_that_was_said_counts():
    text = "a;b,c\n1;2,3\n"

    assert rows(read(text, delimiter=";")) == [["1", "2,3"]]
    assert rows(read(text, delimiter=",")) == [["1;2", "3"]]
    assert decision(read(text, delimiter="\n"), "delimiter").sentence == "Each line is one cell"
    with pytest.raises(TableError, match="delimiter='ab' must be one character"):
        read(text, delimiter="ab")


@pytest.mark.parametrize(("text", "name", "cells"), [
    ("utt0 http://h/0.wav\nutt1 http://h/1.wav\n", "wav.scp", [["utt0", "http://h/0.wav"], ["utt1", "http://h/1.wav"]]),
    ("u0 /data/my files/0.wav\nu1 /data/1.wav\n", "a.txt", [["u0", "/data/my files/0.wav"], ["u1", "/data/1.wav"]]),
    ("u0 sph2pipe -f wav a.sph |\n", "wav.scp", [["u0", "sph2pipe -f wav a.sph |"]]),
    ("1 id1/x/0.wav\n3 id2/y/1.wav\n1 id2/y/2.wav\n", "iden.txt",
     [["1", "id1/x/0.wav"], ["3", "id2/y/1.wav"], ["1", "id2/y/2.wav"]]),
    ("a.wav hello there\nb.wav hi\nc.wav oh well now\n", "t.txt",
     [["a.wav", "hello there"], ["b.wav", "hi"], ["c.wav", "oh well now"]]),
    ("u1 r1 0.0 1.5\nu2 r1 1.5 3\n", "segments", [["u1", "r1", "0.0", "1.5"], ["u2", "r1", "1.5", "3"]]),
    ("u1 anna\nu2 bob\n", "utt2spk", [["u1", "anna"], ["u2", "bob"]]),
])  # fmt: skip
def test_blanks_separate_keys_paths_and_transcripts(text, name, cells):
    table = read(text, name)

    assert rows(table) == cells
    assert decision(table, "delimiter").value == " "
    assert decision(table, "header").value == "0"


@pytest.mark.parametrize(
    "text",
    [
        "Barn Owl/1.wav\nTawny Owl/2.wav\n",
        "rec 1.wav\nrec 2.wav\n",
        "my, own.wav\nb.wav\n",
        'my, own.wav\nthe "b".wav\n',
    ],
)
def test_paths_with_blanks_or_commas_are_one_cell(text):
    assert rows(read(text, "list.txt")) == [[line] for line in text.splitlines()]


# quotes ---------------------------------------------------------------------------------------------------------------

SPOKEN = (
    'id\tpath\tsentence\n1\ta.mp3\tPlain.\n2\tb.mp3\t"Is it far?" she asked.\n3\tc.mp3\t"Open\n4\td.mp3\tShut" now\n'
)


def test_where_nothing_is_quoted_each_line_is_a_row_and_a_decision_says_so():
    table = read(SPOKEN, "validated.tsv")

    assert table.frame["sentence"].tolist() == ["Plain.", '"Is it far?" she asked.', '"Open', 'Shut" now']
    assert (decision(table, "quotes").value, decision(table, "quotes").sure) == ("no", True)
    assert [choice.value for choice in decision(table, "quotes").choices] == ["yes"]


def test_one_quote_that_is_never_closed_swallows_nothing():
    table = read('url,label\na.wav,"dog\nb.wav,cat\n')

    assert (rows(table), table.refused) == ([["a.wav", '"dog'], ["b.wav", "cat"]], [])


def test_a_lone_quote_among_quoted_cells_is_read_as_it_stands_and_swallows_nothing():
    table = read('url,label,n\n1.wav,"dog, big",x\n2.wav,cat,"5 inch\n3.wav,cow,x\n4.wav,ant,6" long\n')

    assert rows(table) == [
        ["1.wav", "dog, big", "x"], ["2.wav", "cat", '"5 inch'], ["3.wav", "cow", "x"], ["4.wav", "ant", '6" long'],
    ]  # fmt: skip
    assert table.decisions[-1].sentence == (
        "1 line has a quote that does not end where a cell ends: read as it stands there (line 3)"
    )


def test_lines_that_are_each_complete_are_rows_though_a_quote_spans_them():
    table = read('path,label,n\na.mp3,x,"Open\nb.mp3,y,Shut"\nc.mp3,z,1\n')

    assert rows(table) == [["a.mp3", "x", '"Open'], ["b.mp3", "y", 'Shut"'], ["c.mp3", "z", "1"]]
    assert decision(table, "quotes").value == "no"


def test_a_quoted_cell_may_have_lines_and_row_numbers_stay_those_of_the_file():
    table = read('url,label\na.wav,"two\nlines"\nb.wav,cat\n')

    assert (rows(table), table.rows, table.decisions) == ([["a.wav", "two\nlines"], ["b.wav", "cat"]], [2, 4], [])


def test_blanks_between_separators_and_quotes_belong_to_neither():
    assert rows(read('url, "label", "note"\na.wav, "x, y", "z"\n')) == [["a.wav", "x, y", "z"]]


def test_quotes_that_begin_far_down_hold_cells_together():
    plain = "".join(f"http://h/{n}.wav,dog\n" for n in range(20_000))
    table = read(f'url,label\n{plain}a.wav,"dog, big"\nb.wav,"cat"\n')

    assert rows(table)[-2:] == [["a.wav", "dog, big"], ["b.wav", "cat"]]
    assert (table.refused, table.decisions) == ([], [])


def test_quotes_can_be_said_to_be_characters():
    table = read('url,label\na.wav,"dog"\n', quotes="no")

    assert rows(table) == [["a.wav", '"dog"']]
    assert decision(table, "quotes").sentence == "As was said, a quote is a character like any other"


@pytest.mark.parametrize(("line", "cells"), [
    ('a,"b, c","d" e', ["a", "b, c", '"d" e']),
    ('"He said "no" to me",x', ['He said "no" to me', "x"]),
    ('a,"b \\"c\\" d",e', ["a", 'b "c" d', "e"]),
    ('a,"b', ["a", '"b']),
    ('"a,"b, c",d', ['"a', "b, c", "d"]),
    ("", [""]),
    ("a,", ["a", ""]),
    (' "b, c" , d', ["b, c", " d"]),
    ('"' + '""' * 20_000 + " x,y", ['"' + '""' * 20_000 + " x", "y"]),
])  # fmt: skip
def test_a_line_with_odd_quotes_keeps_its_text(line, cells):
    assert divide_oddly(line, ",") == cells


# headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "width"), [
    ("http://h/0.wav\nhttp://h/1.wav\n", 1),
    ("http://h/0.wav\n", 1),
    ("right/0_nohash_0\nright/1_nohash_0\n", 1),
    ("http://h/0.wav,dog\nhttp://h/1.wav,cat\n", 2),
    ("11-3.wav,11,0.0,0.3,dog\n12-3.wav,12,0.0,0.3,cat\n", 5),
    ("0.500000\t1.500000\tdog\n2.000000\t3.000000\tcat\n", 3),
    ("a.wav,path\nb.wav,label\n", 2),
])  # fmt: skip
def test_a_first_line_that_is_a_clip_is_no_header(text, width):
    table = read(text, "list.txt")

    assert len(table.frame) == len(text.splitlines())
    assert list(table.frame.columns) == [f"column {n}" for n in range(1, width + 1)]
    assert (decision(table, "header").value, decision(table, "header").choices[0].value) == ("0", "1")


def test_a_header_can_be_said_to_be_there_or_not():
    text = "http://h/0.wav,dog\nhttp://h/1.wav,cat\n"

    assert list(read(text, header="1").frame.columns) == ["http://h/0.wav", "dog"]
    assert len(read("url,label\na.wav,x\n", header="0").frame) == 2
    with pytest.raises(TableError, match="header='x' must be the number of a line"):
        read(text, header="x")


def test_names_that_nobody_knows_are_a_header_and_a_decision_says_so():
    table = read("Etikett;Ort\ndog;Ulm\ncat;Bonn\n")

    assert list(table.frame.columns) == ["Etikett", "Ort"]
    assert decision(table, "header").sentence == "Line 1 names the columns: “Etikett · Ort”"


def test_titles_and_comments_above_the_header_are_left_out_and_said():
    table = read("Recordings of May\n# made by me, 2023\n\nurl,label,n\na.wav,dog,1\nb.wav,cat,2\n")

    assert (list(table.frame.columns), table.rows) == (["url", "label", "n"], [5, 6])
    assert decision(table, "header").value == "4"
    assert decision(table, "header").sentence == (
        "Lines 1 and 2 above the table are no clip and are left out: “Recordings of May / # made by me 2023”"
    )


def test_a_title_that_is_filled_up_with_separators_is_a_title():
    assert list(read("Recordings,,\nurl,label,n\na.wav,dog,1\nb.wav,cat,2\n").frame.columns) == ["url", "label", "n"]


def test_a_comment_that_names_the_columns_is_the_header():
    table = read("#url,label\nhttp://h/1.wav,dog\nhttp://h/2.wav,cat\n")

    assert (list(table.frame.columns), len(table.frame)) == (["url", "label"], 2)


def test_a_comment_between_the_rows_is_refused_by_name():
    table = read("url,label\na.wav,dog\n# more\nb.wav,cat\n")

    assert [(bad.row, bad.reason) for bad in table.refused] == [
        (3, "a line that begins with # is a comment, and no clip")
    ]


@pytest.mark.parametrize("mark", ["\t", " ", ","])
def test_the_header_of_r_that_is_one_cell_short_belongs_to_the_columns_on_the_right(mark):
    lines = [('"file"', '"label"'), ('"1"', '"a b.wav"', '"Great Tit"'), ('"2"', '"c.wav"', "NA")]
    table = read("\n".join(map(mark.join, lines)), "a.txt")

    assert list(table.frame.columns) == ["column 1", "file", "label"]
    assert rows(table) == [["1", "a b.wav", "Great Tit"], ["2", "c.wav", "NA"]]
    assert decision(table, "header").sentence.startswith("The header has one cell fewer than the rows")


# short and long rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["url,label", "url,label,"])
def test_separators_behind_the_last_column_are_left_out_and_said(header):
    table = read(f"{header}\na.wav,dog,\nb.wav,cat,\nc.wav,owl\n")

    assert (list(table.frame.columns), rows(table)) == (
        ["url", "label"], [["a.wav", "dog"], ["b.wav", "cat"], ["c.wav", "owl"]],
    )  # fmt: skip
    assert decision(table, "delimiter").sentence == (
        "2 rows have separators behind the last column and nothing after them: these are left out (line 2 and 3)"
    )


def test_rows_that_end_too_soon_are_filled_and_said_or_refused_if_that_is_wanted():
    text = "url,label,who\na.wav,dog,Ann\nb.wav,cat\nc.wav\n"
    table = read(text)
    strict = read(text, short_rows="refuse")

    assert rows(table) == [["a.wav", "dog", "Ann"], ["b.wav", "cat", ""], ["c.wav", "", ""]]
    assert decision(table, "short_rows") == Decision(
        "short_rows",
        "2 rows have too few cells: the missing ones are read as empty (line 3 and 4)",
        "fill",
        (Choice("refuse", "leave such rows out, each by name"),),
    )
    assert ([bad.row for bad in strict.refused], rows(strict)) == ([3, 4], [["a.wav", "dog", "Ann"]])


def test_a_piece_of_a_row_is_refused_by_name():
    table = read("url,label,note\na.wav,dog,x\nb.wav,cat,one\ntwo\nc.wav,owl,a,b\n")

    assert [(bad.row, bad.value, bad.reason) for bad in table.refused] == [
        (4, "two", "the row has 1 cell, the header has 3: write the cells that are missing"),
        (5, "c.wav", "the row has 4 cells, the header has 3: quote cells that hold the separator"),
    ]


# any dialect ----------------------------------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("abc é,;|\t\"'.#-"), max_size=8).map(str.strip)


@settings(max_examples=150, deadline=None)
@given(
    cells=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8),
    mark=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    header=st.booleans(),
    order=st.permutations([0, 1, 2]),
)
def test_a_table_in_any_dialect_comes_back(cells, mark, quoting, end, encoding, header, order):
    table = [(f"http://h/{n}.wav", "x" + first, "y" + second) for n, (first, second) in enumerate(cells)]
    table = [[row[place] for place in order] for row in table]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, quoting=quoting, lineterminator=end)
    if header:
        writer.writerow([("url", "label", "note")[place] for place in order])
    writer.writerows(table)
    back = read(file.getvalue().encode(encoding), "a.csv")

    assert rows(back) == table
    assert back.refused == []


BARE = st.tuples(st.sampled_from(["", '"']), st.text(st.sampled_from("ab \"'.-"), max_size=6)).map(
    lambda p: f"{p[0]}x{p[1]}z"
)


@settings(max_examples=150, deadline=None)
@given(
    cells=st.lists(st.tuples(BARE, st.sampled_from(["wróbel", "łabędź", "żuraw"])), min_size=1, max_size=8),
    mark=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "cp1250", "iso8859_2"]),
    header=st.booleans(),
    title=st.booleans(),
)
def test_a_table_without_quotes_in_any_code_page_comes_back_once_the_page_is_said(cells, mark, encoding, header, title):
    table = [[f"http://h/{n}.wav", *row] for n, row in enumerate(cells)]
    lines = [["Recordings of May"]] * title + [["url", "note", "label"]] * header + table
    data = "\n".join(map(mark.join, lines)).encode(encoding)
    guess, back = read(data), read(data, encoding="" if encoding == "utf-8" else encoding)

    assert rows(back) == table
    assert back.refused == []
    assert encoding == "utf-8" or not decision(guess, "encoding").sure


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from('ab/.wv,;\t "#0123\n'), max_size=12), max_size=8))
def test_no_line_is_lost_without_a_word(lines):
    """Each line that is not blank is a row, a part of one, a named refusal, or stands in a decision."""
    text = "\n".join(["url,label", "a.wav,dog", *lines])
    try:
        table = read(text)
    except TableError:
        return
    numbers = {*table.rows, *(bad.row for bad in table.refused)}
    said = " ".join(decision.sentence for decision in table.decisions)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.replace(",", "").replace(";", "").strip(' \t"') and number > 1 and number not in numbers:
            assert "above the table" in said or any("\n" in cell for row in rows(table) for cell in row)


READINGS = st.builds(
    Reading,
    encoding=st.sampled_from(["", "cp1252", "gb18030", "utf-16", "utf-8"]),
    delimiter=st.sampled_from(["", ",", "\n", " ", "\t", "x"]),
    quotes=st.sampled_from(["", "yes", "no"]),
    header=st.sampled_from(["", "0", "1", "3", "99"]),
    short_rows=st.sampled_from(["", "refuse"]),
)


@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from("ab/.wv,;\t| \"'#\\0123\n\r:{}[]é狗-_="), max_size=60),
    st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "wav.scp", "text"]),
    READINGS,
    st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_text_in_any_reading_is_a_table_or_a_table_error(text, name, reading, encoding):
    data = io.BytesIO(text.encode(encoding))
    with contextlib.suppress(TableError):
        table_reader.read_table(data, name, reading, FileLimits(), lambda header, buffer: None)


# other kinds of files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "sentence"), [
    ("\n<!DOCTYPE html><html><body>Sign in</body>", "is a web page or another file of XML, not a table"),
    ("<?xml version='1.0'?>", "is a web page or another file of XML"),
    ("%PDF-1.4\nx", "is a PDF, not a table"),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "only says where Git LFS keeps the file"),
])  # fmt: skip
def test_a_text_of_another_kind_says_what_it_is(text, sentence):
    with pytest.raises(TableError, match=sentence):
        read(text)


def test_a_header_that_is_repeated_is_no_clip():
    table = read("url,label\na.wav,dog\nurl,label\nb.wav,cat\n")

    assert [(bad.row, bad.reason) for bad in table.refused] == [(3, "this line repeats the header, and is no clip")]
    assert table.rows == [2, 4]


def test_quotes_around_whole_lines_are_taken_off_and_said():
    table = read('"url,label"\n"a.wav,dog"\n"b.wav,""big"" cat"\n')

    assert rows(table) == [["a.wav", "dog"], ["b.wav", '"big" cat']]
    assert "Each line stands in quotes as a whole: they are taken off" in [one.sentence for one in table.decisions]


@pytest.mark.parametrize(("text", "name", "cells"), [
    ('LJ001-0001|Printing, in the only "sense.|x\nLJ001-0002|For|y\nLJ001-0003|In|z\n', "metadata.csv", 3),
    ("84-12-0000 GO DO\n84-12-0001 BUT IN LESS\n84-12-0002 YES\n", "a.trans.txt", 2),
    ("1 id1/x/0.wav id2/y/1.wav\n0 id1/x/0.wav id2/y/2.wav\n0 id1/z/0.wav id2/y/2.wav\n", "veri_test.txt", 3),
    ("SPEAKER m1 1 0.5 1.2 <NA> <NA> s1 <NA> <NA>\n" * 2 + "SPEAKER m1 1 2.5 1.2 <NA> <NA> s2 <NA> <NA>\n",
     "a.rttm", 10),
    ("0,5;1,5;dog\n1,5;2,25;cat\n2,5;3,25;owl\n", "times.csv", 3),
])  # fmt: skip
def test_lists_of_data_sets_have_no_header(text, name, cells):
    table = read(text, name)

    assert table.frame.shape == (3, cells)
    assert decision(table, "header").value == "0"


def test_columns_that_audioset_names_in_a_comment_have_these_names():
    table = read('# made, on Sunday\n# YTID, start, labels\n--PJ, 30.0, "/m/09,/t/dd"\n--Zh, 50.0, "/m/01"\n')

    assert list(table.frame.columns) == ["YTID", "start", "labels"]
    assert rows(table)[0] == ["--PJ", "30.0", "/m/09,/t/dd"]


# where a table comes from ---------------------------------------------------------------------------------------------


def test_a_table_is_read_from_its_path_as_from_its_bytes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"url;label\na.wav;dog\n")

    assert rows(read_table(path)) == rows(read_table(str(path))) == [["a.wav", "dog"]]
    with pytest.raises(TableError, match=r"^b\.csv cannot be read: No such file"):
        read_table(tmp_path / "b.csv")


def test_a_data_frame_is_a_table_as_well():
    assert rows(read_table(pd.DataFrame({"url": ["a.wav"], "n": [1.0]}))) == [["a.wav", "1"]]


@pytest.mark.parametrize("reading", [{"quotes": "maybe"}, {"decimal": "x"}, {"short_rows": "drop"}])
def test_a_reading_that_is_none_is_a_sentence(reading):
    with pytest.raises(TableError, match="must be '"):
        read("url\na.wav\n", **reading)


@pytest.mark.parametrize("cells", [
    ["local:a b/00.wav", "local:a b/01.wav", "local:out.wav"], ["night 1/call.wav", "night 2/call.wav"],
])  # fmt: skip
def test_names_with_blanks_below_the_one_name_of_a_column_are_whole_cells(cells):
    table = read_table("\n".join(["audio", *cells]).encode(), "folder.csv")

    assert table.frame["audio"].tolist() == cells


def test_the_rows_that_r_numbers_below_one_name_are_two_cells():
    lines = ["file", *(f"{number} take_{number}.wav" for number in range(1, 41))]
    table = read_table("\n".join(lines).encode(), "write_table.txt")

    assert table.frame["file"].tolist() == [f"take_{number}.wav" for number in range(1, 41)]
