"""Q1, Q2: how good vectors are for labelling, with nothing of the query's own speaker or source among the answers.

FSDD (ten digits by six speakers), and three corpora that are not speech and are generated (`corpora`): environmental
sounds, instruments, and calls of animals.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, Piece
from hover_core.data.arrays import Floats
from hover_core.numerics import active_learning
from hover_core.numerics.group_effects import without_groups
from hover_core.numerics.standardize import Scale, unit
from hover_core.vectorizers.mfcc import VECTORIZERS
from tests.benchmarks import guide
from tests.benchmarks.corpora import SOURCES, Corpus, calls, environment, instruments
from tests.benchmarks.timing import Row, Rows, Skipped, fsdd, row

Chosen = NDArray[np.int64]
BUDGET = 100  # listens


def q1(quick: bool) -> Rows:
    """5-NN accuracy and precision@10 by cosine, leaving the query's own speaker or source out."""
    for corpus in _corpora(quick):
        raw = _guide_vectors(corpus)
        theirs = _answers(raw, corpus)
        plain = Scale.of(raw, whitening=0).standardise(raw)
        standard = _answers(plain, corpus)
        their_map = None if quick else _map_agreement(_umap_learn(plain), corpus.classes)
        for vectorizer in VECTORIZERS:
            vectors = _vectors(corpus, vectorizer.key)
            comparable = Scale.of(vectors).standardise(vectors)
            ours = _answers(comparable, corpus)
            dull = _answers(Scale.of(vectors, whitening=0).standardise(vectors), corpus)
            levelled = _answers(_per_group(vectors, corpus.groups), corpus)
            # FSDD: one of six speakers; else one source of each class
            left_out = corpus.groups % SOURCES
            found = row(
                "Q1",
                corpus.name,
                [float(ours[0][left_out == fold].mean()) for fold in np.unique(left_out)],
                [float(theirs[0][left_out == fold].mean()) for fold in np.unique(left_out)],
                "5-NN accuracy",
                more_is_better=True,
                beside="the guide's raw vector; spread over what was left out",
                vectorizer=vectorizer.name,
                dimensions=vectorizer.dimensions,
                knn5=float(ours[0].mean()),
                precision10=float(ours[1].mean()),
                baseline_knn5=float(theirs[0].mean()),
                baseline_precision10=float(theirs[1].mean()),
                guide_standardised_knn5=float(standard[0].mean()),
                guide_standardised_precision10=float(standard[1].mean()),
                not_whitened_knn5=float(dull[0].mean()),
                not_whitened_precision10=float(dull[1].mean()),
                per_group_knn5=float(levelled[0].mean()),
                per_group_precision10=float(levelled[1].mean()),
                map15=None if quick else _map_agreement(_our_map(vectors), corpus.classes),
                baseline_map15=their_map,
                clips=len(corpus.files),
            )
            yield _overall(found, ours[0].mean(), theirs[0].mean())


def q2(quick: bool) -> Rows:
    """The share of all clips that a logistic regression gets right after 100 listens, by the way of choosing them."""
    seeds = 3 if quick else 10
    for corpus in _corpora(quick):
        theirs_vectors = _guide_vectors(corpus)
        theirs_vectors = Scale.of(theirs_vectors, whitening=0).standardise(theirs_vectors)
        theirs = [_learnt(theirs_vectors, corpus, at_random(theirs_vectors, corpus.classes, s)) for s in range(seeds)]
        for vectorizer in VECTORIZERS:
            raw = _vectors(corpus, vectorizer.key)
            comparable = Scale.of(raw).standardise(raw)
            for way, choose in WAYS.items():
                ours = [_learnt(comparable, corpus, choose(comparable, corpus.classes, seed)) for seed in range(seeds)]
                yield row(
                    "Q2",
                    corpus.name,
                    ours,
                    theirs,
                    "share right",
                    more_is_better=True,
                    beside="the guide's vector, standardised, clips chosen at random",
                    way=way,
                    vectorizer=vectorizer.name,
                    clips=len(raw),
                )


def neighbours_agree(
    vectors: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each clip, whether its five nearest clips of other groups (by cosine) vote for its class (the nearest decides
    a tie), and which share of the ten nearest has its class. [shape=(n,), shape=(n,)]"""
    scaled = unit(vectors)
    right, share = np.zeros(len(vectors)), np.zeros(len(vectors))
    for group in np.unique(groups):
        asked, others = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        cosines = scaled[asked] @ scaled[others].T
        nearest = np.argsort(-cosines, axis=1)[:, :10]
        found = classes[others[nearest]]
        share[asked] = (found == classes[asked, None]).mean(axis=1)
        votes = np.stack([(found[:, :5] == found[:, [k]]).sum(axis=1) for k in range(5)], axis=1)
        right[asked] = found[np.arange(len(asked)), votes.argmax(axis=1)] == classes[asked]
    return right, share


def _answers(vectors: Floats, corpus: Corpus) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return neighbours_agree(vectors, corpus.classes, corpus.groups)


def _per_group(vectors: Floats, groups: NDArray[np.int64]) -> Floats:
    levelled = without_groups(vectors, groups.astype(str).tolist())
    return Scale.of(levelled, whitening=0).standardise(levelled)


def _map_agreement(points: Floats, classes: NDArray[np.int64], k: int = 15) -> float:
    """Which share of the `k` nearest clips on a map has a clip's class, its own speaker or source included."""
    placed = points.astype(np.float64)
    found = []
    for first in range(0, len(placed), 200):
        squared = ((placed[first : first + 200, None] - placed[None]) ** 2).sum(axis=2)
        squared[np.arange(len(squared)), np.arange(first, first + len(squared))] = np.inf
        near = np.argpartition(squared, k, axis=1)[:, :k]
        found.append((classes[near] == classes[first : first + 200, None]).mean(axis=1))
    return float(np.concatenate(found).mean())


def _our_map(vectors: Floats) -> Floats:
    from hover_core.numerics.reducers import Reducer

    return Reducer("umap", 2, {}).fit(vectors).embedding_


def _umap_learn(vectors: Floats) -> Floats:
    import warnings

    import umap

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="umap")
        return np.asarray(umap.UMAP(random_state=0).fit(vectors).embedding_, np.float32)


def _overall(found: Row, value: float, baseline: float) -> Row:
    return {**found, "value": float(value), "baseline": float(baseline), "ratio": float(value / baseline)}


def at_random(vectors: Floats, classes: Chosen, seed: int) -> Chosen:
    """Any 100."""
    return np.random.default_rng(seed).permutation(len(vectors))[:BUDGET]


def by_medoids(vectors: Floats, classes: Chosen, seed: int) -> Chosen:
    """The most typical clip of each of 100 clusters."""
    return active_learning.medoids(vectors, BUDGET, seed=seed)


def by_margin(vectors: Floats, classes: Chosen, seed: int) -> Chosen:
    """50 medoids, then five times the ten of which the model so far is least sure between two labels."""
    heard = active_learning.medoids(vectors, BUDGET // 2, seed=seed)
    while len(heard) < BUDGET:
        model = _model().fit(vectors[heard], classes[heard])
        heard = np.concatenate([heard, active_learning.least_sure(model.predict_proba(vectors), 10, leave_out=heard)])
    return heard


# how to choose what is heard: (vectors, classes of what was heard, seed) → rows
WAYS: dict[str, Callable[[Floats, Chosen, int], Chosen]] = {
    "random": at_random,
    "medoid": by_medoids,
    "margin": by_margin,
}


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2_000, C=1.0)


def _learnt(vectors: Floats, corpus: Corpus, heard: Chosen) -> float:
    guessed = _model().fit(vectors[heard], corpus.classes[heard]).predict(vectors)
    guessed[heard] = corpus.classes[heard]  # these were listened to
    return float((guessed == corpus.classes).mean())


@functools.cache
def _corpora(quick: bool) -> tuple[Corpus, ...]:
    found = []
    try:
        files = fsdd(1_200 if quick else None)
    except Skipped as reason:
        print(f"Q1, Q2: {reason}; only generated sounds are measured.")
    else:
        words = [file.stem.split("_") for file in files]
        speakers = sorted({word[1] for word in words})
        found.append(
            Corpus(
                "fsdd",
                [file.read_bytes() for file in files],
                np.array([int(word[0]) for word in words]),
                np.array([speakers.index(word[1]) for word in words]),
            )
        )
    found += [make(clips_each=4 if quick else 8) for make in (environment, instruments, calls)]
    return tuple(found)


@functools.cache
def _vectors_of(name: str, count: int, key: str) -> Floats:
    corpus = next(corpus for quick in (True, False) for corpus in _corpora(quick) if _is(corpus, name, count))
    with DecoderPool() as workers:
        heard = workers.vectorize([Piece(data) for data in corpus.files], key)
    assert all(isinstance(one, DecodedClip) for one in heard)
    return np.stack([one.vector for one in heard if isinstance(one, DecodedClip)])


@functools.cache
def _guide_vectors_of(name: str, count: int) -> Floats:
    corpus = next(corpus for quick in (True, False) for corpus in _corpora(quick) if _is(corpus, name, count))
    return np.stack([guide.vector(data) for data in corpus.files])


def _is(corpus: Corpus, name: str, count: int) -> bool:
    return corpus.name == name and len(corpus.files) == count


def _vectors(corpus: Corpus, key: str) -> Floats:
    return _vectors_of(corpus.name, len(corpus.files), key)


def _guide_vectors(corpus: Corpus) -> Floats:
    return _guide_vectors_of(corpus.name, len(corpus.files))
