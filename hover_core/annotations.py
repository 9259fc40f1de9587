"""An annotation says: this annotator gave this clip this label, with this verdict, at this time, in this way.

Annotations are events in a log that only grows. They come in batches, one for each action; what is current is a fold
over the log. Nothing here knows where the log is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hover_core.errors import Refused
from hover_core.names import clean, has_control

VERDICTS: Final = ("yes", "no", "unsure")
INVERSE: Final = {  # the event that takes another one back, both ways
    "yes": "withdrawn",
    "no": "no withdrawn",
    "unsure": "unsure withdrawn",
    "withdrawn": "yes",
    "no withdrawn": "no",
    "unsure withdrawn": "unsure",
    "cleared": "cleared withdrawn",  # gone from the view of whoever works blind, while somebody else's label stands
    "cleared withdrawn": "cleared",
}
HOW: Final = ("heard", "lasso", "search", "propagated", "imported")
UNLABELLED: Final = -1  # the code of no label
MAX_LABEL: Final = 200  # characters

# Okabe–Ito first (colour-blind safe; black left out because it is invisible on dark), then colorcet's
# glasbey_category10 in the order of its publication (Glasbey et al. 2007, doi:10.1002/col.20327). The code of a label
# picks its colour for ever, so the order of this list must never change.
_PUBLISHED: Final = (
    "#e69f00 #56b4e9 #009e73 #f0e442 #0072b2 #d55e00 #cc79a7 "
    "#8c3bff #018700 #00acc6 #97ff00 #ff7ed1 #6b004f #ffa52f #573b00 #005659 #0000dd #00fdcf #a17569 #bcb6ff #95b577 "
    "#bf03b8 #645474 #790000 #0774d8 #fdf490 #004b00 #8e7900 #ff7266 #edb8b8 #5e7e66 #9ae4ff #eb0077 #a57bb9 #5900a4 "
    "#03c600 #9e4b00 #9c3b4f #cbc481 #b60000 #728287 #00af8a #388aff #bd92a0"
)
COLOURS: Final = tuple(_PUBLISHED.split())


@dataclass(frozen=True)
class Batch:
    """The annotations of one action."""

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


def colour(code: int) -> str:
    """The colour of the label with this code, as `#rrggbb`; the same for ever."""
    return COLOURS[code % len(COLOURS)]


def label_named(words: str) -> str:
    """`words` as the name of a label, cleaned as `names.clean` does. Empty for no label.

    Raises
    ------
    Refused
        The name is too long or holds a control character.
    """
    name = clean(words)
    if len(name) > MAX_LABEL:
        raise Refused(f"the label “{name[:30]}…” has {len(name)} characters: {MAX_LABEL} are allowed")
    if has_control(words):
        raise Refused(f"the label {words[:30]!r} holds a control character: take it out")
    return name


def now() -> str:
    """This moment in UTC, ISO 8601 with microseconds: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
