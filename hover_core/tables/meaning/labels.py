"""Words of labels: lists in a cell, one word in two cases, words for a verdict, and what becomes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hover_core.data.names import clean
from hover_core.errors import TableError
from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.cells import is_missing, missing_words

VERDICTS: Final = {
    **dict.fromkeys(("positive", "pos", "yes", "present", "true", "1", "correct"), "yes"),
    **dict.fromkeys(("negative", "neg", "no", "absent", "false", "0", "incorrect", "-1"), "no"),
    **dict.fromkeys(("uncertain", "unsure", "unknown", "unclear", "maybe"), "unsure"),
}
SEPARATORS: Final = (";", "|", ",")
_PLURAL: Final = re.compile(r"\b(?:labels|tags|classes|categories|annotations|events)\b")
_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")  # as Python and numpy print a list
AS_THEY_ARE: Final = {  # decisions on the words of a table that we wrote: each word there is a name that somebody gave
    "missing:label": "word", "missing:group": "word", "unknown:group": "word", "minus_one": "label",
    "label_list": "whole",
}  # fmt: skip
_NOBODY: Final = ("unknown", "unk", "anonymous")
_LONGEST_LIST: Final = 20_000  # characters of a cell that is taken for a list
_SHOWN: Final = 6  # words in a sentence


def verdict_of(word: str) -> str:
    """`yes`, `no` or `unsure` for a word such as positive, negative or uncertain; empty for a word that is none.

    A missing word is `yes`: nothing is said against the label.
    """
    return "yes" if is_missing(word) else VERDICTS.get(clean(word).lower(), "")


def labels_in(cell: str, separator: str = "") -> list[str]:
    """The labels in a cell: of a JSON or Python list, of `{"choices": […]}`, or of words with a separator between.

    Examples
    --------
    >>> labels_in('["dog", "cat"]'), labels_in("dog;cat", ";"), labels_in("dog;cat")
    (['dog', 'cat'], ['dog', 'cat'], ['dog;cat'])
    """
    text = cell.strip()
    if is_missing(text):
        return []
    value = _literal(text)
    if isinstance(value, dict):
        value = next((part for part in value.values() if isinstance(part, list)), None)
    if isinstance(value, list | tuple) and not any(isinstance(part, dict | list | tuple) for part in value):
        words = ["" if part is None else str(part).strip() for part in value]
        return [word for word in words if not is_missing(word)]
    if separator:
        return [part.strip() for part in text.split(separator) if not is_missing(part)]
    return [text]


def list_separator(words: Mapping[str, int] | Iterable[str], name: str = "") -> str:
    """What stands between the labels of a cell where cells are clearly lists; empty where they are not.

    A separator divides lists if its parts come again: most of them alone in a cell or in several cells. A comma may be
    part of a name (`Wren, Eurasian`), so it divides only if nearly all parts stand alone somewhere, or the column has a
    plural for a name and parts without spaces after the comma.
    """
    cells = [word.strip() for word in words if not is_missing(word) and not _is_literal(word)]
    alone = set(cells)
    for separator in SEPARATORS:
        lists = [cell.split(separator) for cell in cells if separator in cell.strip(separator)]
        if not lists:
            continue
        parts = [part.strip() for cell in lists for part in cell]
        if "" in parts and separator == ",":
            continue
        counts: dict[str, int] = {}
        for part in parts:
            counts[part] = counts.get(part, 0) + 1
        again = sum(part in alone or counts[part] > 1 for part in counts) / len(counts)
        plural = bool(_PLURAL.search(name))
        tight = all(not part.startswith(" ") for cell in lists for part in cell)
        if separator == ",":
            stands_alone = sum(part in alone for part in counts) / len(counts)
            if stands_alone >= 0.9 or (plural and tight):
                return separator
        elif again >= 0.5 or plural or (tight and len(lists) > 1):
            return separator
    return ""


def label_decisions(words: Mapping[str, int], name: str) -> list[Decision]:
    """What is to be said about the words of a column of labels: missing ones, −1, lists, and case.

    Parameters
    ----------
    words : every word of the column and how many rows have it.
    name : of the column, in small words.
    """
    decisions = [*_missing(words, "label"), *_minus_one(words)]
    separator = list_separator(words, name)
    lists = {word: count for word, count in words.items() if len(labels_in(word, separator)) > 1}
    if lists:
        rows, example = sum(lists.values()), max(lists, key=lambda word: lists[word])
        decisions.append(
            Decision(
                "label_list",
                f"{rows:,} {'rows have' if rows != 1 else 'row has'} several labels in a cell, as in “{example[:60]}”:"
                " the first one becomes the label, the cell stays in its column",
                "first",
                (Choice("refuse", "leave these rows out"), Choice("whole", "the whole cell is one label")),
            )
        )
    elif any(labels_in(word, separator) not in ([], [word.strip()]) for word in words):
        sentence = "The labels are written as lists of one, as in [“dog”]: they are read without the brackets"
        decisions.append(Decision("label_list", sentence, "first", (Choice("whole", "with their brackets"),)))
    return [*decisions, *_case(words, separator)]


def group_decisions(words: Mapping[str, int]) -> list[Decision]:
    """What is to be said about missing words in a column of groups."""
    decisions = _missing(words, "group")
    nobody = {word: count for word, count in words.items() if clean(word).lower() in _NOBODY}
    if nobody:
        quoted = ", ".join(f"“{word}”" for word in nobody)
        decisions.append(
            Decision(
                "unknown:group",
                f"{sum(nobody.values()):,} rows have {quoted} for their group: they are read as rows without a group",
                "empty",
                (Choice("word", "one group of this name"),),
            )
        )
    return decisions


def group_reader(decisions: Iterable[Decision]) -> Callable[[str], str]:
    """A function from a cell to the name of its group, as the decisions of `group_decisions` say; empty for none."""
    values = {decision.about: decision.value for decision in decisions}
    missing, unknown = values.get("missing:group") != "word", values.get("unknown:group") == "empty"

    def read(cell: str) -> str:
        name = clean(cell)
        return "" if (missing and is_missing(name)) or (unknown and name.lower() in _NOBODY) else name

    return read


def label_reader(words: Mapping[str, int], name: str, decisions: Iterable[Decision]) -> Callable[[str], str]:
    """A function from a cell to the name of its label, as the decisions say; empty for none.

    Parameters
    ----------
    words : every word of the column and how many rows have it.
    name : of the column.
    decisions : those of `label_decisions`, with the values that a person has chosen.

    The function raises `TableError` for a list whose rows are left out. What no decision is about stays as it is, but
    missing words, which are no label.
    """
    values = {decision.about: decision.value for decision in decisions}
    lists = values.get("label_list", "whole")
    separator = list_separator(words, name) if lists != "whole" else ""
    keep_words = values.get("missing:label") == "word"
    spellings = _spellings(words, separator) if values.get("label_case") == "merge" else {}

    def read(cell: str) -> str:
        text = cell.strip()
        if is_missing(text):
            return text if keep_words else ""
        if text == "-1" and values.get("minus_one") == "empty":
            return ""
        labels = [text] if lists == "whole" else labels_in(text, separator)
        if len(labels) > 1 and lists == "refuse":
            raise TableError(f"the cell has {len(labels)} labels, “{text[:60]}”: rows with several are left out")
        label = clean(labels[0]) if labels else ""
        return "" if label == "ABSTAIN" else spellings.get(label, label)

    return read


def _literal(text: str) -> Any:
    """The list or object that a cell holds, in JSON or as Python writes it; None for none."""
    if not _is_literal(text) or len(text) > _LONGEST_LIST:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[0] != "[":
        return None
    words = [match[1] if match[1] is not None else match[2] for match in _QUOTED.finditer(text)]
    if words or "," not in text:  # `[noise]` is a word in brackets
        return words or None
    return text[1:-1].split(",")


def _is_literal(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] + text[-1] in ("[]", "{}")


def _missing(words: Mapping[str, int], role: str) -> list[Decision]:
    counts = missing_words(words)
    if not counts:
        return []
    rows = sum(count for word, count in words.items() if word.strip() in counts)
    quoted = ", ".join(f"“{word}”" for word in counts)
    sentence = f"1 row says {quoted}: it is read as empty and has no {role}"
    if rows != 1:
        sentence = f"{rows:,} rows say {quoted}: they are read as empty and have no {role}"
    return [Decision(f"missing:{role}", sentence, "empty", (Choice("word", f"a {role} of this name"),))]


def _minus_one(words: Mapping[str, int]) -> list[Decision]:
    numbers = {word for word in words if not is_missing(word)}
    if "-1" not in numbers or not all(re.fullmatch(r"-?\d+", word) for word in numbers) or len(numbers) < 2:
        return []
    rows = f"{words['-1']:,} {'rows have' if words['-1'] != 1 else 'row has'}"
    sentence = f"{rows} the class −1, which often means that there is none: say what it is"
    return [
        Decision("minus_one", sentence, "empty", (Choice("empty", "no label"), Choice("label", "a class")), sure=False)
    ]


def _case(words: Mapping[str, int], separator: str) -> list[Decision]:
    merged = _spellings(words, separator)
    if not merged:
        return []
    by_name: dict[str, list[str]] = {}
    for word, name in merged.items():
        by_name.setdefault(name, []).append(word)
    pairs = [" = ".join(f"“{word}”" for word in (name, *others)) for name, others in by_name.items()]
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    sentence = f"Some labels differ by case alone and stay apart: {', '.join(pairs[:_SHOWN])}{more}"
    return [Decision("label_case", sentence, "keep", (Choice("merge", "one label each, in the commonest spelling"),))]


def _spellings(words: Mapping[str, int], separator: str) -> dict[str, str]:
    """Label → the commonest spelling of it in another case; only labels that have one."""
    counts: dict[str, int] = {}
    for word, count in words.items():
        for label in map(clean, labels_in(word, separator)):
            counts[label] = counts.get(label, 0) + count
    by_fold: dict[str, list[str]] = {}
    for label in counts:
        by_fold.setdefault(label.casefold(), []).append(label)
    merged = {}
    for spellings in by_fold.values():
        best = max(spellings, key=lambda label: (counts[label], label))
        merged.update({label: best for label in spellings if label != best})
    return merged
