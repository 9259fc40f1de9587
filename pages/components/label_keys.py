"""Which label each of the keys 1 to 9 gives: one rule for the map, the bar, and hits that are played in a row.

The browser is told the rule's outcome and says which label it gave: what is pressed is what was on the page, also when
somebody else has named another label since.
"""

from collections.abc import Sequence
from typing import Final

KEYS: Final = "123456789"


def label_keys(names: Sequence[str]) -> list[int]:
    """The codes of the labels that the keys 1 to 9 give, in turn; -1 for a key that gives none.

    A label that is itself a number from 1 to 9 has that key; the others, by their codes, have those that are free.
    """
    own = {name: code for code, name in enumerate(names) if name in tuple(KEYS)}
    others = (code for code, name in enumerate(names) if name not in own)
    return [own[key] if key in own else next(others, -1) for key in KEYS]


def label_given(names: Sequence[str], code: object) -> str:
    """The name of the label that the browser says a key gave; empty if there is none of that code."""
    return names[code] if isinstance(code, int) and 0 <= code < len(names) else ""
