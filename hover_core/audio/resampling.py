"""Streamed resampling by soxr, which keeps its filters between recordings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any


class Resamplers:
    """Streamed resampling by soxr HQ; filters are kept for the next recording of the same rate."""

    def __init__(self) -> None:
        self._filters: dict[tuple[int, int, int], Any] = {}

    def stream(self, blocks: Iterator[Any], rate: int, target_rate: int, channels: int) -> Iterator[Any]:
        """Blocks at `target_rate`: together the same samples as `librosa.resample(res_type="soxr_hq")` of the whole.

        Parameters
        ----------
        blocks
            [shape=(n,), or (n, channels) for more than one channel, float32]
        rate, target_rate
            [Hz]

        Yields
        ------
        np.ndarray
            Blocks as above; ceil(samples * target_rate / rate) samples in all.

        Examples
        --------
        >>> import numpy as np
        >>> blocks = [np.zeros(8_000, np.float32), np.zeros(100, np.float32)]
        >>> sum(len(block) for block in Resamplers().stream(iter(blocks), 8_000, 16_000, 1))
        16200
        """
        import numpy as np

        if rate == target_rate:
            yield from blocks
            return
        resampler = self._resampler(rate, target_rate, channels)
        samples_in = samples_out = 0
        pending = None
        for block in blocks:
            if pending is not None:
                out = resampler.resample_chunk(pending)
                samples_out += len(out)
                yield out
            pending = block
            samples_in += len(block)
        if pending is None:
            return
        out = resampler.resample_chunk(pending, last=True)
        missing = math.ceil(samples_in * (float(target_rate) / rate)) - samples_out
        if len(out) < missing:
            out = np.concatenate([out, np.zeros((missing - len(out), *out.shape[1:]), np.float32)])
        yield out[:missing]

    def _resampler(self, rate: int, target_rate: int, channels: int) -> Any:
        setting = (rate, target_rate, channels)
        resampler = self._filters.pop(setting, None)
        if resampler is None:
            import soxr

            resampler = soxr.ResampleStream(*setting, dtype="float32", quality="HQ")
        else:
            resampler.clear()
        while len(self._filters) >= 4:
            del self._filters[next(iter(self._filters))]
        self._filters[setting] = resampler
        return resampler
