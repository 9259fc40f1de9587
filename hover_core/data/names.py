"""Names of labels, groups, datasets and people: cleaned of invisible characters, and compared by their look.

`clean` makes texts equal that differ only in invisible characters, direction marks, spaces or the order of combining
marks. It leaves letters alone: `0` and `O` stay two. `look_alike` compares cleaned names by their look, by the rules of
Unicode TR 39 (https://www.unicode.org/reports/tr39/); it is for names of people only.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from hover_core.data.unicode_data import confusables, joining_letters

# Default_Ignorable_Code_Point of Unicode 15, as ranges of a regular expression: zero-width and direction marks,
# soft hyphen, variation selectors, fillers, tags, and code points that Unicode reserves for more such characters.
_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL: Final = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff"  # without those that are spaces to Python
_ANNOTATION: Final = "\ufff9-\ufffb"  # interlinear: invisible, though not ignorable
_JOINERS: Final = "\u200c\u200d"  # zero-width non-joiner, zero-width joiner
_FLAGS: Final = "|".join(  # of England, Scotland and Wales: a black flag, letters that do not show, an end
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
_BLANK: Final = "\u2800"  # the Braille pattern without dots: it looks like a space but is none to Unicode
# ♀ ♂ ⚕ and the like: signs in joined emoji from outside the blocks of emoji
_JOINED_SIGNS: Final = frozenset(
    "\u2194\u2195\u2620\u2640\u2642\u2695\u2696\u26a7\u26d3\u26f9\u2708\u2744\u2764\u27a1\u2b1b"
)
_SMALL_CAPITAL: Final = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")
_VIRAMA: Final = 9  # canonical combining class

_controls: Final = re.compile(f"[{_CONTROL}]")
_ignorables: Final = re.compile(f"[{_IGNORABLE}]")
_hidden: Final = re.compile(f"(?P<flag>{_FLAGS})|(?![{_JOINERS}])[{_IGNORABLE}{_CONTROL}{_ANNOTATION}]")
_joiner: Final = re.compile(f"([{_JOINERS}])[{_JOINERS}]*")
_escaped: Final = re.compile(f"[{_IGNORABLE}{_CONTROL}{_ANNOTATION}{_BLANK}]")


def clean(words: str) -> str:
    """`words` in NFC with single spaces and without invisible characters, so that equal looks give equal texts.

    Zero-width and direction marks, soft hyphens, variation selectors, fillers and controls are removed. Every kind of
    space becomes an ordinary one. A joiner stays only where it changes the look: between letters that would join
    (Persian; RFC 5892 A.1), after a virama (Indic scripts; A.2; a non-joiner only before another letter of the script),
    and between emoji. The marks that make the flags of England, Scotland and Wales stay as well.

    Examples
    --------
    >>> clean("  barn\\u200b\\u00a0 owl ")
    'barn owl'
    """
    if words.isascii() and words.isprintable():
        return " ".join(words.split())
    words = unicodedata.normalize("NFC", words)
    while True:  # a removal may bring characters together that compose
        visible = _hidden.sub(lambda match: match["flag"] or "", words)
        visible = _joiner.sub(lambda match: match[1] if _shows(match) else "", visible)
        visible = unicodedata.normalize("NFC", " ".join(visible.replace(_BLANK, " ").split()))
        if visible == words:
            return visible
        words = visible


def has_control(words: str) -> bool:
    """Whether `words` contain a control character that is no space, or half of a surrogate pair."""
    return bool(_controls.search(words))


def escape(words: str) -> str:
    """`words` with each invisible character replaced by its code point in the form `‹U+200B›`.

    Examples
    --------
    >>> escape("owl\\u200b")
    'owl‹U+200B›'
    """
    return _escaped.sub(lambda match: f"‹U+{ord(match[0]):04X}›", words)


def skeleton(words: str) -> str:
    """The skeleton of Unicode TR 39: equal for texts that can be taken for each other. It is not meant to be read.

    Examples
    --------
    >>> skeleton("\\u043ewner") == skeleton("owner"), skeleton("m") == skeleton("rn")
    (True, True)
    """
    apart = _ignorables.sub("", unicodedata.normalize("NFD", words))
    return unicodedata.normalize("NFD", apart.translate(confusables()))


def look_alike(one: str, other: str) -> bool:
    """Whether two names of people can be taken for each other.

    The rules are those of TR 39; differences in case, width, spaces and punctuation do not count either, nor the order
    of the parts of a name that runs in both directions.

    Examples
    --------
    >>> look_alike("Anna", "ANNA."), look_alike("Anna", "Hanna")
    (True, False)
    """
    return not _looks(one).isdisjoint(_looks(other))


def first_alike(name: str, others: Iterable[str]) -> str | None:
    """The first of `others`, in sorted order, that looks like `name`; or None.

    Examples
    --------
    >>> first_alike("0wner", ["Bea", "owner"])
    'owner'
    """
    return next((other for other in sorted(others) if look_alike(name, other)), None)


def _shows(match: re.Match[str]) -> bool:
    """Whether the joiner at a match changes how the text looks."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    if not before:
        return False
    last, following = before[-1], after[:1]
    if unicodedata.combining(last) == _VIRAMA:
        same_script = following != "" and ord(following) >> 7 == ord(last) >> 7  # the blocks of Indic scripts
        return match[1] == "\u200d" or (same_script and unicodedata.category(following).startswith("L"))
    if match[1] == "\u200d":
        return _is_emoji(last) and following != "" and _is_emoji(following)
    letter_before = next((letter for letter in reversed(before) if not _is_transparent(letter)), "")
    letter_after = next((letter for letter in after if not _is_transparent(letter)), "")
    return letter_before in joining_letters("next") and letter_after in joining_letters("previous")


def _is_transparent(character: str) -> bool:
    """Whether letters join across a character (Joining_Type T)."""
    return character not in _JOINERS and unicodedata.category(character) in ("Mn", "Me", "Cf")


def _is_emoji(character: str) -> bool:
    return "\U0001f000" <= character <= "\U0001faff" or character in _JOINED_SIGNS


@functools.lru_cache(4096)
def _looks(name: str) -> frozenset[str]:
    """The skeletons of a name, of the name and of its compatibility form, with case folded before and after.

    Both orders are needed: `I` looks like `l`, and `i` does not.
    """
    looks: set[str] = set()
    for form in (name, unicodedata.normalize("NFKC", _full_size(name))):
        runs = _runs(form)
        for fold_case in (str.casefold, lambda run: skeleton(run).casefold()):
            # twice: some prototypes of the table have prototypes themselves once NFD has taken them apart
            skeletons = [skeleton(skeleton(fold_case(run)))[:: -1 if leftward else 1] for leftward, run in runs]
            looks |= {"".join(skeletons), "".join(sorted(skeletons))}
    return frozenset(looks)


def _full_size(name: str) -> str:
    """`name` with capitals in the place of small capitals, some of which neither NFKC nor TR 39 covers."""
    matches = (_SMALL_CAPITAL.fullmatch(unicodedata.name(letter, "")) for letter in name)
    return "".join(match[1] if match else letter for match, letter in zip(matches, name, strict=True))


def _runs(name: str) -> list[tuple[bool, str]]:
    """The parts of a name that run to the left (True) or to the right, without spaces, punctuation and controls."""
    bare = "".join(letter for letter in name if unicodedata.category(letter)[0] not in "ZPC" and letter != _BLANK)
    bare = bare or name  # a name of punctuation alone
    runs: list[tuple[bool, str]] = []
    leftward = False
    for direction, letters in groupby(bare, unicodedata.bidirectional):
        leftward = leftward if direction == "NSM" else direction in ("R", "AL")
        run = "".join(letters)
        if runs and runs[-1][0] == leftward:
            runs[-1] = (leftward, runs[-1][1] + run)
        else:
            runs.append((leftward, run))
    return runs
