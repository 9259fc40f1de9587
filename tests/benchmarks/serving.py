"""A keep-alive HTTP server of sounds in a process of its own, so cheap that what is measured is who asks.

`python -m tests.benchmarks.serving FOLDER LATENCY_S` prints its port and ends when its standard input closes. Each
answer waits for LATENCY_S, all of them side by side.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.timing import ROOT


@contextmanager
def served(folder: Path, latency_s: float = 0.0) -> Iterator[str]:
    """Serve the files of a folder; the address, without a slash at its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.serving", str(folder), str(latency_s)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)


class _Answers(asyncio.Protocol):
    def __init__(self, bodies: dict[bytes, bytes], latency_s: float) -> None:
        self._bodies, self._latency_s = bodies, latency_s
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while (end := self._asked.find(b"\r\n\r\n")) >= 0:
            path = self._asked.split(b" ", 2)[1].partition(b"?")[0]
            self._asked = self._asked[end + 4 :]
            body = self._bodies.get(path)
            status = b"200 OK" if body is not None else b"404 Not Found"
            body = body or b""
            head = b"HTTP/1.1 %b\r\nContent-Type: audio/wav\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._answer, head + body)
            else:
                self._answer(head + body)

    def _answer(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def _serve(folder: Path, latency_s: float) -> None:
    bodies = {f"/{path.name}".encode(): path.read_bytes() for path in folder.iterdir() if path.is_file()}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answers(bodies, latency_s), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    closed = asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=wait, daemon=True).start()
    await closed.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
