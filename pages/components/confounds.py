"""Confounds on Map: a sentence on how groups and labels shape the map, and a button that removes or restores groups."""

from __future__ import annotations

import streamlit as st

from hover_core.analysis.confounds import Confounds, Share, look
from hover_core.jobs import queue
from hover_core.store.vector_rows import Embedding
from hover_core.workspace import corpus
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import plain

_WORTH = 0.02  # a smaller difference is no reason to draw a map again
_MUCH = 0.3  # of a map explained by groups: worth removing them, even if the effect on labels is not known


def confounds(dataset: Dataset, embedding: Embedding, *, busy: bool) -> None:
    """Show how strongly groups and labels shape a map, with a button for what would help.

    Parameters
    ----------
    busy
        A job is running: the button is disabled.
    """
    shares = look(dataset, embedding)
    group = plain(str(dataset.row.settings.get("group_column") or "group"))
    removed = corpus.is_per_group(dataset.store, dataset.id) and shares.group is not None
    advice, act = _advice(shares, group, removed=removed)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/blur_on: {_sentence(shares, group)} {advice}", help=_figures(shares, group), width="stretch"
        )
        if act and st.button(act, icon=":material/healing:", key="vectorize.mend", disabled=busy):
            with session.errors_shown():
                queue.mend(dataset, embedding, per_group=not removed)
                st.rerun()


def _sentence(shares: Confounds, group: str) -> str:
    if shares.group and shares.label:
        difference = _percent(shares.group) - _percent(shares.label)
        than = "as much as" if difference == 0 else "more than" if difference > 0 else "less than"
        return (
            f"Clips lie near others of the same {group} (**{_percent(shares.group)} %**) {than} near others with the "
            f"same label (**{_percent(shares.label)} %**)."
        )
    if shares.group:
        return (
            f"Clips lie near others of the same {group} (**{_percent(shares.group)} %**). Label some clips to compare "
            "this with the labels."
        )
    if shares.label:
        return (
            f"Clips lie near others with the same label (**{_percent(shares.label)} %**). Choose a group column on "
            "Split to compare this with speakers or recordings."
        )
    return "Label some clips, or choose a group column on Split, to see which clips lie together on this map."


def _advice(shares: Confounds, group: str, *, removed: bool) -> tuple[str, str]:
    """A sentence of advice, and the text of the button that follows it (empty for no button)."""
    if shares.group is None:
        return "", ""
    state = f"Map and search leave out {group} differences." if removed else ""
    if removed and not shares.per_group:
        state += " This map is older and still has them."
    remove, restore = f"Remove {group} differences and redraw", f"Restore {group} differences and redraw"
    if shares.nested:
        if removed:
            return f"{state} But each {group} has only one label, so label differences are left out too.", restore
        return f"Each {group} has only one label: without {group} differences, label differences would be gone too.", ""
    if shares.across is None:
        if removed:
            return state, restore
        return "", remove if shares.group.explained > _MUCH else ""
    now, then = (f"{100 * share:.0f} %" for share in shares.across)
    better = shares.across[1] > shares.across[0] + _WORTH
    agreement = f"{now} of the nearest clips of another {group} have the same label"
    if removed:
        return f"{state} Now {agreement}; with the differences restored, {then}.", restore if better else ""
    if better:
        return f"Now {agreement}; without {group} differences, {then} would.", remove
    return f"Removing {group} differences would not help: {agreement}; without them, {then} would.", ""


def _figures(shares: Confounds, group: str) -> str | None:
    parts = [
        f"of the {share.neighbours} clips nearest to a clip, {share.agree:.0%} {words}; by chance {share.chance:.0%} "
        f"would (measured on {share.clips:,} clips)."
        for share, words in ((shares.group, f"are of its {group}"), (shares.label, "have its label"))
        if share
    ]
    scale = "0 % means by chance, 100 % means nothing else nearby."
    return f"{scale} On the map, {' And '.join(parts)}" if parts else None


def _percent(share: Share) -> int:
    """How far neighbours agree beyond chance (0) up to completely (100) [%]."""
    return max(0, round(100 * share.explained))
