"""Tables in: rows of text → clips, and what was refused and why. A bad row is named and left out; the rest goes on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from hover_core.data import credentials
from hover_core.data.annotations import HOW, label_named
from hover_core.data.clips import SUBSETS, Clip, clip_id, subset_named
from hover_core.data.names import clean
from hover_core.errors import Refused, TableError
from hover_core.fetching import buckets
from hover_core.tables.rows import NO_TEXT, RawTable, Refusal

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
    "own_id": ("id", "clip_id"),
}
SCHEMES: Final = ("http", "https")
FOLDERS: Final = ("local", "demo")
MAX_URL: Final = 4_000
_PRIORITY: Final = {name: rank for rank, name in enumerate(("raw", "train", "dev", "test"))}
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_LIKE_AN_ADDRESS: Final = re.compile(
    r"^(https?|s3|gs|hf)://|^(local|demo):|\.(wav|flac|ogg|oga|opus|mp3|aiff?|au|m4a|mp4|webm)(\?|$)", re.IGNORECASE
)
AUDIO_FILE: Final = re.compile(
    r"\.(wav|wave|flac|ogg|oga|opus|mp3|aiff?|aifc|au|snd|m4a|aac|mp4|m4v|mov|mkv|webm|wma|amr|caf|w64|rf64)\b",
    re.IGNORECASE,
)
_LOOKED_AT: Final = 200  # rows
_MOST_LOOK_LIKE_IT: Final = 0.8
_CREDENTIALS: Final = f"{credentials.REFUSED}; the operator can open private sound in another way (HOVER_SOURCES)"
_KEPT_OF_OURS: Final = ("group", "duration")  # ours, and yet what came in is not made again by us


@dataclass(frozen=True)
class Columns:
    """Which column of a table means what; empty for none."""

    audio: str = ""
    label: str = ""
    subset: str = ""
    group: str = ""
    start: str = ""
    end: str = ""
    own_id: str = ""
    annotator: str = ""
    annotated_at: str = ""
    how: str = ""
    reference: str = ""
    length: str = ""  # end = start + length
    verdict: str = ""  # what is said of the label: positive, negative or uncertain
    pattern: str = ""  # in place of `audio`: an address with names of columns, as in `fold{fold}/{file}.wav`
    time_unit: str = "s"  # of start, end and length: s, ms or hms


@dataclass
class Intake:
    """What will happen when a table is added."""

    clips: list[Clip] = field(default_factory=list)
    duplicates: list[Refusal] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    sources: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # clip_id → annotator, time, how
    subset_given: bool = False
    unsaid: set[str] = field(default_factory=set)  # clips whose subset cell is empty: they stay where they are
    raw_labels: int = 0  # clips that are raw and have a label in the table, whatever becomes of it
    disagreeing: int = 0  # duplicates whose label is another than that of the clip that counts
    group_column: str = ""  # which of the columns that are kept the groups are from
    roles: dict[str, str] = field(default_factory=dict)  # column → what it was chosen as, a field of `Columns`

    def labelled_count(self) -> int:
        """How many clips bring a label that will count."""
        return sum(bool(clip.label) for clip in self.clips)


def guess_columns(names: Sequence[str]) -> Columns:
    """Which column is probably which: our own name first, then the synonyms of other people's formats."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.strip().lower(), name)
    found: dict[str, str] = {}
    for wanted in (part.name for part in fields(Columns) if part.name not in ("pattern", "time_unit")):
        candidates = ("audio",) if wanted == "audio" else () if wanted == "own_id" else (wanted,)
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
    keep_sources: bool = False,
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
    keep_sources
        Keep who labelled, when and how, as the table claims.
    """
    if not columns.audio or columns.audio not in table.frame:
        raise TableError("no column holds the addresses of the clips: choose the one that does")
    if raw_labels not in ("keep", "reference"):
        raise TableError(f"raw_labels={raw_labels!r} must be “keep” or “reference”")
    intake = Intake(refused=list(table.refused), subset_given=bool(columns.subset))
    first: dict[str, tuple[int, int]] = {}  # clip_id → its place among the clips, its row
    names = [str(name) for name in table.frame.columns]
    extras = [name for name in names if name not in OUR_COLUMNS]
    extras_if_any = [name for name in names if name in _KEPT_OF_OURS]
    for row, values in zip(table.rows, table.records(), strict=True):
        cells = {str(name): str(value) for name, value in values.items()}
        try:
            _check_text(cells)
            kept_cells = [*extras, *(name for name in extras_if_any if cells[name])]
            clip = _clip(cells, columns, kept_cells, base_url, local_folder, identity)
            source = _source(cells, columns) if keep_sources and clip.label else None
        except (TableError, Refused) as error:
            intake.refused.append(Refusal(row, cells[columns.audio], str(error)))
            continue
        if columns.subset and not cells[columns.subset].strip():
            intake.unsaid.add(clip.clip_id)
        if clip.clip_id in first:
            place, earlier = first[clip.clip_id]
            rule = "same id" if clip.own_id else "same address" if clip.start_s is None else "same address and stretch"
            kept = intake.clips[place]
            winner, other = (clip, kept) if _PRIORITY[clip.subset] > _PRIORITY[kept.subset] else (kept, clip)
            why = f"{rule} as row {earlier}"
            if clip.own_id and clip.url != kept.url:
                why += ", with another address"
            if clip.subset != kept.subset:
                why += f"; {winner.subset} wins over {other.subset}"
            if winner.label and other.label not in ("", winner.label):
                intake.disagreeing += 1
                why += f"; the label “{winner.label}” wins over “{other.label}”"
            intake.duplicates.append(Refusal(row, clip.url, why))
            if winner.subset != "raw":
                intake.unsaid.discard(clip.clip_id)
            intake.clips[place] = replace(
                winner,
                label=winner.label or other.label,
                group=winner.group or other.group,
                reference=winner.reference or other.reference,
                extra={**clip.extra, **kept.extra},
            )
            if clip.label and (winner is clip or not kept.label):  # the label is this row's: so is who gave it
                intake.sources.pop(clip.clip_id, None)
            else:
                source = None
        else:
            first[clip.clip_id] = (len(intake.clips), row)
            intake.clips.append(clip)
        if source is not None:
            intake.sources[clip.clip_id] = source
    intake.refused.sort(key=lambda bad: bad.row)
    intake.group_column = columns.group if columns.group in extras else ""
    intake.roles = {column: role for role, column in vars(columns).items() if column in names}
    if raw_labels == "reference" and columns.label in names:
        intake.roles[columns.label] = "reference"
    intake.raw_labels = sum(bool(clip.label) and clip.subset == "raw" for clip in intake.clips)
    if raw_labels == "reference":
        intake.clips = [
            replace(clip, label="", reference=clip.reference or clip.label) if clip.subset == "raw" else clip
            for clip in intake.clips
        ]
    return intake


def is_relative(address: str) -> bool:
    """Whether an address needs a base address or a folder."""
    return bool(address.strip()) and not _SCHEME.match(address.strip())


def _clip(
    cells: dict[str, str], columns: Columns, extras: Sequence[str], base_url: str, local_folder: bool, identity: str
) -> Clip:
    def cell(name: str) -> str:
        return cells[name].strip() if name else ""

    url = _address(cell(columns.audio), base_url, local_folder)
    start, end = _seconds(cell(columns.start), "start"), _seconds(cell(columns.end), "end")
    if start is not None and end is not None and end <= start:
        raise TableError(f"the clip ends at {end:g} s, before it starts at {start:g} s: end must be larger than start")
    subset = subset_named(cell(columns.subset))
    label = label_named(cell(columns.label))
    label = "" if label == "ABSTAIN" else label
    own = cell(columns.own_id)
    if credentials.holds_credentials(own):
        raise TableError("the id contains the user name or password of an address: take it out")
    by_url = clip_id(url, start, end, identity=identity)
    if own == by_url:  # a table that we exported names clips by what we made of their address
        own = ""
    return Clip(
        clip_id(url, start, end, own_id=own, identity=identity),
        url,
        start,
        end,
        group=clean(cell(columns.group)),
        subset=subset,
        label=label,
        reference=label_named(cell(columns.reference)),
        own_id=own,
        extra={name: cells[name] for name in extras},
    )


def _check_text(cells: dict[str, str]) -> None:
    if NO_TEXT.search("".join(cells.values())):
        where = next(name for name, value in cells.items() if NO_TEXT.search(value))
        raise TableError(f"the column “{where}” holds a character that is no text (NUL or half of a pair): take it out")


def _address(value: str, base_url: str, local_folder: bool) -> str:
    if not value:
        raise TableError("the address is empty: it must be a URL")
    if len(value) > MAX_URL:
        raise TableError(f"the address has {len(value):,} characters: {MAX_URL:,} are allowed")
    if any(ord(character) < 33 for character in value.replace(" ", "")):
        raise TableError("the address holds control characters: take them out")
    # one that is none by its beginning may be joined to a base or a folder: then it is looked through
    if credentials.has_credentials(value) or (not _SCHEME.match(value) and credentials.holds_credentials(value)):
        raise TableError(_CREDENTIALS)
    if not _SCHEME.match(value):
        if base_url:
            if credentials.has_credentials(base_url):
                raise TableError("the base address contains a user name or password: take it out")
            value = urljoin(base_url.rstrip("/") + "/", value.lstrip("/"))
        elif local_folder:
            return "local:" + value.removeprefix("./")
        else:
            raise TableError(
                "this is no full address: it must start with http:// or https://, or give a base address for all rows"
            )
    scheme = value.split(":", 1)[0].lower()
    if scheme in FOLDERS:
        return value
    if scheme in buckets.PACKAGES:
        wrong = buckets.unreadable(value)
        if wrong:
            raise TableError(wrong)
        return value
    if scheme not in SCHEMES:
        raise TableError(
            f"addresses that start with {scheme[:20]}: are not read: use http:// or https:// (or s3://, gs://, hf://)"
        )
    try:
        parts = urlsplit(value)
        if "@" in parts.netloc or "\\" in parts.netloc:
            raise TableError(_CREDENTIALS)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError as error:
        raise TableError("the address has no host that could be asked: it looks like https://host/file.wav") from error
    return value.replace(" ", "%20")


def _seconds(value: str, what: str) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise TableError(
            f"{what} is “{credentials.mask_credentials(value)[:40]}”: it must be a number of seconds, 0 or more"
        )
    return seconds


def _source(cells: dict[str, str], columns: Columns) -> tuple[str, str, str] | None:
    names = (columns.annotator, columns.annotated_at, columns.how)
    who, at, how = (clean(cells[name]) if name else "" for name in names)
    if not (who and at and how in HOW):
        return None
    try:
        moment = datetime.fromisoformat(at)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        at = credentials.mask_credentials(at)[:40]
        raise TableError(f"annotated_at is “{at}”: it must be a time like 2026-03-01T12:00:00+00:00") from error
    return clean(who[:60]), moment.isoformat(timespec="microseconds"), how


def clip_counts(intake: Intake) -> dict[str, int]:
    """How many clips go into each subset."""
    counts = dict.fromkeys(SUBSETS, 0)
    for clip in intake.clips:
        counts[clip.subset] += 1
    return counts
