"""What a cell looks like by itself: an address, a path, a number; and what columns are commonly called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

_ENDINGS: Final = (
    r"wav|wave|flac|ogg|oga|opus|mp3|mp2|aiff?|aifc|au|snd|m4a|aac|mp4|m4v|mov|mkv|webm|wma|amr|caf|w64|rf64|sph|ac3"
)
_ADDRESS: Final = re.compile(
    rf"\s*(?:(?:https?|s3|gs|hf|file|ftp)://|//[\w.-]+/|(?:local|demo):|.*\.(?:{_ENDINGS})(?:\?\S*)?(?:#\S*)?\s*\Z)",
    re.IGNORECASE | re.DOTALL,
)
_PATH: Final = re.compile(r"[^\s/\\]+(?: [^\s/\\]+)*[/\\]\S|[/\\]\S|[a-zA-Z]:[/\\]")
_NUMBER: Final = re.compile(r"\s*[-+]?\d[\d.,:]*(?:[eE][-+]?\d+)?\s*\Z|\s*[-+]?[.,]\d+\s*\Z")
_LONGEST: Final = 4_000  # characters of an address; what is longer is not looked at, so that no table makes this slow
ADDRESS_NAMES: Final = frozenset((
    "audio", "url", "uri", "audio_url", "path", "file", "file_name", "filename", "filepath", "file_path",
    "audio_filepath", "audio_file", "audio_path", "wav", "wav_path", "fname", "location", "link", "sound",
    "recording", "begin_path", "begin_file", "in_file", "relative_path", "slice_file_name",
))  # fmt: skip
KNOWN_NAMES: Final = ADDRESS_NAMES | frozenset((
    "label", "category", "class", "target", "annotation", "subset", "split", "group", "speaker", "speaker_id",
    "client_id", "src_file", "id", "clip_id", "start", "end", "start_s", "end_s", "start_time", "end_time",
    "start_offset_s", "end_offset_s", "onset", "offset", "duration", "begin_time_(s)", "end_time_(s)",
    "start_(s)", "end_(s)", "name", "species", "primary_label", "common_name", "scientific_name", "text",
    "sentence", "transcription", "transcript", "confidence", "score", "selection", "view", "channel", "fold",
    "site", "date", "time", "key", "value", "index", "type", "length", "event_label", "manual_id", "folder",
    "choice", "verdict", "label_type", "annotator", "reference",
))  # fmt: skip


def is_address(cell: str) -> bool:
    """Whether a cell looks like the address or the file name of a sound."""
    return len(cell) <= _LONGEST and bool(_ADDRESS.match(cell))


def is_path(cell: str) -> bool:
    """Whether a cell looks like an address or like a path of any file."""
    return is_address(cell) or (len(cell) <= _LONGEST and bool(_PATH.match(cell.strip())))


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number or a time, with a point or a comma."""
    return len(cell) <= _LONGEST and bool(_NUMBER.match(cell))


def share_of(looks: Callable[[str], bool], cells: Iterable[str]) -> float:
    """Which part of the cells that are not empty look so. [0 to 1]"""
    filled = [cell for cell in cells if cell.strip()]
    return sum(map(looks, filled)) / len(filled) if filled else 0.0


def name_key(name: str) -> str:
    """A column's name as it stands in `KNOWN_NAMES`."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def cut(text: str, most: int = 60) -> str:
    """A piece of a file for a sentence: one line, not longer than so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def line_list(numbers: Sequence[int]) -> str:
    """Numbers of rows for a sentence: `2, 5 and 9`, `2, 5, 9 and 40 more`."""
    shown = [f"{number:,}" for number in numbers[:3]]
    if len(numbers) > 4:
        return f"{', '.join(shown)} and {len(numbers) - 3:,} more"
    shown = [f"{number:,}" for number in numbers]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)
