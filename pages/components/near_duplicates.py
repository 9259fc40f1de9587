"""Near-duplicates on Split: how many there are, whether the split separates them, and players to compare them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from hover_core.analysis import near_duplicates
from hover_core.data.clips import SUBSETS
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.near_duplicate_groups import NearDuplicates
from pages.components import session
from pages.components.text import count_of, plain

_PLAYERS = 6
_HOW = {
    near_duplicates.BYTES: "the same bytes",
    near_duplicates.EAR: "the same waveform",
    near_duplicates.VECTOR: "the same vector; the sounds were not available to compare",
}


def near_duplicate_groups(dataset: Dataset) -> None:
    """Draw the near-duplicates of a dataset. The search starts by itself, and again after new vectors."""
    st.markdown("**Near-duplicates**")
    if not dataset.vectorizer_key:
        st.caption("The search for clips with the same sound needs vectors: make the map, then come back.")
        return
    if not near_duplicates.current(dataset):
        search = near_duplicates.start(dataset)
        if search.running:
            _under_way(dataset.id)
        elif search.problem:
            st.warning(plain(f"The search for near-duplicates failed: {search.problem}"))
    duplicates = dataset.near_duplicates()
    if duplicates is not None:
        _show_groups(dataset, duplicates)


@st.fragment(run_every=0.5)
def _under_way(dataset_id: str) -> None:
    dataset = session.still(dataset_id)
    search = None if dataset is None else near_duplicates.last_search(dataset)
    if search is None or not search.running:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        share = search.done / search.total if search.total else 0.0
        st.progress(share, near_duplicates.progress_words(search))
        st.button(
            "Stop", key="near_duplicates.stop", on_click=search.cancel, help="The pairs compared so far are kept."
        )


def _show_groups(dataset: Dataset, duplicates: NearDuplicates) -> None:
    groups = duplicates.groups
    if not groups:
        st.caption(f"None: no two clips have the same sound.{_undecided(duplicates)}")
        return
    state = dataset.state()
    split_up = [len(np.unique(state.subset[group])) > 1 for group in groups]
    inconsistent = [len(np.unique(state.label[group][state.label[group] >= 0])) > 1 for group in groups]
    clips = sum(map(len, groups))
    st.caption(
        f"{count_of(clips, 'clip')} in {count_of(len(groups), 'group')} with the same sound; {sum(split_up):,} of them "
        f"{'lies' if sum(split_up) == 1 else 'lie'} in more than one subset, "
        f"{sum(inconsistent):,} {'has' if sum(inconsistent) == 1 else 'have'} different labels.{_undecided(duplicates)}"
    )
    order = sorted(range(len(groups)), key=lambda number: (-split_up[number], -inconsistent[number], number))
    with st.expander("Listen to them", icon=":material/hearing:"):
        page = int(st.session_state.get(f"near_duplicates.page.{dataset.id}", 1))
        _group(dataset, duplicates, groups[order[min(page, len(groups)) - 1]])
        if len(groups) > 1:
            st.pagination(len(groups), key=f"near_duplicates.page.{dataset.id}")


def _group(dataset: Dataset, duplicates: NearDuplicates, group: np.ndarray) -> None:
    """Draw one group: how it was found, and a player for each clip."""
    state, clips = dataset.state(), group[:_PLAYERS].tolist()
    names = dataset.names(clips)
    inside = np.isin(duplicates.pairs, group).all(axis=1)
    kinds = sorted(set(duplicates.how[inside].tolist()))
    scores = duplicates.score[inside]
    scores = scores[~np.isnan(scores)]
    correlation = f" (correlation {scores.min():.2f})" if len(scores) else ""
    st.caption(f"{count_of(len(group), 'clip')}: {' and '.join(_HOW[kind] for kind in kinds)}{correlation}.")
    for position in clips:
        label = str(state.label_names(np.array([position]))[0])
        words = [plain(names[position][0]), SUBSETS[state.subset[position]]]
        words += [f"“{plain(label)}”"] if label else ["unlabelled"]
        left, right = st.columns([1, 1], vertical_alignment="center")
        left.markdown(" · ".join(words))
        if st.context.url:  # st.audio takes absolute addresses only
            right.audio(f"{session.root()}clips/{dataset.id}/{position}/audio", alt=words[0])
    if len(group) > _PLAYERS:
        st.caption(f"… and {len(group) - _PLAYERS:,} more.")


def _undecided(duplicates: NearDuplicates) -> str:
    if not duplicates.unheard:
        return ""
    return f" The sounds of {count_of(duplicates.unheard, 'less likely pair')} could not be compared: vectors decide."
