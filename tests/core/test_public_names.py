"""`import hover_core`: quick, and with every public name."""

import subprocess
import sys

import pytest

import hover_core


@pytest.mark.parametrize("name", hover_core.__all__)
def test_a_public_name_is_there(name):
    assert getattr(hover_core, name).__name__ == name


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'hovering'"):
        _ = hover_core.hovering


def test_importing_it_loads_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'sqlalchemy', 'streamlit', 'pyarrow'}"
    code = f"import sys, hover_core; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
