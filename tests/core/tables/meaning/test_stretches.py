"""Which columns say where a clip starts and ends, and in what they count."""

import pytest

from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.cells import decimal_mark
from hover_core.tables.meaning.understand import understand
from tests.core.tables.meaning.rows_of import asked, decision, roles, understood, values, with_header


@pytest.mark.parametrize(("first", "second"), [
    ("start", "end"), ("start_time", "end_time"), ("Start (s)", "End (s)"), ("Begin Time (s)", "End Time (s)"),
    ("onset", "offset"), ("begin", "end"), ("start_s", "end_s"), ("StartTime", "EndTime"), ("starttime", "endtime"),
    ("start_offset_s", "end_offset_s"), ("tmin", "tmax"), ("from", "to"), ("segment.start", "segment.end"),
    ("t0", "t1"), ("start_in_seconds", "stop_in_seconds"), ("Beginn", "Ende"), ("Event Start", "Event End"),
])  # fmt: skip
def test_start_and_end_have_many_names(first, second):
    found = understood(f"{first},file,{second}\n0,a.wav,1.5\n1.5,a.wav,3\n0,b.wav,1.5\n")

    assert (found.columns.start, found.columns.end, found.columns.time_unit) == (first, second, "s")
    assert asked(found) == []


@pytest.mark.parametrize(("first", "second"), [
    ("offset", "duration"), ("OFFSET", "DURATION"), ("start", "length"), ("Begin Time (s)", "Delta Time (s)"),
])  # fmt: skip
def test_start_and_length(first, second):
    found = understood(f"file,{first},{second}\na.wav,0,2\na.wav,2,2\nb.wav,0,2\n")

    assert roles(found.columns) == {"audio": "file", "start": first, "length": second}


def test_a_length_alone_is_that_of_the_sound():
    assert roles(understood("file,duration\na.wav,2.5\nb.wav,3\n").columns) == {"audio": "file"}


def test_offsets_of_0_with_a_duration_are_whole_sounds():
    found = understood("file,offset,duration\na.wav,0,2.5\nb.wav,0.0,3\n")

    assert roles(found.columns) == {"audio": "file"}
    assert values(decision(found, "start")) == ["offset"]


def test_a_duration_of_the_whole_sound_is_asked_about():
    found = understood("file,start,duration\na.wav,0,60\na.wav,5,60\na.wav,10,60\na.wav,15,60\n")

    assert "start" in asked(found)


@pytest.mark.parametrize(("first", "second", "cells", "unit"), [
    ("start_ms", "end_ms", [("0", "500"), ("500", "1500")], "ms"),
    ("Start [ms]", "End [ms]", [("0", "500"), ("500", "1500")], "ms"),
    ("startMs", "endMs", [("0", "500"), ("500", "1500")], "ms"),
    ("start", "end", [("00:00:00.5", "00:00:01"), ("00:00:01", "00:00:02")], "hms"),
    ("start", "end", [("0:05", "0:10"), ("1:05", "1:10")], "hms"),
])  # fmt: skip
def test_the_unit_of_times(first, second, cells, unit):
    rows = "\n".join(f"a.wav,{a},{b}" for a, b in cells)
    found = understood(f"file,{first},{second}\n{rows}\n")

    assert (found.columns.start, found.columns.end, found.columns.time_unit) == (first, second, unit)
    assert asked(found) == []


def test_whole_numbers_too_large_for_seconds_are_asked_about():
    found = understood("file,start,end\na.wav,0,5000\na.wav,5000,10000\n")

    question = decision(found, "time_unit")
    assert (question.sure, question.value, values(question)) == (False, "ms", ["ms", "s"])


def test_decimal_commas_are_said():
    found = understood('file,start,end\na.wav,"0,5","1,25"\na.wav,"1,25","2"\n')

    assert decision(found, "decimal").value == ","
    assert asked(found) == []


def test_commas_that_may_separate_thousands_are_asked_about():
    found = understood('file,start,end\na.wav,"0","1,250"\na.wav,"1,250","2,500"\n')

    assert "decimal" in asked(found)


def test_the_decimal_mark_of_the_reader_counts_unless_times_have_another():
    table = with_header("file;start;end\na.wav;0,5;1,5\n", ";")
    table.decisions.append(Decision("decimal", "", ","))
    points = with_header("file;start;end;lat\na.wav;0.5;1.5;9,5\n", ";")
    points.decisions.append(Decision("decimal", "", ","))

    found, other = understand(table), understand(points)

    assert decimal_mark([*table.decisions, *found.decisions]) == ","
    assert decimal_mark([*points.decisions, *other.decisions]) == "."


@pytest.mark.parametrize("text", [
    "file,start,end\na.wav,5,1\nb.wav,6,2\n",
    "file,start,end\na.wav,04:10:00,04:20:00\nb.wav,05:10:00,05:20:00\n",
    "file,source,start,end\ncut1.wav,x,1.5,3\ncut2.wav,x,9,12\n",
    "file,start,end\ny_30_40.wav,30,40\nz_12_22.wav,12,22\n",
])  # fmt: skip
def test_times_that_do_not_fit_are_asked_about(text):
    assert "start" in asked(understood(text))


def test_dates_are_no_stretches():
    found = understood("file,start_time,end_time\na.wav,2023-05-01 04:10:00,2023-05-01 04:20:00\n")

    assert roles(found.columns) == {"audio": "file"}


def test_samples_are_not_read_and_it_is_said():
    found = understood("file,start_sample,end_sample\na.wav,0,44100\na.wav,44100,88200\n")

    question = decision(found, "start")
    assert (question.sure, question.value) == (False, "")
    assert question.sentence.startswith("“start_sample” counts samples, which are not read")


def test_a_start_without_an_end_is_asked_about():
    found = understood("file,start\na.wav,1\na.wav,2\n")

    assert (found.columns.start, asked(found)) == ("start", ["end"])


def test_where_most_rows_would_be_duplicates_columns_that_look_like_times_are_asked_about():
    rows = "".join(f"s{sound}.wav,{at},{at + 5}\n" for sound in range(2) for at in (0, 5, 10, 15))
    found = understood("file,A,B\n" + rows)

    start, end = decision(found, "start"), decision(found, "end")
    assert start.sentence.startswith("75% of the rows name a sound that another row names too")
    assert (start.sure, start.value, end.sure, end.value) == (False, "A", False, "B")


def test_a_counter_of_rows_is_no_time():
    rows = "".join(f"{row},s{row // 4}.wav,x\n" for row in range(8))
    found = understood("id,file,label\n" + rows)

    assert asked(found) == []


def test_choosing_whole_sounds_gives_up_the_end_as_well():
    found = understood("file,start,end\na.wav,1,2\na.wav,2,3\n", start="")

    assert roles(found.columns) == {"audio": "file"}


def test_choosing_another_unit_is_kept():
    assert understood("file,start,end\na.wav,0,5000\na.wav,5000,10000\n", time_unit="s").questions == []
