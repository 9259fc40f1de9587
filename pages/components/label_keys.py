"""The labels of the keys 1 to 9: one rule for the map, the label bar and the review player.

Python sends the labels of the keys to the browser, and the browser sends back the label, not the key. So a key gives
the label that was on the page, even if somebody has added another label since then.
"""

from collections.abc import Sequence
from typing import Final

KEYS: Final = "123456789"


def label_keys(names: Sequence[str]) -> list[int]:
    """The codes of the labels that the keys 1 to 9 give, in turn; -1 for a key without a label.

    A label that is itself a digit from 1 to 9 gets that key. The other labels get the free keys in the order of codes.

    Examples
    --------
    >>> label_keys(["owl", "1"])
    [1, 0, -1, -1, -1, -1, -1, -1, -1]
    """
    own = {name: code for code, name in enumerate(names) if name in tuple(KEYS)}
    others = (code for code, name in enumerate(names) if name not in own)
    return [own[key] if key in own else next(others, -1) for key in KEYS]


def label_given(names: Sequence[str], code: object) -> str:
    """The name of the label with the code that the browser sent; empty if there is no such label."""
    return names[code] if isinstance(code, int) and 0 <= code < len(names) else ""
