"""What a job has fetched is known to the process that takes it up."""

import hashlib

import pytest

from hover_core.fetching.sound_cache import SMALL_BYTES, SoundCache
from hover_core.jobs import fetch_log
from hover_core.jobs.fetch_log import FetchLog

LARGE = b"large" * SMALL_BYTES


def name(sound):
    return hashlib.sha256(sound).hexdigest()


@pytest.fixture
def cache(tmp_path):
    """Opens the cache anew, as another process would; what the one before had not written is lost."""
    return lambda: SoundCache(tmp_path / "sounds", max_bytes=10**9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "7.fetched"


def fetched(path, cache, sounds, first=0):
    job = FetchLog(path)
    for position, sound in enumerate(sounds, first):
        job.add([position], cache.put(sound), sound, cache)
    return job


def test_clips_and_sounds_outlive_their_process(path, cache):
    fetched(path, cache(), [b"a", b"b", LARGE])

    again = cache()
    assert FetchLog(path).read(again) == {0: name(b"a"), 1: name(b"b"), 2: name(LARGE)}
    assert [again.read(name(sound)) for sound in (b"a", b"b", LARGE)] == [b"a", b"b", LARGE]
    assert path.with_name("7.fetched.sounds").stat().st_size < 1_000


def test_what_was_cut_off_is_none_and_spoils_none(path, cache):
    fetched(path, cache(), [b"whole", b"half"])
    for file in (path, path.with_name("7.fetched.sounds")):
        file.write_bytes(file.read_bytes()[:-2])
    again = cache()
    taken_up = FetchLog(path)

    assert taken_up.read(again) == {0: name(b"whole")}
    assert again.read(name(b"half")) is None
    taken_up.add([5, 6], again.put(b"new"), b"new", again)
    assert FetchLog(path).read(cache()) == {0: name(b"whole"), 5: name(b"new"), 6: name(b"new")}


def test_sounds_that_the_cache_has_written_are_not_kept_twice(path, cache, monkeypatch):
    monkeypatch.setattr(fetch_log, "_MOST_BYTES", 1_000)
    sounds = [bytes([number]) * 300 for number in range(10)]
    fetched(path, cache(), sounds)

    assert path.with_name("7.fetched.sounds").stat().st_size < 1_400
    again = cache()
    assert set(FetchLog(path).read(again)) == set(range(10))
    assert [again.read(name(sound)) for sound in sounds] == sounds


def test_when_the_work_has_ended_none_are_left_and_none_come(path, cache):
    opened = cache()
    job = fetched(path, opened, [b"a"])

    job.discard()
    job.add([1], name(b"b"), b"b", opened)

    assert not list(path.parent.glob("7.*"))
    assert job.read(opened) == {}


def test_without_a_file_nothing_is_kept(cache):
    opened = cache()

    assert fetched(None, opened, [b"a"]).read(opened) == {}
