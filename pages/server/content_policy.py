"""The Content-Security-Policy: what a page may load, run and connect to, with a reason for each exception.

Tested in Chromium on every page: map, classic map, microphone, upload, downloads, light and dark.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path

from streamlit.file_util import get_static_dir

from pages.server import origins

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_policy(path: str) -> str:
    """The policy for a response at `path` that does not set its own."""
    if "/component/" in path:
        # 'unsafe-eval': plotly.js 1.58 of the classic map writes functions for WebGL, in this frame alone
        scripts = f"'self' {_hashes(_plotly_events())} 'unsafe-eval'"
    else:
        # blob: Streamlit serves the inline script of each of our elements from a blob address
        scripts = f"'self' {_hashes(Path(get_static_dir()) / 'index.html')} blob:"
    directives = {
        "frame-ancestors": origins.frame_ancestors(),
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        # pictures and sound come from this server only: text from outside must not make a browser fetch anything
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "script-src": scripts,
        # blob: the microphone's recording, which Streamlit's recorder reads back before it sends it
        "connect-src": "'self' blob:",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


@functools.cache
def _hashes(page: Path) -> str:
    """The digests of the inline scripts in a page, as CSP sources: an injected script does not run."""
    if not page.is_file():
        return ""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(page.read_text("utf-8")))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


@functools.cache
def _plotly_events() -> Path:
    """The HTML page of the classic map's package, with its inline loader. Located without importing the package."""
    import importlib.util

    spec = importlib.util.find_spec("streamlit_plotly_events")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    return folder / "frontend" / "build" / "index.html"
