"""Real servers in processes of their own, and a real Chromium.

Most tests are guests of one app that stands for the whole run (`standing`), each with a dataset of its own; a test that
needs a fresh app, or one with settings of its own, starts it (`app`, `start_app`).
"""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from hover_core.data.clips import Clip, clip_id
from hover_core.store.database import Store
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from tests.browser import acts
from tests.servers import SoundServer

ROOT = Path(__file__).resolve().parents[2]
COUNT = 300  # clips in the three clouds of `address`
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",  # drawn by the CPU itself: a GPU emulated by it takes ten times as much for every page
    "--enable-unsafe-swiftshader",  # WebGL all the same, for the classic map
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP hover.example 127.0.0.1",  # a foreign name of this machine, as behind a bare proxy
]
expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a shared machine a frame can be late: a test that fails here is tried once more, and that is printed."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass
class App:
    """A running app."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    def said(self) -> str:
        """What it printed so far."""
        return self.log.read_text()


@dataclass
class Standing:
    """The app that stands for the whole run, its store seen from here, and a server of sound that it may fetch from."""

    app: App
    datasets: Datasets
    server: SoundServer

    def at(self, page: str, dataset: Dataset) -> str:
        """The address of a page with a dataset open."""
        return f"{self.app.url}/{page}?dataset={dataset.id}"


@pytest.fixture(scope="session")
def _standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    folder = tmp_path_factory.mktemp("standing")
    (folder / "data").mkdir()
    with SoundServer() as server, ExitStack() as stack:
        datasets = Datasets(Store(f"sqlite:///{folder / 'data' / 'hover.sqlite'}"))
        stack.callback(datasets.close)
        app = stack.enter_context(_running(folder, HOVER_ALLOWED_HOSTS=server.host_port))
        yield Standing(app, datasets, server)


@pytest.fixture
def standing(_standing: Standing, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """An app bound to loopback that many tests share; each makes a dataset of its own in it, by the library."""
    assert _standing.app.process.poll() is None, f"the app ended:\n{_standing.app.said()}"
    monkeypatch.setenv("HOVER_DATA", str(_standing.app.data))
    monkeypatch.setenv("HOVER_ALLOWED_HOSTS", _standing.server.host_port)
    return _standing


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[Callable[..., App]]:
    """Start the app as the README does; further arguments and environment are the test's."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(_running(tmp_path, *arguments, **options))


@pytest.fixture
def app(start_app: Callable[..., App]) -> App:
    """A fresh app, bound to loopback: whoever opens it is the owner."""
    return start_app()


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page in a browser profile of its own: other cookies, another person."""
    contexts = []

    def opened(**options: object) -> Page:
        context = browser.new_context(
            viewport={"width": 1400, "height": 900},
            accept_downloads=True,
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(30_000)
        contexts.append((context, policy_violations(context)))
        return context.new_page()

    yield opened
    for context, _ in contexts:
        context.close()
    assert [violation for _, violations in contexts for violation in violations] == []


def policy_violations(context: BrowserContext) -> list[str]:
    """What the Content-Security-Policy stops in these pages, as the browser says it; the list fills as it happens."""
    said: list[str] = []

    def note(text: str) -> None:
        if "Content Security Policy" in text:
            said.append(text)

    context.on("console", lambda message: note(message.text))
    context.on("weberror", lambda failure: note(str(failure.error)))
    return said


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The first person's page."""
    return open_page()


@pytest.fixture
def address(standing: Standing) -> str:
    """The Label page of a dataset of 300 demo clips in three clouds of a map, nothing labelled."""
    dataset = standing.datasets.new(f"clouds {secrets.token_hex(4)}")
    urls = [f"demo:d{number:04d}.ogg" for number in range(COUNT)]
    clips = [
        Clip(clip_id(url), url, subset="raw" if n % 2 else "train", extra={"take": str(n % 4), "snr": str(n / 3)})
        for n, url in enumerate(urls)
    ]
    dataset.add(Intake(clips=clips))
    vectors = np.random.default_rng(1).normal(size=(COUNT, 8)).astype(np.float32)
    # a map with gaps wide enough for a lasso, so that each test knows what is inside
    clouds = vectors[:, :2] + np.repeat([[0, 0], [20, 15], [40, 0]], COUNT // 3, axis=0).astype(np.float32)
    acts.give_map(dataset, vectors, clouds)
    return standing.at("label", dataset)


@pytest.fixture
def on_label(address: str, page: Page) -> Page:
    """The Label page of that dataset, its map standing still."""
    page.goto(address)
    acts.map_ready(page, COUNT)
    return page


@contextmanager
def _running(
    folder: Path, *arguments: str, address: str | None = "localhost", base: str = "", **environment: str
) -> Iterator[App]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    log = folder / "app.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--server.address", address] if address else []
    where += ["--server.baseUrlPath", base] if base else []
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *where, "--server.port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--server.headless", "true", *arguments],
            cwd=ROOT,
            env={**_without_ways_in(os.environ), "HOVER_DATA": str(data), **environment},
            stdout=file,
            stderr=file,
        )
    try:
        app = App(f"http://localhost:{port}/{base}".rstrip("/"), data, log, process)
        _await(app)
        yield app
    finally:
        process.terminate()
        process.wait(20)


def _without_ways_in(environment: Mapping[str, str]) -> dict[str, str]:
    """What whoever runs the tests has set for an app of their own opens or closes none of ours."""
    return {name: value for name, value in environment.items() if name not in ("HOVER_OWNER_TOKEN", "HOVER_OPEN")}


def _await(app: App) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if app.process.poll() is not None:
            raise AssertionError(f"the app ended:\n{app.said()}")
        try:
            with urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the app did not answer within 60 s:\n{app.said()}")
