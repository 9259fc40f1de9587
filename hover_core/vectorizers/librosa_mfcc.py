"""The vectorizer of hover's guide, computed by librosa itself.

The guide's recipe is `y, sr = librosa.load(BytesIO(data))`, then `librosa.feature.mfcc(y=y, sr=sr, n_mfcc=32)` and the
mean over time. Here decoding is that of `hover_core.audio` (bounded, and equal to `librosa.load`); the MFCC are
librosa's. librosa is imported only when a clip needs it: with numba it takes 3 s of computing and 320 MB of address
space, and ten times as long if numba's cache on disk is empty, *measured*. Decoder processes may not write that cache,
so `prepare` fills it in another process first.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from hover_core.data.arrays import Floats
from hover_core.errors import Refused
from hover_core.vectorizers.base import Vectorizer, of_waveform

RATE: Final = 22_050  # Hz: librosa.load's default, and so the guide's
_COEFFICIENTS: Final = 32
_ROOM_BYTES: Final = 1_000_000_000  # measured: 320 MB with numba's cache, 440 MB without
_COMPILE_S: Final = 600.0  # seconds that the import may take with an empty cache
_ONE_CLIP: Final = "from hover_core.vectorizers import librosa_mfcc; librosa_mfcc.load()"

_preparing = threading.Lock()


def load() -> None:
    """Import librosa and compute one vector, so that all imports and compilations are done."""
    import numpy as np

    _mean_mfcc(np.zeros(RATE, np.float32))


def prepare() -> None:
    """Fill numba's cache for librosa in a process without limits; a second call does nothing.

    Raises
    ------
    Refused
        librosa cannot be imported within ten minutes; the message ends with Python's error.
    """
    with _preparing:  # two threads would compile the same functions side by side
        _fill_cache()


@functools.cache
def _fill_cache() -> None:
    # the environment of the decoder processes, because numba chooses the folder of its cache by it
    names = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMP", "TEMP")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    root = Path(__file__).resolve().parents[2]
    environment["PYTHONPATH"] = os.pathsep.join([str(root), *(path for path in sys.path if path)])
    try:
        process = subprocess.run(
            [sys.executable, "-c", _ONE_CLIP], capture_output=True, env=environment, cwd=root, timeout=_COMPILE_S
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"librosa could not be imported within {_COMPILE_S:.0f} s: use mfcc-mean instead") from error
    if process.returncode:
        last = process.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-300:]
        raise Refused(f"librosa cannot be imported: use mfcc-mean instead ({last})")


def _mean_mfcc(wave: Floats) -> Any:
    import librosa.feature  # here, and not above: 3 to 30 s, and no other vectorizer needs it

    return librosa.feature.mfcc(y=wave, sr=RATE, n_mfcc=_COEFFICIENTS).mean(axis=1)


VECTORIZER: Final[Vectorizer] = of_waveform(
    _mean_mfcc,
    name="librosa-mfcc",
    key="librosa-mfcc-32-22050-v1",
    dimensions=_COEFFICIENTS,
    sample_rate=RATE,
    title="Mean MFCC by librosa (slow)",
    good_for="Results that must come from librosa, as in hover's guide. The numbers of Mean MFCC to five digits, about "
    "ten times slower; half a minute to start the first time; clips of up to five minutes.",
    load=load,
    prepare=prepare,
    room_bytes=_ROOM_BYTES,
)
