"""The recipe that opens a notebook's dataset in the app."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from hover_core import settings
from hover_core.workspace.dataset import Dataset


@dataclass(frozen=True)
class AnnotatorApp:
    """The command that starts the app, and the address of the dataset's map in it."""

    command: str
    address: str

    def __str__(self) -> str:
        return f"Run:  {self.command}\nthen open  {self.address}"

    def _repr_html_(self) -> str:
        from html import escape

        link = f"<a href='{escape(self.address)}'>the map</a>"
        return f"<p>Run <code>{escape(self.command)}</code>, then open {link}.</p>"


def simple_annotator(dataset: Dataset, *, port: int = 8501) -> AnnotatorApp:
    """The command and the address that open the lasso map of this dataset on this machine.

    The app reads the same store as the notebook: labels made there are in `dataset.dfs` at once.

    Examples
    --------
    >>> interactive_plot = simple_annotator(dataset)  # doctest: +SKIP
    >>> interactive_plot  # doctest: +SKIP
    """
    script = Path(__file__).resolve().parent.parent / "streamlit_app.py"
    # a wheel holds the library alone: the app is then run from a clone
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
        # without the password: people share notebooks
        address = make_url(dataset.store.url).render_as_string(hide_password=True)
        command = shlex.join([f"HOVER_DATABASE_URL={address}"]) + " " + command
    return AnnotatorApp(command, f"http://localhost:{port}/label?dataset={dataset.id}")
