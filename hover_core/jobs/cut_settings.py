"""Settings and results of jobs of kind `cut`, in the form that the database has.

The queue writes the settings, the work reads them and writes the result, and pages read that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from hover_core.audio.segmentation import Cut
from hover_core.data.annotations import label_named
from hover_core.data.clips import Clip
from hover_core.data.names import clean
from hover_core.errors import Refused
from hover_core.store.job_rows import Job
from hover_core.tables.intake import Intake

LABELS: Final = ("aside", "each")
MOST_RECORDINGS: Final = 20_000


@dataclass(frozen=True)
class CutSettings:
    """The recordings to cut, and how.

    Attributes
    ----------
    intake : as from `Dataset.plan`; each of its clips is a recording, or the stretch of a recording to cut
    cut : how to cut
    labels : `aside` puts the label of a recording into the column `recording_label` of its clips, because it need not
        be true for each of them; `each` labels all clips with it

    Raises
    ------
    Refused
        There is no recording, there are more than `MOST_RECORDINGS`, or `labels` is another word.
    """

    intake: Intake
    cut: Cut
    labels: str = "aside"

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise Refused(f"labels={self.labels!r} must be one of {', '.join(LABELS)}")
        if not self.intake.clips:
            raise Refused("there is no recording to cut")
        if len(self.intake.clips) > MOST_RECORDINGS:
            raise Refused(f"{len(self.intake.clips):,} recordings: at most {MOST_RECORDINGS:,} are cut at once")

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, for the database."""
        return {
            "cut": asdict(self.cut),
            "labels": self.labels,
            "recordings": [asdict(clip) for clip in self.intake.clips],
            "sources": {key: list(value) for key, value in self.intake.sources.items()},
            "roles": self.intake.roles,
        }


def settings_of(job: Job) -> CutSettings:
    """The settings of a job of kind `cut`."""
    settings = job.settings
    # names in jobs of older versions may not be clean
    clips = [Clip(**{**columns, "label": label_named(columns["label"])}) for columns in settings["recordings"]]
    sources = {
        key: (clean(str(annotator)), str(at), str(how)) for key, (annotator, at, how) in settings["sources"].items()
    }
    intake = Intake(clips=clips, sources=sources, roles=settings.get("roles", {}))  # older jobs have none
    return CutSettings(intake, Cut(**settings["cut"]), settings["labels"])


@dataclass
class CutResult:
    """The result of cutting so far: number of recordings, of new clips, of clips that the dataset had, and failures."""

    recordings: int = 0
    new: int = 0
    known: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)  # address, reason


def result_from(more: Mapping[str, Any]) -> CutResult:
    """The result in the value `more` of a job's progress.

    Examples
    --------
    >>> result_from({"recordings": 2, "new": 30})
    CutResult(recordings=2, new=30, known=0, failures=[])
    """
    failures = [(str(address), str(reason)) for address, reason in more.get("failures", [])]
    return CutResult(int(more.get("recordings", 0)), int(more.get("new", 0)), int(more.get("known", 0)), failures)


def outcome(job: Job) -> CutResult:
    """The result of a job of kind `cut` so far."""
    return result_from(job.progress.get("more", {}))
