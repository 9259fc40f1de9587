"""Bytes → waveform → vector, in decoder processes with limits.

A sound file from a stranger is a program for a decoder: a FLAC of 164 kB unfolds to 5 GB, and codecs in C have bugs. So
no foreign byte is decoded in the process that holds the database. `DecoderPool` keeps a few decoder processes (`python
-m hover_core.audio.decoder_worker`), each with limits on memory, computing time and files, an empty environment, and a
wall clock that the parent watches. They talk over pipes in JSON headers and raw buffers; nothing is unpickled, and
answers are checked like any other outside data.

One bad clip costs one clip: when a decoder process dies, its unanswered clips are sent again one by one, and only a
clip that kills a fresh process too gets an error.

libsndfile decodes WAV, FLAC, Ogg, Opus, MP3, AIFF and more; PyAV, if installed, decodes other formats (m4a, video).
Sound is streamed in blocks: to mono by the mean over channels, and to the vectorizer's rate by soxr HQ, equal to
`librosa.load`.

On Linux all limits hold. macOS ignores the limit on memory, Windows has none of them: there the wall clock, the longest
duration and the streaming itself take their place.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hover_core.audio.segment import DecodedClip, DecodeLimits, DecodingTime, Piece, Probe
from hover_core.audio.wav import wav_header
from hover_core.errors import DecodeError, SoundError
from hover_core.sandbox.pool import GROUP_BYTES, Child, ChildDied, NoChild, Pool, cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GROUP_PIECES = 32
_ANSWERS_BYTES = 48_000  # of the answers to a group at most, so that they fit into a pipe of 64 kB


class DecoderPool:
    """Decoder processes; one pool serves all threads.

    Parameters
    ----------
    workers : number of processes; by default one per core that this process may use. They start when they are needed.
    limits : see `DecodeLimits`.

    Raises
    ------
    ValueError
        `workers` is less than 1.

    Examples
    --------
    >>> second_of_silence = wav_header(16_000, 8_000, 1) + bytes(16_000)
    >>> with DecoderPool(workers=1) as pool:
    ...     [clip] = pool.vectorize([Piece(second_of_silence)], "segments")
    >>> clip.vector.shape, clip.duration_s
    ((140,), 1.0)
    """

    def __init__(self, *, workers: int | None = None, limits: DecodeLimits | None = None) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers={workers} must be at least 1")
        self._limits = limits = limits or DecodeLimits()
        self._pool = Pool(
            "hover_core.audio.decoder_worker", asdict(limits), most=workers or cores(), wall_s=limits.wall_s
        )
        self._noting = threading.Lock()
        self._decoding_s = self._computing_s = 0.0

    def vectorize(self, pieces: Sequence[Piece], vectorizer_key: str) -> list[DecodedClip | DecodeError]:
        """The decoded clip of each piece, in order, or the error that says why there is none.

        Blocks until a decoder process is free. The caller bounds the batch (1 to 16 MB are good sizes).

        Raises
        ------
        Refused
            There is no such vectorizer, or it cannot be used on this machine.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        from hover_core.vectorizers.registry import get

        vectorizer = get(vectorizer_key)
        vectorizer.prepare()
        answers: list[DecodedClip | DecodeError] = []
        unanswered: list[Piece] = []
        try:
            self._vectorize_groups(pieces, vectorizer.key, vectorizer.dimensions, answers)
        except ChildDied as death:
            if len(pieces) == 1 and death.over_limit:
                return [DecodeError(self._reason(death))]
            unanswered = list(pieces[len(answers) :])
        for piece in unanswered:
            try:
                self._vectorize_groups([piece], vectorizer.key, vectorizer.dimensions, answers)
            except ChildDied as death:
                answers.append(DecodeError(self._reason(death)))
        return answers

    def wav(self, piece: Piece, *, sample_rate: int | None = None) -> bytes:
        """The clip as a file of 16-bit PCM WAV, which every browser plays.

        One or two channels are kept, more are mixed to one. Without `sample_rate` [Hz] the rate of the recording is
        kept if it lies between 8,000 and 96,000 Hz; lower ones become 8,000, higher ones 48,000, because browsers
        refuse them.

        Raises
        ------
        DecodeError
            The clip cannot be decoded, or is larger than `max_wav_bytes`.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        parts: list[bytes] = []
        answer, _ = self._ask(piece, {"op": "wav", "rate": sample_rate}, parts)
        return wav_header(sum(map(len, parts)), int(answer["rate"]), int(answer["channels"])) + b"".join(parts)

    def peaks(self, piece: Piece, *, n: int = 96) -> NDArray[np.uint8]:
        """The outline of the waveform: the largest amplitude in each n-th of the clip. [shape=(n,), uint8]

        The loudest value is 255.

        Raises
        ------
        ValueError
            `n` is less than 1 or more than 10,000.
        DecodeError
            The clip cannot be decoded.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        import numpy as np

        if not 1 <= n <= 10_000:
            raise ValueError(f"n={n} must lie between 1 and 10,000")
        _, buffer = self._ask(piece, {"op": "peaks", "n": n})
        if len(buffer) != n:
            raise DecodeError("the decoder's answer cannot be read")
        return np.frombuffer(buffer, np.uint8).copy()

    def spectrogram(self, piece: Piece, *, width: int = 600, height: int = 110) -> NDArray[np.uint8]:
        """Loudness over frequency and time: 255 at the loudest, 0 at 80 dB below it. [shape=(height, width), uint8]

        The first row is 8 kHz, the last 0 Hz; rows are linear in Hz, values linear in dB.

        Raises
        ------
        ValueError
            `width` is not between 1 and 4,000, or `height` not between 1 and 257.
        DecodeError
            The clip cannot be decoded.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        import numpy as np

        if not (1 <= width <= 4_000 and 1 <= height <= 257):
            raise ValueError(f"width={width} must lie between 1 and 4,000, height={height} between 1 and 257")
        _, buffer = self._ask(piece, {"op": "spectrogram", "width": width, "height": height})
        if len(buffer) != width * height:
            raise DecodeError("the decoder's answer cannot be read")
        return np.frombuffer(buffer, np.uint8).reshape(height, width).copy()

    def loudness(self, piece: Piece, *, step_s: float = 0.01) -> tuple[float, NDArray[np.float32]]:
        """The duration of the clip [seconds], and the mean power of each `step_s`. [shape=(n,), float32, dBFS]

        Raises
        ------
        ValueError
            `step_s` is not between 0.005 and 60.
        DecodeError
            The clip cannot be decoded.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        import numpy as np

        if not 0.005 <= step_s <= 60:
            raise ValueError(f"step_s={step_s} must lie between 0.005 and 60")
        answer, buffer = self._ask(piece, {"op": "loudness", "step": step_s})
        return float(answer["duration"]), np.frombuffer(buffer, np.float32).copy()

    def probe(self, piece: Piece, *, counted: bool = False) -> Probe:
        """Duration, sample rate, channels and format of the whole recording (not of `[start_s, end_s)`).

        The duration is the header's, if it has one; a file that was cut off may be shorter. With `counted` the header
        counts only if the last sample that it promises is there; otherwise the samples are counted.

        Raises
        ------
        DecodeError
            It is not a sound file that can be read.
        SoundError
            No decoder process can be started, or the pool is closed.
        """
        answer, _ = self._ask(piece, {"op": "probe", "counted": counted})
        return Probe(float(answer["duration"]), int(answer["rate"]), int(answer["channels"]), str(answer["format"]))

    def time_spent(self) -> DecodingTime:
        """The time that the decoder processes have spent so far, summed over them."""
        starting_s, at_work_s = self._pool.time_spent()
        return DecodingTime(starting_s, self._decoding_s, self._computing_s, at_work_s)

    def pids(self) -> list[int]:
        """Process ids of the living decoder processes, for measurements."""
        return [child.process.pid for child in self._pool.children()]

    def close(self) -> None:
        """End the decoder processes; requests under way end with an error."""
        self._pool.close()

    def __enter__(self) -> DecoderPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _note(self, header: dict[str, Any]) -> None:
        decoding, computing = (
            seconds if isinstance(seconds, float) and 0 <= seconds <= self._limits.wall_s else 0.0
            for seconds in (header.get("decoding"), header.get("computing"))
        )
        with self._noting:
            self._decoding_s += decoding
            self._computing_s += computing

    # -- conversation -----------------------------------------------------------------------------------------------

    def _vectorize_groups(
        self, pieces: Sequence[Piece], key: str, dimensions: int, answers: list[DecodedClip | DecodeError]
    ) -> None:
        """Append the answers to `pieces`; if the decoder process dies, those that came before.

        Two groups are under way, so that the decoder process never waits for its parent. The answers to one group fit
        into the pipe, so that the two cannot both wait for the other to read.
        """
        most = max(1, min(_GROUP_PIECES, _ANSWERS_BYTES // (4 * dimensions + 100)))
        groups: list[range] = []
        first = size = 0
        for number, piece in enumerate(pieces):
            length = len(piece.data) if isinstance(piece.data, bytes) else 0
            if number > first and (number - first >= most or size + length > GROUP_BYTES):
                groups.append(range(first, number))
                first, size = number, 0
            size += length
        groups.append(range(first, len(pieces)))
        before = len(answers)
        child = self._take()
        try:
            for turn in range(len(groups) + 1):
                if turn < len(groups):
                    child.send([_group([pieces[number] for number in groups[turn]], key)])
                while turn > 0 and len(answers) - before < groups[turn - 1].stop:
                    header, buffer = child.receive()
                    self._note(header)
                    results = _read_answer(header, buffer, dimensions)
                    if not 0 < len(results) <= groups[turn - 1].stop - (len(answers) - before):
                        child.kill()
                        raise ChildDied("answer")
                    answers += results
        finally:
            self._pool.give(child)

    def _ask_once(
        self, piece: Piece, request: dict[str, Any], parts: list[bytes] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        child = self._take()
        try:
            child.send([_message(piece, request)])
            size = 0
            while True:
                answer, buffer = child.receive()
                if parts is None or "part" not in answer:
                    return answer, buffer
                parts.append(buffer)
                size += len(buffer)
                if size > self._limits.max_wav_bytes:
                    child.kill()
                    raise DecodeError("the decoder's answer cannot be read")
        finally:
            self._pool.give(child)

    def _ask(
        self, piece: Piece, request: dict[str, Any], parts: list[bytes] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        try:
            answer, buffer = self._ask_once(piece, request, parts)
        except ChildDied as death:
            if death.over_limit:
                raise DecodeError(self._reason(death)) from death
            if parts is not None:
                parts.clear()
            try:
                answer, buffer = self._ask_once(piece, request, parts)
            except ChildDied as again:
                raise DecodeError(self._reason(again)) from again
        if "error" in answer:
            raise DecodeError(str(answer["error"]))
        return answer, buffer

    def _take(self) -> Child:
        try:
            return self._pool.take()
        except NoChild as error:
            if error.closed:
                raise SoundError("decoding was stopped") from error
            raise SoundError(f"no decoding process can be started: {error}") from error

    def _reason(self, death: ChildDied) -> str:
        """The reason why a clip cannot be decoded, from the way in which the decoder process died."""
        if death.how == "time":
            return f"not decoded within {self._limits.wall_s:g} s"
        if death.how == "computing":
            return f"needs more than {self._limits.cpu_s:g} s of computing to decode"
        if death.how == "signal":
            return f"the decoder crashed on it (signal {death.code})"
        if death.how == "exit":
            return f"the decoder stopped on it (code {death.code})"
        return "the decoder's answer cannot be read"


def _message(piece: Piece, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    header = {**request, "start": piece.start_s, "end": piece.end_s}
    if isinstance(piece.data, bytes):
        return header, piece.data
    header["path"] = os.path.abspath(piece.data)
    return header, b""


def _group(pieces: Sequence[Piece], key: str) -> tuple[dict[str, Any], bytes]:
    """One request for many pieces: a header with `[bytes, start, end, path]` of each, and all their bytes in a row."""
    entries: list[tuple[int, float | None, float | None, str | None]] = []
    data: list[bytes] = []
    for piece in pieces:
        if isinstance(piece.data, bytes):
            entries.append((len(piece.data), piece.start_s, piece.end_s, None))
            data.append(piece.data)
        else:
            entries.append((0, piece.start_s, piece.end_s, os.path.abspath(piece.data)))
    return {"op": "vectorize", "key": key, "pieces": entries}, b"".join(data)


def _read_answer(header: dict[str, Any], buffer: bytes, dimensions: int) -> list[DecodedClip | DecodeError]:
    """The answer of a decoder process to a group: `[seconds, Hz]` or an error for each piece; vectors in a row."""
    import numpy as np

    entries = header.get("answers")
    if not isinstance(entries, list):
        return []
    good = sum(not isinstance(entry, str) for entry in entries)
    if len(buffer) != 4 * dimensions * good:
        return [DecodeError("the decoder's answer cannot be read") for _ in entries]
    vectors = np.frombuffer(buffer, np.float32).reshape(good, dimensions)
    finite = np.isfinite(vectors).min(axis=1, initial=True).tolist()
    results: list[DecodedClip | DecodeError] = []
    row = 0
    for entry in entries:
        if isinstance(entry, str):
            results.append(DecodeError(entry))
            continue
        try:
            seconds, rate = entry
            clip = DecodedClip(vectors[row], float(seconds), int(rate))
        except (TypeError, ValueError, OverflowError):
            clip = None
        results.append(clip if clip and finite[row] else DecodeError("the decoder's answer cannot be read"))
        row += 1
    return results
