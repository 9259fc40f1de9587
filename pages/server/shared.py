"""What all sessions of this process share."""

from __future__ import annotations

import functools

import streamlit as st

from hover_core import settings
from hover_core.dataset import Datasets
from hover_core.store import Store


@functools.cache
def datasets() -> Datasets:
    """The datasets of the store: `HOVER_DATABASE_URL`, else the secret `[connections.hover]`, else SQLite."""
    return Datasets(Store(settings.database_url(secret("connections", "hover", "url"))))


def secret(*path: str) -> str:
    """One of Streamlit's secrets, or an empty text where there is none."""
    found = st.secrets
    try:
        for part in path:
            found = found[part]
    except (KeyError, FileNotFoundError):  # no such secret, no secrets file
        return ""
    return str(found)
