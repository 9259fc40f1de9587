"""Vectorizers, from sound to vector: built-in ones, ONNX models, those of other packages."""

from hover_core.vectorizers.base import Vectorizer, of_waveform

__all__ = ["Vectorizer", "of_waveform"]
