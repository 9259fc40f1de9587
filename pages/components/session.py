"""The session of a page: the person who is signed in, the open dataset, tokens of actions, and shown errors."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from hover_core.data.people import OWNER, Person
from hover_core.errors import HoverError
from hover_core.workspace.dataset import Dataset
from hover_core.workspace.datasets import Datasets
from pages.components.text import plain
from pages.server import identity, shared

_PARAMETER = "dataset"


def datasets() -> Datasets:
    """The datasets of this server."""
    return shared.datasets()


def person() -> Person:
    """The person who is signed in; if nobody is, the page stops with an error."""
    who = identity.current()
    if who is None:
        st.error("You are not signed in.")
        st.stop()
    return who


def dataset() -> Dataset | None:
    """The open dataset: the one in the address, else the one that was open before, else the newest."""
    who = person()
    rows = datasets().rows(who)
    ids = [row.id for row in rows]
    dataset_id = st.query_params.get(_PARAMETER) or st.session_state.get("session.dataset")
    if dataset_id not in ids:
        dataset_id = ids[0] if ids else None
    if dataset_id is None:
        return None
    st.session_state["session.dataset"] = dataset_id
    if st.query_params.get(_PARAMETER) != dataset_id:
        st.query_params[_PARAMETER] = dataset_id
    return datasets().open(dataset_id, by=who)


def still(dataset_id: str) -> Dataset | None:
    """The dataset, opened for the person who is signed in now, or None if they may not label it (any more)."""
    who = identity.current()
    if who is None or not who.may("label", dataset_id):
        return None
    return datasets().open(dataset_id, by=who)


def open_dataset(dataset_id: str) -> None:
    """Open a dataset from the next run on."""
    st.session_state["session.dataset"] = dataset_id
    st.query_params[_PARAMETER] = dataset_id


def needs(*, clips: bool = True, embedding: bool = False) -> Dataset:
    """The open dataset, if it is ready for this page; else the page stops with a link to the page that comes first.

    Parameters
    ----------
    clips
        The page needs clips.
    embedding
        The page needs a map.
    """
    current = dataset()
    owner = person().role == OWNER
    if current is None or (clips and not current.row.size):
        _first("There are no clips yet. Upload a table of URLs, or try the demo.", "owner/upload.py", "Upload", owner)
    assert current is not None
    if embedding and current.embedding() is None:
        _first(
            "There is no map yet. Turn the clips into vectors, and the vectors into a map.",
            "owner/vectorize.py",
            "Map",
            owner,
        )
    return current


def _first(sentence: str, page: str, name: str, owner: bool) -> None:
    st.info(sentence if owner else "The owner is still preparing this dataset. Come back later.")
    if owner:
        st.page_link(page, label=f"Go to {name}", icon=":material/arrow_forward:")
    st.stop()


def root() -> str:
    """The absolute address of the app's root as this browser sees it, with a slash at the end."""
    address = (st.context.url or "").split("?")[0].rstrip("/")
    for page in ("upload", "split", "vectorize", "label", "share", "export"):
        address = address.removesuffix(f"/{page}")
    return address + "/"


def token(act: str) -> str:
    """A token for the next action of this kind. It stays the same until `spend`, so a retried click counts once."""
    key = _token_key(act)
    if key not in st.session_state:
        st.session_state[key] = secrets.token_hex(16)
    return str(st.session_state[key])


def spend(act: str) -> None:
    """Forget the token of an action that has succeeded: the next action gets a new one."""
    st.session_state.pop(_token_key(act), None)


def _token_key(act: str) -> str:
    return f"session.token.{st.session_state.get('session.dataset', '')}.{act}"


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show a `HoverError` in the block as a sentence on the page, and continue after the block."""
    try:
        yield
    except HoverError as error:
        st.error(plain(str(error)))
