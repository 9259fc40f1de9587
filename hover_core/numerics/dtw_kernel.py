"""Dynamic time warping of one sequence with many, compiled. It imports numba, so `dtw` imports it only when needed.

Sakoe, Chiba. Dynamic programming algorithm optimization for spoken word recognition. IEEE Trans. ASSP 26, 1978:
symmetric steps (a diagonal one counts twice), a band around the diagonal, the sum divided by both lengths.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(
    "void(float32[:, ::1], uint16[:, ::1], int64[::1], int64[::1], int64, float32[::1])",
    cache=True,
    nogil=True,
    fastmath={"nsz", "arcp", "contract", "afn", "reassoc"},  # all but those that would make infinity undefined
)
def warp(query, halves, starts, counts, band, out):  # type: ignore[no-untyped-def]
    """Write into `out` [shape=(m,), float32] the distance of `query` [shape=(n, d), float32] to each stored sequence.

    `halves` are the bits of half-precision frames [shape=(frames, d), uint16]; sequence k has `counts[k]` frames from
    `starts[k]` on [shape=(m,), int64]; `band` is the half-width of the band [frames]. Costs that depend on nothing to
    their left are computed for a whole row of the band in loops that the compiler turns into vector instructions; for
    that a sequence is copied so that each coefficient is contiguous.
    """
    n, d = query.shape
    longest = 0
    for count in counts:
        longest = max(longest, count)
    bits = np.empty(longest * d, np.uint32)
    single = bits.view(np.float32)
    by_coefficient = np.empty((d, longest), np.float32)
    cost = np.empty(longest, np.float32)
    entry_costs = np.empty(longest, np.float32)
    above = np.empty(longest + 2, np.float32)
    current = np.empty(longest + 2, np.float32)
    for sequence in range(len(starts)):
        first, m = starts[sequence], counts[sequence]
        half = halves[first : first + m].reshape(m * d)
        for k in range(m * d):  # sign and the rest, moved to where single precision has them ...
            one = np.uint32(half[k])
            bits[k] = (one & np.uint32(0x8000)) << np.uint32(16) | (one & np.uint32(0x7FFF)) << np.uint32(13)
        for k in range(m * d):  # ... and the other bias of its exponents
            single[k] *= np.float32(2.0**112)
        for k in range(d):
            for j in range(m):
                by_coefficient[k, j] = single[j * d + k]
        # where one sequence is much longer than the other, a narrower band would not reach the end
        radius = max(band, (m + n - 1) // n)
        current[: m + 2] = np.inf
        above[: m + 2] = np.inf
        above[0] = 0.0
        for i in range(n):
            middle = i * (m - 1) // (n - 1) if n > 1 else 0
            low, high = max(0, middle - radius), min(m, middle + radius + 1)
            if n == 1:
                low, high = 0, m
            width = high - low
            costs, entries = cost[:width], entry_costs[:width]
            value, near = query[i, 0], by_coefficient[0, low:high]
            for j in range(width):
                step = value - near[j]
                costs[j] = step * step
            for k in range(1, d):
                value, near = query[i, k], by_coefficient[k, low:high]
                for j in range(width):
                    step = value - near[j]
                    costs[j] += step * step
            upper, diagonal, row = above[low + 1 : high + 1], above[low:high], current[low + 1 : high + 1]
            for j in range(width):
                costs[j] = np.sqrt(costs[j])
            for j in range(width):
                entries[j] = min(upper[j] + costs[j], diagonal[j] + np.float32(2.0) * costs[j])
            lowest = np.float32(np.inf)
            for j in range(width):
                lowest = min(lowest + costs[j], entries[j])
                row[j] = lowest
            # the band never moves back: of the values from two rows ago only the edges would be read again
            current[low] = current[high + 1] = np.inf
            above, current = current, above
        out[sequence] = above[m] / np.float32(n + m)
