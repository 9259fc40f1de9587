"""Kinds of tables that people have, made at random, each with what its rows mean."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from hover_core.tables.rows import RawTable, frame_table


@dataclass(frozen=True)
class Truth:
    """What a row of a table means."""

    address: str
    label: str = ""
    subset: str = "raw"
    group: str = ""
    start_s: float | None = None
    end_s: float | None = None
    verdict: str = "yes"


@dataclass
class Made:
    """A table, what its rows mean, and the name of its file."""

    kind: str
    table: RawTable
    truth: list[Truth]
    name: str = "clips.csv"
    headless: bool = False


_MISSING: Final = ("", "NA", "nan", "NULL", "None", "<NA>", "-", "?")
_WORDS: Final = ("dog", "cat", "rain", "siren", "great tit", "engine idling", "Wren, Eurasian", "glass", "speech")
_SUBSET_WORDS: Final = {"train": "train", "Training": "train", "val": "dev", "validation": "dev", "eval": "dev",
                        "development": "dev", "test": "test", "testing": "test", "": "raw"}  # fmt: skip
_SOUNDS: Final = ("audio", "url", "path", "filename", "wav", "audio_file", "Sound file", "file_name", "recording_url",
                  "Datei", "clip", "sound", "audioPath", "media_url", "x", "src")  # fmt: skip
_LABELS: Final = ("label", "category", "class", "target", "primary_label", "Common Name", "species", "event_label",
                  "annotation", "Label", "CLASS", "class_name", "sound_class", "Species", "tag", "Klasse", "emotion",
                  "true_label", "kind", "what")  # fmt: skip
_GROUPS: Final = ("speaker", "speaker_id", "client_id", "src_file", "Subject", "patient_id", "session")
_SUBSETS: Final = ("split", "subset", "SUBSET", "Set", "partition", "which", "usage")
_STRETCHES: Final = (
    ("start", "end"), ("start_time", "end_time"), ("Start (s)", "End (s)"), ("Begin Time (s)", "End Time (s)"),
    ("onset", "offset"), ("begin", "end"), ("start_s", "end_s"), ("tmin", "tmax"), ("startTime", "endTime"),
    ("Begin_Time_S", "End_Time_S"), ("from", "to"), ("segment_start", "segment_end"), ("t0", "t1"), ("xmin", "xmax"),
    ("Beginn", "Ende"), ("start_seconds", "end_seconds"), ("start_offset", "stop"),
)  # fmt: skip
_LENGTHS: Final = (("offset", "duration"), ("start", "duration"), ("OFFSET", "DURATION"), ("Begin (s)", "Length (s)"))


def known_group(cell: str) -> str:
    """The group that a cell names; empty for a word that says that there is none."""
    return "" if cell.strip() in _MISSING or cell.strip().lower() == "unknown" else cell.strip()


class Maker:
    """Random parts of tables."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.rows = self.pick.choice((5, 8, 12, 30, 60))
        self.per_sound = 1

    def addresses(self) -> list[str]:
        form = self.pick.choice(
            ("http://h.example.org/a/{}.wav", "https://h.example.org/{}.mp3?sig=1", "clips/{}.flac", "{}.ogg",
             "rec\\night1\\{}.WAV", "/home/x/rec/{}.wav", "s3://bucket/{}.m4a", "kick C#{}.wav", "C:\\rec\\{}.wav")
        )  # fmt: skip
        return [form.format(1000 + row // self.per_sound) for row in range(self.rows)]

    def words(self, missing: bool = True) -> tuple[list[str], list[str]]:
        """Cells of labels, and what they mean."""
        few = self.pick.sample(_WORDS, self.pick.choice((2, 3, 4)))
        cells = [few[row % len(few)] for row in range(self.rows)]
        meant = list(cells)
        if missing and self.pick.random() < 0.4:
            for row in self.pick.sample(range(self.rows), self.rows // 5):
                cells[row], meant[row] = self.pick.choice(_MISSING), ""
        return cells, meant

    def times(self, unit: str = "s", decimal: str = ".") -> tuple[list[str], list[str], list[str], list[Truth]]:
        """Cells of start, end and length, and stretches as truths without an address."""
        step = self.pick.choice((1.0, 2.5, 3.0, 5.0))
        shift = self.pick.choice((0.0, 0.25))
        stretches = [
            (round(shift + step * (row % self.per_sound), 3), round(shift + step * (row % self.per_sound) + step, 3))
            for row in range(self.rows)
        ]
        cells = [[_time(value, unit, decimal) for value in column] for column in zip(*stretches, strict=True)]
        lengths = [_time(step, unit, decimal)] * self.rows
        return cells[0], cells[1], lengths, [Truth("", start_s=a, end_s=b) for a, b in stretches]

    def beside(self, most: int = 4) -> dict[str, list[str]]:
        """Columns that mean nothing to us."""
        number = range(self.rows)
        columns = {
            "id": [str(row + 1) for row in number],
            "page": [f"https://www.xeno-canto.org/{row + 100}" for row in number],
            "transcription": [f"they say a sentence of words number {row}" for row in number],
            "latitude": [f"{45 + row / 7:.4f}" for row in number],
            "date": ["2023-05-01"] * self.rows,
            "time": [f"{row % 24:02d}:15" for row in number],
            "license": ["CC-BY" if row % 2 else "CC0" for row in number],
            "secondary_labels": ["['a', 'b']" if row % 3 else "[]" for row in number],
            "md5": [f"{row * 7919:032x}" for row in number],
            "sample_rate": ["44100"] * self.rows,
            "confidence": [f"{row % 10 / 10:.2f}" for row in number],
            "gender": ["female" if row % 3 else "male" for row in number],
            "notes": [""] * self.rows,
            "annotator": ["ann" if row % 2 else "bob" for row in number],
            "image": [f"img/{row}.png" for row in number],
            "recording_date_time": ["2023-05-01T04:10:00"] * self.rows,
            "rating": [str(row % 5) for row in number],
        }
        names = self.pick.sample(list(columns), self.pick.randint(0, most))
        return {name: columns[name] for name in names}

    def frame(self, columns: dict[str, Sequence[str]]) -> pd.DataFrame:
        """Columns in any order, with others between."""
        for name, cells in self.beside().items():
            if name.lower() not in map(str.lower, columns):
                columns[name] = cells
        names = list(columns)
        self.pick.shuffle(names)
        style = self.pick.choice((str, str, str, str.upper, str.title, _camel, "data.{}".format))
        return pd.DataFrame({style(name): columns[name] for name in names}, dtype=object)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _time(value: float, unit: str, decimal: str) -> str:
    if unit == "ms":
        return str(round(value * 1000))
    if unit == "hms":
        return f"00:{int(value // 60):02d}:{value % 60:05.2f}".replace(".", decimal)
    return f"{value:g}".replace(".", decimal)


def _whole(maker: Maker) -> Made:
    """A row a sound, with labels, subsets and groups by many names."""
    addresses = maker.addresses()
    cells, meant = maker.words()
    columns: dict[str, Sequence[str]] = {maker.pick.choice(_SOUNDS): addresses, maker.pick.choice(_LABELS): cells}
    truth = [Truth(address, label) for address, label in zip(addresses, meant, strict=True)]
    if maker.pick.random() < 0.5:
        words = maker.pick.sample(list(_SUBSET_WORDS), 4)
        if not {_SUBSET_WORDS[word] for word in words} - {"raw"}:
            words = ["train", "test"]
        given = [words[row % len(words)] for row in range(maker.rows)]
        columns[maker.pick.choice(_SUBSETS)] = given
        truth = [replace(one, subset=_SUBSET_WORDS[word]) for one, word in zip(truth, given, strict=True)]
    if maker.pick.random() < 0.5:
        groups = [maker.pick.choice(("s1", "s2", "s3", "NA", "unknown")) for _ in range(maker.rows)]
        columns[maker.pick.choice(_GROUPS)] = groups
        truth = [replace(one, group=known_group(group)) for one, group in zip(truth, groups, strict=True)]
    return Made("whole", frame_table(maker.frame(columns)), truth)


def _stretches(maker: Maker, lengths: bool = False, unit: str = "s", decimal: str = ".") -> Made:
    """Several stretches of one sound."""
    maker.per_sound = 4
    names = maker.pick.choice(_LENGTHS if lengths else _STRETCHES)
    if unit == "ms" and not lengths:
        names = maker.pick.choice((("start_ms", "end_ms"), ("Start [ms]", "End [ms]"), ("start", "end")))
    starts, ends, spans, truth = maker.times(unit, decimal)
    addresses = maker.addresses()
    cells, meant = maker.words()
    columns: dict[str, Sequence[str]] = {
        maker.pick.choice(_SOUNDS[:12]): addresses, names[0]: starts, names[1]: spans if lengths else ends,
        maker.pick.choice(_LABELS[:12]): cells,
    }  # fmt: skip
    truth = [replace(one, address=a, label=b) for one, a, b in zip(truth, addresses, meant, strict=True)]
    kind = f"stretches{' by length' if lengths else ''} in {unit} {decimal}"
    return Made(kind, frame_table(maker.frame(columns)), truth)


def _by_length(maker: Maker) -> Made:
    return _stretches(maker, lengths=True)


def _milliseconds(maker: Maker) -> Made:
    return _stretches(maker, unit="ms")


def _clock(maker: Maker) -> Made:
    return _stretches(maker, unit="hms")


def _commas(maker: Maker) -> Made:
    return _stretches(maker, decimal=",")


def _odd_names(maker: Maker) -> Made:
    """Times by names that say nothing."""
    maker.per_sound = 5
    starts, ends, _, truth = maker.times()
    addresses = maker.addresses()
    cells, meant = maker.words(False)
    columns: dict[str, Sequence[str]] = {"file": addresses, "A": starts, "B": ends, "label": cells}
    truth = [replace(one, address=a, label=b) for one, a, b in zip(truth, addresses, meant, strict=True)]
    return Made("odd names", frame_table(maker.frame(columns)), truth)


def _headless(maker: Maker) -> Made:
    """A list without a header."""
    addresses = maker.addresses()
    cells, meant = maker.words(False)
    columns = {"column 1": addresses, "column 2": cells}
    if maker.pick.random() < 0.3:
        del columns["column 2"]
        meant = [""] * maker.rows
    frame = pd.DataFrame(columns, dtype=object)
    truth = [Truth(address, label) for address, label in zip(addresses, meant, strict=True)]
    return Made("headless", RawTable(frame, list(range(1, maker.rows + 1))), truth, headless=True)


def _numbers_and_names(maker: Maker) -> Made:
    """Classes as numbers and as words."""
    addresses = maker.addresses()
    cells, _ = maker.words(False)
    order = sorted(set(cells))
    numbers = [str(order.index(cell)) for cell in cells]
    names = maker.pick.choice(
        (("label", "label_name"), ("target", "category"), ("class_id", "class"), ("y", "species"))
    )
    columns: dict[str, Sequence[str]] = {"path": addresses, names[0]: numbers, names[1]: cells}
    truth = [Truth(address, label) for address, label in zip(addresses, cells, strict=True)]
    return Made("numbers and names", frame_table(maker.frame(columns)), truth)


def _page_beside(maker: Maker) -> Made:
    """A web page in `url`, the sound in another column."""
    addresses = [f"brd{row % 3}/XC{row}.ogg" for row in range(maker.rows)]
    cells, meant = maker.words(False)
    pages = [f"https://freesound.org/people/ann/sounds/{row}/" for row in range(maker.rows)]
    columns: dict[str, Sequence[str]] = {"url": pages, "filename": addresses, "primary_label": cells}
    truth = [Truth(address, label) for address, label in zip(addresses, meant, strict=True)]
    return Made("page beside", frame_table(maker.frame(columns)), truth)


def _folders(maker: Maker) -> Made:
    """Subsets as folders of the addresses."""
    folders = [maker.pick.choice(("train", "valid", "test")) for _ in range(maker.rows)]
    folders[:2] = ["train", "test"]
    addresses = [f"data/{folder}/{row}.wav" for row, folder in enumerate(folders)]
    cells, meant = maker.words()
    columns: dict[str, Sequence[str]] = {"file_name": addresses, "label": cells}
    truth = [Truth(a, b, _SUBSET_WORDS.get(c, "dev")) for a, b, c in zip(addresses, meant, folders, strict=True)]
    return Made("folders", frame_table(maker.frame(columns)), truth)


def _two_columns_of_path(maker: Maker) -> Made:
    """A folder in one column, the file in another."""
    folders = [f"site{row % 3}" for row in range(maker.rows)]
    files = [f"{row // 3}.wav" for row in range(maker.rows)]
    cells, meant = maker.words()
    columns: dict[str, Sequence[str]] = {maker.pick.choice(("folder", "directory", "Dir")): folders, "file": files,
                                         "label": cells}  # fmt: skip
    truth = [Truth(f"{a}/{b}", c) for a, b, c in zip(folders, files, meant, strict=True)]
    return Made("two columns of path", frame_table(maker.frame(columns)), truth)


def _other_subset(maker: Maker) -> Made:
    """`subset` means a size, `split` the subset."""
    addresses = maker.addresses()
    cells, meant = maker.words(False)
    sizes = [maker.pick.choice(("small", "medium", "large")) for _ in range(maker.rows)]
    splits = [maker.pick.choice(("training", "validation", "test")) for _ in range(maker.rows)]
    columns: dict[str, Sequence[str]] = {"path": addresses, "genre_top": cells, "subset": sizes, "split": splits}
    words = {"training": "train", "validation": "dev", "test": "test"}
    truth = [Truth(a, b, words[c]) for a, b, c in zip(addresses, meant, splits, strict=True)]
    return Made("other subset", frame_table(maker.frame(columns)), truth)


def _raven(maker: Maker) -> Made:
    maker.per_sound = 4
    starts, ends, _, truth = maker.times()
    files = [f"site{row // 4}.flac" for row in range(maker.rows)]
    cells, meant = maker.words(False)
    label = maker.pick.choice(("Annotation", "Species", "Common Name", "Label"))
    views = ["Spectrogram 1", "Waveform 1"] if maker.pick.random() < 0.5 else ["Spectrogram 1"]
    rows = [
        {"Selection": str(row + 1), "View": view, "Channel": "1", "Begin Time (s)": starts[row],
         "End Time (s)": ends[row], "Low Freq (Hz)": "0", "High Freq (Hz)": "8000", "Begin File": files[row],
         label: cells[row]}
        for row in range(maker.rows) for view in views
    ]  # fmt: skip
    truth = [replace(one, address=a, label=b) for one, a, b in zip(truth, files, meant, strict=True)]
    return Made("raven", frame_table(pd.DataFrame(rows, dtype=object)), truth, "x.selections.txt")


def _raven_series(maker: Maker) -> Made:
    """Begin Time counts on over all files; File Offset is the time in each."""
    maker.per_sound = 4
    starts, _, spans, truth = maker.times()
    files = [f"site{row // 4}.wav" for row in range(maker.rows)]
    begins = [float(start) + 60 * (row // 4) for row, start in enumerate(starts)]
    cells, meant = maker.words(False)
    columns = {
        "Selection": [str(row + 1) for row in range(maker.rows)], "View": ["Spectrogram 1"] * maker.rows,
        "Begin Time (s)": [f"{begin:g}" for begin in begins],
        "End Time (s)": [f"{begin + float(span):g}" for begin, span in zip(begins, spans, strict=True)],
        "Begin Path": files, "File Offset (s)": starts, "Annotation": cells,
    }  # fmt: skip
    truth = [replace(one, address=a, label=b) for one, a, b in zip(truth, files, meant, strict=True)]
    return Made("raven series", frame_table(pd.DataFrame(columns, dtype=object)), truth, "x.selections.txt")


def _audacity(maker: Maker) -> Made:
    maker.per_sound = maker.rows
    starts, ends, _, truth = maker.times()
    cells, meant = maker.words(False)
    rows = [[f"{float(a):.6f}", f"{float(b):.6f}", c] for a, b, c in zip(starts, ends, cells, strict=True)]
    if maker.pick.random() < 0.5:
        rows.insert(1, ["\\", "200.000000", "8000.000000"])
    frame = pd.DataFrame(rows, columns=["column 1", "column 2", "column 3"], dtype=object)
    truth = [replace(one, address="night.wav", label=label) for one, label in zip(truth, meant, strict=True)]
    return Made("audacity", RawTable(frame, list(range(1, len(rows) + 1))), truth, "night.txt")


def _label_studio(maker: Maker) -> Made:
    """Tasks with regions or choices, as the reader flattens them."""
    cells, meant = maker.words(False)
    regions = maker.pick.random() < 0.5
    rows, truth = [], []
    for number, word in enumerate(cells):
        address = f"http://h.example.org/{number}.wav"
        value = {"start": 0.5, "end": 1.5, "labels": [word]} if regions else {"choices": [word]}
        kind = "labels" if regions else "choices"
        results = [{"id": f"r{number}", "from_name": "label", "to_name": "audio", "type": kind, "value": value}]
        annotations = [{"id": number, "completed_by": 1, "result": results}]
        rows.append(
            {"id": str(number), "data.audio": address, "annotations": json.dumps(annotations), "predictions": "[]"}
        )
        stretch = (0.5, 1.5) if regions else (None, None)
        truth.append(Truth(address, meant[number], start_s=stretch[0], end_s=stretch[1]))
    return Made("label studio", frame_table(pd.DataFrame(rows, dtype=object)), truth, "project.json")


def _label_studio_min(maker: Maker) -> Made:
    cells, meant = maker.words(False)
    addresses = [f"http://h.example.org/{row}.wav" for row in range(maker.rows)]
    number = [str(row) for row in range(maker.rows)]
    columns = {"audio": addresses, "id": number, "choice": cells, "annotator": ["1"] * maker.rows,
               "annotation_id": number, "created_at": ["2024-01-01T00:00:00Z"] * maker.rows,
               "lead_time": ["2.5"] * maker.rows}  # fmt: skip
    truth = [Truth(address, label) for address, label in zip(addresses, meant, strict=True)]
    return Made("label studio min", frame_table(pd.DataFrame(columns, dtype=object)), truth, "min.json")


def _hoplite(maker: Maker) -> Made:
    maker.per_sound = 3
    starts, ends, _, truth = maker.times()
    files = [f"site{row // 3}.wav" for row in range(maker.rows)]
    cells, meant = maker.words(False)
    kinds = [maker.pick.choice(("positive", "negative", "uncertain")) for _ in range(maker.rows)]
    columns = {"recording": files, "start_offset_s": starts, "end_offset_s": ends, "label": cells, "label_type": kinds}
    verdicts = {"positive": "yes", "negative": "no", "uncertain": "unsure"}
    truth = [
        replace(one, address=a, label=b, verdict=verdicts[c])
        for one, a, b, c in zip(truth, files, meant, kinds, strict=True)
    ]
    return Made("hoplite", frame_table(pd.DataFrame(columns, dtype=object)), truth)


def _urbansound(maker: Maker) -> Made:
    """The sounds are cut already; start and end are times in the recording that they were cut from."""
    number = range(maker.rows)
    columns = {
        "slice_file_name": [f"{100 + row}-3-0-{row}.wav" for row in number], "fsID": [str(100 + row) for row in number],
        "start": [f"{row * 1.5:g}" for row in number], "end": [f"{row * 1.5 + 4:g}" for row in number],
        "salience": ["1"] * maker.rows, "fold": [str(row % 10 + 1) for row in number], "classID": ["3"] * maker.rows,
        "class": ["dog_bark"] * maker.rows,
    }  # fmt: skip
    truth = [Truth(f"fold{row % 10 + 1}/{100 + row}-3-0-{row}.wav", "dog_bark", group=str(100 + row)) for row in number]
    frame = pd.DataFrame(columns, dtype=object)
    if maker.pick.random() < 0.4:
        frame = frame.set_axis([f"column {place + 1}" for place in range(8)], axis=1)
    return Made("urbansound", RawTable(frame, list(range(2, maker.rows + 2))), truth)


def _cut_already(maker: Maker) -> Made:
    """As `_urbansound`, in a table of one's own."""
    number = range(maker.rows)
    cells, meant = maker.words(False)
    files = [f"cut_{row}.wav" for row in number]
    columns: dict[str, Sequence[str]] = {
        "file": files, "source_recording": [f"night{row // 3}" for row in number],
        "start": [f"{row * 2 + 1.5:g}" for row in number], "end": [f"{row * 2 + 3:g}" for row in number],
        "label": cells,
    }  # fmt: skip
    truth = [Truth(a, b, group=f"night{row // 3}") for row, a, b in zip(number, files, meant, strict=True)]
    return Made("cut already", frame_table(maker.frame(columns)), truth)


def _common_voice(maker: Maker) -> Made:
    files = [f"common_voice_xx_{row}.mp3" for row in range(maker.rows)]
    speakers = [f"c{row % 4}" for row in range(maker.rows)]
    columns = {"client_id": speakers, "path": files, "sentence": [f"Say {row}." for row in range(maker.rows)],
               "up_votes": ["2"] * maker.rows, "gender": ["NA"] * maker.rows,
               "locale": ["xx"] * maker.rows}  # fmt: skip
    truth = [Truth(f"clips/{file}", group=speaker) for file, speaker in zip(files, speakers, strict=True)]
    return Made("common voice", frame_table(pd.DataFrame(columns, dtype=object)), truth, "validated.tsv")


def _stems(maker: Maker) -> Made:
    """Names without an ending."""
    names = [f"{1000 + row}" for row in range(maker.rows)]
    cells, meant = maker.words(False)
    column = maker.pick.choice(("fname", "filename", "audio_id_file"))
    columns: dict[str, Sequence[str]] = {column: names, "label": cells}
    truth = [Truth(f"{name}.wav", label) for name, label in zip(names, meant, strict=True)]
    return Made("stems", frame_table(maker.frame(columns)), truth)


def _kaleidoscope(maker: Maker) -> Made:
    maker.per_sound = 3
    starts, _, spans, truth = maker.times()
    files = [f"site{row // 3}.wav" for row in range(maker.rows)]
    cells, meant = maker.words(False)
    columns = {"INDIR": ["D:\\rec"] * maker.rows, "FOLDER": ["N1"] * maker.rows, "IN FILE": files, "OFFSET": starts,
               "DURATION": spans, "AUTO ID": [""] * maker.rows, "MANUAL ID": cells}  # fmt: skip
    truth = [replace(one, address=f"N1/{a}", label=b) for one, a, b in zip(truth, files, meant, strict=True)]
    return Made("kaleidoscope", frame_table(pd.DataFrame(columns, dtype=object)), truth)


def _wav_scp(maker: Maker) -> Made:
    addresses = [f"http://h.example.org/{row}.wav" for row in range(maker.rows)]
    lines = [f"utt{row} {address}" for row, address in enumerate(addresses)]
    columns = {"column 1": lines}
    if maker.pick.random() < 0.5:
        columns = {"column 1": [f"utt{row}" for row in range(maker.rows)], "column 2": addresses}
    frame = pd.DataFrame(columns, dtype=object)
    return Made("wav.scp", RawTable(frame, list(range(1, maker.rows + 1))), [Truth(a) for a in addresses], "wav.scp")


def _xeno_canto(maker: Maker) -> Made:
    number = range(maker.rows)
    files = [f"https://xeno-canto.org/{row}/download" for row in number]
    columns = {"id": [str(row) for row in number], "gen": ["Parus"] * maker.rows, "sp": ["major"] * maker.rows,
               "en": ["Great Tit"] * maker.rows, "rec": ["A. Person"] * maker.rows, "length": ["0:23"] * maker.rows,
               "url": [f"//xeno-canto.org/{row}" for row in number], "file": files,
               "file-name": [f"XC{row}.mp3" for row in number], "type": ["song"] * maker.rows}  # fmt: skip
    return Made("xeno-canto", frame_table(pd.DataFrame(columns, dtype=object)), [Truth(a, "Great Tit") for a in files])


def _lists(maker: Maker) -> Made:
    """Several labels in a cell: the first is taken."""
    addresses = maker.addresses()
    few = ("dog", "cat", "rain")
    picks = [maker.pick.sample(few, 1 + row % 2) for row in range(maker.rows)]
    join = maker.pick.choice((json.dumps, str, ";".join, "|".join))
    cells = [join(pick) for pick in picks]
    columns: dict[str, Sequence[str]] = {"file": addresses, maker.pick.choice(("labels", "label", "tags")): cells}
    truth = [Truth(address, pick[0]) for address, pick in zip(addresses, picks, strict=True)]
    return Made("lists", frame_table(maker.frame(columns)), truth)


def _ours(maker: Maker) -> Made:
    addresses = maker.addresses()
    cells, meant = maker.words(False)
    subsets = [maker.pick.choice(("raw", "train", "dev", "test")) for _ in range(maker.rows)]
    columns = {"id": [f"{row:020x}" for row in range(maker.rows)], "audio": addresses, "SUBSET": subsets,
               "label": cells,
               "start": [""] * maker.rows, "end": [""] * maker.rows, "group": ["g"] * maker.rows,
               "duration": ["1.5"] * maker.rows, "annotator": ["ann"] * maker.rows,
               "annotated_at": ["2026-01-01T00:00:00+00:00"] * maker.rows, "how": ["heard"] * maker.rows}  # fmt: skip
    truth = [Truth(a, b, c, "g") for a, b, c in zip(addresses, meant, subsets, strict=True)]
    return Made("ours", frame_table(pd.DataFrame(columns, dtype=object)), truth)


KINDS: Final = (
    _whole, _stretches, _by_length, _milliseconds, _clock, _commas, _odd_names, _headless, _numbers_and_names,
    _page_beside, _folders, _two_columns_of_path, _other_subset, _raven, _raven_series, _audacity, _label_studio,
    _label_studio_min, _hoplite, _urbansound, _cut_already, _common_voice, _stems, _kaleidoscope, _wav_scp, _xeno_canto,
    _lists, _ours, _whole, _stretches,
)  # fmt: skip
