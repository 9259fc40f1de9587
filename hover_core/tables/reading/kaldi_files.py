"""Kaldi's lists of one folder, joined: recordings (`wav.scp`), stretches (`segments`), speakers, what is said."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import IO, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Decision
from hover_core.tables.reading.file_blocks import CELL_BYTES, pack_text
from hover_core.tables.reading.line_cells import Lines
from hover_core.tables.reading.looks import cut
from hover_core.tables.reading.row_blocks import BLOCK_CELLS, Rows

_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
_AT_A_TIME: Final = BLOCK_CELLS // 8


def read_kaldi(lists: Mapping[str, IO[bytes]], out: Rows) -> None:
    """Send one row for each segment, or for each recording where there are none.

    Parameters
    ----------
    lists : the name of each list → its bytes; `wav.scp` is among them.

    Raises
    ------
    TableError
        There is nothing in them, or more than one file may take.
    """
    held = _Held(out)
    recordings = held.pairs(lists["wav.scp"], "wav.scp")
    speakers = held.pairs(lists["utt2spk"], "utt2spk") if "utt2spk" in lists else {}
    texts = held.pairs(lists["text"], "text") if "text" in lists else {}
    names = ["utterance", "audio"] + ["start", "end"] * ("segments" in lists)
    names += ["group"] * ("utt2spk" in lists) + ["text"] * ("text" in lists)
    out.add_columns(names)
    rows: list[list[str]] = []
    numbers: list[int] = []
    used: set[str] = set()
    unknown = 0
    stretches = _segments(lists["segments"], out) if "segments" in lists else _whole(recordings)
    for number, utterance, recording, times in stretches:
        if recording not in recordings:
            out.refuse(number, utterance, f"its recording “{cut(recording)}” is not in wav.scp")
            continue
        used.add(recording)
        unknown += bool(speakers) and utterance not in speakers
        row = [utterance, recordings[recording], *times]
        row += [speakers.get(utterance, "")] * ("utt2spk" in lists) + [texts.get(utterance, "")] * ("text" in lists)
        rows.append(row)
        numbers.append(number)
        if len(rows) >= _AT_A_TIME:
            out.add(numbers, [pack_text(column) for column in zip(*rows, strict=True)])
            rows, numbers = [], []
    if rows:
        out.add(numbers, [pack_text(column) for column in zip(*rows, strict=True)])
    if not out.rows and not out.refused:
        raise TableError(f"{out.name} has lists of Kaldi without a line in them")
    _decide(lists, len(recordings) - len(used), unknown, held.twice, out)


def _decide(lists: Mapping[str, IO[bytes]], unused: int, unknown: int, twice: int, out: Rows) -> None:
    sentences = []
    if unused and "segments" in lists:
        verb = "recording of wav.scp has" if unused == 1 else "recordings of wav.scp have"
        sentences.append(f"{unused:,} {verb} no segment and {'is' if unused == 1 else 'are'} no clip")
    if unknown:
        sentences.append(f"{unknown:,} clips have no speaker in utt2spk")
    if twice:
        sentences.append(f"{twice:,} keys stand twice in a list: the first of them counts")
    for sentence in sentences:
        out.decide(Decision("member", sentence))


class _Held:
    """Lists that are held in memory, and counted like cells."""

    def __init__(self, out: Rows) -> None:
        self._out = out
        self._size = 0
        self.twice = 0

    def pairs(self, source: IO[bytes], name: str) -> dict[str, str]:
        """Key → the rest of its line; a line without a rest is refused."""
        pairs: dict[str, str] = {}
        for number, line in _lines(source, name):
            key, _, rest = line.partition(" ") if " " in line.split("\t", 1)[0] else line.partition("\t")
            rest = rest.strip()
            if not rest:
                if name != "text":
                    self._out.refuse(number, key, f"the line of {name} has a key and nothing after it")
                continue
            self._size += len(line) + 2 * CELL_BYTES
            if self._size > self._out.limits.most_bytes:
                raise TableError(f"{name} {self._out.limits.too_large()}")
            if key in pairs:
                self.twice += 1
            pairs.setdefault(key, rest)
        return pairs


def _whole(recordings: Mapping[str, str]) -> Iterator[tuple[int, str, str, list[str]]]:
    for number, key in enumerate(recordings, 1):
        yield number, key, key, []


def _segments(source: IO[bytes], out: Rows) -> Iterator[tuple[int, str, str, list[str]]]:
    for number, line in _lines(source, "segments"):
        parts = line.split()
        if len(parts) < 4:
            out.refuse(number, line, "a segment has four words: utterance, recording, start and end")
        else:
            yield number, parts[0], parts[1], parts[2:4]


def _lines(source: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    source.seek(0)
    lines = Lines(io.TextIOWrapper(source, "utf-8-sig", "surrogateescape"), name)
    for line in lines:
        if _NO_UTF8.search(line):
            raise TableError(
                f"{name}, line {lines.number}: this is no UTF-8, as Kaldi wants it: save the list as UTF-8"
            )
        if line.strip():
            yield lines.number, line.strip()
        lines.next_row()
