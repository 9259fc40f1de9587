"""Same sound: pairs of clips that may be, by their vectors; and whether two waveforms are, whatever their codec.

Vectors cannot tell a poor MP3 of a recording from another take of the same word: both lie about as far away. So vectors
only propose candidate pairs, and waveforms decide. Vectors decide alone only where two clips lie so much closer than
their surroundings that chance does not explain it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.arrays import Floats
from hover_core.numerics import neighbours
from hover_core.numerics.standardize import Scale, unit

Rows = NDArray[np.int64]

RATE: Final = 8_000  # Hz of the waveforms that are compared
LONGEST_S: Final = 10.0  # seconds of each clip that are compared, from its start
SAME_WAVE: Final = 0.94  # least resemblance. In FSDD other takes reach 0.93; MP3 at 16 kbit/s stays above 0.95
_BAND_HZ: Final = 2_000  # frequencies below it survive every codec
_PRE_EMPHASIS: Final = 0.7  # without it the loudest vowel decides
_LIKELY: Final = 10  # neighbours of each clip that become candidates
_SURROUNDINGS: Final = 20  # the distance to this neighbour is the scale that a pair is measured by
_CHANCE: Final = 0.05  # pairs expected below the threshold in a corpus without duplicates
_NO_DISTANCE: Final = 1e-6  # float32 cannot tell less between unit vectors
_COSINE_IS_ROUGH: Final = 0.05  # below this, distances are computed from differences, not from cosines
_EXACT_UP_TO: Final = 20_000  # rows
_PROBES: Final = 8  # cells that a search looks into beyond that


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of rows that may be the same sound, the closest first.

    Attributes
    ----------
    pairs : two rows each, the smaller first [shape=(m, 2), int64]
    closeness : distance of each pair in units of its surroundings; 0 is the same vector [shape=(m,), float32]
    threshold : chance does not explain a pair whose closeness is below this
    dimension : the intrinsic dimension of the corpus, which the threshold follows from
    """

    pairs: Rows
    closeness: Floats
    threshold: float
    dimension: float

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Pairs that are closer than chance explains, and so the same sound. [shape=(m,), bool]"""
        return self.closeness < self.threshold


def likely(vectors: Floats) -> CandidatePairs:
    """The pairs of a corpus [shape=(n, d), float32] that may be the same sound.

    Distances are between unit vectors of the standardised corpus, divided by the distance to the 20th neighbour of
    both: where clips are dense, near-duplicates must be closer. If clips are spread evenly in `m` dimensions, a
    neighbour lies below a share `t` of that distance with probability `t ** m`. `m` follows from the distances to the
    10th and the 20th neighbour, on which a few copies of a clip have no effect; `t` is chosen so that chance produces
    0.05 pairs in the whole corpus. Exact up to 20,000 rows; above, FAISS probes the 8 nearest cells, where copies
    always lie.

    Examples
    --------
    >>> vectors = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    >>> vectors[70] = vectors[20]
    >>> candidates = likely(vectors)
    >>> candidates.pairs[candidates.sure].tolist()
    [[20, 70]]
    """
    first, number_of = _distinct(vectors)
    twice = np.flatnonzero(first[number_of] != np.arange(len(vectors)))
    same = np.stack([first[number_of[twice]], twice], axis=1)
    if len(first) < 3:
        return CandidatePairs(same, np.zeros(len(same), np.float32), 1e-6, 0.0)
    near, distance = _neighbours(vectors[first], min(_SURROUNDINGS, len(first) - 1))
    width = near.shape[1]
    spacing = distance[:, -1]
    ratio = spacing / np.maximum(distance[:, width // 2 - 1 if width > 1 else 0], 1e-6)
    growth = float(np.median(np.log(np.maximum(ratio, 1 + 1e-6))))
    dimension = float(np.clip(np.log(width / max(width // 2, 1)) / growth, 1.0, 60.0))
    threshold = float((_CHANCE / (len(first) * width)) ** (1 / dimension))
    rows = np.repeat(np.arange(len(first)), width).reshape(near.shape)
    close = distance / np.maximum(np.sqrt(spacing[rows] * spacing[near]), 1e-6)
    close[distance < _NO_DISTANCE] = 0
    worth = (np.arange(width) < _LIKELY)[None, :] & (near >= 0)
    pairs = np.sort(np.stack([rows[worth], near[worth]], axis=1), axis=1)
    keys, where = np.unique(pairs[:, 0] * np.int64(len(first)) + pairs[:, 1], return_index=True)
    pairs = np.stack([keys // len(first), keys % len(first)], axis=1)
    everything = np.concatenate([same, first[pairs]])
    closeness = np.concatenate([np.zeros(len(same), np.float32), close[worth][where].astype(np.float32)])
    order = np.argsort(closeness, kind="stable")
    return CandidatePairs(everything[order], closeness[order], threshold, dimension)


def groups_of(size: int, pairs: Rows) -> NDArray[np.int32]:
    """The connected component of each clip in the graph of `pairs` [shape=(m, 2), int64], numbered in clip order.

    `size` is the number of clips; a clip in no pair gets -1. [shape=(size,), int32]

    Examples
    --------
    >>> groups_of(5, np.array([[1, 4], [4, 2]])).tolist()
    [-1, 0, 0, -1, 0]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    group = np.full(size, -1, np.int32)
    if len(pairs):
        links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
        _, component = connected_components(links, directed=False)
        rows = np.unique(pairs)
        _, number = np.unique(component[rows], return_inverse=True)
        group[rows] = _in_order(number)
    return group


def print_of(wave: Floats) -> Floats:
    """A print of a waveform [shape=(n,), float32, at 8 kHz] that survives every codec. [shape=(n // 2,), float32]

    It is the first ten seconds below 2 kHz, so at 4 kHz, with energy 1; all zeros for silence.
    """
    import scipy.fft

    wave = wave[: round(LONGEST_S * RATE)]
    size = 4 * scipy.fft.next_fast_len(len(wave) // 4 + 200)
    spectrum = scipy.fft.rfft(wave, size)[: size * _BAND_HZ // RATE + 1]
    turn = np.exp(-1j * np.pi * np.arange(len(spectrum)) / (len(spectrum) - 1))
    spectrum = spectrum * (1 - _PRE_EMPHASIS * turn)
    spectrum[0] = 0
    low_band = scipy.fft.irfft(spectrum, 2 * (len(spectrum) - 1))[: len(wave) // 2]
    energy = np.sqrt(np.sum(low_band**2))
    return (low_band / energy).astype(np.float32) if energy > 1e-4 else np.zeros(len(low_band), np.float32)


def resemblance(one: Floats, other: Floats) -> float:
    """The similarity of two prints [float32], 0 to 1: their largest cross-correlation at any delay.

    Gain, delay and polarity have no effect. Two silences have 1.

    Examples
    --------
    >>> wave = np.random.default_rng(0).normal(size=8_000).astype(np.float32)
    >>> round(resemblance(print_of(wave), print_of(-0.5 * np.roll(wave, 80))), 1)
    1.0
    """
    import scipy.fft

    if not (one.any() or other.any()):
        return 1.0
    size = scipy.fft.next_fast_len(len(one) + len(other), real=True)
    correlation = scipy.fft.irfft(scipy.fft.rfft(one, size) * np.conj(scipy.fft.rfft(other, size)), size)
    return float(min(1.0, np.abs(correlation).max()))


def _distinct(vectors: Floats) -> tuple[Rows, Rows]:
    """The first row of each distinct vector, rising; and for each row the index of its vector among these."""
    whole = np.ascontiguousarray(vectors, np.float32) + np.float32(0)  # -0.0 is 0.0
    _, first, back = np.unique(whole.view(f"V{4 * whole.shape[1]}").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[back.ravel()]


def _neighbours(vectors: Floats, k: int) -> tuple[Rows, Floats]:
    """The `k` nearest other rows of each row and their distances, nearest first; -1 and 2 where there are fewer."""
    rows = np.ascontiguousarray(unit(Scale.of(vectors).standardise(vectors)))
    n = len(rows)
    if n <= _EXACT_UP_TO:
        near, cosine = neighbours.nearest(rows, rows, k + 1, "product")
    else:
        cells = round(4 * np.sqrt(n)) if n <= 200_000 else round(2 * np.sqrt(n))
        cosine, near = neighbours.cell_index(rows, cells, _PROBES, "product").search(rows, k + 1)
    itself = near == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than k others lie at distance 0
    near, cosine = near[~itself].reshape(n, k), cosine[~itself].reshape(n, k)
    distance = np.sqrt(np.maximum(2 - 2 * np.where(near < 0, -1, cosine), 0)).astype(np.float32)
    close_rows, place = np.nonzero((distance < _COSINE_IS_ROUGH) & (near >= 0))
    for start in range(0, len(close_rows), 65_536):
        a, b = close_rows[start : start + 65_536], place[start : start + 65_536]
        distance[a, b] = np.linalg.norm(rows[a] - rows[near[a, b]], axis=1)
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(distance, order, axis=1)


def _in_order(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers replaced by 0, 1, 2 … in the order of their first occurrence."""
    _, first, back = np.unique(number, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[back]
