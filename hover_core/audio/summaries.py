"""Pictures of a clip: outline, loudness and spectrogram of a recording, or of `[start_s, end_s)` of it.

Runs only in decoder processes (`hover_core.audio.decoder_worker`), in bounded memory for clips of any length. All
functions raise the errors of `Recording.blocks`.
"""

from __future__ import annotations

from typing import Any

from hover_core.audio.recording import Recording, mono, sane
from hover_core.audio.resampling import Resamplers

_FLOOR = 1e-12  # -120 dB


def peaks(recording: Recording, start_s: Any, end_s: Any, n: int) -> bytes:
    """The largest amplitude in each n-th of the clip, 255 at its loudest: bytes of [shape=(n,), uint8]."""
    import numpy as np

    # One value for each sample at first; neighbours are merged when the clip turns out to be long.
    values = np.zeros(0, np.float32)
    rest = np.zeros(0, np.float32)
    step = 1
    for block in recording.blocks(start_s, end_s):
        rest = np.concatenate([rest, np.abs(sane(block)).max(axis=1)])
        whole = len(rest) // step * step
        values = np.concatenate([values, rest[:whole].reshape(-1, step).max(axis=1)])
        rest = rest[whole:]
        while len(values) > 1 << 18:
            if len(values) % 2:
                rest = np.concatenate([np.full(step, values[-1]), rest])
                values = values[:-1]
            values = values.reshape(-1, 2).max(axis=1)
            step *= 2
    if len(rest):
        values = np.append(values, rest.max())
    edges = np.arange(n) * len(values) // n
    outline = np.maximum.reduceat(values, edges)
    loudest = float(outline.max())
    scaled = np.zeros(n) if loudest <= 0 else outline / np.float64(loudest) * 255
    return np.rint(scaled).astype(np.uint8).tobytes()


def loudness(recording: Recording, start_s: Any, end_s: Any, step_s: float) -> tuple[float, bytes]:
    """The duration [seconds], and the mean power of each `step_s`: bytes of [shape=(n,), float32, dBFS]."""
    import numpy as np

    step = max(1.0, step_s * recording.rate)  # not always a whole number of samples
    powers: list[Any] = []
    rest = np.zeros(0, np.float32)
    samples = steps = 0
    for block in recording.mono(start_s, end_s):
        samples += len(block)
        rest = np.concatenate([rest, block])
        edges = np.rint(np.arange(steps, int(samples / step) + 1) * step).astype(np.int64)
        if len(edges) > 1:
            power = rest[: edges[-1] - edges[0]].astype(np.float64) ** 2
            powers.append(np.add.reduceat(power, edges[:-1] - edges[0]) / np.diff(edges))
            rest = rest[edges[-1] - edges[0] :]
            steps += len(edges) - 1
    if len(rest):
        powers.append(np.mean(rest.astype(np.float64) ** 2, keepdims=True))
    decibels = 10 * np.log10(np.maximum(np.concatenate(powers), _FLOOR))
    return samples / recording.rate, decibels.astype(np.float32).tobytes()


def spectrogram(
    recording: Recording, resamplers: Resamplers, start_s: Any, end_s: Any, width: int, height: int
) -> bytes:
    """Loudness over frequency and time, 255 at the loudest, 0 at 80 dB below: bytes of [shape=(height, width), uint8].

    Rows go from 8 kHz down to 0 Hz, columns from the start of the clip to its end.
    """
    import numpy as np
    import scipy.fft

    frame, hop = 512, 128
    window = np.hanning(frame).astype(np.float32)
    blocks = (mono(block)[:, np.newaxis] for block in recording.blocks(start_s, end_s))
    columns = np.zeros((0, frame // 2 + 1), np.float32)
    rest = np.zeros(frame // 2, np.float32)  # the first column is centred on the first sample
    frames_a_column = 1  # neighbours are merged when the clip turns out to be long
    loose: list[Any] = []
    for block in resamplers.stream(blocks, recording.rate, 16_000, 1):
        rest = np.concatenate([rest, block[:, 0]])
        while len(rest) >= frame:
            frames = np.lib.stride_tricks.sliding_window_view(rest, frame)[::hop][:512]
            power = np.abs(scipy.fft.rfft(frames * window, axis=1)) ** 2
            rest = rest[len(frames) * hop :]
            loose.extend(power)
            whole = len(loose) // frames_a_column * frames_a_column
            fresh = np.array(loose[:whole], np.float32).reshape(-1, frames_a_column, power.shape[1]).mean(axis=1)
            loose = loose[whole:]
            columns = np.concatenate([columns, fresh])
            while len(columns) >= 4 * width:
                even = len(columns) // 2 * 2
                loose = [column for column in columns[even:] for _ in range(frames_a_column)] + loose
                columns = columns[:even].reshape(-1, 2, columns.shape[1]).mean(axis=1)
                frames_a_column *= 2
    tail = np.pad(rest, (0, frame - len(rest)))
    loose.append(np.abs(scipy.fft.rfft(tail * window)) ** 2)
    columns = np.concatenate([columns, np.array(loose, np.float32).mean(axis=0)[np.newaxis]])
    edges = np.arange(width) * len(columns) // width
    in_time = np.add.reduceat(columns, edges, axis=0)
    in_time /= np.maximum(np.diff(edges, append=len(columns)), 1)[:, np.newaxis]
    rows = np.maximum.reduceat(in_time, np.arange(height) * in_time.shape[1] // height, axis=1)
    decibels = 10 * np.log10(np.maximum(rows, 1e-10))
    loudest = max(float(decibels.max()), -20.0)  # silence stays dark
    scaled = np.clip((decibels - loudest) / 80 + 1, 0, 1) * 255
    return np.ascontiguousarray(np.rint(scaled).astype(np.uint8).T[::-1]).tobytes()
