"""Tables in: rows of text → clips, and what was refused and why. A bad row is named and left out; the rest goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hover_core.data import credentials
from hover_core.data.annotations import label_named
from hover_core.data.clip_table import ClipTable
from hover_core.data.clips import SUBSETS, Clip, hashed, normal_url, seconds_text
from hover_core.errors import TableError
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.cells import is_missing
from hover_core.tables.meaning.labels import verdict_of
from hover_core.tables.meaning.patterns import fill_pattern, pattern_columns
from hover_core.tables.row_addresses import is_ordinary, read_addresses
from hover_core.tables.row_cells import RowCells, extra_texts, source
from hover_core.tables.row_words import Words
from hover_core.tables.rows import RawTable, Refusal

OUR_COLUMNS: Final = (
    "id", "audio", "SUBSET", "label", "start", "end", "group", "duration", "annotator", "annotated_at", "how",
    "reference",
)  # fmt: skip
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "audio": ("url", "uri", "audio_url", "path", "file", "file_name", "filename", "filepath", "audio_filepath", "wav"),
    "label": ("category", "class", "target", "annotation"),
    "subset": ("subset", "split"),
    "group": ("speaker", "speaker_id", "client_id", "src_file", "recording"),
    "start": ("start_s", "start_offset_s"),
    "end": ("end_s", "end_offset_s"),
}
# What only a table of ours has: there an id names a clip.
_EXPORT: Final = frozenset(("id", "audio", "SUBSET", "label", "annotator", "annotated_at", "how"))
_PRIORITY: Final = {name: rank for rank, name in enumerate(("raw", "train", "dev", "test"))}
_LIKE_AN_ADDRESS: Final = re.compile(
    r"^(https?|s3|gs|hf)://|^(local|demo):|\.(wav|flac|ogg|oga|opus|mp3|aiff?|au|m4a|mp4|webm)(\?|$)", re.IGNORECASE
)
AUDIO_FILE: Final = re.compile(
    r"\.(wav|wave|flac|ogg|oga|opus|mp3|aiff?|aifc|au|snd|m4a|aac|mp4|m4v|mov|mkv|webm|wma|amr|caf|w64|rf64)\b",
    re.IGNORECASE,
)
_LOOKED_AT: Final = 200  # rows
_MOST_LOOK_LIKE_IT: Final = 0.8
ALL_LABELS: Final = "labels (table)"  # the column that keeps all labels of a clip that came with several
_KEPT_OF_OURS: Final = ("group", "duration")  # ours, and yet what came in is not made again by us


@dataclass
class Intake:
    """What will happen when a table is added."""

    clips: Sequence[Clip] = field(default_factory=list)
    duplicates: list[Refusal] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    sources: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # clip_id → annotator, time, how
    subset_given: bool = False
    unsaid: set[str] = field(default_factory=set)  # clips whose subset cell is empty: they stay where they are
    raw_labels: int = 0  # clips that are raw and have a label in the table, whatever becomes of it
    disagreeing: int = 0  # duplicates whose label is another than that of the clip that counts
    verdicts: list[tuple[str, str, str]] = field(default_factory=list)  # clip_id, label, `no` or `unsure`
    decisions: list[Decision] = field(default_factory=list)  # how the table was read and what its columns mean
    group_column: str = ""  # which of the columns that are kept the groups are from
    own_ids: str = "with stretch"  # what an id of the table names: see `plan_intake`
    roles: dict[str, str] = field(default_factory=dict)  # column → what it was chosen as, a field of `Columns`

    def labelled_count(self) -> int:
        """How many clips bring a label that will count."""
        return sum(map(bool, ClipTable.of(self.clips).labels))


def guess_columns(names: Sequence[str]) -> Columns:
    """Which column is probably which: our own name first, then the synonyms of other people's formats."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.strip().lower(), name)
    found: dict[str, str] = {}
    for wanted in (part.name for part in fields(Columns) if part.name not in ("pattern", "time_unit")):
        candidates = (wanted,) if wanted != "own_id" else ("id",) if set(names) >= _EXPORT else ()
        for word in (*candidates, *SYNONYMS.get(wanted, ())):
            if word in by_lower and by_lower[word] not in found.values():
                found[wanted] = by_lower[word]
                break
    return Columns(**found)


def guess_columns_of(table: RawTable) -> Columns:
    """`guess_columns`, and where no name says which column holds the addresses, the one that looks like it."""
    frame = table.frame
    columns = guess_columns([str(name) for name in frame.columns])
    if columns.audio:
        return columns
    shares = {str(name): _like_addresses(frame[name].head(_LOOKED_AT).tolist()) for name in frame.columns}
    best = max(shares, key=shares.__getitem__, default="")
    return replace(columns, audio=best) if shares.get(best, 0.0) >= _MOST_LOOK_LIKE_IT else columns


def _like_addresses(cells: Sequence[str]) -> float:
    given = [cell.strip() for cell in cells if cell.strip()]
    return sum(bool(_LIKE_AN_ADDRESS.search(cell)) for cell in given) / len(given) if given else 0.0


def plan_intake(
    table: RawTable,
    columns: Columns,
    *,
    raw_labels: str = "keep",
    base_url: str = "",
    local_folder: bool = False,
    identity: str = "full",
    own_ids: str = "with stretch",
    keep_sources: bool = False,
    decisions: Sequence[Decision] = (),
) -> Intake:
    """Turn rows into clips.

    Parameters
    ----------
    raw_labels
        `keep` the labels of raw rows as labels, or set them aside as `reference` (never shown, used to score).
    base_url
        What relative addresses are relative to.
    local_folder
        Whether relative paths may name files below the operator's folder.
    identity
        Which parts of an address name a sound: one of `clips.IDENTITIES`.
    own_ids
        What a table's own id names: a clip `with stretch`, or, in a dataset that was made so, the clip `alone`.
    keep_sources
        Keep who labelled, when and how, as the table claims.
    decisions
        What words of labels, groups, subsets and times mean, as `understand` decided and a person chose.

    Raises
    ------
    TableError
        No column holds the addresses, or a choice is none. What is wrong with a row is in `Intake.refused`.
    """
    if not columns.pattern and (not columns.audio or columns.audio not in table.frame):
        raise TableError("no column holds the addresses of the clips: choose the one that does")
    if raw_labels not in ("keep", "reference"):
        raise TableError(f"raw_labels={raw_labels!r} must be “keep” or “reference”")
    cells = RowCells(table)
    words = Words([*table.decisions, *decisions])
    addresses = _addresses(cells, columns)
    clips, verdicts = _read_clips(cells, columns, words, addresses, base_url, local_folder, identity, own_ids)
    sources = _read_sources(cells, columns, clips.labels) if keep_sources else {}
    intake = Intake(subset_given=bool(columns.subset), own_ids=own_ids, decisions=words.decisions)
    intake.refused = [
        *table.refused,
        *(Refusal(table.rows[row], addresses[row], reason) for row, reason in cells.reasons.items()),
    ]
    good = np.setdiff1d(np.arange(cells.size), np.fromiter(cells.reasons, np.int64, len(cells.reasons)))
    clips.extras = extra_texts(_kept_columns(cells, columns, words), np.arange(cells.size))
    clips = clips.take(good)
    subset_words = cells.stripped(columns.subset)
    unsaid = (
        {place for place, row in enumerate(good.tolist()) if is_missing(subset_words[row])} if columns.subset else set()
    )
    claims = {place: sources[row] for place, row in enumerate(good.tolist()) if row in sources} if sources else {}
    intake.verdicts = [
        (clips.clip_ids[place], *verdicts[row]) for place, row in enumerate(good.tolist()) if row in verdicts
    ]
    rows = [table.rows[row] for row in good.tolist()]
    opinions = {place for place, row in enumerate(good.tolist()) if row in verdicts}
    refuse = words.value("label_twice") == "refuse"
    intake.clips = _merge_duplicates(intake, clips, rows, unsaid, claims, opinions, refuse_torn=refuse)
    intake.refused.sort(key=lambda refusal: refusal.row)
    extra_names = [name for name in cells.names if name not in OUR_COLUMNS]
    intake.group_column = columns.group if columns.group in extra_names else ""
    intake.roles = {column: role for role, column in vars(columns).items() if column in cells.names}
    if raw_labels == "reference" and columns.label in cells.names:
        intake.roles[columns.label] = "reference"
    _set_raw_labels_aside(intake, aside=raw_labels == "reference")
    return intake


def _addresses(cells: RowCells, columns: Columns) -> list[str]:
    """The address of each row as its cells give it, also where it is spread over several columns. [length n]"""
    if not columns.pattern:
        return cells.stripped(columns.audio)
    names = pattern_columns(columns.pattern, cells.names)
    if not names:  # all rows are stretches of one recording
        return [columns.pattern] * cells.size
    parts = [cells.column(name) for name in names]
    return [fill_pattern(columns.pattern, dict(zip(names, values, strict=True))) for values in zip(*parts, strict=True)]


def _read_clips(
    cells: RowCells,
    columns: Columns,
    words: Words,
    addresses: list[str],
    base_url: str,
    local_folder: bool,
    identity: str,
    own_ids: str,
) -> tuple[ClipTable, dict[int, tuple[str, str]]]:
    """A clip for each row, also for those that are refused meanwhile; and what is said against labels, by row.

    The clips are without the cells that are kept as they came.
    """
    urls = read_addresses(cells, addresses, base_url, local_folder=local_folder)
    start_s, end_s = _read_times(cells, columns, words)
    for row in np.flatnonzero(end_s <= start_s).tolist():
        cells.refuse(
            row,
            f"the clip ends at {end_s[row]:g} s, before it starts at {start_s[row]:g} s: end must be larger than start",
        )
    subsets = cells.read(cells.stripped(columns.subset), words.subset, 0)
    label_cells = cells.stripped(columns.label)
    labels = cells.read(label_cells, words.label(label_cells, columns.label), "")
    references = cells.read(cells.stripped(columns.reference), label_named, "")
    groups = cells.read(cells.stripped(columns.group), words.group, "")
    verdicts = _read_verdicts(cells, columns, labels)
    stretches = _stretch_texts(start_s), _stretch_texts(end_s)
    own = cells.read(cells.stripped(columns.own_id), _own_id, "") if columns.own_id else [""] * cells.size
    clip_ids, own = _clip_ids(cells, urls, stretches, own, identity, alone=own_ids == "alone")
    clips = ClipTable(
        clip_ids, urls, start_s, end_s, groups, np.array(subsets, np.int8), labels, references, own,
        extra_names=[name for name, _, _ in _kept_columns(cells, columns, words)],
    )  # fmt: skip
    return clips, verdicts


def _read_times(cells: RowCells, columns: Columns, words: Words) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start and end of each row in seconds, NaN for none; an end may be given as a length. [each shape=(n,)]"""

    def times(name: str, what: str) -> NDArray[np.float64]:
        read = words.seconds(what, columns.time_unit)
        return np.array(cells.read(cells.stripped(name), read, np.nan), np.float64)

    start_s, end_s = times(columns.start, "start"), times(columns.end, "end")
    if columns.length and not columns.end:
        end_s = np.where(np.isnan(start_s), 0, start_s) + times(columns.length, "length")
    return start_s, end_s


def _read_verdicts(cells: RowCells, columns: Columns, labels: list[str]) -> dict[int, tuple[str, str]]:
    """Label and verdict (`no` or `unsure`) of the rows that do not say yes: there the clip gets no label."""
    if not columns.verdict:
        return {}
    given = cells.read(cells.stripped(columns.verdict), _verdict, "yes")
    verdicts = {row: (labels[row], verdict) for row, verdict in enumerate(given) if verdict != "yes" and labels[row]}
    for row in verdicts:
        labels[row] = ""
    return verdicts


def _verdict(cell: str) -> str:
    verdict = verdict_of(cell)
    if not verdict:
        raise TableError(f"the verdict “{cell[:40]}” is unknown: use positive, negative or uncertain")
    return verdict


def _clip_ids(
    cells: RowCells,
    urls: list[str],
    stretches: tuple[list[str], list[str]],
    own_ids: list[str],
    identity: str,
    *,
    alone: bool,
) -> tuple[list[str], list[str]]:
    """The id of each clip, and its own id where that names it: a table of ours names clips by their address."""
    ids: list[str] = []
    kept: list[str] = []
    for row, (url, start, end, own_id) in enumerate(zip(urls, *stretches, own_ids, strict=True)):
        if row in cells.reasons:
            by_address = ""
        elif identity == "full" and is_ordinary(url):
            by_address = hashed(f"url\n{url}\n{start}\n{end}")
        else:
            by_address = hashed(f"url\n{normal_url(url, identity)}\n{start}\n{end}")
        named = own_id if own_id != by_address else ""
        stretch = "" if alone or not (start or end) else f"\n{start}\n{end}"
        ids.append(hashed(f"id\n{named}{stretch}") if named else by_address)
        kept.append(named)
    return ids, kept


def _stretch_texts(values: NDArray[np.float64]) -> list[str]:
    """Seconds as they stand in a clip's id."""
    if np.isnan(values).all():
        return [""] * len(values)
    return [seconds_text(None if value != value else value) for value in values.tolist()]


def _own_id(cell: str) -> str:
    if credentials.holds_credentials(cell):
        raise TableError("the id contains the user name or password of an address: take it out")
    return cell


def _read_sources(cells: RowCells, columns: Columns, labels: list[str]) -> dict[int, tuple[str, str, str]]:
    """Who gave the labels as the table claims, by row."""
    claims = [cells.column(name) for name in (columns.annotator, columns.annotated_at, columns.how)]
    sources: dict[int, tuple[str, str, str]] = {}
    for row, (label, who, at, how) in enumerate(zip(labels, *claims, strict=True)):
        if label:
            try:
                claim = source(who, at, how)
            except TableError as error:
                cells.refuse(row, str(error))
                continue
            if claim is not None:
                sources[row] = claim
    return sources


def _kept_columns(cells: RowCells, columns: Columns, words: Words) -> list[tuple[str, list[str], bool]]:
    """The columns that are kept as they came: name, cells, and whether an empty cell is left out.

    In a table of ours the columns that we write ourselves come again from the clips. In another table such a name may
    mean something else (`id` counts rows, `label` is one of two): what was chosen as nothing is kept under a name of
    its own.
    """
    kept = [(name, cells.column(name), False) for name in cells.names if name not in OUR_COLUMNS]
    kept += [(name, cells.column(name), True) for name in cells.names if name in _KEPT_OF_OURS]
    if columns.label in OUR_COLUMNS and words.value("label_list") == "first":  # a list of which the first is the label
        kept.append((own_name(columns.label), cells.column(columns.label), True))
    if not set(cells.names) >= _EXPORT:
        chosen = {*vars(columns).values(), *_KEPT_OF_OURS}
        others = [name for name in cells.names if name in OUR_COLUMNS and name not in chosen]
        kept += [(own_name(name), cells.column(name), True) for name in others if any(cells.column(name))]
    return kept


def own_name(name: str) -> str:
    """What a column of a table is called that has the name of one of ours and means something else."""
    return f"{name} (table)"


def _merge_duplicates(
    intake: Intake,
    clips: ClipTable,
    rows: list[int],
    unsaid: set[int],
    claims: dict[int, tuple[str, str, str]],
    opinions: set[int],
    *,
    refuse_torn: bool,
) -> ClipTable:
    """Each clip once: rows of the same clip are put together, and the later ones said in `intake.duplicates`.

    A row among `opinions` only says that a clip is not, or not surely, something: it is no second clip. Where rows give
    a clip different labels, all of them stay in a column of their own, or the clip is left out (`refuse_torn`).
    """
    torn: dict[int, list[str]] = {}  # clips with several labels
    first: dict[str, int] = {}
    doubles: list[tuple[int, int]] = []
    for place, clip_id in enumerate(clips.clip_ids):
        earlier = first.setdefault(clip_id, place)
        if earlier != place:
            doubles.append((earlier, place))
    for at, place in doubles:
        kept, clip = clips[at], clips[place]
        winner, other = (clip, kept) if _PRIORITY[clip.subset] > _PRIORITY[kept.subset] else (kept, clip)
        if winner.label and other.label not in ("", winner.label):
            intake.disagreeing += 1
            torn.setdefault(at, [kept.label]).append(clip.label)
            if refuse_torn:
                intake.refused.append(Refusal(rows[place], clip.url, _torn(torn[at], rows[at])))
                continue
        if place not in opinions and at not in opinions:
            intake.duplicates.append(Refusal(rows[place], clip.url, _why_the_same(kept, clip, winner, other, rows[at])))
        if place not in opinions:
            opinions.discard(at)  # the clip has a row of its own now
        if winner.subset != "raw":
            unsaid.discard(at)
        elif place in unsaid:
            unsaid.add(at)
        unsaid.discard(place)
        clips.put(
            at,
            replace(
                winner,
                label=winner.label or other.label,
                group=winner.group or other.group,
                reference=winner.reference or other.reference,
                extra={**clip.extra, **kept.extra},
            ),
        )
        if clip.label and (winner is clip or not kept.label):  # the label is this row's: so is who gave it
            claims.pop(at, None)
            if place in claims:
                claims[at] = claims[place]
        claims.pop(place, None)
    intake.unsaid = {clips.clip_ids[place] for place in unsaid}
    intake.sources = {clips.clip_ids[place]: claim for place, claim in claims.items()}
    for at, labels in torn.items():
        if refuse_torn:
            intake.refused.append(Refusal(rows[at], clips.urls[at], _torn(labels, rows[at])))
        else:
            clip = clips[at]
            clips.put(at, replace(clip, extra={**clip.extra, ALL_LABELS: ", ".join(dict.fromkeys(labels))}))
    if torn and not refuse_torn and ALL_LABELS not in clips.extra_names:
        clips.extra_names = [*clips.extra_names, ALL_LABELS]
    left = [place for place in first.values() if not (refuse_torn and place in torn)]
    if refuse_torn and torn:  # what is said against labels of clips that are left out goes with them
        out = {clips.clip_ids[at] for at in torn}
        intake.verdicts = [opinion for opinion in intake.verdicts if opinion[0] not in out]
    return clips.take(left) if doubles else clips


def _torn(labels: list[str], first: int) -> str:
    named = ", ".join(f"“{label}”" for label in dict.fromkeys(labels))
    return f"rows give this clip several labels ({named}; the first in row {first}), and such clips are left out"


def _why_the_same(kept: Clip, clip: Clip, winner: Clip, other: Clip, earlier: int) -> str:
    rule = "same id" if clip.own_id else "same address" if clip.start_s is None else "same address and stretch"
    why = f"{rule} as row {earlier}"
    if clip.own_id and clip.url != kept.url:
        why += ", with another address"
    if clip.subset != kept.subset:
        why += f"; {winner.subset} wins over {other.subset}"
    if winner.label and other.label not in ("", winner.label):
        why += f"; the label “{winner.label}” wins over “{other.label}”"
    return why


def _set_raw_labels_aside(intake: Intake, *, aside: bool) -> None:
    clips = ClipTable.of(intake.clips)
    raw = [place for place in np.flatnonzero(clips.subsets == 0).tolist() if clips.labels[place]]
    intake.raw_labels = len(raw)
    for place in raw if aside else ():
        clips.references[place] = clips.references[place] or clips.labels[place]
        clips.labels[place] = ""


def clip_counts(intake: Intake) -> dict[str, int]:
    """How many clips go into each subset."""
    counts = np.bincount(ClipTable.of(intake.clips).subsets, minlength=len(SUBSETS))
    return dict(zip(SUBSETS, counts.tolist(), strict=True))
