"""Pretrained models as vectorizers: ONNX files that the operator names by `HOVER_MODELS`, run by onnxruntime.

A model takes a waveform and gives numbers; how long a waveform and how many numbers is read from the file. What it does
not say (its sample rate, most often) stands in its metadata or in a JSON file beside it, `name.json` for `name.onnx`:

`sample_rate` (Hz), `window_s` (what the model hears at a time; by default its fixed input, else 10), `hop_s` (from
window to window; by default one window), `output` (the name of the output with the vector), `title`, `good_for`.

A clip is cut into windows, the last one filled up with silence, and the vectors of all windows and time steps are
averaged, each by how much of it is sound. The key spells the SHA-256 of file and settings. Models run inside the
limited children `hover_core.audio.decoder_worker`; pages only read what a process of its own has found out about a
file."""

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
_SHORTEST_S: Final = 1.0  # what such a model gets at least
_BATCH: Final = 8
_DESCRIBE_S: Final = 180.0
INSTALL: Final = "pip install onnxruntime"

_inside = False  # a child that has the model in its own process, and may not start others


@dataclass(frozen=True)
class ModelDescription:
    """What is known of a model file.

    Attributes
    ----------
    sample_rate : Hz
    window, hop : samples
    fixed : whether the model takes just so many
    rank : dimensions of its input: samples; batch × samples; batch × 1 × samples
    batch : how many windows it takes at once
    input, output : their names
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
    """A vectorizer for every model file that can be used, and a sentence for each that cannot."""
    made, problems = [], []
    for path in files():
        try:
            made.append(vectorizer(path))
        except Refused as problem:
            problems.append(f"{path.name}: {problem}")
    return tuple(made), tuple(problems)


def find(key_or_name: str) -> Vectorizer | None:
    """The vectorizer of this key or name, or None. Only files that can be the one are read."""
    for path in files():
        name = _name(path)
        if key_or_name == name or (key_or_name.startswith(name) and key_or_name == _key(path)):
            return vectorizer(path)
    return None


def files() -> list[Path]:
    """The model files that the operator named: `HOVER_MODELS` is one, or a folder of them."""
    where = settings.models()
    if where is None:
        return []
    return sorted(where.glob("*.onnx")) if where.is_dir() else [where] if where.is_file() else []


def room_bytes() -> int:
    """Address space that a child needs beyond its own to run the largest of the models."""
    largest = max((sum(part.stat().st_size for part in _parts(path)) for path in files()), default=0)
    return 3 * largest + 500_000_000 if largest else 0


def stay_inside() -> None:
    """From now on models are read in this process, which starts no others; what they need is imported."""
    global _inside
    _inside = True
    if files() and is_installed():
        _runtime()


def vectorizer(path: Path) -> Vectorizer:
    """The vectorizer of one model file.

    Raises
    ------
    Refused
        onnxruntime is missing, or file and settings do not say what is needed; the message says what would be right.
    """
    from hover_core.vectorizers.base import Vectorizer

    options = _options(path)
    known = describe(path) if _inside else _describe_in_child(path)
    rate, window_s = known.sample_rate, known.window / known.sample_rate
    read = f"a model file; {known.dimensions:,} numbers, {rate / 1000:g} kHz, windows of {window_s:g} s"
    return Vectorizer(
        name=_name(path),
        key=_key(path),
        dimensions=known.dimensions,
        sample_rate=rate,
        title=str(options.get("title") or path.stem),
        good_for=f"{options['good_for']} ({read})" if options.get("good_for") else read[0].upper() + read[1:] + ".",
        _make=lambda: _Windows(_session(str(path), _stamp(path)), known),
    )


class _Windows:
    """A clip in windows through a model; keeps a few windows and a sum, however long it is."""

    def __init__(self, session: Any, known: ModelDescription) -> None:
        self._session, self._known = session, known
        self._rest = np.zeros(0, np.float32)
        self._held: list[tuple[Floats, int]] = []  # windows, and how much of each is sound
        self._sum = np.zeros(known.dimensions)
        self._weight = 0.0
        self._fresh = 0  # samples in the rest that no window has heard

    def push(self, block: Floats) -> None:
        known = self._known
        self._rest = np.concatenate([self._rest, block])
        self._fresh += len(block)
        while len(self._rest) >= known.window:
            self._hold(self._rest[: known.window], known.window)
            self._rest = self._rest[known.hop :]
            self._fresh = max(0, len(self._rest) - max(0, known.window - known.hop))

    def finish(self) -> Floats:
        known = self._known
        if self._fresh:
            at_least = known.window if known.fixed else min(known.window, round(_SHORTEST_S * known.sample_rate))
            filled = np.zeros(max(at_least, len(self._rest)), np.float32)
            filled[: len(self._rest)] = self._rest
            self._hold(filled, len(self._rest))
        self._run()
        if not self._weight:
            raise ValueError("a clip without samples has no vector")
        return (self._sum / self._weight).astype(np.float32)

    def _hold(self, window: Floats, sound: int) -> None:
        if self._held and len(self._held[0][0]) != len(window):
            self._run()
        self._held.append((window, sound))
        if len(self._held) >= self._known.batch:
            self._run()

    def _run(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        vectors = _vectors(self._session, self._known, np.stack([window for window, _ in held]))
        weights = np.array([sound for _, sound in held], np.float64)
        self._sum += weights @ vectors
        self._weight += weights.sum()


def describe(path: Path) -> ModelDescription:
    """What a model takes and gives, read from the file by loading it here and running it once on silence.

    Raises
    ------
    Refused
        It takes no waveform, or nothing says at what rate; or onnxruntime cannot run it.
    """
    return _describe_cached(path, _stamp(path), json.dumps(_options(path)))


@functools.lru_cache(maxsize=8)
def _describe_cached(path: Path, stamp: tuple[tuple[int, int], ...], spelled: str) -> ModelDescription:
    session = _session(str(path), stamp)
    options = {**session.get_modelmeta().custom_metadata_map, **json.loads(spelled)}
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or not 1 <= len(shape) <= 3:
        takes = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
        raise Refused(f"the model takes {takes}; one float waveform is wanted: export it with its spectrogram inside")
    if len(shape) == 3 and shape[1] not in (1, None) and not isinstance(shape[1], str):
        raise Refused(f"the model takes {inputs[0].name} {shape}; a waveform has 1 channel: batch × 1 × samples")
    rate = _number(options, "sample_rate")
    if rate is None:
        raise Refused(
            f'nothing says at what rate the model hears: put {{"sample_rate": 16000}} into {path.stem}.json beside it'
        )
    if not 1_000 <= rate <= 192_000:
        raise Refused(f"sample_rate={rate:g} must lie between 1,000 and 192,000 Hz")
    fixed = shape[-1] if isinstance(shape[-1], int) and shape[-1] > 0 else None
    window_s = _number(options, "window_s")
    if fixed is not None and window_s is not None and round(window_s * rate) != fixed:
        raise Refused(
            f"the model hears {fixed:,} samples, {fixed / rate:g} s at {rate:g} Hz, not window_s={window_s:g}"
        )
    window = fixed or round((window_s or _WINDOW_S) * rate)
    hop = round((_number(options, "hop_s") or window / rate) * rate)
    if window < 1 or not 1 <= hop <= window:
        raise Refused(f"hop_s={hop / rate:g} must be more than 0 and at most the window, {window / rate:g} s")
    any_batch = len(shape) > 1 and not (isinstance(shape[0], int) and shape[0] > 0)
    known = ModelDescription(
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
        vectors = _vectors(session, known, np.zeros((1, window), np.float32))
    except Refused:
        raise
    except Exception as error:  # onnxruntime has a dozen of its own
        raise Refused(f"the model does not run on {window / rate:g} s of silence: {_short(error)}") from error
    return ModelDescription(**{**asdict(known), "dimensions": vectors.shape[1]})


def _vectors(session: Any, known: ModelDescription, windows: Floats) -> NDArray[np.float64]:
    """A vector for each window [shape=(windows, d)]: the mean over what the model gives for its time steps."""
    parts = []
    for at in range(0, len(windows), known.batch):
        part = windows[at : at + known.batch]
        given = part[0] if known.rank == 1 else part if known.rank == 2 else part[:, None]
        answer = np.asarray(session.run([known.output], {known.input: np.ascontiguousarray(given)})[0], np.float64)
        if known.rank == 1 and answer.ndim < 3:  # time steps × d, or d
            answer = answer.reshape(-1, answer.shape[-1])[None]
        if answer.ndim == 1:
            answer = answer[None]
        if answer.ndim > 2:
            answer = answer.reshape(answer.shape[0], -1, answer.shape[-1]).mean(axis=1)
        if answer.ndim != 2 or len(answer) != len(part):
            raise Refused(f"the output {known.output} has the shape {answer.shape} for {len(part)} windows")
        parts.append(answer)
    return np.concatenate(parts)


def _output(session: Any, options: Mapping[str, Any]) -> str:
    names = [one.name for one in session.get_outputs() if one.type == "tensor(float)"]
    asked = str(options.get("output") or "")
    if asked:
        if asked not in names:
            raise Refused(f"output={asked!r} is none of the model's outputs: {', '.join(names)}")
        return asked
    if not names:
        raise Refused("the model gives no float numbers")
    embeddings = [name for name in names if "embed" in name.lower()]
    if len(names) > 1 and not embeddings:
        raise Refused(f'the model has the outputs {", ".join(names)}: say which one with "output" in its JSON file')
    return (embeddings or names)[0]


def _options(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        read = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{beside.name} cannot be read as JSON: {error}") from error
    if not isinstance(read, dict) or set(read) - _OPTIONS:
        raise Refused(f"{beside.name} must be an object with some of {', '.join(sorted(_OPTIONS))}")
    return read


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
    spelled = hashlib.sha256((_digest(path, _stamp(path)) + json.dumps(options)).encode()).hexdigest()
    return f"{_name(path)}-{spelled[:16]}-v1"


def _options_or_none(path: Path) -> dict[str, Any]:
    try:
        return _options(path)
    except Refused:  # said when the vectorizer is made
        return {}


def _parts(path: Path) -> list[Path]:
    """A model and the files in which it keeps its weights, if they are beside it."""
    return [path, *sorted(found for found in path.parent.glob(f"{path.name}*") if found != path and found.is_file())]


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """What changes when somebody puts another model there."""
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
    """`describe` by a process of its own, once for each file and its settings."""
    kept = settings.data_folder() / "models" / f"{_key(path)}.json"
    if not kept.is_file():
        if not is_installed():
            raise Refused(f"model files need onnxruntime: {INSTALL}")
        root = Path(__file__).resolve().parents[2]
        # without what the operator keeps secret there
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
        kept.parent.mkdir(exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_text(answer, "utf-8")
        part.replace(kept)
    return ModelDescription(**json.loads(kept.read_text("utf-8")))


def is_installed() -> bool:
    """Whether onnxruntime is there."""
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
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there is a child for every core
    options.enable_cpu_mem_arena = False  # it would keep the most that it ever needed
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen of its own
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
