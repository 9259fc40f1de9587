"""How a notebook hands a dataset to the app."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from hover_core import settings
from hover_core.workspace.dataset import Dataset


@dataclass(frozen=True)
class AnnotatorApp:
    """The command that serves a dataset, and the address where it is then found."""

    command: str
    address: str

    def __str__(self) -> str:
        return f"Run:  {self.command}\nthen open  {self.address}"

    def _repr_html_(self) -> str:
        from html import escape

        link = f"<a href='{escape(self.address)}'>the map</a>"
        return f"<p>Run <code>{escape(self.command)}</code>, then open {link}.</p>"


def simple_annotator(dataset: Dataset, *, port: int = 8501) -> AnnotatorApp:
    """Say how to open the lasso map of this dataset on this machine.

    The app reads the same store as the notebook: labels made there are in `dataset.dfs` at once.

    Examples
    --------
    >>> interactive_plot = simple_annotator(dataset)  # doctest: +SKIP
    >>> interactive_plot  # doctest: +SKIP
    """
    script = Path(__file__).resolve().parent.parent / "streamlit_app.py"
    # from a wheel the library comes alone, and the app is run in a clone
    words = [
        "streamlit",
        "run",
        str(script) if script.is_file() else script.name,
        "--server.address",
        "localhost",
        "--server.port",
        str(port),
    ]
    command = shlex.join([f"HOVER_DATA={settings.data_folder()}", *words])
    if dataset.store.url != f"sqlite:///{settings.data_folder() / 'hover.sqlite'}":
        # without the password: notebooks are shown around
        shown = make_url(dataset.store.url).render_as_string(hide_password=True)
        command = shlex.join([f"HOVER_DATABASE_URL={shown}"]) + " " + command
    return AnnotatorApp(command, f"http://localhost:{port}/label?dataset={dataset.id}")
