"""Lists without a header: Kaldi's `wav.scp` and `segments`, those of Speech Commands and VoxCeleb.

https://kaldi-asr.org/doc/data_prep.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.format_table import FormatTable, text_frame
from hover_core.tables.meaning.profiles import TableProfile
from hover_core.tables.rows import RawTable, Refusal

_SPLIT: Final = re.compile(r"(\S+)\s+(\S.*)")
_COMMAND: Final = "a command that makes the sound, not an address: write the sounds to files and name those"
_UTTERANCE, _AUDIO, _RECORDING = "utterance", "audio", "recording"
_SPEECH_COMMANDS: Final = re.compile(r"(?:.*/)?(?P<word>[^/]+)/(?P<speaker>[0-9a-f]{8})_nohash_\d+\.wav")
_VOXCELEB: Final = re.compile(r"(?:.*/)?(?P<speaker>id\d{5})/[^/]+/\d{5}\.\w+")
_VOXCELEB_SUBSETS: Final = {"1": "train", "2": "dev", "3": "test"}


def split_lists(table: RawTable) -> RawTable:
    """A table of one column without a header whose lines are `id address`, taken apart at the first space.

    Only where each first word is there once, or is one of a few numbers, and has neither dot nor slash: a name of a
    file may have spaces.
    """
    names = list(table.frame.columns)
    if names != ["column 1"]:
        return table
    lines = [str(cell).strip() for cell in table.frame["column 1"].tolist()]
    parts = [_SPLIT.fullmatch(line) for line in lines]
    pairs = [(part[1], part[2]) for part in parts if part is not None]
    if not pairs or len(pairs) < len(lines) or any(re.search(r"[./\\]", first) for first, _ in pairs):
        return table
    first = {first for first, _ in pairs}
    if not (len(first) == len(pairs) or first <= _VOXCELEB_SUBSETS.keys()) or not all("/" in rest for _, rest in pairs):
        return table
    frame = text_frame([{"column 1": one, "column 2": rest} for one, rest in pairs], ["column 1", "column 2"])
    return RawTable(frame, table.rows, table.refused, table.decisions)


def read_wav_scp(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """`wav.scp`: a name of an utterance or a recording, and where it lies; commands are refused."""
    if not profile.headless or len(profile.columns) != 2:
        return None
    names, places = profile["column 1"], profile["column 2"]
    commands = places.share(lambda cell: cell.endswith("|"))
    if places.sound + commands < 0.95 and places.address < 0.95:
        return None
    if (
        names.sound > 0.1
        or names.folders > 0.1
        or len(set(names.filled_cells)) < len(names.filled_cells)
        or not names.filled_cells
    ):
        return None
    rows, numbers, refused = [], [], list(table.refused)
    for number, name, place in _pairs(table):
        if place.strip().endswith("|"):
            refused.append(Refusal(number, place, _COMMAND))
        else:
            rows.append({_UTTERANCE: name.strip(), _AUDIO: place.strip()})
            numbers.append(number)
    result = RawTable(text_frame(rows, [_UTTERANCE, _AUDIO]), numbers, refused, table.decisions)
    roles: dict[str, str | Decision] = {"audio": _AUDIO} if rows else {}
    return FormatTable(result, {**roles, "label": "", "group": "", "subset": ""})


def read_segments(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """`segments`: utterance, recording, start and end; where the recordings lie is in `wav.scp`."""
    if not profile.headless or len(profile.columns) != 4:
        return None
    start, end = profile["column 3"], profile["column 4"]
    texts = [profile["column 1"], profile["column 2"]]
    if not (start.is_times and end.is_times and len(set(texts[0].filled_cells)) == len(texts[0].filled_cells)):
        return None
    if any(column.number > 0.5 or column.sound > 0.5 or column.share(lambda cell: " " in cell) for column in texts):
        return None
    if not all(a is None or b is None or b > a for a, b in zip(start.seconds, end.seconds, strict=True)):
        return None
    frame = table.frame.set_axis([_UTTERANCE, _RECORDING, "start", "end"], axis=1)
    result = RawTable(frame, table.rows, table.refused, table.decisions)
    choices = [Choice(f"{{{_RECORDING}}}.{ending}", f"“.{ending}” at the end") for ending in ("wav", "flac", "mp3")]
    sentence = (
        "`segments` names recordings, and `wav.scp` says where they lie: give both, or say what the files are called"
    )
    pattern = Decision("pattern", sentence, choices[0].value, tuple(choices), sure=False)
    roles: dict[str, str | Decision] = {
        "audio": _RECORDING,
        "pattern": pattern,
        "start": "start",
        "end": "end",
        "length": "",
        "time_unit": "s",
    }
    return FormatTable(result, {**roles, "label": "", "group": "", "subset": ""})


def read_speech_commands(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """Speech Commands' lists, one `word/speaker_nohash_n.wav` a line: the folder is the label."""
    if not profile.headless or len(profile.columns) != 1:
        return None
    column = profile["column 1"]
    if not column.filled_cells or column.share(_SPEECH_COMMANDS.fullmatch) < 1:
        return None
    matches = [_SPEECH_COMMANDS.fullmatch(str(cell).strip()) for cell in table.frame["column 1"].tolist()]
    frame = table.frame.assign(
        word=[match["word"] if match else "" for match in matches],
        speaker=[match["speaker"] if match else "" for match in matches],
    )
    result = RawTable(frame, table.rows, table.refused, table.decisions)
    label = Decision("label", "Labels: the folders of the sounds", "word", (Choice("", "no labels"),))
    return FormatTable(result, {"audio": "column 1", "label": label, "group": "speaker"})


def read_voxceleb(table: RawTable, profile: TableProfile, answers: Mapping[str, str]) -> FormatTable | None:
    """VoxCeleb's `iden_split.txt`: 1, 2 or 3 for train, dev and test, and a path that begins with the speaker."""
    if not profile.headless or len(profile.columns) != 2:
        return None
    numbers, paths = profile["column 1"], profile["column 2"]
    if (
        not paths.filled_cells
        or paths.share(_VOXCELEB.fullmatch) < 1
        or not set(numbers.filled_cells) <= _VOXCELEB_SUBSETS.keys()
    ):
        return None
    cells = [(str(number).strip(), _VOXCELEB.fullmatch(path.strip())) for _, number, path in _pairs(table)]
    frame = table.frame.assign(
        split=[_VOXCELEB_SUBSETS.get(number, "") for number, _ in cells],
        speaker=[match["speaker"] if match else "" for _, match in cells],
    )
    result = RawTable(frame, table.rows, table.refused, table.decisions)
    subset = Decision("subset", "Subsets: 1 is train, 2 dev and 3 test, as in VoxCeleb", "split", (Choice("", "none"),))
    label = Decision(
        "label", "No column holds labels; the speakers may be them", "", (Choice("speaker", "the speakers"),)
    )
    return FormatTable(result, {"audio": "column 2", "label": label, "subset": subset, "group": "speaker"})


def _pairs(table: RawTable) -> list[tuple[int, str, str]]:
    """Row number, first and second cell of each row."""
    cells = [table.frame.iloc[:, place].tolist() for place in range(2)]
    return [(number, str(one), str(other)) for number, one, other in zip(table.rows, *cells, strict=True)]
