"""Names that people give, of labels, groups, datasets and themselves: what does not show is taken out, and names of
people that look alike are told apart.

`clean` makes one text of all that look the same because they differ in invisible characters, direction marks, spaces or
the order of combining marks. It leaves letters alone: `0` and `O` stay two. `look_alike` compares what is left by its
look, as Unicode TR 39 has it (https://www.unicode.org/reports/tr39/); it is for people's names only.
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
# soft hyphen, variation selectors, fillers, tags, and what Unicode reserves for more of the kind.
_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL: Final = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff"  # those that are spaces to Python are not in it
_ANNOTATION: Final = "\ufff9-\ufffb"  # interlinear: invisible, though not ignorable
_JOINERS: Final = "\u200c\u200d"  # zero-width non-joiner, zero-width joiner
_FLAGS: Final = "|".join(  # of England, Scotland and Wales: a black flag, letters that do not show, an end
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
_BLANK: Final = "\u2800"  # the Braille pattern without dots: no space to Unicode, and looks like one
# ♀ ♂ ⚕ and the like: what stands in joined emoji beside the blocks of emoji
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
    """`words` in NFC, without characters that do not show, with single spaces; the same for texts that look the same.

    Taken out are zero-width and direction marks, soft hyphens, variation selectors, fillers and controls. Every kind of
    space becomes an ordinary one. A joiner stays only where it shows: between letters that would join (Persian, as RFC
    5892 A.1 says), after a virama (Indic scripts, A.2; a non-joiner only before another letter of the script), and
    between emoji. So do the marks that make the flags of England, Scotland and Wales.
    """
    if words.isascii() and words.isprintable():
        return " ".join(words.split())
    words = unicodedata.normalize("NFC", words)
    while True:  # what is taken out may bring characters together that compose
        shown = _hidden.sub(lambda match: match["flag"] or "", words)
        shown = _joiner.sub(lambda match: match[1] if _shows(match) else "", shown)
        shown = unicodedata.normalize("NFC", " ".join(shown.replace(_BLANK, " ").split()))
        if shown == words:
            return shown
        words = shown


def has_control(words: str) -> bool:
    """Whether `words` hold a control character that is no space, or half of a surrogate pair."""
    return bool(_controls.search(words))


def escape(words: str) -> str:
    """`words` with everything that does not show as its code point, as `‹U+200B›`."""
    return _escaped.sub(lambda match: f"‹U+{ord(match[0]):04X}›", words)


def skeleton(words: str) -> str:
    """The skeleton of Unicode TR 39: the same for two texts that can be taken for each other, and for no eye to read.

    Examples
    --------
    >>> skeleton("\\u043ewner") == skeleton("owner"), skeleton("m") == skeleton("rn")
    (True, True)
    """
    apart = _ignorables.sub("", unicodedata.normalize("NFD", words))
    return unicodedata.normalize("NFD", apart.translate(confusables()))


def look_alike(one: str, other: str) -> bool:
    """Whether two names of people can be taken for each other.

    Beside TR 39, case, width, spaces and punctuation do not tell names apart, nor does the order in which the parts of
    a name are written that runs in both directions.
    """
    return not _looks(one).isdisjoint(_looks(other))


def first_alike(name: str, others: Iterable[str]) -> str | None:
    """The first of some names that looks like `name`, or None."""
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
    left = next((letter for letter in reversed(before) if not _is_transparent(letter)), "")
    right = next((letter for letter in after if not _is_transparent(letter)), "")
    return left in joining_letters("next") and right in joining_letters("previous")


def _is_transparent(character: str) -> bool:
    """Whether letters join across a character (Joining_Type T)."""
    return character not in _JOINERS and unicodedata.category(character) in ("Mn", "Me", "Cf")


def _is_emoji(character: str) -> bool:
    return "\U0001f000" <= character <= "\U0001faff" or character in _JOINED_SIGNS


@functools.lru_cache(4096)
def _looks(name: str) -> frozenset[str]:
    """What a name can be taken for: skeletons of it as it is and in its compatibility form, before and after folding
    case, for `I` looks like `l` and `i` does not."""
    found: set[str] = set()
    for form in (name, unicodedata.normalize("NFKC", _full_size(name))):
        runs = _runs(form)
        for fold in (str.casefold, lambda run: skeleton(run).casefold()):
            # twice: some prototypes of the table have prototypes themselves once NFD has taken them apart
            seen = [skeleton(skeleton(fold(run)))[:: -1 if leftward else 1] for leftward, run in runs]
            found |= {"".join(seen), "".join(sorted(seen))}
    return frozenset(found)


def _full_size(name: str) -> str:
    """`name` with ordinary letters for small capitals, which neither NFKC nor TR 39 knows all of."""
    found = (_SMALL_CAPITAL.fullmatch(unicodedata.name(letter, "")) for letter in name)
    return "".join(match[1] if match else letter for match, letter in zip(found, name, strict=True))


def _runs(name: str) -> list[tuple[bool, str]]:
    """The parts of a name that run to the left (True) or to the right, without what does not tell names apart."""
    bare = "".join(letter for letter in name if unicodedata.category(letter)[0] not in "ZPC" and letter != _BLANK)
    bare = bare or name  # of punctuation alone
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
