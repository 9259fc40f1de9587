"""The library as it is installed from a wheel, and the app beside it as a folder that `streamlit run` is handed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.run import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, unpacked: what an installation puts into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():  # one that is deleted and not yet committed
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(folder / "source")]
    subprocess.run(command, check=True, timeout=110)
    [wheel] = folder.glob("hover_core-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_outside(code: str, site: Path, folder: Path) -> str:
    """What Python prints that sees the wheel and not this tree."""
    environment = {**os.environ, "PYTHONPATH": str(site), "HOVER_DATA": str(folder)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_the_wheel_brings_the_library_and_its_data_and_no_package_pages(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir() if path.is_dir()} >= {"hover_core"}
    assert not (unpacked / "pages").exists()
    assert (unpacked / "hover_core" / "py.typed").exists()
    assert len(list((unpacked / "hover_core" / "demo" / "clips").glob("*.ogg"))) == 600
    assert sorted(path.name for path in (unpacked / "hover_core" / "data" / "unicode_data").glob("*.txt"))
    packages = {path.parent.relative_to(ROOT) for path in (ROOT / "hover_core").rglob("*.py")}
    assert {path for path in packages if not (unpacked / path).is_dir()} == set()


def test_from_the_wheel_a_clip_becomes_a_vector(unpacked: Path, tmp_path: Path) -> None:
    code = """
import hover_core, pathlib, pandas as pd
clip = pathlib.Path(hover_core.__file__).parent / "demo" / "clips" / "d0001.ogg"
from hover_core.audio.decoder_pool import DecoderPool
from hover_core.audio.segment import Piece
with DecoderPool(workers=1) as pool:
    print(hover_core.__file__, pool.vectorize([Piece(clip)], "mfcc-mean-32-22050-v1")[0].vector.shape)
"""
    assert run_outside(code, unpacked, tmp_path) == f"{unpacked}/hover_core/__init__.py (32,)"


def test_the_app_runs_from_a_folder_of_its_own_over_the_installed_library(unpacked: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(ROOT / "pages", app / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "streamlit_app.py", app)
    code = f"""
import sys
sys.path.insert(0, {str(app)!r})
import hover_core, streamlit_app, pages
from hover_core.data.people import LOCAL_OWNER
from pages.server import identity
from streamlit.testing.v1 import AppTest
identity.seam = lambda: LOCAL_OWNER
ran = AppTest.from_file({str(app / "pages" / "frame.py")!r}, default_timeout=60).run()
print(hover_core.__file__, pages.__path__[0], list(ran.exception), bool(ran.button))
"""
    shown = run_outside(code, unpacked, tmp_path)

    assert shown.splitlines()[-1] == f"{unpacked}/hover_core/__init__.py {app}/pages [] True"
