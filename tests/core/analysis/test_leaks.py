"""The leak report: what a random split would hide, measured on vectors whose truth is known."""

import time

import numpy as np
import pytest

from hover_core.analysis import leaks
from hover_core.data.clips import Clip
from hover_core.data.people import Person
from hover_core.errors import NotAllowed
from hover_core.store import near_duplicate_rows, vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets

KEY = "planted"


def planted(datasets: Datasets, *, speakers: int, takes: int, voice: float, word: float, **options) -> Dataset:
    """Clips of four words by some speakers: a vector is its word's direction, its speaker's, and noise. What a speaker
    says of a word lies apart from what others say by `voice`."""
    generator = np.random.default_rng(1)
    words = word * generator.normal(size=(4, 16))
    voices = voice * generator.normal(size=(speakers, 4, 16))
    clips, vectors = [], []
    for speaker in range(speakers):
        for said in range(4):
            for take in range(takes):
                name = f"{speaker}-{said}-{take}"
                group = "" if options.get("no_groups") else f"s{speaker}"
                label = "" if options.get("no_labels") else f"word {said}"
                if options.get("word_of_its_own"):
                    label = f"word {said} of {speaker}"
                clips.append(Clip(name, f"http://host/{name}.wav", group=group, label=label))
                vectors.append(words[said] + voices[speaker, said] + 0.3 * generator.normal(size=16))
    dataset = datasets.new(f"planted {len(datasets.rows())}")
    dataset.add(Intake(clips=clips))
    with dataset.store.write() as connection:
        positions = list(range(len(clips)))
        vector_rows.add_vectors(connection, dataset.id, KEY, positions, np.array(vectors, np.float32))
    dataset.change_settings(vectorizer=KEY, group_column="speaker")
    return dataset


def test_voices_that_tell_the_word_apart_leak(datasets):
    found = leaks.leak(planted(datasets, speakers=8, takes=12, voice=3.0, word=0.5))

    assert np.mean(found.random) > 0.95
    assert np.mean(found.grouped) < 0.6
    assert (found.clips, found.labels, found.groups, len(found.random)) == (384, 4, 8, 5)
    assert found.sentence.startswith(f"{np.mean(found.random):.2f} against {np.mean(found.grouped):.2f}: with a random")
    assert "would flatter you, because clips of one speaker" in found.sentence


def test_where_speakers_make_no_difference_nothing_leaks(datasets):
    found = leaks.leak(planted(datasets, speakers=8, takes=12, voice=0.0, word=1.0))

    assert np.mean(found.random) == pytest.approx(np.mean(found.grouped), abs=0.03)
    assert "nothing leaks" in found.sentence
    assert found.chance == 0.25


def test_near_duplicates_leak_like_a_group(datasets):
    dataset = planted(datasets, speakers=40, takes=2, voice=3.0, word=0.0, no_groups=True)
    pairs = np.arange(320).reshape(-1, 2)
    arrays = {"pairs": pairs, "group": np.repeat(np.arange(160, dtype=np.int32), 2), "how": np.zeros(160, np.int8)}
    rest = {"score": np.full(160, np.nan, np.float32), "numbers": np.zeros(3)}
    near_duplicate_rows.keep(dataset.store, dataset.id, "planted", {**arrays, **rest})

    found = leaks.leak(dataset)

    assert found.groups == 160
    assert np.mean(found.random) > np.mean(found.grouped) + 0.3


def test_two_speakers_are_two_parts(datasets):
    found = leaks.leak(planted(datasets, speakers=2, takes=12, voice=3.0, word=0.5))

    assert (len(found.random), len(found.grouped)) == (2, 2)


def test_a_large_dataset_is_measured_on_a_sample_of_whole_groups(datasets):
    dataset = planted(datasets, speakers=40, takes=6, voice=3.0, word=0.5)

    found = leaks.leak(dataset, most=300)

    assert found.clips <= 300
    assert np.mean(found.random) > np.mean(found.grouped) + 0.2


def test_the_report_says_how_the_split_is_now(datasets):
    dataset = planted(datasets, speakers=8, takes=12, voice=3.0, word=0.5)
    assert leaks.leak(dataset).as_split == ""
    dataset.split({"train": 50, "test": 50}, grouped=False)
    assert "8 of 8 groups in test are in train or dev too" in leaks.leak(dataset).as_split
    dataset.split({"train": 50, "test": 50})
    assert "no speaker of test is in train or dev" in leaks.leak(dataset).as_split


def test_reference_labels_serve_where_there_are_no_others(datasets):
    dataset = planted(datasets, speakers=8, takes=12, voice=3.0, word=0.5, no_labels=True)
    with dataset.store.write() as connection:
        from sqlalchemy import text

        connection.execute(text("UPDATE clips SET reference = 'w' || substr(clip_id, 3, 1)"))
        dataset.store.set_settings(connection, dataset.id, {"clips_revision": 99})

    assert leaks.leak(dataset).labels == 4


@pytest.mark.parametrize(("options", "words"), [
    ({"no_labels": True}, "needs 50 clips with labels, of two labels or more; there are 0"),
    ({"no_groups": True}, "needs groups: choose the column"),
    ({"word_of_its_own": True}, "labels that occur in more than one speaker"),
])  # fmt: skip
def test_one_sentence_says_what_is_missing(datasets, options, words):
    found = leaks.leak(planted(datasets, speakers=4, takes=6, voice=1.0, word=1.0, **options))

    assert words in found.sentence
    assert found.as_dict() == {"missing": found.sentence}


def test_before_there_are_vectors_one_sentence_says_so(dataset):
    assert "make the map" in leaks.leak(dataset).sentence


def test_it_is_measured_in_the_background_once_for_each_state_of_the_dataset(datasets):
    dataset = planted(datasets, speakers=8, takes=12, voice=3.0, word=0.5)
    until = time.monotonic() + 30
    while leaks.leak_if_measured(dataset) is None and time.monotonic() < until:
        time.sleep(0.02)
    first = leaks.leak_if_measured(dataset)
    assert first is not None
    assert leaks.leak_if_measured(dataset) is first

    dataset.annotate([0], "word 3", how="lasso")
    while leaks.leak_if_measured(dataset) is None and time.monotonic() < until:
        time.sleep(0.02)
    assert leaks.leak_if_measured(dataset) is not first


def test_only_the_owner_may_ask(datasets):
    made = datasets.new("x")

    with pytest.raises(NotAllowed):
        leaks.leak(Dataset(datasets, made.id, Person("Mira", "annotator", made.id)))
