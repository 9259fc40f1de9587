"""The lasso map in a page: the clips of a dataset as points; what is selected on it comes back as clip positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hover_core.store.vector_rows import Embedding
from hover_core.workspace.dataset import Dataset
from pages.components import elements
from pages.components.label_keys import label_keys
from pages.server import assets, map_codec


@dataclass(frozen=True)
class SelectionMade:
    """A selection that a person made on the map, or what a `filter` there has made of it."""

    positions: NDArray[np.int64]
    how: str  # lasso, box, click, legend, invert, paint … filter
    kept: NDArray[np.int64]  # what would be selected without any filter
    passes: NDArray[np.int64] | None = None  # what the filters let through; None: everything


@dataclass(frozen=True)
class SelectionUpdate:
    """A selection that was made elsewhere (search hits, a clip left out): the map takes it over when the id changes."""

    id: str
    kept: NDArray[np.int64]  # without any filter; those of the map have the last word
    selected: NDArray[np.int64]  # what Python takes them to leave of it
    how: str = "replace"  # or "change": clips came to it or were taken away, all others stay as they are


@dataclass(frozen=True)
class FocusMoved:
    """A clip that a person wants to listen to."""

    position: int


@dataclass(frozen=True)
class KeyCommand:
    """A key on the map: `label` (with `index`), `label chosen`, `clear labels`, `undo`, `grow`, `map only`, `map back`.

    Or the selection is `lost`, or the map itself `gone`, or others have labelled (`news`), and a run should bring that;
    or our script does not run here, and the `classic` map is asked for.
    """

    kind: str
    index: int = -1  # the label's code


Said = SelectionMade | FocusMoved | KeyCommand


@dataclass(frozen=True)
class LabelButton:
    """The label that a button gives: its code for whoever is here, and the CSS class of what holds the button."""

    code: int
    name: str
    colour: str
    by: str


def clip_map(
    dataset: Dataset,
    embedding: Embedding,
    *,
    key: str,
    on_said: Callable[[], None] | None = None,
    height: int | None = 560,
    select: SelectionUpdate | None = None,
    count: int = 0,
    narrowed: bool = False,
    part: bool = False,
    ring: NDArray[np.int64] | None = None,
    scores: NDArray[np.float32] | None = None,
    focus: int | None = None,
    offer: LabelButton | None = None,
    attempts: int = 0,
) -> None:
    """Draw the map.

    Parameters
    ----------
    on_said
        Called before the run when a person did something there; `gestures(key, size)` tells what. None: only looked at.
    select
        A selection made elsewhere.
    count
        How many clips are selected, filtered or not, as far as Python knows: a map that comes new and knows of none
        asks for them.
    narrowed
        Python takes filters to be set: a map that comes new says that there are none.
    part
        The map shows a part, and there is a way back.
    ring
        Positions to mark softly: the hits of a search.
    scores
        How well each of them fits, for a colour and a filter by score. [shape=(k,)]
    focus
        The clip that is being listened to.
    offer
        What a button elsewhere on the page gives the selection: shown when it is clicked, before it is written.
    attempts
        How often this person tried to label, also in vain: a label that is shown and came to nothing goes again.
    height
        Pixels; None: as tall as the window allows.
    """
    state = dataset.state()
    data = {
        "assets": assets.folder(),
        "plotly": assets.plotly_bundle(),
        "map": f"map/{embedding.id}?clips={embedding.clips}",  # another address when clips have been placed
        "journal": f"journal/{dataset.id}",
        "clips": f"clips/{dataset.id}/",
        "revision": state.revision,
        "keys": label_keys(state.names),
        "select": None if select is None else _update_data(select),
        "ring": None if ring is None else _ring_data(ring, scores),
        "count": count,
        "narrowed": narrowed,
        "part": part,
        "focus": focus,
        "offer": None if offer is None else asdict(offer),
        "attempts": attempts,
        "heard": elements.acknowledgement(key),
        "listens": on_said is not None,
        "columns": f"columns/{dataset.id}",
        "column": f"column/{dataset.id}/",
        "axes": map_codec.axes(embedding),
        "height": height,
        "placeholder": "A first sketch (PCA). Labelling is better on the UMAP that is coming."
        if embedding.placeholder
        else None,
    }
    _element()(key=key, data=data, height="content", on_said_change=on_said or _ignore)


def _update_data(select: SelectionUpdate) -> dict[str, Any]:
    chosen = None if np.array_equal(select.kept, select.selected) else map_codec.encode_set(select.selected)
    return {"id": select.id, "set": map_codec.encode_set(select.kept), "chosen": chosen, "how": select.how}


def _ring_data(ring: NDArray[np.int64], scores: NDArray[np.float32] | None) -> dict[str, Any]:
    """Hits in clip order, as a set is, and their scores in the same order."""
    found: dict[str, Any] = {"set": map_codec.encode_set(ring)}
    if scores is not None and len(scores):
        found["scores"] = [round(float(score), 4) for score in scores[np.argsort(ring, kind="stable")]]
    return found


def gestures(key: str, size: int) -> list[Said]:
    """What a person did on the map of a dataset of `size` clips, in order; each is told once.

    Raises
    ------
    Refused
        A selection that names clips which the dataset has not.
    """
    return [act for given in elements.new_messages(key) if (act := _parse(given, size)) is not None]


def _parse(given: dict[str, Any], size: int) -> Said | None:
    kind = given.get("kind")
    if kind == "selection":
        kept, passes = (
            None if (sent := given.get(what)) is None else map_codec.decode_set(str(sent), size)
            for what in ("kept", "passes")
        )
        positions = map_codec.decode_set(str(given["set"]), size)
        return SelectionMade(positions, str(given.get("how", "lasso")), positions if kept is None else kept, passes)
    if kind == "focus":
        position = given.get("position")
        return FocusMoved(position) if isinstance(position, int) and 0 <= position < size else None
    index = given.get("index", -1)
    return KeyCommand(str(kind), index if isinstance(index, int) else -1)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_map", js=assets.inline("clip_map"), isolate_styles=False)


def _ignore() -> None:
    """A map that is only looked at."""
