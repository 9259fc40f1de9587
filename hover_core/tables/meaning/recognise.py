"""Which column of a table means what, by its name and by what is in it, with what else could be meant.

A guess that is taken is a `Decision` with its alternatives; where a table does not say, it is one with `sure=False`.
Besides the roles of `intake.Columns`, `about` can be: `decimal`; `missing:` with a role behind it (`empty`, `word`);
`unknown:group` (`empty`, `word`); `minus_one` (`empty`, `label`); `label_case` (`keep`, `merge`); `label_list`
(`first`, `refuse`, `whole`); `label_twice` (`first`, `refuse`); and `subset:` with an unknown word behind it (a subset,
`refuse`).
`labels.label_reader`, `labels.group_reader`, `subsets.subset_reader` and `cells.seconds_of` read cells as these say;
what to do with a clip that has two labels is the reader's of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from hover_core.data import credentials
from hover_core.errors import TableError
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning.class_columns import MARKED_CLASSES, class_labels, guess_classes, is_marked
from hover_core.tables.meaning.label_columns import (
    guess_group,
    guess_label,
    guess_subset,
    guess_verdict,
    is_label_name,
    is_text,
)
from hover_core.tables.meaning.labels import AS_THEY_ARE, group_decisions, label_decisions, label_reader
from hover_core.tables.meaning.patterns import pattern_columns
from hover_core.tables.meaning.profiles import TableProfile, is_sound
from hover_core.tables.meaning.roles import answer, role, settle, unused_columns
from hover_core.tables.meaning.sound_columns import ENDINGS, guess_pattern, guess_sounds
from hover_core.tables.meaning.stretches import guess_stretches, time_decisions
from hover_core.tables.meaning.subsets import folder_subset, folders_of, subset_of, subset_questions
from hover_core.tables.rows import RawTable

ROLES: Final = tuple(part.name for part in fields(Columns))
SUBSET_OF_FOLDERS: Final = "subset (folder)"  # columns that this module adds
LABEL_OF_FOLDERS: Final = "label (folder)"
_ADDED: Final = (SUBSET_OF_FOLDERS, LABEL_OF_FOLDERS, MARKED_CLASSES)
_NAME: Final = "\0name"  # no column of a file is called so
_OUR_ID: Final = re.compile(r"[0-9a-f]{20}")
_IDS: Final = ("id", "clip id")
_TABLE_ENDING: Final = re.compile(
    r"(?:\.Table\.\d+)?(?:\.BirdNET)?(?:[._-](?:selections?(?:[._]table)?|results?|labels?|annotations?|events))?"
    r"\.(?:txt|csv|tsv|json|jsonl|xlsx|parquet|ann)$",
    re.IGNORECASE,
)
_STRETCH: Final = ("start", "end", "length")
_SAID: Final = {"label": "Labels", "group": "What belongs together", "subset": "Subsets"}


def recognise(
    table: RawTable,
    *,
    roles: Mapping[str, str | Decision] | None = None,
    fixed_answers: Mapping[str, str] | None = None,
    answers: Mapping[str, str] | None = None,
    name: str = "",
) -> tuple[Columns, list[Decision]]:
    """What the columns of a table mean, and what was decided or is to be asked.

    Parameters
    ----------
    table : rows of text. A column `SUBSET_OF_FOLDERS` is added to it if folders of the addresses name subsets.
    roles : the columns that are known, by role, as from a known format.
    fixed_answers : what else is known of the format, by `about`; it is said where it matters.
    answers : what a person chose, by `about` of the decisions.
    name : of the file; it names the recording where no column does.

    Raises
    ------
    TableError
        A role that a person chose is given to a column that is not in the table.
    """
    guess = _Guess(table, roles or {}, answers or {}, name)
    guess.fixed_answers = fixed_answers or {}
    guess.guess_places()
    guess.guess_rest()
    guess.say_words()
    return guess.columns(), guess.decisions


class _Guess:
    """Roles as they are given one after the other; a column has one role."""

    def __init__(
        self, table: RawTable, roles: Mapping[str, str | Decision], answers: Mapping[str, str], name: str
    ) -> None:
        self.table = table
        self.name = name
        self.profile = TableProfile(table)
        self.roles = roles
        self.fixed_answers: Mapping[str, str] = {}
        self.answers = answers
        self.values: dict[str, str] = {}
        self.decisions: list[Decision] = []
        for about, value in answers.items():
            self._check(about, value)

    def columns(self) -> Columns:
        """The roles that were given."""
        values = {about: value for about, value in self.values.items() if about in ROLES and value}
        if values.get("pattern"):
            values.pop("audio", None)
        return Columns(**values)

    def guess_places(self) -> None:
        """Which sound a row is about, and which stretch of it."""
        self._take("audio", None if "audio" in self.roles else guess_sounds(self.profile))
        audio = self.values["audio"]
        known = "pattern" in self.roles or not audio
        self._take("pattern", None if known else guess_pattern(self.profile, audio))
        if self.values["pattern"]:  # it says which column, too
            self.decisions = [part for part in self.decisions if part.about != "audio" or not part.sure]
        self._take_stretches()
        if not audio and not self.values["pattern"] and self._has_stretches():
            self._take_recording()

    def guess_rest(self) -> None:
        """What is known about a clip."""
        self._take_ids()
        used_names = self._used_names()
        self._take("verdict", guess_verdict(self.profile, used_names))
        if all(self.profile.called(name) for name in ("annotator", "annotated_at", "how")):
            for about in ("annotator", "annotated_at", "how"):
                self._take(
                    about, role(about, f"“{about}” is taken over as in our tables", self.profile.called(about), [])
                )
        reference = self.profile.called("reference")
        if reference and self.profile[reference].sound < 0.5 and reference not in used_names:
            sentence = f"“{reference}” is kept aside to score against and never shown to annotators"
            self._take("reference", role("reference", sentence, reference, []))
        self._take_label()
        self._take("subset", guess_subset(self.profile, self._used_names()))
        self._take("group", guess_group(self.profile, self._used_names()))
        if not self.values["subset"]:
            self._take_folders()

    def say_words(self) -> None:
        """What is to be said about the words in the columns that were chosen."""
        if self.values["label"]:
            column = self.profile[self.values["label"]]
            self._add(label_decisions(column.counts, column.words))
            self._add(self._labels_twice(self.values["label"]))
        if self.values["group"]:
            self._add(group_decisions(self.profile[self.values["group"]].counts))
        for about, meaning in (*((time, "no time") for time in _STRETCH), ("subset", "not yet split")):
            if self.values[about] and self.values[about] in self.profile.columns:
                self._add(self._missing(about, meaning))
        if self.values["subset"] and self.values["subset"] in self.profile.columns:
            self._add(subset_questions(self.profile[self.values["subset"]].counts.items()))

    def _missing(self, about: str, meaning: str) -> list[Decision]:
        """The words for “nothing” in a column of times or subsets."""
        column = self.profile[self.values[about]]
        counts = column.missing
        if not counts:
            return []
        quoted = ", ".join(f"“{word}”" for word in counts)
        rows = sum(counts.values())
        sentence = f"{rows:,} {'rows say' if rows != 1 else 'row says'} {quoted} in “{column.name}”: {meaning}"
        return [Decision(f"missing:{about}", sentence, "empty")]

    def _check(self, about: str, value: str) -> None:
        names = self.profile.columns.keys()
        if about == "pattern" and value:
            pattern_columns(value, names)
        elif about in ROLES and about not in ("pattern", "time_unit") and value not in {"", *_ADDED, *names}:
            raise TableError(f"{about}={credentials.mask_credentials(value)[:60]!r} is no column of the table")

    def _take(self, about: str, decision: Decision | None) -> None:
        """Give a role: as a person chose, as the format has it, or as it was guessed."""
        known = self.roles.get(about)
        if about == "pattern" and "audio" in self.answers and about not in self.answers:
            known = None  # a person chose the column
        if isinstance(known, Decision):
            decision = known
        elif known is not None:
            decision = self._known(about, known, decision)
        if decision is None and about in self.answers:
            decision = Decision(about, "Nothing was taken", "")
        if decision is not None:
            self._add([decision])
        self.values[about] = self.decisions[-1].value if decision is not None else str(known or "")

    def _known(self, about: str, value: str, guessed: Decision | None) -> Decision | None:
        """The decision on a role that a format gives, with what would have been guessed as a choice."""
        if about not in _SAID and about not in self.answers:
            return None
        others = [guessed.value, *(choice.value for choice in guessed.choices)] if guessed else []
        if not value and not any(others) and about not in self.answers:
            return None
        sentence = f"{_SAID.get(about, about)}: “{value}”" if value else f"{_SAID.get(about, about)}: none"
        return role(about, sentence, value, others)

    def _add(self, decisions: Iterable[Decision]) -> None:
        by_format = [settle(decision, self.fixed_answers) for decision in decisions]
        self.decisions += [answer(decision, self.answers) for decision in by_format]

    def _used_names(self) -> list[str]:
        pattern = self.values.get("pattern", "")
        in_pattern = pattern_columns(pattern, self.profile.columns) if pattern else []
        return [value for about, value in self.values.items() if value and about != "pattern"] + in_pattern

    def _sound_columns(self) -> list[str]:
        pattern = self.values["pattern"]
        if pattern:
            return pattern_columns(pattern, self.profile.columns)
        return [self.values["audio"]] if self.values["audio"] else []

    def _take_stretches(self) -> None:
        if any(about in self.roles for about in _STRETCH):
            for about in _STRETCH:
                self._take(about, None)
            times = [self.profile[self.values[about]] for about in _STRETCH if self.values[about]]
            guessed = time_decisions(times) if times else []
        else:
            guessed = guess_stretches(self.profile, self._sound_columns(), self._used_names())
        by_about = {decision.about: decision for decision in guessed}
        for about in _STRETCH:
            if about not in self.roles:
                self._take(about, None if self._needs_none(about, by_about) else by_about.get(about))
        if self._has_stretches():
            self._take("time_unit", by_about.get("time_unit"))
            self._take_decimal(by_about.get("decimal"))

    def _needs_none(self, about: str, guessed: Mapping[str, Decision]) -> bool:
        """Whether a role of stretches falls away with what was taken or chosen for another."""
        if about == "start" or about in self.answers:
            return False
        if not self.values["start"] and "start" in guessed:
            return True
        return bool(self.values.get("end") if about == "length" else self.answers.get("length"))

    def _has_stretches(self) -> bool:
        return any(self.values[about] for about in _STRETCH)

    def _take_decimal(self, decision: Decision | None) -> None:
        """The decimal mark of times, unless the reader has said it, and rightly so for these columns."""
        marks = [part.value for part in self.table.decisions if part.about == "decimal"]
        cells = [
            cell for about in _STRETCH if self.values[about] for cell in self.profile[self.values[about]].filled_cells
        ]
        if not marks:
            self._add([decision] if decision is not None else [])
        elif marks[-1] == "," and any("." in cell for cell in cells) and not any("," in cell for cell in cells):
            self._add([Decision("decimal", "A point begins the fraction of a time, unlike in other columns", ".")])

    def _take_recording(self) -> None:
        """The recording that the name of the file names, where no column names one."""
        recording = recording_name(self.name)
        if not recording or not self._is_one_recording():
            return
        files = [recording] if is_sound(recording) else [f"{recording}.{ending}" for ending in ENDINGS]
        sentence = "No column names the recording, and the name of the file may: say which recording it is"
        choices = (*(Choice(file, f"the recording “{file}”") for file in files), Choice("", "a column names it"))
        self._take("pattern", Decision("pattern", sentence, files[0], choices, sure=False))
        if self.values["pattern"]:
            self.decisions = [decision for decision in self.decisions if decision.about != "audio"]

    def _is_one_recording(self) -> bool:
        """Whether all rows can be of one recording: times rise, and no column has another word in each row."""
        start = self.profile[self.values["start"] or self.values["end"] or self.values["length"]]
        times = [time for time in start.seconds if time is not None]
        names = [
            column
            for column in unused_columns(self.profile, self._used_names())
            if len(column.filled_cells) > 1
            and len(set(column.filled_cells)) == len(column.filled_cells)
            and column.number < 1
        ]
        other = (is_text(column) or is_label_name(column) or column.json or column.clock for column in names)
        return times == sorted(times) and all(other)

    def _take_ids(self) -> None:
        if "own_id" in self.roles:
            return self._take("own_id", None)
        used_names = self._used_names()
        columns = [column for column in self.profile if column.words in _IDS and column.name not in used_names]
        ours = next(
            (column for column in columns if column.filled_cells and all(map(_OUR_ID.fullmatch, column.filled_cells))),
            None,
        )
        if ours is not None:
            self.fixed_answers = {**AS_THEY_ARE, **self.fixed_answers}
            return self._take("own_id", role("own_id", f"“{ours.name}” names clips as our tables do", ours.name, []))
        if not columns:
            return self._take("own_id", None)
        column = columns[0]
        why = "it counts rows" if column.whole == 1 else "another table may have the same ones"
        sentence = f"“{column.name}” does not name clips, for {why}: their addresses do"
        choices = (Choice(column.name, f"“{column.name}” names clips"),)
        return self._take("own_id", Decision("own_id", sentence, "", choices))

    def _take_folders(self) -> None:
        """Subsets by the folders of the addresses."""
        columns = self._sound_columns()
        if not columns or "subset" in self.roles or self.answers.get("subset", SUBSET_OF_FOLDERS) != SUBSET_OF_FOLDERS:
            return
        cells = ["/".join(parts) for parts in zip(*(self.profile[name].cells for name in columns), strict=True)]
        subsets = [folder_subset(cell) for cell in cells]
        if (
            not any(subsets)
            or sum(map(bool, subsets)) < 0.5 * len([cell for cell in cells if cell])
            or len(set(subsets)) < 2
        ):
            return
        before = [decision for decision in self.decisions if decision.about == "subset"]
        self.decisions = [decision for decision in self.decisions if decision.about != "subset"]
        others = tuple(choice for decision in before for choice in decision.choices if choice.value)
        words = ", ".join(sorted(set(subsets) - {""}))
        choices = (Choice("", "not yet split"), *others)
        self._take(
            "subset", Decision("subset", f"The folders of the sounds name subsets: {words}", SUBSET_OF_FOLDERS, choices)
        )
        if self.values["subset"] == SUBSET_OF_FOLDERS:
            add_column(
                self.table, SUBSET_OF_FOLDERS, [folder_subset(address) for address in _addresses(self.table, columns)]
            )

    def _take_label(self) -> None:
        """The label: a column, or one that is made of folders or of columns of classes if a person says so."""
        decision = guess_label(self.profile, self._used_names()) or guess_classes(self.profile, self._used_names())
        used_names = self._used_names()
        self._take("label", decision or self._label_of_folders())
        label = self.values["label"]
        if label == LABEL_OF_FOLDERS:
            folders = map(folders_of, _addresses(self.table, self._sound_columns()))
            self._add_column(label, [parts[-1] if parts else "" for parts in folders])
        elif label == MARKED_CLASSES and label not in self.profile.columns:
            marked = [column.name for column in unused_columns(self.profile, used_names) if is_marked(column)]
            self._add_column(label, class_labels(self.table, marked, label))

    def _add_column(self, name: str, cells: list[str]) -> None:
        add_column(self.table, name, cells)
        self.profile = TableProfile(self.table)

    def _label_of_folders(self) -> Decision | None:
        """Where no column holds labels, the folders of the sounds may: the last folder of each."""
        columns = self._sound_columns()
        if not columns or "label" in self.roles:
            return None
        cells = ["/".join(parts) for parts in zip(*(self.profile[name].cells for name in columns), strict=True)]
        folders = [parts[-1] if parts else "" for parts in map(folders_of, cells)]
        words = set(folders)
        few = 1 < len(words) <= 0.5 * len(folders) and "" not in words
        if not few or any(map(subset_of, words)) or all(word.isdecimal() for word in words):
            return None
        shown = ", ".join(f"“{word}”" for word in sorted(words)[:3])
        choices = (Choice(LABEL_OF_FOLDERS, "the folders of the sounds"),)
        return Decision("label", f"No column holds labels; the folders of the sounds may ({shown} …)", "", choices)

    def _labels_twice(self, label: str) -> list[Decision]:
        """One clip with different labels in several rows."""
        places = [*self._sound_columns(), *(self.values[about] for about in _STRETCH if self.values[about])]
        if not places or self.values["own_id"] or self.values["verdict"]:
            return []
        rows = self.table.frame[[*dict.fromkeys(places)]]
        again = rows[rows.duplicated(keep=False)]
        if not len(again):
            return []
        words = self.table.frame[label].loc[again.index]
        names = self._label_names(label, map(str, words.unique()))
        again = again.assign(**{_NAME: words.map(names)})
        again = again[again[_NAME] != ""]
        several = again.drop_duplicates().duplicated(places).sum()
        if not several:
            return []
        gives = "rows give" if several != 1 else "row gives"
        sentence = f"{several:,} {gives} a clip another label than an earlier row: the first one becomes the label"
        return [Decision("label_twice", sentence, "first", (Choice("refuse", "leave these clips out"),))]

    def _label_names(self, label: str, words: Iterable[str]) -> dict[str, str]:
        """Cell → the name of its label, empty for none or for one that is left out."""
        column = self.profile[label]
        read = label_reader(column.counts, column.words, self.decisions)
        names = {}
        for word in words:
            try:
                names[word] = read(word)
            except TableError:
                names[word] = ""
        return names


def add_column(table: RawTable, name: str, cells: list[str]) -> None:
    """Add a column of text to a table, or put it in the place of the one of that name."""
    table.frame = table.frame.assign(**{name: cells})


def _addresses(table: RawTable, columns: list[str]) -> list[str]:
    """The cells that name the sound of each row, joined like folders."""
    parts = [table.frame[name].tolist() for name in columns]
    return ["/".join(map(str, cells)) for cells in zip(*parts, strict=True)]


def recording_name(name: str) -> str:
    """The recording that the file of a table is called after: `site0.Table.1.selections.txt` → `site0`."""
    file = re.split(r"[/\\]", name)[-1]
    bare = _TABLE_ENDING.sub("", file)
    return "" if re.search(r"[{}]", bare) or (bare == file and "." not in file) else bare
