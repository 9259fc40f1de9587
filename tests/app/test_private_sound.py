"""Private sound in the app: what opens it comes from Streamlit's secrets, and no page shows it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from hover_core import settings
from hover_core.workspace.datasets import Datasets
from tests import sounds
from tests.servers import SoundServer

SECRET = "Bearer s3cr3t-of-the-operator"
Run = Callable[..., AppTest]


@pytest.fixture
def secrets_file(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Write Streamlit's secrets; they are read anew at once."""
    file, before = tmp_path / "secrets.toml", st.get_option("secrets.files")

    def write(text: str) -> None:
        file.write_text(text)
        st.config.set_option("secrets.files", [str(file)])
        st.secrets._reset()

    yield write
    st.config.set_option("secrets.files", before)
    st.secrets._reset()


def _table(server: SoundServer, secret: str, more: str = "") -> str:
    return (
        f'[hover.sources.archive]\nhosts = ["{server.url("/clips/")}"]\n'
        f'headers = {{ Authorization = "{secret}" }}\n{more}\n'
    )


def test_a_changed_secret_counts_at_once_and_none_is_no_error(secrets_file) -> None:
    without = settings.sources()
    seen = []
    for secret in ("one", "two"):
        secrets_file(f'[hover.sources.a]\nhosts = ["https://host"]\nheaders = {{ X = "{secret}" }}\n')
        seen += [dict(source.headers)["X"] for source in settings.sources()]

    assert without == ()
    assert seen == ["one", "two"]
    assert not [name for name, value in os.environ.items() if value in ("one", "two")]


@pytest.mark.parametrize("more", ["", 'datasets = ["mine"]'], ids=["for all", "for one dataset"])
def test_upload_plays_private_sound_and_shows_nothing_of_what_opens_it(
    run_as: Run, datasets: Datasets, secrets_file, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    wav = sounds.encode(sounds.tone(440, 0.2))
    with SoundServer({"/clips/a.wav": wav}, opens=lambda _, sent: sent.get("authorization") == SECRET) as server:
        monkeypatch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        secrets_file(_table(server, SECRET, more))
        app = run_as()
        app.file_uploader[0].upload("mine.csv", f"audio\n{server.url('/clips/a.wav')}\n".encode())
        app.run()

        sent = [headers.get("Authorization") for _, headers in server.requests]
    assert not app.exception
    assert sent == [SECRET]
    assert any("Does this sound right?" in caption.value for caption in app.caption)
    assert "s3cr3t" not in str(app)


def test_a_source_for_another_dataset_is_not_used(
    run_as: Run, datasets: Datasets, secrets_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SoundServer({"/clips/a.wav": b""}, opens=lambda _, sent: sent.get("authorization") == SECRET) as server:
        monkeypatch.setenv("HOVER_ALLOWED_HOSTS", server.host_port)
        secrets_file(_table(server, SECRET, 'datasets = ["somebody else\'s"]'))
        app = run_as()
        app.file_uploader[0].upload("mine.csv", f"audio\n{server.url('/clips/a.wav')}\n".encode())
        app.run()

        sent = [headers.get("Authorization") for _, headers in server.requests]
    assert sent == [None]
    assert any("HTTP 403" in warning.value for warning in app.warning)


def test_sources_that_cannot_be_read_are_said_where_the_sound_is_missed_without_their_values(
    run_as: Run, datasets: Datasets, secrets_file
) -> None:
    secrets_file('[hover.sources.archive]\nhost = "https://s3cr3t"\n')
    app = run_as()
    app.file_uploader[0].upload("mine.csv", b"audio\nhttps://host.example/a.wav\n")
    app.run()

    said = " ".join(warning.value for warning in app.warning)
    assert not app.exception
    assert "the source “archive” has “host”, which means nothing here" in said
    assert "s3cr3t" not in str(app)
