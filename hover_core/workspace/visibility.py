"""Who is shown what of a dataset: columns of its table, names and addresses of its clips, reasons of failure.

The owner is shown everything. A guest, which is everybody else, is shown no column that holds or once held labels,
references, predictions, addresses or who labelled; every other column unless the owner unticks it; the name of a clip
and never its address; a blind guest a number instead of the name, because a name often is the label.

What a column holds is known in three ways: it was chosen as that when a table was added (`record_evidence` writes it
down, and it is never forgotten), its name says so, or its cells do. A column of which nothing is recorded, because the
dataset was made before this was written down, is shown to guests only once the owner ticks it.

Functions of values: `Dataset.visible`, `Dataset.names` and `Dataset.clips` bring them together with the database.
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
GROUP: Final = "group"  # where groups come from no column that the clips still have
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
_UNKNOWN: Final = "unknown"  # the role of columns that came before roles were recorded
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
_LEAST: Final = 4  # labelled clips, from which a column can be seen to say the same as the labels
_SAME: Final = 0.9  # how much of what is unknown of one the other has to tell, both ways
_CONTAINS: Final = 0.8  # share of cells with the label among their words
_OWN_NAMES: Final = 0.05  # share of cells that are the name of their clip's own file
_LOOKED_AT: Final = 2_000  # clips whose file names are compared
_COMPARED: Final = 20_000  # labelled clips that tell whether a column says the same
_SUSPECT: Final = re.compile(
    r"[/\\:%]|\..*\..*\.|^www", re.IGNORECASE
)  # what every address and path has, and few others


@dataclass(frozen=True)
class Visible:
    """What one person is shown of a dataset.

    Attributes
    ----------
    columns : those of the table; None: all of them
    group : whether the groups of the clips
    names : whether the names of the clips, else their numbers
    addresses : whether the addresses of the clips
    """

    columns: frozenset[str] | None = None
    group: bool = True
    names: bool = True
    addresses: bool = True

    def column(self, name: str) -> bool:
        """Whether a column of the table is shown."""
        return self.columns is None or name in self.columns


@dataclass(frozen=True)
class ColumnRule:
    """Whether guests are shown one column of the table, or the groups.

    Attributes
    ----------
    holds : why it is never shown: one of the words above; empty where the owner decides
    known_by : `table` (it was chosen as that when a table was added), `name` or `cells`
    """

    name: str
    shown: bool
    holds: str = ""
    known_by: str = ""


@dataclass(frozen=True)
class CellEvidence:
    """What the cells of a dataset show.

    Attributes
    ----------
    columns : each column of the table and what its cells hold, empty for nothing special
    groups : the same of the clips' groups; None where no clip has one
    """

    columns: Mapping[str, str]
    groups: str | None = None


def record_evidence(
    settings: Mapping[str, Any], intake: Intake, *, grouped: bool, before: Callable[[], tuple[Iterable[str], bool]]
) -> dict[str, Any]:
    """The settings that record what the columns of a table held, with all that was recorded earlier.

    Parameters
    ----------
    grouped : whether new clips come with a group
    before : answers which columns the dataset's clips have already, and whether any has a group; asked only where
        nothing is recorded yet
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
    given = {column: role for column, role in intake.roles.items() if role in _HOLDS}
    for column in chain(ClipTable.of(intake.clips).extra_names, given):
        if roles.get(column, "") in ("", _UNKNOWN):
            roles[column] = given.get(column) or roles.get(column, "")
    if grouped:
        named = [column for column, role in intake.roles.items() if role == "group"] or [GROUP]
        roles.setdefault(named[0], "")
        sources = list(dict.fromkeys([*sources, *named]))
    return {_ROLES: roles, _GROUPS: sources}


def grouped_by(column: str | None) -> dict[str, Any]:
    """The setting that records that the groups of all clips come from one column now, or that there are none."""
    return {_GROUPS: [] if column is None else [column]}


def set_shown_columns(settings: Mapping[str, Any], changes: Mapping[str, bool]) -> dict[str, Any]:
    """The setting that records which columns the owner shows guests, or does not."""
    return {_TICKS: {**settings.get(_TICKS, {}), **changes}}


def roles_key(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What is recorded of the columns, as a key of what was made of it."""
    return tuple(sorted((settings.get(_ROLES) or {}).items()))


def label_columns(settings: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Those of the columns that hold labels or references, as far as that is recorded or their names say so."""
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
    """What the cells show, of each column and of the groups.

    Parameters
    ----------
    columns : `{name: cells in clip order}`
    groups : the group of each clip, empty for none
    labels : what else is known to be labels or references, each in clip order, empty for none
    urls : the address of each clip
    """
    step = max(1, len(urls) // _LOOKED_AT)
    own = {place: file_name(urls[place]).casefold() for place in range(0, len(urls), step)}
    known = [(cells, _spread_sample([place for place, label in enumerate(cells) if label.strip()])) for cells in labels]
    found = {name: _by_cells(cells, known, own) for name, cells in columns.items()}
    return CellEvidence(found, _by_cells(groups, known, own) if any(groups) else None)


def rules(settings: Mapping[str, Any], seen: CellEvidence) -> list[ColumnRule]:
    """What guests are shown of each column, in the order of the table; `GROUP` last where groups have no column."""
    roles: Mapping[str, str] = settings.get(_ROLES) or {}
    ticks: Mapping[str, bool] = settings.get(_TICKS) or {}
    found = [_rule(name, roles, ticks, cells) for name, cells in seen.columns.items()]
    if seen.groups is not None and GROUP not in seen.columns:
        sources = _sources(settings)
        # groups whose cells must not be seen are so on top of what is said of the column that they came from
        if seen.groups or not set(sources) <= set(seen.columns):
            found.append(_rule(GROUP, roles, ticks, seen.groups))
    return found


def visible(who: Person, settings: Mapping[str, Any], of: Sequence[ColumnRule], seen: CellEvidence) -> Visible:
    """What a guest is shown; `of` are the `rules`."""
    shown = {rule.name for rule in of if rule.shown}
    sources = [source if source in seen.columns else GROUP for source in _sources(settings)]
    return Visible(
        columns=frozenset(shown & set(seen.columns)),
        group=seen.groups is None or (not seen.groups and all(source in shown for source in sources)),
        names=not who.blind,
        addresses=False,
    )


def clip_title(who: Person, position: int, url: str, start_s: float | None = None, end_s: float | None = None) -> str:
    """What a person is told that a clip is called: its name, and a blind guest `clip` and its position."""
    if who.role == OWNER:
        return clip_name(url, start_s, end_s)
    if who.blind:
        return f"clip {position}"
    return (file_name(url) or f"clip {position}") + stretch_name(start_s, end_s)


def problem(who: Person, error: Exception) -> str:
    """Why a clip has no sound, in words for one person: fetching names hosts and paths, which are for the owner."""
    return NOT_FETCHED if who.role != OWNER and isinstance(error, FetchError) else str(error)


def _sources(settings: Mapping[str, Any]) -> list[str]:
    """The columns that the groups came from."""
    return list(settings.get(_GROUPS) or [settings.get("group_column") or GROUP])


def _rule(name: str, roles: Mapping[str, str], ticks: Mapping[str, bool], cells: str) -> ColumnRule:
    role = roles.get(name, _UNKNOWN)
    for holds, known_by in ((_HOLDS.get(role, ""), "table"), (_by_name(name), "name"), (cells, "cells")):
        if holds:
            return ColumnRule(name, shown=False, holds=holds, known_by=known_by)
    return ColumnRule(name, shown=bool(ticks.get(name, role != _UNKNOWN)))


def _by_name(name: str) -> str:
    """What a column of this name holds in the tables of the world."""
    plain = unicodedata.normalize("NFKC", name)
    words = {word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", plain))} | {
        word.casefold() for word in _WORDS.findall(plain)
    }
    joined = "".join(_WORDS.findall(plain)).casefold()
    if words & _PEOPLE_WORDS:
        return PEOPLE
    if words & _PREDICTION_WORDS or any(part in joined for part in _PREDICTION_PARTS):
        return PREDICTIONS
    if "reference" in words:
        return REFERENCES
    if words & _LABEL_WORDS or _LABEL_NAME.fullmatch(joined) or any(part in joined for part in _LABEL_PARTS):
        return LABELS
    if words & _ADDRESS_WORDS or joined in _ADDRESS_NAMES:
        return ADDRESSES
    return ""


def _spread_sample(places: Sequence[int]) -> Sequence[int]:
    return places[:: max(1, len(places) // _COMPARED)]


def _by_cells(
    cells: Sequence[str], labels: Sequence[tuple[Sequence[str], Sequence[int]]], own: Mapping[int, str]
) -> str:
    """What cells hold; `labels` come with the places at which they are compared."""
    different = {cell.strip() for cell in set(cells)} - {""}
    suspect = [cell for cell in different if _SUSPECT.search(cell)]
    if any(map(_ADDRESS.search, suspect)):
        return ADDRESSES
    if any(map(_PATH.search, suspect)) or AUDIO_FILE.search("\n".join(different)) or _own_names(cells, own):
        return FILE_NAMES
    for known, places in labels:
        if known is not cells and _tells([known[place] for place in places], [cells[place] for place in places]):
            return LABELS
    return ""


def _own_names(cells: Sequence[str], own: Mapping[int, str]) -> bool:
    """Whether cells are names of the clips' own files, with or without what follows the last dot."""
    given = [(cells[place].strip().casefold(), name) for place, name in own.items() if cells[place].strip()]
    # mere numbers count: takes, folds; they are no names
    same = sum(cell in (name, name.rpartition(".")[0]) for cell, name in given if not cell.isdigit())
    return bool(same) and same >= _OWN_NAMES * len(given)


def _tells(labels: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether cells say the same as the labels one to one, or have them among their words.

    Source: Goodman, L. A., Kruskal, W. H. Measures of association for cross classifications. JASA, 1954 (their lambda,
    both ways).
    """
    pairs = Counter(zip(labels, cells, strict=True))
    known = {(label, cell): count for (label, cell), count in pairs.items() if label.strip() and cell.strip()}
    total = sum(known.values())
    by_label, by_cell = Counter[str](), Counter[str]()
    best_of_label, best_of_cell = Counter[str](), Counter[str]()
    for (label, cell), count in known.items():
        by_label[label] += count
        by_cell[cell] += count
        best_of_label[label] = max(best_of_label[label], count)
        best_of_cell[cell] = max(best_of_cell[cell], count)
    if total < _LEAST or len(by_label) < 2 or len(by_cell) < 2:
        return False
    words = {label: _words(label) for label in by_label}
    contain = sum(count for (label, cell), count in known.items() if words[label] <= _words(cell))
    if contain >= _CONTAINS * total:
        return True
    return (
        len(by_label) < total  # where each clip has a label of its own, every column of numbers says the same
        and _lambda(best_of_cell, by_label, total) >= _SAME
        and _lambda(best_of_label, by_cell, total) >= _SAME
    )


def _lambda(best: Mapping[str, int], other: Mapping[str, int], total: int) -> float:
    """How much of the doubt about one thing another takes away, 0 to 1."""
    most = max(other.values())
    return (sum(best.values()) - most) / (total - most)


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _TOKENS.findall(text)} or {text}
