"""The examples in docstrings do what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

from tests.run import ROOT


def modules_with_examples() -> list[str]:
    paths = [path for folder in ("hover_core", "pages/server") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [module_name(path) for path in paths if ">>> " in path.read_text()]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))

    assert outcome.failed == 0
