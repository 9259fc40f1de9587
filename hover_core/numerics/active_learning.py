"""Which clips to listen to first, so that few listens say most.

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
_SAMPLE: Final = 50_000  # rows that the clusters are looked for in
_ROUNDS: Final = 25


def medoids(vectors: Floats, k: int, *, seed: int = 0) -> Rows:
    """The rows nearest to the centres of `k` clusters, those of the largest clusters first. [shape=(min(k, n),)]

    Parameters
    ----------
    vectors
        Made comparable (`scale.Scale.standardise`). [shape=(n, d), float32]
    k
        How many, at least 1.

    Clusters are found by k-means from a k-means++ start: Arthur, Vassilvitskii. SODA 2007.

    Raises
    ------
    ValueError
        `k` is less than 1.
    """
    if k < 1:
        raise ValueError(f"k={k} must be at least 1")
    n = len(vectors)
    if k >= n:
        return np.arange(n)
    from sklearn.cluster import KMeans

    draw = np.random.default_rng(seed)
    sample = np.sort(draw.permutation(n)[: max(_SAMPLE, k)])
    found = KMeans(k, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(vectors[sample])
    centres = found.cluster_centers_.astype(np.float32)
    order = np.argsort(-np.bincount(found.labels_, minlength=k), kind="stable")
    # several nearest each: two centres may have the same nearest clip
    near, _ = neighbours.nearest(centres[order], vectors, min(8, n), "distance")
    chosen: dict[int, None] = {}
    for candidates in near:
        free = [int(row) for row in candidates if int(row) not in chosen]
        if free:
            chosen[free[0]] = None
    rest = (int(row) for row in draw.permutation(n) if int(row) not in chosen)
    while len(chosen) < k:
        chosen[next(rest)] = None
    return np.array(list(chosen), np.int64)


def least_sure(probabilities: NDArray[np.float64], k: int, *, leave_out: Rows | None = None) -> Rows:
    """The `k` rows whose two likeliest labels are nearest to each other, the least sure first.

    `probabilities` is one row a clip and one column a label [shape=(n, labels)]; `leave_out` rows do not answer.

    Scheffer, Decomain, Wrobel. Active hidden Markov models for information extraction. IDA 2001 (margin sampling).
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
