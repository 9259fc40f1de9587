"""An app with a store of its own, and one seam that says who is here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from hover_core.analysis import maps
from hover_core.data.clips import Clip, clip_id
from hover_core.data.people import LOCAL_OWNER, Person
from hover_core.store import vector_rows
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.server import identity, shared

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"


@pytest.fixture
def datasets(hover_data: Path) -> Iterator[Datasets]:
    """The datasets that the pages of this test see."""
    shared.close()
    identity.operators_token.cache_clear()
    identity.owner_token.cache_clear()
    yield shared.datasets()
    shared.close()


@pytest.fixture
def run_as(datasets: Datasets) -> Iterator[Callable[[Person | None], AppTest]]:
    """Run the app as somebody; the seam is taken away at the end."""

    def run(who: Person | None = LOCAL_OWNER) -> AppTest:
        identity.seam = lambda: who
        return AppTest.from_file(str(FRAME), default_timeout=30).run()

    yield run
    identity.seam = None


@pytest.fixture
def mapped(datasets: Datasets) -> Dataset:
    """A dataset of 40 clips in two labels with a map."""
    dataset = datasets.new("birds")
    urls = [f"demo:d{number:04d}.ogg" for number in range(40)]
    clips = [
        Clip(clip_id(url), url, label="wren" if number < 10 else "", subset="train" if number < 10 else "raw")
        for number, url in enumerate(urls)
    ]
    dataset.add(Intake(clips=clips))
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    with dataset.store.write() as connection:
        vector_rows.add_vectors(connection, dataset.id, "mfcc-mean-32-22050-v1", list(range(40)), vectors)
    dataset.change_settings(vectorizer="mfcc-mean-32-22050-v1")
    maps.embed(dataset, "mfcc-mean-32-22050-v1", "pca")
    return dataset
