"""The scripts and styles of our own elements, and Plotly's, under addresses that change with their content.

Plotly comes as its own "basic" build (npm's plotly.js-basic-dist-min, unchanged): the map needs axes, zoom and lasso
of it, and the whole bundle that Python's package has takes a browser four times as long to read.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

COMPONENTS = Path(__file__).resolve().parent.parent / "components"
FOLDERS = tuple(
    COMPONENTS / name
    for name in ("elements", "clip_map", "clip_list", "labelling/review_player", "label_bar", "spectrogram")
)
PLOTLY = COMPONENTS / "clip_map" / "vendor" / "plotly-basic-4.1.1.min.js"
TYPES = {".js": "text/javascript", ".css": "text/css"}


@functools.cache
def folder() -> str:
    """`assets/<hash>/`, where the scripts and what they import are; relative to the app's root."""
    content = hashlib.sha256()
    for path in _files():
        content.update(path.name.encode() + path.read_bytes())
    return f"assets/{content.hexdigest()[:16]}/"


def plotly_bundle() -> str:
    """Where Plotly's bundle is; relative to the app's root."""
    return f"assets/{PLOTLY.name}"


@functools.cache
def of_the_map() -> tuple[tuple[str, str], ...]:
    """What a page with a map needs, with what a browser does with it before it is asked to (`rel` of a link)."""
    scripts = [path.name for path in _files() if path.parent.name in ("clip_map", "elements")]
    modules = [name for name in scripts if name.endswith(".js") and name != "inline.js"]
    return (
        *((f"{folder()}{name}", "modulepreload") for name in modules),
        (f"{folder()}map.css", "preload; as=style"),
        (plotly_bundle(), "preload; as=script"),
    )


@functools.cache
def inline(component: str) -> str:
    """The few lines that mount an element."""
    return (COMPONENTS / component / "inline.js").read_text()


def find(name: str) -> tuple[Path, str] | None:
    """The file and MIME type of an asset, or None. Only names that we know: nothing of the request becomes a path."""
    if f"assets/{name}" == plotly_bundle():
        return PLOTLY, TYPES[".js"]
    known = {f"{folder()}{path.name}": path for path in _files()}
    path = known.get(f"assets/{name}")
    return (path, TYPES[path.suffix]) if path else None


def _files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.glob("*") if path.suffix in TYPES)
