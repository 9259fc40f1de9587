"""An annotation says: this annotator gave this clip this label, with this verdict, at this time, in this way.

Annotations are events in a log that only grows. They come in batches, one for each action; the current labels are a
replay of the log (`verdicts` defines the effect of each verdict). This module does not know where the log is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hover_core.data.names import clean, has_control
from hover_core.errors import Refused

HOW: Final = ("heard", "lasso", "search", "propagated", "imported")
UNLABELLED: Final = -1  # the label code of a clip without a label
MAX_LABEL: Final = 200  # characters


@dataclass(frozen=True)
class Batch:
    """The annotations of one action, as a row of the log."""

    id: int
    revision: int
    token: str
    annotator: str
    at: datetime
    how: str
    kind: str  # label, clear, move, split, import, undo
    note: str
    size: int
    undone: bool = False


def label_named(words: str) -> str:
    """The name of a label from text that a person typed: cleaned by `names.clean`, empty for no label.

    Raises
    ------
    Refused
        The name is longer than `MAX_LABEL` or contains a control character.

    Examples
    --------
    >>> label_named("  barn   owl ")
    'barn owl'
    """
    name = clean(words)
    if len(name) > MAX_LABEL:
        raise Refused(f"the label “{name[:30]}…” has {len(name)} characters: {MAX_LABEL} are allowed")
    if has_control(words):
        raise Refused(f"the label {words[:30]!r} contains a control character: take it out")
    return name
