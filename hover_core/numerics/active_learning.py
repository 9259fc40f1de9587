"""Choices of the clips to listen to first, so that a few annotations teach a classifier most.

`medoids` needs nothing but vectors: the most typical clip of each cluster. `least_sure` needs a model: clips between
two labels. On spoken digits a hundred medoids teach a classifier as much as several hundred clips drawn at random
(`python -m tests.benchmarks Q2`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.numerics import neighbours

Rows = NDArray[np.int64]
_SAMPLE: Final = 50_000  # rows at most that k-means looks at
_ROUNDS: Final = 25  # of k-means at most


def medoids(vectors: Floats, k: int, *, seed: int = 0) -> Rows:
    """The rows nearest to the centres of `k` clusters, largest clusters first. [shape=(min(k, n),), int64]

    The clusters are those of k-means from a k-means++ start: Arthur, Vassilvitskii. SODA 2007.

    Parameters
    ----------
    vectors
        Standardised vectors (`standardize.Scale.standardise`). [shape=(n, d), float32]
    k
        Number of clusters, at least 1.
    seed
        The same seed gives the same rows.

    Raises
    ------
    ValueError
        `k` is less than 1.

    Examples
    --------
    >>> vectors = np.array([[0, 0], [0, 1], [0, 2], [9, 9]], np.float32)
    >>> medoids(vectors, 2).tolist()
    [1, 3]
    """
    if k < 1:
        raise ValueError(f"k={k} must be at least 1")
    n = len(vectors)
    if k >= n:
        return np.arange(n)
    from sklearn.cluster import KMeans

    draw = np.random.default_rng(seed)
    sample = np.sort(draw.permutation(n)[: max(_SAMPLE, k)])
    clusters = KMeans(k, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(vectors[sample])
    centres = clusters.cluster_centers_.astype(np.float32)
    order = np.argsort(-np.bincount(clusters.labels_, minlength=k), kind="stable")
    # several candidates each: two centres may have the same nearest clip
    near, _ = neighbours.nearest(centres[order], vectors, min(8, n), "distance")
    medoid_rows: dict[int, None] = {}
    for candidates in near:
        free = [int(row) for row in candidates if int(row) not in medoid_rows]
        if free:
            medoid_rows[free[0]] = None
    rest = (int(row) for row in draw.permutation(n) if int(row) not in medoid_rows)
    while len(medoid_rows) < k:
        medoid_rows[next(rest)] = None
    return np.array(list(medoid_rows), np.int64)


def least_sure(probabilities: NDArray[np.float64], k: int, *, leave_out: Rows | None = None) -> Rows:
    """The `k` rows whose two likeliest labels have the closest probabilities, the least sure first.

    This is margin sampling: Scheffer, Decomain, Wrobel. Active hidden Markov models for information extraction. IDA
    2001.

    Parameters
    ----------
    probabilities
        One row for each clip, one column for each label. [shape=(n, labels), float64, 0 to 1]
    k
        Number of rows; fewer are returned where fewer are left.
    leave_out
        Rows that are not returned. [shape=(m,), int64]

    Returns
    -------
    np.ndarray
        [shape=(at most k,), int64]

    Examples
    --------
    >>> least_sure(np.array([[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]]), 2).tolist()
    [1, 2]
    """
    if probabilities.shape[1] < 2:
        margin = np.ones(len(probabilities))
    else:
        top = np.partition(probabilities, -2, axis=1)[:, -2:]
        margin = top[:, 1] - top[:, 0]
    if leave_out is not None:
        margin[leave_out] = np.inf
    order = np.argsort(margin, kind="stable")
    return order[np.isfinite(margin[order])][:k].astype(np.int64)
