"""Code for the child processes of `hover_core.sandbox.pool`: pipes to the parent, and limits set before foreign bytes.

Where the system has no such limits (Windows, and macOS for memory) nothing is set: there the parent's wall clock and
the counting of unpacked bytes take their place.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import time
from typing import Any

from hover_core.sandbox.pool import FRAME


class ParentChannel:
    """Messages from and to the parent. Output that libraries print does not get into them."""

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; its end closes our pipe
        self.source = os.fdopen(os.dup(0), "rb", 1 << 16)
        self.sink = os.fdopen(os.dup(1), "wb", 1 << 16)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)

    def question(self) -> tuple[dict[str, Any], int] | None:
        """The next header and the length [bytes] of the buffer after it; None when the parent has closed the pipe."""
        lengths = self.source.read(FRAME.size)
        if len(lengths) < FRAME.size:
            return None
        header_length, buffer_length = FRAME.unpack(lengths)
        return json.loads(self.source.read(header_length)), buffer_length

    def send(self, header: dict[str, Any], buffer: bytes) -> None:
        """Write a header and a buffer as an answer; `sink.flush` sends it."""
        text = json.dumps(header).encode()
        self.sink.write(FRAME.pack(len(text), len(buffer)) + text)
        self.sink.write(buffer)


def confine(memory_bytes: int) -> None:
    """Limit this process for good: it can write no file and no core, open few files, and allocate `memory_bytes` more.

    The limit on memory is one on address space.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, value in (("CORE", 0), ("FSIZE", 0), ("NOFILE", 32)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (value, value))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory_bytes,) * 2)


def allow_memory(memory_bytes: int) -> None:
    """Allow the address space to grow by `memory_bytes` from now on, within the limit of `confine`."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = _address_space() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def renew_cpu(cpu_s: float) -> None:
    """Allow `cpu_s` seconds of computing from now on."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(time.process_time() + cpu_s)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _address_space() -> int:
    import resource

    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
