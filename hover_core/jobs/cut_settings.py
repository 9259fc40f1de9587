"""What a job of kind `cut` is asked to do and what it has done, as both stand in the database.

The queue writes the one, the work reads it and writes the other, and pages read that.
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
    """What is to be cut, and how.

    Attributes
    ----------
    intake : as from `Dataset.plan`: each of its clips is a recording, or the stretch of one that is to be cut.
    labels : what becomes of a recording's label: kept `aside`, in the column `recording_label` of its clips, because
        not every clip of it need be that; or given to `each` clip.

    Raises
    ------
    Refused
        There is no recording to cut, or there are too many; or `labels` is no such word.
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
        """For the database."""
        return {
            "cut": asdict(self.cut),
            "labels": self.labels,
            "recordings": [asdict(clip) for clip in self.intake.clips],
            "sources": {key: list(value) for key, value in self.intake.sources.items()},
            "roles": self.intake.roles,
        }


def settings_of(job: Job) -> CutSettings:
    """What a job is asked to do."""
    settings = job.settings
    # what a job of an older version wrote down may not be in the form that names have now
    clips = [Clip(**{**columns, "label": label_named(columns["label"])}) for columns in settings["recordings"]]
    sources = {key: (clean(str(who)), str(at), str(how)) for key, (who, at, how) in settings["sources"].items()}
    intake = Intake(clips=clips, sources=sources, roles=settings.get("roles", {}))  # older jobs have none
    return CutSettings(intake, Cut(**settings["cut"]), settings["labels"])


@dataclass
class CutResult:
    """What cutting did so far."""

    recordings: int = 0
    new: int = 0
    known: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)  # address, reason


def result_from(more: Mapping[str, Any]) -> CutResult:
    """The result as it stands in a job's progress, under `more`."""
    failures = [(str(address), str(reason)) for address, reason in more.get("failures", [])]
    return CutResult(int(more.get("recordings", 0)), int(more.get("new", 0)), int(more.get("known", 0)), failures)


def outcome(job: Job) -> CutResult:
    """What a job has done so far."""
    return result_from(job.progress.get("more", {}))
