"""Confounds on Map: what the map is made of, in one sentence, and the button that mends it."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis.confounds import Confounds, Share, look
from hover_core.jobs import queue
from hover_core.store.vector_rows import Embedding
from hover_core.workspace import corpus
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import plain

_WORTH = 0.02  # a smaller difference than this is nobody's reason to draw a map again
_MUCH = 0.3


def confounds(dataset: Dataset, embedding: Embedding, *, busy: bool) -> None:
    """Say how much of a map its groups and its labels explain, and offer what would help; `busy`: a job is running."""
    seen = look(dataset, embedding)
    group = plain(str(dataset.row.settings.get("group_column") or "group"))
    taken_out = corpus.is_per_group(dataset.store, dataset.id) and seen.group is not None
    advice, act = _advice(seen, group, taken_out=taken_out)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/blur_on: {_sentence(seen, group)} {advice}", help=_figures(seen, group), width="stretch"
        )
        if act and st.button(act, icon=":material/healing:", key="vectorize.mend", disabled=busy):
            with session.errors_shown():
                queue.mend(dataset, embedding, per_group=not taken_out)
                st.rerun()


def _sentence(seen: Confounds, group: str) -> str:
    if seen.group and seen.label:
        return f"Chance set aside, this map is **{_percent(seen.group)} {group}** and **{_percent(seen.label)} label**."
    if seen.group:
        return (
            f"Chance set aside, this map is **{_percent(seen.group)} {group}**; label some clips to see how much label."
        )
    if seen.label:
        return (
            f"Chance set aside, this map is **{_percent(seen.label)} label**; choose a group column on Split to see "
            "how much of it is a speaker or a recording."
        )
    return "What this map is made of shows once some clips have labels, or a group column is chosen on Split."


def _advice(seen: Confounds, group: str, *, taken_out: bool) -> tuple[str, str]:
    """What to do about it, and the words on the button for it (empty: none)."""
    if seen.group is None:
        return "", ""
    there = f"What each {group} has in common is taken out of map and search." if taken_out else ""
    if taken_out and not seen.per_group:
        there += " This map was drawn before that."
    take, put_back = f"Take the {group} out and redraw", f"Put the {group} back and redraw"
    if seen.nested:
        if taken_out:
            return f"{there} But here a {group} has only one label, which went with it.", put_back
        return f"Here a {group} has only one label: to take the {group} out would take the label out too.", ""
    if seen.across is None:
        if taken_out:
            return there, put_back
        return "", take if seen.group.explained > _MUCH else ""
    now, then = (f"{100 * share:.0f} %" for share in seen.across)
    better = seen.across[1] > seen.across[0] + _WORTH
    whose = f"the nearest clips of another {group} have the same label {now} of the time"
    if taken_out:
        return f"{there} So {whose}, and {then} with it.", put_back if better else ""
    if better:
        return f"Now {whose}; with what each {group} has in common taken out it would be {then}.", take
    return f"To take the {group} out would not help: {whose}, and {then} without.", ""


def _figures(seen: Confounds, group: str) -> str | None:
    parts = [
        f"of the {share.neighbours} nearest to a clip {share.agree:.0%} {what}, "
        f"{share.chance:.0%} by chance ({share.clips:,} clips looked at)"
        for share, what in ((seen.group, f"are of its own {group}"), (seen.label, "have its label"))
        if share
    ]
    return "On the map, " + "; ".join(parts) + "." if parts else None


def _percent(share: Share) -> str:
    return f"{max(0, round(100 * share.explained))} %"
