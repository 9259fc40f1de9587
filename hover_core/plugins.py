"""What other packages add: vectorizers and reducers, by entry points. See docs/extending.md.

Whoever installs a package on the operator's machine is trusted with it, as with any other code.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

VECTORIZERS: Final = "hover_core.vectorizers"
REDUCERS: Final = "hover_core.reducers"


@dataclass(frozen=True)
class Plugins:
    """What a group of entry points holds: the objects by name, and a sentence for each that cannot be used."""

    objects: dict[str, Any]
    problems: tuple[str, ...]


@functools.cache
def plugins(group: str) -> Plugins:
    """The objects of a group of entry points, in the order of their names."""
    from importlib.metadata import entry_points

    objects: dict[str, Any] = {}
    problems = []
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            objects[point.name] = point.load()
        except Exception as error:  # somebody else's code: whatever it raises, the page says so and goes on
            problems.append(f"{point.name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}")
    return Plugins(objects, tuple(problems))
