"""Model files: read from the file, run in the limited children, averaged over windows, filed under what they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, Piece
from hover_core.errors import Refused
from hover_core.vectorizers import onnx as onnx_models
from hover_core.vectorizers import registry
from tests import models, sounds

RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path, hover_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder of models."""
    made = tmp_path / "models"
    made.mkdir()
    monkeypatch.setenv("HOVER_MODELS", str(made))
    return made


def wave(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, round(seconds * RATE)).astype(np.float32)


def averaged(sound: np.ndarray, window: int, hop: int) -> np.ndarray:
    """The vector of a clip, written out: windows filled up with silence, weighed by how much of them is sound."""
    total, weight = np.zeros(models.BANDS), 0.0
    at = 0
    while at == 0 or at + window - hop < len(sound):
        part = sound[at : at + window]
        total += len(part) * models.expected(np.pad(part, (0, window - len(part))))
        weight += len(part)
        at += hop
    return total / weight


def test_a_model_is_a_vectorizer_of_its_shape_and_rate(folder: Path) -> None:
    models.save(folder / "My Birds.onnx", metadata={"sample_rate": "16000"})

    [found] = onnx_models.available_models()[0]

    assert (found.name, found.dimensions, found.sample_rate) == ("onnx-my-birds", models.BANDS, RATE)
    assert found.key.startswith("onnx-my-birds-")
    assert registry.get("onnx-my-birds") == registry.get(found.key) == found
    assert found in registry.available_vectorizers()
    assert "windows of 1 s" in found.good_for


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5, 30.2])
@pytest.mark.parametrize("hop_s", [None, 0.5])
def test_windows_are_averaged_by_how_much_of_them_is_sound(folder: Path, seconds: float, hop_s: float | None) -> None:
    models.save(folder / "m.onnx")
    options = {"sample_rate": RATE} | ({} if hop_s is None else {"hop_s": hop_s})
    (folder / "m.json").write_text(json.dumps(options))
    sound = wave(seconds)

    vector = registry.get("onnx-m").vector(sound)

    np.testing.assert_allclose(vector, averaged(sound, RATE, round((hop_s or 1) * RATE)), rtol=1e-4)


@pytest.mark.parametrize("shape", [
    {"rank": 1, "time_steps": True}, {"rank": 3}, {"time_steps": True}, {"fixed_batch": True}, {"rank": 1},
])  # fmt: skip
def test_the_usual_shapes_of_input_and_output_give_the_same_vector(folder: Path, shape: dict) -> None:
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"}, **shape)

    np.testing.assert_allclose(registry.get("onnx-m").vector(wave(2.5)), averaged(wave(2.5), RATE, RATE), rtol=1e-4)


def test_a_model_of_any_length_hears_ten_seconds_at_a_time(folder: Path) -> None:
    models.save(folder / "m.onnx", samples=None, metadata={"sample_rate": "16000"})
    sound = wave(13)

    vector = registry.get("onnx-m").vector(sound)

    parts = models.expected(sound[: 10 * RATE]) * 10 + models.expected(sound[10 * RATE :]) * 3
    np.testing.assert_allclose(vector, parts / 13, rtol=1e-4)


def test_it_runs_in_the_limited_children_and_resamples(folder: Path) -> None:
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"})
    tone = sounds.tone(400, 2.0, 44_100)
    bad = b"not a sound"
    with DecoderPool(workers=1) as workers:
        heard, failed = workers.vectorize([Piece(sounds.encode(tone, 44_100)), Piece(bad)], "onnx-m")

    assert isinstance(heard, DecodedClip)
    assert heard.vector.shape == (models.BANDS,)
    assert int(heard.vector.argmax()) == 1  # the filter at 400 Hz
    assert "not a sound file" in str(failed)


def test_another_file_or_another_window_is_another_key(folder: Path) -> None:
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"})
    keys = [registry.get("onnx-m").key]
    (folder / "m.json").write_text('{"title": "Birds"}')
    assert registry.get("onnx-m").key == keys[0]
    assert registry.get("onnx-m").title == "Birds"
    (folder / "m.json").write_text('{"hop_s": 0.5}')
    keys.append(registry.get("onnx-m").key)
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"}, scale=2.0)
    keys.append(registry.get("onnx-m").key)

    assert len(set(keys)) == 3
    np.testing.assert_allclose(registry.get("onnx-m").vector(wave(1)), 2 * models.expected(wave(1)), rtol=1e-4)


@pytest.mark.parametrize(("made", "options", "said"), [
    ({}, None, "the sample rate of the model is unknown"),
    ({}, '{"sample_rate": 16000, "window_s": 3}', "the model takes 16,000 samples, 1 s at 16000 Hz, not window_s=3"),
    ({}, '{"sample_rate": "fast"}', "sample_rate='fast' must be a number above 0"),
    ({}, '{"sample_rate": 16000, "hop_s": 2}', "at most the window"),
    ({}, '{"rate": 16000}', "must be an object with some of"),
    ({}, "{", "cannot be read as JSON"),
    ({"outputs": ("a", "b")}, '{"sample_rate": 16000}', "say which one"),
    ({"outputs": ("a", "b")}, '{"sample_rate": 16000, "output": "c"}', "none of the model's outputs: a, b"),
])  # fmt: skip
def test_what_is_missing_or_wrong_is_said(folder: Path, made: dict, options: str | None, said: str) -> None:
    models.save(folder / "m.onnx", **made)
    if options is not None:
        (folder / "m.json").write_text(options)

    found, problems = onnx_models.available_models()

    assert found == ()
    assert len(problems) == 1
    assert problems[0].startswith("m.onnx: ")
    assert said in problems[0]
    with pytest.raises(Refused):
        registry.get("onnx-m")


def test_a_model_that_wants_a_spectrogram_says_what_would_be_right(folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Identity", ["mel"], ["embedding"])
    take = helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["n", 1, 64, 100])
    give = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 1, 64, 100])
    graph = helper.make_graph([node], "mel", [take], [give])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), folder / "m.onnx")

    assert "export it with its spectrogram inside" in onnx_models.available_models()[1][0]


def test_a_file_that_is_no_model_says_so_and_the_others_stand(folder: Path) -> None:
    (folder / "broken.onnx").write_bytes(b"no model")
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"})

    found, problems = onnx_models.available_models()

    assert [one.name for one in found] == ["onnx-m"]
    assert "onnxruntime cannot load it" in problems[0]


def test_one_output_that_is_called_an_embedding_is_taken(folder: Path) -> None:
    models.save(folder / "m.onnx", metadata={"sample_rate": "16000"}, outputs=("logits", "Embeddings"))

    assert registry.get("onnx-m").dimensions == models.BANDS


def test_a_single_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOVER_MODELS", str(models.save(folder / "m.onnx", metadata={"sample_rate": "16000"})))

    assert [one.name for one in onnx_models.available_models()[0]] == ["onnx-m"]
    assert onnx_models.room_bytes() > 500_000_000


def test_without_a_setting_there_are_none(hover_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOVER_MODELS", raising=False)

    assert (onnx_models.available_models(), onnx_models.room_bytes()) == (((), ()), 0)
