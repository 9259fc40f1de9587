"""Notices about changes that a new version made to a dataset, shown to its owner until dismissed."""

import streamlit as st

from hover_core.workspace.dataset import Dataset
from pages.components.text import plain


def notices(dataset: Dataset) -> None:
    """Draw all notices in one box, with a button that dismisses them for good."""
    sentences = dataset.notices()
    if not sentences:
        return
    with st.container(border=True):
        st.warning("\n".join(f"- {plain(notice)}" for notice in sentences), icon=":material/info:")
        st.button("I have read this", key="notices.dismiss", on_click=dataset.dismiss_notices)
