"""Bytes → waveform → vector, in child processes with limits.

A sound file from a stranger is a program for a decoder: a FLAC of 164 kB unfolds to 5 GB, and codecs in C have bugs. So
no foreign byte is decoded in the process that holds the data base. `DecoderPool` keeps a few children (`python -m
hover_core.audio.decoder_worker`), each with limits on memory, computing time and files, an empty environment, and a
wall clock that the parent watches. They talk over pipes in JSON headers and raw buffers; nothing is unpickled, and what
a child answers is checked like any other outside data.

One bad clip costs one clip: when a child dies, its unanswered clips are asked again one by one, and only the one
that kills the fresh child too is blamed.

Decoding is libsndfile (WAV, FLAC, Ogg, Opus, MP3, AIFF and more); what it does not know (m4a, video) is PyAV, if
that is installed. Sound is streamed in blocks: to mono by the mean over channels and by soxr HQ to the vectorizer's
rate, equal to `librosa.load`.

On Linux all limits hold. macOS ignores the one on memory, Windows knows none of them: there the wall clock, the longest
duration and the streaming itself stand in.
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
_ANSWERS_BYTES = 48_000  # what the answers to a group may take at most, so that a pipe of 64 kB holds them


class DecoderPool:
    """Children that decode; one pool for all threads.

    Parameters
    ----------
    workers : number of children; by default one per core that this process may use. They start when they are needed.
    limits : see `DecodeLimits`.

    Examples
    --------
    >>> with DecoderPool() as pool:                                         # doctest: +SKIP
    ...     [heard] = workers.vectorize([Piece(Path("dog.wav"))], "segments")
    ...     heard.vector.shape, heard.duration_s
    ((140,), 0.43)
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
        """One answer per piece, in order: what was heard, or why nothing was.

        Blocks until a child is free. The caller bounds the batch (by bytes: 1 to 16 MB are good sizes).

        Raises
        ------
        Refused
            There is no such vectorizer, or it cannot be used on this machine.
        SoundError
            No child can be started.
        """
        from hover_core.vectorizers.registry import get

        vectorizer = get(vectorizer_key)
        vectorizer.prepare()
        answers: list[DecodedClip | DecodeError] = []
        left: list[Piece] = []
        try:
            self._hear(pieces, vectorizer.key, vectorizer.dimensions, answers)
        except ChildDied as death:
            if len(pieces) == 1 and death.over_limit:
                return [DecodeError(self._reason(death))]
            left = list(pieces[len(answers) :])
        for piece in left:
            try:
                self._hear([piece], vectorizer.key, vectorizer.dimensions, answers)
            except ChildDied as death:
                answers.append(DecodeError(self._reason(death)))
        return answers

    def wav(self, piece: Piece, *, sample_rate: int | None = None) -> bytes:
        """The clip as 16-bit PCM WAV, which every browser plays.

        One or two channels are kept, more are mixed to one. Without `sample_rate` [Hz] the recording's own is kept
        between 8,000 and 96,000 Hz; what lies outside goes to 8,000 or 48,000 Hz, because browsers refuse it.

        Raises
        ------
        DecodeError
            No sound, or more than `max_wav_bytes`.
        """
        parts: list[bytes] = []
        answer, _ = self._surely(piece, {"op": "wav", "rate": sample_rate}, parts)
        return wav_header(sum(map(len, parts)), int(answer["rate"]), int(answer["channels"])) + b"".join(parts)

    def peaks(self, piece: Piece, *, n: int = 96) -> NDArray[np.uint8]:
        """Outline of the waveform [shape=(n,), uint8]: largest amplitude in each n-th of the clip, 255 at its loudest.

        Raises
        ------
        DecodeError
            No sound.
        """
        import numpy as np

        if not 1 <= n <= 10_000:
            raise ValueError(f"n={n} must lie between 1 and 10,000")
        _, buffer = self._surely(piece, {"op": "peaks", "n": n})
        if len(buffer) != n:
            raise DecodeError("the decoder's answer cannot be read")
        return np.frombuffer(buffer, np.uint8).copy()

    def spectrogram(self, piece: Piece, *, width: int = 600, height: int = 110) -> NDArray[np.uint8]:
        """Loudness over time and frequency [shape=(height, width), uint8]: 255 at the loudest, 0 at 80 dB below it.

        The first row is 8 kHz, the last 0 Hz, both linear.

        Raises
        ------
        DecodeError
            No sound.
        """
        import numpy as np

        if not (1 <= width <= 4_000 and 1 <= height <= 257):
            raise ValueError(f"width={width} must lie between 1 and 4,000, height={height} between 1 and 257")
        _, buffer = self._surely(piece, {"op": "spectrogram", "width": width, "height": height})
        if len(buffer) != width * height:
            raise DecodeError("the decoder's answer cannot be read")
        return np.frombuffer(buffer, np.uint8).reshape(height, width).copy()

    def loudness(self, piece: Piece, *, step_s: float = 0.01) -> tuple[float, NDArray[np.float32]]:
        """Seconds of the clip, and its mean power in each `step_s` in dB below full scale. [shape=(n,), float32]

        Raises
        ------
        DecodeError
            No sound.
        """
        import numpy as np

        if not 0.005 <= step_s <= 60:
            raise ValueError(f"step_s={step_s} must lie between 0.005 and 60")
        answer, buffer = self._surely(piece, {"op": "loudness", "step": step_s})
        return float(answer["duration"]), np.frombuffer(buffer, np.float32).copy()

    def probe(self, piece: Piece, *, counted: bool = False) -> Probe:
        """Duration in seconds, sample rate in Hz, channels and format of the recording (not of `[start_s, end_s)`).

        From the header, where there is one that tells: a file cut off in its middle may promise more than it holds.
        With `counted` a header is believed only if the last sample that it promises is there.

        Raises
        ------
        DecodeError
            Not a sound file.
        """
        answer, _ = self._surely(piece, {"op": "probe", "counted": counted})
        return Probe(float(answer["duration"]), int(answer["rate"]), int(answer["channels"]), str(answer["format"]))

    def time_spent(self) -> DecodingTime:
        """What the children have taken so far, summed over them."""
        starting_s, at_work_s = self._pool.time_spent()
        return DecodingTime(starting_s, self._decoding_s, self._computing_s, at_work_s)

    def pids(self) -> list[int]:
        """Process ids of the living children, for measuring."""
        return [child.process.pid for child in self._pool.children()]

    def close(self) -> None:
        """Ends the children. What they were working on ends with an error."""
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

    def _hear(
        self, pieces: Sequence[Piece], key: str, dimensions: int, answers: list[DecodedClip | DecodeError]
    ) -> None:
        """Append the answers to `pieces`, as many as there are before the child dies.

        Two groups are under way: the child never waits for us, and the answers to one fit into the pipe, so that child
        and parent cannot both wait for the other to read.
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
        begun = len(answers)
        child = self._take()
        try:
            for turn in range(len(groups) + 1):
                if turn < len(groups):
                    child.send([_group([pieces[number] for number in groups[turn]], key)])
                while turn > 0 and len(answers) - begun < groups[turn - 1].stop:
                    header, buffer = child.receive()
                    self._note(header)
                    found = _read_answer(header, buffer, dimensions)
                    if not 0 < len(found) <= groups[turn - 1].stop - (len(answers) - begun):
                        child.kill()
                        raise ChildDied("answer")
                    answers += found
        finally:
            self._pool.give(child)

    def _one(self, piece: Piece, ask: dict[str, Any], parts: list[bytes] | None = None) -> tuple[dict[str, Any], bytes]:
        child = self._take()
        try:
            child.send([_message(piece, ask)])
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

    def _surely(
        self, piece: Piece, ask: dict[str, Any], parts: list[bytes] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        try:
            answer, buffer = self._one(piece, ask, parts)
        except ChildDied as death:
            if death.over_limit:
                raise DecodeError(self._reason(death)) from death
            if parts is not None:
                parts.clear()
            try:
                answer, buffer = self._one(piece, ask, parts)
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
        """Why a clip has no sound, in words, if a child died of it."""
        if death.how == "time":
            return f"not decoded within {self._limits.wall_s:g} s"
        if death.how == "computing":
            return f"needs more than {self._limits.cpu_s:g} s of computing to decode"
        if death.how == "signal":
            return f"the decoder crashed on it (signal {death.code})"
        if death.how == "exit":
            return f"the decoder stopped on it (code {death.code})"
        return "the decoder's answer cannot be read"


def _message(piece: Piece, ask: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    header = {**ask, "start": piece.start_s, "end": piece.end_s}
    if isinstance(piece.data, bytes):
        return header, piece.data
    header["path"] = os.path.abspath(piece.data)
    return header, b""


def _group(pieces: Sequence[Piece], key: str) -> tuple[dict[str, Any], bytes]:
    """One question about many pieces: `[bytes, start, end, path]` of each, and their bytes in a row."""
    listed: list[tuple[int, float | None, float | None, str | None]] = []
    data: list[bytes] = []
    for piece in pieces:
        if isinstance(piece.data, bytes):
            listed.append((len(piece.data), piece.start_s, piece.end_s, None))
            data.append(piece.data)
        else:
            listed.append((0, piece.start_s, piece.end_s, os.path.abspath(piece.data)))
    return {"op": "vectorize", "key": key, "pieces": listed}, b"".join(data)


def _read_answer(header: dict[str, Any], buffer: bytes, dimensions: int) -> list[DecodedClip | DecodeError]:
    """An answer about some pieces: of each `[seconds, Hz]`, or why there is no vector; and the vectors in a row."""
    import numpy as np

    said = header.get("answers")
    if not isinstance(said, list):
        return []
    good = sum(not isinstance(one, str) for one in said)
    if len(buffer) != 4 * dimensions * good:
        return [DecodeError("the decoder's answer cannot be read") for _ in said]
    vectors = np.frombuffer(buffer, np.float32).reshape(good, dimensions)
    finite = np.isfinite(vectors).min(axis=1, initial=True).tolist()
    found: list[DecodedClip | DecodeError] = []
    row = 0
    for one in said:
        if isinstance(one, str):
            found.append(DecodeError(one))
            continue
        try:
            seconds, rate = one
            heard = DecodedClip(vectors[row], float(seconds), int(rate))
        except (TypeError, ValueError, OverflowError):
            heard = None
        found.append(heard if heard and finite[row] else DecodeError("the decoder's answer cannot be read"))
        row += 1
    return found
