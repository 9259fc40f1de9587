"""What a new version changed in a dataset, shown to its owner until they have read it."""

import streamlit as st

from hover_core.workspace.dataset import Dataset
from pages.components.text import plain


def notices(dataset: Dataset) -> None:
    """All notices in one box, and a button that takes them away for good."""
    found = dataset.notices()
    if not found:
        return
    with st.container(border=True):
        st.warning("\n".join(f"- {plain(notice)}" for notice in found), icon=":material/info:")
        st.button("I have read this", key="notices.dismiss", on_click=dataset.dismiss_notices)
