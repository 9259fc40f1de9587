"""Real HTTP servers on loopback, with faults.

>>> with SoundServer({"/a.wav": data}) as server:                                    # doctest: +SKIP
...     server.faults["/b.wav"] = Fault(status=503, times=2)
...     fetcher.fetch(server.url("/a.wav"))
...     assert server.count["/a.wav"] == 1
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Fault:
    """How one path misbehaves. `times`: how often, then it answers well; None is always."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.0
    redirect: str | None = None  # Location, with 302 unless `status` says otherwise
    drip_head_s: float | None = None  # seconds between the bytes of the head
    drip_body_s: float | None = None  # … of the body
    truncate_to: int | None = None  # bytes of the body that are sent; Content-Length stays
    declared: int | None = None  # Content-Length, whatever the body is
    endless: bool = False  # a body without length that never ends
    chunked: bool = False
    hang_up: bool = False  # closes without an answer
    times: int | None = None


class SoundServer:
    """A threaded keep-alive server of bytes by path, or of a folder.

    Attributes
    ----------
    files : path (with its slash) → bytes; may change while the server runs.
    faults : path → Fault.
    latency_s : wait before every answer.
    opens : called with (path with query, headers in lower case): whether this request may have the file; else 403.
    count : requests by path, without the query.
    connections : connections accepted so far.
    requests : (path with query, headers) of every request.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | Path | None = None,
        *,
        latency_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
        keep_alive: bool = True,
        opens: Callable[[str, Mapping[str, str]], bool] | None = None,
        port: int = 0,
    ) -> None:
        self.folder = files if isinstance(files, Path) else None
        self.files: dict[str, bytes] = {} if files is None or isinstance(files, Path) else dict(files)
        self.faults: dict[str, Fault] = {}
        self.latency_s = latency_s
        self.opens = opens
        self.count: Counter[str] = Counter()
        self.connections = 0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._scheme = "https" if tls else "http"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        outer = self

        class Handler(_Handler):
            sounds = outer
            protocol_version = "HTTP/1.1" if keep_alive else "HTTP/1.0"

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def process_request(self, request, client_address):  # type: ignore[no-untyped-def]
                with outer._lock:
                    outer.connections += 1
                    outer._open.add(request)
                super().process_request(request, client_address)

            def handle_error(self, request, client_address):  # type: ignore[no-untyped-def]
                pass  # clients hang up; that is what many tests are about

        self._server = Server(("127.0.0.1", port), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def drop_connections(self) -> None:
        """Closes what clients keep alive, as servers do after a while."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def start(self) -> SoundServer:
        self._thread.start()
        return self

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self.drop_connections()

    def __enter__(self) -> SoundServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ConnectionAbortedError

    def body(self, path: str) -> bytes | None:
        if self.folder is None:
            return self.files.get(path)
        file = self.folder / unquote(path).lstrip("/")
        return file.read_bytes() if file.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    sounds: SoundServer
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = self.sounds
        path = self.path.partition("?")[0]
        with server._lock:
            server.count[path] += 1
            server.requests.append((self.path, dict(self.headers.items())))
            fault = server.faults.get(path)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times < 0:
                    fault = None
        if server.latency_s:
            time.sleep(server.latency_s)
        fault = fault or Fault()
        if fault.latency_s:
            server.pause(fault.latency_s)
        if fault.hang_up:
            self.close_connection = True
            return
        body, status = server.body(path), fault.status
        if (
            server.opens
            and fault.redirect is None
            and not server.opens(self.path, {name.lower(): text for name, text in self.headers.items()})
        ):
            status = 403
        if fault.redirect is not None:
            body, status = b"", 302 if status == 200 else status
        elif status != 200:
            body = b"no sound here"
        elif body is None and not fault.endless:
            body, status = b"no such file", 404
        self._send(fault, status, body or b"")

    def _send(self, fault: Fault, status: int, body: bytes) -> None:
        headers = {"Content-Type": "audio/wav", **fault.headers}
        if fault.redirect is not None:
            headers["Location"] = fault.redirect
        if fault.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not fault.endless:
            headers["Content-Length"] = str(len(body) if fault.declared is None else fault.declared)
        lines = [f"{self.protocol_version} {status} -"] + [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if fault.truncate_to is not None:
            body = body[: fault.truncate_to]
            self.close_connection = True
        if fault.endless:
            self.close_connection = True
            self.wfile.write(head)
            while True:
                self.wfile.write(b"\0" * 65_536)
        if fault.chunked:
            half = len(body) // 2
            pieces = [body[:half], body[half:]] if fault.truncate_to is None else [body]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
            body += b"0\r\n\r\n" if fault.truncate_to is None else b""
        if fault.drip_head_s is None and fault.drip_body_s is None:
            self.wfile.write(head + body)
            return
        self._drip(head, fault.drip_head_s)
        self._drip(body, fault.drip_body_s)

    def _drip(self, data: bytes, pause_s: float | None) -> None:
        if pause_s is None:
            self.wfile.write(data)
            return
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            self.sounds.pause(pause_s)

    def log_message(self, format: str, *args: object) -> None:
        pass


class RawServer:
    """A server that sends bytes as they are: to each request the next answer, the last one again and again.

    An empty answer hangs up; so does every answer, unless `close` is False.

    Attributes
    ----------
    answers : what is sent; may change while the server runs.
    requests : the head of every request.
    """

    def __init__(self, *answers: bytes, close: bool = True) -> None:
        self.requests: list[bytes] = []
        self.answers, self._close = answers, close
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self.host_port = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def url(self, path: str = "/a.wav") -> str:
        return f"http://{self.host_port}{path}"

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while not self._closing.is_set():
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (data := connection.recv(65_536)):
                        return
                    request += data
                self.requests.append(request)
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                connection.sendall(answer)
                if self._close or not answer:
                    return

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):  # wakes accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
