"""The lasso map in a page: the clips of a dataset as points. Gestures on it come back with clip positions."""

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
    """A selection that a person made on the map, or that a `filter` on the map has changed."""

    positions: NDArray[np.int64]
    how: str  # lasso, box, click, legend, invert, paint … filter
    unfiltered: NDArray[np.int64]  # the selection without any filter
    passes: NDArray[np.int64] | None = None  # the clips that the filters let through; None: all


@dataclass(frozen=True)
class SelectionUpdate:
    """A selection that was made outside the map, such as search hits: the map takes it over when `id` changes."""

    id: str
    unfiltered: NDArray[np.int64]  # the selection without any filter; the map applies its own filters
    selected: NDArray[np.int64]  # the selection with the filters, as far as Python knows them
    how: str = "replace"  # or "change": some clips were added or removed, all others stay


@dataclass(frozen=True)
class FocusMoved:
    """A clip that a person wants to listen to."""

    position: int


@dataclass(frozen=True)
class KeyCommand:
    """A key on the map: `label` (with `index`), `label chosen`, `clear labels`, `undo`, `grow`, `map only`, `map back`.

    Also messages of the map itself: it has lost its selection (`lost`), it is `gone`, others have labelled (`news`), or
    our script does not run in this browser and the person wants the `classic` map.
    """

    kind: str
    index: int = -1  # the label's code


Gesture = SelectionMade | FocusMoved | KeyCommand


@dataclass(frozen=True)
class LabelButton:
    """The label that a button gives: its code in this person's view, and the CSS class of the button's container."""

    code: int
    name: str
    colour: str
    by: str


def clip_map(
    dataset: Dataset,
    embedding: Embedding,
    *,
    key: str,
    on_gesture: Callable[[], None] | None = None,
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
    on_gesture
        Called before the run after a gesture on the map; `gestures(key, size)` returns it. None: the map is read-only.
    select
        A selection made outside the map.
    count
        Number of selected clips without any filter, as far as Python knows: a new map that has no selection asks for
        it.
    narrowed
        Python believes that filters are set: a new map replies that it has none.
    part
        The map shows a part of another map, to which `map back` returns.
    ring
        Positions to mark softly, such as the hits of a search [shape=(k,), int64].
    scores
        How well each of them fits, for a colour and a filter by score [shape=(k,), float32].
    focus
        Position of the clip that the person listens to.
    offer
        The label that a button outside the map gives the selection. The map shows it at the click, before it is stored.
    attempts
        How often this person tried to label, also without success: the map then removes a label that was not stored.
    height
        Height of the map [pixels]; None: as tall as the window allows.
    """
    state = dataset.state()
    data = {
        "assets": assets.folder(),
        "plotly": assets.plotly_bundle(),
        "map": f"map/{embedding.id}?clips={embedding.clips}",  # the address changes when clips have been placed
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
        "listens": on_gesture is not None,
        "columns": f"columns/{dataset.id}",
        "column": f"column/{dataset.id}/",
        "axes": map_codec.axes(embedding),
        "height": height,
        "placeholder": "A first sketch by PCA. The UMAP that follows is better for labelling."
        if embedding.placeholder
        else None,
    }
    _element()(key=key, data=data, height="content", on_said_change=on_gesture or _ignore)


def _update_data(select: SelectionUpdate) -> dict[str, Any]:
    everything = np.array_equal(select.unfiltered, select.selected)
    selected = None if everything else map_codec.encode_set(select.selected)
    return {"id": select.id, "set": map_codec.encode_set(select.unfiltered), "chosen": selected, "how": select.how}


def _ring_data(ring: NDArray[np.int64], scores: NDArray[np.float32] | None) -> dict[str, Any]:
    """Hits as a set, and their scores in clip order, which is the order of the set."""
    data: dict[str, Any] = {"set": map_codec.encode_set(ring)}
    if scores is not None and len(scores):
        data["scores"] = [round(float(score), 4) for score in scores[np.argsort(ring, kind="stable")]]
    return data


def gestures(key: str, size: int) -> list[Gesture]:
    """The new gestures on the map of a dataset of `size` clips, in order. Each is returned only once.

    Raises
    ------
    Refused
        A selection contains clips that the dataset does not have.
    """
    return [gesture for message in elements.new_messages(key) if (gesture := _parse(message, size)) is not None]


def _parse(message: dict[str, Any], size: int) -> Gesture | None:
    kind = message.get("kind")
    if kind == "selection":
        unfiltered, passes = (
            None if (text := message.get(name)) is None else map_codec.decode_set(str(text), size)
            for name in ("kept", "passes")
        )
        positions = map_codec.decode_set(str(message["set"]), size)
        how = str(message.get("how", "lasso"))
        return SelectionMade(positions, how, positions if unfiltered is None else unfiltered, passes)
    if kind == "focus":
        position = message.get("position")
        return FocusMoved(position) if isinstance(position, int) and 0 <= position < size else None
    index = message.get("index", -1)
    return KeyCommand(str(kind), index if isinstance(index, int) else -1)


@st.cache_resource
def _element() -> Any:
    return st.components.v2.component("clip_map", js=assets.inline("clip_map"), isolate_styles=False)


def _ignore() -> None:
    """For a read-only map: Streamlit keeps a trigger in the result only if a callback is passed for it."""
