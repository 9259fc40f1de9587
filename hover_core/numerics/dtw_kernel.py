"""Dynamic time warping of one sequence with many, compiled. Importing this takes numba; `dtw` does so when it must.

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
    """Write into `out` [shape=(m,)] the distance of `query` [shape=(n, d)] to each sequence in `halves`.

    Those are the bits of half-precision numbers [shape=(frames, d)]; sequence k has `counts[k]` frames from `starts[k]`
    on. What depends on nothing to its left is done for a whole row of the band at once, in loops that the compiler
    turns into vector instructions; for that a sequence lies coefficient by coefficient.
    """
    n, d = query.shape
    longest = 0
    for count in counts:
        longest = max(longest, count)
    bits = np.empty(longest * d, np.uint32)
    single = bits.view(np.float32)
    turned = np.empty((d, longest), np.float32)
    cost = np.empty(longest, np.float32)
    entered = np.empty(longest, np.float32)
    above = np.empty(longest + 2, np.float32)
    here = np.empty(longest + 2, np.float32)
    for which in range(len(starts)):
        first, m = starts[which], counts[which]
        half = halves[first : first + m].reshape(m * d)
        for k in range(m * d):  # sign and the rest, moved to where single precision has them ...
            one = np.uint32(half[k])
            bits[k] = (one & np.uint32(0x8000)) << np.uint32(16) | (one & np.uint32(0x7FFF)) << np.uint32(13)
        for k in range(m * d):  # ... and the other bias of its exponents
            single[k] *= np.float32(2.0**112)
        for k in range(d):
            for j in range(m):
                turned[k, j] = single[j * d + k]
        # a band that is too narrow for how much longer one is than the other would never reach the end
        radius = max(band, (m + n - 1) // n)
        here[: m + 2] = np.inf
        above[: m + 2] = np.inf
        above[0] = 0.0
        for i in range(n):
            middle = i * (m - 1) // (n - 1) if n > 1 else 0
            low, high = max(0, middle - radius), min(m, middle + radius + 1)
            if n == 1:
                low, high = 0, m
            width = high - low
            costs, enter = cost[:width], entered[:width]
            value, near = query[i, 0], turned[0, low:high]
            for j in range(width):
                step = value - near[j]
                costs[j] = step * step
            for k in range(1, d):
                value, near = query[i, k], turned[k, low:high]
                for j in range(width):
                    step = value - near[j]
                    costs[j] += step * step
            upper, diagonal, row = above[low + 1 : high + 1], above[low:high], here[low + 1 : high + 1]
            for j in range(width):
                costs[j] = np.sqrt(costs[j])
            for j in range(width):
                enter[j] = min(upper[j] + costs[j], diagonal[j] + np.float32(2.0) * costs[j])
            left = np.float32(np.inf)
            for j in range(width):
                left = min(left + costs[j], enter[j])
                row[j] = left
            # the band never moves back: of what was written two rows ago only its edges would be read again
            here[low] = here[high + 1] = np.inf
            above, here = here, above
        out[which] = above[m] / np.float32(n + m)
