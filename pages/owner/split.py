"""The Split page: which clips are raw, train, dev or test."""

import numpy as np
import streamlit as st

from hover_core.data.clips import SUBSETS
from hover_core.numerics.split import unmet
from pages.components import session
from pages.components.leak_report import leak_report
from pages.components.near_duplicates import near_duplicate_groups
from pages.components.population import population_table
from pages.components.text import count_of, plain

dataset = session.needs()
state = dataset.state()
clips = dataset.clips()

st.subheader("Split")
st.caption(
    "Raw clips wait for labels. Train and dev clips train a model, and test clips measure it: "
    "neither the model nor the map is fitted on test clips."
)

columns = sorted({key for extra in clips["extra"].head(2000) for key in extra})
how = st.segmented_control("How", ["As it is now", "By shares"], default="As it is now", key="split.how", required=True)
left, right = st.columns([1, 1.4], gap="large")

with left:
    grouped_now = int((clips["group_name"] != "").sum())
    group_column = dataset.row.settings.get("group_column")
    current_column = group_column or ("as in the table" if grouped_now else "no groups")
    options = list(dict.fromkeys([current_column, "no groups", *columns]))
    column = st.selectbox(
        "Group column",
        options,
        key=f"split.group.{dataset.id}",
        help="Clips of one group stay in one subset. A group is usually a speaker or a source recording.",
    )
    if column != current_column:
        with session.errors_shown():
            dataset.group_by(None if column == "no groups" else column)
            st.rerun()
    groups = int(clips["group_name"].replace("", np.nan).nunique())
    if groups:
        word = "group" if column == "as in the table" else column
        st.caption(f"{groups:,} groups: a split by shares puts each {plain(word)} into one subset only.")
    elif how == "By shares":
        st.caption(
            "Without groups, clips of one speaker or recording can be in both train and test: "
            "the test result would then be too good."
        )

    shares = dict.fromkeys(SUBSETS, 0)
    seed = 0
    together = True
    if how == "By shares":
        rest = 100
        defaults = {"test": 10, "dev": 10, "train": 30}
        for name, default in defaults.items():
            shares[name] = st.slider(name, 0, 100, default, format="%d%%", key=f"split.share.{name}")
            rest -= shares[name]
        shares["raw"] = max(rest, 0)
        st.slider("raw (what is left)", 0, 100, shares["raw"], format="%d%%", disabled=True)
        if rest < 0:
            st.error(f"The shares add up to {100 - rest} %: lower them to 100 %.")
        seed = int(st.number_input("Seed", 0, 10_000, 0, key="split.seed", help="The same seed gives the same split."))
        together = st.toggle(
            "Keep near-duplicates together",
            value=True,
            key="split.near_duplicates",
            help="If a sound were in both train and test, the test result would be too good.",
        )

with right:
    if how == "By shares" and sum(shares.values()) == 100:
        proposed = dataset.proposed_split(shares, near_duplicates=together, seed=seed)
        flat = np.bincount((state.label + 1) * 4 + proposed, minlength=(len(state.names) + 1) * 4).reshape(-1, 4)
        population_table(
            {
                name: dict(zip(SUBSETS, map(int, row), strict=True))
                for name, row in zip(["", *state.names], flat, strict=True)
            }
        )
        missed = unmet(proposed, shares)
        if missed:
            parts = [
                f"{name} gets {count_of(count, 'clip')} ({100 * share:.2g} %) instead of {100 * target:.0f} %"
                for name, (count, share, target) in missed.items()
            ]
            why = "the groups are too large for these shares" if groups else "too many clips must stay together"
            st.warning(f"{', '.join(parts)}: {why}.", icon=":material/balance:")
        moving = int((proposed != state.subset).sum())
        if st.button(f"Split: move {moving:,} clips", type="primary", key="split.apply", disabled=not moving):
            with session.errors_shown():
                result = dataset.split(shares, near_duplicates=together, seed=seed, token=session.token("split"))
                session.spend("split")
                st.session_state[f"split.done.{dataset.id}"] = (result.batch_id, result.changed)
                st.rerun()
    else:
        population_table(state.population())

done = st.session_state.get(f"split.done.{dataset.id}")
if done:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(f"{count_of(done[1], 'clip')} moved.", icon=":material/check:", width="stretch")
        if st.button("Undo", icon=":material/undo:", key="split.undo"):
            with session.errors_shown():
                dataset.undo(done[0])
            st.session_state.pop(f"split.done.{dataset.id}")
            st.rerun()
left, right = st.columns([1, 1.4], gap="large")
with left:
    near_duplicate_groups(dataset)
with right:
    leak_report(dataset)
st.page_link("owner/vectorize.py", label="Next: the map", icon=":material/arrow_forward:")
