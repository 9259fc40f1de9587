"""UMAP (McInnes et al. 2018, arXiv:1802.03426) in the few steps that a map needs, compiled once for all processes.

umap-learn compiles itself anew in every process (10 to 16 s), runs on one core where a seed is set, and cannot place
new points on a map without its fitted object. This module does the same arithmetic: exact or nearly exact neighbours by
FAISS, the fuzzy graph, and stochastic gradient descent on its edges with negative samples. The differences:

- In an epoch every point moves by the positions that the others had at its beginning, so that all cores move points
  side by side and the same seed still gives the same map, bit by bit, on any number of cores.
- The force between two points comes from a table over the squared distance (128 steps for each doubling).
- It starts from the first principal axes.

`place` adds new points to old ones, which do not move; it needs only their vectors and coordinates.
umap-learn is the reference in the tests.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.errors import Refused
from hover_core.numerics.neighbours import Neighbours, Rows

Progress = Callable[[int, int], None]

ALONE_UP_TO: Final = 1_500  # points that one core lays out faster than two, which would wait for each other
_PARTS_A_CORE: Final = 6  # at most
_ROWS_A_PART: Final = 2_000  # about, at least
_LOWEST: Final = -24  # exponents of the squared distances in the table: from 2**-24, where points coincide, …
_HIGHEST: Final = 24
_STEPS: Final = 128  # in the table, for each doubling


@dataclass(frozen=True)
class LayoutSettings:
    """Settings of the layout; names and defaults are umap-learn's (https://umap-learn.readthedocs.io/en/latest/api.html).

    Parameters
    ----------
    n_neighbors : number of neighbours of a clip, itself included; 2 or more.
    min_dist, spread : least distance of points, and scale of the distances between clouds; 0 ≤ min_dist ≤ spread.
    n_epochs : rounds, 1 or more; by default 500 up to 10,000 points, 200 beyond.
    learning_rate : step of the first epoch, more than 0; it falls to 0.
    negative_sample_rate : random points that push a point, for each that pulls it; 0 or more.
    repulsion_strength : weight of these pushes; 0 or more.
    set_op_mix_ratio : 1 for the union of the neighbourhoods of two points, 0 for their intersection.
    local_connectivity : number of nearest neighbours that belong to a clip with weight 1.
    metric : `euclidean` or `cosine`.
    random_state : the seed.

    Raises
    ------
    Refused
        A setting lies outside its range.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    spread: float = 1.0
    n_epochs: int | None = None
    learning_rate: float = 1.0
    negative_sample_rate: int = 5
    repulsion_strength: float = 1.0
    set_op_mix_ratio: float = 1.0
    local_connectivity: float = 1.0
    metric: str = "euclidean"
    random_state: int = 0

    def __post_init__(self) -> None:
        wrong = ""
        if self.n_neighbors < 2:
            wrong = f"n_neighbors={self.n_neighbors} must be 2 or more"
        elif not 0 <= self.min_dist <= self.spread:
            wrong = f"min_dist={self.min_dist} must lie between 0 and spread={self.spread}"
        elif self.n_epochs is not None and self.n_epochs < 1:
            wrong = f"n_epochs={self.n_epochs} must be 1 or more"
        elif self.learning_rate <= 0:
            wrong = f"learning_rate={self.learning_rate} must be more than 0"
        elif self.negative_sample_rate < 0 or self.repulsion_strength < 0:
            wrong = "negative_sample_rate and repulsion_strength must be 0 or more"
        elif not 0 <= self.set_op_mix_ratio <= 1:
            wrong = f"set_op_mix_ratio={self.set_op_mix_ratio} must lie between 0 and 1"
        elif self.metric not in METRICS:
            wrong = f"metric={self.metric!r} must be one of {', '.join(METRICS)}"
        if wrong:
            raise Refused(wrong)


METRICS: Final = ("euclidean", "cosine")


@dataclass(frozen=True)
class Graph:
    """The weighted edges of each row, in the CSR format of sparse matrices.

    Attributes
    ----------
    starts : where the edges of each row begin [shape=(n + 1,), int64]
    others : the row at the other end of each edge [shape=(edges,), int32]
    weights : the weight of each edge [shape=(edges,), float32, more than 0, at most 1]
    """

    starts: NDArray[np.int64]
    others: Rows
    weights: Floats


def lay_out(vectors: Floats, start: Floats, plan: LayoutSettings, progress: Progress | None = None) -> Floats:
    """Coordinates of vectors on a new map. [shape=(n, dimension), float32]

    Parameters
    ----------
    vectors
        Standardised vectors of at least 3 clips. [shape=(n, d), float32]
    start
        Coordinates to begin with; they are scaled to at most 10. [shape=(n, dimension), float32]
    progress
        Called at each epoch with epochs done and epochs in all; may raise to end the layout.

    Raises
    ------
    ValueError
        `start` has not as many rows as `vectors`.
    """
    k = max(2, min(plan.n_neighbors, len(vectors) - 1))
    others, distances = Neighbours(vectors, plan.metric).of_themselves(k)
    graph = fuzzy_graph(others, distances, plan)
    draw = np.random.default_rng(plan.random_state)
    # the same spread that UMAP gives to its own PCA start, with a little noise so that equal rows can part
    begin = 10 * start / max(float(np.abs(start).max()), 1e-9) + draw.normal(0, 1e-4, start.shape)
    epochs = plan.n_epochs or (500 if len(vectors) <= 10_000 else 200)
    return _descend(begin.astype(np.float32), None, graph, plan, epochs, plan.learning_rate, progress)


def place(old: Floats, coordinates: Floats, new: Floats, plan: LayoutSettings, *, move: bool = True) -> Floats:
    """Coordinates of new vectors on a map whose points do not move. [shape=(m, dimension), float32]

    A new point begins at the weighted mean of its neighbours; old points then pull and push it. New points have no
    effect on each other.

    Parameters
    ----------
    old, coordinates
        Vectors of the map [shape=(n, d), float32] and their coordinates [shape=(n, dimension), float32].
    new
        Vectors to place. [shape=(m, d), float32]
    move
        False leaves each new point at the mean of its neighbours.
    """
    k = max(1, min(plan.n_neighbors, len(old)))
    others, distances = Neighbours(old, plan.metric).query(new, k)
    weights = _memberships(distances, k, max(0.0, plan.local_connectivity - 1.0), first=0)
    equal = distances[:, 0] <= 1e-6 * distances.mean(axis=1)  # the same sound: it gets the old one's coordinates
    weights[equal] = 0
    weights[equal, 0] = 1
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    begin = np.einsum("ik,ikd->id", share, coordinates[others]).astype(np.float32)
    if len(old) < 3 or not move:
        return begin
    weights[equal] = 0
    # each by its own largest weight, so that new points have no effect on each other
    weights /= np.maximum(weights.max(axis=1, keepdims=True), 1e-12)
    graph = Graph(np.arange(0, len(new) * k + 1, k, dtype=np.int64), others.ravel(), weights.ravel())
    epochs = max(1, plan.n_epochs // 3) if plan.n_epochs else (100 if len(old) <= 10_000 else 30)
    dice = others[:, 0].astype(np.int64)
    return _descend(begin, coordinates, graph, plan, epochs, plan.learning_rate / 4, None, dice)


def fuzzy_graph(others: Rows, distances: Floats, plan: LayoutSettings) -> Graph:
    """The symmetric fuzzy graph of rows and their neighbours (section 3.1 of the paper).

    Parameters
    ----------
    others, distances
        The neighbours of each row, itself first, and their distances. [shape=(n, k), int32, float32]
    """
    k = others.shape[1]
    weights = _memberships(distances, k, plan.local_connectivity, first=1)
    weights[:, 0] = 0
    weights[others < 0] = 0
    return Graph(*_compiled_loops().symmetric(others, weights, plan.set_op_mix_ratio))


def _memberships(distances: Floats, k: int, local_connectivity: float, *, first: int) -> Floats:
    """The membership of each row in its neighbours' neighbourhoods. [shape=(n, k), float32, 0 to 1]

    `first` is 1 if the first neighbour is the row itself, else 0.
    """
    mean = float(distances.mean(dtype=np.float64)) if distances.size else 0.0
    weights: Floats = _compiled_loops().memberships(
        np.ascontiguousarray(distances), np.float64(np.log2(k)), float(local_connectivity), mean, first
    )
    return weights


def _descend(
    begin: Floats,
    fixed: Floats | None,
    graph: Graph,
    plan: LayoutSettings,
    epochs: int,
    rate: float,
    progress: Progress | None,
    dice: NDArray[np.int64] | None = None,
) -> Floats:
    """Move points along the edges of a graph, which lead to `fixed` points or, without these, to each other.

    `dice` seeds the random pushes of each point; by default with its row. [shape=(n,), int64]
    """
    if len(begin) != len(graph.starts) - 1:  # the loops below check no bounds
        raise ValueError(f"{len(begin)} starting points for {len(graph.starts) - 1} vectors: give one for each vector")
    move = _compiled_loops().move_2d if begin.shape[1] == 2 else _compiled_loops().move
    pull, push = _forces(plan)
    now, then = np.ascontiguousarray(begin), np.empty_like(begin)
    still = None if fixed is None else np.ascontiguousarray(fixed, np.float32)
    often = graph.weights / max(float(graph.weights.max(initial=0)), 1e-12)
    # umap-learn moves both ends of an edge, and each edge is in the graph twice: each end is pulled twice
    draws = 2 if fixed is None else 1
    bounds, workers = _shares(graph.starts)
    dice = np.arange(len(begin)) if dice is None else dice
    arguments = dice, graph.starts, graph.others, often, pull, push, draws, plan.negative_sample_rate
    with ThreadPoolExecutor(workers) as pool:
        for epoch in range(epochs):
            if progress is not None:
                progress(epoch, epochs)
            alpha = np.float32(rate * (1 - epoch / epochs))
            against = now if still is None else still
            turn: tuple[Any, ...] = (now, then, against, *arguments, epoch, alpha, plan.random_state)
            if len(bounds) == 1:
                move(*turn, *bounds[0])
            else:
                for part in [pool.submit(move, *(*turn, *bounds_of_part)) for bounds_of_part in bounds]:
                    part.result()
            now, then = then, now
    return now


def _shares(starts: NDArray[np.int64]) -> tuple[list[tuple[int, int]], int]:
    """Ranges of rows with about equally many edges, and the number of threads for them.

    Large maps have more ranges than cores: a thread that other work on the machine holds up delays only a small one.
    """
    n = len(starts) - 1
    cores = 1 if n <= ALONE_UP_TO else max(1, cores_free())
    parts = cores if cores == 1 else cores * max(1, min(_PARTS_A_CORE, n // (_ROWS_A_PART * cores)))
    edges = np.linspace(0, starts[-1], parts + 1)
    at = np.searchsorted(starts, edges[1:-1]).tolist()
    ends = [0, *at, n]
    return [(low, high) for low, high in itertools.pairwise(ends) if high > low] or [(0, n)], cores


def cores_free() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _forces(plan: LayoutSettings) -> tuple[Floats, Floats]:
    """Tables of the factors on the difference of two points that attract or repel, over their squared distance."""
    a, b = curve(plan.spread, plan.min_dist)
    steps = np.arange((_HIGHEST - _LOWEST) * _STEPS)
    mantissa = 1 + (steps % _STEPS + 0.5) / _STEPS
    squared = mantissa * 2.0 ** (steps // _STEPS + _LOWEST)
    pull = -2 * a * b * squared ** (b - 1) / (a * squared**b + 1)
    push = 2 * plan.repulsion_strength * b / ((0.001 + squared) * (a * squared**b + 1))
    return pull.astype(np.float32), push.astype(np.float32)


@functools.lru_cache(maxsize=32)
def curve(spread: float, min_dist: float) -> tuple[float, float]:
    """The a and b of the curve 1 / (1 + a x^2b) that fits `min_dist` and `spread`, as umap-learn's `find_ab_params`.

    Examples
    --------
    >>> [round(value, 2) for value in curve(1.0, 0.5)]
    [0.58, 1.33]
    """
    if (spread, min_dist) == (1.0, 0.1):
        return 1.576943460405378, 0.8950608781227859  # so that scipy.optimize need not be imported
    from scipy.optimize import curve_fit

    x = np.linspace(0, spread * 3, 300)
    target = np.where(x < min_dist, 1.0, np.exp(-(x - min_dist) / spread))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, target)
    return float(a), float(b)


@functools.cache
def _compiled_loops() -> Any:
    """The module of compiled loops; its first import loads numba and numba's cache on disk."""
    from hover_core.numerics import umap_kernels

    return umap_kernels
