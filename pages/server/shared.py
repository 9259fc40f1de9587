"""What all sessions of this process share."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import streamlit as st

from hover_core import settings

if TYPE_CHECKING:  # the server answers before pandas and SQLAlchemy are there
    from hover_core.workspace.datasets import Datasets

_opening = threading.Lock()


def datasets() -> Datasets:
    """The datasets of the store: `HOVER_DATABASE_URL`, else the secret `[connections.hover]`, else SQLite."""
    with _opening:  # two threads that ask at once get the same
        return _datasets()


@functools.cache
def _datasets() -> Datasets:
    from hover_core.store.database import Store
    from hover_core.workspace.datasets import Datasets

    return Datasets(Store(settings.database_url(secret("connections", "hover", "url"))))


def close() -> None:
    """End what `datasets` opened, if it did."""
    if _datasets.cache_info().currsize:
        _datasets().close()
        _datasets.cache_clear()


def secret(*path: str) -> str:
    """One of Streamlit's secrets, or an empty text where there is none."""
    found = st.secrets
    try:
        for part in path:
            found = found[part]
    except (KeyError, FileNotFoundError):  # no such secret, no secrets file
        return ""
    return str(found)


def _sources() -> dict[str, Any]:
    """The table `[hover.sources]` of the secrets: what opens private sound. Kept from pages, logs and the database."""
    if not st.secrets.load_if_toml_exists():
        return {}
    found = st.secrets.get("hover", {}).get("sources", {})
    return found.to_dict() if hasattr(found, "to_dict") else {"sources": found}


settings.take_secrets_from(_sources)
