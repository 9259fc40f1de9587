"""Sound in containers for tests, generated with PyAV: m4a, video with sound, webm and others.

Waveforms are [shape=(n,) or (n, channels), float32, within -1..1].
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

from hover_core.data.arrays import Floats

# name → FFmpeg's muxer and encoder
FORMATS = {
    "alac": ("ipod", "alac"),
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "mov": ("mov", "pcm_s16le"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "flac"),
    "wma": ("asf", "wmav1"),
    "flv": ("flv", "aac"),
    "avi": ("avi", "pcm_s16le"),
    "mpegts": ("mpegts", "aac"),
}


def encode(wave: Floats, rate: int, form: str, *, channels: int = 1, video: bool = False, sound: bool = True) -> bytes:
    """The waveform as the bytes of a file; `form` is a key of `FORMATS`. Further channels are as in `sounds.encode`."""
    muxer, encoder = FORMATS[form]
    if channels > 1:
        wave = np.stack([np.roll(wave, 7 * channel) / (1 + channel) for channel in range(channels)], axis=1)
    else:
        wave = wave[:, np.newaxis]
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        picture = container.add_stream("mpeg4", rate=10) if video else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream(encoder, rate=rate) if sound else None
        if track is not None:
            track.bit_rate = 128_000
            track.layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
        if picture is not None:
            for number in range(max(1, int(len(wave) / rate * 10))):
                pixels = np.full((48, 64, 3), number * 5 % 256, np.uint8)
                image = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                image.pts, image.time_base = number, Fraction(1, 10)
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        if track is not None:
            whole = np.ascontiguousarray(np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16).reshape(1, -1))
            given = av.AudioFrame.from_ndarray(whole, format="s16", layout=track.layout.name)
            given.sample_rate, given.pts, given.time_base = rate, 0, Fraction(1, rate)
            converter = av.AudioResampler(format=track.format, layout=track.layout, rate=rate)
            size = track.codec_context.frame_size or 1024
            queue = av.AudioFifo()
            for frame in [*converter.resample(given), *converter.resample(None)]:
                queue.write(frame)
            while queue.samples >= size:
                container.mux(track.encode(queue.read(size)))
            if queue.samples:
                container.mux(track.encode(queue.read(queue.samples)))
            container.mux(track.encode(None))
    return file.getvalue()
