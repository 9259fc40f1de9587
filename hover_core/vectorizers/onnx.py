"""Pretrained models as vectorizers: ONNX files that the operator names by `HOVER_MODELS`, run by onnxruntime.

A model takes a waveform and returns numbers; the file says how many it takes and returns. Other facts (most often the
sample rate) are read from its metadata or from a JSON file beside it, `name.json` for `name.onnx`:

`sample_rate` (Hz), `window_s` (seconds that the model hears at a time; by default its fixed input, else 10), `hop_s`
(seconds from window to window; by default one window), `output` (the name of the output with the vector), `title`,
`good_for`.

A clip is cut into windows, the last one filled up with silence, and the vectors of all windows and time steps are
averaged, weighted by the sound in them. The key spells the SHA-256 of file and settings. Models run in decoder
processes (`hover_core.audio.decoder_worker`); pages only read the description of a file, which a separate process has
written.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hover_core import settings
from hover_core.errors import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hover_core.vectorizers.base import Vectorizer

    Floats = NDArray[np.float32]

_OPTIONS: Final = {"sample_rate", "window_s", "hop_s", "output", "title", "good_for"}
_WINDOW_S: Final = 10.0  # for a model that takes any length
_SHORTEST_S: Final = 1.0  # shortest window for such a model
_BATCH: Final = 8  # windows
_DESCRIBE_S: Final = 180.0  # seconds that the description of a file may take
INSTALL: Final = "pip install onnxruntime"

_inside = False  # True in a decoder process, which runs the model itself and may not start other processes


@dataclass(frozen=True)
class ModelDescription:
    """Input and output of a model file.

    Attributes
    ----------
    sample_rate : rate of the waveform [Hz]
    window, hop : length of a window, and from window to window [samples]
    fixed : whether the model takes windows of this length only
    rank : dimensions of its input: 1 for samples, 2 for batch × samples, 3 for batch × 1 × samples
    batch : number of windows that it takes at once
    input, output : names of its input and output
    dimensions : length of the vector
    """

    sample_rate: int
    window: int
    hop: int
    fixed: bool
    rank: int
    batch: int
    input: str
    output: str
    dimensions: int


def available_models() -> tuple[tuple[Vectorizer, ...], tuple[str, ...]]:
    """A vectorizer for each model file that can be used, and one sentence for each that cannot."""
    vectorizers, problems = [], []
    for path in files():
        try:
            vectorizers.append(vectorizer(path))
        except Refused as problem:
            problems.append(f"{path.name}: {problem}")
    return tuple(vectorizers), tuple(problems)


def find(key_or_name: str) -> Vectorizer | None:
    """The vectorizer of this key or name, or None. Files of other names are not read.

    Raises
    ------
    Refused
        The model file of this name cannot be used; see `vectorizer`.
    """
    for path in files():
        name = _name(path)
        if key_or_name == name or (key_or_name.startswith(name) and key_or_name == _key(path)):
            return vectorizer(path)
    return None


def files() -> list[Path]:
    """The model files in `HOVER_MODELS`, which is one file or a folder."""
    where = settings.models()
    if where is None:
        return []
    return sorted(where.glob("*.onnx")) if where.is_dir() else [where] if where.is_file() else []


def room_bytes() -> int:
    """Address space that a decoder process needs beyond its own to run the largest of the models. [bytes]"""
    largest = max((sum(part.stat().st_size for part in _parts(path)) for path in files()), default=0)
    return 3 * largest + 500_000_000 if largest else 0


def stay_inside() -> None:
    """Import onnxruntime, and from now on read models in this process, which may start no others."""
    global _inside
    _inside = True
    if files() and is_installed():
        _runtime()


def vectorizer(path: Path) -> Vectorizer:
    """The vectorizer of one model file.

    Raises
    ------
    Refused
        onnxruntime is missing, or file and settings do not describe a usable model; the message says what is missing.
    """
    from hover_core.vectorizers.base import Vectorizer

    options = _options(path)
    model = describe(path) if _inside else _describe_in_child(path)
    rate, window_s = model.sample_rate, model.window / model.sample_rate
    facts = f"a model file; {model.dimensions:,} numbers, {rate / 1000:g} kHz, windows of {window_s:g} s"
    return Vectorizer(
        name=_name(path),
        key=_key(path),
        dimensions=model.dimensions,
        sample_rate=rate,
        title=str(options.get("title") or path.stem),
        good_for=f"{options['good_for']} ({facts})" if options.get("good_for") else facts[0].upper() + facts[1:] + ".",
        _make=lambda: _Windows(_session(str(path), _stamp(path)), model),
    )


class _Windows:
    """The stream of a clip through a model, window by window; it keeps a few windows and a sum of vectors."""

    def __init__(self, session: Any, model: ModelDescription) -> None:
        self._session, self._model = session, model
        self._rest = np.zeros(0, np.float32)
        self._windows: list[tuple[Floats, int]] = []  # windows, and the samples of sound in each
        self._sum = np.zeros(model.dimensions)
        self._weight = 0.0
        self._fresh = 0  # samples of the rest that have been in no window

    def push(self, block: Floats) -> None:
        model = self._model
        self._rest = np.concatenate([self._rest, block])
        self._fresh += len(block)
        while len(self._rest) >= model.window:
            self._hold(self._rest[: model.window], model.window)
            self._rest = self._rest[model.hop :]
            self._fresh = max(0, len(self._rest) - max(0, model.window - model.hop))

    def finish(self) -> Floats:
        model = self._model
        if self._fresh:
            at_least = model.window if model.fixed else min(model.window, round(_SHORTEST_S * model.sample_rate))
            window = np.zeros(max(at_least, len(self._rest)), np.float32)
            window[: len(self._rest)] = self._rest
            self._hold(window, len(self._rest))
        self._run()
        if not self._weight:
            raise ValueError("a clip without samples has no vector")
        return (self._sum / self._weight).astype(np.float32)

    def _hold(self, window: Floats, sound: int) -> None:
        if self._windows and len(self._windows[0][0]) != len(window):
            self._run()
        self._windows.append((window, sound))
        if len(self._windows) >= self._model.batch:
            self._run()

    def _run(self) -> None:
        windows, self._windows = self._windows, []
        if not windows:
            return
        vectors = _vectors(self._session, self._model, np.stack([window for window, _ in windows]))
        weights = np.array([sound for _, sound in windows], np.float64)
        self._sum += weights @ vectors
        self._weight += weights.sum()


def describe(path: Path) -> ModelDescription:
    """Input and output of a model: loads the file in this process and runs it once on silence.

    Raises
    ------
    Refused
        Its input is no waveform, its rate is unknown, a setting is wrong, or onnxruntime cannot run it.
    """
    return _describe_cached(path, _stamp(path), json.dumps(_options(path)))


@functools.lru_cache(maxsize=8)
def _describe_cached(path: Path, stamp: tuple[tuple[int, int], ...], options_json: str) -> ModelDescription:
    session = _session(str(path), stamp)
    options = {**session.get_modelmeta().custom_metadata_map, **json.loads(options_json)}
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or not 1 <= len(shape) <= 3:
        takes = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
        raise Refused(
            f"the model takes {takes}; it must take one float waveform: export it with its spectrogram inside"
        )
    if len(shape) == 3 and shape[1] not in (1, None) and not isinstance(shape[1], str):
        raise Refused(f"the model takes {inputs[0].name} {shape}; a waveform has 1 channel: batch × 1 × samples")
    rate = _number(options, "sample_rate")
    if rate is None:
        raise Refused(
            f'the sample rate of the model is unknown: put {{"sample_rate": 16000}} into {path.stem}.json beside it'
        )
    if not 1_000 <= rate <= 192_000:
        raise Refused(f"sample_rate={rate:g} must lie between 1,000 and 192,000 Hz")
    fixed = shape[-1] if isinstance(shape[-1], int) and shape[-1] > 0 else None
    window_s = _number(options, "window_s")
    if fixed is not None and window_s is not None and round(window_s * rate) != fixed:
        raise Refused(
            f"the model takes {fixed:,} samples, {fixed / rate:g} s at {rate:g} Hz, not window_s={window_s:g}"
        )
    window = fixed or round((window_s or _WINDOW_S) * rate)
    hop = round((_number(options, "hop_s") or window / rate) * rate)
    if window < 1 or not 1 <= hop <= window:
        raise Refused(f"hop_s={hop / rate:g} must be more than 0 and at most the window, {window / rate:g} s")
    any_batch = len(shape) > 1 and not (isinstance(shape[0], int) and shape[0] > 0)
    model = ModelDescription(
        sample_rate=int(rate),
        window=window,
        hop=hop,
        fixed=fixed is not None,
        rank=len(shape),
        batch=_BATCH if any_batch else 1,
        input=inputs[0].name,
        output=_output(session, options),
        dimensions=0,
    )
    try:
        vectors = _vectors(session, model, np.zeros((1, window), np.float32))
    except Refused:
        raise
    except Exception as error:  # onnxruntime raises a dozen classes
        raise Refused(f"the model does not run on {window / rate:g} s of silence: {_short(error)}") from error
    return ModelDescription(**{**asdict(model), "dimensions": vectors.shape[1]})


def _vectors(session: Any, model: ModelDescription, windows: Floats) -> NDArray[np.float64]:
    """A vector for each window: the mean over the time steps of the model. [shape=(windows, d), float64]"""
    parts = []
    for at in range(0, len(windows), model.batch):
        part = windows[at : at + model.batch]
        batch = part[0] if model.rank == 1 else part if model.rank == 2 else part[:, None]
        answer = np.asarray(session.run([model.output], {model.input: np.ascontiguousarray(batch)})[0], np.float64)
        if model.rank == 1 and answer.ndim < 3:  # time steps × d, or d
            answer = answer.reshape(-1, answer.shape[-1])[None]
        if answer.ndim == 1:
            answer = answer[None]
        if answer.ndim > 2:
            answer = answer.reshape(answer.shape[0], -1, answer.shape[-1]).mean(axis=1)
        if answer.ndim != 2 or len(answer) != len(part):
            raise Refused(f"the output {model.output} has the shape {answer.shape} for {len(part)} windows")
        parts.append(answer)
    return np.concatenate(parts)


def _output(session: Any, options: Mapping[str, Any]) -> str:
    names = [one.name for one in session.get_outputs() if one.type == "tensor(float)"]
    name = str(options.get("output") or "")
    if name:
        if name not in names:
            raise Refused(f"output={name!r} is none of the model's outputs: {', '.join(names)}")
        return name
    if not names:
        raise Refused("the model gives no float numbers")
    embeddings = [name for name in names if "embed" in name.lower()]
    if len(names) > 1 and not embeddings:
        raise Refused(f'the model has the outputs {", ".join(names)}: say which one with "output" in its JSON file')
    return (embeddings or names)[0]


def _options(path: Path) -> dict[str, Any]:
    json_file = path.with_suffix(".json")
    if not json_file.is_file():
        return {}
    try:
        options = json.loads(json_file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{json_file.name} cannot be read as JSON: {error}") from error
    if not isinstance(options, dict) or set(options) - _OPTIONS:
        raise Refused(f"{json_file.name} must be an object with some of {', '.join(sorted(_OPTIONS))}")
    return options


def _number(options: Mapping[str, Any], name: str) -> float | None:
    value = options.get(name)
    if value in (None, ""):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < 1e9:
        raise Refused(f"{name}={value!r} must be a number above 0")
    return number


def _name(path: Path) -> str:
    return "onnx-" + re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")


def _key(path: Path) -> str:
    options = {
        name: value for name, value in sorted(_options_or_none(path).items()) if name not in ("title", "good_for")
    }
    digest = hashlib.sha256((_digest(path, _stamp(path)) + json.dumps(options)).encode()).hexdigest()
    return f"{_name(path)}-{digest[:16]}-v1"


def _options_or_none(path: Path) -> dict[str, Any]:
    try:
        return _options(path)
    except Refused:  # `vectorizer` reports it
        return {}


def _parts(path: Path) -> list[Path]:
    """The file of a model, and files beside it with its weights."""
    return [path, *sorted(part for part in path.parent.glob(f"{path.name}*") if part != path and part.is_file())]


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """Sizes and times of the files of a model, which change when another model takes its place."""
    return tuple((part.stat().st_size, part.stat().st_mtime_ns) for part in _parts(path))


@functools.lru_cache(maxsize=64)
def _digest(path: Path, stamp: tuple[tuple[int, int], ...]) -> str:
    digest = hashlib.sha256()
    for part in _parts(path):
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _describe_in_child(path: Path) -> ModelDescription:
    """`describe` in a separate process, once for each file and its settings; the result is kept on disk."""
    cache_file = settings.data_folder() / "models" / f"{_key(path)}.json"
    if not cache_file.is_file():
        if not is_installed():
            raise Refused(f"model files need onnxruntime: {INSTALL}")
        root = Path(__file__).resolve().parents[2]
        # the operator's settings may be secrets
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOVER_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(root), *(p for p in sys.path if p)])
        try:
            process = subprocess.run(
                [sys.executable, "-m", "hover_core.vectorizers.onnx", str(path)],
                capture_output=True,
                env=environment,
                cwd=root,
                timeout=_DESCRIBE_S,
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(f"the model did not run on one window within {_DESCRIBE_S:.0f} s") from error
        answer = process.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2]
        if process.returncode == 3:
            raise Refused(json.loads(answer))
        if process.returncode:
            raise Refused(f"the model could not be read: {process.stderr.decode('utf-8', 'replace').strip()[-300:]}")
        cache_file.parent.mkdir(exist_ok=True)
        part = cache_file.with_suffix(f".{os.getpid()}.part")
        part.write_text(answer, "utf-8")
        part.replace(cache_file)
    return ModelDescription(**json.loads(cache_file.read_text("utf-8")))


def is_installed() -> bool:
    """Whether onnxruntime is installed."""
    from importlib.util import find_spec

    return find_spec("onnxruntime") is not None


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise Refused(f"model files need onnxruntime: {INSTALL}") from error
    return onnxruntime


@functools.lru_cache(maxsize=2)
def _session(path: str, stamp: tuple[tuple[int, int], ...]) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there is a decoder process for every core
    options.enable_cpu_mem_arena = False  # it would keep the largest memory that it ever needed
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes
        raise Refused(f"onnxruntime cannot load it: {_short(error)}") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _main() -> int:
    try:
        print(json.dumps(asdict(describe(Path(sys.argv[1])))))
    except Refused as problem:
        print(json.dumps(str(problem)))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(_main())
