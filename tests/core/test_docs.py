"""What the documents say is what the code does."""

import ast
import re
import tomllib
from pathlib import Path

from hover_core import __version__
from hover_core.exchange import export
from tests import run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SOURCES = [path for folder in ("hover_core", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_the_readme_names_every_setting_that_the_code_reads_and_no_other() -> None:
    read = {name for path in SOURCES for name in re.findall(r"\bHOVER_[A-Z_]+\b", path.read_text())}

    assert set(re.findall(r"^\| `(HOVER_[A-Z_]+)`", README, re.MULTILINE)) == read


def test_the_readmes_test_command_is_what_ci_runs() -> None:
    assert "python3 tests/run.py" in README
    assert "python3 tests/run.py" in (ROOT / ".ci" / "run").read_text()
    assert Path(run.__file__) == ROOT / "tests" / "run.py"


def test_the_readme_has_a_paragraph_for_every_page_in_the_order_of_the_work() -> None:
    frame = (ROOT / "pages" / "frame.py").read_text()
    pages = re.findall(r'_page\(\s*"(?:owner|annotator)/(\w+)\.py"', frame)
    named = [name.lower() for name in re.findall(r"^\*\*(\w+)\.\*\*", README, re.MULTILINE)]

    assert sorted({"map" if page == "vectorize" else page for page in pages}) == sorted(named)
    assert named == ["upload", "split", "map", "label", "share", "export"]


def test_the_readmes_formats_are_those_that_are_exported() -> None:
    assert set(export.FORMATS) == {"csv", "parquet", "jsonl"}
    assert "CSV, Parquet or JSONL" in README


def test_every_file_that_the_documents_link_to_is_there() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_python_runs_as_far_as_names_go() -> None:
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hover_core"):
                module = __import__(node.module, fromlist=["_"])  # type: ignore[arg-type]
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_dependencies_have_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert __version__ == "0.1.0"


def test_every_public_function_of_the_library_says_what_it_does() -> None:
    silent = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            silent.append(path.name)
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                silent.append(f"{path.name}: {node.name}")

    assert silent == []
