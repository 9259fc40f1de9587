"""Fetched sound on disk."""

import hashlib
import os
import shutil

import pytest

from hover_core.sound_cache import SoundCache


def test_what_is_kept_is_found_by_its_sha256(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=1000)
    name = cache.put(b"sound")

    assert name == hashlib.sha256(b"sound").hexdigest()
    assert cache.path(name).read_bytes() == b"sound"


def test_what_is_not_kept_is_none(tmp_path):
    assert SoundCache(tmp_path, max_bytes=1000).path("0" * 64) is None


def test_something_derived_lies_beside_its_sound(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=1000)
    cache.put_named("0" * 64 + ".0.500-1.wav", b"wav")

    assert cache.path("0" * 64 + ".0.500-1.wav").read_bytes() == b"wav"


@pytest.mark.parametrize("name", ["", "../x", "0" * 63, "0" * 64 + "/x", "0" * 64 + "./../x", "/etc/passwd"])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="is no name"):
        SoundCache(tmp_path, max_bytes=1000).path(name)


def test_the_least_recently_used_goes_first(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=250)
    names = [cache.put(bytes([number]) * 100) for number in range(2)]
    for age, name in enumerate(names):
        os.utime(cache.path(name), (1000 + age, 1000 + age))
    cache.path(names[0])  # used just now
    names.append(cache.put(b"\x02" * 100))
    cache.shrink()

    assert [cache.path(name) is not None for name in names] == [True, False, True]


def test_the_folder_stays_below_its_bound_and_a_twentieth(tmp_path):
    cache = SoundCache(tmp_path, max_bytes=10_000)
    for number in range(300):
        cache.put(number.to_bytes(2) * 50)

    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10_500


def test_losing_the_whole_folder_loses_nothing_but_time(tmp_path):
    cache = SoundCache(tmp_path / "sounds", max_bytes=1000)
    shutil.rmtree(tmp_path / "sounds")

    assert cache.path(cache.put(b"sound")).read_bytes() == b"sound"


def test_a_write_that_fails_leaves_no_part(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        SoundCache(tmp_path, max_bytes=1000).put(b"sound")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
