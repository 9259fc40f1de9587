"""The same job on Dask workers: the same vectors and failures, also when a worker or the job dies, or one cancels."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import distributed
import numpy as np
import pytest

from hover_core.data.clips import Clip, clip_id
from hover_core.errors import Refused, SoundError
from hover_core.jobs import dask_engine, queue, vectorize
from hover_core.store import vector_rows
from hover_core.tables.intake import Intake
from hover_core.vectorizers import mfcc, registry
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.clusters import DaskCluster
from tests.core.jobs.test_jobs import _until
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"
TOKEN = "Bearer for the workers alone"


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers for the tests of this file; a test that kills one starts another."""
    sources = '{"archive": {"hosts": ["http://127.0.0.1:%d/"], "headers": {"Authorization": "%s"}}}'
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with DaskCluster(tmp_path_factory.mktemp("dask"), workers=2, HOVER_SOURCES=sources % (port, TOKEN)) as running:
        running.port = port
        with distributed.Client(running.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield running


@pytest.fixture
def datasets(hover_data: Path, dask: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Datasets]:
    """An empty store whose jobs run on the cluster."""
    monkeypatch.setenv("HOVER_DASK_SCHEDULER", dask.address)
    opened = Datasets()
    yield opened
    opened.close()


def _dataset(datasets: Datasets, server: SoundServer, clips: list[Clip]) -> Dataset:
    dataset = datasets.new("far")
    dataset.add(Intake(clips=clips))
    dataset.change_settings(allowed_hosts=[server.host_port])
    return dataset


def _clips(server: SoundServer, paths: list[str]) -> list[Clip]:
    return [Clip(clip_id(server.url(path)), server.url(path)) for path in paths]


def _files(count: int) -> dict[str, bytes]:
    return {f"/{number}.wav": sounds.encode(sounds.tone(200 + number, 0.2)) for number in range(count)}


def _done(dataset: Dataset) -> int:
    return len(vector_rows.vectorized_positions(dataset.store, dataset.id, KEY))


@pytest.mark.long
def test_a_worker_dies_half_way_and_no_clip_is_lost(
    datasets: Datasets, dask: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(500)
    files["/13.wav"] = b"<html>not found</html>"
    with SoundServer(files, latency_s=0.05) as server:
        long = server.url("/0.wav")
        stretches = [Clip(clip_id(long, start, start + 0.05), long, start, start + 0.05) for start in (0.0, 0.1, 0.6)]
        clips = [*_clips(server, [*files, "/missing.wav"]), *stretches]
        dataset = _dataset(datasets, server, clips)
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: job.process > 0 and _done(dataset) > 150)

        dask.kill(0)
        at_kill = _done(dataset)
        job = _until(dataset, lambda job: not job.running)

        again = sum(server.count.values()) - len(server.count)
        dask.add_worker()
        monkeypatch.delenv("HOVER_DASK_SCHEDULER")
        here = datasets.new("here")
        here.add(Intake(clips=clips))
        here.change_settings(allowed_hosts=[server.host_port])
        vectorize.run_here(here, vectorizer=KEY)
    assert at_kill < 400
    assert (job.state, job.progress["message"], job.attempts) == ("done", "", 1)
    assert job.progress["limit"] in ("network", "workers")
    positions, vectors = dataset.vectors(KEY)
    expected_positions, expected = here.vectors(KEY)
    np.testing.assert_array_equal(positions, expected_positions)
    np.testing.assert_array_equal(vectors, expected)
    failures = {failure.position: failure.reason for failure in dataset.failures()}
    assert failures == {failure.position: failure.reason for failure in here.failures(KEY)}
    assert set(failures) == {13, 500, 503}
    assert 0 < again <= 256  # what the dead worker had under way was done by the other
    assert dataset.clips()["sha256"].iloc[0] == here.clips()["sha256"].iloc[0]


@pytest.mark.long
def test_a_killed_job_resumes_on_the_cluster_and_fetches_few_clips_again(datasets: Datasets) -> None:
    files = _files(700)
    with SoundServer(files, latency_s=0.02) as server:
        dataset = _dataset(datasets, server, _clips(server, list(files)))
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: job.process > 0 and _done(dataset) > 200)
        os.kill(queue.tend(dataset).process, signal.SIGKILL)
        at_kill = _done(dataset)

        job = _until(dataset, lambda job: not job.running)

        again = sum(server.count.values()) - len(server.count)
    assert at_kill < 700
    assert (job.state, job.attempts, _done(dataset)) == ("done", 2, 700)
    assert again <= 256


@pytest.mark.long
def test_a_cancelled_job_leaves_the_workers_free(datasets: Datasets) -> None:
    files = _files(400)
    with SoundServer(files, latency_s=0.5) as server:
        dataset = _dataset(datasets, server, _clips(server, list(files)))
        queue.start(dataset, vectorizer=KEY, reducer="pca")
        _until(dataset, lambda job: _done(dataset) > 20)

        queue.cancel(dataset)
        begun = time.monotonic()
        job = _until(dataset, lambda job: not job.running)
        took_s = time.monotonic() - begun
        time.sleep(1.5)  # what was on its way is answered after half a second
        asked = sum(server.count.values())
        time.sleep(1.0)  # so long nothing may come that nobody waits for: no event says so

        assert sum(server.count.values()) == asked
    assert job.state == "cancelled"
    assert 20 < _done(dataset) < 400
    assert took_s < 10


def test_what_opens_private_sound_is_the_workers_own(datasets: Datasets, dask: DaskCluster, hover_data: Path) -> None:
    files = _files(5)
    allowed = lambda _, headers: headers.get("authorization") == TOKEN  # noqa: E731
    with SoundServer(files, opens=allowed, port=dask.port) as server:
        dataset = _dataset(datasets, server, _clips(server, list(files)))
        vectorize.run_here(dataset, vectorizer=KEY)

    assert (_done(dataset), dataset.failures(KEY)) == (5, [])


def test_a_vectorizer_that_the_workers_do_not_have_ends_the_work_with_its_name(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = replace(registry.get(KEY), name="only-here", key="only-here-v1")
    monkeypatch.setattr(mfcc, "VECTORIZERS", (*mfcc.VECTORIZERS, ours))
    files = _files(3)
    with SoundServer(files) as server:
        dataset = _dataset(datasets, server, _clips(server, list(files)))
        with pytest.raises(Refused, match="there is no vectorizer 'only-here-v1'"):
            vectorize.run_here(dataset, vectorizer="only-here-v1")


@pytest.mark.parametrize(
    ("address", "words"),
    [("localhost:8786", "it looks like tcp://host:8786"), ("tcp://127.0.0.1:{free}", "no Dask scheduler answers")],
)
def test_a_scheduler_that_is_not_there_is_said(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    monkeypatch.setattr(dask_engine, "_CONNECT_S", 1)
    monkeypatch.setenv("HOVER_DASK_SCHEDULER", address.format(free=free))
    with SoundServer(_files(1)) as server:
        dataset = _dataset(datasets, server, _clips(server, ["/0.wav"]))
        with pytest.raises(Refused, match=words):
            vectorize.run_here(dataset, vectorizer=KEY)


def test_an_answer_of_another_shape_is_no_vector() -> None:
    found = {"vectors": np.zeros((2, 7), np.float32), "which": [0, 1], "durations": [1, 1], "rates": [8, 8],
             "bad": {}, "sha256": ["", ""]}  # fmt: skip

    answers = dask_engine._unpack(found, [1, 1], 32)

    assert [[str(clip) for clip in clips] for clips, _ in answers] == [["the worker's answer cannot be read"]] * 2
    assert isinstance(answers[0][0][0], SoundError)
