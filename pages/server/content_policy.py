"""What a page may load, run and connect to: the Content-Security-Policy, with a reason for each loosened word.

Seen to work in Chromium on every page: map, classic map, microphone, upload, downloads, light and dark.
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
    """The policy of an answer at this path that sets none itself."""
    if "/component/" in path:
        # 'unsafe-eval': plotly.js 1.58 of the classic map writes functions for WebGL, in this frame alone
        scripts = f"'self' {_hashes(_plotly_events())} 'unsafe-eval'"
    else:
        # blob: Streamlit makes an address of that kind for the few lines with which an element of ours begins
        scripts = f"'self' {_hashes(Path(get_static_dir()) / 'index.html')} blob:"
    words = {
        "frame-ancestors": origins.frame_ancestors(),
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        # pictures and sound come from us alone: somebody else's words must not make a browser fetch anything
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "script-src": scripts,
        # blob: the microphone's recording, which Streamlit's recorder reads back before it sends it
        "connect-src": "'self' blob:",
    }
    return "; ".join(f"{name} {value}" for name, value in words.items())


@functools.cache
def _hashes(page: Path) -> str:
    """The scripts that stand in a page, by their digests: others that somebody brings into it do not run."""
    if not page.is_file():
        return ""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(page.read_text("utf-8")))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


@functools.cache
def _plotly_events() -> Path:
    """The page of the classic map's package, which has its loader in it; found without importing it."""
    import importlib.util

    spec = importlib.util.find_spec("streamlit_plotly_events")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    return folder / "frontend" / "build" / "index.html"
