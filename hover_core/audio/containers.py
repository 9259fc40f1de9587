"""Sound in containers that libsndfile does not know: m4a/AAC, video, webm, wma, amr, through PyAV (FFmpeg's libraries).

An optional extra (`pip install av`); without it `open_sound` raises an error that says so. It runs only in decoder
processes, and uses only the parts of FFmpeg that are listed here: the demuxer is chosen by the file's first bytes and
never guessed (a playlist could open other files), no other file can be opened, and only decoders of sound are allowed.
"""

from __future__ import annotations

from typing import IO, Any, Final

from hover_core.errors import DecodeError

_DECODERS: Final = (
    "aac,aac_latm,alac,mp3,mp3float,mp2,mp2float,opus,vorbis,flac,ac3,eac3,amrnb,amrwb,wmav1,wmav2,wmapro,wmalossless,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_u8,pcm_mulaw,pcm_alaw"
)
_NAMES: Final = {
    "mov": "m4a/AAC",
    "aac": "m4a/AAC",
    "matroska": "webm/Matroska",
    "asf": "wma",
    "amr": "amr",
    "flv": "flv",
    "avi": "avi",
    "mpegts": "an MPEG stream",
    "mpeg": "an MPEG stream",
}
_SEEKABLE: Final = ("mov", "matroska")  # containers with exact times; others are decoded from their beginning
_ROLL_S: Final = 0.2  # codecs need the sound before: AAC a frame, Opus 80 ms
_UNKNOWN: Final = 1 << 62  # samples


class DamagedSound(Exception):
    """The sound ends or is damaged here."""


def kind(head: bytes) -> str | None:
    """FFmpeg's name of the container that starts with these bytes, or None if this module does not read it.

    Examples
    --------
    >>> kind(b"....ftypM4A "), kind(b"RIFF....WAVE")
    ('mov', None)
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9", b"\xff\xf0", b"\xff\xf8"):
        return "aac"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return "mpegts"
    for magic, name in (
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"\x30\x26\xb2\x75", "asf"),
        (b"#!AMR", "amr"),
        (b"FLV", "flv"),
        (b"\x00\x00\x01\xba", "mpeg"),
    ):
        if head.startswith(magic):
            return name
    return None


def is_installed() -> bool:
    """Whether PyAV is installed."""
    from importlib.util import find_spec

    return find_spec("av") is not None


def open_sound(file: IO[bytes], container: str) -> ContainerFile:
    """The first sound track of a file.

    Raises
    ------
    DecodeError
        PyAV is not installed; or the file is damaged, has no sound track, or one that cannot be decoded.
    """
    name = _NAMES[container]
    if not is_installed():
        raise DecodeError(
            f"{name} is not supported here: convert it to wav, flac, ogg or mp3, or install PyAV (pip install av)"
        )
    return ContainerFile(file, container, name)


class ContainerFile:
    """The part of the interface of `soundfile.SoundFile` that `recording.Recording` uses."""

    def __init__(self, file: IO[bytes], container: str, name: str) -> None:
        import av
        import av.stream

        av.logging.set_level(None)
        self._failure = (av.FFmpegError, ValueError, EOFError)
        self._kind = container
        try:
            self._container: Any = av.open(
                file,
                format=container,
                io_open=_nothing_else,
                metadata_errors="replace",
                options={"codec_whitelist": _DECODERS},
            )
        except self._failure as error:
            raise DecodeError(f"{name} that cannot be read: cut off, or damaged") from error
        tracks = self._container.streams.audio
        if not tracks:
            self._container.close()
            raise DecodeError(f"{name} without a sound track")
        self._track = tracks[0]
        for stream in self._container.streams:
            if stream is not self._track:
                stream.discard = av.stream.Discard.all
        try:
            self._track.codec_context.thread_count = 1
            self._frames = self._decode_next()
            first = next(self._frames, None)
        except self._failure as error:
            self._container.close()
            raise DecodeError(f"{name} whose sound track cannot be decoded") from error
        if first is None:
            self._container.close()
            raise DecodeError("there are no samples in it")
        self.samplerate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.frames = _UNKNOWN  # headers are not exact: the samples are counted
        self.format = name.upper()
        self.subtype: str = self._track.codec_context.name
        self._time_of_first, self._samples_of_first = self._time(first), int(first.samples)
        self._start = self._time_of_first or 0
        self._rest: Any = self._values(first)
        self._position = 0
        self._over = False

    def __enter__(self) -> ContainerFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self._frames.close()
        self._container.close()

    def tell(self) -> int:
        """Samples read or skipped so far."""
        return self._position

    def seek(self, frame: int) -> None:
        """Go to sample number `frame`; exact except for Vorbis in Matroska (1 ms).

        Raises
        ------
        DamagedSound
            The file cannot seek there. The next sample to be read is the first one.
        DecodeError
            The file cannot be read again from its beginning.
        """
        if frame == self._position == 0:
            return
        if self._kind in _SEEKABLE and self._track.time_base and frame:
            try:
                if self._seek_frame(frame):
                    return
            except self._failure:
                pass
        elif not self._position:
            raise DamagedSound
        self._rewind()
        if frame:
            raise DamagedSound

    def _seek_frame(self, frame: int) -> bool:
        seconds = max(0.0, frame / self.samplerate - _ROLL_S)
        self._jump(seconds)
        for audio_frame in self._frames:
            at = self._time(audio_frame)
            if at is None:
                return False
            at = self._snap(at - self._start, audio_frame.samples)
            if at > frame:
                return False
            if at + audio_frame.samples > frame:
                self._rest = self._values(audio_frame)[frame - at :]
                self._position, self._over = frame, False
                return True
        self._rest, self._position, self._over = self._rest[:0], frame, True
        return True

    def _rewind(self) -> None:
        self._jump(0.0)
        first = next(self._frames, None)
        if first is None or self._time(first) != self._time_of_first:
            raise DecodeError("it can be read only once from its beginning")
        self._rest, self._position, self._over = self._values(first), 0, False

    def _jump(self, seconds: float) -> None:
        self._frames.close()
        assert self._track.time_base is not None
        ticks = (seconds + self._start / self.samplerate) / self._track.time_base
        self._container.seek(round(ticks), stream=self._track)
        self._frames = self._decode_next()

    def _snap(self, at: int, samples: int) -> int:
        """The exact start of a frame: Matroska rounds to milliseconds; frames of one length start at its multiples."""
        exact = self._samples_of_first + round((at - self._samples_of_first) / samples) * samples
        return exact if abs(exact - at) <= self.samplerate / 1000 else at

    def read(self, frames: int = -1, *, dtype: str = "float32", out: Any = None) -> Any:
        """The next samples, into `out` if given [shape=(n, channels), float32]; fewer at the end of the sound."""
        import numpy as np

        if out is None:
            out = np.empty((max(frames, 0), self.channels), dtype)
        count = 0
        while count < len(out):
            if not len(self._rest) and not self._next():
                break
            part = self._rest[: len(out) - count]
            out[count : count + len(part)] = part
            self._rest = self._rest[len(part) :]
            count += len(part)
        self._position += count
        return out[:count]

    def _next(self) -> bool:
        if self._over:
            return False
        try:
            frame = next(self._frames, None)
        except self._failure:  # the sound ends here; everything before is kept
            frame = None
        same = frame is not None and (frame.sample_rate, frame.layout.nb_channels) == (self.samplerate, self.channels)
        if not same:
            self._over = True
            return False
        self._rest = self._values(frame)
        return True

    def _decode_next(self) -> Any:
        for packet in self._container.demux(self._track):
            try:
                yield from packet.decode()
            except self._failure:
                if packet.size == 0:  # this packet drains the decoder at the end
                    return
                # a damaged packet is a gap of milliseconds: players skip it too

    def _time(self, frame: Any) -> int | None:
        """The start of a frame [samples], or None if the file does not say it."""
        if frame.pts is None or frame.time_base is None:
            return None
        return round(frame.pts * frame.time_base * frame.sample_rate)

    def _values(self, frame: Any) -> Any:
        """The samples of a frame [shape=(n, channels), float32]."""
        import numpy as np

        values = frame.to_ndarray()
        if frame.format.is_planar:
            values = values.T
        else:
            values = values.reshape(-1, frame.layout.nb_channels)
        if values.dtype == np.uint8:
            return (values.astype(np.float32) - 128) / 128
        if values.dtype.kind == "i":
            return values.astype(np.float32) / np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
        return values.astype(np.float32, copy=False)


def _nothing_else(url: str, flags: int, options: dict[str, Any]) -> Any:
    raise PermissionError("a sound file opens no other")
