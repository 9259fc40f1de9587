"""The decoder process: decodes sound within limits, answers over pipes, and knows nothing else.

`decoder_pool.DecoderPool` starts it as `python -m hover_core.audio.decoder_worker`. Requests and answers have the same
form: a header in JSON and raw bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, TypeVar

from hover_core.audio import summaries
from hover_core.audio.recording import FileMoved, LastOpened, Recording, mono, open_recording, sane
from hover_core.audio.resampling import Resamplers
from hover_core.audio.segment import DecodeLimits
from hover_core.errors import DecodeError
from hover_core.sandbox.confinement import ParentChannel, allow_memory, confine, renew_cpu
from hover_core.sandbox.pool import MOST_BUFFER

_FLUSH_S = 0.02  # answers of a group are sent at least this often
_MOST_ROOM = 1_000_000_000  # bytes of address space that the packages of one vectorizer may take
T = TypeVar("T")  # the result of an act on a recording


class Vectorized(NamedTuple):
    """A vector [float32], duration and rate [Hz] of the clip, and the time to decode it and to compute the vector."""

    vector: bytes
    duration_s: float
    rate: int
    decoding_s: float
    computing_s: float


class _DecoderWorker:
    """Answers requests, in the decoder process."""

    def __init__(self, limits: DecodeLimits, memory_bytes: int) -> None:
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._resamplers = Resamplers()
        self._recordings = LastOpened(limits)
        self._vectorizers: dict[str, Any] = {}

    def answer(self, header: dict[str, Any], data: bytes, send: Any) -> None:
        """Answer a request by `send(header, buffer)`: once, or several times for "wav"."""
        self._with_recording(header.get("path"), data, lambda recording: self._answer(recording, header, data, send))

    def vector(self, path: str | None, data: bytes, start_s: Any, end_s: Any, key: str) -> Vectorized:
        """The vector of a clip."""
        return self._with_recording(path, data, lambda recording: self._vectorize(recording, start_s, end_s, key))

    def _with_recording(self, path: str | None, data: bytes, act: Callable[[Recording], T]) -> T:
        """The result of `act` on the recording; the file is opened anew if it cannot seek any more."""
        try:
            with self._recordings.open(path, data) as recording:
                return act(recording)
        except FileMoved:
            with self._recordings.open(path, data) as recording:
                return act(recording)

    def _answer(self, recording: Recording, header: dict[str, Any], data: bytes, send: Any) -> None:
        start, end = header.get("start"), header.get("end")
        if header["op"] == "wav":
            self._wav(recording, start, end, header["rate"], send)
        elif header["op"] == "peaks":
            send({}, summaries.peaks(recording, start, end, header["n"]))
        elif header["op"] == "spectrogram":
            width, height = header["width"], header["height"]
            send({}, summaries.spectrogram(recording, self._resamplers, start, end, width, height))
        elif header["op"] == "loudness":
            seconds, values = summaries.loudness(recording, start, end, header["step"])
            send({"duration": seconds}, values)
        elif header["op"] == "probe":
            seconds = recording.duration_s()
            if header["counted"] and not recording.holds_what_it_says():
                with open_recording(header.get("path"), data, self._limits) as again:
                    seconds = again.duration_s(counted=True)
            send({"duration": seconds, "rate": recording.rate, "channels": recording.channels,
                  "format": recording.format}, b"")  # fmt: skip
        else:
            raise DecodeError(f"unknown question {header['op']!r}")

    def _vectorize(self, recording: Recording, start_s: Any, end_s: Any, key: str) -> Vectorized:
        vectorizer = self._vectorizers.get(key) or self._vectorizers.setdefault(key, self._load(key))
        stream = vectorizer.stream()
        frames = 0
        computing_s, start_at = 0.0, time.perf_counter()

        def count_frames() -> Iterator[Any]:
            nonlocal frames
            for block in recording.mono(start_s, end_s):
                frames += len(block)
                yield block

        for block in self._resamplers.stream(count_frames(), recording.rate, vectorizer.sample_rate, 1):
            push_at = time.perf_counter()
            stream.push(block)
            computing_s += time.perf_counter() - push_at
        finish_at = time.perf_counter()
        vector = stream.finish()
        end_at = time.perf_counter()
        computing_s += end_at - finish_at
        return Vectorized(
            vector.tobytes(), frames / recording.rate, recording.rate, end_at - start_at - computing_s, computing_s
        )

    def _load(self, key: str) -> Any:
        """The vectorizer of a key. Of the clip's limits only the wall clock counts while it imports its packages."""
        from hover_core.vectorizers.registry import get

        vectorizer = get(key)
        if vectorizer.room_bytes:
            allow_memory(self._memory_bytes + min(vectorizer.room_bytes, _MOST_ROOM))
            renew_cpu(self._limits.cpu_s)
            try:
                vectorizer.load()
            finally:
                allow_memory(self._memory_bytes)
                renew_cpu(self._limits.cpu_s)
        return vectorizer

    def _wav(self, recording: Recording, start_s: Any, end_s: Any, target_rate: int | None, send: Any) -> None:
        import numpy as np

        channels = recording.channels if recording.channels <= 2 else 1
        own = recording.rate
        rate = target_rate or (8_000 if own < 8_000 else 48_000 if own > 96_000 else own)

        def channel_blocks() -> Iterator[Any]:
            for block in recording.blocks(start_s, end_s):
                yield sane(block) if channels == 2 else mono(block)[:, np.newaxis]

        size = 0
        for block in self._resamplers.stream(channel_blocks(), own, rate, channels):
            size += 2 * block.size
            if size > self._limits.max_wav_bytes:
                seconds = self._limits.max_wav_bytes / (2 * channels * rate)
                raise DecodeError(f"too long to be played in one: choose at most {seconds:.0f} s")
            pcm = np.rint(np.clip(block * 32768.0, -32768, 32767)).astype("<i2").tobytes()
            for first in range(0, len(pcm), MOST_BUFFER):
                send({"part": 1}, pcm[first : first + MOST_BUFFER])
        send({"rate": rate, "channels": channels}, b"")


def _main() -> None:
    pipes = ParentChannel()
    source, sink, send = pipes.source, pipes.sink, pipes.send
    first = pipes.question()
    if first is None:
        return
    limits = DecodeLimits(**first[0])
    try:
        import scipy.fft
        import scipy.sparse  # noqa: F401
        import soundfile  # noqa: F401
        import soxr  # noqa: F401

        from hover_core.vectorizers import onnx
        from hover_core.vectorizers.mfcc import VECTORIZERS
        from hover_core.vectorizers.registry import of_packages

        memory_bytes = limits.memory_bytes + onnx.room_bytes()
        worker = _DecoderWorker(limits, memory_bytes)
        import numpy as np

        for vectorizer in VECTORIZERS:  # their constants, before the limits
            vectorizer.vector(np.zeros(1, np.float32))
        of_packages()
        onnx.stay_inside()
        confine(memory_bytes + _MOST_ROOM)
        allow_memory(memory_bytes)  # the room is for `_DecoderWorker._load` alone
        send({"ready": 1}, b"")
    except Exception as error:
        send({"error": f"{type(error).__name__}: {error}"}, b"")
        sink.flush()
        return
    sink.flush()
    while True:
        renew_cpu(limits.cpu_s)
        question = pipes.question()
        if question is None:
            break
        header, size = question
        if header["op"] == "vectorize":
            alive = _answer_all(worker, header, source, send, sink, limits)
        else:
            alive = _answer_one(worker, header, source, size, send, limits)
            sink.flush()
        if not alive:
            break
    sink.flush()


def _answer_one(
    worker: _DecoderWorker, header: dict[str, Any], source: IO[bytes], size: int, send: Any, limits: DecodeLimits
) -> bool:
    """Answer a request about one clip. Returns whether this process can go on."""
    try:
        worker.answer(header, source.read(size), send)
    except MemoryError:
        send({"error": _too_much(limits), "last": 1}, b"")
        return False
    except Exception as error:
        send({"error": _why(error)}, b"")
    return True


def _answer_all(
    worker: _DecoderWorker, header: dict[str, Any], source: IO[bytes], send: Any, sink: IO[bytes], limits: DecodeLimits
) -> bool:
    """Vectorize the pieces of a group and send answers every 0.02 s. Returns whether this process can go on."""
    answers: list[tuple[float, int] | str] = []
    vectors: list[bytes] = []
    decoding_s = computing_s = 0.0
    alive = True
    flush_at = time.monotonic()
    for number, (length, start_s, end_s, path) in enumerate(header["pieces"], start=1):
        try:
            result = worker.vector(path, source.read(length), start_s, end_s, header["key"])
            answers.append((result.duration_s, result.rate))
            vectors.append(result.vector)
            decoding_s += result.decoding_s
            computing_s += result.computing_s
        except MemoryError:
            answers.append(_too_much(limits))
            alive = False
        except Exception as error:
            answers.append(_why(error))
        if number == len(header["pieces"]) or not alive or time.monotonic() - flush_at > _FLUSH_S:
            answer = {"answers": answers, "decoding": decoding_s, "computing": computing_s}
            send(answer if alive else {**answer, "last": 1}, b"".join(vectors))
            sink.flush()
            if not alive:
                return False
            answers, vectors, decoding_s, computing_s = [], [], 0.0, 0.0
            flush_at = time.monotonic()
            renew_cpu(limits.cpu_s)
    return True


def _too_much(limits: DecodeLimits) -> str:
    # Libraries may be in any state after a failed allocation: this process ends, and a fresh one takes its place.
    return f"needs more than {limits.memory_bytes / 1e6:.0f} MB of memory"


def _why(error: Exception) -> str:
    if isinstance(error, DecodeError):
        return str(error)
    return f"cannot be decoded ({type(error).__name__}: {error})"[:300]


if __name__ == "__main__":
    _main()
