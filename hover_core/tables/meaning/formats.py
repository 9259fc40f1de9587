"""Other people's formats, known by what is in a table, and turned into a table of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hover_core.tables.decisions import Choice, Decision
from hover_core.tables.meaning import corpora, detections, label_studio, listings
from hover_core.tables.meaning.format_table import FormatTable
from hover_core.tables.meaning.profiles import TableProfile
from hover_core.tables.rows import RawTable

Read = Callable[[RawTable, TableProfile, Mapping[str, str]], FormatTable | None]
PLAIN: Final = "table"  # the choice that a table is in no known format


@dataclass(frozen=True)
class Format:
    """A format: its name in decisions, its name for people, and its reader, which answers None to another table."""

    key: str
    words: str
    read: Read


FORMATS: Final = (  # the first that knows a table reads it
    Format("ours", "a table that was exported here", corpora.read_ours),
    Format("label-studio", "an export of Label Studio", label_studio.read_tasks),
    Format("label-studio-flat", "a short export of Label Studio", label_studio.read_flat),
    Format("perch-hoplite", "a perch-hoplite CSV", detections.read_hoplite),
    Format("raven", "a Raven selection table", detections.read_raven),
    Format("kaleidoscope", "a Kaleidoscope table", detections.read_kaleidoscope),
    Format("birdnet", "a BirdNET table", detections.read_birdnet),
    Format("dcase", "a DCASE list of events", detections.read_dcase),
    Format("opensoundscape", "an OpenSoundscape table", detections.read_opensoundscape),
    Format("esc50", "the table of ESC-50", corpora.read_esc50),
    Format("urbansound8k", "the table of UrbanSound8K", corpora.read_urbansound),
    Format("fsd50k", "a table of FSD50K", corpora.read_fsd50k),
    Format("common-voice", "a table of Common Voice", corpora.read_common_voice),
    Format("nemo", "a NeMo manifest", corpora.read_nemo),
    Format("xeno-canto", "an answer of xeno-canto", corpora.read_xeno_canto),
    Format("hugging-face", "the metadata of a Hugging Face folder", corpora.read_hugging_face),
    Format("speech-commands", "a list of Speech Commands", listings.read_speech_commands),
    Format("voxceleb", "a list of VoxCeleb", listings.read_voxceleb),
    Format("wav-scp", "Kaldi's wav.scp", listings.read_wav_scp),
    Format("kaldi-segments", "Kaldi's list of segments", listings.read_segments),
    Format("audacity", "a label track of Audacity", detections.read_audacity),
)


def read_format(table: RawTable, answers: Mapping[str, str]) -> tuple[FormatTable, list[Decision]]:
    """The table as its format has it, and the decision on `format`; a table in none stays as it is, without one.

    Parameters
    ----------
    table : rows of text; it is not changed.
    answers : what a person chose, by `about`; `format` may be `PLAIN`.
    """
    same = RawTable(table.frame, table.rows, table.refused, table.decisions)
    profile = TableProfile(same)
    for form in FORMATS:
        form_table = form.read(same, profile, answers)
        if form_table is None:
            continue
        if answers.get("format") == PLAIN:
            sentence = f"As you chose: read as a plain table, though it looks like {form.words}"
            plain = FormatTable(RawTable(table.frame, table.rows, table.refused, table.decisions))
            return plain, [Decision("format", sentence, PLAIN, (Choice(form.key, form.words),))]
        sentence = f"This is {form.words}{form_table.words}"
        return form_table, [
            Decision("format", sentence, form.key, (Choice(PLAIN, "a plain table"),)),
            *form_table.decisions,
        ]
    return FormatTable(same), []
