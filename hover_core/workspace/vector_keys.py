"""What vectors are filed under: the key of a named vectorizer, of a function of a notebook, of vectors from a file."""

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
    """What vectors are filed under: a named vectorizer's key; a callable's `hover_key` if its author gives it one, else
    its qualified name and a digest of its code, so that an edited function finds nothing old."""
    if isinstance(vectorizer, str):
        return registry.get(vectorizer).key
    given = getattr(vectorizer, "hover_key", "")
    if given:
        return str(given)
    inner = vectorizer
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    code = getattr(inner, "__code__", None)
    if code is None:
        return f"{getattr(inner, '__module__', '')}.{name}"
    spelled = repr((code.co_code, [c for c in code.co_consts if not hasattr(c, "co_code")], code.co_names))
    return f"{name}@{hashlib.sha256(spelled.encode()).hexdigest()[:8]}"


PREFIX: Final = "own-"


def key_of(name: str) -> str:
    """The key of vectors that are called `name`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if not slug:
        raise Refused("give the vectors a name with letters or digits, for example the model that made them")
    return PREFIX + slug


def all_brought(store: Store, dataset_id: str) -> list[str]:
    """Keys of all vectors of a dataset that nothing here can make, the newest last."""
    return [key for key in vector_rows.vectorizers_used(store, dataset_id) if is_imported(store, dataset_id, key)]


def is_imported(store: Store, dataset_id: str, key: str) -> bool:
    """Whether vectors of this key are there that nothing here can make: from a file, or from a notebook's function."""
    if key not in vector_rows.vectorizers_used(store, dataset_id):
        return False
    if key.startswith(PREFIX):
        return True
    try:
        registry.get(key)
    except Refused:
        return True
    return False
