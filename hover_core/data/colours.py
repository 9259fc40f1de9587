"""The colours of labels: Okabe and Ito's first, then those of glasbey; a label keeps its colour."""

from __future__ import annotations

from typing import Final

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


def colour(code: int) -> str:
    """The colour `#rrggbb` of the label with this code (0 or more); it never changes. Colours repeat after the last.

    Examples
    --------
    >>> colour(0)
    '#e69f00'
    """
    return COLOURS[code % len(COLOURS)]
