"""Vectors → embedding, by reducers that have names: UMAP, PCA, umap-learn, and reducers of other packages.

A reducer is fitted on the clips that may shape the map and only *transforms* the others, so that test clips never
influence where anything lies. A fitted reducer ends with its process; `Reducer.resume` rebuilds one from the stored
vectors and coordinates, so that later clips can be placed on the map.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core import plugins
from hover_core.data.arrays import Floats
from hover_core.errors import Refused
from hover_core.numerics import neighbours, umap_layout
from hover_core.numerics.procrustes import Alignment
from hover_core.numerics.standardize import WHITENING, Scale, unit

SEED: Final = 0
MOST_DIMENSIONS: Final = 10
Progress = Callable[[int, int], None]  # epochs done, epochs in all


_warming = threading.Lock()
_fitting = threading.Lock()  # of umap-learn: its progress bar and Python's warnings belong to the whole process


@dataclass(frozen=True)
class ReducerKind:
    """A reducer that can be chosen.

    Attributes
    ----------
    name : its name in code.
    title, good_for : its name and purpose on pages.
    """

    name: str
    title: str
    good_for: str


KINDS: Final = (
    ReducerKind("umap", "UMAP", "Keeps clouds together: what to label on."),
    ReducerKind("pca", "PCA", "A quick look; large distances mean something, clouds overlap."),
    ReducerKind("umap-learn", "umap-learn", "The reference implementation of UMAP, slower; takes all of its settings."),
)
_IVIS: Final = ReducerKind("ivis", "ivis", "A siamese neural network (Szubert et al. 2019); takes minutes.")
_NO_IVIS: Final = (
    "ivis is not installed here. Its last release (2.0.11) wants TensorFlow below 2.16, which needs numpy 1; this app "
    "needs numpy 2, and with that TensorFlow cannot be imported (tried on Python 3.11). Use umap, or compute "
    "coordinates with ivis in an environment of its own and bring them as vectors"
)
Make = Callable[..., Any]  # (dimension, **settings) → an object with fit_transform(X) and perhaps transform(X)


def kinds() -> tuple[ReducerKind, ...]:
    """All reducers that can be chosen: `KINDS`, and those of other packages."""
    others = tuple(
        ReducerKind(name, str(getattr(make, "title", name)), str(getattr(make, "good_for", "From another package.")))
        for name, make in _of_packages().items()
        if name != _IVIS.name
    )
    return (*KINDS, *((_IVIS,) if _IVIS.name in _of_packages() else ()), *others)


def problems() -> tuple[str, ...]:
    """One sentence for each reducer of another package that cannot be used: its name and the reason."""
    packages = plugins.plugins(plugins.REDUCERS)
    ours = {kind.name for kind in KINDS}
    in_use = [f"{name}: that name is taken already: choose another" for name in packages.objects if name in ours]
    bad = [name for name, make in packages.objects.items() if not callable(make)]
    wrong = [f"{name} is no function (dimension, **settings)" for name in bad]
    return (*packages.problems, *in_use, *wrong)


@functools.cache
def _of_packages() -> dict[str, Make]:
    from importlib.util import find_spec

    ours = {kind.name for kind in KINDS}
    packages = plugins.plugins(plugins.REDUCERS).objects
    reducers = {name: make for name, make in packages.items() if name not in ours and callable(make)}
    if find_spec("ivis") is not None:
        reducers.setdefault(_IVIS.name, _ivis)
    return reducers


def _ivis(dimension: int, **settings: Any) -> Any:
    try:
        from ivis import Ivis
    except Exception as error:  # TensorFlow raises TypeError where numpy is too new
        raise Refused(f"ivis is installed, but cannot be imported: {type(error).__name__}: {error}") from error
    return Ivis(embedding_dims=dimension, **{"verbose": 0, **settings})


class Reducer:
    """A reduction of raw vectors to `dimension` numbers each.

    Parameters
    ----------
    name : the name of one of `kinds()`.
    dimension : 2 to 10.
    settings : settings of the reducer. For `umap` the fields of `umap_layout.LayoutSettings`; any other setting of
        umap-learn makes umap-learn compute the map.
    whitening : as in `standardize.Scale.of`.

    Attributes
    ----------
    embedding_ : coordinates of the clips that it was fitted on [shape=(n, dimension), float32]
    model : the fitted object of another package (`umap.UMAP` for umap-learn), else None

    Raises
    ------
    Refused
        There is no reducer of this name, the dimension is out of range, or `umap` does not accept a setting.

    Examples
    --------
    >>> vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    >>> reducer = Reducer("pca", 2, {}).fit(vectors[:40])
    >>> reducer.embedding_.shape, reducer.transform(vectors[40:]).shape
    ((40, 2), (10, 2))
    """

    def __init__(self, name: str, dimension: int, settings: Mapping[str, Any], *, whitening: float = WHITENING) -> None:
        names = [kind.name for kind in kinds()]
        if name not in names:
            raise Refused(_NO_IVIS if name == _IVIS.name else f"“{name}” is no reducer: use one of {', '.join(names)}")
        if not 2 <= dimension <= MOST_DIMENSIONS:
            raise Refused(f"dimension={dimension} must be between 2 and {MOST_DIMENSIONS}")
        self.name = name
        self.dimension = dimension
        self.settings = dict(settings)
        self.model: Any = None
        self.embedding_: Floats = np.zeros((0, dimension), np.float32)
        ours = {field.name for field in fields(umap_layout.LayoutSettings)}
        is_ours = set(self.settings) <= ours and self.settings.get("metric", "euclidean") in umap_layout.METRICS
        self._make = _of_packages().get(name)
        self._plan = umap_layout.LayoutSettings(**self.settings) if name == "umap" and is_ours else None
        self._placed_at: tuple[Floats, Floats] | None = None  # standardised vectors, coordinates
        self._alignment: Alignment | None = None
        self._whitening = whitening
        self._scale: Scale
        self._axes: Floats

    def fit(self, vectors: Floats, *, progress: Progress | None = None) -> Reducer:
        """Fit on raw vectors [shape=(n, d), float32]; returns this reducer.

        `progress` is called at each epoch and may raise `Cancelled`, which ends the fit.

        Raises
        ------
        Refused
            umap-learn does not know a setting, or a reducer of another package returned no usable coordinates.
        """
        with _threads(len(vectors)):
            return self._fit(vectors, progress)

    def _fit(self, vectors: Floats, progress: Progress | None) -> Reducer:
        standard = self._standardise(vectors)
        start = standard @ self._axes
        # below this there are too few neighbours to speak of, and umap-learn fails on the smallest tables
        if self.name == "pca" or len(vectors) <= max(4, self.dimension + 2):
            self.embedding_ = start.astype(np.float32)
        elif self._plan is not None:
            self.embedding_ = umap_layout.lay_out(standard, start, self._plan, progress)
            self._placed_at = standard, self.embedding_
        elif self._make is not None:
            self.model = self._make(self.dimension, **self.settings)
            self.embedding_ = self._coordinates(self.model.fit_transform(standard), len(vectors))
            self._placed_at = standard, self.embedding_
        else:
            n_neighbors = max(2, min(int(self.settings.get("n_neighbors", 15)), len(vectors) - 1))
            self.model = _umap_learn(standard, start, n_neighbors, self.dimension, self.settings, progress)
            self.embedding_ = np.asarray(self.model.embedding_, np.float32)
        return self

    def resume(self, vectors: Floats, coordinates: Floats, *, scale: float = 1.0) -> Reducer:
        """Rebuild the reducer of a stored map, so that `transform` can place clips on it; returns this reducer.

        Parameters
        ----------
        vectors
            The raw vectors that the map was fitted on. [shape=(n, d), float32]
        coordinates
            Their coordinates on the map. [shape=(n, dimension), float32]
        scale
            The factor by which the coordinates were multiplied after the fit.
        """
        standard = self._standardise(vectors)
        self.embedding_ = coordinates.astype(np.float32)
        if self.name == "pca" or len(vectors) <= max(4, self.dimension + 2):
            self._alignment = Alignment.of((standard @ self._axes).astype(np.float64), coordinates)
        else:
            self._placed_at = standard, (self.embedding_ / np.float32(scale)).astype(np.float32)
            self._alignment = Alignment.stretch(scale, self.dimension)
            shared = _SHARED if self._make is None else ()
            settings = {key: value for key, value in self.settings.items() if key in shared}
            self._plan = self._plan or umap_layout.LayoutSettings(**settings)
        return self

    def transform(self, vectors: Floats) -> Floats:
        """Coordinates of raw vectors [shape=(m, d)] on the map, which does not change. [shape=(m, dimension), float32]

        Raises
        ------
        Refused
            A reducer of another package returned no usable coordinates.
        """
        if not len(vectors):
            return np.zeros((0, self.dimension), np.float32)
        standard = self._standardised(np.asarray(vectors, np.float32))
        if hasattr(self.model, "transform"):
            coordinates = self._coordinates(self.model.transform(standard), len(vectors))
        elif self._placed_at is not None:
            # the distances that another package keeps between points are unknown: no forces, only the mean
            coordinates = umap_layout.place(
                *self._placed_at, standard, self._plan or umap_layout.LayoutSettings(), move=self._make is None
            )
        else:
            coordinates = (standard @ self._axes).astype(np.float32)
        return coordinates if self._alignment is None else self._alignment.apply(coordinates)

    def _coordinates(self, answer: Any, n: int) -> Floats:
        coordinates = np.asarray(answer, np.float32)
        shape = coordinates.shape
        if shape != (n, self.dimension) or not np.isfinite(coordinates).all():
            wrong = "with NaN or infinity" if shape == (n, self.dimension) else f"of shape {shape}"
            raise Refused(f"{self.name} gave coordinates {wrong}: {n} × {self.dimension} finite numbers are needed")
        return coordinates

    def _standardise(self, vectors: Floats) -> Floats:
        self._scale = Scale.of(vectors, whitening=self._whitening)
        standard = self._standardised(vectors)
        self._axes = principal_axes(standard, self.dimension)
        return standard

    def _standardised(self, vectors: Floats) -> Floats:
        # The map uses the same nearness as search, the angle: the length of a vector says how loud or how clear a clip
        # is (environmental sounds, 15 nearest on the map: 0.90 of one class with unit length, 0.85 without).
        standard = self._scale.standardise(vectors)
        return standard if self.name == "pca" else unit(standard)


def _threads(n: int) -> contextlib.AbstractContextManager[Any]:
    """One thread for the algebra of few rows: two wait for each other, most of all on a busy machine.

    *Measured* for PCA of 1,000 vectors: 4 ms; with two threads beside a browser and a server 50 ms.
    """
    return contextlib.nullcontext() if n > umap_layout.ALONE_UP_TO else _one_thread()


_limiting = threading.Lock()
_limit_holders = 0  # fits under way that hold the limit
_limits = contextlib.ExitStack()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Run the algebra of this process on one thread, from the start of the first fit to the end of the last.

    OpenMP keeps its number of threads for each thread, numpy's BLAS for the process: if each fit restored the number
    for BLAS that it met, two overlapping fits could leave it at one thread for good (threadpoolctl's README, “Known
    Limitations”: https://github.com/joblib/threadpoolctl#known-limitations).
    """
    global _limit_holders
    from threadpoolctl import threadpool_limits

    with _limiting:
        if not _limit_holders:
            _limits.enter_context(threadpool_limits(1))
        _limit_holders += 1
    try:
        with threadpool_limits(1):  # the numbers that belong to this thread alone
            yield
    finally:
        with _limiting:
            _limit_holders -= 1
            if not _limit_holders:
                _limits.close()


_SHARED: Final = ("n_neighbors", "min_dist", "spread", "n_epochs", "random_state")  # of LayoutSettings and umap-learn


def principal_axes(standard: Floats, dimension: int) -> Floats:
    """The first principal axes of standardised vectors [shape=(n, d), float32]. [shape=(d, dimension), float32]

    The largest entry of each axis is positive; axes beyond the d-th are 0.

    Examples
    --------
    >>> principal_axes(np.array([[-2, 0], [0, 0], [2, 0]], np.float32), 1).ravel().tolist()
    [1.0, 0.0]
    """
    wide = standard - standard.mean(axis=0, dtype=np.float64)
    covariance = wide.T @ wide / max(len(wide), 1)
    _, axes = np.linalg.eigh(covariance)
    axes = axes[:, ::-1][:, :dimension]
    if axes.shape[1] < dimension:
        axes = np.pad(axes, ((0, 0), (0, dimension - axes.shape[1])))
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimension)])
    return (axes * np.where(signs == 0, 1, signs)).astype(np.float32)


def warm() -> None:
    """Fit and transform some rows once, so that the first map of this process waits for no import and no compiler.

    It takes a second or two, and up to ten the first time on a machine, when numba's cache is empty.
    """
    with _warming:  # a second call waits for the first, and then has nothing to do
        _warm()


@functools.cache
def _warm() -> None:
    # as many and as long as those of a small map, so that the algebra starts its threads and buffers too
    rows = np.random.default_rng(SEED).normal(size=(1_000, 140)).astype(np.float32)
    fitted = Reducer("umap", 2, {"n_epochs": 2}).fit(rows, progress=lambda done, total: None)
    fitted.transform(rows[:5] + np.float32(0.1))


def _umap_learn(
    standard: Floats,
    start: Floats,
    n_neighbors: int,
    dimension: int,
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> Any:
    import warnings

    import umap

    options = {"random_state": SEED, "n_jobs": 1, "metric": "euclidean", **settings, "n_neighbors": n_neighbors}
    parameters = set(umap.UMAP().get_params())
    unknown = sorted(set(options) - parameters)
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
    with _fitting, _epochs(progress), warnings.catch_warnings():
        # it warns that precomputed neighbours carry no search index: it gets one below
        warnings.filterwarnings("ignore", module="umap")
        model.fit(standard)
    if neighbours is not None:
        model._knn_search_index = neighbours
    return model


class _FaissNeighbours(neighbours.Neighbours):
    """Neighbours with the interface that umap-learn expects of a search index."""

    _angular_trees = False

    def query(self, vectors: Floats, k: int, epsilon: float = 0.0) -> tuple[NDArray[np.int32], Floats]:
        """As `Neighbours.query`; `epsilon` belongs to umap-learn's interface and has no effect here."""
        return super().query(vectors, k)


@contextlib.contextmanager
def _epochs(progress: Progress | None) -> Iterator[None]:
    """Call `progress` at each epoch of umap-learn: its progress bar is replaced meanwhile. Call with `_fitting` held.

    UMAP takes no callback (https://github.com/lmcinnes/umap/issues/763, where its author says to patch this place).
    """
    if progress is None:
        yield
        return
    import umap.layouts

    original = umap.layouts.tqdm

    def reporting(epochs: Any, **_: Any) -> Iterator[int]:
        total = len(epochs)
        for epoch in epochs:
            progress(int(epoch), total)
            yield epoch

    umap.layouts.tqdm = reporting
    try:
        yield
    finally:
        umap.layouts.tqdm = original
