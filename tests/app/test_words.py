"""Somebody else's words on our pages."""

import pytest

from pages.components.text import count_of, plain, time_goes


@pytest.mark.parametrize(
    "hostile",
    ["![i](http://127.0.0.1/p.png)", "**bold**", "[a](javascript:x)", ":red[x]", "$x$", "<img src=x>", "`x`", "&copy;"],
)
def test_no_mark_of_markdown_is_left_unescaped(hostile: str) -> None:
    shown = plain(hostile)

    for mark in "*[]()`$<>&!:":
        assert shown.count(mark) == shown.count("\\" + mark)


def test_words_without_marks_stay_as_they_are() -> None:
    assert plain("great tit") == "great tit"
    assert plain("naïve – ünïcode") == "naïve – ünïcode"


def test_a_bare_address_is_no_link() -> None:
    assert "://" not in plain("http://evil.example").replace("\\", "")


def test_one_is_singular() -> None:
    assert [count_of(1, "clip"), count_of(2, "clip"), count_of(1200, "row")] == ["1 clip", "2 clips", "1,200 rows"]


def test_where_the_time_goes_is_said_in_shares() -> None:
    assert time_goes({"waiting": 0.123, "decoding": 0.6, "computing": 0.277}) == (
        "Time goes to waiting for sound 12%, decoding 60%, computing 28%."
    )
    assert time_goes({}) == ""
