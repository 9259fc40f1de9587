"""Which column names the sounds, or which pattern of columns does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.profiles import ColumnProfile, TableProfile, stem
from hover_core.tables.meaning.roles import role, role_question, word_set

ENDINGS: Final = ("wav", "flac", "mp3", "ogg")
_MOST: Final = 0.8
_SOME: Final = 0.3
_NAMES: Final[dict[str, int]] = {
    **dict.fromkeys(("audio", "sound", "wav", "wave", "clip", "media", "mp3", "flac"), 6),
    **dict.fromkeys(("url", "uri", "link", "href", "recording", "song", "track", "address", "voice"), 4),
    **dict.fromkeys(("path", "filepath", "file", "filename", "fname"), 3),
    **dict.fromkeys(("datei", "fichier", "archivo", "ruta", "location", "name", "src"), 1),
}  # fmt: skip
_OTHER_THINGS: Final = word_set(
    "label labels annotation image img photo picture sono sonogram spectrogram page web website license licence text"
    " transcript json xml csv txt embedding feature features npy thumbnail"
)
_OTHER_SOUNDS: Final = word_set(
    "source src original orig parent reference ref noise preview mixture mix background enhanced clean noisy raw full"
)
_LINKS: Final = word_set("url uri link href audio sound download media")
_FOLDERS: Final = word_set("folder dir directory subfolder subdir subdirectory folders ordner dossier carpeta dirname")
_TIMES: Final = word_set("start end stop begin time onset offset duration length count size")
_PATHS: Final = word_set("path root base filepath location")
_NO_STEM: Final = 0.5


def guess_sounds(profile: TableProfile, used_names: Sequence[str] = ()) -> Decision:
    """The decision on `audio`; its value is empty where no column looks like sounds, and then it is a question."""
    columns = [column for column in profile if column.filled_cells and column.name not in used_names]
    sounds = [column for column in columns if column.sound >= _MOST]
    if sounds:
        return _of_sounds(sorted(sounds, key=_rank, reverse=True), columns)
    addresses = [column for column in columns if column.address >= _MOST and column.page < _SOME]
    addresses.sort(key=_rank, reverse=True)
    if addresses:
        best, named = addresses[0], [column for column in addresses if _name_rank(column) > 0]
        sentence = f"“{best.name}” holds the addresses of the sounds"
        if len(addresses) == 1 or (len(named) == 1 and named[0] is best):
            return role("audio", sentence, best.name, _others(columns, best))
        return role_question("audio", "Several columns hold addresses: say which are the sounds", best.name,
                             [column.name for column in addresses])  # fmt: skip
    paths = [column for column in columns if _is_path(column)]
    paths.sort(key=_rank, reverse=True)
    if paths and (len(paths) == 1 or _rank(paths[0]) > _rank(paths[1])):
        best = paths[0]
        return role("audio", f"“{best.name}” names the sounds", best.name, _others(columns, best))
    pages = [column.name for column in columns if column.page >= _MOST]
    if pages:
        sentence = f"“{pages[0]}” holds addresses of web pages, not of sounds: say which column holds the sounds"
    else:
        sentence = "No column looks like addresses of sounds: say which one names them"
    return role_question("audio", sentence, "", [*(column.name for column in paths), *_texts(columns)])


def guess_pattern(profile: TableProfile, audio: str) -> Decision | None:
    """The decision on `pattern`, where folders or endings of the addresses are not in the column `audio`."""
    column = profile[audio]
    if column.address >= _SOME or not column.filled_cells:
        return None
    if column.sound < _SOME:
        return _ending(column)
    if column.folders > _SOME:
        return None
    folders = [other for other in profile if other.name != audio and _is_folder(other)]
    if folders:
        best = folders[0]
        pattern = f"{{{best.name}}}/{{{audio}}}"
        return Decision(
            "pattern", f"The file of a clip is “{pattern}”: “{best.name}” has folders, “{audio}” names of files",
            pattern, (Choice("", f"the column “{audio}” as it is"),),
        )  # fmt: skip
    fold = next((other.name for other in profile if _numbers_folders(other) and _repeat(column, other)), "")
    if not fold:
        return None
    pattern = f"{fold}{{{fold}}}/{{{audio}}}"
    choices = (
        Choice(pattern, f"in folders {fold}1, {fold}2 …"),
        Choice(f"{{{fold}}}/{{{audio}}}", "in folders 1, 2 …"),
        Choice("", f"the column “{audio}” as it is"),
    )
    sentence = f"Names of files in “{audio}” stand in several rows that differ in “{fold}”: say where they lie"
    return Decision("pattern", sentence, pattern, choices, sure=False)


def _repeat(column: ColumnProfile, other: ColumnProfile) -> bool:
    """Whether one cell of a column stands beside different cells of the other."""
    beside: dict[str, set[str]] = {}
    for cell, what in zip(column.cells, other.cells, strict=True):
        beside.setdefault(cell, set()).add(what)
    return any(len(cells) > 1 for cell, cells in beside.items() if cell)


def _of_sounds(sounds: list[ColumnProfile], columns: list[ColumnProfile]) -> Decision:
    best = sounds[0]
    rivals = [other for other in sounds[1:] if not _same_sounds(best, other) and not _is_aside(best, other)]
    addresses = [other for other in columns if best.address < _SOME and _may_be_downloads(other)]
    if addresses and not rivals:
        names = f"“{best.name}” has names of sounds and “{addresses[0].name}” addresses without an ending"
        sentence = f"{names}, which may be pages or the sounds: say which are to be fetched"
        return role_question("audio", sentence, best.name, [column.name for column in addresses])
    if rivals:
        names = " and ".join(f"“{column.name}”" for column in (best, *rivals)[:3])
        sentence = f"{names} both name sounds, and different ones: say which are the clips"
        return role_question("audio", sentence, best.name, [column.name for column in sounds])
    pages = next((column.name for column in columns if column.page >= _MOST), "")
    why = f"; “{pages}” holds web pages" if pages else ""
    sentence = f"“{best.name}” names the sounds: its cells end like sound{why}"
    return role("audio", sentence, best.name, _others(columns, best))


def _rank(column: ColumnProfile) -> float:
    distinct = len(set(column.filled_cells)) / len(column.filled_cells)
    shape = 20 * column.address + 5 * (column.folders > _SOME) + 3 * distinct
    aside = 12 * bool(column.tokens & _OTHER_SOUNDS) + 60 * bool(column.tokens & _OTHER_THINGS)
    return shape + _name_rank(column) - aside


def _name_rank(column: ColumnProfile) -> int:
    return max((_NAMES.get(token, 0) for token in column.tokens), default=0)


def _same_sounds(one: ColumnProfile, other: ColumnProfile) -> bool:
    """Whether two columns write the names of the same files, one with more of the path than the other."""
    pairs = [(a, b) for a, b in zip(one.cells, other.cells, strict=True) if a and b]
    ends = sum(_ends_alike(a, b) for a, b in pairs)
    names = [(stem(a), stem(b)) for a, b in pairs]
    telling = len({a for a, _ in names}) > 0.5 * len({a for a, _ in pairs})  # not 00001 in many folders
    alike = sum(a == b for a, b in names) if telling else 0
    return bool(pairs) and max(ends, alike) >= 0.9 * len(pairs)


def _ends_alike(one: str, other: str) -> bool:
    paths = sorted(("/" + path.replace("\\", "/").lstrip("/") for path in (one, other)), key=len)
    return paths[1].endswith(paths[0])


def _may_be_downloads(column: ColumnProfile) -> bool:
    """Whether addresses that do not end like sound may be sounds: by their name, and if they are no known pages."""
    beside = _OTHER_SOUNDS | _OTHER_THINGS
    named = column.tokens & _LINKS and not column.tokens & beside
    return bool(named) and column.address >= _MOST and column.sound < _SOME and column.page < _SOME


def _is_aside(best: ColumnProfile, other: ColumnProfile) -> bool:
    """Whether the name of a column says that it is another sound than that of the clip, and the best's does not."""
    beside = _OTHER_SOUNDS | _OTHER_THINGS
    return bool(other.tokens & beside) and not best.tokens & beside


def _is_path(column: ColumnProfile) -> bool:
    """Whether a column without endings may still name files: by its name, and by what it is not."""
    if not column.tokens & _NAMES.keys() or column.tokens & _OTHER_THINGS or column.page >= _SOME or column.json:
        return False
    named = _name_rank(column) >= 3
    words = column.share(lambda cell: " " in cell)
    if column.unit or column.tokens & _TIMES:
        return False
    return named and words < _NO_STEM and column.date < _SOME and not (column.is_times and not column.whole)


def _ending(column: ColumnProfile) -> Decision | None:
    if column.share(lambda cell: "." in cell.rsplit("/", 1)[-1]) > _SOME and not column.number > _SOME:
        return None
    choices = [Choice(f"{{{column.name}}}.{ending}", f"“.{ending}” at the end") for ending in ENDINGS]
    sentence = (
        f"The names in “{column.name}” have no ending, as in “{column.filled_cells[0][:40]}”: say what the files end in"
    )
    return Decision(
        "pattern", sentence, choices[0].value, (*choices, Choice("", "nothing: they are as they are")), sure=False
    )


def _is_folder(column: ColumnProfile) -> bool:
    if not column.filled_cells or column.sound >= _SOME or column.address >= _SOME:
        return False
    paths = column.tokens & _PATHS and column.folders >= _MOST and column.share(_has_ending) < _SOME
    return bool(column.tokens & _FOLDERS or paths)


def _has_ending(path: str) -> bool:
    return "." in re.split(r"[/\\]", path)[-1]


def _numbers_folders(column: ColumnProfile) -> bool:
    return column.words in ("fold", "part", "disc", "disk", "split") and column.whole == 1


def _others(columns: list[ColumnProfile], best: ColumnProfile) -> list[str]:
    """Other columns that can be the sounds, the likeliest first."""
    likely = [other for other in columns if other is not best and (other.sound > _SOME or other.address > _SOME)]
    return [other.name for other in sorted(likely, key=_rank, reverse=True)]


def _texts(columns: list[ColumnProfile]) -> list[str]:
    return [column.name for column in columns if not column.is_times and not column.json and not column.date]
