"""The scripts and styles of our own elements, and Plotly's bundle, under addresses that change with their content."""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

COMPONENTS = Path(__file__).resolve().parent.parent / "components"
FOLDERS = tuple(
    COMPONENTS / name for name in ("elements", "clip_map", "clip_list", "hands_free", "label_bar", "spectrogram")
)
TYPES = {".js": "text/javascript", ".css": "text/css"}


@functools.cache
def folder() -> str:
    """`assets/<hash>/`, where the scripts and what they import are; relative to the app's root."""
    content = hashlib.sha256()
    for path in _files():
        content.update(path.name.encode() + path.read_bytes())
    return f"assets/{content.hexdigest()[:16]}/"


@functools.cache
def plotly_bundle() -> str:
    """Where Plotly's bundle is; relative to the app's root."""
    return f"assets/plotly-{version('plotly')}.min.js"


@functools.cache
def inline(component: str) -> str:
    """The few lines that mount an element."""
    return (COMPONENTS / component / "inline.js").read_text()


def find(name: str) -> tuple[Path, str] | None:
    """The file and MIME type of an asset, or None. Only names that we know: nothing of the request becomes a path."""
    if f"assets/{name}" == plotly_bundle():
        spec = find_spec("plotly")  # its place without its import
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).parent / "package_data" / "plotly.min.js", TYPES[".js"]
    known = {f"{folder()}{path.name}": path for path in _files()}
    path = known.get(f"assets/{name}")
    return (path, TYPES[path.suffix]) if path else None


def _files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.glob("*") if path.suffix in TYPES)
