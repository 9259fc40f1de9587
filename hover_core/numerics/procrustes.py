"""One map turned, mirrored, stretched and shifted so that it lies on another: whoever knew the old one finds the way.

Orthogonal Procrustes: Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31, 1966.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats

_Wide = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """`scale * (points - middle) @ turn + target`, which keeps all distances but for the scale.

    Attributes
    ----------
    scale : > 0
    turn : a rotation, or a rotation and a mirror. [shape=(dimension, dimension)]
    middle, target : what comes to lie where. [shape=(dimension,)]
    """

    scale: float
    turn: _Wide
    middle: _Wide
    target: _Wide

    @classmethod
    def of(cls, moved: Floats | _Wide, still: Floats | _Wide) -> Alignment:
        """The alignment that brings `moved` nearest to `still`: the same clips, row by row. [shape=(n, dimension)]

        Afterwards both are equally large. Where `still` has fewer dimensions, those that it lacks count as 0; where it
        has more, the first ones count. Fewer than two clips, or all in one point, are only shifted.
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
        size, wanted = np.linalg.norm(a), np.linalg.norm(b)
        tiny = 1e-9 * max(1.0, float(np.abs(target).max()))
        if len(a) < 2 or size <= tiny or wanted <= tiny:
            return cls(1.0, np.eye(dimension), middle, target)
        left, _, right = np.linalg.svd(a.T @ b)
        return cls(float(wanted / size), left @ right, middle, target)

    @classmethod
    def stretch(cls, scale: float, dimension: int) -> Alignment:
        """Only a stretch, about 0."""
        return cls(scale, np.eye(dimension), np.zeros(dimension), np.zeros(dimension))

    def apply(self, points: Floats) -> Floats:
        """Points [shape=(n, dimension)] of the moved map where they lie on the still one."""
        return (self.scale * (points - self.middle) @ self.turn + self.target).astype(np.float32)
