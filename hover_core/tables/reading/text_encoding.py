"""In which encoding a text file is: known by a mark or because it is UTF-8, else the likeliest of the code pages.

Bytes outside ASCII say little by themselves: `E8` is è on a computer in Paris and č on one in Prague. The evidence is
what the words become: letters of one language, capitals where capitals stand, common characters. Measured on bird names
of 20 languages (`tests/core/tables/test_text_encoding.py`): the right reading is among the first three, and the page
shows these side by side.
"""

from __future__ import annotations

import codecs
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Final

from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.reading.letters import CYRILLIC, FINE_MARKS, GREEK, HAN, HANGUL, KANA, LATIN
from hover_core.tables.reading.looks import cut

CODE_PAGES: Final[dict[str, str]] = {
    "cp1252": "Western European",
    "cp1250": "Central European",
    "cp1251": "Cyrillic",
    "gb18030": "Simplified Chinese",
    "shift_jis": "Japanese",
    "cp949": "Korean",
    "mac_roman": "Western European, Mac",
    "big5": "Traditional Chinese",
    "cp1253": "Greek",
    "cp1254": "Turkish",
    "cp1257": "Baltic",
    "iso8859_2": "Central European, ISO",
    "koi8_r": "Cyrillic, KOI8",
    "cp866": "Cyrillic, DOS",
    "cp850": "Western European, DOS",
    "euc_jp": "Japanese, EUC",
    "mac_latin2": "Central European, Mac",
}
# How much rarer tables in these are than in the first seven.
_RARE: Final = {
    "big5": 0.05, "cp1253": 0.02, "cp1254": 0.03, "cp1257": 0.04, "iso8859_2": 0.08, "koi8_r": 0.05, "cp866": 0.1,
    "cp850": 0.12, "euc_jp": 0.12, "mac_latin2": 0.12,
}  # fmt: skip
_CODECS: Final = {"shift_jis": "cp932", "big5": "cp950", "gbk": "gb18030", "gb2312": "gb18030", "euc_kr": "cp949"}
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SOME: Final = 1_000_000  # bytes that are read at a time
_MOST_LINES: Final = 400  # with characters outside ASCII that are looked at
_MOST_SAMPLE: Final = 100_000  # bytes of them
# No sign from @ on ends a word: these are the second halves of characters in Shift-JIS, GBK and Big5.
_TOKEN: Final = re.compile(rb"[^\s,;:/\"'()<>=&?]+")
_SHOWN: Final = 4
_BESIDE_NO_LETTER: Final = "€£§©±×•·½¼¾\xa0"


@dataclass(frozen=True)
class TextEncoding:
    """How bytes become text.

    Attributes
    ----------
    codec : a name of Python's codecs.
    errors : what happens to bytes that are none in it.
    quotes : whether the file holds a double quote.
    """

    codec: str
    errors: str = "strict"
    quotes: bool = True


def find_encoding(source: IO[bytes], name: str, chosen: str) -> tuple[TextEncoding, list[Decision]]:
    """The encoding of a text file, and the question where its bytes do not say it.

    Raises
    ------
    TableError
        `chosen` is no encoding, or the file is none of text.
    """
    source.seek(0)
    start = source.read(4096)
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return TextEncoding(codec), []
    if chosen:
        return _chosen_encoding(source, start, chosen)
    if b"\x00" in start:
        codec = _wide(start)
        if not codec:
            raise TableError(f"{name} is not a text table: give a CSV, TSV, JSON, JSONL, XLSX or Parquet file")
        sentence = f"Two bytes are one character ({codec.upper()}), though the file does not say so"
        return TextEncoding(codec), [Decision("encoding", sentence, codec)]
    quotes, utf8 = _scan(source)
    if utf8:
        return TextEncoding("utf-8", quotes=quotes), []
    lines = _foreign_lines(source)
    ranked = rank_encodings(b"\n".join(lines))
    best = ranked[0]
    damage = not _is_whole(source, _codec(best))
    return TextEncoding(_codec(best), "replace", quotes), [_question(best, ranked[:3], lines, damage)]


def _chosen_encoding(source: IO[bytes], start: bytes, chosen: str) -> tuple[TextEncoding, list[Decision]]:
    try:
        codec = codecs.lookup(_codec(chosen)).name
        if not codecs.lookup(codec)._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        raise TableError(f"encoding={chosen[:40]!r} is none that is known: cp1252, for example, or gb18030") from None
    if codec == "utf-16":  # without a mark, or it would have been known by that
        codec = _wide(start) or "utf-16-le"
    lines = _foreign_lines(source)
    text = b"\n".join(lines).decode(codec, "replace")
    damage = ": characters that are none in it are shown as �" if "�" in text else ""
    ranked = [page for page in rank_encodings(b"\n".join(lines)) if page != chosen][:3] if lines else []
    shown = _words([chosen, *ranked], lines)
    decision = Decision(
        "encoding",
        f"The text is read as {_title(chosen)}, as was said{damage}",
        chosen,
        tuple(Choice(page, f"{_title(page)}: {shown[page]}") for page in ranked),
    )
    return TextEncoding(codec, "replace"), [decision] if lines else []


def _is_whole(source: IO[bytes], codec: str) -> bool:
    """Whether all bytes of a file are characters in an encoding."""
    source.seek(0)
    decoder = codecs.getincrementaldecoder(codec)()
    parts = iter(partial(source.read, _SOME), b"")
    return all(_decodes(decoder, part) for part in parts) and _decodes(decoder, b"", final=True)


def _question(best: str, pages: Sequence[str], lines: Sequence[bytes], damage: bool) -> Decision:
    shown = _words(pages, lines)
    return Decision(
        "encoding",
        f"The file does not say how its letters are written: {_title(best)} fits best. Choose the reading whose words "
        f"are right{'; bytes that are no characters in it are shown as �' if damage else ''}",
        best,
        tuple(Choice(page, f"{_title(page)}: {shown[page]}") for page in pages),
        sure=False,
    )


def _title(page: str) -> str:
    if page == "utf-8":
        return "UTF-8 with damaged characters"
    return f"{CODE_PAGES[page]} ({page})" if page in CODE_PAGES else page


def _codec(page: str) -> str:
    return _CODECS.get(page.lower().replace("-", "_"), page)


def _wide(start: bytes) -> str:
    """UTF-16 without a mark: in ASCII, of which there is some in every table, each second byte is zero."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    for codec, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        text = start[: len(start) // 2 * 2].decode(codec, "replace")
        if zeros * 10 > len(start) // 2 and not others and all(c.isprintable() or c in "\t\r\n" for c in text[:-1]):
            return codec
    return ""


def _scan(source: IO[bytes]) -> tuple[bool, bool]:
    """Whether there is a double quote in a file, and whether it is UTF-8."""
    source.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    quotes, utf8 = False, True
    for part in iter(partial(source.read, _SOME), b""):
        quotes = quotes or b'"' in part
        if utf8 and not _decodes(decoder, part):
            utf8 = False
        if quotes and not utf8:
            break
    return quotes, utf8 and _decodes(decoder, b"", final=True)


def _decodes(decoder: codecs.IncrementalDecoder, part: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(part, final)
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(source: IO[bytes]) -> list[bytes]:
    """Lines that hold bytes outside ASCII, some of them; no encoding here has a line end inside a character."""
    source.seek(0)
    lines: dict[bytes, None] = {}
    size, rest = 0, b""
    for part in iter(partial(source.read, _SOME), b""):
        pieces = re.split(rb"[\r\n]+", rest + part)
        rest = pieces.pop()[-10_000:]
        for line in pieces:
            if not line.isascii():
                lines[line[:2_000]] = None
                size += len(line[:2_000])
        if len(lines) >= _MOST_LINES or size > _MOST_SAMPLE:
            break
    if rest and not rest.isascii():
        lines[rest[:2_000]] = None
    return list(lines)[:_MOST_LINES]


def _words(pages: Sequence[str], lines: Sequence[bytes]) -> dict[str, str]:
    """The words that differ between readings, for each of them."""
    differing: dict[tuple[str, ...], None] = {}
    for token in _tokens(b"\n".join(lines)):
        readings = tuple(_read(token, page) for page in pages)
        if len(set(readings)) > 1:
            differing[readings] = None
        if len(differing) >= _SHOWN:
            break
    columns: list[Sequence[str]] = [*zip(*differing, strict=True)] or [()] * len(pages)
    return {page: ", ".join(f"“{cut(word, 30)}”" for word in words) for page, words in zip(pages, columns, strict=True)}


def _read(token: bytes, page: str) -> str:
    text = token.decode(_codec(page), "replace")
    return "".join(character if character.isprintable() else "�" for character in text)


def _tokens(data: bytes) -> Iterator[bytes]:
    for match in _TOKEN.finditer(data):
        if not match[0].isascii():
            yield match[0]


# evidence -------------------------------------------------------------------------------------------------------------


def rank_encodings(data: bytes) -> list[str]:
    """The code pages in which some bytes could be written, the likeliest first; of those that agree, one.

    Parameters
    ----------
    data : lines, each with a byte outside ASCII.
    """
    tokens = list(dict.fromkeys(_tokens(data)))[:2_000] or [b""]
    scores = {page: _score(tokens, page) - _RARE.get(page, 0.0) for page in CODE_PAGES}
    whole = sum(bool(re.search(rb"[\xc2-\xf4][\x80-\xbf]", token)) and _is_utf8(token) for token in tokens)
    if whole * 4 > len(tokens) * 3:
        scores["utf-8"] = 2.0
    readings: dict[str, str] = {}  # what is read → the likeliest page that reads it so
    for page in sorted(scores, key=scores.__getitem__, reverse=True):
        readings.setdefault(b" ".join(tokens).decode(_codec(page), "replace"), page)
    return list(readings.values())


def _is_utf8(token: bytes) -> bool:
    return _decodes(codecs.getincrementaldecoder("utf-8")(), token, final=True)


def _score(tokens: Sequence[bytes], page: str) -> float:
    """How likely it is that these words were written in a code page. [about -2 to 1]"""
    words, damage = [], 0
    for token in tokens:
        text = token.decode(_codec(page), "replace")
        damage += "�" in text
        words.append(text)
    evidence: Callable[[Sequence[str]], float] = _WRITINGS.get(page, _latin)
    return evidence(words) - 3 * damage / len(tokens)


def _latin(words: Sequence[str]) -> float:
    """Letters of one language, as many as ASCII ones at most, capitals at the beginning alone."""
    letters = [
        {character for character in word.lower() if character.isalpha() and character > "\x7f"} for word in words
    ]

    marks = [float(all(map(partial(_is_well_placed, word), range(len(word))))) for word in words]

    def cover(alphabet: str) -> list[float]:
        pairs = zip(letters, marks, strict=True)
        return [len(word.intersection(alphabet)) / len(word) if word else mark for word, mark in pairs]

    covers = [(cover(alphabet), often) for alphabet, often in LATIN.values()]
    one = max(often * sum(parts) / len(words) for parts, often in covers)
    each = sum(max(often * parts[place] for parts, often in covers) for place in range(len(words))) / len(words)
    return 0.6 * one + 0.3 * each + sum(map(_oddness, words)) / len(words)


def _is_well_placed(word: str, place: int) -> bool:
    """Whether a character stands where writers put it; letters and what is ASCII do anywhere."""
    mark, before, after = word[place], word[place - 1 : place] if place else "", word[place + 1 : place + 2]
    if mark <= "\x7f" or mark.isalpha():
        return True
    if mark in "’‘":
        return before.isalpha() or (not before and after.isalnum())
    if mark in "„«‚‹" or (mark == "“" and not before):
        return not before.isalnum()
    if mark in "“”»›…":
        return not after.isalnum()
    if mark in "–—":
        return before.isalnum() == after.isalnum()
    if mark == "°":
        return before.isdigit() or after in ("C", "F")
    if mark in "®™²³":
        return before.isalnum() and not after.isalpha()
    return mark in _BESIDE_NO_LETTER and not (before.isalpha() or after.isalpha())


def _oddness(word: str) -> float:
    """What no word has: capitals after small letters, signs between letters, hardly a letter of ASCII. [-2 to 0]"""
    odd = 0.0
    letters = [character for character in word if character.isalpha()]
    for before, after in itertools.pairwise(word):
        if before.islower() and after.isupper() and max(before, after) > "\x7f":
            odd -= 0.6
    for place, character in enumerate(word):
        if character <= "\x7f":
            continue
        if not character.isalpha() and not unicodedata.combining(character):
            odd -= 0.05 if _is_well_placed(word, place) else 0.3 if character in FINE_MARKS else 0.7
        elif word[place - 1 : place].isdigit() or word[place + 1 : place + 2].isdigit():
            odd -= 0.5
        elif unicodedata.name(character, "").startswith(("CYRILLIC", "GREEK", "HANGUL", "CJK")):
            odd -= 1.0
    if letters and len(letters) > 2:
        share = sum(letter > "\x7f" for letter in letters) / len(letters)
        odd -= max(0.0, share - 0.5) * 1.5
    return max(odd, -2.0)


def _of_alphabet(alphabet: str, words: Sequence[str]) -> float:
    """Letters of one alphabet, the frequent ones more than the rare ones."""
    total = 0.0
    for word in words:
        letters = [character for character in word if character > "\x7f"]
        ranks = [alphabet.find(character.lower()) for character in letters]
        good = [1.15 - 0.9 * rank / len(alphabet) if rank >= 0 else -0.7 for rank in ranks]
        value = sum(good) / len(good) if good else 0.0
        for before, after in itertools.pairwise(word):
            if before.islower() and after.isupper():
                value -= 0.3
        value -= 0.5 * any(map(str.isdigit, word))
        value -= 0.15 * (len(letters) > 2 and word.isupper())
        value -= any(character.isascii() and character.isalpha() for character in word)  # two alphabets in a word
        total += max(value, -2.0)
    return total / len(words)


def _of_characters(weigh: Callable[[str], float], words: Sequence[str]) -> float:
    """Characters of East Asia, the common ones more than the rare ones."""
    total = 0.0
    for word in words:
        weights = [weigh(character) for character in word if character > "\x7f"]
        value = sum(weights) / len(weights) if weights else 0.0
        mixed = sum(
            before.isascii() and before.isalpha() and after.isalpha() and not after.isascii()
            for before, after in itertools.pairwise(word)
        )
        total += value - 0.4 * mixed
    return total / len(words)


def _in_rows(character: str, codec: str, first: int, last: int, trail: int = 0xA1) -> bool:
    code = character.encode(codec, "ignore")
    return len(code) == 2 and first <= code[0] <= last and code[1] >= trail


def _weight(codec: str, common: frozenset[str], first: int, last: int, trail: int = 0xA1) -> Callable[[str], float]:
    """How common a character is: one of `common`, one in the rows of common ones of its code, any other."""

    def weigh(character: str) -> float:
        if character in common:
            return 1.0
        if character in FINE_MARKS:
            return 0.4
        if not character.isalpha():
            return -0.7
        return 0.6 if _in_rows(character, codec, first, last, trail) else -0.2

    return weigh


def _japanese(codec: str, first: int, last: int, trail: int) -> Callable[[str], float]:
    weigh = _weight(codec, HAN | KANA, first, last, trail)
    return lambda character: -0.2 if "\uff61" <= character <= "\uff9f" else weigh(character)


_WRITINGS: Final[dict[str, Callable[[Sequence[str]], float]]] = {
    "cp1251": partial(_of_alphabet, CYRILLIC),
    "koi8_r": partial(_of_alphabet, CYRILLIC),
    "cp866": partial(_of_alphabet, CYRILLIC),
    "cp1253": partial(_of_alphabet, GREEK),
    "gb18030": partial(_of_characters, _weight("gb2312", HAN, 0xB0, 0xD7)),
    "cp949": partial(_of_characters, _weight("euc_kr", HANGUL, 0xB0, 0xC8)),
    "shift_jis": partial(_of_characters, _japanese("cp932", 0x88, 0x98, 0x40)),
    "euc_jp": partial(_of_characters, _japanese("euc_jp", 0xB0, 0xCF, 0xA1)),
    "big5": partial(_of_characters, _weight("big5", HAN, 0xA4, 0xC6, 0x40)),
}
