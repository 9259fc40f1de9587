"""Fetched sound on disk."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hover_core.fetching import sound_cache
from hover_core.fetching.sound_cache import SMALL_BYTES, SoundCache

LARGE = SMALL_BYTES + 1


@pytest.fixture(params=["small", "large", "a file each"])
def kind(request):
    return request.param


@pytest.fixture
def opened(tmp_path, kind):
    made = []

    def cache(max_bytes=100_000_000):
        made.append(SoundCache(tmp_path / "sounds", max_bytes=max_bytes, packed=kind != "a file each"))
        return made[-1]

    yield cache
    for one in made:
        one.close()


def sound(kind, number=0):
    return number.to_bytes(4) * (LARGE // 4 + 1 if kind == "large" else 1000)


def test_what_is_kept_is_found_by_its_sha256(opened, kind):
    cache = opened()
    name = cache.put(sound(kind))

    assert name == hashlib.sha256(sound(kind)).hexdigest()
    assert cache.read(name) == sound(kind)
    assert cache.path(name).read_bytes() == sound(kind)
    assert cache.read(name) == sound(kind)


def test_what_is_kept_is_found_by_the_next_one_who_opens_the_folder(opened, kind):
    cache = opened()
    names = [cache.put(sound(kind, number)) for number in range(5)]
    cache.close()

    assert [opened().read(name) for name in names] == [sound(kind, number) for number in range(5)]


def test_what_is_not_kept_is_none(opened):
    assert opened().get("0" * 64) is None
    assert opened().read("0" * 64) is None
    assert opened().path("0" * 64) is None


def test_something_derived_lies_beside_its_sound(opened, kind):
    cache = opened()
    cache.put_named("0" * 64 + ".0.500-1.wav", sound(kind))

    assert cache.path("0" * 64 + ".0.500-1.wav").read_bytes() == sound(kind)


@pytest.mark.parametrize("name", ["", "../x", "0" * 63, "0" * 64 + "/x", "0" * 64 + "./../x", "/etc/passwd"])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    cache = SoundCache(tmp_path, max_bytes=1000)
    for ask in (cache.path, cache.read, cache.get, lambda name: cache.put_named(name, b"")):
        with pytest.raises(ValueError, match="must be 64 hex digits"):
            ask(name)


def test_small_sounds_make_no_file_each(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=10**9)
    for number in range(1000):
        cache.put(number.to_bytes(4) * 500)
    cache.close()

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["small.sqlite"]


def test_a_large_sound_is_a_file_and_a_small_one_bytes(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=10**9)
    large, small = cache.put(bytes(LARGE)), cache.put(b"")
    cache.flush()

    assert isinstance(cache.get(large), Path)
    assert cache.get(small) == b""


def test_a_folder_of_files_goes_on_working(tmp_path):
    name = hashlib.sha256(b"sound").hexdigest()
    (tmp_path / name[:2]).mkdir()
    (tmp_path / name[:2] / name).write_bytes(b"sound")

    assert SoundCache(tmp_path, max_bytes=1000).read(name) == b"sound"


def test_the_least_recently_used_goes_first(opened, kind, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(sound_cache.time, "time", lambda: now[0])
    cache = opened(max_bytes=int(2.5 * len(sound(kind))))

    def use(name):
        cache.flush()
        now[0] += 1
        path = cache.folder / name[:2] / name
        assert cache.read(name)
        if path.exists():  # the clock of files is the system's
            os.utime(path, (now[0], now[0]))
        cache.flush()

    names = [cache.put(sound(kind, number)) for number in range(2)]
    for name in (*names, names[0]):
        use(name)
    now[0] += 1
    names.append(cache.put(sound(kind, 2)))
    cache.flush()
    cache.shrink()

    assert [cache.read(name) is not None for name in names] == [True, False, True]


def test_small_and_large_sounds_share_one_bound(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=3 * LARGE)
    small = [cache.put(number.to_bytes(4) * 10_000) for number in range(10)]
    cache.flush()
    large = [cache.put(number.to_bytes(1) * LARGE) for number in range(3)]
    cache.shrink()

    assert [cache.get(name) for name in small] == [None] * 10
    assert None not in [cache.get(name) for name in large]


def test_the_folder_stays_below_its_bound_and_a_little(opened, kind, tmp_path):
    cache = opened(max_bytes=8_000_000)
    for number in range(60 if kind == "large" else 4_000):
        cache.put(sound(kind, number))
    cache.close()

    assert 4_000_000 < sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10_000_000


def test_what_was_just_put_is_found_while_it_is_written(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=10**9)
    lost = []

    def work(first):
        for number in range(first, first + 500):
            data = number.to_bytes(4) * 1000
            if cache.get(cache.put(data)) != data:
                lost.append(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 4000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()

    assert lost == []


def test_another_process_finds_within_seconds_what_was_put_here(tmp_path):
    here, there = SoundCache(tmp_path, max_bytes=10**9), SoundCache(tmp_path, max_bytes=10**9)
    name = here.put(b"sound")
    until = time.monotonic() + 20
    while there.read(name) is None and time.monotonic() < until:
        time.sleep(0.1)

    assert there.read(name) == b"sound"


def test_several_processes_write_one_folder(tmp_path):
    work = (
        "import sys, pathlib; from hover_core.fetching.sound_cache import SoundCache\n"
        "cache = SoundCache(pathlib.Path(sys.argv[1]), max_bytes=10**9)\n"
        "for n in range(1500): cache.put((int(sys.argv[2]) + n).to_bytes(4) * 1000)\n"
        "cache.close()"
    )
    root = Path(sound_cache.__file__).parents[2]
    asked = [subprocess.Popen([sys.executable, "-c", work, tmp_path, str(n)], cwd=root) for n in (0, 1000, 2000)]
    assert [process.wait(60) for process in asked] == [0, 0, 0]
    cache = SoundCache(tmp_path, max_bytes=10**9)
    expected = [n.to_bytes(4) * 1000 for n in range(3500)]

    assert [cache.read(hashlib.sha256(data).hexdigest()) for data in expected] == expected


@pytest.mark.parametrize("when", ["before it is opened", "while it is open"])
def test_a_damaged_file_loses_nothing_but_time(tmp_path, when):
    cache = SoundCache(tmp_path, max_bytes=10**9)
    names = [cache.put(number.to_bytes(4) * 1000) for number in range(100)]
    cache.flush()
    if when == "before it is opened":
        cache.close()
        cache = SoundCache(tmp_path, max_bytes=10**9)
    for path in tmp_path.glob("small.sqlite*"):
        path.write_bytes(b"\xff" * path.stat().st_size)
    for name in names:
        cache.get(name)  # there or not, but no error
    again = [cache.put(number.to_bytes(4) * 1000) for number in range(100)]
    cache.close()

    cache = SoundCache(tmp_path, max_bytes=10**9)
    assert [cache.read(name) for name in again] == [number.to_bytes(4) * 1000 for number in range(100)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_losing_the_whole_folder_loses_nothing_but_time(opened, kind, when):
    cache = opened()
    if when == "after":
        cache.put(sound(kind, 7))
        cache.flush()
    shutil.rmtree(cache.folder)

    assert cache.path(cache.put(sound(kind))).read_bytes() == sound(kind)


def test_a_write_that_fails_leaves_no_part(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        SoundCache(tmp_path, max_bytes=10**9).put(bytes(LARGE))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_takes_nothing_is_an_error(tmp_path):
    folder = tmp_path / "sounds"
    cache = SoundCache(folder, max_bytes=10**9)
    folder.rmdir()
    folder.write_text("a file in its place")

    cache.put(b"sound")
    with pytest.raises(OSError, match=r"small\.sqlite|exists"):
        cache.flush()
