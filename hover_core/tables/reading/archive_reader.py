"""Compressed files and archives: what is packed comes out as one file, piece by piece, counted on the way."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from itertools import islice
from typing import IO, Any, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision, Reading
from hover_core.tables.reading.file_limits import FileLimits, shown_bytes
from hover_core.tables.reading.looks import cut, is_path
from hover_core.tables.reading.row_blocks import Rows

ZIP: Final = b"PK\x03\x04"
_PACKED: Final[dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]]] = {
    b"\x1f\x8b": (".gz", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": (".bz2", lambda file: bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": (".xz", lambda file: lzma.LZMAFile(file)),  # noqa: SIM115 - closed by whoever reads
}
_TABLES: Final = (
    ".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".xlsx", ".xls", ".xlsb", ".ods",
    ".scp", ".lst", ".psv",
)  # fmt: skip
_KALDI: Final = ("wav.scp", "segments", "utt2spk", "text")
_NO_TABLE: Final = re.compile(
    r"(readme|licen[sc]e|copying|changelog|citation|notice|checksums?)\b[^/]*\Z", re.IGNORECASE
)
_MOST_MEMBERS: Final = 200_000
_MOST_HELD: Final = 400_000_000  # bytes of a member that has to be in memory
_MOST_LAYERS: Final = 3
_MOST_SCORED: Final = 50  # tables of an archive that are looked into
_HEAD: Final = 20_000


class Counted(io.RawIOBase):
    """What comes out of a compressed file, at most so many bytes each time that it is read from its beginning."""

    def __init__(self, file: IO[bytes], name: str, limits: FileLimits) -> None:
        self._file = file
        self._name = name
        self._limits = limits
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._file.read(len(buffer))
        except (
            OSError,
            EOFError,
            ValueError,
            zlib.error,
            lzma.LZMAError,
            zipfile.BadZipFile,
            NotImplementedError,
        ) as error:
            raise TableError(f"{self._name} is damaged or cut short: {cut(str(error), 120)}") from error
        except RuntimeError as error:  # zipfile says so where a password is wanted
            raise TableError(f"{self._name} is locked by a password: unpack it and give the table in it") from error
        self._at += len(part)
        if self._at > self._limits.most_bytes:
            raise TableError(f"{self._name} {self._limits.too_large()}")
        buffer[: len(part)] = part
        return len(part)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0:
            raise io.UnsupportedOperation("a compressed file is read from its beginning")
        if offset < self._at:
            self._file.seek(0)
            self._at = 0
        while self._at < offset and self.read(min(1_000_000, offset - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at


def unpack(source: IO[bytes], reading: Reading, out: Rows) -> IO[bytes]:
    """The table in a file: the file itself, or what is packed in it; `out.name` becomes the name of that.

    Raises
    ------
    TableError
        There is none in it, or it asks for more than one file may take.
    """
    for _ in range(_MOST_LAYERS):
        source.seek(0)
        start = source.read(512)
        packed = next((packed for mark, packed in _PACKED.items() if start.startswith(mark)), None)
        if packed is not None:
            ending, open_packed = packed
            source.seek(0)
            source = _buffered(Counted(open_packed(source), out.name, out.limits))
            out.name = out.name.removesuffix(ending) if out.name.lower().endswith(ending) else out.name
            continue
        if start[257:262] == b"ustar":
            raise TableError(f"{out.name} is a tar archive: unpack it and give the table in it")
        return source
    raise TableError(f"{out.name} is packed more than {_MOST_LAYERS} times: unpack it and give the table in it")


def hold(source: IO[bytes], out: Rows) -> IO[bytes]:
    """A file that can be read at any place: one that comes out of a compressed one is held in memory.

    Raises
    ------
    TableError
        It is too large for that.
    """
    if (
        isinstance(source, io.BytesIO)
        or not isinstance(source, io.BufferedReader)
        or not isinstance(source.raw, Counted)
    ):
        return source
    source.seek(0)
    data = source.read(_MOST_HELD + 1)
    if len(data) > _MOST_HELD:
        raise TableError(f"{out.name} has more than {shown_bytes(_MOST_HELD)}: unpack it and give the table in it")
    return io.BytesIO(data)


def open_member(archive: zipfile.ZipFile, part: zipfile.ZipInfo, out: Rows) -> IO[bytes]:
    """A file of an archive."""
    if part.file_size > out.limits.most_bytes:
        raise TableError(f"{part.filename[:200]} {out.limits.too_large()}")
    try:
        file = archive.open(part)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise TableError(f"{out.name} is damaged: {cut(str(error), 120)}") from error
    except RuntimeError as error:
        raise TableError(f"{out.name} is locked by a password: unpack it and give the table in it") from error
    return _buffered(Counted(file, part.filename[:200], out.limits))


def _buffered(raw: Counted) -> IO[bytes]:
    return io.BufferedReader(raw, 1 << 16)


# archives -------------------------------------------------------------------------------------------------------------


def member_parts(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The files of an archive, without what systems put beside them.

    Raises
    ------
    TableError
        There are too many.
    """
    parts = archive.infolist()
    if len(parts) > _MOST_MEMBERS:
        raise TableError(f"{name} holds {len(parts):,} files: give the table in it")
    return [part for part in parts if part.filename[-1:] not in ("", "/") and not _is_hidden(part.filename)]


def _is_hidden(path: str) -> bool:
    return (
        path.startswith("__MACOSX/") or path.rsplit("/", 1)[-1].startswith((".", "~$")) or "thumbs.db" in path.lower()
    )


def choose_member(
    archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo], reading: Reading, out: Rows
) -> tuple[str, list[zipfile.ZipInfo]]:
    """Which files of an archive are the table: one, or the lists of Kaldi in one folder; its name, and the files.

    Raises
    ------
    TableError
        There is no table, or none that is called as `reading` says.
    """
    folders = _kaldi_folders(parts)
    joined = [name for names in folders.values() for name in (part.filename for part in names)]
    tables = [part for part in parts if _is_table(part.filename) and part.filename not in joined]
    choices = {**{folder: names for folder, names in folders.items()}, **{part.filename: [part] for part in tables}}
    if reading.member:
        wanted = next((part for part in parts if part.filename == reading.member), None)
        if reading.member not in choices and wanted is None:
            raise TableError(f"{out.name} has no file {reading.member[:80]!r} in it")
        chosen = choices.get(reading.member) or [wanted]  # type: ignore[list-item]
        out.decide(_about(reading.member, chosen, choices, parts, sure=True))
        return reading.member, chosen
    if not choices:
        shown = ", ".join(cut(part.filename) for part in parts[:5]) or "nothing"
        raise TableError(f"{out.name} is an archive without a table in it (there are {shown}): give a CSV, for example")
    likeliest = dict(islice(choices.items(), _MOST_SCORED))
    scores = dict.fromkeys(choices, 1.0) | {name: _score(archive, name, likeliest[name], out) for name in likeliest}
    best = max(scores, key=lambda name: (scores[name], -len(name)))
    rivals = [name for name in choices if name != best and scores[name] >= 1]
    if len(parts) > 1:
        out.decide(_about(best, choices[best], choices, parts, sure=not rivals))
    return best, choices[best]


def _is_table(path: str) -> bool:
    name = path.rsplit("/", 1)[-1].lower()
    for ending in (".gz", ".bz2", ".xz"):
        name = name.removesuffix(ending)
    return (name.endswith(_TABLES) or name in _KALDI) and not _NO_TABLE.match(name)


def _kaldi_folders(parts: list[zipfile.ZipInfo]) -> dict[str, list[zipfile.ZipInfo]]:
    """Folders that hold a `wav.scp` and lists that say more about its recordings."""
    by_folder: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for part in parts:
        folder, _, name = part.filename.rpartition("/")
        if name in _KALDI:
            by_folder.setdefault(f"{folder}/", {})[name] = part
    return {folder: [*names.values()] for folder, names in by_folder.items() if "wav.scp" in names and len(names) > 1}


def _score(archive: zipfile.ZipFile, name: str, parts: list[zipfile.ZipInfo], out: Rows) -> float:
    """How much a file looks like the table of the clips: at least 1 where it may be one."""
    if len(parts) > 1:
        return 5.0
    if name.lower().endswith((".xlsx", ".xls", ".ods", ".parquet", ".pq", ".gz", ".bz2", ".xz", ".xlsb")):
        return 1.5
    head = open_member(archive, parts[0], out).read(_HEAD).decode("utf-8", "replace").replace("\x00", "")
    cells = re.split(r"[\t,;|\r\n\"]+", head)
    score = 2.0 if any(is_path(cell) for cell in cells) else 0.5
    return score + 0.3 * name.lower().endswith((".csv", ".tsv", ".jsonl"))


def _about(
    name: str,
    chosen: list[zipfile.ZipInfo],
    choices: dict[str, list[zipfile.ZipInfo]],
    parts: list[zipfile.ZipInfo],
    *,
    sure: bool,
) -> Decision:
    def words(choice: str) -> str:
        files = choices[choice]
        if len(files) > 1:
            return " + ".join(part.filename.rpartition("/")[2] for part in files) + " joined"
        return f"“{cut(choice)}”, {shown_bytes(files[0].file_size)}"

    others = [choice for choice in choices if choice != name]
    left = len(parts) - len(chosen)
    what = words(name) if name in choices and len(choices[name]) > 1 else f"“{cut(name)}”"
    rest = f"; {'1 other file is' if left == 1 else f'{left:,} other files are'} left out" if left else ""
    singles = [part.filename for part in chosen] if len(chosen) > 1 else []
    return Decision(
        "member",
        f"Of the {'1 file' if len(parts) == 1 else f'{len(parts):,} files'} in the archive {what} is read{rest}",
        name,
        tuple(Choice(other, words(other)) for other in others[:50])
        + tuple(Choice(path, f"“{cut(path)}” alone") for path in singles),
        sure,
    )
