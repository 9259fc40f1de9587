"""Search by ear: every kind of query, examples, text, and what a bad query is told."""

import numpy as np
import pytest

from hover_core.analysis.search.query import Stretch, playable, prepare_query, stretch_piece
from hover_core.analysis.search.ranking import find
from hover_core.analysis.search.words import match_text
from hover_core.data.clips import Clip, clip_id
from hover_core.errors import DecodeError, FetchError, NotFound, Refused
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"


def kinds(number):
    """Three kinds of sound, one after the other."""
    return [
        sounds.tone(300 + 3 * number, 0.4),
        sounds.noise(0.4, seed=number),
        sounds.chirp(200 + number, 3_000, 0.4),
    ][number % 3]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Thirty clips behind a real server, vectorized: tone, noise and chirp in turn."""
    folder = tmp_path_factory.mktemp("finding")
    files = {f"/{number}.wav": sounds.encode(kinds(number)) for number in range(30)}
    # one recording whose second half is noise, as two clips
    files["/two.wav"] = sounds.encode(np.concatenate([sounds.tone(345, 0.5), sounds.noise(0.5, seed=99)]))
    files["/broken.wav"] = b"<!doctype html><html>sign in</html>"
    with pytest.MonkeyPatch.context() as patch, SoundServer(files) as server:
        patch.setenv("HOVER_DATA", str(folder))
        patch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        datasets = Datasets(Store(f"sqlite:///{folder}/hover.sqlite"))
        dataset = datasets.new("sounds")
        urls = [server.url(f"/{number}.wav") for number in range(30)]
        clips = [
            Clip(clip_id(url), url, extra={"room": ["kitchen", "hall"][n % 2], "take": str(n)})
            for n, url in enumerate(urls)
        ]
        two = server.url("/two.wav")
        clips.append(Clip(clip_id(two, 0.0, 1.0), two, start_s=0.0, end_s=1.0))
        dataset.add(Intake(clips=clips))
        dataset.change_settings(vectorizer=KEY)
        from hover_core.jobs import vectorize

        vectorize.run_here(dataset, vectorizer=KEY)
        yield dataset, server
        datasets.close()


def kinds_of(positions):
    return {int(position) % 3 for position in positions}


def test_a_clip_finds_its_kind(heard):
    ranking = find(heard[0], 4, 5)

    assert kinds_of(ranking.positions) == {1}
    assert 4 not in ranking.positions
    assert (np.diff(ranking.scores) <= 0).all()


def test_the_share_of_clips_that_are_further_away(heard):
    ranking = find(heard[0], 4, None)

    assert (len(ranking), ranking.of) == (30, 30)
    np.testing.assert_allclose(ranking.closer_than, (29 - np.arange(30)) / 30, atol=1e-6)


@pytest.mark.parametrize("form", ["wav", "flac", "ogg"])
def test_the_bytes_of_a_file_find_its_kind(heard, form):
    data = sounds.encode(sounds.noise(0.4, seed=500), form=form)

    assert kinds_of(find(heard[0], data, 5).positions) == {1}


def test_bytes_of_a_clip_find_that_clip_first_with_a_cosine_of_one(heard):
    ranking = find(heard[0], heard[1].files["/7.wav"], 1)

    assert ranking.positions.tolist() == [7]
    assert ranking.scores[0] == pytest.approx(1, abs=1e-4)


def test_a_url_that_is_not_in_the_table_is_a_query(heard):
    dataset, server = heard
    server.files["/new.wav"] = sounds.encode(sounds.chirp(201, 3_000, 0.4))

    assert kinds_of(find(dataset, server.url("/new.wav"), 5).positions) == {2}


def test_a_stretch_is_a_query_of_that_part_alone(heard):
    noise = find(heard[0], Stretch(30, 0.55, 0.95), 5)
    tone = find(heard[0], Stretch(30, 0.05, 0.45), 5)

    assert (kinds_of(noise.positions), kinds_of(tone.positions)) == ({1}, {0})
    assert 30 not in noise.positions


def test_a_stretch_and_an_address_of_the_table_have_the_group_of_their_clip(heard):
    dataset, server = heard
    whole = server.files["/4.wav"]
    dataset.group_by("room")
    dataset.normalise_per_group(on=True)
    try:
        asked = prepare_query(dataset, [Stretch(4, 0.0, 0.4), server.url("/5.wav"), server.url("/two.wav"), whole])
        index = dataset.index()
        own = index.units[index.vector_row(4)]
        cosines = index.as_queries(asked.vectors, asked.groups) @ own
    finally:
        dataset.normalise_per_group(on=False)
        dataset.group_by(None)

    assert asked.groups == ("kitchen", "hall", "", None)
    assert cosines[0] > 0.999  # the stretch is the whole clip


def test_several_clips_are_asked_by_their_mean_or_by_the_nearest_to_any(heard):
    index = heard[0].index()
    asked = index.as_queries(np.stack([index.raw(index.rows_of(np.array([p])))[0] for p in (0, 1)]))
    cosines = index.units @ asked.T
    others = np.setdiff1d(np.arange(31), [0, 1])
    nearest, mean = cosines.max(axis=1), cosines.mean(axis=1)

    assert (
        find(heard[0], [0, 1], 6, nearest=True).positions.tolist() == others[np.argsort(-nearest[others])][:6].tolist()
    )
    assert find(heard[0], [0, 1], 6).positions.tolist() == others[np.argsort(-mean[others])][:6].tolist()


def test_a_vector_is_a_query(heard):
    index = heard[0].index()

    assert find(heard[0], index.raw(np.array([5]))[0], 1).positions.tolist() == [5]


def test_examples_against_push_their_kind_back(heard):
    before = find(heard[0], [0, 1], 8)
    after = find(heard[0], [0, 1], 8, unlike=[4, 7])

    assert (before.positions % 3 == 1).any()
    assert after.by == "centres"
    assert (after.positions % 3 == 1).sum() < (before.positions % 3 == 1).sum()
    assert after.positions[0] % 3 == 0


def test_a_model_takes_over_with_enough_examples_of_each(heard):
    like, unlike = list(range(0, 24, 3)), list(range(1, 25, 3))
    ranking = find(heard[0], 27, 9, like=like, unlike=unlike)

    assert ranking.by == "model"
    assert kinds_of(ranking.positions) == {0}


def test_a_threshold_answers_all_above_it(heard):
    every = find(heard[0], 4, None)
    some = find(heard[0], 4, None, at_least=float(every.scores[6]))

    assert some.positions.tolist() == every.positions[:7].tolist()


def test_only_some_clips_answer_and_keep_their_place_among_all(heard):
    among = np.zeros(31, bool)
    among[[0, 3, 10]] = True
    every, some = find(heard[0], 4, None), find(heard[0], 4, 2, among=among)
    place = {int(p): share for p, share in zip(every.positions, every.closer_than, strict=True)}

    assert set(some.positions) <= {0, 3, 10}
    assert len(some) == 2
    np.testing.assert_allclose(some.closer_than, [place[int(p)] for p in some.positions], atol=1e-6)


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        (b"", DecodeError, "empty file"),
        (b"not a sound at all, only words", DecodeError, "not a sound file"),
        (b"<!doctype html><html>", DecodeError, "web page"),
        ([], Refused, "nothing to search by"),
        ([2.5], Refused, "float is nothing to search by"),
        (np.zeros(3, np.float32), Refused, "32 finite numbers"),
        (np.full(32, np.nan, np.float32), Refused, "32 finite numbers"),
        (99, NotFound, "no vector"),
        (Stretch(99, 0, 1), NotFound, "no clip at position 99"),
        (Stretch(3, 0.3, 0.1), Refused, "must end after it begins"),
        (Stretch(3, 5, 6), DecodeError, "no sound between"),
        (Stretch(30, 5, 6), Refused, "the clip is 1 s long"),
        ("http://10.0.0.1/x.wav", FetchError, "10.0.0.1"),
        ("file:///etc/passwd", FetchError, "http"),
    ],
)
def test_a_bad_query_is_told_what_is_wrong(heard, query, error, said):
    with pytest.raises(error, match=said):
        prepare_query(heard[0], query)


def test_a_url_behind_which_is_no_sound_is_told_so(heard):
    with pytest.raises(DecodeError, match="web page"):
        find(heard[0], heard[1].url("/broken.wav"))


def test_without_vectors_there_is_nothing_to_search(dataset):
    with pytest.raises(Refused, match="vectorize first"):
        find(dataset, 0)


def test_vectors_of_a_notebooks_function_are_searched_by_clips_only(datasets, dataset):
    dataset.change_settings(vectorizer="mine@1")
    with datasets.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "mine@1", [0, 1, 2], np.eye(3, dtype=np.float32))

    assert len(find(dataset, 0, 5)) == 2
    with pytest.raises(Refused, match="were not made here"):
        find(dataset, sounds.encode(sounds.tone()))


def test_a_query_can_be_heard(heard):
    part = playable(heard[0], Stretch(30, 0.5, 1.0))

    assert part[:4] == b"RIFF"
    assert len(part) == 44 + 2 * 11_025
    assert stretch_piece(heard[0], Stretch(30, 0.5, 7.0)).end_s == 1.0


def test_text_is_found_in_url_label_and_columns(heard):
    dataset, _ = heard
    dataset.annotate([2, 4], "Door [slam]", how="heard")

    assert np.flatnonzero(match_text(dataset, "door [s")).tolist() == [2, 4]
    assert np.flatnonzero(match_text(dataset, "HALL"))[:3].tolist() == [1, 3, 5]
    assert np.flatnonzero(match_text(dataset, "/two.wav")).tolist() == [30]
    assert np.flatnonzero(match_text(dataset, "^1[0-2]$", column="take", regex=True)).tolist() == [10, 11, 12]
    assert np.flatnonzero(match_text(dataset, "hall", column="room", exclude=True))[:3].tolist() == [0, 2, 4]
    assert not match_text(dataset, "hall", column="url").any()


def test_a_regular_expression_that_cannot_be_read_is_refused(heard):
    with pytest.raises(Refused, match="no regular expression"):
        match_text(heard[0], "(", regex=True)


def test_a_regular_expression_takes_no_more_than_linear_time(heard):
    assert not match_text(heard[0], "(a+)+$x" * 20, regex=True).any()


def test_a_column_that_is_not_there_is_named(heard):
    with pytest.raises(Refused, match="no column “floor”"):
        match_text(heard[0], "x", column="floor")
