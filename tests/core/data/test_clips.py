"""A clip's id and name."""

import pytest

from hover_core.data.clips import clip_id, clip_name, normal_url, subset_named
from hover_core.errors import TableError


def test_an_id_never_changes():
    assert clip_id("https://host/a.wav") == "cdf33fcd87bf0900d98c"
    assert clip_id("https://host/a.wav", 0.5, 1.25) == "80790aaae14898894d8b"
    assert clip_id("https://host/a.wav", own_id="007") == "0e58c59d0721b61344be"


@pytest.mark.parametrize("same", ["HTTPS://HOST/a.wav", "https://host:443/a.wav", " https://host/a.wav#t=1 "])
def test_spellings_of_one_address_are_one_clip(same):
    assert clip_id(same) == clip_id("https://host/a.wav")


@pytest.mark.parametrize("other", ["https://host/A.wav", "http://host/a.wav", "https://host:8443/a.wav",
                                   "https://host/a.wav?v=2"])  # fmt: skip
def test_other_addresses_are_other_clips(other):
    assert clip_id(other) != clip_id("https://host/a.wav")


def test_identity_chooses_which_parts_of_an_address_count():
    signed = "https://host/a.wav?signature=1"

    assert normal_url(signed, "full") == "https://host/a.wav?signature=1"
    assert normal_url(signed, "no-query") == "https://host/a.wav"
    assert normal_url(signed, "path") == "/a.wav"


def test_the_tables_own_id_beats_the_address():
    assert clip_id("https://a/1.wav", own_id="x") == clip_id("https://b/2.wav", own_id="x")


def test_stretches_of_one_recording_are_different_clips():
    assert clip_id("https://host/a.wav", 0, 1) != clip_id("https://host/a.wav", 1, 2)


def test_a_stretch_counts_to_the_microsecond():
    assert clip_id("u", 0.1 + 0.2, 1) == clip_id("u", 0.3, 1)


def test_an_address_with_a_version_six_host_keeps_its_brackets():
    assert normal_url("http://[::1]:8000/a") == "http://[::1]:8000/a"


def test_an_address_with_a_senseless_port_is_left_as_it_is():
    assert normal_url("http://host:99999/a") == "http://host:99999/a"


@pytest.mark.parametrize(("url", "stretch", "name"), [
    ("https://host/folder/dog.wav?x=1", (None, None), "dog.wav"),
    ("https://host/dog.wav", (0.5, None), "dog.wav 0.5–end s"),
    ("https://host/dog.wav", (None, 2.0), "dog.wav 0–2 s"),
    ("local:clips/dog.wav", (None, None), "dog.wav"),
    ("demo:d0000.ogg", (None, None), "d0000.ogg"),
])  # fmt: skip
def test_a_name_is_the_last_part_of_the_address_and_the_stretch(url, stretch, name):
    assert clip_name(url, *stretch) == name


@pytest.mark.parametrize("word", ["val", "valid", "validation", "DEV", " dev "])
def test_words_for_dev(word):
    assert subset_named(word) == "dev"


def test_an_unknown_subset_is_named():
    with pytest.raises(TableError, match="subset “holdout” is unknown"):
        subset_named("holdout")
