"""What clips can be coloured and filtered by, beside label and subset: one value a clip, in clip order."""

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
    values : numbers, NaN where there is none; None for a categorical column [shape=(n,), float32]
    codes : index into `names`, `NONE` where there is none; None for a numeric column [shape=(n,), uint16]
    confidence : 0 to 255, how sure each value is, if the column says so [shape=(n,), uint8]
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
    """What there is: `{key, title, kind}` each. Columns of the table have keys that start with `table:`."""
    shown = dataset.visible()
    key = ("columns", dataset.id, dataset.clips_revision, dataset.by.role, shown)
    return dataset.remember(key, lambda: _visible_facets(dataset, shown))


def check(dataset: Dataset, key: str) -> None:
    """Return if this person may see a column, whatever others have had made of it.

    Raises
    ------
    NotFound
        They may not, in the words for a column that there is not.
    """
    shown = dataset.visible()
    if key.startswith("table:") and not shown.column(key.removeprefix("table:")):
        raise NotFound(f"the table has no column “{key.removeprefix('table:')}”")
    if (key == "group" and not shown.group) or (key == "reference" and dataset.by.role != OWNER):
        raise NotFound(f"there is no column {key}")


def column(dataset: Dataset, key: str) -> Facet:
    """The values of one column.

    Raises
    ------
    NotFound
        The dataset has no such column, or this person may not see it.
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
    """Who gave the labels, in the order in which they came to the dataset, or how, in the order of `HOW`.

    The place of a name is its colour, so it must not depend on who else has labelled what. Whoever works blind sees
    themselves alone.
    """
    state = dataset.state()
    used, which = np.unique(state.source, return_inverse=True)
    journal = dataset.journal
    sources = journal.sources(dataset.id, used.tolist())
    names: tuple[str, ...] = HOW
    place = 2
    if key == "annotator":
        names = (dataset.by.name,) if dataset.by.blind else journal.people(dataset.id)
        place = 0
    code_of = {name: code for code, name in enumerate(names)}
    codes = [code_of.get(sources[source][place], NONE) if source in sources else NONE for source in used.tolist()]
    return Facet(codes=np.array(codes, np.uint16)[which.reshape(-1)], names=tuple(names))


def prediction_facet(dataset: Dataset) -> Facet:
    """What each unlabelled clip would be by its nearest labelled neighbours, and how sure that is.

    The votes of the 10 nearest labelled clips, weighted by their cosine; confidence is the winner's share. It is a hint
    for the eye, not an annotation. Clips without a vector have none; labelled clips show their own label.
    """
    state = dataset.state()
    codes = np.full(state.size, NONE, np.uint16)
    sure = np.zeros(state.size, np.uint8)
    labelled = state.label >= 0
    codes[labelled], sure[labelled] = state.label[labelled], 255
    index = dataset.index() if dataset.vectorizer_key else None
    if index is not None and len(index.positions):
        known = np.flatnonzero(labelled[index.positions])
        asked = np.flatnonzero(~labelled[index.positions])
        if len(known) and len(asked):
            found, cosines = index.among(known, asked, min(_NEIGHBOURS, len(known)))
            votes = state.label[index.positions[found]]
            weight = np.maximum(cosines, 0) ** 2 + 1e-6
            for_it = np.zeros(weight.shape, np.float32)  # what the label of each neighbour has got from all of them
            for voter in range(weight.shape[1]):  # a table of clips × labels would be too large for thousands of labels
                for_it += weight[:, [voter]] * (votes == votes[:, [voter]])
            best = for_it.argmax(axis=1)[:, None]
            share = np.take_along_axis(for_it, best, axis=1)[:, 0] / weight.sum(axis=1)
            codes[index.positions[asked]] = np.take_along_axis(votes, best, axis=1)[:, 0]
            sure[index.positions[asked]] = np.rint(share * 255)
    return Facet(codes=codes, names=state.names, confidence=sure)


def _visible_facets(dataset: Dataset, shown: Visible) -> list[dict[str, str]]:
    kinds = {"duration": "numeric"}
    own = {key: title for key, title in _OWN.items() if key != "group" or shown.group}
    found = [{"key": key, "title": title, "kind": kinds.get(key, "categorical")} for key, title in own.items()]
    if dataset.by.role == OWNER and clip_rows.has_reference(dataset.store, dataset.id):
        found.append({"key": "reference", "title": "reference", "kind": "categorical"})
    table = {name: one for name, one in _of_the_table(dataset).items() if shown.column(name)}
    found += [{"key": f"table:{name}", "title": name, "kind": one.kind} for name, one in table.items()]
    return found


def _table_column(dataset: Dataset, name: str) -> Facet:
    found = _of_the_table(dataset).get(name)
    if found is None:
        raise NotFound(f"the table has no column “{name}”")
    return found


def _of_the_table(dataset: Dataset) -> dict[str, Facet]:
    def make() -> dict[str, Facet]:
        cells = clip_rows.extras(dataset.store, dataset.id)
        return {name: _numbers(words) or _categories(words) for name, words in cells.items()}

    return dataset.remember(("table columns", dataset.id, dataset.clips_revision), make)


def _numbers(cells: Sequence[str]) -> Facet | None:
    """The cells as numbers, if they are more than a few different ones and nothing else."""
    values = np.full(len(cells), np.nan, np.float32)
    for place, cell in enumerate(cells):
        if cell.strip():
            try:
                values[place] = float(cell)
            except ValueError:
                return None
    # a handful of numbers are names of classes, folds or takes: they get colours, not a ramp
    return Facet(values=values) if len(np.unique(values[np.isfinite(values)])) > 12 else None


def _categories(cells: Sequence[Any]) -> Facet:
    """Words in the order in which they first come: clips are only added, so each keeps its place, and its colour."""
    names: dict[str, int] = {}
    codes = np.full(len(cells), NONE, np.uint16)
    for place, cell in enumerate(cells):
        word = str(cell)
        if word and (word in names or len(names) < NONE - 1):
            codes[place] = names.setdefault(word, len(names))
    return Facet(codes=codes, names=tuple(names))
