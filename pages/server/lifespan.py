"""What happens once when the server starts: the owner's link is printed, and jobs whose process died are taken up."""

import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator

import streamlit as st

from hover_core import settings
from hover_core.errors import HoverError
from pages.server import identity
from pages.server.shared import close, datasets

_FIRST_PAGE_S = 4.0  # nothing competes with the first page

_log = logging.getLogger("hover")


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Print how the owner comes in; then serve; at the end close the store."""
    if identity.is_open():
        print("  HOVER_OPEN=1: everybody who reaches this server is its owner.", flush=True)
    elif not identity.bound_to_loopback():
        if identity.token_is_ours():
            base = (st.get_option("server.baseUrlPath") or "").strip("/")
            root = f"http://localhost:{st.get_option('server.port')}/{base + '/' if base else ''}"
            print(f"  The owner's link: {root}join?t={identity.owner_token()}", flush=True)
            print("  (from another machine: this machine's name or address instead of localhost)", flush=True)
        else:
            print("  The owner comes in by /join?t= and the token in HOVER_OWNER_TOKEN.", flush=True)
    threading.Thread(target=_make_ready, daemon=True).start()
    try:
        settings.sources()
    except HoverError as error:
        print(f"  Private sound cannot be fetched: {error}", flush=True)
    threading.Thread(target=_take_up, daemon=True).start()
    yield
    jobs = sys.modules.get("hover_core.jobs")
    if jobs is not None:
        jobs.drop_spare()
    close()


def _make_ready() -> None:
    """While the browser loads Streamlit's own script: what the first page needs."""
    try:
        datasets()
    except HoverError:
        _log.exception("the store cannot be opened")  # every page says so as well
    gc.freeze()  # Streamlit collects garbage after every run: it need not go through what was just imported


def _take_up() -> None:
    time.sleep(_FIRST_PAGE_S)
    import pandas  # noqa: F401 - what most pages need next

    from hover_core import jobs

    gc.freeze()
    try:
        jobs.tend_all(datasets())
        jobs.keep_spare(datasets().store)
    except HoverError:
        _log.exception("jobs that were under way could not be taken up")
