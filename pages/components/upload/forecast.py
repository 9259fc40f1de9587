"""What adding a table will do, said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from hover_core import settings
from hover_core.tables.columns import Columns
from hover_core.tables.decisions import Decision
from hover_core.tables.intake import Intake, clip_counts, plan_intake
from hover_core.tables.rows import RawTable, Refusal, neutralise
from hover_core.workspace.add_table import AddForecast
from hover_core.workspace.dataset import Dataset
from pages.components.text import count_of


@dataclass(frozen=True)
class Choices:
    """What a person has settled about a table; `digest` names the table by its bytes."""

    digest: str
    columns: Columns
    raw_labels: str
    base_url: str
    identity: str
    decisions: tuple[Decision, ...] = ()


def plan(target: Dataset | None, table: RawTable, choices: Choices) -> tuple[Intake, int]:
    """What adding will do, and how many of the clips the target has; kept until something is chosen otherwise."""
    key = (target.id if target else "", target.clips_revision if target else 0, choices)
    plans: dict[tuple[str, int, Choices], tuple[Intake, int]] = st.session_state.setdefault("upload.plans", {})
    if key not in plans:
        options: dict[str, Any] = {
            "raw_labels": choices.raw_labels,
            "base_url": choices.base_url,
            "local_folder": settings.audio_root() is not None,
            "decisions": choices.decisions,
        }
        if target is None:
            outcome = plan_intake(table, choices.columns, identity=choices.identity, keep_sources=True, **options), 0
        else:
            intake = target.plan(table, choices.columns, **options)
            have = set(target.clips()["clip_id"]) if target.row.size else set()
            outcome = intake, sum(clip.clip_id in have for clip in intake.clips)
        while len(plans) > 1:  # two are in use at most: into the open dataset, and into a new one
            plans.pop(next(iter(plans)))
        plans[key] = outcome
    return plans[key]


def foresee(target: Dataset, intake: Intake, choices: Choices) -> AddForecast:
    """What adding would do to clips that are there; kept until labels or choices are others."""
    key = (target.id, target.state().revision, choices)
    if st.session_state.get("upload.foreseen", (None,))[0] != key:
        st.session_state["upload.foreseen"] = key, target.forecast(intake)
    foreseen: AddForecast = st.session_state["upload.foreseen"][1]
    return foreseen


def summary(intake: Intake, seen: AddForecast | None, thing: str) -> None:
    """Say in one line what adding will do; `thing` is what a row holds."""
    counts = clip_counts(intake)
    parts = [f"**{count_of(len(intake.clips), thing)}**"]
    if intake.subset_given and intake.clips:
        parts.append(", ".join(f"{count:,} {name}" for name, count in counts.items() if count))
    if seen is not None:
        parts.append(f"{seen.known:,} {'is' if seen.known == 1 else 'are'} in the dataset already")
        if seen.moved:
            parts.append(f"{seen.moved:,} will move to another subset")
        if seen.elsewhere:
            have = "1 of them has" if seen.elsewhere == 1 else f"{seen.elsewhere:,} of them have"
            parts.append(f"**{have} another address here**: the clips of the dataset keep theirs")
        if seen.relabelled:
            parts.append(f"**{count_of(seen.relabelled, 'label')} will change**")
    if intake.duplicates:
        torn = f"; {intake.disagreeing:,} of them with another label" if intake.disagreeing else ""
        parts.append(f"{count_of(len(intake.duplicates), 'duplicate')} (the same clip twice counts once{torn})")
    parts.append(f"{intake.labelled_count():,} labelled")
    if intake.refused:
        parts.append(f"**{count_of(len(intake.refused), 'row')} refused**")
    st.markdown(" · ".join(parts))


def row_list(title: str, rows: list[Refusal], file_name: str) -> None:
    """Show rows that will not be added, each with the reason, and offer them as a file."""
    import pandas as pd  # takes a while to load, and most tables have no such rows

    frame = pd.DataFrame([{"row": bad.row, "why": bad.reason, "value": bad.value} for bad in rows])
    with st.expander(f"{title} ({len(rows):,})", expanded=title.startswith("Refused")):
        st.dataframe(frame.head(500), hide_index=True, width="stretch", alt=title)
        safe = frame.astype(str).map(neutralise)
        st.download_button("Download", safe.to_csv(index=False), file_name, "text/csv", key=f"upload.{file_name}")
