"""Q1, Q2: how good vectors are for labelling, with nothing of the query's own speaker or source among the answers.

Two corpora: FSDD (ten digits by six speakers), and ten classes of environmental sounds that are generated here, each by
eight sources that share nothing but the class: another mechanism, another room, another microphone, another background.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hover_core.audio import Heard, Piece, Workers
from hover_core.scale import Scale, unit
from hover_core.vectorizers import VECTORIZERS
from tests import sounds
from tests.benchmarks import guide
from tests.benchmarks.timing import Row, Rows, Skipped, fsdd, row

Floats = NDArray[np.float32]
RATE = 22_050
SOURCES = 8
BUDGET = 100  # listens


@dataclass(frozen=True)
class Corpus:
    """Sounds with their classes and with the groups that nothing may be shared between."""

    name: str
    files: list[bytes]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]


def q1(quick: bool) -> Rows:
    """5-NN accuracy and precision@10 by cosine, leaving the query's own speaker or source out."""
    for corpus in _corpora(quick):
        theirs = _answers(_guide_vectors(corpus), corpus, standardised=False)
        standard = _answers(_guide_vectors(corpus), corpus, standardised=True)
        for vectorizer in VECTORIZERS:
            ours = _answers(_vectors(corpus, vectorizer.key), corpus, standardised=True)
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
                clips=len(corpus.files),
            )
            yield _overall(found, ours[0].mean(), theirs[0].mean())


def q2(quick: bool) -> Rows:
    """The share of all clips that a logistic regression gets right after 100 listens, by the way of choosing them."""
    seeds = 3 if quick else 10
    for corpus in _corpora(quick):
        theirs_vectors = _guide_vectors(corpus)
        theirs_vectors = Scale.of(theirs_vectors).standardise(theirs_vectors)
        theirs = [_learnt(theirs_vectors, corpus, _at_random(theirs_vectors, seed)) for seed in range(seeds)]
        for vectorizer in VECTORIZERS:
            raw = _vectors(corpus, vectorizer.key)
            standard = Scale.of(raw).standardise(raw)
            for way, choose in WAYS.items():
                ours = [_learnt(standard, corpus, choose(standard, seed)) for seed in range(seeds)]
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
    vectors: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64], *, standardised: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each clip, whether its five nearest clips of other groups vote for its class (the nearest decides a tie), and
    which share of the ten nearest has its class. [shape=(n,), shape=(n,)]"""
    scaled = unit(Scale.of(vectors).standardise(vectors) if standardised else vectors)
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


def _answers(vectors: Floats, corpus: Corpus, *, standardised: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return neighbours_agree(vectors, corpus.classes, corpus.groups, standardised=standardised)


def _overall(found: Row, value: float, baseline: float) -> Row:
    return {**found, "value": float(value), "baseline": float(baseline), "ratio": float(value / baseline)}


def _learnt(vectors: Floats, corpus: Corpus, heard: NDArray[np.int64]) -> float:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=2_000, C=0.1)
    model.fit(vectors[heard], corpus.classes[heard])
    guessed = model.predict(vectors)
    guessed[heard] = corpus.classes[heard]  # these were listened to
    return float((guessed == corpus.classes).mean())


def _at_random(vectors: Floats, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(len(vectors))[:BUDGET]


def _medoids(vectors: Floats, seed: int) -> NDArray[np.int64]:
    """The clip nearest to each of 100 centres of k-means: what a medoid queue would have heard first."""
    from sklearn.cluster import KMeans

    found = KMeans(BUDGET, n_init=1, random_state=seed).fit(vectors)
    distances = found.transform(vectors)
    chosen = {int(row) for row in distances.argmin(axis=0)}
    rest = [int(row) for row in _at_random(vectors, seed) if int(row) not in chosen]
    return np.array([*chosen, *rest[: BUDGET - len(chosen)]], np.int64)


# how to choose what is heard: (vectors, seed) → rows
WAYS: dict[str, Callable[[Floats, int], NDArray[np.int64]]] = {"at random": _at_random, "medoids": _medoids}


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
    found.append(environment(clips_each=4 if quick else 8))
    return tuple(found)


@functools.cache
def _vectors_of(name: str, count: int, key: str) -> Floats:
    corpus = next(corpus for quick in (True, False) for corpus in _corpora(quick) if _is(corpus, name, count))
    with Workers() as workers:
        heard = workers.vectorize([Piece(data) for data in corpus.files], key)
    assert all(isinstance(one, Heard) for one in heard)
    return np.stack([one.vector for one in heard if isinstance(one, Heard)])


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


# environmental sounds -------------------------------------------------------------------------------------------------

Draw = np.random.Generator
Wave = NDArray[np.float64]


def environment(clips_each: int = 8, seconds: float = 3.0) -> Corpus:
    """Ten classes × eight sources × `clips_each` clips, the same for the same arguments."""
    files, classes, groups = [], [], []
    for number, make in enumerate(CLASSES.values()):
        for source in range(SOURCES):
            group = number * SOURCES + source
            for clip in range(clips_each):
                # what the source is, and what happens in this clip, are drawn by hands of their own
                wave = make(np.random.default_rng([1, group]), np.random.default_rng([2, group, clip]), seconds)
                wave = _recorded(wave, np.random.default_rng([3, group]), np.random.default_rng([4, group, clip]))
                files.append(sounds.encode(wave.astype(np.float32), RATE))
                classes.append(number)
                groups.append(group)
    return Corpus("environment", files, np.array(classes), np.array(groups))


def _recorded(wave: Wave, source: Draw, clip: Draw) -> Wave:
    """The wave in the source's room, by its microphone, over its background, somewhere in the clip's level."""
    n = len(wave)
    length_s = source.uniform(0.05, 0.5)
    tail = np.arange(round(length_s * RATE))
    room = source.normal(size=len(tail)) * np.exp(-tail / len(tail) * 6) * source.uniform(0.02, 0.25)
    room[0] = 1
    spectrum = np.fft.rfft(wave, 2 * n) * np.fft.rfft(room, 2 * n)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(2 * n, 1 / RATE), 20) / 20)
    knots = source.normal(0, 5, 7)
    spectrum *= 10 ** (np.interp(octaves, np.linspace(0, 9.2, 7), knots) / 20)
    wet = np.fft.irfft(spectrum)[:n]
    wet /= np.abs(wet).max() + 1e-9
    background = _coloured(n, source.uniform(0, 2), clip)
    background *= np.sqrt((wet**2).mean() / (background**2).mean()) * 10 ** (-source.uniform(3, 25) / 20)
    out = wet + background
    out *= 10 ** (clip.uniform(-12, -1) / 20) / np.abs(out).max()
    return out


def _coloured(n: int, slope: float, draw: Draw) -> Wave:
    """Noise whose power falls with frequency to the `slope`: 0 is white, 1 pink, 2 brown."""
    hertz = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    spectrum = np.fft.rfft(draw.normal(size=n)) * hertz ** (-slope / 2)
    wave = np.fft.irfft(spectrum, n)
    return np.asarray(wave / np.abs(wave).max())


def _band(wave: Wave, low: float, high: float) -> Wave:
    """Only what lies between two frequencies, with soft edges of half an octave."""
    hertz = np.maximum(np.fft.rfftfreq(len(wave), 1 / RATE), 1)
    gain = 1 / (1 + (low / hertz) ** 6) / (1 + (hertz / high) ** 6)
    return np.asarray(np.fft.irfft(np.fft.rfft(wave) * gain, len(wave)))


def _times(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def _events(seconds: float, every_s: float, jitter: float, draw: Draw) -> list[float]:
    """Moments in a clip, `every_s` seconds apart, each off by a share of that; the first comes at any phase."""
    found, now = [], draw.uniform(0, every_s)
    while now < seconds - 0.02:
        found.append(now)
        now += every_s * max(0.1, 1 + jitter * draw.normal())
    return found or [0.1]


def _put(out: Wave, at_s: float, sound: Wave) -> None:
    first = round(at_s * RATE)
    part = out[first : first + len(sound)]
    part += sound[: len(part)]


def _rings(hertz: Wave, decays_s: Wave, gains: Wave, seconds: float) -> Wave:
    t = _times(seconds)[:, None]
    return np.asarray((gains * np.sin(2 * np.pi * hertz * t) * np.exp(-t / decays_s)).sum(axis=1))


def _rain(source: Draw, clip: Draw, seconds: float) -> Wave:
    n = round(seconds * RATE)
    out = _band(_coloured(n, source.uniform(0, 0.8), clip), source.uniform(300, 1_500), source.uniform(5_000, 10_000))
    low, high = source.uniform(1_000, 2_500), source.uniform(3_000, 8_000)
    for at in clip.uniform(0, seconds, round(seconds * source.uniform(30, 150))):
        hertz = clip.uniform(low, high)
        _put(out, at, clip.exponential(0.3) * _rings(np.array([hertz]), np.array([0.002]), np.array([1.0]), 0.012))
    return out


def _wind(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    gusts = sum(
        np.sin(2 * np.pi * source.uniform(0.1, 0.8) * t + clip.uniform(0, 6.3)) * source.uniform(0.2, 0.5)
        for _ in range(3)
    )
    roar = _band(_coloured(len(t), source.uniform(1.2, 2), clip), 30, source.uniform(300, 900)) * (1.2 + gusts)
    whistle = source.uniform(400, 1_500) * 2 ** (0.2 * np.asarray(gusts))
    narrow = _band(clip.normal(size=len(t)), 0.8 * whistle.mean(), 1.3 * whistle.mean())
    return np.asarray(roar + source.uniform(0, 0.08) * narrow * (1 + gusts))


def _engine(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    hertz = source.uniform(25, 110) * (1 + clip.uniform(-0.15, 0.3) * np.clip(t / seconds, 0, 1))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    gains = source.exponential(1, 40) / np.arange(1, 41) ** source.uniform(0.5, 1.3)
    tone = sum(gain * np.sin((k + 1) * phase + source.uniform(0, 6.3)) for k, gain in enumerate(gains))
    puffs = _band(clip.normal(size=len(t)), 100, source.uniform(800, 3_000)) * np.maximum(0, np.sin(phase)) ** 4
    return np.asarray(tone + source.uniform(0.2, 1.5) * puffs)


def _bell(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base = source.uniform(250, 1_800)
    partials = base * np.array([0.5, 1, 1.2, 1.5, 2, 2.66, 3.01, 4.16]) * source.normal(1, 0.02, 8)
    decays = source.uniform(0.3, 2) / (partials / base) ** source.uniform(0.3, 1)
    gains = source.exponential(1, 8)
    for at in _events(seconds, source.uniform(0.25, 2.0), 0.05, clip):
        _put(out, at, clip.uniform(0.5, 1) * _rings(partials, decays, gains, 2.0))
    return out


def _siren(source: Draw, clip: Draw, seconds: float) -> Wave:
    t = _times(seconds)
    low, high = source.uniform(350, 700), source.uniform(900, 1_800)
    turn = t * source.uniform(0.2, 3) + clip.uniform()
    steps = source.uniform() < 0.4
    shape = (turn % 1 < 0.5).astype(float) if steps else 0.5 - 0.5 * np.cos(2 * np.pi * turn)
    phase = 2 * np.pi * np.cumsum(low * (high / low) ** shape) / RATE
    gains = 1 / np.arange(1, 8) ** source.uniform(0.8, 2.5)
    return np.asarray(sum(gain * np.sin((k + 1) * phase) for k, gain in enumerate(gains)))


def _dog(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    pitch, length_s = source.uniform(180, 700), source.uniform(0.12, 0.35)
    formants = source.uniform((400, 1_000, 2_000), (900, 2_000, 3_800))
    for at in _events(seconds, source.uniform(0.3, 1.2), 0.3, clip):
        t = _times(length_s * clip.uniform(0.8, 1.2))
        bend = np.sin(np.pi * np.clip(t / t[-1], 0, 1)) ** 0.7
        hertz = pitch * clip.uniform(0.9, 1.1) * (0.7 + 0.5 * bend)
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        bark = np.zeros(len(t))
        for k in range(1, 25):
            gain = np.exp(-(((k * hertz[:, None] - formants) / 350) ** 2)).sum(axis=1)
            bark += np.where(k * hertz < RATE / 2, gain, 0) * np.sin(k * phase)
        bark += source.uniform(0.1, 0.6) * _band(clip.normal(size=len(t)), 500, 5_000)
        _put(out, at, bark * bend)
    return out


def _clock(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    hertz = source.uniform(1_000, 7_000, 4)
    other = hertz * source.uniform(0.7, 1.0)
    decays, gains = source.uniform(0.001, 0.012, 4), source.exponential(1, 4)
    for number, at in enumerate(_events(seconds, source.uniform(0.2, 1.0), 0.003, clip)):
        _put(out, at, _rings(other if number % 2 else hertz, decays, gains, 0.06))
    return out


def _footsteps(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    thud, low, high = source.uniform(50, 180), source.uniform(200, 1_200), source.uniform(2_000, 7_000)
    crunch, decay = source.uniform(0.1, 1.0), source.uniform(0.02, 0.1)
    for at in _events(seconds, source.uniform(0.3, 0.75), 0.06, clip):
        t = _times(0.25)
        heel = np.sin(2 * np.pi * thud * clip.uniform(0.9, 1.1) * t) * np.exp(-t / 0.04)
        sole = _band(clip.normal(size=len(t)), low, high) * np.exp(-t / decay) * crunch
        _put(out, at, clip.uniform(0.6, 1) * heel + sole)
        _put(out, at + 0.08, 0.5 * clip.uniform(0.5, 1) * sole)
    return out


def _drops(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base, rise = source.uniform(500, 2_200), source.uniform(0.3, 1.5)
    for at in _events(seconds, source.uniform(0.15, 0.9), 0.4, clip):
        t = _times(0.15)
        hertz = base * clip.uniform(0.8, 1.25) * (1 + rise * t / 0.1)
        drop = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.exp(-t / source.uniform(0.02, 0.05))
        _put(out, at, clip.uniform(0.4, 1) * drop * np.minimum(1, t / 0.003))
    return out


def _birds(source: Draw, clip: Draw, seconds: float) -> Wave:
    out = np.zeros(round(seconds * RATE))
    base, span = source.uniform(2_000, 5_500), source.uniform(0.1, 0.6)
    length_s, trill, notes = source.uniform(0.05, 0.25), source.uniform(0, 60), int(source.integers(1, 6))
    for at in _events(seconds, source.uniform(0.4, 1.3), 0.3, clip):
        for note in range(notes):
            t = _times(length_s)
            bend = np.cos(2 * np.pi * (t / length_s * source.uniform(0.3, 1.0) + note / 3))
            wobble = 1 + 0.05 * np.sin(2 * np.pi * trill * t)
            hertz = base * clip.uniform(0.93, 1.07) * (1 + span * 0.5 * bend) * wobble
            chirp = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.sin(np.pi * t / length_s)
            _put(out, at + note * length_s * 1.3, clip.uniform(0.5, 1) * chirp)
    return out


CLASSES: dict[str, Callable[[Draw, Draw, float], Wave]] = {
    "rain": _rain,
    "wind": _wind,
    "engine": _engine,
    "bell": _bell,
    "siren": _siren,
    "dog": _dog,
    "clock": _clock,
    "footsteps": _footsteps,
    "drops": _drops,
    "birds": _birds,
}
