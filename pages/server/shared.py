"""What all sessions of this process share."""

import functools

from hover_core.dataset import Datasets


@functools.cache
def datasets() -> Datasets:
    """The datasets of the store that the operator chose."""
    return Datasets()
