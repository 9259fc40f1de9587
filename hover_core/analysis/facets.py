"""Facets: values to colour and filter clips by, beside label and subset. One value a clip, in clip order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data.annotations import HOW
from hover_core.data.people import OWNER
from hover_core.errors import NotFound
from hover_core.store import clip_rows
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.visibility import Visible

NONE: Final = 65_535  # the code of no value
_NEIGHBOURS: Final = 10
_OWN: Final = {
    "predicted": "predicted label",
    "annotator": "annotator",
    "how": "how it was labelled",
    "duration": "duration (s)",
    "group": "group",
}


@dataclass(frozen=True)
class Facet:
    """One value a clip.

    Attributes
    ----------
    values : numbers, NaN for none; None if the facet is categorical [shape=(n,), float32]
    codes : index into `names`, `NONE` for none; None if the facet is numeric [shape=(n,), uint16]
    names : the categories
    confidence : how sure each value is, 0 to 255; None if the facet has no such measure [shape=(n,), uint8]
    """

    values: NDArray[np.float32] | None = None
    codes: NDArray[np.uint16] | None = None
    names: tuple[str, ...] = ()
    confidence: NDArray[np.uint8] | None = None

    @property
    def kind(self) -> str:
        """`numeric` or `categorical`."""
        return "numeric" if self.values is not None else "categorical"


def available_facets(dataset: Dataset) -> list[dict[str, str]]:
    """`{key, title, kind}` of each facet that this person may see; keys of table columns begin with `table:`."""
    visible = dataset.visible()
    key = ("columns", dataset.id, dataset.clips_revision, dataset.by.role, visible)
    return dataset.remember(key, lambda: _visible_facets(dataset, visible))


def check(dataset: Dataset, key: str) -> None:
    """Check that this person may see a facet, also if its values are cached for somebody else already.

    Raises
    ------
    NotFound
        They may not; the message is that of a column that does not exist.
    """
    visible = dataset.visible()
    if key.startswith("table:") and not visible.column(key.removeprefix("table:")):
        raise NotFound(f"the table has no column “{key.removeprefix('table:')}”")
    if (key == "group" and not visible.group) or (key == "reference" and dataset.by.role != OWNER):
        raise NotFound(f"there is no column {key}")


def column(dataset: Dataset, key: str) -> Facet:
    """The facet with this key.

    Raises
    ------
    NotFound
        The dataset has no such facet, or this person may not see it.
    """
    check(dataset, key)
    state = dataset.state()
    if key == "predicted":
        return prediction_facet(dataset)
    if key == "duration":
        return Facet(values=clip_rows.durations(dataset.store, dataset.id, state.size).astype(np.float32))
    if key in ("annotator", "how"):
        return annotation_facet(dataset, key)
    clips = dataset.clips()
    if key == "group":
        return _categories(clips["group_name"].tolist())
    if key == "reference":
        return _categories(clips["reference"].tolist())
    if key.startswith("table:"):
        return _table_column(dataset, key.removeprefix("table:"))
    raise NotFound(f"there is no column {key}")


def annotation_facet(dataset: Dataset, key: str) -> Facet:
    """The annotator of each label (`key="annotator"`), or the way of labelling (`key="how"`).

    Annotators are in the order of their first batch, ways in the order of `HOW`: the index of a name is its colour, and
    must not change when others label. A blind annotator sees only their own name.
    """
    state = dataset.state()
    sources_used, which = np.unique(state.source, return_inverse=True)
    journal = dataset.journal
    sources = journal.sources(dataset.id, sources_used.tolist())
    names: tuple[str, ...] = HOW
    field = 2
    if key == "annotator":
        names = (dataset.by.name,) if dataset.by.blind else journal.people(dataset.id)
        field = 0
    code_of = {name: code for code, name in enumerate(names)}
    codes = [
        code_of.get(sources[source][field], NONE) if source in sources else NONE for source in sources_used.tolist()
    ]
    return Facet(codes=np.array(codes, np.uint16)[which.reshape(-1)], names=tuple(names))


def prediction_facet(dataset: Dataset) -> Facet:
    """A predicted label for each unlabelled clip, by its nearest labelled neighbours, with confidence.

    The 10 nearest labelled clips vote, weighted by the square of their cosine; confidence is the winner's share of the
    votes. It is a hint for the eye, not an annotation. Clips without a vector have no prediction; labelled clips have
    their own label with full confidence.
    """
    state = dataset.state()
    codes = np.full(state.size, NONE, np.uint16)
    confidence = np.zeros(state.size, np.uint8)
    labelled = state.label >= 0
    codes[labelled], confidence[labelled] = state.label[labelled], 255
    index = dataset.index() if dataset.vectorizer_key else None
    if index is not None and len(index.positions):
        labelled_rows = np.flatnonzero(labelled[index.positions])
        unlabelled_rows = np.flatnonzero(~labelled[index.positions])
        if len(labelled_rows) and len(unlabelled_rows):
            neighbour_rows, cosines = index.among(labelled_rows, unlabelled_rows, min(_NEIGHBOURS, len(labelled_rows)))
            votes = state.label[index.positions[neighbour_rows]]
            weight = np.maximum(cosines, 0) ** 2 + 1e-6
            scores = np.zeros(weight.shape, np.float32)  # the votes of all neighbours for the label of each neighbour
            # no table of clips × labels: with thousands of labels it would be too large
            for voter in range(weight.shape[1]):
                scores += weight[:, [voter]] * (votes == votes[:, [voter]])
            best = scores.argmax(axis=1)[:, None]
            share = np.take_along_axis(scores, best, axis=1)[:, 0] / weight.sum(axis=1)
            codes[index.positions[unlabelled_rows]] = np.take_along_axis(votes, best, axis=1)[:, 0]
            confidence[index.positions[unlabelled_rows]] = np.rint(share * 255)
    return Facet(codes=codes, names=state.names, confidence=confidence)


def _visible_facets(dataset: Dataset, visible: Visible) -> list[dict[str, str]]:
    kinds = {"duration": "numeric"}
    own = {key: title for key, title in _OWN.items() if key != "group" or visible.group}
    facets = [{"key": key, "title": title, "kind": kinds.get(key, "categorical")} for key, title in own.items()]
    if dataset.by.role == OWNER and clip_rows.has_reference(dataset.store, dataset.id):
        facets.append({"key": "reference", "title": "reference", "kind": "categorical"})
    table = {name: facet for name, facet in _of_the_table(dataset).items() if visible.column(name)}
    facets += [{"key": f"table:{name}", "title": name, "kind": facet.kind} for name, facet in table.items()]
    return facets


def _table_column(dataset: Dataset, name: str) -> Facet:
    facet = _of_the_table(dataset).get(name)
    if facet is None:
        raise NotFound(f"the table has no column “{name}”")
    return facet


def _of_the_table(dataset: Dataset) -> dict[str, Facet]:
    def make() -> dict[str, Facet]:
        cells = clip_rows.extras(dataset.store, dataset.id)
        return {name: _numbers(words) or _categories(words) for name, words in cells.items()}

    return dataset.remember(("table columns", dataset.id, dataset.clips_revision), make)


def _numbers(cells: Sequence[str]) -> Facet | None:
    """The cells as a numeric facet, or None if a cell is no number or there are only a few different ones."""
    values = np.full(len(cells), np.nan, np.float32)
    for place, cell in enumerate(cells):
        if cell.strip():
            try:
                values[place] = float(cell)
            except ValueError:
                return None
    # few different numbers are usually classes, folds or takes: these get colours, not a ramp
    return Facet(values=values) if len(np.unique(values[np.isfinite(values)])) > 12 else None


def _categories(cells: Sequence[Any]) -> Facet:
    """The cells as a categorical facet, names in order of first use: new clips do not change a name's colour."""
    names: dict[str, int] = {}
    codes = np.full(len(cells), NONE, np.uint16)
    for place, cell in enumerate(cells):
        word = str(cell)
        if word and (word in names or len(names) < NONE - 1):
            codes[place] = names.setdefault(word, len(names))
    return Facet(codes=codes, names=tuple(names))
