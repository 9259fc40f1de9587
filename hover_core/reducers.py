"""Vectors → embedding: UMAP (McInnes et al. 2018, arXiv:1802.03426) and PCA.

UMAP is handed exact neighbours found by FAISS and starts from PCA. It is fitted on the clips that may shape the map and
only *transforms* the others, so that test clips never influence where anything lies.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.errors import Refused
from hover_core.scale import Scale

REDUCERS: Final = ("umap", "pca")
SEED: Final = 0
Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]  # epochs done, epochs in all


class Cancelled(Exception):
    """Raised by a progress callback to stop a fit."""


class Reducer:
    """A fitted reduction of raw vectors to `dimension` numbers.

    Attributes
    ----------
    embedding_ : coordinates of the clips it was fitted on [shape=(n, dimension), float32]
    model : the fitted `umap.UMAP`, or None for PCA
    """

    def __init__(self, name: str, dimension: int, settings: Mapping[str, Any]) -> None:
        if name not in REDUCERS:
            raise Refused(
                f"“{name}” is no reducer: use one of {', '.join(REDUCERS)} (ivis needs TensorFlow and is not offered)"
            )
        if not 2 <= dimension <= 10:
            raise Refused(f"dimension={dimension} must be between 2 and 10")
        self.name = name
        self.dimension = dimension
        self.settings = dict(settings)
        self.model: Any = None
        self.embedding_: Floats = np.zeros((0, dimension), np.float32)
        self._scale: Scale
        self._axes: Floats

    def fit(self, vectors: Floats, *, progress: Progress | None = None) -> Reducer:
        """Fit on raw vectors [shape=(n, d), float32]; `progress` hears each epoch and may raise `Cancelled`."""
        self._scale = Scale.of(vectors)
        standard = self._scale.standardise(vectors)
        self._axes = principal_axes(standard, self.dimension)
        start = standard @ self._axes
        neighbours = int(self.settings.get("n_neighbors", 15))
        # below this UMAP has too few neighbours to speak of, and its own code fails on the smallest tables
        if self.name == "pca" or len(vectors) <= max(4, self.dimension + 2):
            self.embedding_ = start.astype(np.float32)
            return self
        neighbours = max(2, min(neighbours, len(vectors) - 1))
        self.model = _umap(standard, start, neighbours, self.dimension, self.settings, progress)
        self.embedding_ = np.asarray(self.model.embedding_, np.float32)
        return self

    def transform(self, vectors: Floats) -> Floats:
        """Place raw vectors [shape=(m, d)] on the map without moving it. [shape=(m, dimension), float32]"""
        if not len(vectors):
            return np.zeros((0, self.dimension), np.float32)
        standard = self._scale.standardise(np.asarray(vectors, np.float32))
        if self.model is None:
            return (standard @ self._axes).astype(np.float32)
        return np.asarray(self.model.transform(standard), np.float32)


def principal_axes(standard: Floats, dimension: int) -> Floats:
    """The first principal axes of standardised vectors [shape=(n, d)], signs fixed. [shape=(d, dimension)]"""
    wide = standard.astype(np.float64)
    covariance = wide.T @ wide / max(len(wide), 1)  # their mean is 0
    _, axes = np.linalg.eigh(covariance)
    axes = axes[:, ::-1][:, :dimension]
    if axes.shape[1] < dimension:
        axes = np.pad(axes, ((0, 0), (0, dimension - axes.shape[1])))
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimension)])
    return (axes * np.where(signs == 0, 1, signs)).astype(np.float32)


@functools.cache
def warm() -> None:
    """Import UMAP and fit it once on a few rows, so that the first fit of this process need not wait for its compiler.

    Takes 10 to 20 s of one core; numba's cache on disk does not help UMAP.
    """
    rows = np.random.default_rng(SEED).normal(size=(64, 8)).astype(np.float32)
    fitted = Reducer("umap", 2, {"n_epochs": 2}).fit(rows, progress=lambda done, total: None)
    fitted.transform(rows[:5] + np.float32(0.1))


def _umap(
    standard: Floats,
    start: Floats,
    n_neighbors: int,
    dimension: int,
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> Any:
    import umap

    options = {"random_state": SEED, "n_jobs": 1, "metric": "euclidean", **settings, "n_neighbors": n_neighbors}
    known = set(umap.UMAP().get_params())
    unknown = sorted(set(options) - known)
    if unknown:
        raise Refused(f"UMAP does not know {', '.join(unknown)}: see its documentation for what it takes")
    options["n_components"] = dimension
    neighbours = None
    if options["metric"] == "euclidean" and "precomputed_knn" not in settings:
        neighbours = _FaissNeighbours(standard)
        indices, distances = neighbours.of_themselves(n_neighbors)
        options["precomputed_knn"] = (indices, distances)
    if "init" not in settings:
        # the same spread that UMAP gives to its own PCA start, with a little noise so that equal rows can part
        spread = 10 * start / max(float(np.abs(start).max()), 1e-9)
        options["init"] = (spread + np.random.default_rng(SEED).normal(0, 1e-4, start.shape)).astype(np.float32)
    model = umap.UMAP(**options)
    import warnings

    with _epochs(progress), warnings.catch_warnings():
        # it warns that neighbours given to it carry no search index: we hand it one below
        warnings.filterwarnings("ignore", module="umap")
        model.fit(standard)
    if neighbours is not None:
        model._knn_search_index = neighbours
    return model


class _FaissNeighbours:
    """Exact Euclidean neighbours in the two forms that UMAP asks for."""

    _angular_trees = False

    def __init__(self, vectors: Floats) -> None:
        import faiss

        self._index = faiss.IndexFlatL2(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors))

    def of_themselves(self, k: int) -> tuple[NDArray[np.int32], Floats]:
        """Each row's `k` nearest rows, itself first, and their distances."""
        vectors = self._index.reconstruct_n(0, self._index.ntotal)
        return self.query(vectors, k)

    def query(self, vectors: Floats, k: int, epsilon: float = 0.0) -> tuple[NDArray[np.int32], Floats]:
        """The `k` nearest rows of others; `epsilon` is UMAP's and means nothing to an exact search."""
        squared, rows = self._index.search(np.ascontiguousarray(vectors, np.float32), k)
        return rows.astype(np.int32), np.sqrt(np.maximum(squared, 0)).astype(np.float32)


@contextlib.contextmanager
def _epochs(progress: Progress | None) -> Iterator[None]:
    """Let `progress` hear UMAP's epochs: the bar that it draws is replaced while it runs."""
    if progress is None:
        yield
        return
    import umap.layouts

    drawn = umap.layouts.tqdm

    def listened(epochs: Any, **_: Any) -> Iterator[int]:
        total = len(epochs)
        for epoch in epochs:
            progress(int(epoch), total)
            yield epoch

    umap.layouts.tqdm = listened
    try:
        yield
    finally:
        umap.layouts.tqdm = drawn
