"""The child of `hover_core.audio`: answers questions about sound within limits, over pipes, and knows nothing else.

`python -m hover_core.ear` is started by `audio.Workers` only. It gets a header in JSON and raw bytes, and answers so.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import signal
import stat
import time
from collections.abc import Iterator
from typing import IO, Any

from hover_core.audio import FRAME, MOST_BUFFER, DecodeLimits
from hover_core.errors import DecodeError

_BLOCK_VALUES = 1 << 18  # samples x channels decoded at a time: 1 MB of float32
_LOUDEST = 1e9  # float files may hold anything; beyond this the power spectrum overflows float32
_UNKNOWN_FRAMES = 1 << 48  # libsndfile says about 2**63 when a header does not tell
_FLUSH_S = 0.02


class _Ear:
    """Answers questions about sound, in the child."""

    def __init__(self, limits: DecodeLimits) -> None:
        import soundfile

        class Recording(soundfile.SoundFile):
            def seekable(self) -> bool:
                # soundfile seeks after every block that it reads from a seekable file; we only read on.
                return False

        self._limits = limits
        self._recording = Recording
        self._not_a_sound = (soundfile.LibsndfileError, TypeError)
        self._resamplers: dict[tuple[int, int, int], Any] = {}

    def answer(self, header: dict[str, Any], data: bytes, send: Any) -> None:
        """Calls send(header, buffer), once, or for "wav" several times."""
        start, end = header.get("start"), header.get("end")
        with self._open(header.get("path"), data) as sound:
            if header["op"] == "vectorize":
                send(*self._vectorize(sound, start, end, header["key"]))
            elif header["op"] == "wav":
                self._wav(sound, start, end, header["rate"], send)
            elif header["op"] == "peaks":
                send({}, self._peaks(sound, start, end, header["n"]))
            elif header["op"] == "spectrogram":
                send({}, self._spectrogram(sound, start, end, header["width"], header["height"]))
            elif header["op"] == "probe":
                frames = sound.frames
                if not 0 <= frames < _UNKNOWN_FRAMES:
                    frames = sum(len(block) for block in self._blocks(sound, None, None))
                kind = f"{sound.format} {sound.subtype}"
                send({"duration": frames / sound.samplerate, "rate": sound.samplerate, "channels": sound.channels,
                      "format": kind}, b"")  # fmt: skip
            else:
                raise DecodeError(f"unknown question {header['op']!r}")

    @contextlib.contextmanager
    def _open(self, path: str | None, data: bytes) -> Iterator[Any]:
        file: IO[bytes]
        if path is None:
            file, head = io.BytesIO(data), data[:64]
        else:
            try:
                descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            except OSError as error:
                raise DecodeError(f"the file cannot be read ({error.strerror})") from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise DecodeError("not a file")
            head = os.read(descriptor, 64)
            os.lseek(descriptor, 0, os.SEEK_SET)
            file = os.fdopen(descriptor, "rb")
        with file:
            if not head:
                raise DecodeError("empty file")
            try:
                # The descriptor where there is one, so that neither the name's extension nor Python's reads matter.
                use_descriptor = path is not None and os.name == "posix"
                sound = self._recording(file.fileno() if use_descriptor else file, closefd=False)
            except self._not_a_sound as error:
                raise DecodeError(_not_a_sound(head)) from error
            with sound:
                if sound.samplerate < 1 or sound.channels < 1:
                    raise DecodeError(f"a sound file with {sound.channels} channels at {sound.samplerate} Hz")
                yield sound

    def _blocks(self, sound: Any, start_s: float | None, end_s: float | None) -> Iterator[Any]:
        """The clip in blocks [shape=(frames, channels), float32], as far as it can be decoded."""
        import numpy as np

        rate, channels = sound.samplerate, sound.channels
        known = sound.frames if 0 <= sound.frames < _UNKNOWN_FRAMES else None
        first, stop = self._span(start_s, end_s, rate)
        if stop is None or (known is not None and known < stop):
            stop = known
        if known is not None and first >= known and (first or start_s is not None):
            raise DecodeError(_no_sound_there(start_s, end_s, known / rate))
        most = int(self._limits.max_duration_s * rate)
        if stop is not None and stop - first > most:
            raise DecodeError(self._too_long((stop - first) / rate))
        size = max(1, min(_BLOCK_VALUES // channels, int(_BLOCK_VALUES * rate / 22_050)))
        position, skip = first, 0
        if first:
            try:
                sound.seek(first)
            except self._not_a_sound:
                position, skip = 0, first
        heard = 0
        while stop is None or position < stop:
            block = np.empty((size if stop is None else min(size, stop - position), channels), np.float32)
            damaged = False
            try:
                block = sound.read(out=block)
            except self._not_a_sound:
                # Cut off or damaged: what was decoded before stands in the block, and the file knows how far.
                damaged = True
                with contextlib.suppress(*self._not_a_sound):
                    block = block[: min(max(sound.tell() - position, 0), len(block))]
                    if not len(block) and not heard:
                        break
            if not len(block):
                break
            position += len(block)
            if skip:
                block, skip = block[skip:], max(0, skip - len(block))
            heard += len(block)
            if heard > most:
                raise DecodeError(self._too_long(None))
            if len(block):
                yield block
            if damaged:
                break
        if not heard:
            if start_s is None and end_s is None:
                raise DecodeError("there are no samples in it")
            raise DecodeError(_no_sound_there(start_s, end_s, position / rate))

    def _span(self, start_s: float | None, end_s: float | None, rate: int) -> tuple[int, int | None]:
        start = 0.0 if start_s is None else float(start_s)
        if not (math.isfinite(start) and 0 <= start < 1e9):
            raise DecodeError(f"a clip cannot start at {start:g} s")
        first = round(start * rate)
        if end_s is None:
            return first, None
        end = float(end_s)
        if not (math.isfinite(end) and end < 1e9):
            raise DecodeError(f"a clip cannot end at {end:g} s")
        if end <= start:
            raise DecodeError(f"the clip ends at {end:g} s, and it starts at {start:g} s")
        return first, max(first + 1, round(end * rate))

    def _vectorize(self, sound: Any, start_s: Any, end_s: Any, key: str) -> tuple[dict[str, Any], bytes]:
        from hover_core.vectorizers import get

        vectorizer = get(key)
        stream = vectorizer.stream()
        frames = 0

        def mono() -> Iterator[Any]:
            nonlocal frames
            for block in self._blocks(sound, start_s, end_s):
                frames += len(block)
                yield _mono(block)

        for block in self._resampled(mono(), sound.samplerate, vectorizer.sample_rate, 1):
            stream.push(block)
        vector = stream.finish()
        return {"duration": frames / sound.samplerate, "rate": sound.samplerate}, vector.tobytes()

    def _resampled(self, blocks: Iterator[Any], rate: int, wanted: int, channels: int) -> Iterator[Any]:
        """As `librosa.resample(res_type="soxr_hq")` on the whole, to the sample: ceil(n * ratio) of them."""
        import numpy as np

        if rate == wanted:
            yield from blocks
            return
        resampler = self._resampler(rate, wanted, channels)
        given = made = 0
        waiting = None
        for block in blocks:
            if waiting is not None:
                out = resampler.resample_chunk(waiting)
                made += len(out)
                yield out
            waiting = block
            given += len(block)
        if waiting is None:
            return
        out = resampler.resample_chunk(waiting, last=True)
        missing = math.ceil(given * (float(wanted) / rate)) - made
        if len(out) < missing:
            out = np.concatenate([out, np.zeros((missing - len(out), *out.shape[1:]), np.float32)])
        yield out[:missing]

    def _resampler(self, rate: int, wanted: int, channels: int) -> Any:
        import soxr

        setting = (rate, wanted, channels)
        resampler = self._resamplers.pop(setting, None)
        if resampler is None:
            resampler = soxr.ResampleStream(rate, wanted, channels, dtype="float32", quality="HQ")
        else:
            resampler.clear()
        while len(self._resamplers) >= 4:
            del self._resamplers[next(iter(self._resamplers))]
        self._resamplers[setting] = resampler
        return resampler

    def _wav(self, sound: Any, start_s: Any, end_s: Any, wanted: int | None, send: Any) -> None:
        import numpy as np

        channels = sound.channels if sound.channels <= 2 else 1
        own = sound.samplerate
        rate = wanted or (8_000 if own < 8_000 else 48_000 if own > 96_000 else own)

        def kept() -> Iterator[Any]:
            for block in self._blocks(sound, start_s, end_s):
                yield _sane(block) if sound.channels == 2 else _mono(block)[:, np.newaxis]

        size = 0
        for block in self._resampled(kept(), sound.samplerate, rate, channels):
            size += 2 * block.size
            if size > self._limits.max_wav_bytes:
                seconds = self._limits.max_wav_bytes / (2 * channels * rate)
                raise DecodeError(f"too long to be played in one: choose at most {seconds:.0f} s")
            pcm = np.rint(np.clip(block * 32768.0, -32768, 32767)).astype("<i2").tobytes()
            for first in range(0, len(pcm), MOST_BUFFER):
                send({"part": 1}, pcm[first : first + MOST_BUFFER])
        send({"rate": rate, "channels": channels}, b"")

    def _peaks(self, sound: Any, start_s: Any, end_s: Any, n: int) -> bytes:
        import numpy as np

        # One value a frame at first; neighbours are merged as the clip turns out to be long.
        peaks = np.zeros(0, np.float32)
        rest = np.zeros(0, np.float32)
        step = 1
        for block in self._blocks(sound, start_s, end_s):
            rest = np.concatenate([rest, np.abs(_sane(block)).max(axis=1)])
            whole = len(rest) // step * step
            peaks = np.concatenate([peaks, rest[:whole].reshape(-1, step).max(axis=1)])
            rest = rest[whole:]
            while len(peaks) > 1 << 18:
                if len(peaks) % 2:
                    rest = np.concatenate([np.full(step, peaks[-1]), rest])
                    peaks = peaks[:-1]
                peaks = peaks.reshape(-1, 2).max(axis=1)
                step *= 2
        if len(rest):
            peaks = np.append(peaks, rest.max())
        edges = np.arange(n) * len(peaks) // n
        outline = np.maximum.reduceat(peaks, edges)
        loudest = float(outline.max())
        scaled = np.zeros(n) if loudest <= 0 else outline / np.float64(loudest) * 255
        return np.rint(scaled).astype(np.uint8).tobytes()

    def _spectrogram(self, sound: Any, start_s: Any, end_s: Any, width: int, height: int) -> bytes:
        """Rows from high to low frequency, 0 to 8 kHz, columns in time; 255 at the loudest, 0 at 80 dB below."""
        import numpy as np
        import scipy.fft

        frame, hop = 512, 128
        window = np.hanning(frame).astype(np.float32)
        blocks = (_mono(block)[:, np.newaxis] for block in self._blocks(sound, start_s, end_s))
        columns = np.zeros((0, frame // 2 + 1), np.float32)
        rest = np.zeros(frame // 2, np.float32)  # the first column is centred on the first sample
        merged = 1  # frames in a column so far: neighbours are merged as the clip turns out to be long
        loose: list[Any] = []
        for block in self._resampled(blocks, sound.samplerate, 16_000, 1):
            rest = np.concatenate([rest, block[:, 0]])
            while len(rest) >= frame:
                frames = np.lib.stride_tricks.sliding_window_view(rest, frame)[::hop][:512]
                power = np.abs(scipy.fft.rfft(frames * window, axis=1)) ** 2
                rest = rest[len(frames) * hop :]
                loose.extend(power)
                whole = len(loose) // merged * merged
                fresh = np.array(loose[:whole], np.float32).reshape(-1, merged, power.shape[1]).mean(axis=1)
                loose = loose[whole:]
                columns = np.concatenate([columns, fresh])
                while len(columns) >= 4 * width:
                    even = len(columns) // 2 * 2
                    loose = [column for column in columns[even:] for _ in range(merged)] + loose
                    columns = columns[:even].reshape(-1, 2, columns.shape[1]).mean(axis=1)
                    merged *= 2
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

    def _too_long(self, seconds: float | None) -> str:
        most = self._limits.max_duration_s
        known = "longer" if seconds is None else f"{_time(seconds)} long"
        return f"{known}, at most {_time(most)} can be decoded" if seconds else f"longer than {_time(most)}"


def _mono(block: Any) -> Any:
    """Mean over channels [shape=(n,), float32, finite], as `librosa.to_mono`."""
    channels = block.shape[1]
    if channels == 1:
        mixed = block[:, 0]
    elif channels == 2:  # numpy's mean over an axis of two takes ten times as long
        mixed = block[:, 0] + block[:, 1]
        mixed *= 0.5
    else:
        mixed = block.mean(axis=1)
    return _sane(mixed)


def _sane(block: Any) -> Any:
    """The block without the NaN, infinities and absurd values that a float file may hold: these become 0."""
    import numpy as np

    if not (block.max() <= _LOUDEST and block.min() >= -_LOUDEST):  # also true of NaN
        block[~(np.abs(block) <= _LOUDEST)] = 0
    return block


def _not_a_sound(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head[4:8] == b"ftyp" or head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "m4a/AAC is not supported: convert it to wav, flac, ogg or mp3"
    for magic, name in (
        (b"\x1a\x45\xdf\xa3", "webm/Matroska"),
        (b"\x30\x26\xb2\x75", "wma"),
        (b"#!AMR", "amr"),
        (b"FLV", "flv"),
    ):
        if head.startswith(magic):
            return f"{name} is not supported: convert it to wav, flac, ogg or mp3"
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "not a sound file but a web page (it starts with '<html'): does the link ask for a sign-in?"
    shown = head[:12].decode("ascii", "replace")
    if shown.isprintable() and "\ufffd" not in shown:
        return f"not a sound file that can be read (it starts with {shown!r})"
    return f"not a sound file that can be read (it starts with the bytes {head[:4].hex(' ')})"


def _no_sound_there(start_s: float | None, end_s: float | None, duration_s: float) -> str:
    until = "the end" if end_s is None else f"{float(end_s):.1f} s"
    return f"no sound between {float(start_s or 0):.1f} s and {until}: the recording is {duration_s:.1f} s long"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds:.1f} s"


def _limit(limits: DecodeLimits) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, value in (("CORE", 0), ("FSIZE", 0), ("NOFILE", 32)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (value, value))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        with open("/proc/self/statm", "rb") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + limits.memory_bytes,) * 2)


def _renew_cpu(limits: DecodeLimits) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(time.process_time() + limits.cpu_s)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; its end closes our pipe
    # A library that prints must not write into the conversation.
    source = os.fdopen(os.dup(0), "rb", 1 << 16)
    sink = os.fdopen(os.dup(1), "wb", 1 << 16)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)

    def read() -> tuple[dict[str, Any], bytes] | None:
        lengths = source.read(FRAME.size)
        if len(lengths) < FRAME.size:
            return None
        header_length, buffer_length = FRAME.unpack(lengths)
        return json.loads(source.read(header_length)), source.read(buffer_length)

    def send(header: dict[str, Any], buffer: bytes) -> None:
        text = json.dumps(header).encode()
        sink.write(FRAME.pack(len(text), len(buffer)) + text + buffer)

    first = read()
    if first is None:
        return
    limits = DecodeLimits(**first[0])
    try:
        import scipy.fft
        import scipy.sparse  # noqa: F401
        import soxr  # noqa: F401

        from hover_core.vectorizers import VECTORIZERS

        ear = _Ear(limits)
        import numpy as np

        for vectorizer in VECTORIZERS:  # their constants, before the limits
            vectorizer.vector(np.zeros(1, np.float32))
        _limit(limits)
        send({"ready": 1}, b"")
    except Exception as error:
        send({"error": f"{type(error).__name__}: {error}"}, b"")
        sink.flush()
        return
    sink.flush()
    flushed = time.monotonic()
    while True:
        _renew_cpu(limits)
        try:
            question = read()
            if question is None:
                break
            header, data = question
            del question
            ear.answer(header, data, send)
        except DecodeError as error:
            send({"error": str(error)}, b"")
        except MemoryError:
            # Libraries may be in any state after a failed allocation: answer, and make room for a fresh child.
            send({"error": f"needs more than {limits.memory_bytes / 1e6:.0f} MB of memory", "last": 1}, b"")
            break
        except Exception as error:
            send({"error": f"cannot be decoded ({type(error).__name__}: {error})"[:300]}, b"")
        data = b""
        now = time.monotonic()
        if header.get("flush") or now - flushed > _FLUSH_S:
            sink.flush()
            flushed = now
    sink.flush()


if __name__ == "__main__":
    _main()
