"""The first page comes soon: what the server imports before it answers, and where its first page is."""

import subprocess
import sys

from tests.run import ROOT

HEAVY = (
    "pandas", "requests", "pyarrow", "sqlalchemy", "scipy", "librosa", "soundfile", "umap", "faiss", "numba", "sklearn",
)  # fmt: skip


def imported_by(code: str) -> list[str]:
    told = f"import sys\n{code}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.split()


def test_the_server_answers_before_anything_heavy_is_there():
    assert imported_by("import streamlit_app") == []


def test_the_first_page_needs_the_database_alone():
    assert imported_by("import streamlit_app, pages.components.session") == ["sqlalchemy"]


def test_a_notebook_gets_its_dataset_without_pandas():
    assert imported_by("import hover_core.dataset, hover_core.tables.intake") == ["requests", "sqlalchemy"]
