"""A pool of child processes that open files from strangers: starts them, talks over pipes, notices when they die.

They decode sound (`hover_core.audio.decoder_pool`) and read tables and vectors (`hover_core.tables.reading`). A child
gets an empty environment and limits of its own (`hover_core.sandbox.confinement`). Its answers are checked like any
other outside data: JSON headers and raw buffers, both bounded, never pickle.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

FRAME = struct.Struct("<II")  # length of the JSON header, length of the buffer
MOST_BUFFER = 1 << 24  # bytes
GROUP_BYTES = 1 << 20  # buffers up to this size are sent in one write with their headers
_MOST_HEADER = 1 << 16  # bytes
_START_S = 60.0  # for the imports of a child, on a busy machine


class ChildDied(Exception):
    """The child ended without an answer.

    Attributes
    ----------
    how : `time` or `computing` if a limit of this module ended it, `signal` or `exit` if it ended otherwise,
        `answer` if its answer cannot be read.
    code : the number of the signal, or the exit code.
    """

    def __init__(self, how: Literal["time", "computing", "signal", "exit", "answer"], code: int | None = None) -> None:
        super().__init__(how if code is None else f"{how} {code}")
        self.how = how
        self.code = code

    @property
    def over_limit(self) -> bool:
        """Whether a limit of this module ended it, so that a second try is useless."""
        return self.how in ("time", "computing")


class NoChild(Exception):
    """No child can be started (the message says why), or the pool is closed."""

    def __init__(self, reason: str, *, closed: bool = False) -> None:
        super().__init__(reason)
        self.closed = closed


class Child:
    """One child process. Only one thread at a time may use it (except `kill`)."""

    def __init__(self, module: str, wall_s: float, most_buffer: int = MOST_BUFFER) -> None:
        self.wall_s = wall_s
        self.deadline: float | None = time.monotonic() + _START_S
        self.overdue = False
        self.usable = True
        self.taken_at = time.monotonic()
        self._most_buffer = most_buffer
        self._renews_deadline = True
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries write warnings there, with text from the file
            bufsize=0,
            cwd=root,
            env=_environment(root),
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in = self.process.stdin.fileno()
        self._out = io.BufferedReader(self.process.stdout, 1 << 16)  # type: ignore[type-var]
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, 1 << 20)  # a whole group without waiting for the child to read

    def greet(self, greeting: Mapping[str, Any]) -> None:
        """Send the first message, and wait until the child is ready.

        Raises
        ------
        NoChild
            The child died, or answered that it cannot work.
        """
        try:
            self.send([(dict(greeting), b"")])
            self.deadline = time.monotonic() + max(self.wall_s, _START_S)
            hello, _ = self.receive()
        except ChildDied as death:
            raise NoChild(str(death)) from death
        if "error" in hello:
            self.usable = False
            raise NoChild(str(hello["error"]))

    def send(self, messages: Sequence[tuple[dict[str, Any], bytes]], *, total_s: float | None = None) -> None:
        """Send headers and buffers. Each message of the answer may take `wall_s`, or all together `total_s` [s]."""
        self._renews_deadline = total_s is None
        self.deadline = time.monotonic() + (self.wall_s if total_s is None else total_s)
        small: list[bytes] = []
        # A child that closed its pipe may have said why before: `receive` finds the reason, or its death.
        with contextlib.suppress(OSError):
            for header, buffer in messages:
                text = json.dumps(header).encode()
                small += (FRAME.pack(len(text), len(buffer)), text)
                if len(buffer) <= GROUP_BYTES:
                    small.append(buffer)
                else:
                    self._write(b"".join(small))
                    self._write(buffer)
                    small = []
            self._write(b"".join(small))

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """One message of the answer.

        Raises
        ------
        ChildDied
            The child ended without an answer, or with one that cannot be read.
        """
        try:
            lengths = self._read(FRAME.size)
            header_length, buffer_length = FRAME.unpack(lengths)
            if header_length > _MOST_HEADER or buffer_length > self._most_buffer:
                raise ValueError("too long")
            header = json.loads(self._read(header_length))
            if not isinstance(header, dict):
                raise ValueError("not an answer")
            buffer = self._read(buffer_length)
        except (OSError, EOFError) as error:
            raise self._death() from error
        except (ValueError, RecursionError) as error:  # the child no longer runs its program
            self.kill()
            raise ChildDied("answer") from error
        if self._renews_deadline:
            self.deadline = time.monotonic() + self.wall_s
        if header.get("last"):
            self.usable = False
        return header, buffer

    def kill(self) -> None:
        """End the process at once; any thread may call this."""
        self.usable = False
        with contextlib.suppress(OSError):
            self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)

    def hang_up(self) -> None:
        """Close the pipes."""
        with contextlib.suppress(OSError):
            self._out.close()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._in, view) :]

    def _read(self, size: int) -> bytes:
        data = self._out.read(size) if size else b""
        if len(data) < size:
            raise EOFError
        return data

    def _death(self) -> ChildDied:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)  # it may be about to end by itself, with a telling exit code
        self.kill()
        code = self.process.returncode
        if self.overdue:
            return ChildDied("time")
        if code is not None and -code == getattr(signal, "SIGXCPU", None):
            return ChildDied("computing")
        if code is not None and code < 0:
            return ChildDied("signal", -code)
        return ChildDied("exit", code)


class Pool:
    """Child processes of one module, started when they are needed and lent to one thread at a time.

    Parameters
    ----------
    module : the program of a child, `python -m module`.
    greeting : the first message to each child.
    most : number of children at a time; `take` waits when all are lent out.
    wall_s : seconds for each message of an answer, see `Child.send`.
    most_buffer : largest buffer of an answer [bytes].
    idle_s : a child without work is ended after so many seconds; None for never.
    """

    def __init__(
        self,
        module: str,
        greeting: Mapping[str, Any],
        *,
        most: int,
        wall_s: float,
        most_buffer: int = MOST_BUFFER,
        idle_s: float | None = None,
    ) -> None:
        self._module = module
        self._greeting = greeting
        self._most = most
        self._wall_s = wall_s
        self._most_buffer = most_buffer
        self._idle_s = idle_s
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._count = 0
        self._starting_s = 0.0
        self._lent_s = 0.0
        self._free = threading.Condition()
        self._closed = False
        self._watch: threading.Thread | None = None

    def take(self) -> Child:
        """A child for this thread, which must `give` it back; blocks until one is free.

        Raises
        ------
        NoChild
            No child can be started, or the pool is closed.
        """
        with self._free:
            while True:
                if self._closed:
                    raise NoChild("it was stopped", closed=True)
                while self._idle:
                    child = self._idle.pop()
                    if child.process.poll() is None:
                        child.taken_at = time.monotonic()
                        return child
                    self._drop(child)
                if self._count < self._most:
                    self._count += 1
                    break
                self._free.wait()
            if self._watch is None:
                self._watch = threading.Thread(target=self._watch_clock, name="hover-child-clock", daemon=True)
                self._watch.start()
        started_at = time.monotonic()
        try:
            child = Child(self._module, self._wall_s, self._most_buffer)
        except BaseException as error:
            with self._free:
                self._count -= 1
                self._free.notify()
            if isinstance(error, OSError):
                raise NoChild(str(error.strerror)) from error
            raise
        with self._free:
            self._all.add(child)
        try:
            child.greet(self._greeting)
        except BaseException:
            child.usable = False
            self.give(child)
            raise
        with self._free:
            self._starting_s += time.monotonic() - started_at
        return child

    def give(self, child: Child) -> None:
        """Return a child to the pool; a child that is not usable any more is ended."""
        with self._free:
            now = time.monotonic()
            self._lent_s += now - child.taken_at
            if child.usable and not self._closed:
                child.deadline = None if self._idle_s is None else now + self._idle_s
                self._idle.append(child)
            else:
                self._drop(child)
            self._free.notify()

    def children(self) -> list[Child]:
        """The living children."""
        with self._free:
            return list(self._all)

    def time_spent(self) -> tuple[float, float]:
        """Seconds that children spent starting, and seconds that they were lent out, summed over all."""
        now = time.monotonic()
        with self._free:
            under_way = sum(now - child.taken_at for child in self._all.difference(self._idle))
            return self._starting_s, self._lent_s + under_way

    def close(self) -> None:
        """End the children; requests under way end with an error."""
        with self._free:
            self._closed = True
            busy = self._all.difference(self._idle)
            for child in self._idle:
                self._drop(child)
            self._idle.clear()
            self._free.notify_all()
        for child in busy:
            child.kill()

    def _drop(self, child: Child) -> None:
        self._count -= 1
        self._all.discard(child)
        child.kill()
        child.hang_up()

    def _watch_clock(self) -> None:
        while True:
            time.sleep(0.1)
            now = time.monotonic()
            with self._free:
                late = [child for child in self._all if child.deadline is not None and child.deadline < now]
                for child in [child for child in self._idle if child in late]:
                    late.remove(child)
                    self._idle.remove(child)
                    self._drop(child)
                if self._closed or not self._count:
                    self._watch = None
                    break
            for child in late:
                child.overdue = True
                child.kill()


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _environment(root: Path) -> dict[str, str]:
    """The environment of a child: enough to find Python's packages, and none of the parent's other variables."""
    names = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMP", "TEMP", "HOVER_MODELS")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), *(path for path in sys.path if path)])
    environment["PYTHONUTF8"] = "1"
    # By default glibc returns each block of 1 MB to the kernel and faults it in again: a third of the computing time.
    environment |= {"MALLOC_MMAP_THRESHOLD_": "8000000", "MALLOC_TRIM_THRESHOLD_": "32000000"}
    # Arrow's own pools reserve address space by the gigabyte, and the limit on memory counts address space.
    environment |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "ARROW_IO_THREADS": "1"}
    return environment
