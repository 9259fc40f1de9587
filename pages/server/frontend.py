"""Streamlit's own scripts, styles and fonts, each sent in one message.

The first page requests about seventy of them at once. Streamlit's route opens each in a thread and sends it in parts;
the hops between threads also wait for imports that run meanwhile. Here a file is one read and one message.
Only files that lie in Streamlit's folder at the first request are served: no part of the request becomes a path.
"""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.file_util import get_static_dir

_TYPES = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8", ".woff2": b"font/woff2"}
_CONDITIONS = (b"range", b"if-none-match", b"if-modified-since")
_FOR_EVER = b"public, immutable, max-age=31536000"  # file names change with their content


class Frontend:
    """Middleware that answers plain requests for files below `/static/`, and passes everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the file, or pass the request on."""
        path = files().get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if path is None or any(name in _CONDITIONS for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        body = path.read_bytes()
        headers = [
            (b"content-type", _TYPES[path.suffix]),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", _FOR_EVER),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@functools.cache
def files() -> dict[str, Path]:
    """The files of the frontend by their address."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    folder = Path(get_static_dir())
    root = f"/{base}" if base else ""
    return {
        f"{root}/{path.relative_to(folder).as_posix()}": path
        for path in (folder / "static").rglob("*")
        if path.suffix in _TYPES and path.is_file()
    }
