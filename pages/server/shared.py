"""The store and the secrets, shared by all sessions of this process."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import streamlit as st

from hover_core import settings

if TYPE_CHECKING:  # the server answers before pandas and SQLAlchemy are imported
    from hover_core.workspace.datasets import Datasets

_opening = threading.Lock()


def datasets() -> Datasets:
    """The datasets of the store: `HOVER_DATABASE_URL`, else the secret `[connections.hover]`, else SQLite."""
    with _opening:  # two threads at once get the same store
        return _datasets()


@functools.cache
def _datasets() -> Datasets:
    from hover_core.store.database import Store
    from hover_core.workspace.datasets import Datasets

    return Datasets(Store(settings.database_url(secret("connections", "hover", "url"))))


def close() -> None:
    """Close the store, if `datasets` opened it."""
    if _datasets.cache_info().currsize:
        _datasets().close()
        _datasets.cache_clear()


def secret(*path: str) -> str:
    """One of Streamlit's secrets by its path, or an empty text if there is none."""
    value = st.secrets
    try:
        for part in path:
            value = value[part]
    except (KeyError, FileNotFoundError):  # no such secret, no secrets file
        return ""
    return str(value)


def _sources() -> dict[str, Any]:
    """The table `[hover.sources]` of the secrets: credentials for private sound. Never shown, logged or stored."""
    if not st.secrets.load_if_toml_exists():
        return {}
    table = st.secrets.get("hover", {}).get("sources", {})
    return table.to_dict() if hasattr(table, "to_dict") else {"sources": table}


settings.take_secrets_from(_sources)
