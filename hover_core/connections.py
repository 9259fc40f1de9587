"""Sockets that are kept alive, and a clock that holds against a server that drips."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import OrderedDict

_IDLE_IN_ALL = 256  # kept-alive sockets over all hosts: 10,000 hosts must not use up the file descriptors


class Errand:
    """One `fetch`: until when it may take, and the socket that it waits on."""

    __slots__ = ("deadline", "expired", "sock", "where")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.expired = False
        self.sock: socket.socket | None = None
        self.where = ""  # which bucket, for the words of a failure


class Watchdog:
    """Shuts down the sockets of errands that are over time; their read then ends at once.

    Time-outs of a socket begin anew with every byte, so they do not hold against a server that drips.
    """

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed
        self._errands: dict[int, Errand] = {}
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def watch(self, errand: Errand, sock: socket.socket) -> None:
        """From now on `sock` is what the errand waits on."""
        errand.sock = sock
        self._errands[id(errand)] = errand
        if not self._busy.is_set():
            self._busy.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="hover-fetch-watchdog", daemon=True)
                    self._thread.start()

    def forget(self, errand: Errand) -> None:
        """The errand waits on nothing."""
        errand.sock = None
        self._errands.pop(id(errand), None)

    def wake(self) -> None:
        """See that everything is closed."""
        self._busy.set()

    def _run(self) -> None:
        while not self._closed.is_set() or self._errands:
            if not self._errands:
                self._busy.clear()
                if not self._errands and not self._closed.is_set():  # one may have come before the clear
                    self._busy.wait()
            time.sleep(0.1)
            now = time.monotonic()
            for errand in list(self._errands.values()):
                sock = errand.sock
                if now >= errand.deadline and sock is not None:
                    errand.expired = True
                    with contextlib.suppress(OSError):  # already gone
                        # Not SSLSocket.shutdown, which would take the TLS object away under the reading thread.
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Pool:
    """Kept-alive sockets by origin, the youngest first."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._idle: OrderedDict[tuple[str, str], list[socket.socket]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()
        self._open = True

    def take(self, origin: tuple[str, str]) -> socket.socket | None:
        """A socket that is still open, or None."""
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    return None
                sock = idle.pop()
                self._count -= 1
                if not idle:
                    del self._idle[origin]
            if not _readable(sock):
                return sock
            hang_up(sock)  # closed by the server, or it sends what nobody asked for

    def give(self, origin: tuple[str, str], sock: socket.socket) -> None:
        """Keep a socket for the next question."""
        surplus: socket.socket | None = None
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            self._idle.move_to_end(origin)
            if len(idle) >= self._per_host or not self._open:
                surplus = sock
            else:
                idle.append(sock)
                self._count += 1
                if self._count > _IDLE_IN_ALL:
                    oldest = next(iter(self._idle))
                    surplus = self._idle[oldest].pop(0)
                    self._count -= 1
                    if not self._idle[oldest]:
                        del self._idle[oldest]
        if surplus is not None:
            hang_up(surplus)

    def close(self) -> None:
        """Close all, and keep none from now on."""
        with self._lock:
            self._open = False
            idle = [sock for socks in self._idle.values() for sock in socks]
            self._idle.clear()
            self._count = 0
        for sock in idle:
            hang_up(sock)


def _readable(sock: socket.socket) -> bool:
    try:
        if hasattr(select, "poll"):
            poll = select.poll()  # select() fails on descriptors above 1023
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def hang_up(sock: socket.socket) -> None:
    """Close it; that it is gone already is no matter."""
    with contextlib.suppress(OSError):
        sock.close()
