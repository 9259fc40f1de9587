"""A recording that was opened for decoding: its samples in blocks, as far as they can be decoded.

Runs in the limited children only (`hover_core.ear`). libsndfile decodes what it knows; what lies in containers that it
does not know (m4a, video) goes to `hover_core.containers`, where that is installed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import stat
from collections.abc import Iterator
from typing import IO, Any

from hover_core import containers, plain_wav
from hover_core.audio import DecodeLimits
from hover_core.errors import DecodeError

_BLOCK_VALUES = 1 << 18  # samples x channels decoded at a time: 1 MB of float32
_LOUDEST = 1e9  # float files may hold anything; beyond this the power spectrum overflows float32
_UNKNOWN_FRAMES = 1 << 48  # libsndfile says about 2**63 when a header does not tell
_HEAD = 512


@contextlib.contextmanager
def opened(path: str | None, data: bytes, limits: DecodeLimits) -> Iterator[Recording]:
    """The recording in a file or, without a path, in bytes.

    Raises
    ------
    DecodeError
        It cannot be read, or is no sound; the sentence says what it seems to be.
    """
    file: IO[bytes]
    if path is None:
        file, head, size = io.BytesIO(data), data[:_HEAD], len(data)
    else:
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DecodeError(f"the file cannot be read ({error.strerror})") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise DecodeError("not a file")
        size = status.st_size
        head = os.read(descriptor, _HEAD)
        os.lseek(descriptor, 0, os.SEEK_SET)
        file = os.fdopen(descriptor, "rb")
    with file:
        if not head:
            raise DecodeError("empty file")
        sound: Any = plain_wav.opened(file, head, size)
        if sound is None and (container := containers.kind(head)) is not None:
            sound = containers.open_sound(file, container)
        elif sound is None:
            try:
                # The descriptor where there is one, so that neither the name's extension nor Python's reads matter.
                use_descriptor = path is not None and os.name == "posix"
                sound = _sound_file()(file.fileno() if use_descriptor else file, closefd=False)
            except _broken() as error:
                raise DecodeError(_not_a_sound(head)) from error
        with sound:
            if sound.samplerate < 1 or sound.channels < 1:
                raise DecodeError(f"a sound file with {sound.channels} channels at {sound.samplerate} Hz")
            yield Recording(sound, limits)


class LastOpened:
    """Opens recordings, and keeps the last file open: a recording of hours has hundreds of clips, one after another.

    *Measured*: a clip out of half an hour of MP3 takes 136 ms if the file is opened for it, because a jump has to walk
    through all frames before it; the open file remembers where they are.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._kept: Recording | None = None
        self._file: tuple[str | int, ...] = ()
        self._open = contextlib.ExitStack()

    @contextlib.contextmanager
    def opened(self, path: str | None, data: bytes) -> Iterator[Recording]:
        """As `opened`."""
        file = _file(path)
        if path is None or not file:
            with opened(path, data, self._limits) as recording:
                yield recording
            return
        if self._kept is None or self._file != file:
            self.close()
            self._kept, self._file = self._open.enter_context(opened(path, data, self._limits)), file
        reusable = False
        try:
            yield self._kept
            reusable = self._kept.reusable
        finally:
            if not reusable:
                self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._kept = None
        self._open.close()


class Moved(Exception):
    """A file that was read before does not go where it should: open it anew."""


def _file(path: str | None) -> tuple[str | int, ...]:
    """What tells a file from another one that takes its place."""
    if path is None:
        return ()
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (path, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class Recording:
    """Sample rate in Hz, channels, format, and the samples.

    Parameters
    ----------
    sound : a `soundfile.SoundFile`, or a `containers.Sound`, which answers the same questions.
    """

    def __init__(self, sound: Any, limits: DecodeLimits) -> None:
        self.rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.format = f"{sound.format} {sound.subtype}"
        self._sound = sound
        self._limits = limits
        self._known = sound.frames if 0 <= sound.frames < _UNKNOWN_FRAMES else None
        self._at = 0  # the sample that is read next
        # *Measured*: in an open Ogg libsndfile jumps to other samples than in one that was just opened
        self.reusable = not isinstance(sound, containers.Sound) and sound.format != "OGG"

    def duration_s(self, *, counted: bool = False) -> float:
        """Seconds in all: what the header says, or `counted`, and where it says nothing, what there is."""
        if self._known is not None and not counted:
            return self._known / self.rate
        return sum(len(block) for block in self.blocks(None, None)) / self.rate

    def holds_what_it_says(self) -> bool:
        """Whether the last sample that the header promises is there. Nothing can be read after this."""
        self.reusable = False
        if not self._known:
            return False
        try:
            self._sound.seek(self._known - 1)
            return len(self._sound.read(1)) == 1
        except _broken():
            return False

    def blocks(self, start_s: float | None, end_s: float | None, *, dtype: str = "float32") -> Iterator[Any]:
        """`[start_s, end_s)` in blocks [shape=(frames, channels)], as far as it can be decoded."""
        import numpy as np

        sound, known = self._sound, self._known
        first, stop = self._span(start_s, end_s)
        if stop is None or (known is not None and known < stop):
            stop = known
        if known is not None and first >= known and (first or start_s is not None):
            raise DecodeError(_no_sound_there(start_s, end_s, known / self.rate))
        most = int(self._limits.max_duration_s * self.rate)
        if stop is not None and stop - first > most:
            raise DecodeError(self._too_long((stop - first) / self.rate))
        size = max(1, min(_BLOCK_VALUES // self.channels, int(_BLOCK_VALUES * self.rate / 22_050)))
        position, skip = first, 0
        if first != self._at:
            try:
                sound.seek(first)
            except _broken() as error:
                self.reusable = False
                if self._at:
                    raise Moved from error
                position, skip = 0, first
        heard = 0
        while stop is None or position < stop:
            wanted = size if stop is None else min(size, stop - position)
            block = np.empty((wanted, self.channels), dtype)
            damaged = False
            try:
                block = sound.read(out=block)
            except _broken():
                # Cut off or damaged: what was decoded before stands in the block, and the file knows how far.
                damaged, self.reusable = True, False
                with contextlib.suppress(*_broken()):
                    block = block[: min(max(sound.tell() - position, 0), len(block))]
                    if not len(block) and not heard:
                        break
            if not len(block):
                break
            position += len(block)
            self._at = position
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
            raise DecodeError(_no_sound_there(start_s, end_s, position / self.rate))

    def mono(self, start_s: float | None, end_s: float | None) -> Iterator[Any]:
        """`[start_s, end_s)` as the mean over channels [shape=(frames,), float32, finite], as `librosa.to_mono`."""
        if self.format.endswith(" PCM_16") and self.channels <= 2:
            for block in self.blocks(start_s, end_s, dtype="int16"):  # four times as fast, to the bit the same
                yield _mono_of_integers(block)
        else:
            for block in self.blocks(start_s, end_s):
                yield mono(block)

    def _span(self, start_s: float | None, end_s: float | None) -> tuple[int, int | None]:
        start = 0.0 if start_s is None else float(start_s)
        if not (math.isfinite(start) and 0 <= start < 1e9):
            raise DecodeError(f"a clip cannot start at {start:g} s")
        first = round(start * self.rate)
        if end_s is None:
            return first, None
        end = float(end_s)
        if not (math.isfinite(end) and end < 1e9):
            raise DecodeError(f"a clip cannot end at {end:g} s")
        if end <= start:
            raise DecodeError(f"the clip ends at {end:g} s, and it starts at {start:g} s")
        return first, max(first + 1, round(end * self.rate))

    def _too_long(self, seconds: float | None) -> str:
        most = self._limits.max_duration_s
        if seconds is None:
            return f"longer than {_time(most)}"
        return f"{_time(seconds)} long, at most {_time(most)} can be decoded"


class Resamplers:
    """soxr HQ, streamed; its filters are kept for the next recording of the same rate."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], Any] = {}

    def stream(self, blocks: Iterator[Any], rate: int, wanted: int, channels: int) -> Iterator[Any]:
        """As `librosa.resample(res_type="soxr_hq")` on the whole, to the sample: ceil(n * ratio) of them."""
        import numpy as np

        if rate == wanted:
            yield from blocks
            return
        raising = _raising(rate, wanted) if channels == 1 else None
        resampler = None
        given = made = 0
        waiting = None
        for block in blocks:
            if waiting is not None:
                resampler = resampler or self._resampler(rate, wanted, channels)
                out = resampler.resample_chunk(waiting)
                made += len(out)
                yield out
            waiting = block
            given += len(block)
        if waiting is None:
            return
        if raising is not None and resampler is None and len(waiting) <= _SHORT:
            out = raising.of(waiting)
        else:
            resampler = resampler or self._resampler(rate, wanted, channels)
            out = resampler.resample_chunk(waiting, last=True)
        missing = math.ceil(given * (float(wanted) / rate)) - made
        if len(out) < missing:
            out = np.concatenate([out, np.zeros((missing - len(out), *out.shape[1:]), np.float32)])
        yield out[:missing]

    def _resampler(self, rate: int, wanted: int, channels: int) -> Any:
        setting = (rate, wanted, channels)
        resampler = self._kept.pop(setting, None)
        if resampler is None:
            resampler = _soxr(*setting)
        else:
            resampler.clear()
        while len(self._kept) >= 4:
            del self._kept[next(iter(self._kept))]
        self._kept[setting] = resampler
        return resampler


_SHORT = 1 << 14  # samples
_SLOWEST, _MOST_EVERY = 4_000, 640  # outside of these soxr itself is as fast, or meets the rate only about
_SILENCE = 256  # samples, longer than half of soxr's filters
_MARGIN = 128  # samples on either side of a block that its filtering spoils
_REACH, _BENT = 96, 192  # so many first samples of a clip bend so many of the raised ones, *measured*: 90 and 136


class _Raising:
    """What soxr HQ makes of a short clip whose rate is raised, without soxr: one filter, by FFT in blocks.

    `soxr.ResampleStream.clear` designs its filters anew, 0.15 ms from 8 or 16 to 22.05 kHz, *measured*: three times as
    long as all of this. The filter is what soxr answers to a click in silence. A clip that begins with soxr's first
    sample comes out otherwise than one after silence, because its second filter then misses what the first one makes of
    the time before; the difference is linear in the first samples. *Measured*: within 2e-6 of soxr for ±1.
    """

    def __init__(self, rate: int, wanted: int) -> None:
        import numpy as np

        common = math.gcd(rate, wanted)
        self._ratio = rate / wanted
        self._every, self._gives = rate // common, wanted // common  # so many samples become so many
        self._margin = self._every * -(-_MARGIN // self._every)
        self._block = 8 * self._margin
        made = self._raised(self._block)
        before = self._every * -(-_SILENCE // self._every)
        at = self._raised(before)
        click = np.zeros((2 * before + self._block, 1))
        click[before] = 1
        answer = _soxr(rate, wanted, 1, "float64").resample_chunk(click, last=True)[:, 0]
        around = np.arange(-min(made // 2, at), made - min(made // 2, at))
        filter_ = np.zeros(made)
        filter_[around % made] = answer[at + around]
        self._filter = np.fft.rfft(filter_)[: self._block // 2 + 1].astype(np.complex64)
        clicks = np.zeros((before + _REACH + _SILENCE, _REACH), np.float32)  # in each channel a sample later
        clicks[before : before + _REACH] = np.eye(_REACH)
        after_silence = _soxr(rate, wanted, _REACH).resample_chunk(clicks, last=True)[at:][:_BENT]
        after_nothing = _soxr(rate, wanted, _REACH).resample_chunk(clicks[before:], last=True)[:_BENT]
        self._bend = after_nothing - after_silence

    def _raised(self, samples: int) -> int:
        return samples * self._gives // self._every

    def of(self, clip: Any) -> Any:
        """The clip [shape=(n,), float32] at the wanted rate: as many samples as soxr makes of it."""
        import numpy as np
        import scipy.fft

        margin, block = self._margin, self._block
        step = block - 2 * margin
        blocks = -(-len(clip) // step)
        padded = np.zeros(blocks * step + 2 * margin, np.float32)
        padded[margin : margin + len(clip)] = clip
        rows = np.ndarray((blocks, block), np.float32, padded, strides=(step * padded.itemsize, padded.itemsize))
        made = self._raised(block)
        spectrum = np.zeros((blocks, made // 2 + 1), np.complex64)  # nothing lies above half the old rate
        np.multiply(scipy.fft.rfft(rows, axis=1), self._filter, out=spectrum[:, : len(self._filter)])
        raised = scipy.fft.irfft(spectrum, made, axis=1, overwrite_x=True)
        ahead = self._raised(margin)
        out = raised[:, ahead : raised.shape[1] - ahead].reshape(-1)[: int(len(clip) / self._ratio + 0.5)]
        first = clip[:_REACH]
        out[:_BENT] += (self._bend[:, : len(first)] @ first)[: len(out)]
        return out


@functools.cache
def _raising(rate: int, wanted: int) -> _Raising | None:
    every = rate // math.gcd(rate, wanted)
    smooth = all(_of_small_primes(one) for one in (every, wanted // math.gcd(rate, wanted)))
    return _Raising(rate, wanted) if _SLOWEST <= rate < wanted and 1 < every <= _MOST_EVERY and smooth else None


def _of_small_primes(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


def _soxr(rate: int, wanted: int, channels: int, dtype: str = "float32") -> Any:
    import soxr

    return soxr.ResampleStream(rate, wanted, channels, dtype=dtype, quality="HQ")


def mono(block: Any) -> Any:
    """Mean over channels [shape=(n,), float32, finite] of a block [shape=(n, channels), float32]."""
    channels = block.shape[1]
    if channels == 1:
        mixed = block[:, 0]
    elif channels == 2:  # numpy's mean over an axis of two takes ten times as long
        mixed = block[:, 0] + block[:, 1]
        mixed *= 0.5
    else:
        mixed = block.mean(axis=1)
    return sane(mixed)


def sane(block: Any) -> Any:
    """The block without the NaN, infinities and absurd values that a float file may hold: these become 0."""
    import numpy as np

    if not (block.max() <= _LOUDEST and block.min() >= -_LOUDEST):  # also true of NaN
        block[~(np.abs(block) <= _LOUDEST)] = 0
    return block


def _mono_of_integers(block: Any) -> Any:
    """The same of 16-bit integers, one or two channels: sums of 17 bits and powers of two are exact in float32."""
    import numpy as np

    if block.shape[1] == 1:
        mixed = block[:, 0].astype(np.float32)
        mixed *= np.float32(1 / 32768)
        return mixed
    pairs = block.view(np.int32)[:, 0]  # contiguous arithmetic is three times as fast as that on every second value
    sums = pairs >> 16
    sums += pairs.astype(np.int16)
    mixed = sums.astype(np.float32)
    mixed *= np.float32(1 / 65536)
    return mixed


@functools.cache
def _sound_file() -> Any:
    import soundfile

    class Reading(soundfile.SoundFile):
        def seekable(self) -> bool:
            # soundfile seeks after every block that it reads from a seekable file; we only read on.
            return False

    return Reading


@functools.cache
def _broken() -> tuple[type[BaseException], ...]:
    import soundfile

    return (soundfile.LibsndfileError, TypeError, containers.Broken)


# of HTML, also behind a comment, and of the XML in which stores of files refuse
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<?xml")


def _not_a_sound(head: bytes) -> str:
    start = head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    page = next((mark for mark in _PAGES if start.startswith(mark)), b"")
    if page:
        return f"not a sound file but a web page (it starts with '{page.decode()}'): does the link ask for a sign-in?"
    shown = head[:12].decode("ascii", "replace")
    if shown.isprintable() and "\ufffd" not in shown:
        return f"not a sound file that can be read (it starts with {shown!r})"
    return f"not a sound file that can be read (it starts with the bytes {head[:4].hex(' ')})"


def _no_sound_there(start_s: float | None, end_s: float | None, duration_s: float) -> str:
    until = "the end" if end_s is None else f"{float(end_s):.1f} s"
    return f"no sound between {float(start_s or 0):.1f} s and {until}: the recording is {duration_s:.1f} s long"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds:.1f} s"
