"""The guide's Python, block after block, with exactly the stated substitutions, against a real server."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import requests

from hover_core import recipes
from hover_core.dataset import SupervisableAudioDataset
from hover_core.errors import Refused
from hover_core.memoize import memoize
from hover_core.recipes import simple_annotator
from tests import sounds
from tests.servers import SoundServer

DIGITS = ("zero", "one", "two")


@pytest.fixture
def table_of_urls(tmp_path: Path):
    """60 clips of three kinds of sound behind `http.server`'s protocol, and a CSV of their addresses."""
    files = {
        f"/{kind}_{n}.wav": sounds.encode(sounds.tone(300 * 2**kind + 3 * n, 0.3))
        for kind in range(3)
        for n in range(20)
    }
    with SoundServer(files) as server:
        rows = [
            {"audio": server.url(f"/{kind}_{n}.wav"), "label": DIGITS[kind]} for kind in range(3) for n in range(20)
        ]
        path = tmp_path / "audio_mnist.csv"
        pd.DataFrame(rows).to_csv(path, index=False)
        yield path


def test_the_guides_blocks_run_in_order(table_of_urls: Path, hover_data: Path) -> None:
    """Dataset, vectorizer, embedding and plot, as the guide has them."""
    # --- Dataset for audios ---
    example_csv_path = table_of_urls
    df = pd.read_csv(example_csv_path).sample(frac=1).reset_index(drop=True)
    df["SUBSET"] = "raw"
    df.loc[30:44, "SUBSET"] = "train"
    df.loc[45:52, "SUBSET"] = "dev"
    df.loc[53:, "SUBSET"] = "test"

    dataset = SupervisableAudioDataset.from_pandas(df, feature_key="audio", label_key="label")

    # each subset can be accessed as its own DataFrame
    head = dataset.dfs["raw"].head(5)

    assert list(head["audio"]) == list(df["audio"][:5])
    assert {name: len(frame) for name, frame in dataset.dfs.items()} == {"raw": 30, "train": 15, "dev": 8, "test": 7}
    assert set(dataset.dfs["train"]["label"]) <= set(DIGITS)

    # --- Vectorizer for audios ---
    @lru_cache(maxsize=10000)
    def url_to_content(url):
        """
        Turn a URL to response content.
        """
        response = requests.get(url)  # noqa: S113 - the guide's own line
        return response.content

    @lru_cache(maxsize=10000)
    def url_to_audio(url):
        """
        Turn a URL to audio data.
        """
        data, sampling_rate = librosa.load(BytesIO(url_to_content(url)))
        return data, sampling_rate

    @memoize(cache_limit=10000, persist_path=hover_data / "custom_cache/audio_url_to_vector.pkl")
    def vectorizer(url):
        """
        Averaged MFCC over time.
        Resembles word-embedding-average-as-doc-embedding for texts.
        """
        y, sr = url_to_audio(url)
        mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=32)
        return mfcc.mean(axis=1)

    assert vectorizer(df["audio"][0]).shape == (32,)

    # --- Embedding and plot ---
    # any kwargs will be passed onto the corresponding reduction
    reducer = dataset.compute_nd_embedding(vectorizer, "umap", dimension=2, n_neighbors=10)
    interactive_plot = simple_annotator(dataset)

    assert reducer.settings["n_neighbors"] == 10
    assert reducer.transform(dataset.vectors(dataset.vectorizer_key)[1][:3]).shape == (3, 2)
    for frame in dataset.dfs.values():
        assert np.isfinite(frame[["embed_2d_0", "embed_2d_1"]].to_numpy()).all()
    assert "streamlit run" in interactive_plot.command
    assert interactive_plot.address == f"http://localhost:8501/label?dataset={dataset.id}"

    # --- Search: the dataset has remembered the vectorizer ---
    asked = df["audio"][0]
    positions, cosines = dataset.neighbours(asked, k=5)
    assert dataset.to_pandas()["audio"][positions[0]] == asked
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)
    assert list(cosines) == sorted(cosines, reverse=True)


def test_the_same_table_again_opens_the_same_dataset_with_its_labels(table_of_urls: Path, hover_data: Path) -> None:
    df = pd.read_csv(table_of_urls)
    df["SUBSET"] = "raw"
    first = SupervisableAudioDataset.from_pandas(df)
    first.annotate([0, 1], "hum", how="heard")

    again = SupervisableAudioDataset.from_pandas(df.sample(frac=1, random_state=1))

    assert again.id == first.id
    assert list(again.to_pandas()["label"][:3]) == ["hum", "hum", ""]


def test_where_only_the_library_is_installed_the_command_names_the_script_of_a_clone(
    table_of_urls: Path, hover_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = SupervisableAudioDataset.from_pandas(pd.read_csv(table_of_urls))
    beside = simple_annotator(dataset).command

    monkeypatch.setattr(recipes, "__file__", str(tmp_path / "hover_core" / "recipes.py"))

    assert f"streamlit run {Path(__file__).resolve().parents[2] / 'streamlit_app.py'} " in beside
    assert "streamlit run streamlit_app.py " in simple_annotator(dataset).command


def test_a_clip_that_raises_is_a_failure_and_the_others_go_on(table_of_urls: Path, hover_data: Path) -> None:
    df = pd.read_csv(table_of_urls)
    dataset = SupervisableAudioDataset.from_pandas(df)
    broken = df["audio"][7]

    def vectorizer(url):
        if url == broken:
            raise ValueError("no sound here")
        return np.array([len(url), hash(url) % 97, 1.0])

    dataset.compute_nd_embedding(vectorizer, "pca")

    assert [(failure.position, failure.reason) for failure in dataset.failures()] == [(7, "ValueError: no sound here")]
    assert int(np.isfinite(dataset.to_pandas()["embed_2d_0"]).sum()) == 59


def test_when_every_clip_fails_the_error_says_why(table_of_urls: Path, hover_data: Path, monkeypatch) -> None:
    df = pd.read_csv(table_of_urls).head(5)
    df["audio"] = df["audio"].str.replace(".wav", "-gone.wav?key=secret")
    dataset = SupervisableAudioDataset.from_pandas(df)

    def vectorizer(url):
        raise ValueError("no sound here")

    with pytest.raises(Refused, match="none of 5 clips could be turned into vectors: 5 × ValueError: no sound here"):
        dataset.compute_nd_embedding(vectorizer, "umap", dimension=2)
    monkeypatch.setenv("HOVER_ALLOWED_HOSTS", df["audio"][0].split("/")[2])
    with pytest.raises(Refused, match=r"5 × .*HTTP 404.*The first is http://127.*0_0-gone\.wav$"):
        dataset.compute_nd_embedding("mfcc-mean", "umap", dimension=2)


def test_an_edited_vectorizer_finds_no_old_vectors(table_of_urls: Path, hover_data: Path) -> None:
    dataset = SupervisableAudioDataset.from_pandas(pd.read_csv(table_of_urls))

    def first():
        def vectorizer(url):
            return [1.0, len(url)]

        return vectorizer

    def second():
        def vectorizer(url):
            return [2.0, len(url)]

        return vectorizer

    dataset.vectorize(first())
    dataset.vectorize(second())

    _, vectors = dataset.vectors(dataset.vectorizer_key)
    assert set(vectors[:, 0]) == {2.0}
