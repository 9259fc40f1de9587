"""S1: search by cosine, beside brute force in numpy. S2: re-rank by dynamic time warping, beside librosa's."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.analysis.search import ranking
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, Piece
from hover_core.data.arrays import Floats
from hover_core.data.clips import Clip
from hover_core.numerics import dtw
from hover_core.numerics.index import SearchIndex
from hover_core.numerics.standardize import Scale, unit
from hover_core.store import clip_rows, vector_rows
from hover_core.vectorizers.mfcc import FRAMES, MOST_FRAMES, VECTORIZERS
from hover_core.workspace.datasets import Datasets
from tests.benchmarks import quality
from tests.benchmarks.corpora import Corpus
from tests.benchmarks.maps import DIMENSIONS, clouds
from tests.benchmarks.timing import Row, Rows, data_folder, p95, row, seconds

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
        kind = index.kind
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
            kind=kind,
            p50_ms=float(np.median(ours)),
            **(_through_a_dataset(vectors, asked) if n <= 100_000 else {}),
        )
        yield {**figure, "value": p95(ours), "baseline": p95(theirs), "p95_ms": p95(ours)}


def s2(quick: bool) -> Rows:
    """Milliseconds for one query against 200 sequences of 100 frames; and precision@10 before and after."""
    import librosa

    draw = np.random.default_rng(0)
    walks = draw.normal(size=(dtw.CANDIDATES + 1, MOST_FRAMES, dtw.COEFFICIENTS)).cumsum(axis=1).astype(np.float32)
    packed = np.zeros((len(walks), FRAMES.dimensions), np.float32)
    packed[:, 0], packed[:, 1:] = MOST_FRAMES, walks.reshape(len(walks), -1)
    kept, everyone = dtw.Sequences(np.arange(len(walks)), packed), np.arange(1, len(walks))
    query = kept.of(0)
    assert query is not None
    begun = time.perf_counter()
    dtw.kernel()
    ready_s = time.perf_counter() - begun
    found = kept.distances(query, everyone)
    others = [kept.of(int(place)) for place in everyone]

    def theirs() -> list[float]:
        total = []
        for other in others:
            assert other is not None
            cost = librosa.sequence.dtw(
                query.T, other.T, weights_add=np.zeros(3), weights_mul=np.array([2.0, 1.0, 1.0]), backtrack=False,
                global_constraints=True, band_rad=dtw.BAND / MOST_FRAMES,
            )  # fmt: skip
            total.append(float(cost[-1, -1]) / (2 * MOST_FRAMES))
        return total

    # librosa bands a little otherwise: the distances are to be as near as that lets them
    worst = float(np.abs(np.array(theirs()) / found - 1).max())
    assert worst < 0.05, f"S2: a distance differs from librosa's by {worst:.1%}"
    ours_ms, theirs_ms = [], []
    for _ in range(3 if quick else 9):
        ours_ms.append(float(np.median([seconds(lambda: kept.distances(query, everyone)) for _ in range(9)])) * 1000)
        theirs_ms.append(seconds(theirs) * 1000)
    yield row(
        "S2",
        str(dtw.CANDIDATES),
        ours_ms,
        theirs_ms,
        "ms a query",
        beside="librosa.sequence.dtw with the same steps and band, one pair after the other",
        pair_ms=float(np.median(ours_ms)) / dtw.CANDIDATES,
        baseline_pair_ms=float(np.median(theirs_ms)) / dtw.CANDIDATES,
        ready_s=ready_s,
        largest_difference=worst,
    )
    for corpus in quality._corpora(quick):
        yield _precision(corpus)


def _precision(corpus: Corpus) -> Row:
    """Precision@10 with nothing of the query's own speaker or source, for each vector with and without re-rank."""
    with DecoderPool() as workers:
        heard = workers.vectorize([Piece(data) for data in corpus.files], dtw.KEY)
    packed = np.stack([one.vector for one in heard if isinstance(one, DecodedClip)])
    assert len(packed) == len(corpus.files)
    kept = dtw.Sequences(np.arange(len(packed)), packed)
    asked = np.random.default_rng(0).permutation(len(packed))[:300]
    figures: dict[str, float] = {}
    for name, vectors in {v.name: quality._vectors(corpus, v.key) for v in VECTORIZERS}.items():
        units = unit(Scale.of(vectors).standardise(vectors))
        plain, both, alone = [], [], []
        for query in asked:
            others = np.flatnonzero(corpus.groups != corpus.groups[query])
            cosines = units[others] @ units[query]
            best = np.argsort(-cosines, kind="stable")[: dtw.CANDIDATES]
            frames = kept.of(int(query))
            assert frames is not None
            distances = kept.distances(frames, others[best])
            same = corpus.classes[others[best]] == corpus.classes[query]
            plain.append(float(same[:10].mean()))
            both.append(float(same[dtw.rerank(cosines[best], distances)][:10].mean()))
            alone.append(float(same[np.argsort(distances, kind="stable")][:10].mean()))
        figures |= {
            f"{name}_precision10": float(np.mean(plain)),
            f"{name}_reranked_precision10": float(np.mean(both)),
            f"{name}_by_distance_alone": float(np.mean(alone)),
        }
    first = VECTORIZERS[0].name
    after, before = figures[f"{first}_reranked_precision10"], figures[f"{first}_precision10"]
    return row(
        "S2",
        corpus.name,
        [after],
        [before],
        "precision@10",
        more_is_better=True,
        beside=f"{first} vectors without re-rank",
        clips=len(packed),
        queries=len(asked),
        **figures,
    )


def _through_a_dataset(vectors: Floats, asked: NDArray[np.int64]) -> dict[str, Any]:
    """The same by `Dataset.neighbours`, which is what a click on “More like this” waits for."""
    key = "benchmark"
    with data_folder():
        datasets = Datasets()
        dataset = datasets.new("search")
        dataset.change_settings(vectorizer=key)
        with datasets.store.revise(dataset.id) as (connection, _):
            clips = [Clip(f"c{place}", f"http://host/{place}.wav") for place in range(len(vectors))]
            clip_rows.add_clips(connection, dataset.id, clips)
        with datasets.store.write() as connection:
            for first in range(0, len(vectors), 65_536):
                block = vectors[first : first + 65_536]
                where = np.arange(first, first + len(block))
                vector_rows.add_vectors(connection, dataset.id, key, where.tolist(), block)
        begun = time.perf_counter()
        ranking.neighbours(dataset, int(asked[0]), TOP)
        first_s = time.perf_counter() - begun
        took = []
        for query in asked[:50]:
            begun = time.perf_counter()
            hits, _ = ranking.neighbours(dataset, int(query), TOP)
            took.append((time.perf_counter() - begun) * 1000)
            assert query not in hits
        datasets.close()
    return {"dataset_p95_ms": p95(took), "dataset_first_s": first_s, "dimensions": DIMENSIONS}
