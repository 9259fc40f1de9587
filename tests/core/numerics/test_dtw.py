"""Sequences and their alignment; the plain recurrence is the oracle."""

import time

import numpy as np
import pytest

from hover_core.analysis.search import ranking
from hover_core.analysis.search.advice import rerank_advice
from hover_core.analysis.search.query import Stretch, prepare_query, with_frames
from hover_core.analysis.search.ranking import find
from hover_core.analysis.search.search_index import has_sequences, sequences
from hover_core.data.clips import Clip, clip_id
from hover_core.errors import Refused
from hover_core.jobs import queue, vectorize
from hover_core.numerics import dtw
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.vectorizers.mfcc import FRAMES, MOST_FRAMES
from hover_core.vectorizers.registry import get
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.servers import SoundServer

KEY = "profile-13x5-10-16-22050-v1"
WORDS, SPEAKERS = 5, 6


def by_recurrence(query, other, band=dtw.BAND):
    n, m = len(query), len(other)
    radius = max(band, -(-m // n))
    cost = np.linalg.norm(query[:, None] - other[None], axis=2)
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for i in range(n):
        middle = i * (m - 1) // (n - 1) if n > 1 else 0
        for j in range(m):
            if n > 1 and abs(j - middle) > radius:
                continue
            c = cost[i, j]
            total[i + 1, j + 1] = min(total[i, j + 1] + c, total[i + 1, j] + c, total[i, j] + 2 * c)
    return total[n, m] / (n + m)


def packed(*frames):
    rows = np.zeros((len(frames), FRAMES.dimensions), np.float32)
    for row, found in zip(rows, frames, strict=True):
        row[0] = len(found)
        row[1 : 1 + found.size] = found.ravel()
    return rows


def walk(length, seed):
    return np.random.default_rng(seed).normal(size=(length, dtw.COEFFICIENTS)).cumsum(axis=0).astype(np.float32)


@pytest.mark.parametrize("lengths", [(30, 30), (30, 12), (7, 100), (100, 3), (1, 40), (40, 1), (1, 1), (2, 100)])
def test_distances_are_those_of_the_plain_recurrence(lengths):
    query, other = walk(lengths[0], 1), walk(lengths[1], 2)
    kept = dtw.Sequences(np.array([4]), packed(other))
    found = kept.distances(query, np.array([4]))

    np.testing.assert_allclose(found, [by_recurrence(query, kept.of(4))], rtol=1e-4)


def test_many_are_compared_as_each_alone():
    others = [walk(length, length) for length in (5, 60, 100, 33)]
    kept = dtw.Sequences(np.array([1, 3, 5, 8]), packed(*others))
    query = walk(50, 0)
    together = kept.distances(query, np.array([8, 1, 3, 5]))

    assert together.tolist() == [float(kept.distances(query, np.array([p]))[0]) for p in (8, 1, 3, 5)]


def test_a_sound_said_slower_is_nearer_than_another():
    once = walk(40, 3)
    kept = dtw.Sequences(np.arange(3), packed(once, np.repeat(once, 2, axis=0), walk(40, 4)))
    same, slower, other = kept.distances(kept.of(0), np.arange(3))

    assert same == pytest.approx(0, abs=1e-6)
    assert slower < other / 5


def test_the_band_keeps_far_moments_apart():
    knock = np.zeros((100, dtw.COEFFICIENTS), np.float32)
    early, late, soon = knock.copy(), knock.copy(), knock.copy()
    early[10], soon[15], late[80] = 10, 10, 10
    kept = dtw.Sequences(np.arange(3), packed(early, soon, late))
    same, near, far = kept.distances(kept.of(0), np.arange(3))

    assert same < 0.01
    assert near < 0.01
    assert far > 0.3


def test_a_clip_without_a_sequence_has_no_distance():
    kept = dtw.Sequences(np.array([2, 5]), packed(walk(9, 0), walk(9, 1)))

    assert np.isnan(kept.distances(walk(9, 2), np.array([0, 2, 3, 5, 9]))).tolist() == [True, False, True, False, True]
    assert kept.of(3) is None
    assert kept.of(9) is None


def test_no_sequences_at_all():
    kept = dtw.Sequences(np.zeros(0, np.int64), np.zeros((0, 0), np.float32))

    assert np.isnan(kept.distances(walk(9, 2), np.array([1]))).all()
    assert kept.nbytes == 0


def test_both_the_cosine_and_the_distance_order():
    cosines = np.array([0.9, 0.8, 0.7, 0.6], np.float32)

    assert dtw.rerank(cosines, np.array([5, 1, 5, 5], np.float32)).tolist() == [1, 0, 2, 3]
    assert dtw.rerank(cosines, np.array([5, np.nan, 5, 1], np.float32)).tolist() == [3, 0, 2, 1]
    assert dtw.rerank(cosines, np.full(4, np.nan, np.float32)).tolist() == [0, 1, 2, 3]


def test_frames_are_librosas_mfcc_of_the_loud_part():
    import librosa

    wave = sounds.chirp(300, 4_000, 0.5)
    found = FRAMES.vector(wave)
    count = int(found[0])
    expected = librosa.feature.mfcc(y=wave, sr=22_050, n_mfcc=13)[1:].T

    assert (len(found), get(FRAMES.key)) == (FRAMES.dimensions, FRAMES)
    np.testing.assert_allclose(found[1 : 1 + count * 12].reshape(count, 12), expected[:count], atol=0.01)


def test_a_long_clip_has_a_hundred_frames_and_quiet_ends_none():
    long = FRAMES.vector(sounds.chirp(300, 4_000, 20))
    padded = np.concatenate([sounds.silence(1), sounds.chirp(300, 4_000, 0.5), sounds.silence(1)])

    assert long[0] == MOST_FRAMES
    assert FRAMES.vector(padded)[0] < 30


# in a dataset ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Five words by six speakers, with sequences."""
    folder = tmp_path_factory.mktemp("spoken")
    files = {
        f"/{word}-{speaker}.wav": sounds.encode(sounds.speech(word, 0.5, seed=speaker), 8_000)
        for word in range(WORDS)
        for speaker in range(SPEAKERS)
    }
    with pytest.MonkeyPatch.context() as patch, SoundServer(files) as server:
        patch.setenv("HOVER_DATA", str(folder))
        patch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        datasets = Datasets(Store(f"sqlite:///{folder}/hover.sqlite"))
        dataset = datasets.new("words")
        urls = [server.url(name) for name in files]
        clips = [
            Clip(clip_id(url), url, group=f"speaker {n % SPEAKERS}", label=f"word {n // SPEAKERS}")
            for n, url in enumerate(urls)
        ]
        dataset.add(Intake(clips=clips))
        dataset.change_settings(vectorizer=KEY)
        vectorize.run_here(dataset, vectorizer=KEY)
        yield dataset, server
        datasets.close()


def test_without_sequences_a_re_rank_is_refused(spoken):
    dataset, _ = spoken
    if has_sequences(dataset):
        pytest.fail("this test comes before the sequences are made")
    with pytest.raises(Refused, match="have them made first"):
        find(dataset, 0, rerank="dtw")
    with pytest.raises(Refused, match="no sequences"):
        rerank_advice(dataset)


@pytest.mark.timeout(180)
def test_sequences_are_made_by_a_job_and_re_rank(spoken):
    dataset, server = spoken
    before = prepare_query(dataset, server.files["/0-0.wav"])
    job = queue.start_sequences(dataset)
    deadline = time.monotonic() + 150
    while job.running and time.monotonic() < deadline:
        time.sleep(0.3)
        job = queue.tend(dataset)

    assert (job.state, job.kind) == ("done", "sequences")
    assert dataset.vectorizer_key == KEY
    assert len(sequences(dataset).positions) == WORDS * SPEAKERS
    assert sequences(dataset) is sequences(dataset)
    with pytest.raises(Refused, match="search again"):  # what was asked before has no sequence
        find(dataset, before, rerank="dtw")
    asked = with_frames(dataset, before, [server.files["/0-0.wav"]])
    assert find(dataset, asked, 1, rerank="dtw").positions.tolist() == [0]


def test_a_re_rank_orders_by_cosine_and_distance(spoken):
    dataset, _ = spoken
    vectorize.run_here(dataset, vectorizer=dtw.KEY)
    plain, anew = find(dataset, 3, None), find(dataset, 3, 10, rerank="dtw")
    kept = sequences(dataset)
    distances = kept.distances(kept.of(3), plain.positions)

    assert anew.positions.tolist() == plain.positions[dtw.rerank(plain.scores, distances)][:10].tolist()
    np.testing.assert_allclose(anew.distances, kept.distances(kept.of(3), anew.positions), atol=1e-6)
    cosine = dict(zip(plain.positions.tolist(), plain.scores.tolist(), strict=True))
    np.testing.assert_allclose(anew.scores, [cosine[p] for p in anew.positions.tolist()], atol=1e-6)
    assert anew.reranked_s > 0
    assert ranking.neighbours(dataset, 3, 10, rerank="dtw")[0].tolist() == anew.positions.tolist()


@pytest.mark.parametrize("kind", ["bytes", "url", "stretch", "several"])
def test_every_query_that_sounds_can_be_re_ranked(spoken, kind):
    dataset, server = spoken
    vectorize.run_here(dataset, vectorizer=dtw.KEY)
    data = server.files["/2-1.wav"]
    query = {"bytes": data, "url": server.url("/2-1.wav"), "stretch": Stretch(13, 0.0, 0.5), "several": [12, data]}[
        kind
    ]
    ranking = find(dataset, query, 5, rerank="dtw")

    assert np.isfinite(ranking.distances).all()
    if kind in ("bytes", "url"):
        assert ranking.positions[0] == 2 * SPEAKERS + 1


def test_a_vector_cannot_be_compared_frame_by_frame(spoken):
    dataset, _ = spoken
    vectorize.run_here(dataset, vectorizer=dtw.KEY)

    with pytest.raises(Refused, match="no sequence to compare"):
        find(dataset, dataset.index().raw(np.array([0]))[0], rerank="dtw")
    with pytest.raises(Refused, match="must be “dtw”"):
        find(dataset, 0, rerank="fast")


def test_the_labels_say_whether_it_helps(spoken):
    dataset, _ = spoken
    vectorize.run_here(dataset, vectorizer=dtw.KEY)
    dataset_labels = dataset.state().label_names()
    found = rerank_advice(dataset)

    assert set(dataset_labels) == {f"word {n}" for n in range(WORDS)}
    assert found.asked == WORDS * SPEAKERS
    assert 0 < found.plain <= 0.5  # five of the ten nearest at most have the word: the own speaker does not answer
    assert 0 < found.reranked <= 0.5


def test_few_labels_advise_nothing(spoken):
    dataset, _ = spoken
    vectorize.run_here(dataset, vectorizer=dtw.KEY)
    batch = dataset.annotate(list(range(WORDS * SPEAKERS)), "one", how="heard")

    assert rerank_advice(dataset) is None
    dataset.undo(batch.batch_id)
