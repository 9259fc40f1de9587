"""The sign-in form inside a Streamlit page, for Community Cloud, whose shell can show no other page.

Like the plain form, it posts to its own address, and so gets a cookie that scripts cannot read. If the host does not
pass that on, or drops the cookie, it sends the name to Python, and the sign-in lasts as long as the tab.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


def join_form(token: str, *, key: str) -> str | None:
    """Draw the form. Returns the name that was entered if no cookie could be set, else None."""
    answer = _element()(key=key, data={"token": token}, height="content", on_name_change=_ignore)
    name = getattr(answer, "name", None)
    return name if isinstance(name, str) else None


@st.cache_resource
def _element() -> Any:
    html, css, js = ((FOLDER / f"join_form.{part}").read_text() for part in ("html", "css", "js"))
    return st.components.v2.component("join_form", html=html, css=css, js=js)


def _ignore() -> None:
    """Streamlit keeps a value in the result only if a callback is passed for it."""
