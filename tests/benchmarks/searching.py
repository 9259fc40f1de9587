"""S1: search by cosine, beside brute force in numpy."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core import vector_rows
from hover_core.dataset import Datasets
from hover_core.search import SearchIndex
from tests.benchmarks.maps import DIMENSIONS, clouds
from tests.benchmarks.timing import Rows, data_folder, p95, row

Floats = NDArray[np.float32]
QUERIES = 200
TOP = 50


def s1(quick: bool) -> Rows:
    """p95 of 200 queries for the top 50, and the share of the true ones among them."""
    for setting, n in {"100k": 100_000, **({} if quick else {"1M": 1_000_000})}.items():
        vectors = clouds(n)
        begun = time.perf_counter()
        index = SearchIndex(np.arange(n), vectors)
        build_s = time.perf_counter() - begun
        asked = np.random.default_rng(1).integers(0, n, QUERIES)
        scaled = index.scale.standardise(vectors)
        scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)
        ours, theirs, found = [], [], []
        for query in asked:
            begun = time.perf_counter()
            rows, _ = index.neighbours(vectors[query], TOP)
            ours.append((time.perf_counter() - begun) * 1000)
            begun = time.perf_counter()
            cosines = scaled @ scaled[query]
            best = np.argpartition(-cosines, TOP)[:TOP]
            best = best[np.argsort(-cosines[best])]
            theirs.append((time.perf_counter() - begun) * 1000)
            # a clip as near as the fiftieth may stand for it: rounding decides between equals
            found.append(float((cosines[rows] >= cosines[best[-1]] - 1e-5).mean()))
        recall = float(np.mean(found))
        assert recall >= 0.99, f"S1 {setting}: recall@{TOP} {recall:.3f}"
        del index, scaled
        parts = [slice(at, at + QUERIES // 5) for at in range(0, QUERIES, QUERIES // 5)]
        figure = row(
            "S1",
            setting,
            [p95(ours[part]) for part in parts],
            [p95(theirs[part]) for part in parts],
            "ms",
            beside="numpy: one product, argpartition, sort (p95; five runs of 40 queries)",
            recall50=recall,
            build_s=build_s,
            p50_ms=float(np.median(ours)),
            **_through_a_dataset(vectors, asked),
        )
        yield {**figure, "value": p95(ours), "baseline": p95(theirs), "p95_ms": p95(ours)}


def _through_a_dataset(vectors: Floats, asked: NDArray[np.int64]) -> dict[str, Any]:
    """The same by `Dataset.neighbours`, which is what a click on “More like this” waits for."""
    key = "benchmark"
    with data_folder():
        datasets = Datasets()
        dataset = datasets.new("search")
        dataset.change_settings(vectorizer=key)
        with datasets.store.write() as connection:
            for first in range(0, len(vectors), 65_536):
                block = vectors[first : first + 65_536]
                where = np.arange(first, first + len(block))
                vector_rows.add_vectors(connection, dataset.id, key, where.tolist(), block)
        begun = time.perf_counter()
        dataset.neighbours(int(asked[0]), TOP)
        first_s = time.perf_counter() - begun
        took = []
        for query in asked[:50]:
            begun = time.perf_counter()
            hits, _ = dataset.neighbours(int(query), TOP)
            took.append((time.perf_counter() - begun) * 1000)
            assert query not in hits
        datasets.close()
    return {"dataset_p95_ms": p95(took), "dataset_first_s": first_s, "dimensions": DIMENSIONS}
