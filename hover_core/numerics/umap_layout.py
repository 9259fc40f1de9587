"""UMAP (McInnes et al. 2018, arXiv:1802.03426) in the few steps that a map needs, compiled once for all processes.

umap-learn compiles itself anew in every process (10 to 16 s), runs on one core where a seed is given, and cannot place
new points on a map whose fitted object is gone. This does the same arithmetic: exact or nearly exact neighbours by
FAISS, the fuzzy graph, and stochastic gradient descent on its edges with negative samples. What is different:

- In an epoch every point moves by the positions that the others had at its beginning, so that points can be moved side
  by side on all cores and the same seed still gives the same map, bit by bit, whatever their number.
- The force between two points is read off a table over the squared distance (128 steps a doubling).
- It starts from the first principal axes.

`place` lays new points among old ones that stay where they are; it needs nothing but their vectors and coordinates.
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

ALONE_UP_TO: Final = 1_500  # points that one core lays out faster than two that wait for each other
_PARTS_A_CORE: Final = 6
_ROWS_A_PART: Final = 2_000
_LOWEST: Final = -24  # exponents of the squared distances in the table: from 2**-24, where points coincide, …
_HIGHEST: Final = 24
_STEPS: Final = 128  # in the table, for each doubling


@dataclass(frozen=True)
class LayoutSettings:
    """Settings of the layout, by the names that umap-learn gives them.

    Parameters
    ----------
    n_neighbors : how many clips around it a clip counts as near, itself among them; 2 or more.
    min_dist, spread : how close points may lie, and at what scale clouds part; 0 ≤ min_dist ≤ spread.
    n_epochs : rounds; by default 500 up to 10,000 points, 200 beyond.
    metric : `euclidean` or `cosine`.
    random_state : the seed.
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
    """For each row, the rows it is drawn to, and how strongly. CSR: `starts` [shape=(n + 1,)], weights in (0, 1]."""

    starts: NDArray[np.int64]
    others: Rows
    weights: Floats


def lay_out(vectors: Floats, start: Floats, plan: LayoutSettings, progress: Progress | None = None) -> Floats:
    """Coordinates of vectors [shape=(n, d), float32] that begin at `start` [shape=(n, dimension)].

    `progress` hears each epoch and may raise to stop it. Needs n ≥ 3. [shape=(n, dimension), float32]
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
    """Where new vectors [shape=(m, d)] lie among old ones [shape=(n, d)], whose `coordinates` do not move.

    Each begins in the middle of its neighbours and is then drawn and pushed by the old points alone, so that it does
    not matter which others come with it; without `move` it stays in the middle. [shape=(m, dimension), float32]
    """
    k = max(1, min(plan.n_neighbors, len(old)))
    others, distances = Neighbours(old, plan.metric).query(new, k)
    weights = _memberships(distances, k, max(0.0, plan.local_connectivity - 1.0), first=0)
    equal = distances[:, 0] <= 1e-6 * distances.mean(axis=1)  # the same sound once more: it lies where that one lies
    weights[equal] = 0
    weights[equal, 0] = 1
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    begin = np.einsum("ik,ikd->id", share, coordinates[others]).astype(np.float32)
    if len(old) < 3 or not move:
        return begin
    weights[equal] = 0
    weights /= np.maximum(weights.max(axis=1, keepdims=True), 1e-12)  # of its own: not of those who come with it
    graph = Graph(np.arange(0, len(new) * k + 1, k, dtype=np.int64), others.ravel(), weights.ravel())
    epochs = max(1, plan.n_epochs // 3) if plan.n_epochs else (100 if len(old) <= 10_000 else 30)
    dice = others[:, 0].astype(np.int64)
    return _descend(begin, coordinates, graph, plan, epochs, plan.learning_rate / 4, None, dice)


def fuzzy_graph(others: Rows, distances: Floats, plan: LayoutSettings) -> Graph:
    """The symmetric graph of rows and their neighbours [shape=(n, k)], each row its own first neighbour."""
    k = others.shape[1]
    weights = _memberships(distances, k, plan.local_connectivity, first=1)
    weights[:, 0] = 0
    weights[others < 0] = 0
    return Graph(*_compiled_loops().symmetric(others, weights, plan.set_op_mix_ratio))


def _memberships(distances: Floats, k: int, local_connectivity: float, *, first: int) -> Floats:
    """How strongly each row belongs to its neighbours [shape=(n, k), 0 to 1]; of them the first `first` is itself."""
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
    """Move points along the edges of a graph to others, which are `fixed`, or themselves.

    `dice` are numbers by which the points draw their random pushes; by default their places.
    """
    if len(begin) != len(graph.starts) - 1:  # the loops below check no bounds
        raise ValueError(f"{len(begin)} points to begin with, {len(graph.starts) - 1} in the graph: as many are needed")
    move = _compiled_loops().move_2d if begin.shape[1] == 2 else _compiled_loops().move
    pull, push = _forces(plan)
    now, then = np.ascontiguousarray(begin), np.empty_like(begin)
    still = None if fixed is None else np.ascontiguousarray(fixed, np.float32)
    often = graph.weights / max(float(graph.weights.max(initial=0)), 1e-12)
    # an edge that moves both its ends is in the graph twice, once for each: each end is drawn twice
    draws = 2 if fixed is None else 1
    bounds, workers = _shares(graph.starts)
    dice = np.arange(len(begin)) if dice is None else dice
    given = dice, graph.starts, graph.others, often, pull, push, draws, plan.negative_sample_rate
    with ThreadPoolExecutor(workers) as pool:
        for epoch in range(epochs):
            if progress is not None:
                progress(epoch, epochs)
            alpha = np.float32(rate * (1 - epoch / epochs))
            against = now if still is None else still
            turn: tuple[Any, ...] = (now, then, against, *given, epoch, alpha, plan.random_state)
            if len(bounds) == 1:
                move(*turn, *bounds[0])
            else:
                for part in [pool.submit(move, *(*turn, *bound)) for bound in bounds]:
                    part.result()
            now, then = then, now
    return now


def _shares(starts: NDArray[np.int64]) -> tuple[list[tuple[int, int]], int]:
    """Rows divided into parts with about as many edges each, and how many are moved side by side.

    Large maps have more parts than cores: who is held up by something else on the machine holds up only a small one.
    """
    n = len(starts) - 1
    cores = 1 if n <= ALONE_UP_TO else max(1, cores_free())
    parts = cores if cores == 1 else cores * max(1, min(_PARTS_A_CORE, n // (_ROWS_A_PART * cores)))
    edges = np.linspace(0, starts[-1], parts + 1)
    at = np.searchsorted(starts, edges[1:-1]).tolist()
    ends = [0, *at, n]
    return [(low, high) for low, high in itertools.pairwise(ends) if high > low] or [(0, n)], cores


def cores_free() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _forces(plan: LayoutSettings) -> tuple[Floats, Floats]:
    """What multiplies the difference of two points that attract, and of two that repel, by their squared distance."""
    a, b = curve(plan.spread, plan.min_dist)
    steps = np.arange((_HIGHEST - _LOWEST) * _STEPS)
    mantissa = 1 + (steps % _STEPS + 0.5) / _STEPS
    squared = mantissa * 2.0 ** (steps // _STEPS + _LOWEST)
    pull = -2 * a * b * squared ** (b - 1) / (a * squared**b + 1)
    push = 2 * plan.repulsion_strength * b / ((0.001 + squared) * (a * squared**b + 1))
    return pull.astype(np.float32), push.astype(np.float32)


@functools.lru_cache(maxsize=32)
def curve(spread: float, min_dist: float) -> tuple[float, float]:
    """The a and b for which 1 / (1 + a x^2b) is nearest to the wanted falling-off, as in umap-learn."""
    if (spread, min_dist) == (1.0, 0.1):
        return 1.576943460405378, 0.8950608781227859  # so that scipy.optimize need not be imported
    from scipy.optimize import curve_fit

    x = np.linspace(0, spread * 3, 300)
    wanted = np.where(x < min_dist, 1.0, np.exp(-(x - min_dist) / spread))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, wanted)
    return float(a), float(b)


@functools.cache
def _compiled_loops() -> Any:
    """The loops; numba is imported, and its cache on disk read, when they are first needed."""
    from hover_core.numerics import umap_kernels

    return umap_kernels
