"""Visibility: what a person may see of a dataset's columns, names and addresses of clips, and reasons of failures.

The owner sees everything. Everybody else is a guest. A guest never sees a column that holds or once held labels,
references, predictions, addresses or annotators; they see every other column unless the owner unticks it; they see the
name of a clip, but never its address; a blind guest sees a number instead of the name, because a name often contains
the label.

The content of a column is known in three ways: by its role when a table was added (`record_evidence` records it for
good), by its name, or by its cells. A column without a recorded role, in a dataset of an older version, is hidden from
guests until the owner ticks it.

These functions take values; `Dataset.visible`, `Dataset.names` and `Dataset.clips` connect them with the database.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from hover_core.data.clip_table import ClipTable
from hover_core.data.clips import clip_name, file_name, stretch_name
from hover_core.data.people import OWNER, Person
from hover_core.errors import FetchError
from hover_core.tables.intake import AUDIO_FILE, SYNONYMS, Intake

LABELS: Final = "labels"
REFERENCES: Final = "references"
PREDICTIONS: Final = "predictions"
ADDRESSES: Final = "addresses"
FILE_NAMES: Final = "file names"
PEOPLE: Final = "annotators"
GROUP: Final = "group"  # the groups, if the column that they came from is not among the columns of the clips
NOT_FETCHED: Final = "its sound could not be fetched: the owner of this dataset can see why"
NO_SOUND: Final = "its sound could not be read: the owner of this dataset can see why"

_HOLDS: Final = {
    "label": LABELS,
    "reference": REFERENCES,
    "audio": ADDRESSES,
    "annotator": PEOPLE,
    "annotated_at": PEOPLE,
    "how": PEOPLE,
}
_UNKNOWN: Final = "unknown"  # the role of columns that were added before roles were recorded
_ROLES: Final = "column_roles"
_TICKS: Final = "columns_shown"
_GROUPS: Final = "group_columns"

_LABEL_WORDS: Final = frozenset(
    (
        *SYNONYMS["label"],
        *("label", "labels", "categories", "classes", "classname", "targets", "annotations", "species", "subspecies"),
        *("genus", "taxon", "taxa", "truth", "gold", "tag", "tags", "choice", "choices", "verdict", "mid", "mids"),
    )
)
_LABEL_NAME: Final = re.compile("y|ytrue|gt|commonname|scientificname|ebirdcode|class(id|name|no|index|idx)|.*class")
_LABEL_PARTS: Final = ("label", "categor", "species", "groundtruth", "annotation")
_PREDICTION_WORDS: Final = frozenset(
    (
        *("pred", "preds", "predict", "predicted", "predictions", "score", "scores", "confidence", "confidences"),
        *("conf", "prob", "probs", "proba", "probability", "probabilities", "logit", "logits", "softmax", "ypred"),
    )
)
_PREDICTION_PARTS: Final = ("predict", "confidence")
_ADDRESS_WORDS: Final = frozenset(
    ("url", "urls", "uri", "uris", "href", "link", "links", "path", "paths", "filename", "filenames", "filepath")
)
_ADDRESS_NAMES: Final = frozenset((*("".join(name.split("_")) for name in SYNONYMS["audio"]), "fname", "infile"))
_PEOPLE_WORDS: Final = frozenset(
    ("annotator", "annotators", "annotated", "labeler", "labeller", "labelers", "labellers", "rater", "raters")
)
_WORDS: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKENS: Final = re.compile(r"[^\W_]+")
_ADDRESS: Final = re.compile(
    r"://|%3a%2f%2f|^//\w|^www\.|^(local|demo|file|data|blob|mailto|s3|gs|hf):\S"
    r"|^[\w-]+(\.[\w-]+)+(:\d+)?/\S|^\d{1,3}(\.\d{1,3}){3}(:\d+)?$",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"^[a-z]:[\\/]|^\\\\|^~?/\S|^\.{1,2}[\\/]|[\\/][^\\/]*\.[a-z]\w{1,4}$", re.IGNORECASE)
_LEAST: Final = 4  # labelled clips; with fewer, a column cannot be recognised as the labels
_SAME: Final = 0.9  # Goodman and Kruskal's lambda, in both directions, from which a column counts as the labels
_CONTAINS: Final = 0.8  # share of cells that contain the words of the label
_OWN_NAMES: Final = 0.05  # share of cells that are the file name of their clip
_LOOKED_AT: Final = 2_000  # clips whose file names are compared
_COMPARED: Final = 20_000  # labelled clips that a column is compared with
_SUSPECT: Final = re.compile(
    r"[/\\:%]|\..*\..*\.|^www", re.IGNORECASE
)  # every address and path matches, and few other cells


@dataclass(frozen=True)
class Visible:
    """The parts of a dataset that one person may see.

    Attributes
    ----------
    columns : the visible columns of the table; None: all
    group : whether the groups of the clips are visible
    names : whether the names of the clips are visible; if not, their numbers are
    addresses : whether the addresses of the clips are visible
    """

    columns: frozenset[str] | None = None
    group: bool = True
    names: bool = True
    addresses: bool = True

    def column(self, name: str) -> bool:
        """Whether a column of the table is visible."""
        return self.columns is None or name in self.columns


@dataclass(frozen=True)
class ColumnRule:
    """Whether guests see one column of the table, or the groups.

    Attributes
    ----------
    holds : the content for which it is never shown, `LABELS` … `PEOPLE` of this module; empty if the owner decides
    known_by : how the content is known: by the role in the `table`, the `name` or the `cells`
    """

    name: str
    shown: bool
    holds: str = ""
    known_by: str = ""


@dataclass(frozen=True)
class CellEvidence:
    """The content of columns as recognised by their cells.

    Attributes
    ----------
    columns : `{column: content}`, empty for nothing that must be hidden
    groups : content of the clips' groups; None if no clip has one
    """

    columns: Mapping[str, str]
    groups: str | None = None


def record_evidence(
    settings: Mapping[str, Any], intake: Intake, *, grouped: bool, before: Callable[[], tuple[Iterable[str], bool]]
) -> dict[str, Any]:
    """The settings that record the roles of a table's columns, added to those recorded earlier.

    Parameters
    ----------
    grouped : whether new clips have a group
    before : returns the columns of the clips in the dataset, and whether any clip has a group; called only if nothing
        is recorded yet
    """
    roles: dict[str, str] | None = settings.get(_ROLES)
    sources: list[str] = list(settings.get(_GROUPS, []))
    if roles is None:
        columns, any_group = before()
        roles = dict.fromkeys(columns, _UNKNOWN)
        if any_group:
            sources = [settings.get("group_column") or GROUP]
            roles.setdefault(sources[0], _UNKNOWN)
    roles = dict(roles)
    new_roles = {column: role for column, role in intake.roles.items() if role in _HOLDS}
    for column in chain(ClipTable.of(intake.clips).extra_names, new_roles):
        if roles.get(column, "") in ("", _UNKNOWN):
            roles[column] = new_roles.get(column) or roles.get(column, "")
    if grouped:
        group_columns = [column for column, role in intake.roles.items() if role == "group"] or [GROUP]
        roles.setdefault(group_columns[0], "")
        sources = list(dict.fromkeys([*sources, *group_columns]))
    return {_ROLES: roles, _GROUPS: sources}


def grouped_by(column: str | None) -> dict[str, Any]:
    """The setting that records the column that all groups come from; None: there are no groups."""
    return {_GROUPS: [] if column is None else [column]}


def set_shown_columns(settings: Mapping[str, Any], changes: Mapping[str, bool]) -> dict[str, Any]:
    """The setting that records the owner's choice to show columns to guests, `{column: shown}`."""
    return {_TICKS: {**settings.get(_TICKS, {}), **changes}}


def roles_key(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The recorded roles of columns, as a key for a cache."""
    return tuple(sorted((settings.get(_ROLES) or {}).items()))


def label_columns(settings: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """The columns among `columns` that hold labels or references, by their recorded role or their name."""
    roles: Mapping[str, str] = settings.get(_ROLES) or {}
    return [
        name for name in columns if roles.get(name) in ("label", "reference") or _by_name(name) in (LABELS, REFERENCES)
    ]


def evidence(
    columns: Mapping[str, Sequence[str]],
    groups: Sequence[str],
    labels: Sequence[Sequence[str]],
    urls: Sequence[str],
) -> CellEvidence:
    """Recognise the content of each column, and of the groups, by the cells.

    Parameters
    ----------
    columns : `{name: cells in clip order}`
    groups : the group of each clip, empty for none
    labels : lists of labels or references to compare columns with, each in clip order, empty for none
    urls : the address of each clip
    """
    step = max(1, len(urls) // _LOOKED_AT)
    own_names = {place: file_name(urls[place]).casefold() for place in range(0, len(urls), step)}
    sampled = [
        (cells, _spread_sample([place for place, label in enumerate(cells) if label.strip()])) for cells in labels
    ]
    holds = {name: _by_cells(cells, sampled, own_names) for name, cells in columns.items()}
    return CellEvidence(holds, _by_cells(groups, sampled, own_names) if any(groups) else None)


def rules(settings: Mapping[str, Any], cell_evidence: CellEvidence) -> list[ColumnRule]:
    """The rule of each column, in the order of the table; last that of `GROUP`, if the groups have no column."""
    roles: Mapping[str, str] = settings.get(_ROLES) or {}
    ticks: Mapping[str, bool] = settings.get(_TICKS) or {}
    column_rules = [_rule(name, roles, ticks, cells) for name, cells in cell_evidence.columns.items()]
    if cell_evidence.groups is not None and GROUP not in cell_evidence.columns:
        sources = _sources(settings)
        # the cells of groups can hide them in addition to the rule of the column that they came from
        if cell_evidence.groups or not set(sources) <= set(cell_evidence.columns):
            column_rules.append(_rule(GROUP, roles, ticks, cell_evidence.groups))
    return column_rules


def visible(
    person: Person, settings: Mapping[str, Any], column_rules: Sequence[ColumnRule], cell_evidence: CellEvidence
) -> Visible:
    """The parts of a dataset that a guest may see, by the result of `rules`."""
    shown_columns = {rule.name for rule in column_rules if rule.shown}
    sources = [source if source in cell_evidence.columns else GROUP for source in _sources(settings)]
    return Visible(
        columns=frozenset(shown_columns & set(cell_evidence.columns)),
        group=cell_evidence.groups is None
        or (not cell_evidence.groups and all(source in shown_columns for source in sources)),
        names=not person.blind,
        addresses=False,
    )


def clip_title(
    person: Person, position: int, url: str, start_s: float | None = None, end_s: float | None = None
) -> str:
    """The title of a clip for a person: `clips.clip_name` for the owner, else its file name and times [seconds].

    For a blind guest it is `clip` and the position.

    Examples
    --------
    >>> clip_title(Person("Mira", "annotator", "d1", blind=True), 7, "https://example.org/owl.wav")
    'clip 7'
    """
    if person.role == OWNER:
        return clip_name(url, start_s, end_s)
    if person.blind:
        return f"clip {position}"
    return (file_name(url) or f"clip {position}") + stretch_name(start_s, end_s)


def problem(person: Person, error: Exception) -> str:
    """The message of an error for a person: that of fetching names hosts and paths, which only the owner may see."""
    return NOT_FETCHED if person.role != OWNER and isinstance(error, FetchError) else str(error)


def _sources(settings: Mapping[str, Any]) -> list[str]:
    """The columns that groups came from."""
    return list(settings.get(_GROUPS) or [settings.get("group_column") or GROUP])


def _rule(name: str, roles: Mapping[str, str], ticks: Mapping[str, bool], cells: str) -> ColumnRule:
    role = roles.get(name, _UNKNOWN)
    for holds, known_by in ((_HOLDS.get(role, ""), "table"), (_by_name(name), "name"), (cells, "cells")):
        if holds:
            return ColumnRule(name, shown=False, holds=holds, known_by=known_by)
    return ColumnRule(name, shown=bool(ticks.get(name, role != _UNKNOWN)))


def _by_name(name: str) -> str:
    """The content that a column with this name usually holds; empty for nothing that must be hidden."""
    plain = unicodedata.normalize("NFKC", name)
    words = {word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", plain))} | {
        word.casefold() for word in _WORDS.findall(plain)
    }
    letters = "".join(_WORDS.findall(plain)).casefold()
    if words & _PEOPLE_WORDS:
        return PEOPLE
    if words & _PREDICTION_WORDS or any(part in letters for part in _PREDICTION_PARTS):
        return PREDICTIONS
    if "reference" in words:
        return REFERENCES
    if words & _LABEL_WORDS or _LABEL_NAME.fullmatch(letters) or any(part in letters for part in _LABEL_PARTS):
        return LABELS
    if words & _ADDRESS_WORDS or letters in _ADDRESS_NAMES:
        return ADDRESSES
    return ""


def _spread_sample(places: Sequence[int]) -> Sequence[int]:
    return places[:: max(1, len(places) // _COMPARED)]


def _by_cells(
    cells: Sequence[str], labels: Sequence[tuple[Sequence[str], Sequence[int]]], own_names: Mapping[int, str]
) -> str:
    """The content of cells; `labels` are pairs of labels and the rows in which to compare them."""
    different = {cell.strip() for cell in set(cells)} - {""}
    suspect = [cell for cell in different if _SUSPECT.search(cell)]
    if any(map(_ADDRESS.search, suspect)):
        return ADDRESSES
    if any(map(_PATH.search, suspect)) or AUDIO_FILE.search("\n".join(different)) or _own_names(cells, own_names):
        return FILE_NAMES
    for label_cells, places in labels:
        if label_cells is not cells and _tells(
            [label_cells[place] for place in places], [cells[place] for place in places]
        ):
            return LABELS
    return ""


def _own_names(cells: Sequence[str], own_names: Mapping[int, str]) -> bool:
    """Whether cells are the file names of their clips, with or without the extension."""
    pairs = [(cells[place].strip().casefold(), name) for place, name in own_names.items() if cells[place].strip()]
    # a cell of digits is a take or a fold, not a name
    same = sum(cell in (name, name.rpartition(".")[0]) for cell, name in pairs if not cell.isdigit())
    return bool(same) and same >= _OWN_NAMES * len(pairs)


def _tells(labels: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether cells and labels determine each other, or the cells contain the words of the labels.

    Source: Goodman, L. A., Kruskal, W. H. Measures of association for cross classifications. JASA, 1954 (their lambda,
    both ways).
    """
    pairs = Counter(zip(labels, cells, strict=True))
    counts = {(label, cell): count for (label, cell), count in pairs.items() if label.strip() and cell.strip()}
    total = sum(counts.values())
    by_label, by_cell = Counter[str](), Counter[str]()
    best_of_label, best_of_cell = Counter[str](), Counter[str]()
    for (label, cell), count in counts.items():
        by_label[label] += count
        by_cell[cell] += count
        best_of_label[label] = max(best_of_label[label], count)
        best_of_cell[cell] = max(best_of_cell[cell], count)
    if total < _LEAST or len(by_label) < 2 or len(by_cell) < 2:
        return False
    words = {label: _words(label) for label in by_label}
    contain = sum(count for (label, cell), count in counts.items() if words[label] <= _words(cell))
    if contain >= _CONTAINS * total:
        return True
    return (
        len(by_label) < total  # if every label is unique, every column of unique numbers determines it
        and _lambda(best_of_cell, by_label, total) >= _SAME
        and _lambda(best_of_label, by_cell, total) >= _SAME
    )


def _lambda(best: Mapping[str, int], totals: Mapping[str, int], total: int) -> float:
    """Goodman and Kruskal's lambda: by how much one variable reduces the errors in guessing another, 0 to 1."""
    most = max(totals.values())
    return (sum(best.values()) - most) / (total - most)


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _TOKENS.findall(text)} or {text}
