"""Long work in a process of its own: it comes to an end, resumes after kill -9, is cancelled, retries what failed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hover_core.data.clips import Clip, clip_id
from hover_core.errors import Refused
from hover_core.jobs import local_engine, process, queue, vectorize
from hover_core.jobs import progress as vectorizing
from hover_core.store import clip_rows, job_rows, vector_rows
from hover_core.store.job_rows import Job
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"


@pytest.fixture
def datasets(hover_data: Path):
    """The datasets of an empty store."""
    opened = Datasets()
    yield opened
    opened.close()


def _dataset(datasets: Datasets, server: SoundServer, paths: list[str], name: str = "clips") -> Dataset:
    dataset = datasets.new(name)
    urls = [server.url(path) for path in paths]
    subset = ["test" if number % 10 == 0 else "raw" for number in range(len(urls))]
    dataset.add(Intake(clips=[Clip(clip_id(url), url, subset=where) for url, where in zip(urls, subset, strict=True)]))
    dataset.change_settings(allowed_hosts=[server.host_port])
    return dataset


def _until(dataset: Dataset, reached: Callable[[Job], bool], *, within_s: float = 90) -> Job:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        job = queue.tend(dataset)
        assert job is not None
        if reached(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job did not get there in {within_s} s: {job}")


def _files(count: int) -> dict[str, bytes]:
    return {f"/{number}.wav": sounds.encode(sounds.tone(200 + number, 0.2)) for number in range(count)}


def test_a_job_vectorizes_and_maps_every_clip_and_records_the_others(datasets: Datasets) -> None:
    files = _files(60)
    files["/59.wav"] = b"<html>not found</html>"
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, [*files, "/missing.wav"])

        queue.start(dataset, vectorizer=KEY, reducer="pca")
        job = _until(dataset, lambda job: not job.running)

    assert (job.state, job.progress["message"]) == ("done", "")
    assert len(dataset.vectors(KEY)[0]) == 59
    failures = {failure.position: failure.reason for failure in dataset.failures()}
    assert set(failures) == {59, 60}
    assert "html" in failures[59]
    assert "404" in failures[60]
    embedding = dataset.embedding()
    assert embedding is not None
    placed = np.isfinite(dataset.coordinates(embedding)).all(axis=1)
    assert int(placed.sum()) == 59
    assert placed[:59].all()  # test clips as well
    table = clip_rows.table(dataset.store, dataset.id)
    assert table["duration_s"][0] == pytest.approx(0.2, abs=0.01)
    assert len(table["sha256"][0]) == 64


def test_a_killed_job_resumes_and_fetches_few_clips_again(datasets: Datasets, hover_data: Path) -> None:
    count = 900
    files = _files(count)
    with SoundServer(files, latency_s=0.005) as server:
        dataset = _dataset(datasets, server, list(files))
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: job.process > 0 and _done(dataset) > count // 3)
        os.kill(queue.tend(dataset).process, signal.SIGKILL)
        at_kill = _done(dataset)

        job = _until(dataset, lambda job: not job.running)

        fetched = sum(server.count.values())
    assert at_kill < count
    assert job.state == "done"
    assert job.attempts == 2
    assert _done(dataset) == count
    # what the kill can cost: the one sound that each fetcher has in its hands
    assert fetched - count <= local_engine.CREW.at_most
    assert not list((hover_data / "jobs").glob("*.fetched*"))


def test_a_cancelled_job_stops_and_keeps_what_it_did(datasets: Datasets) -> None:
    files = _files(600)
    with SoundServer(files, latency_s=0.3) as server:
        dataset = _dataset(datasets, server, list(files))
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: _done(dataset) > 50)

        queue.cancel(dataset)
        job = _until(dataset, lambda job: not job.running)

    assert job.state == "cancelled"
    assert 50 < _done(dataset) < 600


def test_clips_that_failed_are_retried_alone(datasets: Datasets) -> None:
    files = _files(20)
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, [*files, "/late.wav"])
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: not job.running)
        before = sum(server.count.values())

        server.files["/late.wav"] = sounds.encode(sounds.tone(440, 0.2))
        queue.retry_failures(dataset)
        _until(dataset, lambda job: not job.running)

        asked = sum(server.count.values()) - before
    assert dataset.failures() == []
    assert _done(dataset) == 21
    assert asked == 1


def test_one_job_at_a_time_works_on_a_dataset(datasets: Datasets) -> None:
    files = _files(200)
    with SoundServer(files, latency_s=0.1) as server:
        dataset = _dataset(datasets, server, list(files))
        queue.start(dataset, vectorizer=KEY, reducer="pca")

        with pytest.raises(Refused, match="worked on already"):
            queue.start(dataset, vectorizer=KEY, reducer="pca")

        queue.cancel(dataset)
        _until(dataset, lambda job: not job.running)


def _done(dataset: Dataset) -> int:
    return len(vector_rows.vectorized_positions(dataset.store, dataset.id, KEY))


def test_an_error_of_ours_ends_the_work_instead_of_a_wait_without_end(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(20)
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, list(files))
        monkeypatch.setattr(
            local_engine.LocalEngine, "_vectorize", lambda *_: (_ for _ in ()).throw(RuntimeError("a mistake"))
        )

        with pytest.raises(RuntimeError, match="a mistake"):
            vectorize.run_here(dataset, vectorizer=KEY)


def test_clips_that_come_later_are_vectorized_and_placed_alone(datasets: Datasets) -> None:
    files = _files(80)
    paths = list(files)
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, paths[:60])
        queue.start(dataset, vectorizer=KEY)
        assert _until(dataset, lambda job: not job.running).state == "done"
        drawn = dataset.embedding()
        assert drawn is not None
        before = dataset.coordinates(drawn).copy()
        asked = sum(server.count.values())
        urls = [server.url(path) for path in paths[60:]]
        dataset.add(Intake(clips=[Clip(clip_id(url), url) for url in urls]))

        queue.start(dataset, vectorizer=KEY, draw="onto")
        assert _until(dataset, lambda job: not job.running).state == "done"

        assert sum(server.count.values()) - asked == 20
    grown = dataset.embedding()
    assert grown is not None
    assert (grown.id, grown.clips) == (drawn.id, 80)
    after = dataset.coordinates(grown)
    assert after[:60].tobytes() == before.tobytes()
    assert np.isfinite(after[60:]).all()


def test_while_a_map_is_drawn_again_the_old_one_stays(datasets: Datasets) -> None:
    files = _files(60)
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, list(files))
        queue.start(dataset, vectorizer=KEY)
        _until(dataset, lambda job: not job.running)
        old = dataset.embedding()
        assert old is not None
        seen = set()

        queue.start(dataset, vectorizer=KEY, random_state=3, n_epochs=3000)
        _until(dataset, lambda job: seen.add(dataset.embedding().id) or not job.running)  # type: ignore[union-attr,func-returns-value]

    new = dataset.embedding()
    assert new is not None
    assert new.settings["random_state"] == 3
    assert seen <= {old.id, new.id}  # no first look in between


@pytest.mark.long
@pytest.mark.parametrize(("latency_s", "files", "limit"), [
    (0.8, _files(150), "network"),
    (0.0, {f"/{n}.flac": sounds.silent_flac(0.2) for n in range(12)}, "machine"),
], ids=["a slow server", "long files"])  # fmt: skip
def test_the_bar_tells_the_network_from_the_machine(
    datasets: Datasets, latency_s: float, files: dict[str, bytes], limit: str
) -> None:
    with SoundServer(files, latency_s=latency_s) as server:
        dataset = _dataset(datasets, server, list(files))
        progress = vectorizing.Progress()
        vectorize.Vectorizing(dataset, KEY, progress, lambda: False).run()

    assert progress.limit == limit
    assert sum(progress.shares.values()) == pytest.approx(1)
    assert (progress.shares["waiting"] > 0.5) == (limit == "network")
    assert progress.shares["computing"] > 0
    assert progress.shares["decoding"] > 0


def test_who_waits_for_a_map_goes_on_when_it_is_there_or_the_job_has_ended(datasets: Datasets) -> None:
    with SoundServer(_files(5)) as server:
        dataset = _dataset(datasets, server, [*_files(5)])
    job = job_rows.job(datasets.store, job_rows.add_job(datasets.store, dataset.id, "map", {}))
    waited = []

    def wait(seen: int, seconds: float) -> None:
        begun = time.monotonic()
        queue.await_map(dataset, job, seen=seen, seconds=seconds)
        waited.append(time.monotonic() - begun)

    wait(0, 0.2)
    drawn = vector_rows.add_embedding(
        datasets.store,
        dataset.id,
        vectorizer=KEY,
        reducer="pca",
        settings={},
        positions=np.arange(5),
        coordinates=np.zeros((5, 2), np.float32),
        placeholder=True,
    )
    wait(0, 60)
    wait(drawn, 0.2)
    attempt = job_rows.take_up(datasets.store, job.id, seen_attempts=0)
    assert attempt is not None
    job_rows.end_job(datasets.store, job.id, attempt, "done", {})
    wait(drawn, 60)

    assert waited[0] >= 0.2
    assert waited[2] >= 0.2
    assert max(waited) < 50


@pytest.mark.long
def test_one_spare_process_does_one_job(datasets: Datasets) -> None:
    with SoundServer(_files(5)) as server:
        first, second = (_dataset(datasets, server, [*_files(5)], name=name) for name in ("one", "two"))
        process.keep_spare(datasets.store)
        try:
            ids = [queue.start(dataset, vectorizer=KEY, reducer="pca").id for dataset in (first, second)]
            ended = [_until(dataset, lambda job: not job.running) for dataset in (first, second)]
        finally:
            process.drop_spare()

    assert [job.id for job in ended] == ids
    assert [job.state for job in ended] == ["done", "done"]
    assert ended[0].process != ended[1].process
