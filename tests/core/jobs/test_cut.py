"""Long recordings become clips of a dataset: in this process, and as a job."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from hover_core.audio.segment import DecodedClip, Piece
from hover_core.audio.segmentation import Cut
from hover_core.data.clips import SUBSETS
from hover_core.data.people import ANNOTATOR, Person
from hover_core.errors import NotAllowed, Refused
from hover_core.exchange.export import export_table
from hover_core.jobs import cut, cut_settings, queue, vectorize
from hover_core.store import job_rows
from hover_core.tables import intake as tables
from hover_core.tables import rows as table_rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests import movies, sounds
from tests.servers import Fault, SoundServer

RATE = 16_000


def words(*lengths: float, pause_s: float = 0.5) -> np.ndarray:
    """Tones of some seconds with pauses between them."""
    parts = [sounds.silence(pause_s, RATE)]
    for number, seconds in enumerate(lengths):
        parts += [sounds.tone(300 + 100 * number, seconds, RATE), sounds.silence(pause_s, RATE)]
    return np.concatenate(parts)


FILES = {
    "/twelve.wav": sounds.encode(sounds.noise(12, RATE), RATE),
    "/seven.flac": sounds.encode(sounds.noise(7, RATE, seed=1), RATE, "flac"),
    "/words.ogg": sounds.encode(words(1.0, 2.0, 0.8), RATE, "ogg"),
    "/six.m4a": movies.encode(sounds.noise(6, RATE, seed=2), RATE, "m4a"),
    "/silent.wav": sounds.encode(sounds.silence(5, RATE), RATE),
    "/page.wav": b"<html>Sign in",
}


@pytest.fixture
def server() -> Iterator[SoundServer]:
    with SoundServer(FILES) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOVER_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HOVER_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def dataset(home: Path, server: SoundServer) -> Iterator[Dataset]:
    datasets = Datasets()
    made = datasets.new("recordings")
    made.change_settings(allowed_hosts=[f"127.0.0.1:{server.port}"])
    yield made
    datasets.close()


def intake(dataset: Dataset, server: SoundServer, rows: list[dict[str, str]]) -> tables.Intake:
    table = table_rows.frame_table(pd.DataFrame([{**row, "audio": server.url(row["audio"])} for row in rows]))
    columns = tables.guess_columns(list(table.frame.columns))
    return dataset.plan(table, replace(columns, own_id="id" if "id" in table.frame else ""))


def stretches(dataset: Dataset) -> dict[str, list[tuple[float, float]]]:
    """`{name of the file: [(start, end)]}`"""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in dataset.clips().itertuples():
        found.setdefault(str(row.url).rsplit("/", 1)[1], []).append((row.start_s, row.end_s))
    return found


def ended(dataset: Dataset) -> job_rows.Job:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = queue.tend(dataset)
        if job is not None and not job.running:
            return job
        time.sleep(0.05)
    raise AssertionError("the job has not ended within 60 s")


def test_recordings_become_clips_of_one_length(dataset: Dataset, server: SoundServer) -> None:
    rows = [{"audio": name} for name in ("/twelve.wav", "/seven.flac", "/six.m4a")]

    result = cut.cut_here(dataset, intake(dataset, server, rows), Cut(length_s=5))

    assert (result.recordings, result.new, result.failures) == (3, 5 + 1, [])
    assert stretches(dataset) == {
        "twelve.wav": [(0, 5), (5, 10), (10, 12)],
        "seven.flac": [(0, 5), (5, 7)],
        "six.m4a": [(0, pytest.approx(6.0, abs=0.1))],
    }


def test_a_recording_is_cut_in_its_pauses(dataset: Dataset, server: SoundServer) -> None:
    cut.cut_here(dataset, intake(dataset, server, [{"audio": "/words.ogg"}]), Cut("pauses", length_s=10))

    expected = [(0.45, 1.55), (1.95, 4.05), (4.45, 5.35)]
    assert np.array(stretches(dataset)["words.ogg"]) == pytest.approx(np.array(expected), abs=0.06)


def test_a_stretch_of_the_table_is_cut_inside_itself(dataset: Dataset, server: SoundServer) -> None:
    row = {"audio": "/twelve.wav", "start": "2.5", "end": "9"}

    cut.cut_here(dataset, intake(dataset, server, [row]), Cut(length_s=3))

    assert stretches(dataset) == {"twelve.wav": [(2.5, 5.5), (5.5, 9.0)]}


def test_pauses_are_found_inside_a_stretch(dataset: Dataset, server: SoundServer) -> None:
    row = {"audio": "/words.ogg", "start": "1.8", "end": "4.2"}

    cut.cut_here(dataset, intake(dataset, server, [row]), Cut("pauses"))

    assert np.array(stretches(dataset)["words.ogg"]) == pytest.approx(np.array([[1.95, 4.05]]), abs=0.06)


def test_what_cannot_be_cut_is_named_and_costs_nothing_else(dataset: Dataset, server: SoundServer) -> None:
    rows = [{"audio": name} for name in ("/page.wav", "/gone.wav", "/silent.wav", "/words.ogg")]

    result = cut.cut_here(dataset, intake(dataset, server, rows), Cut("pauses"))

    reasons = {address.rsplit("/", 1)[1]: reason for address, reason in result.failures}
    assert result.recordings == 1
    assert "web page" in reasons["page.wav"]
    assert "404" in reasons["gone.wav"]
    assert reasons["silent.wav"] == "there is only silence in it"


def test_a_file_that_promises_more_than_it_holds_is_cut_as_far_as_it_goes(
    dataset: Dataset, server: SoundServer
) -> None:
    server.files["/half.flac"] = FILES["/seven.flac"][: len(FILES["/seven.flac"]) // 2]

    cut.cut_here(dataset, intake(dataset, server, [{"audio": "/half.flac"}]), Cut(length_s=1))

    assert 2 < stretches(dataset)["half.flac"][-1][1] < 4.5


def test_the_same_table_cut_twice_adds_nothing(dataset: Dataset, server: SoundServer) -> None:
    rows = [{"audio": "/twelve.wav"}]
    cut.cut_here(dataset, intake(dataset, server, rows), Cut(length_s=5))

    again = cut.cut_here(dataset, intake(dataset, server, rows), Cut(length_s=5))

    assert (again.new, again.known, dataset.row.size) == (0, 3, 3)


def test_each_recording_is_fetched_once_and_its_clips_are_vectorized_from_the_disk(
    dataset: Dataset, server: SoundServer
) -> None:
    cut.cut_here(dataset, intake(dataset, server, [{"audio": "/twelve.wav"}]), Cut(length_s=1))
    vectorize.run_here(dataset, vectorizer="mfcc-mean-32-22050-v1")

    assert server.count["/twelve.wav"] == 1
    assert len(dataset.vectors("mfcc-mean-32-22050-v1")[0]) == 12


def test_a_clip_sounds_like_its_stretch(dataset: Dataset, server: SoundServer) -> None:
    cut.cut_here(dataset, intake(dataset, server, [{"audio": "/twelve.wav"}]), Cut(length_s=5))

    heard, _ = soundfile.read(str(dataset.sounds.playable(dataset.id, 1).path), dtype="int16")
    whole, _ = soundfile.read(io.BytesIO(FILES["/twelve.wav"]), dtype="int16")

    np.testing.assert_array_equal(heard, whole[5 * RATE : 10 * RATE])


def test_a_split_keeps_the_clips_of_a_recording_together(dataset: Dataset, server: SoundServer) -> None:
    server.files.update({f"/{n}.wav": sounds.encode(sounds.noise(3, 8_000, seed=n), 8_000) for n in range(12)})
    rows = [{"audio": f"/{n}.wav"} for n in range(12)]
    cut.cut_here(dataset, intake(dataset, server, rows), Cut(length_s=0.5))

    dataset.split({"raw": 1, "train": 1, "test": 1})

    clips = dataset.clips().assign(subset=np.array(SUBSETS)[dataset.state().subset])
    assert clips.groupby("url")["subset"].nunique().max() == 1
    assert clips["subset"].nunique() == 3


def test_a_speaker_of_the_table_stays_the_group(dataset: Dataset, server: SoundServer) -> None:
    rows = [{"audio": "/twelve.wav", "speaker": "ada"}, {"audio": "/seven.flac", "speaker": ""}]

    cut.cut_here(dataset, intake(dataset, server, rows), Cut(length_s=6))

    assert set(dataset.clips()["group_name"]) == {"ada", server.url("/seven.flac")}


@pytest.mark.parametrize(("labels", "label", "column"), [("aside", "", "rain"), ("each", "rain", None)])
def test_a_label_of_a_recording_is_kept_aside_or_given_to_each_clip(
    dataset: Dataset, server: SoundServer, labels: str, label: str, column: str | None
) -> None:
    row = {"audio": "/twelve.wav", "label": "rain", "weather": "bad"}

    cut.cut_here(dataset, intake(dataset, server, [row]), Cut(length_s=6), labels=labels)

    assert dataset.state().label_names().tolist() == [label, label]
    assert [extra.get(cut.LABEL_COLUMN) for extra in dataset.clips()["extra"]] == [column, column]
    assert [extra["weather"] for extra in dataset.clips()["extra"]] == ["bad", "bad"]


def test_what_is_exported_comes_in_again_as_the_same_clips(dataset: Dataset, server: SoundServer) -> None:
    cut.cut_here(
        dataset, intake(dataset, server, [{"audio": "/twelve.wav"}, {"audio": "/seven.flac"}]), Cut(length_s=5)
    )
    named = intake(dataset, server, [{"audio": "/twelve.wav", "id": "a"}, {"audio": "/seven.flac", "id": "b"}])
    cut.cut_here(dataset, named, Cut(length_s=5))

    exported = export_table(dataset)
    back = table_rows.frame_table(exported)
    columns = tables.guess_columns(list(back.frame.columns))
    again = dataset.plan(back, tables.Columns(**{**columns.__dict__, "own_id": "id"}))

    assert {clip.clip_id for clip in again.clips} == set(dataset.clips()["clip_id"])
    assert sorted(exported["duration"]) == ["2"] * 4 + ["5"] * 6
    assert (dataset.row.size, len(again.clips)) == (10, 10)


def test_bad_wishes_are_refused(dataset: Dataset, server: SoundServer) -> None:
    given = intake(dataset, server, [{"audio": "/twelve.wav"}])

    with pytest.raises(Refused, match="labels='none' must be one of aside, each"):
        cut.cut_here(dataset, given, Cut(), labels="none")
    with pytest.raises(Refused, match="there is no recording to cut"):
        cut.cut_here(dataset, tables.Intake(), Cut())


def test_an_annotator_cuts_nothing(dataset: Dataset, server: SoundServer) -> None:
    given = intake(dataset, server, [{"audio": "/twelve.wav"}])
    guest = dataset.resources.open(dataset.id, by=Person("Mira", ANNOTATOR, dataset.id))

    with pytest.raises(NotAllowed):
        cut.cut_here(guest, given, Cut())
    with pytest.raises(NotAllowed):
        queue.start_cut(guest, given, Cut())


# as a job -----------------------------------------------------------------------------------------------------------


def test_a_job_cuts_and_says_what_it_did(dataset: Dataset, server: SoundServer) -> None:
    rows = [{"audio": name} for name in ("/twelve.wav", "/gone.wav", "/seven.flac")]

    queue.start_cut(dataset, intake(dataset, server, rows), Cut(length_s=5))
    job = ended(dataset)

    result = cut_settings.outcome(job)
    assert (job.state, job.kind) == ("done", "cut")
    assert (result.recordings, result.new, [address for address, _ in result.failures]) == (
        2,
        5,
        [server.url("/gone.wav")],
    )
    assert dataset.row.size == 5


def test_a_job_that_an_older_version_wrote_down_gives_clean_labels(dataset: Dataset, server: SoundServer) -> None:
    planned = intake(dataset, server, [{"audio": "/twelve.wav", "label": "dog"}])
    (clip,) = planned.clips
    planned.clips = [replace(clip, label="do\u200bg", group="the\u200bo")]
    planned.sources = {clip.clip_id: ("Mi\u200bra", "2026-01-01T00:00:00+00:00", "heard")}

    queue.start_cut(dataset, planned, Cut(length_s=6), labels="each")
    job = ended(dataset)

    assert job.state == "done"
    assert dataset.state().counts() == {"dog": 2}
    assert set(dataset.clips()["group_name"]) == {"theo"}
    assert "Mira" in dataset.journal.people(dataset.id)


def test_failed_recordings_are_cut_again_alone(dataset: Dataset, server: SoundServer) -> None:
    server.faults["/seven.flac"] = Fault(status=404, times=1)
    rows = [{"audio": name} for name in ("/twelve.wav", "/seven.flac")]
    queue.start_cut(dataset, intake(dataset, server, rows), Cut(length_s=5))
    ended(dataset)

    queue.retry_cut(dataset)
    job = ended(dataset)

    assert cut_settings.outcome(job).failures == []
    assert sorted(stretches(dataset)) == ["seven.flac", "twelve.wav"]
    assert server.count["/twelve.wav"] == 1


@pytest.mark.long
def test_a_killed_job_goes_on_and_ends_with_every_clip_once(
    dataset: Dataset, server: SoundServer, hover_data: Path
) -> None:
    names = [f"/{n}.wav" for n in range(40)]
    server.files.update({name: sounds.encode(sounds.noise(2, 8_000, seed=n), 8_000) for n, name in enumerate(names)})
    server.latency_s = 0.8
    queue.start_cut(dataset, intake(dataset, server, [{"audio": name} for name in names]), Cut(length_s=1))
    deadline = time.monotonic() + 30
    while not dataset.row.size and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.2)  # until what is done has been told
    process = job_rows.newest_job(dataset.store, dataset.id).process
    os.kill(process, signal.SIGKILL)
    job = ended(dataset)

    assert (job.state, job.attempts, dataset.row.size) == ("done", 2, 80)
    assert sum(server.count.values()) - 40 <= cut.CREW.at_most  # the one that each thread has in its hands
    assert not list((hover_data / "jobs").glob("*.fetched*"))
    assert cut_settings.outcome(job).recordings == 40


def test_a_cancelled_job_keeps_what_it_has(dataset: Dataset, server: SoundServer) -> None:
    names = [f"/{n}.wav" for n in range(60)]
    server.files.update({name: sounds.encode(sounds.noise(1, 8_000, seed=n), 8_000) for n, name in enumerate(names)})
    server.latency_s = 0.3
    queue.start_cut(dataset, intake(dataset, server, [{"audio": name} for name in names]), Cut(length_s=1))
    while not dataset.row.size:
        time.sleep(0.05)
    queue.cancel(dataset)
    job = ended(dataset)

    assert job.state == "cancelled"
    assert 0 < dataset.row.size < 60


def test_the_loudness_of_a_recording_is_measured_every_hundredth_of_a_second(dataset: Dataset) -> None:
    wave = np.concatenate([sounds.silence(1.0, 44_100), sounds.tone(440, 2.0, 44_100, 0.5)])

    seconds, values = dataset.sounds.workers.loudness(Piece(sounds.encode(wave, 44_100)))

    assert (seconds, len(values)) == (3.0, 300)
    assert values[:99].max() == pytest.approx(-120)
    assert values[101:].mean() == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)


def test_clips_cut_from_a_recording_have_vectors(dataset: Dataset, server: SoundServer) -> None:
    pieces = [Piece(FILES["/words.ogg"], 0.45, 1.55), Piece(FILES["/words.ogg"], 1.95, 4.05)]

    answers = dataset.sounds.workers.vectorize(pieces, "mfcc-mean")

    assert [isinstance(answer, DecodedClip) for answer in answers] == [True, True]
