"""Values that cross the pipe to a decoder process: pieces of recordings, decoded clips, limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Piece:
    """The sound of one clip: a recording, whole or `[start_s, end_s)` of it.

    Parameters
    ----------
    data : the bytes of the recording, or its file (so that large ones do not travel through the pipe).
    start_s, end_s : seconds into the recording; None for its beginning and end.
    """

    data: bytes | Path
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class DecodedClip:
    """A clip that was vectorized.

    Attributes
    ----------
    vector : [shape=(d,), float32, finite]
    duration_s : seconds of the clip, from its samples and not from a header.
    sample_rate : Hz of the recording.
    """

    vector: NDArray[np.float32]
    duration_s: float
    sample_rate: int


class Probe(NamedTuple):
    """Duration [seconds], sample rate [Hz], channels and format of a recording, from its header."""

    duration_s: float
    sample_rate: int
    channels: int
    format: str


class DecodingTime(NamedTuple):
    """Seconds that decoder processes spent starting, decoding, computing vectors, and at work in all."""

    starting_s: float
    decoding_s: float
    computing_s: float
    at_work_s: float


@dataclass(frozen=True)
class DecodeLimits:
    """Limits for one clip.

    Parameters
    ----------
    memory_bytes : address space of a decoder process beyond that after its imports (about 200 MB, of which 60 MB are
        resident). Clips are streamed, so this is for the bytes of the recording and the demands of damaged headers.
    cpu_s, wall_s : seconds of computing, and seconds on the clock.
    max_duration_s : longest clip, in seconds.
    max_wav_bytes : largest answer of `DecoderPool.wav`.
    """

    memory_bytes: int = 600_000_000
    cpu_s: float = 60.0
    wall_s: float = 90.0
    max_duration_s: float = 4 * 3600.0
    max_wav_bytes: int = 500_000_000
