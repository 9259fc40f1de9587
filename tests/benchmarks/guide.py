"""The guide's own recipe, as it stands there: `requests.get` → `librosa.load` → mean MFCC.

`python -m tests.benchmarks.guide URLS OUT` vectorizes the URLs of a file, one a line, in a process of its own, writes
the vectors to OUT and prints JSON: `start_s` until the first clip has passed (librosa's import and first call),
`loop_s` and `cpu_s` for all clips after that, and `rss_mb`, the process's largest resident size. With a third argument
its address space is bounded to so many MB, and `ended` says whether that was too little.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hover_core.data.arrays import Floats


def vector(content: bytes) -> Floats:
    """The guide's vector of a sound file. [shape=(32,), float32]"""
    import librosa

    y, sr = librosa.load(BytesIO(_converted(content) if content[4:8] == b"ftyp" else content))
    mean: Floats = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=32).mean(axis=1)
    return mean


def _converted(content: bytes) -> bytes:
    """An m4a as WAV by ffmpeg, which is what the guide's user has to do: `librosa.load` reads no m4a from memory."""
    wanted = ["-f", "wav", "-c:a", "pcm_f32le", "pipe:1"]
    asked = ["ffmpeg", "-loglevel", "error", "-i", "pipe:0", *wanted]
    return subprocess.run(asked, input=content, capture_output=True, check=True).stdout


def fetched(url: str) -> Floats:
    """The guide's vector of a URL."""
    import requests

    return vector(requests.get(url).content)  # noqa: S113 - the guide sets no limit


def loop(urls: Sequence[str], folder: Path, most_mb: int = 0) -> dict[str, Any]:
    """The guide's loop over some URLs in a process of its own; what it prints, and its `vectors` [shape=(n, 32)]."""
    from tests.benchmarks.timing import in_a_process

    listed, out = folder / "guide-urls.txt", folder / "guide.npy"
    listed.write_text("\n".join(urls))
    out.unlink(missing_ok=True)
    found: dict[str, Any] = in_a_process("tests.benchmarks.guide", str(listed), str(out), str(most_mb))
    found["vectors"] = np.load(out) if out.exists() else np.zeros((0, 32), np.float32)
    return found


def _main(listed: str, out: str, most_mb: int) -> None:
    import resource

    urls = Path(listed).read_text().split()
    begun = time.perf_counter()
    ended = ""
    started, computed = begun, time.process_time()
    try:
        if len(urls) > 1:
            fetched(urls[0])
        started, computed = time.perf_counter(), time.process_time()
        if most_mb:
            resource.setrlimit(resource.RLIMIT_AS, (most_mb << 20, most_mb << 20))
        np.save(out, np.stack([fetched(url) for url in urls]))
    except MemoryError as error:
        ended = f"out of memory: {error}"
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    cpu_s = time.process_time() - computed
    took = {"start_s": started - begun, "loop_s": done - started, "cpu_s": cpu_s}
    print(json.dumps({**took, "rss_mb": peak, "ended": ended}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
