"""The frame of every page: checks who is signed in, offers their pages, and shows which dataset is open."""

import gc
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from hover_core.analysis import maps
from hover_core.data.clips import SUBSETS
from hover_core.data.people import OWNER
from hover_core.errors import HoverError
from hover_core.store import members
from hover_core.workspace.dataset import Dataset
from pages.components import session
from pages.components.join_form import join_form
from pages.components.notices import notices
from pages.components.text import plain
from pages.server import identity
from pages.server.options import hold_options

hold_options()
ICON = Path(__file__).parent / "components" / "icon.svg"
st.set_page_config(page_title="Hover", page_icon=str(ICON), layout="wide")


def main() -> None:
    """Show the lock, or the person's pages and the page they chose."""
    who = identity.current()
    if who is None:
        _show_lock()
        return
    current = session.dataset()
    pages = _pages(current, owner=who.role == OWNER)
    page = st.navigation(pages, position="top")
    if page is pages[-1]:
        st.switch_page(pages[0])
    _header(current, owner=who.role == OWNER, name=who.name)
    if current is not None and who.role == OWNER:
        notices(current)
    page.run()
    _settle()


def _pages(current: Dataset | None, *, owner: bool) -> list[StreamlitPage]:
    """The pages in the order of the work, each with its progress in the title."""
    size = labelled = subsets = 0
    if current is not None:
        state = current.state()
        size, labelled = state.size, int((state.label >= 0).sum())
        subsets = sum(bool((state.subset == code).any()) for code in range(len(SUBSETS)))
    label_title = f"Label {labelled:,}/{size:,}" if size else "Label"
    label = _page("annotator/label.py", label_title, "lasso_select", first=not owner)
    if not owner:
        return [label, _alias("label")]
    return [
        _page("owner/upload.py", f"Upload {size:,}" if size else "Upload", "upload_file", first=True),
        _page("owner/split.py", f"Split {subsets} subsets" if subsets > 1 else "Split", "call_split"),
        _page("owner/vectorize.py", _map_title(current), "scatter_plot"),
        label,
        _page("owner/share.py", _share_title(current), "group_add"),
        _page("owner/export.py", "Export", "download"),
        _alias("upload"),
    ]


def _page(path: str, title: str, icon: str, *, first: bool = False) -> StreamlitPage:
    # the default page is served at the root only, but still reserves its url_path: give it one that nobody uses
    name = "first" if first else Path(path).stem
    return st.Page(path, title=title, icon=f":material/{icon}:", url_path=name, default=first)


def _alias(name: str) -> StreamlitPage:
    """The first page under its own name, which redirects to the root."""
    return st.Page(_empty_page, title="Hover", url_path=name, visibility="hidden")


def _map_title(current: Dataset | None) -> str:
    """The title of Map, with the share of clips that are on the map."""
    embedding = maps.main_map(current) if current is not None else None
    if current is None or embedding is None:
        return "Map"
    return f"Map {min(100, 100 * embedding.clips // max(1, current.row.size))} %"


def _share_title(current: Dataset | None) -> str:
    """The title of Share, with the number of people who signed in by an invite."""
    count = members.people(current.store, current.id) if current is not None else 0
    return f"Share {'1 person' if count == 1 else f'{count:,} people'}" if count else "Share"


def _header(current: Dataset | None, *, owner: bool, name: str) -> None:
    if identity.is_open():
        st.warning(
            "This server is open (HOVER_OPEN=1): everybody who reaches it is its owner.", icon=":material/lock_open:"
        )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if owner:
            _dataset_menu(current)
        elif current is not None:
            st.markdown(f"**{plain(current.name)}**", width="content")
        who = "You are the owner" if owner else f"You are {plain(name)}"
        if identity.by_cookie():
            who += f" · [leave]({session.root()}leave)"
        st.caption(who, width="content")
    sentence = st.session_state.pop("frame.toast", "")
    if sentence:
        st.toast(sentence, icon=":material/archive:")


def _dataset_menu(current: Dataset | None) -> None:
    archived = [row for row in session.datasets().rows(archived=True) if row.archived]
    if current is None and not archived:
        return
    # another dataset or another name makes a new menu, so an action in the old one closes it
    menu = f"frame.menu.{current.id}.{current.name}" if current else "frame.menu"
    with st.popover(plain(current.name) if current else "Datasets", icon=":material/dataset:", key=menu):
        if current is not None:
            _open_and_rename(current)
        with st.container(horizontal=True):
            if st.button("New dataset", icon=":material/add:", key="frame.new"):
                _new_dataset()
            if current is not None and st.button(
                "Archive",
                icon=":material/archive:",
                key="frame.archive",
                help="Put this dataset away. Nothing is deleted.",
            ):
                _archive(current)
        if archived:
            _take_out({row.id: row.name for row in archived})


def _open_and_rename(current: Dataset) -> None:
    names = {row.id: row.name for row in session.datasets().rows()}
    dataset_id = st.selectbox(
        "Open",
        list(names),
        index=list(names).index(current.id),
        format_func=lambda row_id: names[row_id],
        key=f"frame.open.{current.id}",
    )
    if dataset_id != current.id:
        session.open_dataset(dataset_id)
        st.rerun()
    # a new box for each name: an old one would undo a rename by somebody else
    box = f"frame.name.{current.id}.{current.name}"
    st.text_input("Name", value=current.name, key=box, on_change=_rename, args=(current.id, box))


def _archive(current: Dataset) -> None:
    current.archive()
    st.session_state.pop("session.dataset", None)
    st.query_params.clear()
    _say_next(f"“{plain(current.name)}” is in the archive. Open the dataset menu at the top to take it out.")
    st.rerun()


def _take_out(archived: dict[str, str]) -> None:
    dataset_id = st.selectbox(
        "Take out of the archive",
        [None, *archived],
        format_func=lambda row_id: "–" if row_id is None else archived[row_id],
        key="frame.unarchive",
    )
    if dataset_id:
        session.datasets().open(dataset_id).archive(archived=False)
        session.open_dataset(dataset_id)
        _say_next(f"“{plain(archived[dataset_id])}” is out of the archive.")
        st.rerun()


def _say_next(sentence: str) -> None:
    """Show a toast in the next run: a toast of this run would disappear with it."""
    st.session_state["frame.toast"] = sentence


def _rename(dataset_id: str, box: str) -> None:
    """Rename the dataset to the text in the menu's box, unless it is empty."""
    name = st.session_state[box].strip()
    dataset = session.still(dataset_id)
    if name and dataset is not None:
        with session.errors_shown():
            dataset.rename(name)


def _new_dataset() -> None:
    names = {row.name for row in session.datasets().rows(archived=True)}
    number = next(n for n in range(1, len(names) + 2) if f"Dataset {n}" not in names)
    session.open_dataset(session.datasets().new(f"Dataset {number}", by=session.person()).id)
    st.rerun()


def _show_lock() -> None:
    """The lock, for a tab that was open when its invite ended, and on Community Cloud."""
    # every address shows the lock, so that a link to a page still leads there after signing in
    paths = ["upload", "split", "vectorize", "label", "share", "export"]
    rooms = [st.Page(_empty_page, title="Sign in", url_path=path) for path in paths]
    st.navigation([st.Page(_empty_page, title="Sign in", default=True), *rooms], position="hidden")
    token = st.query_params.get("t", "")
    ended = identity.invite_has_ended()
    st.title("Your invite has ended" if ended else "This app is locked")
    if ended and not token:
        st.markdown(
            "It was revoked or has expired. Your labels stay. Ask the owner for a new link, "
            f"or [leave]({session.root()}leave): this browser then forgets who you were."
        )
        return
    if not token:
        st.markdown(
            "Open your invite link, or the owner's link, which the server printed on its console when it started. "
            "Operators: set the owner's token with `HOVER_OWNER_TOKEN`."
        )
        return
    name = join_form(token, key="frame.join")
    if name is not None:
        try:
            cookie, _ = identity.sign_in(token, name)
        except HoverError as error:
            st.error(plain(str(error)))
            return
        st.session_state["identity.cookie"] = cookie
        st.query_params.clear()
        st.rerun()


def _empty_page() -> None:
    """A page that never runs: the frame shows the lock, or switches to another page."""


@st.cache_resource
def _settle() -> bool:
    """Freeze the imported modules for the garbage collector, once in a process.

    Streamlit collects all garbage after every run, and skips frozen objects (CPU of one interaction 79 → 11 ms).
    """
    gc.collect()
    gc.freeze()
    return True


main()
