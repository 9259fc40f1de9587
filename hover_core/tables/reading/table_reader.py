"""A file of a stranger → rows of text, in the child of `hover_core.tables.reading.foreign_files`.

What a file promises is looked at before it is decoded; then it is decoded piece by piece, counted, and sent off: the
file's text is never held whole, but for sheets of workbooks and for JSON that has one column after the other. Nothing
here knows pandas, and only Parquet needs pyarrow: a child starts in a moment.
"""

from __future__ import annotations

import zipfile
from functools import partial
from typing import IO, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Reading
from hover_core.tables.reading import archive_reader, workbook_reader
from hover_core.tables.reading.file_limits import FileLimits
from hover_core.tables.reading.json_reader import is_json, read_json
from hover_core.tables.reading.kaldi_files import read_kaldi
from hover_core.tables.reading.parquet_reader import read_parquet
from hover_core.tables.reading.row_blocks import Rows, Send
from hover_core.tables.reading.text_encoding import find_encoding
from hover_core.tables.reading.text_reader import read_delimited, text_head

_SOUND: Final = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb")
_OTHER_TEXTS: Final = {
    ("<!doctype html", "<html", "<head", "<table", "<?xml", "<!--"): (
        "is a web page or another file of XML, not a table: download the file itself, or save the table as CSV"
    ),
    ("%pdf-",): "is a PDF, not a table: save the table in it as CSV and give that",
    ("{\\rtf",): "is a text document, not a table: save the table in it as CSV and give that",
    ("version https://git-lfs.github.com",): (
        "only says where Git LFS keeps the file: fetch the file itself (git lfs pull) and give that"
    ),
}
_SOME: Final = 1_000_000  # bytes that are read at a time


def read_table(source: IO[bytes], name: str, reading: Reading, limits: FileLimits, send: Send) -> None:
    """Send the rows of a table; what a file is, its first bytes say.

    Raises
    ------
    TableError
        The file as a whole cannot be read; the sentence says what would be right.
    """
    out = Rows(send, name, limits)
    _read(archive_reader.unpack(source, reading, out), reading, out)
    out.flush()


def _read(source: IO[bytes], reading: Reading, out: Rows) -> None:
    source.seek(0)
    first = source.read(4)
    if first == archive_reader.ZIP:
        _read_zip(archive_reader.hold(source, out), reading, out)
    elif first == workbook_reader.OLE2:
        workbook_reader.read_workbook(archive_reader.hold(source, out), reading, out)
    elif first == b"PAR1" or (out.name.lower().endswith((".parquet", ".pq")) and _holds_anything(source)):
        read_parquet(archive_reader.hold(source, out), out)
    else:
        _read_text(source, reading, out)


def _read_zip(source: IO[bytes], reading: Reading, out: Rows) -> None:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise TableError(
            f"{out.name} is a spreadsheet or an archive, and damaged: save it again, or save it as CSV"
        ) from error
    with archive:
        parts = archive_reader.member_parts(archive, out.name)
        if workbook_reader.is_workbook([part.filename for part in parts]):
            workbook_reader.check_size(archive, out.name, out.limits)
            workbook_reader.read_workbook(source, reading, out)
            return
        name, chosen = archive_reader.choose_member(archive, parts, reading, out)
        if len(chosen) > 1:
            files = {
                part.filename.rpartition("/")[2]: archive_reader.open_member(archive, part, out) for part in chosen
            }
            read_kaldi(files, out)
            return
        out.name = name
        source = archive_reader.unpack(archive_reader.open_member(archive, chosen[0], out), reading, out)
        source.seek(0)
        if source.read(4) == archive_reader.ZIP:
            _read_inner(archive_reader.hold(source, out), reading, out)
        else:
            _read(source, reading, out)


def _read_inner(source: IO[bytes], reading: Reading, out: Rows) -> None:
    """A workbook in an archive; an archive in an archive is not opened."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            workbook_reader.check_size(archive, out.name, out.limits)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise TableError(f"{out.name} is damaged") from error
    if not workbook_reader.is_workbook(names):
        raise TableError(f"{out.name} is an archive in an archive: unpack it and give the table in it")
    workbook_reader.read_workbook(source, reading, out)


def _read_text(source: IO[bytes], reading: Reading, out: Rows) -> None:
    if not _holds_anything(source):
        raise TableError(f"{out.name} is empty: a table has a header row and at least one clip")
    source.seek(0)
    start = source.read(4096)
    if b"\x00" in start and start.startswith(_SOUND):
        raise TableError(f"{out.name} is sound, not a table: give a table with the addresses of the clips, one a row")
    encoding, decisions = find_encoding(source, out.name, reading.encoding)
    for decision in decisions:
        out.decide(decision)
    try:
        head = text_head(source, encoding)
        _check_kind(head, out.name)
        if is_json(head, out.name):
            read_json(source, encoding, head, reading, out)
        else:
            read_delimited(source, encoding, reading, out)
    except UnicodeDecodeError as error:
        raise TableError(f"{out.name} says it is {encoding.codec} but is not: save it as UTF-8") from error


def _check_kind(head: str, name: str) -> None:
    """Whether a text is of another kind than tables are."""
    start = head.lstrip("\ufeff \t\r\n")[:100].lower()
    kind = next((kind for beginnings, kind in _OTHER_TEXTS.items() if start.startswith(beginnings)), None)
    if kind is not None:
        raise TableError(f"{name} {kind}")


def _holds_anything(source: IO[bytes]) -> bool:
    source.seek(0)
    return any(part.strip() for part in iter(partial(source.read, _SOME), b""))
