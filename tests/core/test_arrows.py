"""Arrows go one way; read from the imports."""

import ast
from pathlib import Path

import pytest

from tests.run import ROOT

TIERS = {
    "words": {"errors", "credentials", "clips", "annotations", "invites", "settings", "sources", "demo", "table_files",
              "names", "unicode_data"},
    "sound": {
        "fetch", "transport", "addresses", "buckets",
        "audio", "ear", "vectorizers", "scale", "suggest", "search", "inverted", "dtw", "dtw_kernel", "alike",
        "onnx_models", "plugins",
        "reducers", "layout", "layout_loops", "procrustes",
        "browsers", "children", "child_side", "file_blocks", "file_limits", "file_worker", "foreign_files",
        "table_reading", "vector_reading", "recordings", "containers", "plain_wav", "outlines", "cuts",
    },
    "memory": {
        "migrations", "store", "journal", "clip_rows", "vector_rows", "job_rows", "members", "sound_cache", "receipts",
        "cleaning", "twin_rows", "state", "views", "fold", "action",
    },
    "conduct": {
        "tables", "split", "listening", "columns", "indexes", "finding", "dataset", "jobs", "export", "recipes",
        "memoize", "vectorizing", "cluster",
        "asking",
        "mapping", "own_vectors",
        "twins", "leaks", "data_card", "offers", "visibility",
        "corpus", "lens",
        "cutting",
    },
}  # fmt: skip
MAY_IMPORT = {
    "words": {"words"},
    "sound": {"words", "sound"},
    "memory": {"words", "memory"},
    "conduct": {"words", "sound", "memory", "conduct"},
}
TIER_OF = {module: tier for tier, modules in TIERS.items() for module in modules}
LIBRARY = sorted(path for path in (ROOT / "hover_core").rglob("*.py") if path != ROOT / "hover_core" / "__init__.py")
PAGES = sorted((ROOT / "pages").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, as `package.module`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
    return found


def module_of(path: Path) -> str:
    return path.relative_to(ROOT / "hover_core").parts[0].removesuffix(".py")


def test_every_module_has_a_tier():
    assert {module_of(path) for path in LIBRARY} == set(TIER_OF)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_library_knows_no_pages(path):
    roots = {name.split(".")[0] for name in imported(path)}

    assert roots & {"streamlit", "plotly", "pages", "streamlit_app", "streamlit_plotly_events"} == set()


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_no_arrow_of_the_library_runs_upward(path):
    tier = TIER_OF[module_of(path)]
    others = {name.split(".")[1] for name in imported(path) if name.startswith("hover_core.")} & set(TIER_OF)

    assert {other for other in others if TIER_OF[other] not in MAY_IMPORT[tier]} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_page_imports_the_server(path):
    assert "streamlit_app" not in {name.split(".")[0] for name in imported(path)}


def test_no_page_lies_where_streamlit_would_run_it_by_itself():
    assert {path.name for path in (ROOT / "pages").glob("*.py")} <= {"frame.py", "__init__.py"}


def test_an_arrow_upward_is_seen(tmp_path):
    (tmp_path / "x.py").write_text("def f():\n    from hover_core import dataset\n    import streamlit.web\n")

    assert imported(tmp_path / "x.py") == {"hover_core", "hover_core.dataset", "streamlit.web"}
