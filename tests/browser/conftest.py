"""A real server in a process of its own, and a real Chromium."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--autoplay-policy=no-user-gesture-required",
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

    def said(self) -> str:
        """What it printed so far."""
        return self.log.read_text()


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[Callable[..., App]]:
    """Start the app as the README does; further arguments and environment are the test's."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, address: str | None = "localhost", base: str = "", **environment: str) -> App:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        log = tmp_path / f"app-{len(started)}.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        where = ["--server.address", address] if address else []
        where += ["--server.baseUrlPath", base] if base else []
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *where, "--server.port", str(port)]
        with log.open("wb") as file:
            started.append(
                subprocess.Popen(
                    [*command, "--server.headless", "true", *arguments],
                    cwd=ROOT,
                    env={**os.environ, "HOVER_DATA": str(data), **environment},
                    stdout=file,
                    stderr=file,
                )
            )
        app = App(f"http://localhost:{port}/{base}".rstrip("/"), data, log)
        _await(app, started[-1])
        return app

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.fixture
def app(start_app: Callable[..., App]) -> App:
    """The app, bound to loopback: whoever opens it is the owner."""
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
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The first person's page."""
    return open_page()


def _await(app: App, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the app ended:\n{app.said()}")
        try:
            with urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the app did not answer within 60 s:\n{app.said()}")
