"""Dynamic time warping of one sequence with many, compiled. Importing this takes numba; `dtw` does so when it must.

Sakoe, Chiba. Dynamic programming algorithm optimization for spoken word recognition. IEEE Trans. ASSP 26, 1978:
symmetric steps (a diagonal one counts twice), a band around the diagonal, the sum divided by both lengths.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(
    "void(float32[:, ::1], float32[:, ::1], int64[::1], int64[::1], int64, float32[::1])",
    cache=True,
    nogil=True,
    fastmath={"nsz", "arcp", "contract", "afn", "reassoc"},  # all but those that would make infinity undefined
)
def warp(query, frames, starts, counts, band, out):  # type: ignore[no-untyped-def]
    """Write into `out` [shape=(m,)] the distance of `query` [shape=(n, d)] to each sequence in `frames`."""
    n, d = query.shape
    longest = 0
    for count in counts:
        longest = max(longest, count)
    above = np.empty(longest + 1, np.float32)
    here = np.empty(longest + 1, np.float32)
    for which in range(len(starts)):
        first, m = starts[which], counts[which]
        # a band that is too narrow for how much longer one is than the other would never reach the end
        radius = max(band, (m + n - 1) // n)
        above[: m + 1] = np.inf
        above[0] = 0.0
        for i in range(n):
            middle = i * (m - 1) // (n - 1) if n > 1 else 0
            low, high = max(0, middle - radius), min(m, middle + radius + 1)
            if n == 1:
                low, high = 0, m
            here[: m + 1] = np.inf
            left = np.float32(np.inf)
            for j in range(low, high):
                squares = np.float32(0.0)
                for k in range(d):
                    step = query[i, k] - frames[first + j, k]
                    squares += step * step
                cost = np.sqrt(squares)
                left = min(min(above[j + 1], left) + cost, above[j] + np.float32(2.0) * cost)
                here[j + 1] = left
            above, here = here, above
        out[which] = above[m] / np.float32(n + m)
