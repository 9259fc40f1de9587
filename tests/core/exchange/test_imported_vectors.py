"""Vectors brought along: by id or address, from Parquet, NPZ or memory; every row that is none is named."""

import io
import re
import time

import numpy as np
import pandas as pd
import pytest

from hover_core.analysis.search import ranking
from hover_core.data.clips import Clip, clip_id
from hover_core.dataset import SupervisableAudioDataset
from hover_core.errors import Refused, TableError
from hover_core.exchange import imported_vectors
from hover_core.exchange.imported_vectors import read_vectors
from hover_core.jobs import queue
from hover_core.tables.intake import Intake
from hover_core.vectorizers import registry
from hover_core.workspace.datasets import Datasets
from tests.benchmarks.maps import clouds

URLS = [f"https://example.org/{number}.wav" for number in range(30)]
VECTORS = clouds(30)[:, :6]


@pytest.fixture
def dataset(hover_data):
    opened = Datasets()
    made = SupervisableAudioDataset(opened, opened.new("clips").id)
    clips = [Clip(clip_id(url, own_id=f"n{n}"), url, own_id=f"n{n}") for n, url in enumerate(URLS)]
    made.add(Intake(clips=clips))
    yield made
    opened.close()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def wide(vectors: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{axis}": vectors[:, axis] for axis in range(vectors.shape[1])}


@pytest.mark.parametrize(
    "source",
    [
        npz(ids=np.array(URLS), vectors=VECTORS),
        npz(url=np.array([url.upper().replace("WAV", "wav") for url in URLS]), embedding=VECTORS.astype(np.float64)),
        npz(ids=np.array([f"n{n}" for n in range(30)]), x=VECTORS),
        parquet(pd.DataFrame({"url": URLS, "vector": list(VECTORS)})),
        parquet(pd.DataFrame({"id": [f"n{n}" for n in range(30)], **wide(VECTORS)})),
        parquet(pd.DataFrame({"whatever": URLS, "embedding": [v.tolist() for v in VECTORS.astype(np.float64)]})),
        {"ids": URLS, "vectors": VECTORS},
    ],
    ids=["npz", "npz, host in capitals", "npz by id", "parquet", "parquet, wide", "parquet, float64", "memory"],
)
def test_every_form_gives_the_same_vectors(dataset, source) -> None:
    plan = imported_vectors.import_vectors(dataset, source, name="My CLAP")

    assert (plan.key, plan.wrong, plan.without) == ("own-my-clap", {}, 0)
    positions, vectors = dataset.vectors(plan.key)
    assert positions.tolist() == list(range(30))
    np.testing.assert_array_equal(vectors, VECTORS)


def test_a_file_on_disk_is_read(dataset, tmp_path) -> None:
    (tmp_path / "v.npz").write_bytes(npz(ids=np.array(URLS), vectors=VECTORS))

    assert len(imported_vectors.import_vectors(dataset, tmp_path / "v.npz", name="v").positions) == 30
    with pytest.raises(TableError, match=r"missing\.npz cannot be read: No such file"):
        imported_vectors.import_vectors(dataset, tmp_path / "missing.npz", name="v")


def test_map_and_search_use_them(dataset) -> None:
    key = imported_vectors.import_vectors(dataset, {"ids": URLS[:25], "vectors": VECTORS[:25]}, name="clap").key

    dataset.compute_nd_embedding(key, "umap")
    placed = dataset.coordinates(dataset.embedding())
    found, _ = ranking.neighbours(dataset, 0, k=5)

    assert np.isfinite(placed[:25]).all()
    assert np.isnan(placed[25:]).all()
    assert len(found) == 5
    with pytest.raises(Refused, match="were not made here"):
        ranking.neighbours(dataset.resources.open(dataset.id), "https://example.org/x.wav")


def test_a_job_draws_their_map_and_fetches_nothing(dataset) -> None:
    key = imported_vectors.import_vectors(dataset, {"ids": URLS[:25], "vectors": VECTORS[:25]}, name="clap").key

    queue.start(dataset, vectorizer=key, reducer="pca")
    for _ in range(600):
        job = queue.tend(dataset)
        if not job.running:
            break
        time.sleep(0.1)

    assert (job.state, job.progress["message"]) == ("done", "")
    assert dataset.embedding().clips == 25
    assert dataset.failures(key) == []


def test_more_clips_of_the_same_name_are_added_and_none_is_changed(dataset) -> None:
    imported_vectors.import_vectors(dataset, {"ids": URLS[:10], "vectors": VECTORS[:10]}, name="clap")

    plan = imported_vectors.import_vectors(dataset, {"ids": URLS[5:20], "vectors": VECTORS[5:20]}, name="clap")

    assert (len(plan.positions), plan.known, plan.without) == (10, 5, 10)
    with pytest.raises(TableError, match=r"row 1: .*0\.wav has another vector under “clap” already"):
        imported_vectors.import_vectors(dataset, {"ids": URLS[:1], "vectors": VECTORS[:1] + 1}, name="clap")
    with pytest.raises(Refused, match="these vectors have 3 numbers, and those under “clap” have 6"):
        imported_vectors.import_vectors(dataset, {"ids": URLS[20:], "vectors": VECTORS[20:, :3]}, name="clap")


def test_every_wrong_row_is_named(dataset) -> None:
    vectors = [*VECTORS.tolist()[:8]]
    vectors[1] = vectors[1][:4]
    vectors[2][3] = float("nan")
    vectors[3][0] = 1e300
    vectors[4] = None
    labels = [*URLS[:5], "https://example.org/none.wav", "n0", ""]
    source = parquet(pd.DataFrame({"url": labels, "vector": vectors}))

    with pytest.raises(TableError, match="7 rows cannot be used"):
        imported_vectors.import_vectors(dataset, source, name="v")
    plan = imported_vectors.import_vectors(dataset, source, name="v", wrong="leave out")

    assert plan.positions == [0]
    assert plan.wrong == {
        2: "4 numbers, in most rows 6",
        3: "a number is missing (NaN), infinite, or too large for float32",
        4: "a number is missing (NaN), infinite, or too large for float32",
        5: "there is no vector",
        6: "no clip has the id or address https://example.org/none.wav",
        7: "n0 is the same clip as row 1",
        8: "there is no id",
    }


def test_an_address_of_many_clips_is_asked_for_by_id(dataset) -> None:
    url = "https://example.org/long.wav"
    clips = [Clip(clip_id(url, start, start + 1), url, float(start), float(start + 1)) for start in range(3)]
    dataset.add(Intake(clips=clips))

    with pytest.raises(TableError, match=r"3 clips have the address https://example\.org/long\.wav: use their ids"):
        imported_vectors.import_vectors(dataset, {"ids": [url], "vectors": VECTORS[:1]}, name="v")
    assert imported_vectors.import_vectors(
        dataset, {"ids": [clips[1].clip_id], "vectors": VECTORS[:1]}, name="v"
    ).positions == [31]


@pytest.mark.parametrize(("source", "said"), [
    (b"a,b\n1,2\n", "neither Parquet nor NPZ"),
    (npz(ids=np.array(URLS, dtype=object), vectors=VECTORS), "Python objects, which are not read"),
    (npz(vectors=VECTORS), "wanted are “ids”"),
    (npz(ids=np.array(URLS[:3]), vectors=VECTORS), "3 ids and 30 vectors"),
    (npz(ids=np.array(URLS), vectors=VECTORS)[:-60], "the NPZ file is damaged"),
    (parquet(pd.DataFrame({"url": URLS, "vector": list(VECTORS)}))[:-60], "the Parquet file is damaged"),
    (parquet(pd.DataFrame({"a": URLS, "b": URLS})), "no column says which clip a row is"),
    (parquet(pd.DataFrame({"url": URLS, "b": URLS})), "one column of lists"),
    (parquet(pd.DataFrame({"url": URLS, "vector": [["x"]] * 30})), "numbers are wanted"),
    ({"ids": [], "vectors": np.zeros((0, 3))}, "wanted are “ids”"),
    ({"ids": np.array([], dtype=str), "vectors": np.zeros((0, 3))}, "there are no rows in it"),
])  # fmt: skip
def test_what_is_no_table_of_vectors_says_what_would_be_right(source, said) -> None:
    with pytest.raises(TableError, match=re.escape(said)):
        read_vectors(source)


def test_a_name_must_say_something(dataset) -> None:
    with pytest.raises(Refused, match="with letters or digits"):
        imported_vectors.import_vectors(dataset, {"ids": URLS, "vectors": VECTORS}, name=" – ")
    assert all(not v.key.startswith("own-") for v in registry.available_vectorizers())


def test_a_row_named_by_an_address_with_a_password_is_refused_without_it(dataset) -> None:
    named = ["https://me:s3cret@example.org/0.wav", *URLS[1:]]

    for source in (npz(ids=np.array(named), vectors=VECTORS), parquet(pd.DataFrame({"url": named, **wide(VECTORS)}))):
        with pytest.raises(TableError, match="row 1: the address contains a user name or password") as caught:
            imported_vectors.import_vectors(dataset, source, name="clap")
        assert "s3cret" not in str(caught.value)
