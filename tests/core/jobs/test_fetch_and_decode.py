"""The stage that fetches and decodes: what it holds at once, in which order it answers, what is left when it ends."""

import queue
import threading
import time

import pytest

from hover_core.errors import SoundError
from hover_core.fetching.fetcher import Fetcher
from hover_core.fetching.sound_cache import SoundCache
from hover_core.jobs.fetch_and_decode import ByteBudget, Download, DownloadSource, FetcherCount, Stage
from tests.servers import SoundServer

SOUND = b"s" * 4_000


@pytest.fixture
def server():
    with SoundServer({f"/{number}": SOUND for number in range(20)}) as running:
        yield running


@pytest.fixture
def source(server):
    with Fetcher(allowed_hosts=[server.host_port]) as fetcher:
        yield DownloadSource(fetcher, None)


def recordings(server, count=20):
    return [Download([number], server.url(f"/{number}")) for number in range(count)]


def wait_for(reached):
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_waits_for_a_decoder_stays_within_the_bytes_in_flight(server, source):
    room, held, results = ByteBudget(10_000), [], queue.Queue()

    def decode(batch):
        wait_for(lambda: sum(server.count.values()) >= 5)  # all four threads have fetched one, and one of them two
        held.append(room.used_bytes)
        return [fetched.recording.positions[0] for fetched in batch]

    stage = Stage(
        source, recordings(server), decode, results, crew=FetcherCount.constant(4), room=room, batch_clips=lambda: 1
    )
    stage.start()
    done = [results.get(timeout=30)[0] for _ in range(20)]
    stage.close()

    assert sorted(done) == list(range(20))
    assert max(held) == 8_000
    wait_for(lambda: room.used_bytes == 0)


def test_a_sound_larger_than_the_room_goes_through_alone(server, source):
    results = queue.Queue()
    stage = Stage(source, recordings(server, 3), len, results, crew=FetcherCount.constant(3), room=ByteBudget(100))
    stage.start()
    done = 0
    while done < 3:
        done += results.get(timeout=30)
    stage.close()

    assert done == 3


def test_the_quick_do_not_wait_for_the_slow(server, source):
    answer = threading.Event()
    server.opens = lambda path, headers: path != "/0" or answer.wait(30)
    results = queue.Queue()
    positions = lambda batch: [fetched.recording.positions[0] for fetched in batch]  # noqa: E731

    stage = Stage(
        source, recordings(server, 4), positions, results, crew=FetcherCount.constant(2), batch_clips=lambda: 1
    )
    stage.start()
    first = [results.get(timeout=30) for _ in range(3)]
    answer.set()
    last = results.get(timeout=30)
    stage.close()

    assert (sorted(first), last) == ([[1], [2], [3]], [0])


def test_no_more_recordings_are_fetched_than_there_are_slots(server, source):
    slots, results = threading.Semaphore(3), queue.Queue()
    stage = Stage(
        source, recordings(server), len, results, crew=FetcherCount.constant(8), slots=slots, batch_clips=lambda: 1
    )
    stage.start()
    for _ in range(3):
        results.get(timeout=30)
    assert sum(server.count.values()) == 3

    slots.release()
    assert results.get(timeout=30) == 1
    assert sum(server.count.values()) == 4
    stage.close()


def test_a_closed_stage_gives_back_the_room_that_it_shares(server, source):
    room, results, go_on = ByteBudget(9_000), queue.Queue(), threading.Event()
    stage = Stage(
        source, recordings(server), lambda batch: go_on.wait(30), results, crew=FetcherCount.constant(4), room=room,
        batch_clips=lambda: 1,
    )  # fmt: skip
    stage.start()
    wait_for(lambda: sum(server.count.values()) >= 5 and room.used_bytes == 8_000)

    stage.close()
    go_on.set()

    wait_for(lambda: room.used_bytes == 0)
    assert sum(server.count.values()) < 20


def test_an_exception_in_a_thread_is_a_result(server, source):
    def fail():
        yield Download([0], server.url("/0"))
        raise RuntimeError("in the list")

    results = queue.Queue()
    stage = Stage(source, fail(), lambda batch: 1 / 0, results, crew=FetcherCount.constant(1))
    stage.start()
    kinds = {type(results.get(timeout=30)) for _ in range(2)}
    stage.close()

    assert kinds == {RuntimeError, ZeroDivisionError}


def test_a_sound_in_the_cache_is_not_fetched_and_a_failure_is_a_value(server, source, tmp_path):
    cache, notes = SoundCache(tmp_path / "sounds", max_bytes=10**9), []
    cached = DownloadSource(source.fetcher, cache, note=lambda recording, sha256, sound: notes.append((sha256, sound)))

    first = cached.fetch(Download([0], server.url("/0")))
    again = cached.fetch(Download([0], server.url("/0"), first.sha256))
    failure = cached.fetch(Download([1], server.url("/none")))

    assert (first.data, first.host, again.data, again.host) == (SOUND, server.host_port, SOUND, "")
    assert notes == [(first.sha256, SOUND)]
    assert server.count["/0"] == 1
    assert isinstance(failure.data, SoundError)
