"""Addresses that are spread over columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.tables.meaning.patterns import fill_pattern, pattern_columns


@pytest.mark.parametrize(("pattern", "cells", "address"), [
    ("audio/fold{fold}/{slice_file_name}", {"fold": "3", "slice_file_name": "1.wav"}, "audio/fold3/1.wav"),
    ("{fname}.wav", {"fname": " 64760 "}, "64760.wav"),
    ("{FOLDER}/{IN FILE}", {"FOLDER": "N1\\", "IN FILE": "a.wav"}, "N1/a.wav"),
    ("{FOLDER}/{IN FILE}", {"FOLDER": "", "IN FILE": "a.wav"}, "a.wav"),
    ("{root}/{folder}/{file}", {"root": "/data", "folder": "", "file": "a.wav"}, "/data/a.wav"),
    ("{dir}/{file}", {"dir": "rec\\night1", "file": "x\\a.wav"}, "rec/night1/x/a.wav"),
    ("https://h/{dir}/{file}", {"dir": "", "file": "a.wav"}, "https://h/a.wav"),
    ("clips/{path}", {"path": "https://h/a.mp3"}, "https://h/a.mp3"),
    ("clips/{path}", {"path": ""}, ""),
    ("night.wav", {}, "night.wav"),
    ("{a}/{b}", {"a": "{b}", "b": "x.wav"}, "{b}/x.wav"),
])  # fmt: skip
def test_a_pattern_is_filled_with_the_cells_of_a_row(pattern, cells, address):
    assert fill_pattern(pattern, cells) == address


def test_the_columns_of_a_pattern_stand_in_its_order():
    assert pattern_columns("{b}/x/{a}.wav", ["a", "b"]) == ["b", "a"]


@pytest.mark.parametrize(("pattern", "message"), [
    ("{fold/{file}", "a brace without its other"),
    ("{nothing}/{file}", "names “nothing”, which is no column"),
    ("{}.wav", "a brace without its other"),
])  # fmt: skip
def test_a_pattern_that_cannot_be_filled_is_refused(pattern, message):
    with pytest.raises(TableError, match=message):
        pattern_columns(pattern, ["file"])


@given(st.text("abc/\\ é#?.{}", max_size=8), st.text("abc.wav", min_size=1, max_size=8))
def test_a_file_name_without_folders_stays_at_the_end(folder, file):
    assert fill_pattern("{folder}/{file}", {"folder": folder, "file": file}).endswith(file)
