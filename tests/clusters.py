"""A real Dask scheduler with workers on loopback.

>>> with DaskCluster(tmp_path, workers=2) as cluster:                                # doctest: +SKIP
...     monkeypatch.setenv("HOVER_DASK_SCHEDULER", cluster.address)
...     cluster.kill(0)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.run import ROOT

START_S = 60


class DaskCluster:
    """A scheduler and some workers, each a process. `environment` is for the workers."""

    def __init__(self, folder: Path, *, workers: int, threads: int = 2, **environment: str) -> None:
        self.folder, self.threads, self.environment = folder, threads, environment
        folder.mkdir(parents=True, exist_ok=True)
        self.address = ""
        self.port = 0  # free for a test's own server, known to the workers beforehand
        self.workers: list[subprocess.Popen[bytes]] = []
        self._count = workers
        self._scheduler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DaskCluster:
        file = self.folder / "scheduler.json"
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        self._scheduler = self._process("distributed.cli.dask_scheduler", "scheduler", arguments, {})
        deadline = time.monotonic() + START_S
        while not self.address:
            assert time.monotonic() < deadline, self.said("scheduler")
            try:
                self.address = json.loads(file.read_text())["address"]
            except (FileNotFoundError, ValueError):  # not yet, or not whole yet
                time.sleep(0.05)
        for _ in range(self._count):
            self.add_worker()
        return self

    def __exit__(self, *exc: object) -> None:
        for process in [*self.workers, self._scheduler]:
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def add_worker(self) -> None:
        """Start another worker; it joins when it is ready."""
        arguments = [self.address, "--host", "127.0.0.1", "--nthreads", str(self.threads), "--no-nanny"]
        arguments += ["--no-dashboard", "--memory-limit", "0", "--local-directory", str(self.folder)]
        name = f"worker-{len(self.workers)}"
        self.workers.append(self._process("distributed.cli.dask_worker", name, arguments, self.environment))

    def kill(self, number: int) -> None:
        """End a worker as a crash does."""
        self.workers[number].kill()
        self.workers[number].wait()

    def said(self, name: str) -> str:
        """What a process printed."""
        return (self.folder / f"{name}.log").read_text()

    def _process(
        self, module: str, name: str, arguments: list[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        # A worker is another machine: it gets none of what the app's environment says about sound.
        ours = {key: value for key, value in os.environ.items() if not key.startswith("HOVER_")}
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env={**ours, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
