"""Upload: a table of URLs becomes clips; what will happen is said before it happens."""

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hover_core import demo, settings
from hover_core.audio import containers
from hover_core.audio.segment import Piece
from hover_core.audio.segmentation import Cut
from hover_core.data.clips import Clip
from hover_core.data.names import clean
from hover_core.errors import HoverError, RefusedHost, SoundError
from hover_core.store import job_rows
from hover_core.tables import foreign_files
from hover_core.tables import intake as tables
from hover_core.tables import rows as table_rows
from hover_core.tables.intake import Columns, Intake
from hover_core.tables.rows import RawTable
from hover_core.workspace.add_table import Added, Foreseen
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts, session
from pages.components.text import counted, plain
from pages.server.messages import MOST_PASTED

SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".m4a")
VIDEO_ENDINGS = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".wma", ".aac", ".flv", ".avi")  # with PyAV
NONE = "–"
_LISTEN_S = 30.0

dataset = session.dataset()


def main() -> None:
    """One drop zone; after a file, one screen."""
    if dataset is not None and _cut_last() and _recordings().shown(dataset):
        return
    done = st.session_state.get("upload.done")
    if done is not None and dataset is not None and done[0] == dataset.id:
        _said_done(done[1])
        return
    st.subheader("Upload")
    given = _given()
    if given is None:
        return
    data, name = given
    try:
        table = _table(data, name)
    except HoverError as error:
        st.error(plain(str(error)))
        return
    _screen(table, name, hashlib.sha256(data).hexdigest()[:12])


def _cut_last() -> bool:
    """Whether the last thing that was done with the dataset's sound was to cut recordings."""
    assert dataset is not None
    newest = job_rows.newest_job(dataset.store, dataset.id)
    return newest is not None and newest.kind == "cut"


def _recordings() -> ModuleType:
    from pages.components import cut_recordings  # brings what jobs need, and the first page does without

    return cut_recordings


def _given() -> tuple[bytes, str] | None:
    """The table that was dropped, typed, found in the operator's folder, or our own demo."""
    held = st.session_state.get("upload.given")
    if held is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/table: **{plain(held[1])}**", width="content")
            st.button("Another table", icon=":material/close:", key="upload.back", type="tertiary", on_click=_let_go)
        return held
    known = dataset is not None and dataset.row.size > 0
    if dataset is not None and known:
        about = f"“{plain(dataset.name)}” has {counted(dataset.row.size, 'clip')}. Nothing in it is ever deleted."
    else:
        about = (
            "A table with one row a clip and a column of URLs. Labels, subsets and speakers come along if it has them."
        )
    above = st.empty()
    above.caption(about)
    file = st.file_uploader("Drop a CSV, TSV, JSON, JSONL or Parquet file", key="upload.file")
    if file is not None:
        above.empty()  # room for what the table is about
        return file.getvalue(), file.name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try the demo",
            icon=":material/play_circle:",
            type="secondary" if known else "primary",
            key="upload.demo",
            help="600 short sounds of ours: spoken digits, sirens, rain, bells and engines.",
            on_click=_hold_demo,
        )
        with st.popover("Paste URLs", icon=":material/content_paste:"):
            text = st.text_area("One address a line", key="upload.urls", height=160, max_chars=MOST_PASTED)
            if st.button("Use these", key="upload.paste") and text.strip():
                _hold([line.strip() for line in text.splitlines() if line.strip()], "pasted.csv")
        root = settings.audio_root()
        if root is not None and st.button("The folder on this machine", icon=":material/folder:", key="upload.folder"):
            found = _folder(root)
            if found:
                _hold(found, "folder.csv")
            st.warning("The folder that the operator named holds no sound files.")
    return None


def _hold(addresses: list[str], name: str) -> None:
    """Take addresses as the table, and look at that alone."""
    st.session_state["upload.given"] = (_csv_of(addresses), name)
    st.rerun()


def _hold_demo() -> None:
    st.session_state["upload.given"] = (demo.TABLE.read_bytes(), "demo.csv")


def _let_go() -> None:
    st.session_state.pop("upload.given", None)


def _screen(table: RawTable, name: str, digest: str) -> None:
    """Columns and the first rows; beside them what will happen, what is to be decided, and one button."""
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        columns = _columns(table, tables.guess(table), digest)
        st.dataframe(table.frame.head(4), hide_index=True, width="stretch", alt="The first rows of the table")
        heard = st.container()
    if not columns.audio:
        right.info("Choose the column that holds the addresses of the clips.")
        return
    with right:
        said = st.container()
        base_url = _base_url(table, columns, digest)
        raw_box = st.container()
        target_box, asked, more = st.container(), st.container(), st.container()
    with more:
        identity_name = _identity(digest)
    raw_labels, raw_key = _raw_labels(columns, digest)
    settled = (digest, columns, raw_labels, base_url, identity_name)
    with right, st.spinner("Looking at every row …", show_time=True):
        intake, known = _plan(dataset, table, settled)
    with target_box:
        target = _target(known, digest)
    if target is not dataset:
        with right, st.spinner("Looking at every row …", show_time=True):
            intake, known = _plan(None, table, settled)
    with raw_box:
        _raw_labels_menu(intake.raw_labels, raw_key)
    names = (target.id, target.name) if target is not None and target.row.size else (_free_name(name),)
    hosts, answered = _listen(intake, digest, names, heard, asked)
    with more:
        labelled = any(clip.label or clip.reference for clip in intake.clips)
        cut, cut_labels = _recordings().choice(digest, labelled=labelled)
    with said:
        seen = None if cut or target is None or not known else _foreseen(target, intake, settled)
        _say(intake, seen, "recording" if cut else "clip")
    where = f" to “{plain(target.name)}”" if target is not None and target.row.size else ""
    if cut:
        act = f"Cut {counted(len(intake.clips), 'recording')} and add the clips{where}"
    elif not intake.clips:
        needs_base = not base_url and any(tables.is_relative(bad.value) for bad in intake.refused)
        act = "Give a base address" if needs_base else "No row can be added"
    elif known < len(intake.clips):
        act = f"Add {counted(len(intake.clips) - known, 'clip')}{where}"
    else:
        act = f"Add labels, columns and subsets{where}"
    with right:
        if st.button(
            act,
            type="primary",
            icon=":material/add:",
            key="upload.add",
            disabled=not (intake.clips and answered),
            width="stretch",
        ):
            _add(target, intake, name, hosts, identity_name, cut, cut_labels)
    if intake.refused:
        _rows("Refused rows", intake.refused, "refused.csv")
    if intake.duplicates:
        _rows("Duplicates", intake.duplicates, "duplicates.csv")


def _base_url(table: RawTable, columns: Columns, digest: str) -> str:
    """What relative addresses are relative to, asked for only if there are any."""
    if not any(tables.is_relative(str(value)) for value in table.frame[columns.audio].head(500)):
        return ""
    return st.text_input(
        "Base address",
        key=f"upload.base.{digest}",
        placeholder="https://example.org/clips/",
        help="Some addresses are relative; this is what they are relative to.",
    )


def _columns(table: RawTable, guessed: Columns, digest: str) -> Columns:
    names = [NONE, *table.frame.columns]
    common = {"audio": "Address", "label": "Label", "subset": "Subset", "group": "Group"}
    rare = {"own_id": "Id", "start": "Start (s)", "end": "End (s)"}
    chosen = {}

    def menus(words: dict[str, str]) -> None:
        with st.grid(4, min_column_width=150):
            for part, word in words.items():
                found = getattr(guessed, part)
                place = names.index(found) if found in names else 0
                chosen[part] = st.selectbox(word, names, index=place, key=f"upload.column.{part}.{digest}")

    menus(common)
    with st.expander("Ids, and stretches of longer recordings", expanded=bool(guessed.start or guessed.end)):
        menus(rare)
    picked = {part: "" if value == NONE else value for part, value in chosen.items()}
    return Columns(**{**guessed.__dict__, **picked})


def _raw_labels(columns: Columns, digest: str) -> tuple[str, str]:
    """What becomes of the labels of raw clips, what was chosen or is likely meant, and the key of the menu for it."""
    ours = bool(columns.annotator and columns.how)
    likely = "reference" if columns.subset and not ours else "keep"
    key = f"upload.raw.{digest}.{likely}"
    return str(st.session_state.setdefault(key, likely)), key


def _raw_labels_menu(amount: int, key: str) -> None:
    if amount:
        st.radio(
            f"{counted(amount, 'raw clip')} {'has' if amount == 1 else 'have'} a label",
            ["keep", "reference"],
            format_func={
                "keep": "Keep them as labels",
                "reference": "Set them aside as a reference: hidden from annotators, used to score their work",
            }.__getitem__,
            key=key,
        )


def _identity(digest: str) -> str:
    if dataset is not None and dataset.row.size:
        return str(dataset.row.settings.get("identity", "full"))
    from hover_core.data.clips import IDENTITIES

    with st.expander("What makes two addresses the same sound"):
        return str(
            st.selectbox(
                "The same sound is known by",
                list(IDENTITIES),
                format_func=IDENTITIES.__getitem__,
                key=f"upload.identity.{digest}",
            )
        )


def _target(known: int, digest: str) -> Dataset | None:
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


def _listen(
    intake: Intake, digest: str, names: tuple[str, ...], heard_box: DeltaGenerator, asked_box: DeltaGenerator
) -> tuple[list[str], bool]:
    """Play the first clips, and ask before a private address is fetched from: `(hosts, whether that is answered)`."""
    hosts = list(dataset.row.settings.get("allowed_hosts", [])) if dataset is not None else []
    hosts += st.session_state.setdefault(f"upload.hosts.{digest}", [])
    heard: list[tuple[Clip, bytes]] = []
    for clip in intake.clips[:3]:
        with heard_box:
            sound = _first_sound(clip.url, clip.start_s, clip.end_s, tuple(hosts), names)
        if isinstance(sound, bytes):
            heard.append((clip, sound))
            continue
        reason, host_port = sound
        if host_port:
            with asked_box:
                return hosts, not _offer(host_port, digest)
        heard_box.warning(plain(f"{clip.url}: {reason}"), icon=":material/volume_off:")
    if heard:
        with heard_box:
            st.caption("Does this sound right?")
            with st.grid(3, min_column_width=200):
                for clip, sound in heard:
                    with st.container(gap="xsmall"):
                        label = clip.label or clip.reference
                        st.caption(plain(clip.url.rsplit("/", 1)[-1][:60] + (f" · {label}" if label else "")))
                        st.audio(sound, format="audio/wav")
    return hosts, True


def _offer(host_port: str, digest: str) -> bool:
    """Ask whether a private address may be fetched from; whether there was anything to ask."""
    if not private_hosts.by_a_click(host_port):
        st.warning(plain(private_hosts.refused(host_port)), icon=":material/shield:")
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(private_hosts.question(host_port)), icon=":material/shield:", width="stretch")
        if st.button(f"Allow {plain(host_port)}", key="upload.allow"):
            st.session_state[f"upload.hosts.{digest}"].append(host_port)
            st.rerun()
    return True


def _say(intake: Intake, seen: Foreseen | None, thing: str) -> None:
    counts = tables.preview(intake)
    parts = [f"**{counted(len(intake.clips), thing)}**"]
    if intake.subset_given and intake.clips:
        parts.append(", ".join(f"{count:,} {name}" for name, count in counts.items() if count))
    if seen is not None:
        parts.append(f"{seen.known:,} {'is' if seen.known == 1 else 'are'} in the dataset already")
        if seen.moved:
            parts.append(f"{seen.moved:,} will move to another subset")
        if seen.relabelled:
            parts.append(f"**{counted(seen.relabelled, 'label')} will change**")
    if intake.duplicates:
        torn = f"; {intake.disagreeing:,} of them with another label" if intake.disagreeing else ""
        parts.append(f"{counted(len(intake.duplicates), 'duplicate')} (the same clip twice counts once{torn})")
    parts.append(f"{intake.labelled():,} labelled")
    if intake.refused:
        parts.append(f"**{counted(len(intake.refused), 'row')} refused**")
    st.markdown(" · ".join(parts))


def _rows(title: str, rows: list[table_rows.Refusal], file_name: str) -> None:
    import pandas as pd

    frame = pd.DataFrame([{"row": bad.row, "why": bad.reason, "value": bad.value} for bad in rows])
    with st.expander(f"{title} ({len(rows):,})", expanded=title.startswith("Refused")):
        st.dataframe(frame.head(500), hide_index=True, width="stretch", alt=title)
        safe = frame.astype(str).map(table_rows.neutralise)
        st.download_button("Download", safe.to_csv(index=False), file_name, "text/csv", key=f"upload.{file_name}")


def _add(
    target: Dataset | None,
    intake: Intake,
    name: str,
    hosts: list[str],
    identity_name: str,
    cut: Cut | None,
    cut_labels: str,
) -> None:
    with session.said():
        if target is None:
            target = session.datasets().new(_free_name(name), by=session.person(), identity=identity_name)
        elif not target.row.size and target.name.startswith("Dataset "):
            target.rename(_free_name(name))  # it was made empty, and has no name of anybody's choice yet
        if hosts:
            target.change_settings(allowed_hosts=sorted(set(hosts)))
        if not target.row.size:
            target.change_settings(identity=identity_name)
        if cut is not None:
            from hover_core.jobs import cut as cutting

            cutting.start(target, intake, cut, labels=cut_labels)
            session.open_dataset(target.id)
            st.session_state.pop("upload.given", None)
            st.rerun()
        with st.spinner(f"Adding {counted(len(intake.clips), 'clip')} …", show_time=True):
            added = target.add(intake, token=session.token("upload"))
        session.spend("upload")
        session.open_dataset(target.id)
        st.session_state.pop("upload.given", None)
        st.session_state["upload.done"] = (target.id, added)
        st.rerun()


def _said_done(added: Added) -> None:
    words = [f"{counted(added.new, 'clip')} added"]
    if added.known:
        words.append(f"{added.known:,} were there already")
    if added.moved:
        words.append(f"{added.moved:,} moved to another subset")
    if added.labelled:
        words.append(f"{added.labelled:,} labels imported")
    st.success(" · ".join(words), icon=":material/check:")
    state = dataset.state() if dataset else None
    with st.container(horizontal=True):
        if state is not None and state.subset.any():
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


def _csv_of(addresses: list[str]) -> bytes:
    import pandas as pd

    file = io.StringIO()
    pd.DataFrame({"audio": addresses}).to_csv(file, index=False)
    return file.getvalue().encode()


def _folder(root: Path) -> list[str]:
    found = []
    endings = SOUND_ENDINGS + (VIDEO_ENDINGS if containers.installed() else ())
    for folder, _, names in os.walk(root):
        found += [str((Path(folder) / file).relative_to(root)) for file in names if file.lower().endswith(endings)]
    return sorted(f"local:{path}" for path in found)


@st.cache_data(max_entries=4, show_spinner="Reading the table …")
def _table(data: bytes, name: str) -> RawTable:
    return foreign_files.read_table(data, name)


def _foreseen(target: Dataset, intake: Intake, settled: tuple) -> Foreseen:
    """What adding would do to clips that are there; kept until labels or choices are others."""
    key = (target.id, target.state().revision, settled)
    if st.session_state.get("upload.foreseen", (None,))[0] != key:
        st.session_state["upload.foreseen"] = key, target.foreseen(intake)
    found: Foreseen = st.session_state["upload.foreseen"][1]
    return found


def _plan(target: Dataset | None, table: RawTable, settled: tuple) -> tuple[Intake, int]:
    """What adding will do, and how many of the clips the target has; kept until something is chosen otherwise."""
    key = (target.id if target else "", target.clips_revision if target else 0, settled)
    plans = st.session_state.setdefault("upload.plans", {})
    if key not in plans:
        _, columns, raw_labels, base_url, identity_name = settled
        options = {"raw_labels": raw_labels, "base_url": base_url, "local_folder": settings.audio_root() is not None}
        if target is None:
            plan = tables.plan(table, columns, identity=identity_name, keep_sources=True, **options), 0
        else:
            intake = target.plan(table, columns, **options)
            have = set(target.clips()["clip_id"]) if target.row.size else set()
            plan = intake, sum(clip.clip_id in have for clip in intake.clips)
        while len(plans) > 1:  # two are in use at most: into the open dataset, and into a new one
            plans.pop(next(iter(plans)))
        plans[key] = plan
    return plans[key]


@st.cache_data(max_entries=32, ttl=600, show_spinner="Listening to the first clips …")
def _first_sound(
    url: str, start_s: float | None, end_s: float | None, hosts: tuple[str, ...], names: tuple[str, ...]
) -> bytes | tuple[str, str]:
    """The clip as WAV, or why not and the `host:port` that would have to be allowed: a dead host is asked once."""
    listening = session.datasets().listening
    most = (start_s or 0.0) + _LISTEN_S
    end_s = most if end_s is None else min(end_s, most)  # a recording of hours is not played in one
    try:
        return listening.workers.wav(Piece(listening.fetcher(hosts, names=names).fetch(url), start_s, end_s))
    except RefusedHost as refused:
        return str(refused), "" if refused.redirected or refused.operator_only else refused.host_port
    except SoundError as error:
        return str(error), ""


main()
