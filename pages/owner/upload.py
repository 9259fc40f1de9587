"""Upload: a table of URLs becomes clips; what will happen is said before it happens."""

import hashlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import streamlit as st

from hover_core.audio.segmentation import Cut
from hover_core.data.names import clean
from hover_core.errors import HoverError
from hover_core.store import job_rows
from hover_core.tables.intake import Intake
from hover_core.tables.meaning.understand import Understanding, understand
from hover_core.tables.row_addresses import is_relative
from hover_core.workspace.add_table import AddResult
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.text import count_of, plain
from pages.components.upload import columns_menu, decisions_list, first_sounds, forecast, given_table
from pages.components.upload.forecast import Choices


def main() -> None:
    """One drop zone; after a file, one screen."""
    dataset = session.dataset()
    if dataset is not None and _cut_last(dataset) and _recordings().show_progress(dataset):
        return
    done = st.session_state.get("upload.done")
    if done is not None and dataset is not None and done[0] == dataset.id:
        _show_outcome(dataset, done[1])
        return
    st.subheader("Upload")
    file = given_table.table_file(dataset)
    if file is None:
        return
    data, name = file
    digest = hashlib.sha256(data).hexdigest()[:12]
    try:
        table = given_table.read_rows(data, name, decisions_list.reading(digest))
        understanding = understand(table, name, decisions_list.meanings(digest))
    except HoverError as error:
        st.error(plain(str(error)))
        if decisions_list.chosen(digest):
            st.button("Read it as before", key="upload.unchoose", on_click=decisions_list.chosen(digest).clear)
        return
    _screen(dataset, understanding, name, digest)


def _cut_last(dataset: Dataset) -> bool:
    """Whether the last thing that was done with the dataset's sound was to cut recordings."""
    newest = job_rows.newest_job(dataset.store, dataset.id)
    return newest is not None and newest.kind == "cut"


def _recordings() -> ModuleType:
    from pages.components import cut_recordings  # brings what jobs need, and the first page does without

    return cut_recordings


def _screen(dataset: Dataset | None, understanding: Understanding, name: str, digest: str) -> None:
    """Columns and the first rows; beside them what will happen, what is to be decided, and one button."""
    table = understanding.table
    decisions = (*table.decisions, *understanding.decisions)
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        columns = columns_menu.columns_menu(table, understanding.columns, digest)
        st.dataframe(table.frame.head(4), hide_index=True, width="stretch", alt="The first rows of the table")
        decided = decisions_list.decisions_list(decisions, digest)
        heard_box = st.container()
    if not (columns.audio or columns.pattern):
        right.info("Choose the column that holds the addresses of the clips.")
        if table.refused:
            forecast.row_list("Refused rows", table.refused, "refused.csv")
        return
    with right:
        summary_box = st.container()
        base_url = columns_menu.base_url_box(table, columns, digest)
        raw_box = st.container()
        target_box, asked_box, more_box = st.container(), st.container(), st.container()
    with more_box:
        identity = columns_menu.identity_menu(dataset, digest)
    raw_labels, raw_key = columns_menu.raw_labels_choice(columns, digest)
    choices = Choices(digest, columns, raw_labels, base_url, identity, tuple(decisions))
    with right, st.spinner("Looking at every row …", show_time=True):
        intake, known = forecast.plan(dataset, table, choices)
    with target_box:
        target = _target(dataset, known, digest)
    if target is not dataset:
        with right, st.spinner("Looking at every row …", show_time=True):
            intake, known = forecast.plan(None, table, choices)
    with raw_box:
        columns_menu.raw_labels_menu(intake.raw_labels, raw_key)
    names = (target.id, target.name) if target is not None and target.row.size else (_free_name(name),)
    hosts, answered = first_sounds.listen(dataset, intake, digest, names, heard_box, asked_box)
    with more_box:
        labelled = any(clip.label or clip.reference for clip in intake.clips)
        cut, cut_labels = _recordings().choice(digest, labelled=labelled)
    with summary_box:
        seen = None if cut or target is None or not known else forecast.foresee(target, intake, choices)
        forecast.summary(intake, seen, "recording" if cut else "clip")
    with right:
        if st.button(
            _button_text(target, intake, known, base_url, cut=cut is not None),
            type="primary",
            icon=":material/add:",
            key="upload.add",
            disabled=not (intake.clips and answered and decided),
            width="stretch",
        ):
            _add(target, intake, name, hosts, identity, cut, cut_labels)
    if intake.refused:
        forecast.row_list("Refused rows", intake.refused, "refused.csv")
    if intake.duplicates:
        forecast.row_list("Duplicates", intake.duplicates, "duplicates.csv")


def _button_text(target: Dataset | None, intake: Intake, known: int, base_url: str, *, cut: bool) -> str:
    """What the button will do; where it can do nothing, what is missing."""
    where = f" to “{plain(target.name)}”" if target is not None and target.row.size else ""
    if cut:
        return f"Cut {count_of(len(intake.clips), 'recording')} and add the clips{where}"
    if not intake.clips:
        needs_base = not base_url and any(is_relative(bad.value) for bad in intake.refused)
        return "Give a base address" if needs_base else "No row can be added"
    if known < len(intake.clips):
        return f"Add {count_of(len(intake.clips) - known, 'clip')}{where}"
    return f"Add labels, columns and subsets{where}"


def _target(dataset: Dataset | None, known: int, digest: str) -> Dataset | None:
    """The dataset that the table is for; None: one of its own, which a table with no known clip probably wants."""
    if dataset is None or not dataset.row.size:
        return dataset
    name = dataset.name
    chosen = st.segmented_control(
        "Add to",
        [True, False],
        format_func={True: "A new dataset", False: plain(name)}.__getitem__,
        default=not known,
        required=True,
        key=f"upload.new.{digest}.{dataset.id}",
    )
    return None if chosen else dataset


def _add(
    target: Dataset | None,
    intake: Intake,
    name: str,
    hosts: list[str],
    identity_name: str,
    cut: Cut | None,
    cut_labels: str,
) -> None:
    with session.errors_shown():
        if target is None:
            target = session.datasets().new(_free_name(name), by=session.person(), identity=identity_name)
        elif not target.row.size and target.name.startswith("Dataset "):
            target.rename(_free_name(name))  # it was made empty, and has no name of anybody's choice yet
        if hosts:
            target.change_settings(allowed_hosts=sorted(set(hosts)))
        if not target.row.size:
            target.change_settings(identity=identity_name)
        if cut is not None:
            from hover_core.jobs import queue  # brings what jobs need, and the first page does without

            queue.start_cut(target, intake, cut, labels=cut_labels)
            session.open_dataset(target.id)
            given_table.forget()
            st.rerun()
        with st.spinner(f"Adding {count_of(len(intake.clips), 'clip')} …", show_time=True):
            added = target.add(intake, token=session.token("upload"))
        session.spend("upload")
        session.open_dataset(target.id)
        given_table.forget()
        st.session_state["upload.done"] = (target.id, added)
        st.rerun()


def _show_outcome(dataset: Dataset, added: AddResult) -> None:
    """What was added, and where to go next."""
    words = [f"{count_of(added.new, 'clip')} added"]
    if added.known:
        words.append(f"{added.known:,} were there already")
    if added.moved:
        words.append(f"{added.moved:,} moved to another subset")
    if added.labelled:
        words.append(f"{added.labelled:,} labels imported")
    st.success(" · ".join(words), icon=":material/check:")
    state = dataset.state()
    with st.container(horizontal=True):
        if state.subset.any():
            st.page_link("owner/vectorize.py", label="Next: the map", icon=":material/arrow_forward:")
            st.page_link("owner/split.py", label="Look at the split", icon=":material/call_split:")
        else:
            st.page_link("owner/split.py", label="Next: split", icon=":material/arrow_forward:")
            st.page_link("owner/vectorize.py", label="Skip to the map", icon=":material/scatter_plot:")
    with st.container(horizontal=True):
        if added.batch_id:
            st.button("Undo the import of the labels", icon=":material/undo:", key="upload.undo", on_click=_undo_import)
        st.button("Add another table", icon=":material/add:", key="upload.another", on_click=_another)


def _undo_import() -> None:
    dataset_id, added = st.session_state["upload.done"]
    opened = session.still(dataset_id)
    if opened is not None and added.batch_id:
        opened.undo(added.batch_id)
    st.session_state["upload.done"] = (dataset_id, replace(added, batch_id=None, labelled=0))


def _another() -> None:
    st.session_state.pop("upload.done", None)


def _free_name(name: str) -> str:
    stem = clean(Path(name).stem) or "Dataset"
    taken = {row.name for row in session.datasets().rows(archived=True)}
    return next(n for n in [stem, *(f"{stem} {k}" for k in range(2, len(taken) + 3))] if n not in taken)


main()
