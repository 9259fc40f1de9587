"""Fixtures for every test: the two databases, a data folder, a browser."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Missing, drop_postgres, postgres_url
from tests.run import find_chromium, in_ci

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long` runs everything."""
    parser.addoption("--long", action="store_true", help="also run what is long by nature: tests marked `long`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--long` the tests marked `long` are left out; pytest's summary counts them as deselected."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database. A test that takes it runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/hover.sqlite"
        return
    name = f"hover_{next(_numbers)}"
    try:
        url = postgres_url(name)
    except Missing as reason:
        _cannot_be_tested(str(reason))
    yield url
    drop_postgres(name)


@pytest.fixture
def hover_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, named by HOVER_DATA."""
    monkeypatch.setenv("HOVER_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of the machine's Chromium."""
    path = find_chromium()
    if path is None:
        _cannot_be_tested("Chromium not found: no chromium, chromium-browser or google-chrome on PATH")
    return path


def _cannot_be_tested(reason: str) -> None:
    if in_ci():
        pytest.fail(f"{reason} (CI=true: a skipped test proves nothing)")
    pytest.skip(reason)
