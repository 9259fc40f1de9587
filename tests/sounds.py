"""Sound for tests, generated: no binaries in git, and the same bytes for the same arguments.

Waveforms are [shape=(n,), float32, within -1..1]; `encode` makes files of them.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import soundfile

from hover_core.data.arrays import Floats

FORMATS = {
    "wav8": ("WAV", "PCM_U8"),
    "wav": ("WAV", "PCM_16"),
    "wav24": ("WAV", "PCM_24"),
    "wavfloat": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"),
    "flac8": ("FLAC", "PCM_S8"),
    "flac24": ("FLAC", "PCM_24"),
    "wavdouble": ("WAV", "DOUBLE"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
}


def tone(hertz: float = 440.0, seconds: float = 1.0, rate: int = 22_050, amplitude: float = 0.5) -> Floats:
    """A sine."""
    time_s = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


def noise(seconds: float = 1.0, rate: int = 22_050, amplitude: float = 0.3, seed: int = 0) -> Floats:
    """White noise."""
    draws = np.random.default_rng(seed).uniform(-amplitude, amplitude, round(seconds * rate))
    return draws.astype(np.float32)


def chirp(low: float = 200.0, high: float = 4_000.0, seconds: float = 1.0, rate: int = 22_050) -> Floats:
    """A sine that rises from `low` to `high` Hz."""
    time_s = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (low * time_s + (high - low) * time_s**2 / (2 * seconds)))).astype(np.float32)


def silence(seconds: float = 1.0, rate: int = 22_050) -> Floats:
    """Zeros."""
    return np.zeros(round(seconds * rate), np.float32)


def speech(word: int = 0, seconds: float = 0.5, rate: int = 8_000, seed: int = 0) -> Floats:
    """Spoken-like: a buzzing pitch through three formants that glide, quiet at both ends. `word` chooses the formants,
    `seed` the speaker and the noise."""
    words, speaker = np.random.default_rng(1_000 + word), np.random.default_rng(seed)
    n = round(seconds * rate)
    time_s = np.arange(n) / rate
    pitch = speaker.uniform(90, 220) * (1 + 0.05 * np.sin(2 * np.pi * 3 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    wave = np.zeros(n)
    formants = words.uniform((250, 800, 1_800), (800, 1_800, 3_200), (2, 3)) * speaker.uniform(0.9, 1.1)
    for harmonic in range(1, 30):
        hertz = harmonic * pitch
        gain = np.zeros(n)
        for at_start, at_end in formants.T:
            centre = at_start + (at_end - at_start) * np.linspace(0, 1, n)
            gain += np.exp(-(((hertz - centre) / 120) ** 2))
        wave += np.where(hertz < rate / 2, gain / harmonic**0.5, 0) * np.sin(harmonic * phase)
    wave *= np.clip(np.minimum(time_s - 0.05, seconds - 0.05 - time_s) * 20, 0, 1)
    wave += speaker.normal(0, 1e-3, n)
    return (0.7 * wave / np.abs(wave).max()).astype(np.float32)


def encode(wave: Floats, rate: int = 22_050, form: str = "wav", channels: int = 1) -> bytes:
    """The waveform as the bytes of a file; `form` is a key of `FORMATS`. Further channels are delayed and quieter."""
    container, subtype = FORMATS[form]
    if channels > 1:
        wave = np.stack([np.roll(wave, 7 * channel) / (1 + channel) for channel in range(channels)], axis=1)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format=container) as sound:
        for first in range(0, len(wave), 1 << 18):  # libsndfile crashes on minutes of Vorbis in one piece
            sound.write(wave[first : first + (1 << 18)])
    return file.getvalue()


def silent_flac(hours: float, rate: int = 44_100, channels: int = 2) -> bytes:
    """A decoder bomb: a valid FLAC of constant subframes, some 13 bytes per 1.5 s of 16-bit silence."""
    block = 65_535
    blocks = max(1, round(hours * 3600 * rate / block))
    total = blocks * block
    packed = (rate << 44) | ((channels - 1) << 41) | (15 << 36) | total
    info = struct.pack(">HH", block, block) + b"\0" * 6 + packed.to_bytes(8, "big") + b"\0" * 16
    out = [b"fLaC", b"\x80", len(info).to_bytes(3, "big"), info]
    for number in range(blocks):
        # sync, fixed block size; size in 16 bits at the end of the header, rate and bits from the stream info
        head = b"\xff\xf8" + bytes([0x70, ((channels - 1) << 4)]) + _utf8(number) + struct.pack(">H", block - 1)
        frame = head + bytes([_crc8(head)]) + b"\x00\x00\x00" * channels
        out.append(frame + struct.pack(">H", _crc16(frame)))
    return b"".join(out)


def empty_promise(hours: float, rate: int = 44_100) -> bytes:
    """A WAV whose header declares hours of sound and that ends there."""
    size = min(round(hours * 3600 * rate) * 2, 0xFFFF_FFFF - 100)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", size)  # fmt: skip
    return head + b"\0" * 64


def gzip(data: bytes) -> bytes:
    """As a server compresses."""
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    return engine.compress(data) + engine.flush()


def _utf8(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    if number < 0x800:
        return bytes([0xC0 | number >> 6, 0x80 | number & 63])
    return bytes([0xE0 | number >> 12, 0x80 | number >> 6 & 63, 0x80 | number & 63])


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc
