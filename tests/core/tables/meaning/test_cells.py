"""One cell: missing words and times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.tables.meaning.cells import is_missing, missing_words, seconds_of


@pytest.mark.parametrize(
    "cell", ["", " ", "NA", "N/A", "nan", "NaN", "None", "NULL", "null", "-", "?", "<NA>", " NA ", "NaT", "#N/A"]
)
def test_the_words_of_programs_for_nothing_are_missing(cell):
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["none", "Na", "0", "--", "no", "unknown", "nano"])
def test_words_that_may_be_labels_are_not_missing(cell):
    assert not is_missing(cell)


def test_missing_words_are_counted_and_empty_cells_are_not():
    assert missing_words(["NA", "", "dog", "NA", "?"]) == {"NA": 2, "?": 1}


@pytest.mark.parametrize(("cell", "unit", "decimal", "seconds"), [
    ("2.5", "s", ".", 2.5),
    ("2,5", "s", ",", 2.5),
    ("1.234,5", "s", ",", None),
    (" 7 ", "s", ".", 7.0),
    ("7 s", "s", ".", 7.0),
    ("1e3", "s", ".", 1000.0),
    ("250", "ms", ".", 0.25),
    ("250ms", "ms", ".", 0.25),
    ("1:02:03.5", "hms", ".", 3723.5),
    ("1:02:03,5", "hms", ",", 3723.5),
    ("02:03", "hms", ".", 123.0),
    ("90:00", "hms", ".", 5400.0),
    ("0 days 00:00:01.500000", "hms", ".", 1.5),
    ("12.5", "hms", ".", 12.5),
    ("-0.0", "s", ".", 0.0),
])  # fmt: skip
def test_a_time_is_read_in_its_unit(cell, unit, decimal, seconds):
    result = seconds_of(cell, unit, decimal)

    assert result == seconds if seconds is not None else isinstance(result, str)


@pytest.mark.parametrize(("cell", "unit", "sentence"), [
    ("-1", "s", "“-1” must be a time, 0 or more, in seconds"),
    ("1,5", "s", "“1,5” has a comma: it is a time only if the comma is the decimal mark"),
    ("0:05", "s", "“0:05” looks like hh:mm:ss, but times are read as seconds"),
    ("0:75", "hms", "“0:75” must be a time, 0 or more, in hh:mm:ss"),
    ("1:60:00", "hms", "“1:60:00” must be a time, 0 or more, in hh:mm:ss"),
    ("inf", "s", "“inf” must be a time, 0 or more, in seconds"),
    ("soon", "ms", "“soon” must be a time, 0 or more, in milliseconds"),
    ("https://me:s3cret@h", "s", "“https://…@h” must be a time, 0 or more, in seconds"),
])  # fmt: skip
def test_what_is_no_time_is_a_sentence(cell, unit, sentence):
    assert seconds_of(cell, unit) == sentence


def test_a_missing_time_is_none():
    assert seconds_of("NA") is None


@given(st.text(max_size=12), st.sampled_from(["s", "ms", "hms"]), st.sampled_from([".", ","]))
def test_any_cell_is_a_time_of_0_or_more_or_a_sentence_or_nothing(cell, unit, decimal):
    result = seconds_of(cell, unit, decimal)

    assert result is None or isinstance(result, str) or (math.isfinite(result) and result >= 0)


@given(st.integers(0, 10**9), st.sampled_from([".", ","]))
def test_a_time_written_in_any_unit_is_the_same(milliseconds, decimal):
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    clock = f"{hours}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}".replace(".", decimal)
    plain = f"{milliseconds / 1000:.3f}".replace(".", decimal)

    times = [seconds_of(clock, "hms", decimal), seconds_of(plain, "s", decimal), seconds_of(str(milliseconds), "ms")]
    assert times == pytest.approx([milliseconds / 1000] * 3)
