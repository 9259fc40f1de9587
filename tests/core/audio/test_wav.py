"""Plain WAV files read without libsndfile."""

import io
import sys

import numpy as np
import pytest
import soundfile

from hover_core.audio import wav
from tests import sounds

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="only little-endian machines read WAV themselves")


def opened(data):
    return wav.open_wav(io.BytesIO(data), data[:512], len(data))


def written(wave, rate=8_000, **settings):
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format="WAV", **settings)
    return file.getvalue()


def with_chunk(data, name, body):
    """The same file with another chunk before its samples."""
    return data[:36] + name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2) + data[36:]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("chunk", [b"", b"odd", b"even"])
def test_the_samples_are_those_that_libsndfile_reads(channels, chunk):
    data = sounds.encode(sounds.speech(), 8_000, channels=channels)
    data = with_chunk(data, b"LIST", chunk) if chunk else data
    wav = opened(data)
    expected, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)

    assert (wav.frames, wav.channels, wav.samplerate) == (len(expected), channels, rate)
    np.testing.assert_array_equal(wav.read(), expected)
    assert len(wav.read()) == 0


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_a_stretch_is_the_one_that_libsndfile_reads(kind):
    data = sounds.encode(sounds.speech(), 8_000, channels=2)
    wav = opened(data)
    expected = soundfile.read(io.BytesIO(data), start=1234, frames=500, dtype=kind)[0]
    wav.seek(1234)

    np.testing.assert_array_equal(wav.read(out=np.empty((500, 2), kind)), expected)
    assert wav.tell() == 1734


@pytest.mark.parametrize("frame", [-1, 10**9])
def test_there_is_nothing_before_the_beginning_and_after_the_end(frame):
    with pytest.raises(TypeError):
        opened(sounds.encode(sounds.tone(), 8_000)).seek(frame)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(written(sounds.tone(), subtype="PCM_24"), id="24 bits"),
        pytest.param(written(sounds.tone(), subtype="FLOAT"), id="float"),
        pytest.param(written(sounds.tone(), subtype="ULAW"), id="telephone"),
        pytest.param(written(np.zeros((100, 6)), subtype="PCM_16"), id="six channels"),
        pytest.param(sounds.encode(sounds.tone(), 8_000)[:-10], id="cut off"),
        pytest.param(sounds.encode(sounds.tone(), 8_000)[:40], id="a header cut off"),
        pytest.param(with_chunk(sounds.encode(sounds.tone(), 8_000), b"LIST", bytes(600)), id="a long header"),
        pytest.param(written(np.zeros(0), subtype="PCM_16"), id="no samples"),
        pytest.param(sounds.encode(sounds.tone(), 8_000, "flac"), id="flac"),
    ],
)
def test_all_else_is_left_to_libsndfile(data):
    assert opened(data) is None
