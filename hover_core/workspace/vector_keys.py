"""The keys of vectors in the store: of a registered vectorizer, of a notebook's function, of vectors from a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

from hover_core.errors import Refused
from hover_core.store import vector_rows
from hover_core.store.database import Store
from hover_core.vectorizers import registry

DEFAULT_VECTORIZER: Final = "profile-13x5-10-16-22050-v1"


def vectorizer_key(vectorizer: Callable[[str], Any] | str) -> str:
    """The key of a vectorizer's vectors in the store.

    For a name, the key of that registered vectorizer. For a callable, its attribute `hover_key` if it has one, else its
    qualified name and a digest of its code, so that an edited function gets a new key.

    Raises
    ------
    Refused
        There is no vectorizer of this name.

    Examples
    --------
    >>> vectorizer_key(len)
    'builtins.len'
    """
    if isinstance(vectorizer, str):
        return registry.get(vectorizer).key
    own_key = getattr(vectorizer, "hover_key", "")
    if own_key:
        return str(own_key)
    inner = vectorizer
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    code = getattr(inner, "__code__", None)
    if code is None:
        return f"{getattr(inner, '__module__', '')}.{name}"
    code_text = repr((code.co_code, [c for c in code.co_consts if not hasattr(c, "co_code")], code.co_names))
    return f"{name}@{hashlib.sha256(code_text.encode()).hexdigest()[:8]}"


PREFIX: Final = "own-"


def key_of(name: str) -> str:
    """The key of imported vectors with this name.

    Raises
    ------
    Refused
        The name has no letter or digit of ASCII.

    Examples
    --------
    >>> key_of("CLAP 2023")
    'own-clap-2023'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if not slug:
        raise Refused("give the vectors a name with letters or digits, for example the model that made them")
    return PREFIX + slug


def all_brought(store: Store, dataset_id: str) -> list[str]:
    """Keys of all vectors of a dataset for which `is_imported` holds, the newest last."""
    return [key for key in vector_rows.vectorizers_used(store, dataset_id) if is_imported(store, dataset_id, key)]


def is_imported(store: Store, dataset_id: str, key: str) -> bool:
    """Whether the dataset has vectors of this key from a file or a notebook's function: no registered vectorizer."""
    if key not in vector_rows.vectorizers_used(store, dataset_id):
        return False
    if key.startswith(PREFIX):
        return True
    try:
        registry.get(key)
    except Refused:
        return True
    return False
