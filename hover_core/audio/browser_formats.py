"""Sound files that every current browser plays as they are, recognised by their first bytes.

All others are converted to 16-bit WAV, once, and kept in the cache.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD: Final = 128  # bytes that `mime` needs
_RATES: Final = range(8_000, 96_001)  # Hz


def mime(start: bytes, *, webkit: bool = False) -> str:
    """The MIME type of a sound file that browsers play, from its first bytes; empty for all other files.

    Browsers play WAV of 8 or 16 bits and FLAC of up to 24, both with one or two channels at 8 to 96 kHz; Ogg Vorbis and
    Opus; MP3. With `webkit` Ogg is left out: Safari, and all browsers on iPhones, play it only in their newest
    versions.

    Examples
    --------
    >>> mime(b"ID3"), mime(b"%PDF-1.7")
    ('audio/mpeg', '')
    """
    if start[:4] == b"RIFF" and start[8:16] == b"WAVEfmt " and len(start) >= 36:
        form, channels, rate, _, _, bits = struct.unpack("<HHIIHH", start[20:36])
        plays = form == 1 and channels in (1, 2) and bits in (8, 16) and rate in _RATES
        return "audio/wav" if plays else ""
    if start[:4] == b"fLaC" and len(start) >= 26:
        bit_fields = int.from_bytes(start[18:22], "big")  # 20 bits rate, 3 channels - 1, 5 bits a sample - 1
        rate, channels, bits = bit_fields >> 12, (bit_fields >> 9 & 7) + 1, (bit_fields >> 4 & 31) + 1
        return "audio/flac" if rate in _RATES and channels <= 2 and bits in (8, 16, 24) else ""
    if start[:4] == b"OggS":
        return "audio/ogg" if not webkit and (b"\x01vorbis" in start or b"OpusHead" in start) else ""
    if start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2):  # layer III alone
        return "audio/mpeg"
    return ""


def is_webkit(user_agent: str) -> bool:
    """Whether a User-Agent header comes from Safari or a browser built on its engine (all on an iPhone are).

    Examples
    --------
    >>> is_webkit("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) AppleWebKit/605.1.15 Version/17.0 Safari/604.1")
    True
    """
    return "AppleWebKit/" in user_agent and "Chrome/" not in user_agent and "Chromium/" not in user_agent
