"""Words and folders that say in which subset a row is."""

import pytest

from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.subsets import folder_subset, nearest_subset, subset_of, subset_questions, subset_reader


@pytest.mark.parametrize(("word", "subset"), [
    ("train", "train"), ("Training", "train"), ("dev", "dev"), ("development", "dev"), ("val", "dev"),
    ("VALIDATION", "dev"), ("eval", "dev"), ("evaluation", "dev"), ("test", "test"), ("testing", "test"),
    ("raw", "raw"), ("small", ""), ("holdout", ""), ("te\u200bst", "test"),
])  # fmt: skip
def test_words_for_subsets(word, subset):
    assert subset_of(word) == subset


def test_an_unknown_word_is_asked_about_once_with_its_likeliest_meaning_first():
    [question] = subset_questions([("train", 8), ("train-clean-100", 5), ("NA", 2), ("", 1)])

    assert (question.about, question.value, question.sure) == ("subset:train-clean-100", "train", False)
    assert [choice.value for choice in question.choices] == ["train", "raw", "dev", "test", "refuse"]
    assert question.sentence.startswith("5 rows say “train-clean-100” for the subset")


def test_a_word_with_two_subsets_in_it_is_near_none():
    assert nearest_subset("train-test") == ""


def test_the_reader_reads_words_as_they_were_answered():
    read = subset_reader([Decision("subset:holdout", "", "test"), Decision("subset:junk", "", "refuse")])

    assert [read("Training"), read("NA"), read("holdout")] == ["train", "raw", "test"]
    with pytest.raises(TableError, match="“junk” is unknown: its rows are left out"):
        read("junk")


def test_the_reader_refuses_a_word_that_nobody_has_answered_for():
    read = subset_reader([Decision("subset:holdout", "", "test", sure=False)])

    with pytest.raises(TableError, match="“holdout” is unknown: say which subset it means"):
        read("holdout")


@pytest.mark.parametrize(("path", "subset"), [
    ("data/train/dog/1.wav", "train"),
    ("valid\\1.wav", "dev"),
    ("https://test/clips/1.wav", ""),
    ("clips/test.wav", ""),
    ("https://h.example.org/Test/1.wav", "test"),
    ("trains/1.wav", ""),
])  # fmt: skip
def test_a_folder_may_name_the_subset(path, subset):
    assert folder_subset(path) == subset
