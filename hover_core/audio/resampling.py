"""Resampling by soxr, streamed, with its filters kept between recordings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any


class Resamplers:
    """soxr HQ, streamed; its filters are kept for the next recording of the same rate."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], Any] = {}

    def stream(self, blocks: Iterator[Any], rate: int, wanted: int, channels: int) -> Iterator[Any]:
        """As `librosa.resample(res_type="soxr_hq")` on the whole, to the sample: ceil(n * ratio) of them."""
        import numpy as np

        if rate == wanted:
            yield from blocks
            return
        resampler = self._resampler(rate, wanted, channels)
        given = made = 0
        waiting = None
        for block in blocks:
            if waiting is not None:
                out = resampler.resample_chunk(waiting)
                made += len(out)
                yield out
            waiting = block
            given += len(block)
        if waiting is None:
            return
        out = resampler.resample_chunk(waiting, last=True)
        missing = math.ceil(given * (float(wanted) / rate)) - made
        if len(out) < missing:
            out = np.concatenate([out, np.zeros((missing - len(out), *out.shape[1:]), np.float32)])
        yield out[:missing]

    def _resampler(self, rate: int, wanted: int, channels: int) -> Any:
        setting = (rate, wanted, channels)
        resampler = self._kept.pop(setting, None)
        if resampler is None:
            import soxr

            resampler = soxr.ResampleStream(*setting, dtype="float32", quality="HQ")
        else:
            resampler.clear()
        while len(self._kept) >= 4:
            del self._kept[next(iter(self._kept))]
        self._kept[setting] = resampler
        return resampler
