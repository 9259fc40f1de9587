"""The guide's own recipe, in the limited children; librosa in this process is the oracle."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, DecodeLimits, Piece
from hover_core.errors import DecodeError, Refused
from hover_core.vectorizers import librosa_mfcc, registry
from tests import sounds

KEY = "librosa-mfcc-32-22050-v1"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of processes are Linux's")


@pytest.fixture(scope="module")
def workers():
    with DecoderPool(workers=1) as workers:
        yield workers


def by_the_guide(data):
    wave, rate = librosa.load(io.BytesIO(data))
    return librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=32).mean(axis=1)


@pytest.mark.long
@pytest.mark.parametrize("data", [
    pytest.param(sounds.encode(sounds.chirp(seconds=1.5)), id="wav"),
    pytest.param(sounds.encode(sounds.chirp(seconds=1.5), channels=2), id="stereo"),
    pytest.param(sounds.encode(sounds.noise(1.5, 44_100), 44_100, channels=2), id="44.1 kHz stereo"),
    pytest.param(sounds.encode(sounds.speech(3) + sounds.noise(0.5, 8_000, 0.01), 8_000), id="8 kHz"),
    pytest.param(sounds.encode(sounds.chirp(seconds=30, rate=48_000), 48_000, "flac"), id="48 kHz, 30 s, flac"),
])  # fmt: skip
def test_the_vector_is_what_the_guides_recipe_computes(workers, data):
    [heard] = workers.vectorize([Piece(data)], KEY)
    oracle = by_the_guide(data)

    assert isinstance(heard, DecodedClip)
    assert np.abs(heard.vector - oracle).max() <= 1e-6 * np.abs(oracle).max()


@pytest.mark.long
@linux
def test_the_room_for_librosa_is_not_the_clips(workers):
    wave = sounds.noise(20 * 60, 8_000)  # its spectrogram takes 1 GB
    with DecoderPool(workers=1, limits=DecodeLimits(memory_bytes=300_000_000)) as small:
        long, short = small.vectorize([Piece(sounds.encode(wave, 8_000)), Piece(sounds.encode(sounds.tone()))], KEY)

    assert isinstance(long, DecodeError)
    assert "needs more than 300 MB of memory" in str(long)
    assert isinstance(short, DecodedClip)


def test_five_minutes_fit_into_the_memory_of_a_clip(workers):
    [heard] = workers.vectorize([Piece(sounds.encode(sounds.noise(5 * 60, 8_000), 8_000))], KEY)

    assert isinstance(heard, DecodedClip)


def test_it_is_in_the_menu_and_says_that_it_is_slow():
    [offered] = [one for one in registry.available_vectorizers() if one.key == KEY]

    assert registry.get("librosa-mfcc") is offered is librosa_mfcc.VECTORIZER
    assert "slow" in offered.title
    assert "librosa" in offered.good_for


def test_a_process_that_lists_vectorizers_or_decodes_for_another_imports_no_librosa():
    code = (
        "import sys, numpy as np; from hover_core.vectorizers import registry; registry.available_vectorizers(); "
        "registry.get('mfcc-mean').vector(np.zeros(9, np.float32)); import hover_core.audio.decoder_worker; "
        "print(sorted({'librosa', 'numba'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)

    assert process.stdout.strip() == "[]"


def test_where_librosa_cannot_be_imported_that_is_said_before_a_clip_is_decoded(tmp_path, monkeypatch):
    (tmp_path / "librosa").mkdir()
    (tmp_path / "librosa" / "__init__.py").write_text("raise ImportError('no llvm for this machine')")
    monkeypatch.syspath_prepend(tmp_path)
    librosa_mfcc._fill_cache.cache_clear()

    with pytest.raises(Refused, match=r"librosa cannot be imported: use mfcc-mean.*no llvm for this machine"):
        librosa_mfcc.VECTORIZER.prepare()
