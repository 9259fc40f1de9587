"""What the app changes in the process that it runs in, beyond its own objects: each with what would make it needless.

All of it happens under one lock: two apps in one process (as in tests) must not take turns at it.
"""

import contextlib
import gc
import socket
import sys
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_QUICK_SWITCH_S = 0.0005  # a tenth of Python's own


def send_without_delay() -> None:
    """Send answers without waiting for the acknowledgement of earlier ones (Nagle's algorithm: up to 40 ms each).

    To report to Streamlit: its server opens the listening socket by `socket.socket(family, SOCK_STREAM)`, without
    `IPPROTO_TCP`. asyncio sets TCP_NODELAY only on sockets whose `proto` is IPPROTO_TCP (`_set_nodelay`), so no
    connection gets it. With `proto=IPPROTO_TCP` there this function can go. Connections inherit the option from the
    listening socket, and no app is given that socket, so it is looked for among the objects of the process.
    """
    with _lock:
        for listening in _instances(socket.socket):
            if listening.type == socket.SOCK_STREAM and listening.family in _INTERNET:
                with contextlib.suppress(OSError):  # closed meanwhile
                    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def limit_websocket_frames(most_bytes: int) -> None:
    """Have the server refuse a websocket frame above `most_bytes` by its length, before any of it is kept.

    To report to Streamlit: it gives `server.maxMessageSize` (200 MB) to uvicorn as the limit of what the server
    *receives*, though the option is documented as the limit of what the app sends; `server.maxWidgetStateSize` is
    compared only after a frame was read into memory. An option for received frames would make this needless. The
    configuration of uvicorn exists before the app is imported and is handed to nobody, so it is looked for.
    """
    from uvicorn import Config

    with _lock:
        for config in _instances(Config):
            config.ws_max_size = min(config.ws_max_size, most_bytes)


@contextlib.contextmanager
def others_first() -> Iterator[None]:
    """While this thread imports what comes next, let threads that answer a browser have the interpreter sooner.

    Python hands its lock over every 5 ms only, so a server thread that waits for network and lock in turn is slowed
    down many times (https://github.com/python/cpython/issues/52194). Garbage collection pauses too: nothing of what
    is imported is garbage, and what stays is frozen, so that Streamlit's collection after each run skips it.
    """
    with _lock:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_QUICK_SWITCH_S)
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
            sys.setswitchinterval(usual)
        gc.freeze()


def _instances(of: type[T]) -> list[T]:
    return [instance for instance in gc.get_objects() if type(instance) is of]
