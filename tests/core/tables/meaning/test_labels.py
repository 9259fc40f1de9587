"""Words of labels: lists, case, missing ones, verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.labels import (
    group_decisions,
    group_reader,
    label_decisions,
    label_reader,
    labels_in,
    list_separator,
    verdict_of,
)


@pytest.mark.parametrize(("cell", "separator", "labels"), [
    ("dog", "", ["dog"]),
    ("", "", []),
    ("NA", "", []),
    ('["dog", "cat"]', "", ["dog", "cat"]),
    ("['dog', \"wolf's howl\"]", "", ["dog", "wolf's howl"]),
    ("['dog' 'cat']", "", ["dog", "cat"]),
    ("[dog, cat]", "", ["dog", "cat"]),
    ('{"choices": ["Dog", "Wind"]}', "", ["Dog", "Wind"]),
    ("[]", "", []),
    ("[noise]", "", ["[noise]"]),
    ("(unknown)", "", ["(unknown)"]),
    ("dog;cat", "", ["dog;cat"]),
    ("dog; cat;", ";", ["dog", "cat"]),
    ('[{"start": 1}]', "", ['[{"start": 1}]']),
    ("[[[[", "", ["[[[["]),
])  # fmt: skip
def test_labels_in_a_cell(cell, separator, labels):
    assert labels_in(cell, separator) == labels


@pytest.mark.parametrize(("words", "name", "separator"), [
    (["dog;cat", "dog", "rain;dog"], "label", ";"),
    (["dog|cat", "cat|dog"], "label", "|"),
    (["Wren, Eurasian", "Jay, Eurasian", "dog"], "label", ""),
    (["dog,cat", "dog", "cat"], "label", ","),
    (["Guitar,Music", "Bass_guitar,Guitar,Music"], "labels", ","),
    (["car; engine idling", "rain"], "label", ""),
    (["dog", "cat"], "labels", ""),
    (['["a;b"]', "c"], "label", ""),
])  # fmt: skip
def test_a_separator_divides_only_what_is_clearly_a_list(words, name, separator):
    assert list_separator(words, name) == separator


def test_words_that_differ_by_case_are_shown_and_stay_apart():
    [decision] = label_decisions({"dog": 5, "Dog": 2, "cat": 1}, "label")

    assert (decision.about, decision.value, decision.sure) == ("label_case", "keep", True)
    assert decision.sentence == "Some labels differ by case alone and stay apart: “dog” = “Dog”"
    assert [choice.value for choice in decision.choices] == ["merge"]


def test_words_that_differ_by_invisible_characters_are_one_label():
    assert label_decisions({"dog": 5, "do\u200bg": 2, "e\u0301": 1, "é": 1}, "label") == []


def test_missing_words_are_counted_in_a_sentence_and_empty_cells_are_not():
    [decision] = label_decisions({"dog": 5, "NA": 2, "": 7}, "label")

    assert decision.sentence == "2 rows say “NA”: they are read as empty and have no label"
    assert decision.value == "empty"


def test_a_class_of_minus_one_is_asked_about():
    [decision] = label_decisions({"0": 5, "1": 2, "-1": 7}, "class")

    assert (decision.about, decision.sure, decision.value) == ("minus_one", False, "empty")


def test_minus_one_among_words_is_a_word():
    assert label_decisions({"dog": 5, "-1": 7}, "class") == []


def test_several_labels_in_a_cell_are_said_with_a_choice():
    [decision] = label_decisions({'["dog", "cat"]': 3, '["dog"]': 2}, "label")

    assert (decision.about, decision.value) == ("label_list", "first")
    assert decision.sentence.startswith('3 rows have several labels in a cell, as in “["dog", "cat"]”')
    assert [choice.value for choice in decision.choices] == ["refuse", "whole"]


def test_lists_of_one_are_said():
    [decision] = label_decisions({'["dog"]': 2, '["cat"]': 2}, "label")

    assert decision.sentence.startswith("The labels are written as lists of one")


def test_an_unknown_speaker_is_nobodys_group():
    found = group_decisions({"ann": 3, "NA": 2, "unknown": 4})

    assert [part.sentence for part in found] == [
        "2 rows say “NA”: they are read as empty and have no group",
        "4 rows have “unknown” for their group: they are read as rows without a group",
    ]


WORDS = {"dog": 5, "Dog": 2, "dog;cat": 1, "NA": 1, "-1": 1}


@pytest.mark.parametrize(("about", "value", "labels"), [
    ("", "", ["dog", "Dog", "dog;cat", "", "-1"]),
    ("label_case", "merge", ["dog", "dog", "dog;cat", "", "-1"]),
    ("label_list", "first", ["dog", "Dog", "dog", "", "-1"]),
    ("missing:label", "word", ["dog", "Dog", "dog;cat", "NA", "-1"]),
    ("minus_one", "empty", ["dog", "Dog", "dog;cat", "", ""]),
])  # fmt: skip
def test_the_reader_reads_cells_as_was_decided(about, value, labels):
    read = label_reader(WORDS, "label", [Decision(about, "", value)])

    assert [read(word) for word in WORDS] == labels


def test_the_reader_refuses_lists_where_they_are_left_out():
    read = label_reader(WORDS, "label", [Decision("label_list", "", "refuse")])

    with pytest.raises(TableError, match="the cell has 2 labels, “dog;cat”"):
        read("dog;cat")


@pytest.mark.parametrize(("word", "verdict"), [
    ("positive", "yes"), ("NEGATIVE", "no"), ("uncertain", "unsure"), ("", "yes"), ("blue", ""),
])  # fmt: skip
def test_words_for_a_verdict(word, verdict):
    assert verdict_of(word) == verdict


@given(st.lists(st.text("abc ,;|", min_size=1, max_size=5), min_size=1, max_size=8))
def test_no_word_is_lost_when_lists_are_taken_apart(words):
    separator = list_separator(words, "labels")
    letters = {letter for word in words for letter in word if letter in "abc"}

    assert letters == {letter for word in words for label in labels_in(word, separator) for letter in label} & set(
        "abc"
    )


@pytest.mark.parametrize(("decisions", "groups"), [
    ([], ["ann", "", "unknown"]),
    ([Decision("unknown:group", "", "empty")], ["ann", "", ""]),
    ([Decision("missing:group", "", "word")], ["ann", "NA", "unknown"]),
])  # fmt: skip
def test_the_reader_of_groups_reads_cells_as_was_decided(decisions, groups):
    read = group_reader(decisions)

    assert [read(cell) for cell in (" ann ", "NA", "unknown")] == groups


def test_abstain_is_no_label():
    assert label_reader({"ABSTAIN": 1}, "label", [])("ABSTAIN") == ""
