"""Which clips may be the same sound, by their vectors; and whether two waveforms are, whatever their codec.

A vector cannot tell a poor MP3 from another take of the same word: both lie about as far away. So vectors only name the
pairs worth a closer look, and their waveforms decide; vectors decide alone only where two clips lie so much closer than
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
LONGEST_S: Final = 10.0  # of each clip, from its start
SAME_WAVE: Final = 0.94  # FSDD: other takes reach 0.93, MP3 at 16 kbit/s stays above 0.95
_BAND_HZ: Final = 2_000  # what every codec keeps
_PRE_EMPHASIS: Final = 0.7  # else the loudest vowel decides
_LIKELY: Final = 10  # neighbours of each clip that are worth a look
_SURROUNDINGS: Final = 20  # the distance to this neighbour is the scale that a pair is measured by
_CHANCE: Final = 0.05  # pairs expected below the threshold in a corpus without duplicates
_NO_DISTANCE: Final = 1e-6  # float32 cannot tell less between unit vectors
_COSINE_IS_ROUGH: Final = 0.05  # below this distance it is taken from the difference instead
_EXACT_UP_TO: Final = 20_000
_PROBES: Final = 8


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of rows that may be the same sound, the most alike first.

    Attributes
    ----------
    pairs : rows, the smaller first [shape=(m, 2)]
    closeness : distance of each pair, measured by its surroundings: 0 is the same vector [shape=(m,), float32]
    threshold : below this closeness chance does not explain a pair
    dimension : how many ways the corpus varies in, which is what the threshold follows from
    """

    pairs: Rows
    closeness: Floats
    threshold: float
    dimension: float

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Which pairs have the same vector as far as the corpus can tell. [shape=(m,)]"""
        return self.closeness < self.threshold


def likely(vectors: Floats) -> CandidatePairs:
    """The pairs of a corpus [shape=(n, d), float32] that may be the same sound.

    Distances are between unit vectors of the standardised corpus. A pair is measured by the distance to the 20th
    neighbour of both: where clips are dense, twins must be closer. If clips are spread evenly in `m` dimensions, a
    neighbour lies below a share `t` of that distance with probability `t ** m`; `m` follows from the distances to the
    10th and the 20th neighbour, which a few copies of a clip do not move, and `t` from allowing chance 0.05 pairs in
    the whole corpus. Exact up to 20,000 rows; above, FAISS probes the 8 nearest of √n cells, where copies always lie.
    """
    first, back = _distinct(vectors)
    twice = np.flatnonzero(first[back] != np.arange(len(vectors)))
    same = np.stack([first[back[twice]], twice], axis=1)
    if len(first) < 3:
        return CandidatePairs(same, np.zeros(len(same), np.float32), 1e-6, 0.0)
    near, distance = _neighbours(vectors[first], min(_SURROUNDINGS, len(first) - 1))
    width = near.shape[1]
    spacing = distance[:, -1]
    ratio = spacing / np.maximum(distance[:, width // 2 - 1 if width > 1 else 0], 1e-6)
    growth = float(np.median(np.log(np.maximum(ratio, 1 + 1e-6))))
    dimension = float(np.clip(np.log(width / max(width // 2, 1)) / growth, 1.0, 60.0))
    threshold = float((_CHANCE / (len(first) * width)) ** (1 / dimension))
    asked = np.repeat(np.arange(len(first)), width).reshape(near.shape)
    close = distance / np.maximum(np.sqrt(spacing[asked] * spacing[near]), 1e-6)
    close[distance < _NO_DISTANCE] = 0
    worth = (np.arange(width) < _LIKELY)[None, :] & (near >= 0)
    pairs = np.sort(np.stack([asked[worth], near[worth]], axis=1), axis=1)
    keys, where = np.unique(pairs[:, 0] * np.int64(len(first)) + pairs[:, 1], return_index=True)
    pairs = np.stack([keys // len(first), keys % len(first)], axis=1)
    everything = np.concatenate([same, first[pairs]])
    closeness = np.concatenate([np.zeros(len(same), np.float32), close[worth][where].astype(np.float32)])
    order = np.argsort(closeness, kind="stable")
    return CandidatePairs(everything[order], closeness[order], threshold, dimension)


def groups_of(size: int, pairs: Rows) -> NDArray[np.int32]:
    """The group of each of `size` clips, numbered in clip order; -1 for a clip that no pair names. [shape=(size,)]"""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    group = np.full(size, -1, np.int32)
    if len(pairs):
        links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
        _, found = connected_components(links, directed=False)
        named = np.unique(pairs)
        _, number = np.unique(found[named], return_inverse=True)
        group[named] = _in_order(number)
    return group


def print_of(wave: Floats) -> Floats:
    """What of a waveform [shape=(n,), float32, at 8 kHz] every codec keeps, at energy 1. [shape=(n // 2,), float32]

    Its first ten seconds below 2 kHz, so at 4 kHz; all zeros for silence.
    """
    import scipy.fft

    wave = wave[: round(LONGEST_S * RATE)]
    size = 4 * scipy.fft.next_fast_len(len(wave) // 4 + 200)
    spectrum = scipy.fft.rfft(wave, size)[: size * _BAND_HZ // RATE + 1]
    turn = np.exp(-1j * np.pi * np.arange(len(spectrum)) / (len(spectrum) - 1))
    spectrum = spectrum * (1 - _PRE_EMPHASIS * turn)
    spectrum[0] = 0
    kept = scipy.fft.irfft(spectrum, 2 * (len(spectrum) - 1))[: len(wave) // 2]
    energy = np.sqrt(np.sum(kept**2))
    return (kept / energy).astype(np.float32) if energy > 1e-4 else np.zeros(len(kept), np.float32)


def resemblance(one: Floats, other: Floats) -> float:
    """How alike two prints are, 0 to 1: the largest normalised cross-correlation at any delay.

    Blind to gain, delay and polarity. Two silences are alike.
    """
    import scipy.fft

    if not (one.any() or other.any()):
        return 1.0
    size = scipy.fft.next_fast_len(len(one) + len(other), real=True)
    crossed = scipy.fft.irfft(scipy.fft.rfft(one, size) * np.conj(scipy.fft.rfft(other, size)), size)
    return float(min(1.0, np.abs(crossed).max()))


def _distinct(vectors: Floats) -> tuple[Rows, Rows]:
    """The first row of each different vector in rising order, and for each row the number of its vector there."""
    whole = np.ascontiguousarray(vectors, np.float32) + np.float32(0)  # -0.0 is 0.0
    _, first, back = np.unique(whole.view(f"V{4 * whole.shape[1]}").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[back.ravel()]


def _neighbours(vectors: Floats, k: int) -> tuple[Rows, Floats]:
    """For each row its `k` nearest others and their distances, the nearest first; -1 and 2 where there are fewer."""
    rows = np.ascontiguousarray(unit(Scale.of(vectors).standardise(vectors)))
    n = len(rows)
    if n <= _EXACT_UP_TO:
        near, cosine = neighbours.nearest(rows, rows, k + 1, "product")
    else:
        cells = round(4 * np.sqrt(n)) if n <= 200_000 else round(2 * np.sqrt(n))
        cosine, near = neighbours.cell_index(rows, cells, _PROBES, "product").search(rows, k + 1)
    itself = near == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # more than k others lie at no distance
    near, cosine = near[~itself].reshape(n, k), cosine[~itself].reshape(n, k)
    distance = np.sqrt(np.maximum(2 - 2 * np.where(near < 0, -1, cosine), 0)).astype(np.float32)
    asked, place = np.nonzero((distance < _COSINE_IS_ROUGH) & (near >= 0))
    for start in range(0, len(asked), 65_536):
        a, b = asked[start : start + 65_536], place[start : start + 65_536]
        distance[a, b] = np.linalg.norm(rows[a] - rows[near[a, b]], axis=1)
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(distance, order, axis=1)


def _in_order(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers given anew in the order in which they first occur."""
    _, first, back = np.unique(number, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[back]
