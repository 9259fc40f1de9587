"""All vectorizers by name or key: ours, models that the operator names, those of other packages."""

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
        There is none; the message lists those there are. Or it is a model file that cannot be used.
    """
    for vectorizer in (*OURS, FRAMES, *of_packages()[0]):
        if key_or_name in (vectorizer.key, vectorizer.name):
            return vectorizer
    model = onnx.find(key_or_name)
    if model is not None:
        return model
    known = ", ".join(vectorizer.key for vectorizer in available_vectorizers())
    raise Refused(f"there is no vectorizer {key_or_name!r}; there are {known}")


def available_vectorizers() -> tuple[Vectorizer, ...]:
    """All vectorizers that can be chosen: our own, those of other packages, and the operator's model files."""
    return (*OURS, *of_packages()[0], *onnx.available_models()[0])


def problems() -> tuple[str, ...]:
    """A sentence for every model file and every package's vectorizer that cannot be used, and why."""
    return (*of_packages()[1], *onnx.available_models()[1])


@functools.cache
def of_packages() -> tuple[tuple[Vectorizer, ...], tuple[str, ...]]:
    """The vectorizers of other packages, and a sentence for each that cannot be used."""
    found = plugins.plugins(plugins.VECTORIZERS)
    good: list[Vectorizer] = []
    wrong = list(found.problems)
    for name, made in found.objects.items():
        taken = {part for one in (*OURS, *good) for part in (one.name, one.key)}
        if not isinstance(made, Vectorizer):
            wrong.append(f"{name} is a {type(made).__name__}, not a Vectorizer: make one with vectorizers.of_waveform")
        elif {made.name, made.key} & taken:
            wrong.append(f"{name}: the name {made.name} or the key {made.key} is taken already: choose others")
        else:
            good.append(made)
    return tuple(good), tuple(wrong)
