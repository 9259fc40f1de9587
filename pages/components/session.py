"""Who this run is for and which dataset is open: what every page asks first."""

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
    """Who is here; a page is only run for somebody."""
    found = identity.current()
    if found is None:
        st.error("You are not signed in.")
        st.stop()
    return found


def dataset() -> Dataset | None:
    """The open dataset: the one that the address names, else the one of before, else the newest."""
    who = person()
    rows = datasets().rows(who)
    ids = [row.id for row in rows]
    wanted = st.query_params.get(_PARAMETER) or st.session_state.get("session.dataset")
    if wanted not in ids:
        wanted = ids[0] if ids else None
    if wanted is None:
        return None
    st.session_state["session.dataset"] = wanted
    if st.query_params.get(_PARAMETER) != wanted:
        st.query_params[_PARAMETER] = wanted
    return datasets().open(wanted, by=who)


def still(dataset_id: str) -> Dataset | None:
    """A dataset in the hands of whoever is here now, or None if they may not label it (any more)."""
    who = identity.current()
    if who is None or not who.may("label", dataset_id):
        return None
    return datasets().open(dataset_id, by=who)


def open_dataset(dataset_id: str) -> None:
    """Make a dataset the open one, from the next run on."""
    st.session_state["session.dataset"] = dataset_id
    st.query_params[_PARAMETER] = dataset_id


def needs(*, clips: bool = True, embedding: bool = False) -> Dataset:
    """The open dataset, or a sentence that says what comes first and a button that goes there."""
    found = dataset()
    owner = person().role == OWNER
    if found is None or (clips and not found.row.size):
        _first("There are no clips yet. Upload a table of URLs, or try the demo.", "owner/upload.py", "Upload", owner)
    assert found is not None
    if embedding and found.embedding() is None:
        _first(
            "There is no map yet. Turn the clips into vectors, and the vectors into a map.",
            "owner/vectorize.py",
            "Map",
            owner,
        )
    return found


def _first(sentence: str, page: str, name: str, owner: bool) -> None:
    st.info(sentence if owner else "The owner is still preparing this dataset. Come back in a little while.")
    if owner:
        st.page_link(page, label=f"Go to {name}", icon=":material/arrow_forward:")
    st.stop()


def root() -> str:
    """The absolute address of the app's root as this browser sees it, with its slash."""
    address = (st.context.url or "").split("?")[0].rstrip("/")
    for page in ("upload", "split", "vectorize", "label", "share", "export"):
        address = address.removesuffix(f"/{page}")
    return address + "/"


def token(act: str) -> str:
    """A token for the next action of this kind: the same until `spend`, so that a retried click counts once."""
    key = _token_key(act)
    if key not in st.session_state:
        st.session_state[key] = secrets.token_hex(16)
    return str(st.session_state[key])


def spend(act: str) -> None:
    """The action has been acknowledged: the next one is another."""
    st.session_state.pop(_token_key(act), None)


def _token_key(act: str) -> str:
    return f"session.token.{st.session_state.get('session.dataset', '')}.{act}"


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what went wrong as a sentence, and go on."""
    try:
        yield
    except HoverError as error:
        st.error(plain(str(error)))
