"""Imported vectors on Map: reads a file, shows what adding it will do, and adds it at a click."""

import pandas as pd
import streamlit as st

from hover_core.errors import HoverError
from hover_core.exchange import imported_vectors
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import count_of, plain


def own_vectors_box(dataset: Dataset, *, running: bool) -> None:
    """Draw an expander for an owner, with the file, the name, what will happen, and the button."""
    if "own_vectors.message" in st.session_state:
        st.success(st.session_state.pop("own_vectors.message"), icon=":material/check:")
    with st.expander("Bring your own vectors", icon=":material/upload_file:"):
        st.caption(
            "Parquet or NPZ with a vector for each clip, by the clip's id or address, from any model. They become a "
            "vectorizer in the settings above, for map and search."
        )
        turn = st.session_state.get("own_vectors.turn", 0)
        file = st.file_uploader("Vectors", type=["parquet", "npz"], key=f"own_vectors.file.{dataset.id}.{turn}")
        if file is None:
            return
        name = st.text_input(
            "Name",
            file.name.rpartition(".")[0],
            key=f"own_vectors.name.{file.file_id}",
            help="The name of the model. Stored vectors of a name are kept, so another model needs another name.",
        )
        try:
            planned = imported_vectors.plan(dataset, imported_vectors.read_vectors(file.getvalue()), name)
        except HoverError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        _show_plan(dataset, planned)
        if st.button(
            f"Add {count_of(len(planned.positions), 'vector')}",
            type="primary",
            icon=":material/add:",
            key="own_vectors.add",
            disabled=running or not planned.positions,
            help="Wait until the running job has ended." if running else None,
        ):
            with session.errors_shown():
                added = imported_vectors.add(dataset, planned)
                st.session_state["own_vectors.message"] = (
                    f"{count_of(added, 'vector')} added as “{plain(planned.key)}”: choose it in the settings."
                )
                st.session_state["own_vectors.turn"] = turn + 1
                st.rerun()


def _show_plan(dataset: Dataset, planned: imported_vectors.ImportPlan) -> None:
    words = [f"{count_of(len(planned.positions), 'vector')} of {planned.vectors.shape[1]:,} numbers"]
    words += [f"{planned.known:,} are stored already"] if planned.known else []
    words += [f"{count_of(planned.without, 'clip')} of {dataset.row.size:,} will have none"] if planned.without else []
    st.markdown(" · ".join(words))
    if planned.wrong:
        st.warning(
            f"{count_of(len(planned.wrong), 'row')} cannot be used and will be left out.", icon=":material/rule:"
        )
        rows = pd.DataFrame([{"row": row, "why": reason} for row, reason in planned.wrong.items()])
        st.dataframe(rows, hide_index=True, width="stretch", alt="Rows that cannot be used, and why")
