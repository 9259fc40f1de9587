"""E1, E2: vectors → map, beside umap-learn with its defaults."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from tests.benchmarks.timing import Row, Rows, Skipped, fsdd, in_a_process, row, seconds

DIMENSIONS = 140


def e1(quick: bool) -> Rows:
    """1,000 vectors until their map is there: PCA at once, then UMAP; in an app that is up, and in a fresh process."""
    yield _fresh(1 if quick else 3)
    yield _in_the_app(1 if quick else 3, up_s=5.0 if quick else 30.0)


def e2(quick: bool) -> Rows:
    """UMAP of 3,000, 10,000 and 100,000 vectors in a warm process, and how far neighbours stay neighbours."""
    if quick:  # one process, so that UMAP compiles itself once
        yield from in_a_process("tests.benchmarks.maps", "warm", "3k", "3000", "1", "10k", "10000", "1")
        return
    for setting, n, runs in (("3k", 3_000, 3), ("10k", 10_000, 3), ("100k", 100_000, 1)):
        # a process each: what another fit leaves in memory and in the caches is nobody's
        yield from in_a_process("tests.benchmarks.maps", "warm", setting, str(n), str(runs))


def trustworthiness(vectors: Floats, embedding: Floats, *, k: int = 15, queries: int = 1_000, seed: int = 0) -> float:
    """How far neighbours on the map are neighbours among the vectors; 1 is always.

    Of `queries` clips drawn at random; of all of them it is `sklearn.manifold.trustworthiness`.

    Venna & Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001.
    """
    n = len(vectors)
    asked = np.random.default_rng(seed).permutation(n)[:queries]
    penalty = 0.0
    for first in range(0, len(asked), 100):
        rows = asked[first : first + 100]
        near = _squared(embedding, rows)
        near[np.arange(len(rows)), rows] = np.inf
        shown = np.argpartition(near, k, axis=1)[:, :k]
        far = _squared(vectors, rows)
        far[np.arange(len(rows)), rows] = -np.inf
        for place in range(len(rows)):
            ranks = (far[place][None, :] < far[place][shown[place]][:, None]).sum(axis=1)  # the clip itself is one
            penalty += float(np.maximum(0, ranks - k).sum())
    return 1 - penalty * 2 / (len(asked) * k * (2 * n - 3 * k - 1))


def _squared(points: Floats, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    wide = points.astype(np.float64)
    length = (wide**2).sum(axis=1)
    return np.asarray(length[rows, None] + length[None, :] - 2 * wide[rows] @ wide.T)


def clouds(n: int, seed: int = 0) -> Floats:
    """Vectors like those of sounds: 40 bent clouds of some eight directions each in 140 dimensions, and noise."""
    draw = np.random.default_rng(seed)
    of = draw.integers(0, 40, n)
    centres = draw.normal(0, 3, (40, DIMENSIONS))
    out = np.empty((n, DIMENSIONS), np.float32)
    for cloud in range(40):
        rows = np.flatnonzero(of == cloud)
        inner = draw.normal(size=(len(rows), 8))
        bent = np.concatenate([inner, np.sin(2 * inner)], axis=1)
        noise = draw.normal(0, 0.5, (len(rows), DIMENSIONS))
        out[rows] = centres[cloud] + bent @ draw.normal(0, 1, (16, DIMENSIONS)) + noise
    return out


def _vectors(n: int) -> tuple[Floats, str]:
    """Segments vectors of FSDD where there are enough of them, else clouds; and what they are."""
    try:
        files = fsdd(n)
    except Skipped:
        files = []
    if len(files) < n:
        return clouds(n), "clouds"
    from hover_core.audio.decoder_pool import DecoderPool
    from hover_core.audio.segment import DecodedClip, Piece

    with DecoderPool() as workers:
        heard = workers.vectorize([Piece(file) for file in files], "segments")
    return np.stack([one.vector for one in heard if isinstance(one, DecodedClip)]), "fsdd"


# E1 -------------------------------------------------------------------------------------------------------------------


def _fresh(runs: int) -> Row:
    pca, ours, theirs = [], [], []
    for _ in range(runs):
        found = in_a_process("tests.benchmarks.maps", "fresh", "ours")
        pca.append(found["pca_s"])
        ours.append(found["umap_s"])
        theirs.append(in_a_process("tests.benchmarks.maps", "fresh", "umap-learn")["umap_s"])
    return row(
        "E1",
        "fresh process",
        ours,
        theirs,
        "s",
        beside="umap-learn with its defaults, imported and fitted in a fresh process",
        pca_s=float(np.median(pca)),
        umap_s=float(np.median(ours)),
    )


def _in_the_app(runs: int, up_s: float) -> Row:
    """From the click on “Draw the map” to a drawn map, in a real browser; the first, so that PCA comes before it."""
    from sqlalchemy import text

    from tests.benchmarks import browser

    vectors, kind = _vectors(1_000)
    pca: list[float] = []
    ours: list[float] = []
    with browser.app_with(1_000, vectors=vectors) as (app, dataset), browser.chromium() as chromium:
        page = browser.person(chromium)
        for _ in range(runs):
            with dataset.store.write() as connection:
                connection.execute(text("DELETE FROM embedding_blocks"))
                connection.execute(text("DELETE FROM embeddings"))
            page.goto(f"{app.url}/vectorize")
            page.get_by_role("button", name="Draw the map").wait_for()
            page.wait_for_timeout(up_s * 1000)  # also between two maps: what waits for the next is made anew
            before = page.evaluate("window.__hoverMap?.of.shownMap ?? ''")
            page.get_by_role("button", name="Draw the map").click()
            clicked = time.perf_counter()
            drawn = (
                "old => { const map = window.__hoverMap?.of; return map && map.shownMap && map.shownMap !== old &&"
                " map.painter.drawn > 0 && map.shownMap.endsWith(map.data.map) && (map.paintedAt > 0) && map.shownMap }"
            )
            page.wait_for_function(drawn, arg=before, timeout=120_000)
            pca.append(time.perf_counter() - clicked)
            page.wait_for_function(
                drawn.replace("map.painter.drawn > 0", "map.painter.drawn > 0 && !map.data.placeholder"),
                arg=before,
                timeout=120_000,
            )
            ours.append(time.perf_counter() - clicked)
            page.get_by_role("button", name="Draw the map").wait_for(timeout=60_000)
    theirs = in_a_process("tests.benchmarks.maps", "fresh", "umap-learn")
    return row(
        "E1",
        "warm app",
        ours,
        [theirs["warm_s"]],
        "s",
        beside="umap-learn with its defaults, its second fit in one process (no page, no database)",
        pca_s=float(np.median(pca)),
        umap_s=float(np.median(ours)),
        baseline_first_fit_s=theirs["umap_s"],
        up_s=up_s,
        vectors=kind,
    )


def _fresh_process(who: str) -> dict[str, Any]:
    vectors = clouds(1_000)
    begun = time.perf_counter()
    if who == "ours":
        from hover_core.numerics.reducers import Reducer

        Reducer("pca", 2, {}).fit(vectors)
        pca_s = time.perf_counter() - begun
        Reducer("umap", 2, {}).fit(vectors)
        return {"pca_s": pca_s, "umap_s": time.perf_counter() - begun}
    import umap

    umap.UMAP().fit(vectors)
    umap_s = time.perf_counter() - begun
    return {"umap_s": umap_s, "warm_s": seconds(lambda: umap.UMAP().fit(vectors))}


# E2 -------------------------------------------------------------------------------------------------------------------


def _warm_process(plans: list[tuple[str, int, int]]) -> list[Row]:
    import warnings

    import umap

    from hover_core.numerics.reducers import Reducer

    warnings.filterwarnings("ignore")
    Reducer("umap", 2, {}).fit(clouds(500))
    umap.UMAP().fit(clouds(500))
    umap.UMAP().fit(clouds(5_000))  # more than 4,096: umap-learn has a second way for these, compiled apart
    return [_warm_fits(*plan) for plan in plans]


def _warm_fits(setting: str, n: int, runs: int) -> Row:
    import umap

    from hover_core.numerics.reducers import Reducer
    from hover_core.numerics.standardize import Scale, unit

    vectors, kind = _vectors(n)
    standard = unit(Scale.of(vectors).standardise(vectors))  # what our reducer compares
    ours, theirs = [], []
    for _ in range(runs):
        reducer = Reducer("umap", 2, {})
        ours.append(seconds(lambda fitting=reducer: fitting.fit(vectors)))  # type: ignore[misc]
        model = umap.UMAP()
        theirs.append(seconds(lambda fitting=model: fitting.fit(standard)))  # type: ignore[misc]
    queries = 1_000 if n > 20_000 else 3_000
    return row(
        "E2",
        setting,
        ours,
        theirs,
        "s",
        beside="umap-learn with its defaults (all cores, no seed), warm, the same standardised vectors",
        trustworthiness=trustworthiness(standard, reducer.embedding_, queries=queries),
        baseline_trustworthiness=trustworthiness(standard, model.embedding_, queries=queries),
        vectors=kind,
    )


if __name__ == "__main__":
    if sys.argv[1] == "fresh":
        print(json.dumps(_fresh_process(sys.argv[2])))
    else:
        words = sys.argv[2:]
        plans = zip(words[::3], map(int, words[1::3]), map(int, words[2::3]), strict=True)
        print(json.dumps(_warm_process(list(plans))))
