"""Vectorizers and reducers that other packages add by entry points. See docs/extending.md.

A package that is installed on the operator's machine is trusted, like any other code there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

VECTORIZERS: Final = "hover_core.vectorizers"
REDUCERS: Final = "hover_core.reducers"


@dataclass(frozen=True)
class Plugins:
    """The objects of a group of entry points by name, and a sentence for each entry point that cannot be loaded."""

    objects: dict[str, Any]
    problems: tuple[str, ...]


@functools.cache
def plugins(group: str) -> Plugins:
    """The objects of a group of entry points, in the order of their names; an error in one is a problem, not raised."""
    from importlib.metadata import entry_points

    objects: dict[str, Any] = {}
    problems = []
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            objects[point.name] = point.load()
        except Exception as error:  # somebody else's code may raise anything: the page shows it and goes on
            problems.append(f"{point.name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}")
    return Plugins(objects, tuple(problems))
