"""V5: clips → vectors on Dask workers, beside the engine of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from unittest import mock

import numpy as np

from hover_core.data.arrays import Floats
from hover_core.jobs import vectorize
from hover_core.store import vector_rows
from hover_core.workspace.datasets import Datasets
from tests.benchmarks.serving import served
from tests.benchmarks.timing import Row, Rows, data_folder, fsdd, row
from tests.benchmarks.vectors import CLOSE, _dataset, _vectorized
from tests.clusters import DaskCluster

KEY = "mfcc-mean-32-22050-v1"


def v5(quick: bool) -> Rows:
    """Clips a second on 1, 2 and 4 workers of this machine, each sound 50 ms away; everything is warm.

    A worker's thread has 12 downloads under way, so that few threads wait for the network and many for the cores.
    """
    files = fsdd(300 if quick else 1200)
    runs = 1 if quick else 3
    with served(files[0].parent, 0.05) as root:
        urls = [f"{root}/{file.name}" for file in files]
        for workers, threads in ((1, 1), (2, 1)) if quick else ((1, 1), (2, 1), (4, 1), (1, 4), (2, 4)):
            yield _on(workers, threads, urls, runs)


def _on(workers: int, threads: int, urls: Sequence[str], runs: int) -> Row:
    import distributed

    ours, theirs = [], []
    difference = 0.0
    with data_folder() as folder, DaskCluster(folder / "dask", workers=workers, threads=threads) as cluster:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
            _far(cluster, urls[: 24 * workers * threads])  # every thread of every worker has decoded something
            for _ in range(runs):
                far_s, far = _far(cluster, urls)
                here_s, _, here = _vectorized(urls, warm=True)
                ours.append(len(urls) / far_s)
                theirs.append(len(urls) / here_s)
                difference = max(difference, float(np.abs(far - here).max()))
    assert difference <= CLOSE, f"V5: vectors differ by {difference:.2g}"
    return row(
        "V5",
        f"{workers} × {threads} thread{'s' if threads > 1 else ''}",
        ours,
        theirs,
        "clips/s",
        more_is_better=True,
        beside="this machine alone, without Dask",
        clips=len(urls),
        cores=os.cpu_count(),
    )


def _far(cluster: DaskCluster, urls: Sequence[str]) -> tuple[float, Floats]:
    """Seconds from connecting to the last commit, and the vectors."""
    with data_folder(), mock.patch.dict(os.environ, {"HOVER_DASK_SCHEDULER": cluster.address}):
        datasets = Datasets()
        dataset = _dataset(datasets, urls)
        begun = time.perf_counter()
        vectorize.run_here(dataset, vectorizer=KEY)
        took = time.perf_counter() - begun
        failures = vector_rows.failures(dataset.store, dataset.id, KEY)
        assert not failures, failures[0].reason
        _, vectors = dataset.vectors(KEY)
        datasets.close()
    return took, vectors
