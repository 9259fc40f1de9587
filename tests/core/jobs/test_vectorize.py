"""How many downloads are under way at once."""

import threading
import time

import pytest

from hover_core.data.clips import Clip
from hover_core.jobs import fetch_and_decode, vectorize
from hover_core.store import clip_rows, vector_rows
from tests import sounds
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"


def vectorized(datasets, server, paths):
    dataset = datasets.new("sounds")
    dataset.change_settings(allowed_hosts=[server.host_port])
    with datasets.store.revise(dataset.id) as (connection, _):
        clips = [Clip(f"c{number}", server.url(path)) for number, path in enumerate(paths)]
        clip_rows.add_clips(connection, dataset.id, clips)
    vectorize.run_here(dataset, vectorizer=KEY)
    assert len(vector_rows.vectorized_positions(datasets.store, dataset.id, KEY)) == len(paths)


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOVER_DATA", str(tmp_path / "data"))


def test_small_sounds_that_are_far_away_are_fetched_by_many(datasets):
    files = {f"/{number}.wav": sounds.encode(sounds.tone(seconds=0.1), 8_000) for number in range(900)}
    with SoundServer(files, latency_s=0.4) as server:
        vectorized(datasets, server, list(files))

        # on a busy machine the decoders, and not the network, may be waited for: then fewer are enough
        assert 16 < server.connections <= 128
        assert set(server.count.values()) == {1}


def test_large_sounds_that_are_far_away_are_fetched_by_few(datasets):
    files = {f"/{number}.wav": sounds.encode(sounds.noise(7.0, 44_100), 44_100) for number in range(40)}
    with SoundServer(files, latency_s=0.3) as server:
        vectorized(datasets, server, list(files))

        assert server.connections <= 16
        assert set(server.count.values()) == {1}


def test_a_server_that_answers_one_after_another_is_asked_by_few(datasets):
    one = threading.Lock()

    def in_line(path, headers):
        with one:
            time.sleep(0.004)  # what is measured is that many questions make each wait longer
        return True

    files = {f"/{number}.wav": sounds.encode(sounds.tone(seconds=0.1), 8_000) for number in range(300)}
    with SoundServer(files, opens=in_line) as server:
        vectorized(datasets, server, list(files))

        # and not 128: they would stand in line, and be lost if the job is killed; a busy machine sees the line later
        assert server.connections <= 64
        assert set(server.count.values()) == {1}


def test_a_host_that_is_further_away_than_another_has_no_line():
    waits = fetch_and_decode._Latency()
    assert waits.look() == (float("inf"), False)  # nothing is known yet
    waits.note("near", 0.001)
    assert waits.look() == (0.001, False)
    waits.note("near", 0.005)
    assert waits.look() == (0.005, True)
    assert waits.look() == (float("inf"), True)  # no news
    waits.note("far", 0.2)
    waits.note("near", 0.005)
    assert waits.look() == (0.005, False)


def test_what_the_cache_has_does_not_make_its_host_look_near(datasets, monkeypatch):
    waits = fetch_and_decode._Latency()
    waits.note("far", 0.2)
    waits.note("", 0.0001)
    assert waits.look() == (0.0001, False)
    waits.note("", 0.0001)
    waits.note("far", 0.25)
    assert waits.look() == (0.0001, False)

    hosts = []
    note = fetch_and_decode._Latency.note
    latency = fetch_and_decode._Latency
    monkeypatch.setattr(latency, "note", lambda self, host, s: (hosts.append(host), note(self, host, s)))
    files = {
        f"/{number}.wav": sounds.encode(sounds.tone(seconds=0.1, hertz=200 + number), 8_000) for number in range(9)
    }
    with SoundServer(files) as server:
        dataset = datasets.new("sounds")
        dataset.change_settings(allowed_hosts=[server.host_port])
        clips = [Clip(f"c{number}", server.url(path)) for number, path in enumerate(files)]
        with datasets.store.revise(dataset.id) as (connection, _):
            clip_rows.add_clips(connection, dataset.id, clips[:4])
        vectorize.run_here(dataset, vectorizer=KEY)
        assert hosts == [server.host_port] * 4
        with datasets.store.revise(dataset.id) as (connection, _):
            clip_rows.add_clips(connection, dataset.id, clips[4:])

        vectorize.run_here(dataset, vectorizer="segments")  # the first four are in the cache
        assert sorted(hosts[4:]) == [""] * 4 + [server.host_port] * 5
