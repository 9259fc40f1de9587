"""docs/extending.md, executed: its two packages are installed, and stand in the menus and in the limited children."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hover_core import plugins
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import DecodedClip, Piece
from hover_core.errors import Refused
from hover_core.numerics import reducers
from hover_core.numerics.reducers import Reducer
from hover_core.vectorizers import mfcc, registry
from tests import sounds
from tests.benchmarks.maps import clouds
from tests.run import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text()
CODE = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
POINTS = re.findall(r"```toml\n# pyproject\.toml\n\[project\.entry-points\.\"(.*?)\"\]\n(.*?)```", PAGE, re.DOTALL)


def forget() -> None:
    for kept in (plugins.plugins, registry.of_packages, reducers._of_packages):
        kept.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Put modules and entry points where Python finds installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(code: dict[str, str], points: list[tuple[str, str]]) -> None:
        for name, text in code.items():
            (tmp_path / f"{name}.py").write_text(text)
        info = tmp_path / "mine-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
        written = "\n".join(f"[{group}]\n{lines.replace(chr(34), '')}" for group, lines in points)
        (info / "entry_points.txt").write_text(written)
        forget()

    yield put
    for name in CODE:
        sys.modules.pop(name, None)
    monkeypatch.undo()
    forget()


def test_the_documents_packages_are_in_the_menus(install: Callable[..., None]) -> None:
    install(CODE, POINTS)

    assert [v.key for v in registry.available_vectorizers()][-1] == "loudness-8-16000-v1"
    assert reducers.kinds()[-1] == reducers.ReducerKind(
        "t-sne", "t-SNE", "Small clouds; distances between clouds mean nothing."
    )
    assert (registry.problems(), reducers.problems()) == ((), ())


def test_the_documents_vectorizer_runs_in_the_limited_children(install: Callable[..., None]) -> None:
    install(CODE, POINTS)
    rising = sounds.tone(300, 1.0, 16_000) * np.linspace(0, 1, 16_000).astype(np.float32)
    with DecoderPool(workers=1) as workers:
        [heard] = workers.vectorize([Piece(sounds.encode(rising, 16_000))], "loudness")

    assert isinstance(heard, DecodedClip)
    assert heard.vector.shape == (8,)
    assert (np.diff(heard.vector) > 0).all()


def test_the_documents_reducer_draws_a_map_and_places_later_clips(install: Callable[..., None]) -> None:
    install(CODE, POINTS)
    vectors = clouds(200)[:, :20]
    fitted = Reducer("t-sne", 2, {"perplexity": 20.0}).fit(vectors)

    assert fitted.embedding_.shape == (200, 2)
    assert np.isfinite(fitted.embedding_).all()
    np.testing.assert_allclose(fitted.transform(vectors[:5]), fitted.embedding_[:5], atol=1e-3)
    taken_up = Reducer("t-sne", 2, {"perplexity": 20.0}).resume(vectors, fitted.embedding_ * 2, scale=2.0)
    np.testing.assert_allclose(taken_up.transform(vectors[:5]), fitted.embedding_[:5] * 2, atol=1e-2)


def test_what_cannot_be_used_is_said_and_the_others_stand(install: Callable[..., None]) -> None:
    install(
        {"half": "from hover_core.vectorizers import of_waveform\nmine = 3\nagain = of_waveform(sum, name='segments', "
         "key='x', dimensions=1, sample_rate=8000)\n"},
        [("hover_core.vectorizers", "a = half:mine\nb = half:missing\nc = half:again\n"),
         ("hover_core.reducers", "umap = half:mine\nmine = half:mine\n")],
    )  # fmt: skip

    wrong = registry.problems()

    assert registry.available_vectorizers()[: len(mfcc.VECTORIZERS)] == mfcc.VECTORIZERS
    assert any("a is a int, not a Vectorizer" in one for one in wrong)
    assert any("b (half:missing) cannot be loaded: AttributeError" in one for one in wrong)
    assert any("the name segments or the key x is taken" in one for one in wrong)
    assert any("mine is no function" in one for one in reducers.problems())
    assert any("umap: that name is taken" in one for one in reducers.problems())


def test_a_reducer_whose_coordinates_are_none_is_refused(install: Callable[..., None]) -> None:
    code = "class Odd:\n def __init__(self, d, **s): pass\n def fit_transform(self, x): return x[:, :1]\n"
    install({"odd": code}, [("hover_core.reducers", "odd = odd:Odd\n")])

    with pytest.raises(Refused, match=r"odd gave coordinates of shape \(50, 1\): 50 × 2 finite numbers are needed"):
        Reducer("odd", 2, {}).fit(clouds(50))


def test_what_is_said_of_ivis_where_it_is_not_installed() -> None:
    with pytest.raises(Refused, match=r"ivis is not installed here.*needs numpy 1"):
        Reducer("ivis", 2, {})


def test_a_process_that_only_lists_them_imports_no_runtime() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from hover_core.vectorizers import registry; from hover_core.numerics import reducers; "
         "registry.available_vectorizers(); reducers.kinds(); "
         "import sys; print(sorted({'onnxruntime', 'umap', 'numba', 'faiss', 'ivis'} & set(sys.modules)))"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip

    assert said.stdout.strip() == "[]"
