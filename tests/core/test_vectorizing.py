"""How many downloads are under way at once."""

import pytest

from hover_core import clip_rows, jobs, vector_rows
from hover_core.clips import Clip
from tests import sounds
from tests.servers import SoundServer

KEY = "mfcc-mean-32-22050-v1"


def vectorized(datasets, server, paths):
    dataset = datasets.new("sounds")
    dataset.change_settings(allowed_hosts=[server.host_port])
    with datasets.store.revise(dataset.id) as (connection, _):
        clips = [Clip(f"c{number}", server.url(path)) for number, path in enumerate(paths)]
        clip_rows.add_clips(connection, dataset.id, clips)
    jobs.run_here(dataset, vectorizer=KEY)
    assert len(vector_rows.vectorized(datasets.store, dataset.id, KEY)) == len(paths)


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
