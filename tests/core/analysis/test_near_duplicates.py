"""Near-duplicates of a dataset: found by bytes, by ear and by vector; kept together; labelled together."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from hover_core.analysis import near_duplicates
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import Person
from hover_core.errors import NotAllowed
from hover_core.jobs import vectorize
from hover_core.store import near_duplicate_rows
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.vectorizers.mfcc import DEFAULT
from hover_core.workspace import near_duplicate_groups
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from hover_core.workspace.near_duplicate_groups import NearDuplicates
from tests import sounds
from tests.servers import SoundServer

SPOKEN = 60


@pytest.fixture
def datasets(hover_data: Path):
    """The datasets of an empty store."""
    opened = Datasets()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """60 spoken-like clips; the first in four codecs, the second twice in the same bytes, the third at half level."""
    waves = [sounds.speech(word, 0.3 + 0.05 * take, seed=100 * word + take) for word in range(10) for take in range(6)]
    found = {f"/{number}.wav": sounds.encode(wave, 8_000) for number, wave in enumerate(waves)}
    found |= {f"/0.{form}": sounds.encode(waves[0], 8_000, form) for form in ("mp3", "ogg", "flac")}
    found["/again.wav"] = found["/1.wav"]
    found["/quiet.wav"] = sounds.encode(0.5 * waves[2], 8_000)
    return found


EXPECTED = [[0, 60, 61, 62], [1, 63], [2, 64]]


def vectorized(datasets: Datasets, files: dict[str, bytes], **columns: list[str]) -> Dataset:
    with SoundServer(files) as server:
        dataset = datasets.new("clips")
        urls = [server.url(path) for path in files]
        groups = columns.get("group", [""] * len(urls))
        dataset.add(Intake(clips=[Clip(clip_id(u), u, group=g) for u, g in zip(urls, groups, strict=True)]))
        dataset.change_settings(allowed_hosts=[server.host_port], vectorizer=DEFAULT)
        vectorize.run_here(dataset, vectorizer=DEFAULT)
    return dataset


def groups(found: NearDuplicates) -> list[list[int]]:
    return [group.tolist() for group in found.groups]


def test_copies_in_other_codecs_and_the_same_bytes_are_found_and_nothing_else(datasets, files):
    dataset = vectorized(datasets, files)

    found = near_duplicates.find(dataset)

    assert groups(found) == EXPECTED
    by = {tuple(pair): how for pair, how in zip(found.pairs.tolist(), found.how.tolist(), strict=True)}
    assert (by[(1, 63)], by[(0, 60)]) == (near_duplicates.BYTES, near_duplicates.EAR)
    assert found.unheard == 0


def test_a_corpus_without_duplicates_has_none(datasets, files):
    dataset = vectorized(datasets, dict(list(files.items())[:SPOKEN]))

    assert groups(near_duplicates.find(dataset)) == []


def test_what_was_found_outlives_the_process(datasets, files):
    dataset = vectorized(datasets, files)
    found = near_duplicates.find(dataset)

    again = Datasets(datasets.store).open(dataset.id).near_duplicates()

    assert groups(again) == EXPECTED
    assert (again.threshold, again.heard, again.how.tolist()) == (found.threshold, found.heard, found.how.tolist())
    assert near_duplicates.current(dataset)


def test_before_the_first_search_nothing_is_known(dataset):
    assert dataset.near_duplicates() is None
    assert not near_duplicates.current(dataset)


def test_without_vectors_and_sounds_a_search_finds_nothing(dataset):
    assert groups(near_duplicates.find(dataset)) == []


def test_new_clips_make_a_finding_old_but_do_not_take_it_away(datasets, files):
    dataset = vectorized(datasets, files)
    near_duplicates.find(dataset)
    dataset.add(Intake(clips=[Clip("new", "http://host/new.wav")]))

    assert not near_duplicates.current(dataset)
    assert groups(dataset.near_duplicates()) == EXPECTED


def test_what_the_cache_has_lost_is_judged_by_its_vector(datasets, files):
    dataset = vectorized(datasets, files)
    shutil.rmtree(datasets.sounds.cache.folder)

    found = near_duplicates.find(dataset)

    assert found.heard == 0
    assert found.unheard > 0
    assert [1, 63] in groups(found)  # the bytes are remembered
    assert {(0, 62)} <= {tuple(pair) for pair in found.pairs.tolist()}  # FLAC: the same vector
    assert set(found.how.tolist()) == {near_duplicates.BYTES, near_duplicates.VECTOR}
    assert all(set(group) <= set(wanted) for group, wanted in zip(groups(found), EXPECTED, strict=False))


def test_two_stretches_of_one_recording_are_not_the_same_sound(datasets):
    wave = np.concatenate([sounds.speech(n, 0.5, seed=n) for n in range(4)])
    with SoundServer({"/long.wav": sounds.encode(wave, 8_000)}) as server:
        dataset = datasets.new("stretches")
        url = server.url("/long.wav")
        clips = [Clip(f"c{n}", url, start_s=n * 0.5, end_s=n * 0.5 + 0.5) for n in range(4)]
        dataset.add(Intake(clips=clips))
        dataset.change_settings(allowed_hosts=[server.host_port], vectorizer=DEFAULT)
        vectorize.run_here(dataset, vectorizer=DEFAULT)

    assert groups(near_duplicates.find(dataset)) == []


def test_a_search_in_the_background_ends_and_is_not_begun_twice(datasets, files):
    dataset = vectorized(datasets, files)

    search = near_duplicates.start(dataset)
    assert near_duplicates.start(dataset) is search
    until = time.monotonic() + 60
    while search.running and time.monotonic() < until:
        time.sleep(0.02)

    assert (search.running, search.problem) == (False, "")
    assert search.done == search.total > 0
    assert groups(dataset.near_duplicates()) == EXPECTED
    assert near_duplicates.start(dataset) is search


def test_a_cancelled_search_keeps_what_it_compared(datasets, files):
    dataset = vectorized(datasets, files)
    search = near_duplicate_groups.NearDuplicateSearch("x")
    search.cancel()

    found = near_duplicates.find(dataset, search)

    assert (found.heard, found.unheard > 0) == (0, True)


def test_an_annotator_cannot_search(datasets, files):
    made = datasets.new("clips")
    guest = Dataset(datasets, made.id, Person("Mira", "annotator", made.id))

    with pytest.raises(NotAllowed):
        near_duplicates.start(guest)


# the split and the labels ---------------------------------------------------------------------------------------------


@pytest.fixture
def doubled(dataset) -> Dataset:
    """Ten clips of which 0, 4 and 7 are one sound, and 1 and 2."""
    keep(dataset, [(0, 4), (4, 7), (1, 2)])
    return dataset


def keep(dataset: Dataset, pairs: list[tuple[int, int]]) -> None:
    from hover_core.numerics.same_sound import groups_of

    arrays = {
        "pairs": np.array(pairs, np.int64),
        "group": groups_of(10, np.array(pairs)),
        "how": np.zeros(len(pairs), np.int8),
        "score": np.full(len(pairs), np.nan, np.float32),
        "numbers": np.zeros(3),
    }
    near_duplicate_rows.keep(dataset.store, dataset.id, "planted", arrays)


@pytest.mark.parametrize("seed", range(12))
def test_a_split_keeps_near_duplicates_together(doubled, seed):
    chosen = doubled.proposed_split({"train": 50, "test": 50}, seed=seed)

    assert len(set(chosen[[0, 4, 7]])) == 1
    assert len(set(chosen[[1, 2]])) == 1
    assert np.bincount(chosen, minlength=4).tolist() == [0, 5, 0, 5]


def test_near_duplicates_and_groups_hold_each_other_together(doubled):
    names = ["a", "", "b", "b", "", "a", "", "c", "c", ""]

    joined = doubled.near_duplicates().merge_groups(names)

    parts = {frozenset(i for i, name in enumerate(joined) if name == one) for one in joined}
    assert parts == {frozenset({0, 4, 5, 7, 8}), frozenset({1, 2, 3}), frozenset({6}), frozenset({9})}


def test_without_the_switch_a_split_may_part_near_duplicates(doubled):
    parted = [doubled.proposed_split({"train": 50, "test": 50}, near_duplicates=False, seed=seed) for seed in range(12)]

    assert any(len(set(chosen[[0, 4, 7]])) == 2 for chosen in parted)


def test_a_label_reaches_near_duplicates_in_the_same_batch_as_propagated(doubled):
    written = doubled.annotate([4, 9], "dog", how="lasso", near_duplicates=True)

    state = doubled.state()
    sources = doubled.journal.sources(doubled.id, state.source.tolist())
    assert " ".join(name or "-" for name in state.label_names()) == "dog - - - dog - - dog - dog"
    assert [sources[s][2] if s else "" for s in state.source[[0, 4, 7, 9]].tolist()] == [
        "propagated", "lasso", "propagated", "lasso"]  # fmt: skip
    assert {sources[s][0] for s in state.source[[0, 4]].tolist()} == {"owner"}
    assert (written.changed, len(doubled.batches())) == (4, 1)


def test_one_undo_takes_the_label_back_from_near_duplicates_as_well(doubled):
    written = doubled.annotate([4], "dog", how="lasso", near_duplicates=True)
    doubled.undo(written.batch_id)

    assert not doubled.state().label_names().any()


def test_without_the_switch_near_duplicates_keep_their_labels(doubled):
    doubled.annotate([4], "dog", how="lasso")

    assert np.flatnonzero(doubled.state().label >= 0).tolist() == [4]


def test_all_near_duplicates_selected_are_labelled_once(doubled):
    written = doubled.annotate([0, 4, 7], "dog", how="lasso", near_duplicates=True)

    assert written.changed == 3


def test_a_finding_is_kept_on_each_database(store: Store):
    made = Datasets(store).new("ten")
    assert near_duplicate_rows.made_of(store, made.id) is None
    keep(made, [(0, 4)])
    keep(made, [(0, 4), (1, 2)])

    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM twins")).scalar() == 1
    assert near_duplicate_rows.stored_arrays(store, made.id)["pairs"].tolist() == [[0, 4], [1, 2]]
    assert near_duplicate_rows.made_of(store, made.id) == "planted"
