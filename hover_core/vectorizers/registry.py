"""All vectorizers by name or key: built-in ones, the operator's model files, those of other packages."""

from __future__ import annotations

import functools

from hover_core import plugins
from hover_core.errors import Refused
from hover_core.vectorizers import librosa_mfcc, onnx
from hover_core.vectorizers.base import Vectorizer
from hover_core.vectorizers.mfcc import FRAMES, VECTORIZERS

OURS = (*VECTORIZERS, librosa_mfcc.VECTORIZER)


def get(key_or_name: str) -> Vectorizer:
    """The vectorizer of this key or name.

    Raises
    ------
    Refused
        There is none (the message lists all), or it is a model file that cannot be used.

    Examples
    --------
    >>> get("segments").dimensions
    140
    """
    for vectorizer in (*OURS, FRAMES, *of_packages()[0]):
        if key_or_name in (vectorizer.key, vectorizer.name):
            return vectorizer
    model = onnx.find(key_or_name)
    if model is not None:
        return model
    keys = ", ".join(vectorizer.key for vectorizer in available_vectorizers())
    raise Refused(f"there is no vectorizer {key_or_name!r}; there are {keys}")


def available_vectorizers() -> tuple[Vectorizer, ...]:
    """All vectorizers that can be chosen: built-in ones, those of other packages, the operator's model files."""
    return (*OURS, *of_packages()[0], *onnx.available_models()[0])


def problems() -> tuple[str, ...]:
    """One sentence for each model file and each vectorizer of another package that cannot be used."""
    return (*of_packages()[1], *onnx.available_models()[1])


@functools.cache
def of_packages() -> tuple[tuple[Vectorizer, ...], tuple[str, ...]]:
    """The vectorizers of other packages, and one sentence for each that cannot be used."""
    packages = plugins.plugins(plugins.VECTORIZERS)
    good: list[Vectorizer] = []
    wrong = list(packages.problems)
    for name, candidate in packages.objects.items():
        in_use = {part for other in (*OURS, *good) for part in (other.name, other.key)}
        if not isinstance(candidate, Vectorizer):
            wrong.append(
                f"{name} is a {type(candidate).__name__}, not a Vectorizer: make one with vectorizers.of_waveform"
            )
        elif {candidate.name, candidate.key} & in_use:
            wrong.append(
                f"{name}: the name {candidate.name} or the key {candidate.key} is taken already: choose others"
            )
        else:
            good.append(candidate)
    return tuple(good), tuple(wrong)
