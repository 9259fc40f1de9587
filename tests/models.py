"""Small ONNX models, made by hand: what they compute can be said in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np

BANDS = 6
FRAME = 400  # samples


def save(
    path: Path,
    *,
    samples: int | None = 16_000,
    rank: int = 2,
    fixed_batch: bool = False,
    time_steps: bool = False,
    metadata: dict[str, str] | None = None,
    outputs: tuple[str, ...] = ("embedding",),
    scale: float = 1.0,
) -> Path:
    """A model: the mean absolute value of `BANDS` fixed filters over the waveform, once or for each time step.

    Convolution by a matrix of filters, absolute value, mean over time unless `time_steps`.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    batch: Any = 1 if fixed_batch else "batch"
    length: Any = samples if samples is not None else "samples"
    shape = {1: [length], 2: [batch, length], 3: [batch, 1, length]}[rank]
    nodes = []
    inner = "waveform"
    if rank < 3:
        nodes.append(helper.make_node("Reshape", ["waveform", "three"], ["deep"]))
        inner = "deep"
    nodes += [
        helper.make_node("Conv", [inner, "filters"], ["bands"], strides=[FRAME]),
        helper.make_node("Abs", ["bands"], ["rectified"]),
        helper.make_node("Transpose", ["rectified"], ["steps"], perm=[0, 2, 1]),
    ]
    if not time_steps:
        nodes.append(helper.make_node("ReduceMean", ["steps", "axis"], ["mean"], keepdims=0))
    last = "steps" if time_steps else "mean"
    for name in outputs:
        nodes.append(helper.make_node("Identity", [last], [name]))
    out_shape: list[Any] = ["n", "t", BANDS] if time_steps else ["n", BANDS]
    graph = helper.make_graph(
        nodes,
        "bands",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, out_shape) for name in outputs],
        [
            numpy_helper.from_array(filters(scale), "filters"),
            numpy_helper.from_array(np.array([0, 1, -1], np.int64) if rank > 1
                                    else np.array([1, 1, -1], np.int64), "three"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    return path


def filters(scale: float = 1.0) -> np.ndarray:
    """The filters. [shape=(BANDS, 1, FRAME), float32]"""
    t = np.arange(FRAME) / 16_000
    return (scale * np.stack([np.sin(2 * np.pi * 200 * 2**band * t) for band in range(BANDS)])[:, None]).astype(
        np.float32
    )


def expected(window: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """What the model gives for one window. [shape=(BANDS,)]"""
    frames = window[: len(window) // FRAME * FRAME].reshape(-1, FRAME)
    return np.abs(frames @ filters(scale)[:, 0].T).mean(axis=0)
