"""What the operator decides."""

from pathlib import Path

import pytest

from hover_core import settings
from hover_core.errors import Refused


def test_the_data_folder_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("HOVER_DATA", str(tmp_path / "new" / "folder"))

    assert settings.data_folder().is_dir()


def test_without_a_word_the_database_is_a_file_in_the_data_folder(monkeypatch, hover_data):
    monkeypatch.delenv("HOVER_DATABASE_URL", raising=False)

    assert settings.database_url() == f"sqlite:///{hover_data / 'hover.sqlite'}"


@pytest.mark.parametrize("short", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_every_spelling_of_postgresql_is_read(monkeypatch, short):
    monkeypatch.setenv("HOVER_DATABASE_URL", f"{short}me:secret@host/db")

    assert settings.database_url() == "postgresql+psycopg://me:secret@host/db"


def test_allowed_hosts_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("HOVER_ALLOWED_HOSTS", " NAS:8000, ,127.0.0.1:80 ")

    assert settings.allowed_hosts() == {"nas:8000", "127.0.0.1:80"}


def test_without_a_word_no_file_of_this_machine_can_be_named(monkeypatch):
    monkeypatch.delenv("HOVER_AUDIO_ROOT", raising=False)

    assert settings.audio_root() is None


def test_the_audio_root_is_an_absolute_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOVER_AUDIO_ROOT", "sounds")

    assert settings.audio_root() == Path(tmp_path, "sounds")


def test_a_table_may_take_four_gigabytes_or_a_quarter_of_the_machine_unless_told(monkeypatch):
    monkeypatch.delenv("HOVER_TABLE_BYTES", raising=False)
    monkeypatch.delenv("HOVER_TABLE_ROWS", raising=False)
    monkeypatch.setattr(settings, "_memory_bytes", lambda: 2_000_000_000)
    on_a_small_machine = settings.table_bytes()
    monkeypatch.setattr(settings, "_memory_bytes", lambda: 64_000_000_000)

    assert (on_a_small_machine, settings.table_bytes(), settings.table_rows()) == (
        500_000_000, 4_000_000_000, 2_000_000,
    )  # fmt: skip


def test_the_memory_of_the_machine_is_read():
    assert 100_000_000 < settings._memory_bytes() < 10**15


@pytest.mark.parametrize("value", ["4 GB", "-1", "0", "1e9", "٤"])
def test_what_is_no_number_of_bytes_is_refused_by_name(monkeypatch, value):
    monkeypatch.setenv("HOVER_TABLE_BYTES", value)

    with pytest.raises(Refused, match=r"HOVER_TABLE_BYTES='.*' must be a whole number, 1 or more"):
        settings.table_bytes()


def test_the_cache_holds_five_gigabytes_unless_told(monkeypatch):
    monkeypatch.delenv("HOVER_CACHE_BYTES", raising=False)
    unless_told = settings.cache_bytes()
    monkeypatch.setenv("HOVER_CACHE_BYTES", "1000")

    assert unless_told == 5_000_000_000
    assert settings.cache_bytes() == 1000
