"""Search for text: in the columns of the table, in addresses or names of clips, and in labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.people import OWNER
from hover_core.errors import Refused

if TYPE_CHECKING:
    from hover_core.workspace.dataset import Dataset


_MOST_TEXT: Final = 200


def match_text(
    dataset: Dataset, text: str, *, column: str = "", regex: bool = False, exclude: bool = False
) -> NDArray[np.bool_]:
    """Which clips' text matches; upper and lower case are the same. [shape=(n,), bool]

    Parameters
    ----------
    column
        One of `own_texts`, or a column of the table that this person may see; empty: all of these.
    regex
        `text` is a regular expression in the syntax of RE2, which needs linear time only.
    exclude
        Return the clips that do not match.

    Raises
    ------
    Refused
        The text is longer than 200 characters, the regular expression cannot be read, or there is no such column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(text) > _MOST_TEXT:
        raise Refused(f"the text to look for has {len(text)} characters: at most {_MOST_TEXT} are looked for")
    state = dataset.state()
    matching = np.zeros(state.size, bool)
    for cells in _texts(dataset, state.label_names(), column):
        values = pa.array(cells[: state.size], pa.string())
        try:
            match = pc.match_substring_regex if regex else pc.match_substring
            hits = match(values, pattern=text, ignore_case=True)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise Refused(f"“{text}” is no regular expression that can be read: {reason}") from error
        matching[: len(values)] |= np.asarray(hits, bool)
    return ~matching if exclude else matching


def own_texts(dataset: Dataset) -> list[str]:
    """The texts of a clip besides columns of the table: `label`, and `url` for the owner or `name` for a guest.

    A blind guest cannot search names, because a name could then be guessed letter by letter.
    """
    if dataset.by.role == OWNER:
        return ["url", "label"]
    return ["label"] if dataset.by.blind else ["name", "label"]


def _texts(dataset: Dataset, labels: NDArray[Any], column: str) -> list[list[str]]:
    every = {
        "url": lambda: dataset.clips()["url"].tolist(),
        "name": dataset.titles,
        "label": lambda: [str(label) for label in labels],
    }
    own = {name: every[name] for name in own_texts(dataset)}
    if column == "url" and column in own:
        return [own[column]()]
    extras = dataset.clips()["extra"].tolist()  # only the columns that this person may see
    columns = dict.fromkeys(name for extra in extras for name in extra)
    if column and column not in own and column not in columns:
        raise Refused(f"the table has no column “{column}”: choose {', '.join(own)} or one that it came with")
    cells = [texts() for name, texts in own.items() if column in ("", name)]
    return cells + [[str(extra.get(name, "")) for extra in extras] for name in columns if column in ("", name)]
