"""Label sound in bulk: clips become vectors, vectors a map, a lasso on the map a label.

The public names are imported at first use: `import hover_core` loads neither pandas nor SQLAlchemy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; at run time by `__getattr__`
    from hover_core.audio.segmentation import Cut
    from hover_core.dataset import SupervisableAudioDataset
    from hover_core.recipes import simple_annotator
    from hover_core.store.database import Store
    from hover_core.tables.reading.foreign_files import read_table
    from hover_core.vectorizers.base import Vectorizer, of_waveform
    from hover_core.workspace.dataset import Dataset
    from hover_core.workspace.datasets import Datasets

__version__ = "0.1.0"

_HOMES = {
    "Cut": "hover_core.audio.segmentation",
    "Dataset": "hover_core.dataset",
    "Datasets": "hover_core.dataset",
    "Store": "hover_core.store.database",
    "SupervisableAudioDataset": "hover_core.dataset",
    "Vectorizer": "hover_core.vectorizers",
    "of_waveform": "hover_core.vectorizers",
    "read_table": "hover_core.tables.reading.foreign_files",
    "simple_annotator": "hover_core.recipes",
}
__all__ = [
    "Cut",
    "Dataset",
    "Datasets",
    "Store",
    "SupervisableAudioDataset",
    "Vectorizer",
    "of_waveform",
    "read_table",
    "simple_annotator",
]


def __getattr__(name: str) -> Any:
    """The object with a public name, imported now.

    Raises
    ------
    AttributeError
        There is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'hover_core' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """All names, also the public ones that are not imported yet."""
    return sorted({*globals(), *__all__})
