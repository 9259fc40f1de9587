"""Values that cross the pipe to a decoder process: a segment of a recording, what was heard, limits."""

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
    data : the bytes of the recording, or a file that holds them (a large one then never travels through the pipe).
    start_s, end_s : seconds; None is the beginning and the end.
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
    duration_s : seconds of the clip, counted, not declared.
    sample_rate : Hz of the recording.
    """

    vector: NDArray[np.float32]
    duration_s: float
    sample_rate: int


class Probe(NamedTuple):
    """What the header of a recording says."""

    duration_s: float
    sample_rate: int
    channels: int
    format: str


class DecodingTime(NamedTuple):
    """Seconds that children took to start, to decode, to compute vectors, and had something to do at all."""

    starting_s: float
    decoding_s: float
    computing_s: float
    at_work_s: float


@dataclass(frozen=True)
class DecodeLimits:
    """Bounds for one clip.

    Parameters
    ----------
    memory_bytes : address space of a child beyond what it has after its imports (about 200 MB, of which 60 MB are
        resident). Clips are streamed, so this is for the bytes of the recording and for what a damaged header asks for.
    cpu_s, wall_s : seconds of computing, and seconds on the clock.
    max_duration_s : longest clip, in seconds.
    max_wav_bytes : largest answer of `DecoderPool.wav`.
    """

    memory_bytes: int = 600_000_000
    cpu_s: float = 60.0
    wall_s: float = 90.0
    max_duration_s: float = 4 * 3600.0
    max_wav_bytes: int = 500_000_000
