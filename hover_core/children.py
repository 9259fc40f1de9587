"""One child process of `hover_core.audio.Workers`: how it is started, spoken to over pipes, and found dead.

It gets an empty environment, and what it answers is checked like any other outside data.
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
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hover_core.errors import SoundError

if TYPE_CHECKING:
    from hover_core.audio import DecodeLimits

FRAME = struct.Struct("<II")  # length of the JSON header, length of the buffer
MOST_BUFFER = 1 << 24
GROUP_BYTES = 1 << 20
_MOST_HEADER = 1 << 16
_START_S = 60.0  # for the imports of a child, on a loaded machine


class ChildDied(Exception):
    """The child ended without an answer; `over_limit` when a limit of ours ended it."""

    def __init__(self, message: str, over_limit: bool) -> None:
        super().__init__(message)
        self.over_limit = over_limit


class Child:
    """One child process, owned by one thread at a time (except `kill`)."""

    def __init__(self, limits: DecodeLimits) -> None:
        self.limits = limits
        self.deadline: float | None = time.monotonic() + _START_S
        self.overdue = False
        self.usable = True
        self.taken_at = time.monotonic()
        root = Path(__file__).resolve().parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hover_core.ear"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries write warnings there, in words of the file
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

    def greet(self, limits: DecodeLimits) -> None:
        try:
            self.send([(asdict(limits), b"")])
            self.deadline = time.monotonic() + max(limits.wall_s, _START_S)
            hello, _ = self.receive()
        except ChildDied as death:
            raise SoundError(f"no decoding process can be started: {death}") from death
        if "error" in hello:
            self.usable = False
            raise SoundError(f"no decoding process can be started: {hello['error']}")

    def send(self, messages: Sequence[tuple[dict[str, Any], bytes]]) -> None:
        self.deadline = time.monotonic() + self.limits.wall_s
        small: list[bytes] = []
        # A child that hung up may have said why: `receive` finds that, or its death.
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
        try:
            lengths = self._read(FRAME.size)
            header_length, buffer_length = FRAME.unpack(lengths)
            if header_length > _MOST_HEADER or buffer_length > MOST_BUFFER:
                raise ValueError("too long")
            header = json.loads(self._read(header_length))
            if not isinstance(header, dict):
                raise ValueError("not an answer")
            buffer = self._read(buffer_length)
        except (OSError, EOFError) as error:
            raise self._death() from error
        except ValueError as error:  # whatever speaks there, it is not our program any more
            self.kill()
            raise ChildDied("the decoder's answer cannot be read", over_limit=False) from error
        self.deadline = time.monotonic() + self.limits.wall_s
        if header.get("last"):
            self.usable = False
        return header, buffer

    def kill(self) -> None:
        self.usable = False
        with contextlib.suppress(OSError):
            self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)

    def hang_up(self) -> None:
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
            self.process.wait(timeout=2)  # it may be about to end by itself, with a code that tells why
        self.kill()
        code = self.process.returncode
        if self.overdue:
            return ChildDied(f"not decoded within {self.limits.wall_s:g} s", over_limit=True)
        if code is not None and -code == getattr(signal, "SIGXCPU", None):
            return ChildDied(f"needs more than {self.limits.cpu_s:g} s of computing to decode", over_limit=True)
        if code is not None and code < 0:
            return ChildDied(f"the decoder crashed on it (signal {-code})", over_limit=False)
        return ChildDied(f"the decoder stopped on it (code {code})", over_limit=False)


def _environment(root: Path) -> dict[str, str]:
    """What a child needs to find Python's packages, and none of the secrets that a parent's environment may hold."""
    kept = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMP", "TEMP", "HOVER_MODELS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), *(path for path in sys.path if path)])
    environment["PYTHONUTF8"] = "1"
    # glibc would give every block of 1 MB back to the kernel and fault it in again: a third of the computing time.
    environment |= {"MALLOC_MMAP_THRESHOLD_": "8000000", "MALLOC_TRIM_THRESHOLD_": "32000000"}
    return environment
