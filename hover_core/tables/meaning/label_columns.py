"""Which column holds the labels, the subsets, the groups and the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hover_core.tables.decisions import Decision
from hover_core.tables.meaning.labels import verdict_of
from hover_core.tables.meaning.profiles import MOST, ColumnProfile, TableProfile
from hover_core.tables.meaning.roles import role, role_question, unused_columns, word_set
from hover_core.tables.meaning.subsets import MOST_ASKED, nearest_subset, subset_of

NO_LABEL: Final = "no labels"
# Names of columns of labels, the surest first; the first `_PLAIN` of them are meant whatever stands beside them.
_LABELS: Final = (
    "label", "primary label", "class label", "label name", "class name", "event label", "manual id", "choice",
    "category", "class", "labels", "annotation", "common name", "species", "target", "event labels", "sound class",
    "com name", "en", "scene label", "scientific name", "sci name", "species name", "vernacular name", "taxon",
    "species code", "ebird code", "emotion", "instrument", "genre", "genre top", "keyword", "command", "digit",
    "sound event", "event type", "event", "call type", "tag", "tags", "categories", "classes", "annotations", "choices",
    "ground truth", "gt", "true label", "y", "scene", "klasse", "etikett", "etiqueta", "clase", "classe", "especie",
    "espece", "art", "kategorie", "positive labels", "human labels", "class id", "label id", "target id", "classid",
    "category id", "label text", "text label", "label str", "auto id", "english name",
    "bird name", "étiquette", "rótulo", "espèce", "метка", "класс",
    "вид", "标签", "类别",
    "ラベル", "라벨", "word",
)  # fmt: skip
_PLAIN: Final = 10
_LABEL_TOKENS: Final = word_set("label class category species annotation klasse tag classname")
_NO_LABEL_TOKENS: Final = word_set(
    "id ids file filename path url uri type source date time score confidence prob probability count num number weight"
    " secondary pred predicted prediction predictions model annotator author by version quality status index"
)
_TEXTS: Final = word_set(
    "text texts sentence sentences transcript transcription transcriptions utterance utt caption captions description"
    " lyrics comment comments remark remarks note notes title prompt phrase translation normalized"
)
_SPOKEN: Final = word_set("text transcript transcription sentence utterance word")
_FEWEST_WORDS: Final = 6  # rows of words that come again
_MOST_CLASSES: Final = 50
_ABOUT_THE_SOUND: Final = word_set(
    "locale language lang country license licence gender sex age accent accents author recordist device microphone mic"
    " site location place city region state date time format codec encoding channel channels rate samplerate bits"
    " bitrate quality rating source dataset corpus collection provider status view method weather habitat uploader user"
    " username annotator rights checked valid manufacturer model sensor month weekday season project type id uuid hash"
    " md5 sha256 batch version view selection verified reviewed how unit mode"
)
_GROUPS: Final = (
    "group", "speaker", "speaker id", "client id", "src file", "source file", "source recording", "spk", "spk id",
    "spkid", "recording", "recording id", "subject", "subject id", "patient", "patient id", "participant",
    "participant id", "talker", "singer", "individual", "individual id", "session", "session id", "fsid", "fs id",
    "actor", "speaker name", "sprecher", "locuteur", "hablante", "reader", "reader id",
)  # fmt: skip
_SUBSETS: Final = ("subset", "split", "set", "partition", "data split", "dataset split", "usage", "fold type", "phase")
_VERDICTS: Final = ("label type", "verdict", "annotation type", "judgement", "judgment")
_FEW: Final = 0.5
_MOST_DIFFERENT: Final = 0.8
_LONG_TEXT: Final = 60
_MANY_ROWS: Final = 20
_MOST_SAMPLED: Final = 50  # different words in the rows that are looked at, of a column that may be subsets


def guess_label(profile: TableProfile, used_names: Sequence[str]) -> Decision | None:
    """The decision on `label`; None where nothing looks like labels."""
    columns = unused_columns(profile, used_names)
    named = [
        column for column in columns if is_label_name(column) and not (column.words == "y" and "x" in profile.names)
    ]
    named.sort(key=_name_rank)
    full = [column for column in named if column.is_filled and not _is_other(column)]
    texts = [column.name for column in full if is_text(column)]
    labels = [column for column in full if column.name not in texts]
    if labels:
        return _of_labels(labels, named)
    if texts:
        sentence = f"“{texts[0]}” holds sentences rather than labels: say whether they are"
        return role_question("label", sentence, "", texts, NO_LABEL)
    empty = next((column.name for column in named if not column.is_filled), "")
    others = _by_content(profile, columns)
    if not others:
        sentence = f"“{empty}” holds the labels, and all are empty"
        return role("label", sentence, empty, [], NO_LABEL) if empty else None
    first = profile[others[0]]
    if profile.headless and len(others) == 1 and _is_few(first) and not first.whole:
        return role("label", f"“{first.name}” has few different words: they are the labels", first.name, [], NO_LABEL)
    sentence = f"“{first.name}” has few different words and may be the labels: say whether it is"
    return role_question("label", sentence, first.name, [*others, empty], NO_LABEL)


def _of_labels(labels: Sequence[ColumnProfile], named: Sequence[ColumnProfile]) -> Decision:
    """The decision among columns that are called like labels and may hold them; `named` has others of such names."""
    names = [column.name for column in [*labels, *named]]
    best = _with_words(labels[0], labels)
    rivals = [other.name for other in labels if _is_rival(best, other)]
    if rivals and _name_rank(best) >= _PLAIN:
        sentence = f"“{best.name}” and “{rivals[0]}” may both be the labels: say which is"
        return role_question("label", sentence, best.name, [*rivals, *names], NO_LABEL)
    empty = next((column for column in named if not column.is_filled and _name_rank(column) < _PLAIN), None)
    if empty is not None and _name_rank(empty) < _name_rank(best):
        sentence = f"“{empty.name}” is empty, and “{best.name}” may be the labels: say which is"
        return role_question("label", sentence, best.name, [empty.name, *names], NO_LABEL)
    if _is_unlike_labels(best):
        sentence = f"“{best.name}” is called like labels, but its cells are not: say whether it is"
        return role_question("label", sentence, best.name, names, NO_LABEL)
    what = "numbers of classes" if best.whole >= MOST else "the labels"
    return role("label", f"“{best.name}” holds {what}", best.name, names, NO_LABEL)


def guess_subset(profile: TableProfile, used_names: Sequence[str]) -> Decision | None:
    """The decision on `subset`: by the words in a column first, then by its name."""
    columns = [column for column in unused_columns(profile, used_names) if column.is_filled]
    named = sorted((column for column in columns if column.words in _SUBSETS), key=lambda c: _SUBSETS.index(c.words))
    by_words = [column for column in columns if _subset_share(column) > 0]
    sure = [column for column in by_words if _subset_share(column) == 1 and len(column.distinct) <= MOST_ASKED]
    candidates = [column for column in named if _is_near(column) and len(column.distinct) <= MOST_ASKED]
    one_word = [column for column in sure if column not in named and len({*map(subset_of, column.distinct)}) == 1]
    if one_word and not candidates and one_word == sure:
        sentence = f"“{one_word[0].name}” says “{next(iter(one_word[0].distinct))}” everywhere: say if it is a subset"
        return role_question("subset", sentence, "", [one_word[0].name], "not yet split")
    best = max([*candidates, *sure], key=lambda column: (_subset_share(column), column in named), default=None)
    if best is not None:
        others = [column.name for column in dict.fromkeys([*named, *by_words])]
        unlike = [column.name for column in named if column is not best and column not in by_words]
        why = f"; “{unlike[0]}” means something else" if unlike else ""
        return role("subset", f"“{best.name}” says which subset a row is in{why}", best.name, others, "not yet split")
    likely = [column for column in by_words if _subset_share(column) >= _FEW and _name_rank(column) >= len(_LABELS)]
    if likely and len(likely[0].distinct) <= MOST_ASKED:
        sentence = f"“{likely[0].name}” has words for subsets and others: say whether it says which subset a row is in"
        return role_question("subset", sentence, likely[0].name, [column.name for column in likely], "not yet split")
    if named:
        words = ", ".join(f"“{word[:20]}”" for word in list(named[0].distinct)[:3])
        sentence = f"“{named[0].name}” has no word for train, dev or test but {words}: it is taken for something else"
        return role("subset", sentence, "", [column.name for column in named])
    return None


def guess_group(profile: TableProfile, used_names: Sequence[str]) -> Decision | None:
    """The decision on `group`: by its name."""
    columns = [column for column in unused_columns(profile, used_names) if column.is_filled]
    named = [column for column in columns if column.words in _GROUPS]
    named.sort(key=lambda column: _GROUPS.index(column.words))
    if not named:
        return None
    best = named[0]
    sentence = f"“{best.name}” says what belongs together and is never split across subsets"
    return role("group", sentence, best.name, [column.name for column in named], "no groups")


def guess_verdict(profile: TableProfile, used_names: Sequence[str]) -> Decision | None:
    """The decision on `verdict`: a column named so whose words all mean yes, no or unsure."""
    for column in unused_columns(profile, used_names):
        words = (
            list(column.distinct)
            if column.words in _VERDICTS and len(set(column.filled_cells)) <= _MOST_SAMPLED
            else []
        )
        if words and all(map(verdict_of, words)):
            quoted = ", ".join(f"“{word}” means {verdict_of(word)}" for word in words[:4])
            return role(
                "verdict", f"“{column.name}” says how sure a label is: {quoted}", column.name, [], "of no meaning"
            )
    return None


def is_label_name(column: ColumnProfile) -> bool:
    """Whether a column is called like labels."""
    return _name_rank(column) <= len(_LABELS)


def is_text(column: ColumnProfile) -> bool:
    """Whether a column holds sentences: long, or several words and different in nearly every row."""
    if not column.filled_cells:
        return False
    if column.tokens & _TEXTS and column.words not in _LABELS:
        return True
    words = sum(len(cell.split()) for cell in column.filled_cells) / len(column.filled_cells)
    length = sum(map(len, column.filled_cells)) / len(column.filled_cells)
    few = len(set(column.filled_cells)) <= _FEW * len(column.filled_cells)
    return not few and not column.json and (length > _LONG_TEXT or (len(column.filled_cells) >= 4 and words >= 3.5))


def _name_rank(column: ColumnProfile) -> int:
    if column.words in _LABELS:
        return _LABELS.index(column.words)
    if column.tokens & _LABEL_TOKENS and not column.tokens & (_NO_LABEL_TOKENS | _TEXTS):
        return len(_LABELS)
    return len(_LABELS) + 1


def _is_other(column: ColumnProfile) -> bool:
    """Whether the cells cannot be labels, whatever the column is called."""
    return column.sound > _FEW or column.address > _FEW or column.date > _FEW


def _is_unlike_labels(column: ColumnProfile) -> bool:
    """Whether a column is different in nearly every row, or holds fractions."""
    if column.number >= MOST and column.whole < _FEW:
        return True
    return len(column.filled_cells) >= _MANY_ROWS and len(set(column.filled_cells)) > 0.9 * len(column.filled_cells)


def _with_words(best: ColumnProfile, labels: Sequence[ColumnProfile]) -> ColumnProfile:
    """A column of words in the place of one of numbers that goes with it."""
    if best.whole < MOST:
        return best
    return next((other for other in labels if other.whole < MOST and _go_together(best, other)), best)


def _go_together(one: ColumnProfile, other: ColumnProfile) -> bool:
    """Whether two columns name the same classes: each word of one stands beside one word of the other."""
    there: dict[str, set[str]] = {}
    back: dict[str, set[str]] = {}
    for a, b in zip(one.cells, other.cells, strict=True):
        if a and b:
            there.setdefault(a, set()).add(b)
            back.setdefault(b, set()).add(a)
    return bool(there) and all(len(words) == 1 for words in [*there.values(), *back.values()])


def _is_rival(best: ColumnProfile, other: ColumnProfile) -> bool:
    """Whether another column may as well be the labels: named like them, of few words, and saying something else."""
    if other is best or other.words == "auto id" or _is_unlike_labels(other):
        return False
    words = {cell.casefold() for cell in other.filled_cells}
    return len(words) > 1 and not _go_together(best, other)


def _by_content(profile: TableProfile, columns: Iterable[ColumnProfile]) -> list[str]:
    """Columns that may be labels by what is in them: a few short words that come again."""
    names = []
    for column in columns:
        if not column.filled_cells or _is_other(column) or column.json:
            continue
        if (
            profile.headless
            and column.whole >= MOST
            and _is_few(column)
            and len(set(column.filled_cells)) <= _MOST_CLASSES
        ):
            names.append(column.name)  # numbers of classes, of which no header says so
            continue
        if _is_word_list(column):
            names.append(column.name)
            continue
        if is_text(column) or column.number > _FEW:
            continue
        if (
            column.words in (*_GROUPS, *_SUBSETS)
            or column.clock > _FEW
            or column.tokens & (_ABOUT_THE_SOUND | _TEXTS | _NO_LABEL_TOKENS)
            or column.folders > _FEW
        ):
            continue
        distinct, rows = len(set(column.filled_cells)), len(column.filled_cells)
        constant = distinct == 1 and not profile.headless
        again = distinct < rows if rows < _MANY_ROWS else distinct < _MOST_DIFFERENT * rows
        if rows >= 3 and again and not constant and _subset_share(column) == 0:
            names.append(column.name)
    return names


def _is_word_list(column: ColumnProfile) -> bool:
    """Whether a column that is called like texts holds a few single words that come again."""
    words = set(column.filled_cells)
    single = all(" " not in word and len(word) <= _LONG_TEXT for word in words)
    return bool(column.tokens & _SPOKEN) and len(column.filled_cells) >= _FEWEST_WORDS and single and _is_few(column)


def _is_near(column: ColumnProfile) -> bool:
    """Whether a word of a column means a subset or has such a word in it."""
    words = list(column.distinct) if len(set(column.filled_cells)) <= _MOST_SAMPLED else []
    return any({subset_of(word) or nearest_subset(word) for word in words} - {"", "raw"})


def _is_few(column: ColumnProfile) -> bool:
    return len(set(column.filled_cells)) <= _FEW * len(column.filled_cells)


def _subset_share(column: ColumnProfile) -> float:
    """The share of the words of a column that mean a subset, if one of them is more than raw."""
    words = list(column.distinct) if len(set(column.filled_cells)) <= _MOST_SAMPLED else []
    known = [subset_of(word) for word in words]
    return sum(map(bool, known)) / len(words) if any(known) and set(known) - {"", "raw"} else 0.0
