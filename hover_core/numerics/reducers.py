"""Vectors → embedding, by reducers that are found by name: UMAP, PCA, umap-learn itself, and those of other packages.

A reducer is fitted on the clips that may shape the map and only *transforms* the others, so that test clips never
influence where anything lies. What was fitted is gone when its process ends; `Reducer.resume` takes up a map from the
vectors and coordinates that are stored, so that clips that come later are placed on it.
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
_fitting = threading.Lock()  # umap-learn: its progress bar and Python's warnings belong to the whole process


@dataclass(frozen=True)
class ReducerKind:
    """What can be chosen as a reducer.

    Attributes
    ----------
    name : for people who type.
    title, good_for : for the page that offers it.
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
    """All reducers that can be chosen: ours, and those of other packages."""
    others = tuple(
        ReducerKind(name, str(getattr(make, "title", name)), str(getattr(make, "good_for", "From another package.")))
        for name, make in _of_packages().items()
        if name != _IVIS.name
    )
    return (*KINDS, *((_IVIS,) if _IVIS.name in _of_packages() else ()), *others)


def problems() -> tuple[str, ...]:
    """A sentence for every package's reducer that cannot be used, and why."""
    found = plugins.plugins(plugins.REDUCERS)
    ours = {kind.name for kind in KINDS}
    taken = [f"{name}: that name is taken already: choose another" for name in found.objects if name in ours]
    bad = [name for name, make in found.objects.items() if not callable(make)]
    wrong = [f"{name} is no function (dimension, **settings)" for name in bad]
    return (*found.problems, *taken, *wrong)


@functools.cache
def _of_packages() -> dict[str, Make]:
    from importlib.util import find_spec

    ours = {kind.name for kind in KINDS}
    found = plugins.plugins(plugins.REDUCERS).objects
    made = {name: make for name, make in found.items() if name not in ours and callable(make)}
    if find_spec("ivis") is not None:
        made.setdefault(_IVIS.name, _ivis)
    return made


def _ivis(dimension: int, **settings: Any) -> Any:
    try:
        from ivis import Ivis
    except Exception as error:  # TensorFlow raises TypeError where numpy is too new
        raise Refused(f"ivis is installed, but cannot be imported: {type(error).__name__}: {error}") from error
    return Ivis(embedding_dims=dimension, **{"verbose": 0, **settings})


class Reducer:
    """A reduction of raw vectors to `dimension` numbers.

    Parameters
    ----------
    name : one of `kinds()`.
    dimension : 2 to 10.
    settings : what the reducer takes. For `umap` the names of `umap_layout.LayoutSettings`; with any other setting that
        umap-learn knows, umap-learn does the work.

    Attributes
    ----------
    embedding_ : coordinates of the clips it was fitted on [shape=(n, dimension), float32]
    model : the fitted object where another package did the work (`umap.UMAP` for umap-learn), else None

    Raises
    ------
    Refused
        Name, dimension or a setting is none of these.
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
        known = set(self.settings) <= ours and self.settings.get("metric", "euclidean") in umap_layout.METRICS
        self._make = _of_packages().get(name)
        self._plan = umap_layout.LayoutSettings(**self.settings) if name == "umap" and known else None
        self._placed_at: tuple[Floats, Floats] | None = None  # standardised vectors, coordinates
        self._alignment: Alignment | None = None
        self._whitening = whitening
        self._scale: Scale
        self._axes: Floats

    def fit(self, vectors: Floats, *, progress: Progress | None = None) -> Reducer:
        """Fit on raw vectors [shape=(n, d), float32]; `progress` hears each epoch and may raise `Cancelled`."""
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
            neighbours = max(2, min(int(self.settings.get("n_neighbors", 15)), len(vectors) - 1))
            self.model = _umap_learn(standard, start, neighbours, self.dimension, self.settings, progress)
            self.embedding_ = np.asarray(self.model.embedding_, np.float32)
        return self

    def resume(self, vectors: Floats, coordinates: Floats, *, scale: float = 1.0) -> Reducer:
        """Take up a map that was fitted on raw vectors [shape=(n, d)], which lie at `coordinates`.

        `scale` is by how much they were stretched after the fit.
        """
        standard = self._standardise(vectors)
        self.embedding_ = coordinates.astype(np.float32)
        if self.name == "pca" or len(vectors) <= max(4, self.dimension + 2):
            self._alignment = Alignment.of((standard @ self._axes).astype(np.float64), coordinates)
        else:
            self._placed_at = standard, (self.embedding_ / np.float32(scale)).astype(np.float32)
            self._alignment = Alignment.stretch(scale, self.dimension)
            shared = _SHARED if self._make is None else ()
            known = {key: value for key, value in self.settings.items() if key in shared}
            self._plan = self._plan or umap_layout.LayoutSettings(**known)
        return self

    def transform(self, vectors: Floats) -> Floats:
        """Place raw vectors [shape=(m, d)] on the map without moving it. [shape=(m, dimension), float32]"""
        if not len(vectors):
            return np.zeros((0, self.dimension), np.float32)
        standard = self._standardised(np.asarray(vectors, np.float32))
        if hasattr(self.model, "transform"):
            placed = self._coordinates(self.model.transform(standard), len(vectors))
        elif self._placed_at is not None:
            # how far apart another package lays its points is not known: no forces there, just the middle
            placed = umap_layout.place(
                *self._placed_at, standard, self._plan or umap_layout.LayoutSettings(), move=self._make is None
            )
        else:
            placed = (standard @ self._axes).astype(np.float32)
        return placed if self._alignment is None else self._alignment.apply(placed)

    def _coordinates(self, given: Any, n: int) -> Floats:
        found = np.asarray(given, np.float32)
        if found.shape != (n, self.dimension) or not np.isfinite(found).all():
            wrong = "with NaN or infinity" if found.shape == (n, self.dimension) else f"of shape {found.shape}"
            raise Refused(f"{self.name} gave coordinates {wrong}: {n} × {self.dimension} finite numbers are wanted")
        return found

    def _standardise(self, vectors: Floats) -> Floats:
        self._scale = Scale.of(vectors, whitening=self._whitening)
        standard = self._standardised(vectors)
        self._axes = principal_axes(standard, self.dimension)
        return standard

    def _standardised(self, vectors: Floats) -> Floats:
        # near is what search calls near, the angle: how far a vector lies from the middle says how loud or how clear a
        # clip is (environmental sounds, 15 nearest on the map: 0.90 of one class with it, 0.85 without)
        standard = self._scale.standardise(vectors)
        return standard if self.name == "pca" else unit(standard)


def _threads(n: int) -> contextlib.AbstractContextManager[Any]:
    """One thread for the algebra of few rows: two that wait for each other take longer, and ten times that on a busy
    machine (PCA of 1,000 vectors: 4 ms, 50 ms with two threads beside a browser and a server)."""
    return contextlib.nullcontext() if n > umap_layout.ALONE_UP_TO else _one_thread()


_limiting = threading.Lock()
_limited = 0  # fits under way that hold the limit
_limits = contextlib.ExitStack()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The algebra of this process on one thread, from the first fit that asks for it to the end of the last.

    OpenMP keeps its number for each thread, numpy's BLAS for the process: if each fit put back the latter as it met it,
    two that overlap would leave one thread for good (threadpoolctl's README, “Known Limitations”: https://github.com/joblib/threadpoolctl#known-limitations).
    """
    global _limited
    from threadpoolctl import threadpool_limits

    with _limiting:
        if not _limited:
            _limits.enter_context(threadpool_limits(1))
        _limited += 1
    try:
        with threadpool_limits(1):  # those numbers that each thread has for itself
            yield
    finally:
        with _limiting:
            _limited -= 1
            if not _limited:
                _limits.close()


_SHARED: Final = ("n_neighbors", "min_dist", "spread", "n_epochs", "random_state")  # of layout.Plan and umap-learn


def principal_axes(standard: Floats, dimension: int) -> Floats:
    """The first principal axes of standardised vectors [shape=(n, d)], signs fixed. [shape=(d, dimension)]"""
    wide = standard - standard.mean(axis=0, dtype=np.float64)
    covariance = wide.T @ wide / max(len(wide), 1)
    _, axes = np.linalg.eigh(covariance)
    axes = axes[:, ::-1][:, :dimension]
    if axes.shape[1] < dimension:
        axes = np.pad(axes, ((0, 0), (0, dimension - axes.shape[1])))
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimension)])
    return (axes * np.where(signs == 0, 1, signs)).astype(np.float32)


def warm() -> None:
    """Fit and place some rows once, so that the first map of this process waits for no import and no compiler.

    Takes a second or two; the first time on a machine, before numba's cache is there, up to ten.
    """
    with _warming:  # who comes second waits, and then has nothing to do
        _warm()


@functools.cache
def _warm() -> None:
    # as many and as long as those of a first map, so that threads and buffers of the algebra are there as well
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
    with _fitting, _epochs(progress), warnings.catch_warnings():
        # it warns that neighbours given to it carry no search index: we hand it one below
        warnings.filterwarnings("ignore", module="umap")
        model.fit(standard)
    if neighbours is not None:
        model._knn_search_index = neighbours
    return model


class _FaissNeighbours(neighbours.Neighbours):
    """Neighbours in the form in which umap-learn asks for them."""

    _angular_trees = False

    def query(self, vectors: Floats, k: int, epsilon: float = 0.0) -> tuple[NDArray[np.int32], Floats]:
        """The `k` nearest rows of others; `epsilon` is UMAP's and means nothing to this search."""
        return super().query(vectors, k)


@contextlib.contextmanager
def _epochs(progress: Progress | None) -> Iterator[None]:
    """Let `progress` hear UMAP's epochs: the bar that it draws is replaced while it runs. Hold `_fitting`.

    UMAP takes no callback (https://github.com/lmcinnes/umap/issues/763, where its author says to patch this place).
    """
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
