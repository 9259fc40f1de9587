"""The scripts and styles of our own elements, and Plotly's, under addresses that change with their content.

Plotly is its "basic" build (npm's plotly.js-basic-dist-min, unchanged): the map uses only its axes, zoom and lasso, and
a browser takes four times as long to parse the full bundle of the Python package.
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
    """The address of the folder with all scripts and styles, `assets/<hash>/`, relative to the app's root."""
    content = hashlib.sha256()
    for path in _files():
        content.update(path.name.encode() + path.read_bytes())
    return f"assets/{content.hexdigest()[:16]}/"


def plotly_bundle() -> str:
    """The address of Plotly's bundle, relative to the app's root."""
    return f"assets/{PLOTLY.name}"


@functools.cache
def of_the_map() -> tuple[tuple[str, str], ...]:
    """The assets that a page with a map preloads.

    Returns
    -------
    tuple of (address, rel)
        The address relative to the app's root, and the `rel` of its `Link` header.
    """
    scripts = [path.name for path in _files() if path.parent.name in ("clip_map", "elements")]
    modules = [name for name in scripts if name.endswith(".js") and name != "inline.js"]
    return (
        *((f"{folder()}{name}", "modulepreload") for name in modules),
        (f"{folder()}map.css", "preload; as=style"),
        (plotly_bundle(), "preload; as=script"),
    )


@functools.cache
def inline(component: str) -> str:
    """The inline script that mounts the element in folder `component`."""
    return (COMPONENTS / component / "inline.js").read_text()


def find(name: str) -> tuple[Path, str] | None:
    """The file and MIME type of an asset, or None.

    Names are looked up in a table of our own files: no part of the request becomes a path.
    """
    if f"assets/{name}" == plotly_bundle():
        return PLOTLY, TYPES[".js"]
    paths = {f"{folder()}{path.name}": path for path in _files()}
    path = paths.get(f"assets/{name}")
    return (path, TYPES[path.suffix]) if path else None


def _files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.glob("*") if path.suffix in TYPES)
