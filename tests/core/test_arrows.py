"""Arrows go one way: what import-linter's contracts in pyproject.toml do not see, and that they see an arrow upward."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.run import ROOT

PAGES = sorted((ROOT / "pages").rglob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, as `package.module`."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
    return modules


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT / "pages")))
def test_no_page_imports_the_server(path):
    assert "streamlit_app" not in {name.split(".")[0] for name in imported(path)}


def test_no_page_lies_where_streamlit_would_run_it_by_itself():
    assert {path.name for path in (ROOT / "pages").glob("*.py")} <= {"frame.py", "__init__.py"}


def test_no_contract_is_loosened():
    assert [name for name in CONTRACTS if {"ignore_imports", "unmatched_ignore_imports_alerting"} & set(name)] == []


@pytest.mark.parametrize("hidden", ["from rooms import top", "def f():\n    from rooms import top", "import rooms.top"])
def test_an_arrow_upward_is_seen(tmp_path, hidden):
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "__init__.py").write_text("")
    (tmp_path / "rooms" / "top.py").write_text("")
    (tmp_path / "rooms" / "bottom.py").write_text(f"{hidden}\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = rooms\n[importlinter:contract:1]\nname = floors\ntype = layers\n"
        "containers = rooms\nlayers =\n    top\n    bottom\n"
    )
    linter = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=tmp_path, capture_output=True, text=True)

    assert answer.returncode == 1
    assert "rooms.bottom -> rooms.top" in answer.stdout
