"""A new map is rotated, mirrored, scaled and shifted onto the old one, so that people who know the old find their way.

Orthogonal Procrustes: Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31, 1966.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats

_Wide = NDArray[np.float64]  # arithmetic in double precision


@dataclass(frozen=True)
class Alignment:
    """The map `scale * (points - middle) @ turn + target`: it keeps the ratios of all distances.

    Attributes
    ----------
    scale : > 0
    turn : a rotation, or a rotation and a mirror. [shape=(dimension, dimension), float64]
    middle, target : the point `middle` is moved to the point `target`. [shape=(dimension,), float64]
    """

    scale: float
    turn: _Wide
    middle: _Wide
    target: _Wide

    @classmethod
    def of(cls, moved: Floats | _Wide, still: Floats | _Wide) -> Alignment:
        """The alignment that brings `moved` nearest to `still`; row i of both is the same clip. [shape=(n, dimension)]

        The aligned points have the same norm about their mean as `still`. If `still` has fewer dimensions, the missing
        ones count as 0; if it has more, only the first ones count. Fewer than two clips, or clips that all lie in one
        point, are only shifted.

        Examples
        --------
        >>> old = np.array([[0, 0], [0, 2], [2, 2]], np.float32)
        >>> new = np.array([[5, 5], [4, 5], [4, 6]], np.float32)  # rotated and half the size
        >>> bool(np.allclose(Alignment.of(new, old).apply(new), old, atol=1e-6))
        True
        """
        a = np.asarray(moved, np.float64)
        b = np.zeros_like(a)
        shared = min(a.shape[1], still.shape[1])
        b[:, :shared] = still[:, :shared]
        dimension = a.shape[1]
        if not len(a):
            return cls(1.0, np.eye(dimension), np.zeros(dimension), np.zeros(dimension))
        middle, target = a.mean(axis=0), b.mean(axis=0)
        a, b = a - middle, b - target
        size, still_size = np.linalg.norm(a), np.linalg.norm(b)
        tiny = 1e-9 * max(1.0, float(np.abs(target).max()))
        if len(a) < 2 or size <= tiny or still_size <= tiny:
            return cls(1.0, np.eye(dimension), middle, target)
        left_vectors, _, right_vectors = np.linalg.svd(a.T @ b)
        return cls(float(still_size / size), left_vectors @ right_vectors, middle, target)

    @classmethod
    def stretch(cls, scale: float, dimension: int) -> Alignment:
        """Only a stretch by `scale`, about the origin."""
        return cls(scale, np.eye(dimension), np.zeros(dimension), np.zeros(dimension))

    def apply(self, points: Floats) -> Floats:
        """Points of the moved map [shape=(n, dimension)] in coordinates of the still one. [the same shape, float32]"""
        return (self.scale * (points - self.middle) @ self.turn + self.target).astype(np.float32)
