"""Fixtures for the tests of the library: an open store, and a dataset with ten clips in it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hover_core.data.clips import Clip
from hover_core.store import clip_rows
from hover_core.store.annotation_log import Journal
from hover_core.store.database import Store
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests.conftest import _cannot_be_tested as cannot_be_tested
from tests.databases import Missing, drop_postgres, postgres_url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, on each kind of database."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store on each kind of database that many tests share; each makes a dataset of its own in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('shared')}/hover.sqlite"
    else:
        try:
            url = postgres_url("hover_shared")
        except Missing as reason:
            cannot_be_tested(str(reason))
    opened = Store(url)
    yield opened
    opened.close()
    if request.param == "postgresql":
        drop_postgres("hover_shared")


@pytest.fixture
def journal(shared_store: Store) -> Journal:
    """A new journal on a shared store."""
    return Journal(shared_store)


@pytest.fixture
def ten(shared_store: Store) -> str:
    """The id of a dataset of ten raw clips without labels, at revision 1, in the shared store."""
    dataset_id = shared_store.add_dataset(f"ten {secrets.token_hex(8)}")
    with shared_store.revise(dataset_id) as (connection, _):
        clip_rows.add_clips(connection, dataset_id, [Clip(f"c{i}", f"http://host/{i}.wav") for i in range(10)])
    return dataset_id


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Datasets]:
    """An empty store on SQLite, as pages use it."""
    opened = Datasets(Store(f"sqlite:///{tmp_path}/datasets.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def dataset(datasets: Datasets) -> Dataset:
    """A dataset of ten raw clips without labels, in the owner's hands; SQLite."""
    made = datasets.new("ten")
    with datasets.store.revise(made.id) as (connection, _):
        clip_rows.add_clips(connection, made.id, [Clip(f"c{i}", f"http://host/{i}.wav") for i in range(10)])
    return made
