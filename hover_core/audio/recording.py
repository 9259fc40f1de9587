"""A recording that was opened for decoding: its samples in blocks, as far as they can be decoded.

Runs only in decoder processes (`hover_core.audio.decoder_worker`). libsndfile decodes most formats; containers that it
does not know (m4a, video) go to `hover_core.audio.containers`, if PyAV is installed.
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

from hover_core.audio import containers, wav
from hover_core.audio.segment import DecodeLimits
from hover_core.errors import DecodeError

_BLOCK_VALUES = 1 << 18  # samples x channels decoded at a time: 1 MB of float32
_LOUDEST = 1e9  # files of floats may hold any value; beyond this the power spectrum overflows float32
_UNKNOWN_FRAMES = 1 << 48  # libsndfile returns about 2**63 if the header does not say the length
_HEAD = 512


@contextlib.contextmanager
def open_recording(path: str | None, data: bytes, limits: DecodeLimits) -> Iterator[Recording]:
    """The recording in a file or, without a path, in bytes.

    Raises
    ------
    DecodeError
        The file cannot be read, or is no sound; the message says what it seems to be.
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
        sound: Any = wav.open_wav(file, head, size)
        if sound is None and (container := containers.kind(head)) is not None:
            sound = containers.open_sound(file, container)
        elif sound is None:
            try:
                # By descriptor if possible: then neither the extension of the name nor Python's reads matter.
                use_descriptor = path is not None and os.name == "posix"
                sound = _sound_file()(file.fileno() if use_descriptor else file, closefd=False)
            except _decoding_errors() as error:
                raise DecodeError(_not_a_sound(head)) from error
        with sound:
            if sound.samplerate < 1 or sound.channels < 1:
                raise DecodeError(f"a sound file with {sound.channels} channels at {sound.samplerate} Hz")
            yield Recording(sound, limits)


class LastOpened:
    """Opens recordings and keeps the last file open: a recording of hours has hundreds of clips, one after another.

    *Measured*: a clip out of half an hour of MP3 takes 136 ms if the file is opened for it, because a seek has to read
    all frames before it; an open file remembers their positions.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._recording: Recording | None = None
        self._file: tuple[str | int, ...] = ()
        self._open = contextlib.ExitStack()

    @contextlib.contextmanager
    def open(self, path: str | None, data: bytes) -> Iterator[Recording]:
        """As `open_recording`; the recording of a file stays open for the next call."""
        file = _file_identity(path)
        if path is None or not file:
            with open_recording(path, data, self._limits) as recording:
                yield recording
            return
        if self._recording is None or self._file != file:
            self.close()
            self._recording, self._file = self._open.enter_context(open_recording(path, data, self._limits)), file
        reusable = False
        try:
            yield self._recording
            reusable = self._recording.reusable
        finally:
            if not reusable:
                self.close()

    def close(self) -> None:
        """Close the file that is open."""
        self._recording = None
        self._open.close()


class FileMoved(Exception):
    """An open file that was read before cannot seek any more: open it anew."""


def _file_identity(path: str | None) -> tuple[str | int, ...]:
    """The identity of a file: it changes when another file takes its place. Empty if there is none."""
    if path is None:
        return ()
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (path, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


class Recording:
    """Sample rate [Hz], channels, format and samples of a sound file.

    Parameters
    ----------
    sound : a `soundfile.SoundFile`, or a `containers.ContainerFile` or `wav.PlainWav`, which have the same methods.
    limits : a clip may be at most `limits.max_duration_s` long.
    """

    def __init__(self, sound: Any, limits: DecodeLimits) -> None:
        self.rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.format = f"{sound.format} {sound.subtype}"
        self._sound = sound
        self._limits = limits
        self._frames = sound.frames if 0 <= sound.frames < _UNKNOWN_FRAMES else None
        self._at = 0  # the sample that is read next
        # *Measured*: in an open Ogg libsndfile jumps to other samples than in one that was just opened
        self.reusable = not isinstance(sound, containers.ContainerFile) and sound.format != "OGG"

    def duration_s(self, *, counted: bool = False) -> float:
        """The duration [seconds] that the header says. The samples are counted if it says none, or with `counted`.

        Raises
        ------
        DecodeError
            The samples were counted, and there are none or too many.
        """
        if self._frames is not None and not counted:
            return self._frames / self.rate
        return sum(len(block) for block in self.blocks(None, None)) / self.rate

    def holds_what_it_says(self) -> bool:
        """Whether the last sample that the header promises is there. The recording cannot be read after this call."""
        self.reusable = False
        if not self._frames:
            return False
        try:
            self._sound.seek(self._frames - 1)
            return len(self._sound.read(1)) == 1
        except _decoding_errors():
            return False

    def blocks(self, start_s: float | None, end_s: float | None, *, dtype: str = "float32") -> Iterator[Any]:
        """The samples of `[start_s, end_s)` in blocks, as far as they can be decoded. [shape=(n, channels), `dtype`]

        Raises
        ------
        DecodeError
            There is no sound between `start_s` and `end_s`, or more than `max_duration_s`.
        FileMoved
            An open file cannot seek to `start_s` any more.
        """
        import numpy as np

        sound, frames = self._sound, self._frames
        first, stop = self._span(start_s, end_s)
        if stop is None or (frames is not None and frames < stop):
            stop = frames
        if frames is not None and first >= frames and (first or start_s is not None):
            raise DecodeError(_no_sound_there(start_s, end_s, frames / self.rate))
        most = int(self._limits.max_duration_s * self.rate)
        if stop is not None and stop - first > most:
            raise DecodeError(self._too_long((stop - first) / self.rate))
        size = max(1, min(_BLOCK_VALUES // self.channels, int(_BLOCK_VALUES * self.rate / 22_050)))
        position, skip = first, 0
        if first != self._at:
            try:
                sound.seek(first)
            except _decoding_errors() as error:
                self.reusable = False
                if self._at:
                    raise FileMoved from error
                position, skip = 0, first
        total = 0
        while stop is None or position < stop:
            length = size if stop is None else min(size, stop - position)
            block = np.empty((length, self.channels), dtype)
            damaged = False
            try:
                block = sound.read(out=block)
            except _decoding_errors():
                # Cut off or damaged: the block holds the samples before, and the file knows how many.
                damaged, self.reusable = True, False
                with contextlib.suppress(*_decoding_errors()):
                    block = block[: min(max(sound.tell() - position, 0), len(block))]
                    if not len(block) and not total:
                        break
            if not len(block):
                break
            position += len(block)
            self._at = position
            if skip:
                block, skip = block[skip:], max(0, skip - len(block))
            total += len(block)
            if total > most:
                raise DecodeError(self._too_long(None))
            if len(block):
                yield block
            if damaged:
                break
        if not total:
            if start_s is None and end_s is None:
                raise DecodeError("there are no samples in it")
            raise DecodeError(_no_sound_there(start_s, end_s, position / self.rate))

    def mono(self, start_s: float | None, end_s: float | None) -> Iterator[Any]:
        """The mean over channels of `blocks`, as `librosa.to_mono`. [shape=(n,), float32, finite]

        It raises the same errors.
        """
        if self.format.endswith(" PCM_16") and self.channels <= 2:
            for block in self.blocks(start_s, end_s, dtype="int16"):  # four times as fast, and the same to the bit
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


def mono(block: Any) -> Any:
    """The mean over channels of a block [shape=(n, channels), float32]. [shape=(n,), float32, finite]

    Examples
    --------
    >>> import numpy as np
    >>> mono(np.array([[0.5, -0.25], [1.0, 0.0]], np.float32)).tolist()
    [0.125, 0.5]
    """
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
    """The block [float32], changed in place: NaN, infinities and values beyond ±1e9, as float files may hold, become 0.

    Examples
    --------
    >>> import numpy as np
    >>> sane(np.array([0.5, np.nan, np.inf], np.float32)).tolist()
    [0.5, 0.0, 0.0]
    """
    import numpy as np

    if not (block.max() <= _LOUDEST and block.min() >= -_LOUDEST):  # also true of NaN
        block[~(np.abs(block) <= _LOUDEST)] = 0
    return block


def _mono_of_integers(block: Any) -> Any:
    """`mono` of 16-bit integers in one or two channels: sums of 17 bits and powers of two are exact in float32."""
    import numpy as np

    if block.shape[1] == 1:
        mixed = block[:, 0].astype(np.float32)
        mixed *= np.float32(1 / 32768)
        return mixed
    pairs = block.view(np.int32)[:, 0]  # contiguous arithmetic is three times as fast as on every second value
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
            # soundfile seeks after every block that it reads from a seekable file; here blocks follow each other
            return False

    return Reading


@functools.cache
def _decoding_errors() -> tuple[type[BaseException], ...]:
    import soundfile

    return (soundfile.LibsndfileError, TypeError, containers.DamagedSound)


# the starts of HTML, also behind a comment, and of the XML in which file stores refuse a request
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<?xml")


def _not_a_sound(head: bytes) -> str:
    start = head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    page = next((mark for mark in _PAGES if start.startswith(mark)), b"")
    if page:
        return f"not a sound file but a web page (it starts with '{page.decode()}'): does the link ask for a sign-in?"
    text = head[:12].decode("ascii", "replace")
    if text.isprintable() and "\ufffd" not in text:
        return f"not a sound file that can be read (it starts with {text!r})"
    return f"not a sound file that can be read (it starts with the bytes {head[:4].hex(' ')})"


def _no_sound_there(start_s: float | None, end_s: float | None, duration_s: float) -> str:
    until = "the end" if end_s is None else f"{float(end_s):.1f} s"
    return f"no sound between {float(start_s or 0):.1f} s and {until}: the recording is {duration_s:.1f} s long"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds:.1f} s"
