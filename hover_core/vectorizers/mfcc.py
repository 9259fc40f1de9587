"""Waveform → vector, streamed: one clip of any length in bounded memory.

`registry.get` finds these vectorizers by name or key. The key spells every setting, because vectors are stored under it
and never recomputed while it stays the same: a new setting needs a new key.

Runs in decoder processes (`hover_core.audio.decoder_worker`). It uses only numpy and scipy. librosa is the oracle in
the tests and not used here, because it rebuilds the mel filter for every clip (58 % of its time on a short one) and
takes 2 to 26 s for its first call. scipy is imported when the first clip needs it, so that pages that list vectorizers
do not wait for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from hover_core.vectorizers.base import Vectorizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 22_050  # Hz: librosa.load's default, and so the guide's
# the defaults of librosa.feature.melspectrogram and librosa.power_to_db
N_FFT = 2048  # samples
HOP = 512  # samples
N_MELS = 128
AMIN = 1e-10  # power
TOP_DB = 80.0

_BLOCK_FRAMES = 64  # 64 x 2048 float32 stay in the processor's cache: 256 frames take three times as long per frame
_AT_ONCE = 4  # frames that scipy's FFT computes at once; a rest of three takes as long as twelve
_GATHER = 1 << 16  # samples of the waveform that are gathered before they are cut into frames
_QUIET_DB = 25.0  # below the loudest frame
_PROFILE_QUIET_DB = 30.0
_SEGMENTS = 5  # equal stretches of time
_LAGS = (1, 4)  # frames


# -- frames ----------------------------------------------------------------------------------------------------------


class _Spectrogram:
    """Blocks of a waveform → blocks of its mel spectrogram in dB, without the floor 80 dB below its loudest value.

    The numbers are those of `librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22050), top_db=None)`.
    """

    def __init__(self, take: Callable[[Floats], None]) -> None:
        self._take = take  # gets [shape=(128, frames), float32]
        self._blocks: list[Floats] = [np.zeros(N_FFT // 2, np.float32)]  # librosa pads with half a frame
        self._length = N_FFT // 2
        self._samples = 0

    def push(self, block: Floats) -> None:
        if block.size:
            self._blocks.append(block)
            self._length += block.size
            self._samples += block.size
            if self._length >= _GATHER:
                self._drain()

    def finish(self) -> None:
        if not self._samples:
            raise ValueError("a clip without samples has no vector")
        self._blocks.append(np.zeros(N_FFT // 2 + (_AT_ONCE - 1) * HOP, np.float32))
        self._length += N_FFT // 2
        self._drain()

    def _drain(self) -> None:
        import scipy.fft

        if self._length < N_FFT:
            return
        window, mel = _window(), _mel_filter()
        wave = np.concatenate(self._blocks)
        frames, room = (1 + (length - N_FFT) // HOP for length in (self._length, wave.size))
        # Frames are columns: then rfft and the sparse filter both work on contiguous rows.
        view = np.ndarray((N_FFT, room), wave.dtype, wave, strides=(wave.itemsize, HOP * wave.itemsize))
        for first in range(0, frames, _BLOCK_FRAMES):
            last = min(first + _BLOCK_FRAMES, frames)
            end = min(-(-last // _AT_ONCE) * _AT_ONCE, room)
            spectrum = scipy.fft.rfft(view[:, first:end] * window, axis=0, overwrite_x=True)[:, : last - first]
            power = spectrum.real**2
            power += spectrum.imag**2
            decibels = mel @ power
            np.maximum(decibels, AMIN, out=decibels)
            np.log10(decibels, out=decibels)
            decibels *= 10.0
            self._take(decibels)
        self._blocks = [wave[frames * HOP :].copy()]
        self._length = self._blocks[0].size


@functools.cache
def _window() -> Floats:
    turn = 2 * np.pi * np.arange(N_FFT) / N_FFT  # periodic Hann, as scipy.signal.get_window("hann", fftbins=True)
    return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)[:, np.newaxis]


@functools.cache
def _mel_filter() -> Any:
    """Slaney's mel filter, equal to `librosa.filters.mel(sr=22050, n_fft=2048)`. [shape=(128, 1025), float32, sparse]

    Slaney, M. Auditory Toolbox, Version 2. Interval Research, 1998.
    """
    import scipy.sparse

    def mel(hertz: float) -> float:
        return hertz / (200 / 3) if hertz < 1000 else 15 + np.log(hertz / 1000) / (np.log(6.4) / 27)

    mels = np.linspace(mel(0.0), mel(RATE / 2), N_MELS + 2)
    edges = np.where(mels < 15, mels * (200 / 3), 1000 * np.exp((np.log(6.4) / 27) * (mels - 15)))
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE)
    rising = (bins - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    falling = (edges[2:, np.newaxis] - bins) / np.diff(edges)[1:, np.newaxis]
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles *= (2 / (edges[2:] - edges[:-2]))[:, np.newaxis]  # each triangle has area 1
    return scipy.sparse.csr_matrix(triangles.astype(np.float32))


@functools.cache
def _cosines(count: int) -> NDArray[np.float64]:
    """The first rows of the orthonormal DCT-II over mel bands. [shape=(count, 128), float64]"""
    rows = np.arange(count)[:, np.newaxis]
    basis: NDArray[np.float64] = np.cos(np.pi / N_MELS * (np.arange(N_MELS) + 0.5) * rows) * np.sqrt(2 / N_MELS)
    basis[0] /= np.sqrt(2)
    return basis


# -- mfcc-mean -------------------------------------------------------------------------------------------------------

_MOST_EXACT_FRAMES = 8192  # 3 minutes, 4 MB; longer clips go into a histogram
_BIN_DB, _LOWEST_DB, _BINS = 0.05, -100.0, 7000  # of the histogram of each mel band


class _MfccMean:
    """`librosa.feature.mfcc(y=y, sr=22050, n_mfcc=32).mean(axis=1)`.

    The DCT is linear, so the mean can be taken before it. The floor (80 dB below the loudest value) is not linear, and
    is known only at the end of the clip: short clips are kept whole, long ones as a histogram of each band in steps of
    0.05 dB. Only the step with the floor is then inexact, by less than 0.05 dB x the share of values in it.
    """

    def __init__(self, coefficients: int) -> None:
        self._coefficients = coefficients
        self._frames = _Spectrogram(self._take)
        self._decibels: list[Floats] = []
        self._count = 0
        self._histogram_frames = 0
        self._loudest = -np.inf
        self._counts: NDArray[np.int64] | None = None
        self._sums: NDArray[np.float64] | None = None

    def push(self, block: Floats) -> None:
        self._frames.push(block)

    def finish(self) -> Floats:
        self._frames.finish()
        if self._histogram_frames:
            self._to_histogram()
            mean = self._histogram_mean()
        else:
            decibels = self._decibels[0] if len(self._decibels) == 1 else np.concatenate(self._decibels, axis=1)
            np.maximum(decibels, decibels.max() - TOP_DB, out=decibels)
            mean = decibels.mean(axis=1, dtype=np.float64)
        return (_cosines(self._coefficients) @ mean).astype(np.float32)

    def _take(self, decibels: Floats) -> None:
        self._decibels.append(decibels)
        self._count += decibels.shape[1]
        if self._count >= _MOST_EXACT_FRAMES:
            self._to_histogram()

    def _to_histogram(self) -> None:
        if not self._decibels:
            return
        if self._counts is None or self._sums is None:
            self._counts = np.zeros(N_MELS * _BINS, np.int64)
            self._sums = np.zeros(N_MELS * _BINS, np.float64)
        decibels = np.concatenate(self._decibels, axis=1)
        self._loudest = max(self._loudest, float(decibels.max()))
        step = ((decibels - _LOWEST_DB) / _BIN_DB).astype(np.int32)
        np.clip(step, 0, _BINS - 1, out=step)
        step += (np.arange(N_MELS, dtype=np.int32) * _BINS)[:, np.newaxis]
        flat = step.ravel()
        self._counts += np.bincount(flat, minlength=self._counts.size)
        self._sums += np.bincount(flat, decibels.ravel(), minlength=self._sums.size)
        self._histogram_frames += decibels.shape[1]
        self._decibels, self._count = [], 0

    def _histogram_mean(self) -> NDArray[np.float64]:
        assert self._counts is not None
        assert self._sums is not None
        sums = np.maximum(self._sums, self._counts * (self._loudest - TOP_DB))
        mean: NDArray[np.float64] = sums.reshape(N_MELS, _BINS).sum(axis=1) / self._histogram_frames
        return mean


# -- segments --------------------------------------------------------------------------------------------------------

_MOST_FRAMES = 16_384  # 6 minutes; beyond, frames are merged in pairs each time the clip has doubled


class _Outline:
    """The mel spectrogram of a clip without its quiet ends, in bounded memory.

    Clips of more than six minutes are kept as means of 2, 4, 8 … neighbouring frames.
    """

    def __init__(self, quiet_db: float) -> None:
        self._quiet_db = quiet_db
        self._frames = _Spectrogram(self._take)
        self._decibels: list[Floats] = []
        self._count = 0
        self._step = 1
        self._rest: Floats | None = None  # fewer frames than a step

    def push(self, block: Floats) -> None:
        self._frames.push(block)

    def finish(self) -> tuple[Floats, int]:
        """Decibels without the ends more than `quiet_db` below the loudest frame [shape=(128, n)]; frames a column."""
        self._frames.finish()
        if self._rest is not None and self._rest.shape[1]:
            self._decibels.append(self._rest.mean(axis=1, keepdims=True))
        decibels = self._decibels[0] if len(self._decibels) == 1 else np.concatenate(self._decibels, axis=1)
        loudness = np.exp(decibels * np.float32(np.log(10) / 10)).sum(axis=0)
        loud = np.flatnonzero(loudness >= loudness.max() * 10 ** (-self._quiet_db / 10))
        floor = decibels.max() - TOP_DB
        return np.maximum(decibels[:, loud[0] : loud[-1] + 1], floor), self._step

    def _take(self, decibels: Floats) -> None:
        if self._step > 1:
            if self._rest is not None:
                decibels = np.concatenate([self._rest, decibels], axis=1)
            whole = decibels.shape[1] // self._step * self._step
            self._rest = decibels[:, whole:]
            decibels = decibels[:, :whole].reshape(N_MELS, -1, self._step).mean(axis=2)
        self._decibels.append(decibels)
        self._count += decibels.shape[1]
        if self._count >= _MOST_FRAMES:
            columns = np.concatenate(self._decibels, axis=1)
            if columns.shape[1] % 2:  # the last column waits for its partner
                alone = np.repeat(columns[:, -1:], self._step, axis=1)
                self._rest = alone if self._rest is None else np.concatenate([alone, self._rest], axis=1)
            even = columns.shape[1] // 2 * 2
            self._decibels = [columns[:, :even].reshape(N_MELS, -1, 2).mean(axis=2)]
            self._count = even // 2
            self._step *= 2


def _segment_means(rows: Floats | NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of each row over five equal segments of time. [shape=(rows, 5), float64]"""
    frames = rows.shape[1]
    edges = np.linspace(0, frames, _SEGMENTS + 1)
    first = np.floor(edges[:-1]).astype(int)
    last = np.maximum(first + 1, np.ceil(edges[1:]).astype(int))
    sums = np.zeros((len(rows), frames + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    means: NDArray[np.float64] = (sums[:, last] - sums[:, first]) / (last - first)
    return means


class _Segments:
    """Timbre from the beginning to the end of a clip, and how much it moves.

    Quiet ends (25 dB below the loudest frame) are trimmed. The vector has, for each MFCC, the means of five equal time
    segments, the deviation over the clip, and the deviation of the difference from frame to frame.
    """

    def __init__(self, coefficients: int) -> None:
        self._coefficients = coefficients
        self._outline = _Outline(_QUIET_DB)

    def push(self, block: Floats) -> None:
        self._outline.push(block)

    def finish(self) -> Floats:
        decibels, _ = self._outline.finish()
        mfcc = _cosines(self._coefficients) @ decibels
        moves = np.diff(mfcc, axis=1).std(axis=1) if mfcc.shape[1] > 1 else np.zeros(self._coefficients)
        return np.concatenate([_segment_means(mfcc).T.ravel(), mfcc.std(axis=1), moves]).astype(np.float32)


# -- profile ---------------------------------------------------------------------------------------------------------


class _Profile:
    """Timbre in five segments of time, movement, length, and tone or noise.

    Quiet ends (30 dB below the loudest frame) are trimmed. The vector has: the means of 13 MFCC in five equal time
    segments; of the first 10 MFCC the deviation and the movement over 1 and over 4 frames (23 and 93 ms), each as a
    logarithm, because a hum and a rattle differ by factors; the logarithm of the length; and in 16 bands the mean
    difference of neighbouring mel bands, which is high for tones and low for noise, as spectral contrast.

    Jiang, Lu, Zhang, Tao, Cai. Music type classification by spectral contrast feature. ICME 2002.
    """

    def __init__(self, coefficients: int, moving: int, bands: int) -> None:
        self._coefficients, self._moving, self._bands = coefficients, moving, bands
        self._outline = _Outline(_PROFILE_QUIET_DB)

    def push(self, block: Floats) -> None:
        self._outline.push(block)

    def finish(self) -> Floats:
        decibels, step = self._outline.finish()
        mfcc = _cosines(self._coefficients) @ decibels
        frames = mfcc.shape[1]
        moving = mfcc[: self._moving]
        amounts = [moving.std(axis=1)]
        for lag in _LAGS:
            moves = moving[:, lag:] - moving[:, :-lag] if frames > lag else np.zeros((self._moving, 1))
            amounts.append(np.sqrt((moves**2).mean(axis=1)))
        bands = decibels.reshape(self._bands, -1, frames)
        roughness = np.abs(bands[:, 1:] - bands[:, :-1]).mean(axis=(1, 2), dtype=np.float64)
        parts = [_segment_means(mfcc).T.ravel(), np.log1p(np.concatenate(amounts)), [np.log(frames * step)], roughness]
        return np.concatenate(parts).astype(np.float32)


# -- frames, for dynamic time warping ---------------------------------------------------------------------------------

MOST_FRAMES = 100
FRAME_COEFFICIENTS = 12  # MFCC 1 to 12: without the first, which is loudness


class _Frames:
    """The course of a clip: MFCC 1 to 12 of each frame, or of 100 equal stretches of time if it has more frames.

    Quiet ends (25 dB below the loudest frame) are trimmed. The vector is the number of frames, the frames, and zeros.
    """

    def __init__(self) -> None:
        self._outline = _Outline(_QUIET_DB)

    def push(self, block: Floats) -> None:
        self._outline.push(block)

    def finish(self) -> Floats:
        decibels, _ = self._outline.finish()
        frames = decibels.shape[1]
        if frames > MOST_FRAMES:
            edges = np.arange(MOST_FRAMES) * frames // MOST_FRAMES
            decibels = np.add.reduceat(decibels, edges, axis=1) / np.diff(edges, append=frames)
        mfcc = (_cosines(FRAME_COEFFICIENTS + 1)[1:] @ decibels).T
        out = np.zeros(1 + MOST_FRAMES * FRAME_COEFFICIENTS, np.float32)
        out[0] = len(mfcc)
        out[1 : 1 + mfcc.size] = mfcc.ravel()
        return out


DEFAULT = "profile-13x5-10-16-22050-v1"

VECTORIZERS = (
    Vectorizer(
        name="profile",
        key=DEFAULT,
        dimensions=13 * _SEGMENTS + 10 * (1 + len(_LAGS)) + 1 + 16,
        sample_rate=RATE,
        title="Profile",
        good_for="Anything: words, calls, machines, music, places. Timbre over time, movement, length, tone or noise.",
        _make=lambda: _Profile(13, 10, 16),
    ),
    Vectorizer(
        name="segments",
        key="segments-20x5-22050-v1",
        dimensions=20 * (_SEGMENTS + 2),
        sample_rate=RATE,
        title="Segments",
        good_for="Spoken words: finer in timbre, blind to whether a sound is tone or noise.",
        _make=lambda: _Segments(20),
    ),
    Vectorizer(
        name="mfcc-mean",
        key="mfcc-mean-32-22050-v1",
        dimensions=32,
        sample_rate=RATE,
        title="Mean MFCC",
        good_for="The numbers of hover's guide. Steady sounds: timbre alone, and nothing of time.",
        _make=lambda: _MfccMean(32),
    ),
)

FRAMES = Vectorizer(
    name="frames",
    key="frames-12x100-22050-v1",
    dimensions=1 + MOST_FRAMES * FRAME_COEFFICIENTS,
    sample_rate=RATE,
    title="Frames",
    good_for="Nothing by itself: what search compares frame by frame (see `hover_core.numerics.dtw`).",
    _make=_Frames,
)
