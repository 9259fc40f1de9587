"""Near-duplicates on a page: how many there are, whether the split parts them, and players to hear for oneself."""

from __future__ import annotations

import numpy as np
import streamlit as st

from hover_core.analysis import near_duplicates
from hover_core.data.clips import SUBSETS
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.duplicates import NearDuplicates
from pages.components import session
from pages.components.text import count_of, plain

_PLAYERS = 6
_HOW = {
    near_duplicates.BYTES: "the same bytes",
    near_duplicates.EAR: "the same waveform",
    near_duplicates.VECTOR: "the same vector; the sound was not at hand to compare",
}


def near_duplicate_groups(dataset: Dataset) -> None:
    """Draw the near-duplicates of a dataset; the search starts by itself, and again when there are new vectors."""
    st.markdown("**Near-duplicates**")
    if not dataset.vectorizer_key:
        st.caption("Clips that are the same sound are found when they have vectors: make the map, then come back.")
        return
    if not near_duplicates.current(dataset):
        search = near_duplicates.start(dataset)
        if search.running:
            _under_way(dataset.id)
        elif search.problem:
            st.warning(plain(f"The search for near-duplicates ended: {search.problem}"))
    found = dataset.near_duplicates()
    if found is not None:
        _show_result(dataset, found)


@st.fragment(run_every=0.5)
def _under_way(dataset_id: str) -> None:
    dataset = session.still(dataset_id)
    search = None if dataset is None else near_duplicates.last_search(dataset)
    if search is None or not search.running:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        share = search.done / search.total if search.total else 0.0
        st.progress(share, near_duplicates.progress_words(search))
        st.button("Stop", key="near_duplicates.stop", on_click=search.cancel, help="What was compared by then counts.")


def _show_result(dataset: Dataset, found: NearDuplicates) -> None:
    groups = found.groups
    if not groups:
        st.caption(f"None: no two clips are the same sound.{_left_open(found)}")
        return
    state = dataset.state()
    parted = [len(np.unique(state.subset[group])) > 1 for group in groups]
    torn = [len(np.unique(state.label[group][state.label[group] >= 0])) > 1 for group in groups]
    clips = sum(map(len, groups))
    st.caption(
        f"{count_of(clips, 'clip')} in {count_of(len(groups), 'group')} of the same sound; {sum(parted):,} of them "
        f"{'lies' if sum(parted) == 1 else 'lie'} in more than one subset, "
        f"{sum(torn):,} {'carries' if sum(torn) == 1 else 'carry'} different labels.{_left_open(found)}"
    )
    order = sorted(range(len(groups)), key=lambda number: (-parted[number], -torn[number], number))
    with st.expander("Listen to them", icon=":material/hearing:"):
        page = int(st.session_state.get(f"near_duplicates.page.{dataset.id}", 1))
        _group(dataset, found, groups[order[min(page, len(groups)) - 1]])
        if len(groups) > 1:
            st.pagination(len(groups), key=f"near_duplicates.page.{dataset.id}")


def _group(dataset: Dataset, found: NearDuplicates, group: np.ndarray) -> None:
    """One group: how it is known, and a player for each clip."""
    state, shown = dataset.state(), group[:_PLAYERS].tolist()
    named = dataset.names(shown)
    inside = np.isin(found.pairs, group).all(axis=1)
    kinds = sorted(set(found.how[inside].tolist()))
    heard = found.score[inside]
    heard = heard[~np.isnan(heard)]
    agree = f" (correlation {heard.min():.2f})" if len(heard) else ""
    st.caption(f"{count_of(len(group), 'clip')}: {' and '.join(_HOW[kind] for kind in kinds)}{agree}.")
    for position in shown:
        label = str(state.label_names(np.array([position]))[0])
        words = [plain(named[position][0]), SUBSETS[state.subset[position]]]
        words += [f"“{plain(label)}”"] if label else ["unlabelled"]
        left, right = st.columns([1, 1], vertical_alignment="center")
        left.markdown(" · ".join(words))
        if st.context.url:  # st.audio takes absolute addresses alone
            right.audio(f"{session.root()}clips/{dataset.id}/{position}/audio", alt=words[0])
    if len(group) > _PLAYERS:
        st.caption(f"… and {len(group) - _PLAYERS:,} more.")


def _left_open(found: NearDuplicates) -> str:
    if not found.unheard:
        return ""
    return f" {count_of(found.unheard, 'less likely pair')} could not be compared by ear: their vectors decided."
