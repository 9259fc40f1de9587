"""Start and end of the server: print the owner's link, warm up, resume jobs whose process died, close the store."""

import contextlib
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator

import streamlit as st

from hover_core import settings
from hover_core.errors import HoverError
from pages.server import identity, patches
from pages.server.messages import MOST_OWNER_BYTES
from pages.server.options import hold_options
from pages.server.shared import close, datasets

_FIRST_PAGE_S = 4.0  # nothing may compete with the first page before then

_log = logging.getLogger("hover")


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Print how the owner signs in; serve; close the store at the end."""
    hold_options()
    for line in way_in():
        print(f"  {line}", flush=True)
    patches.send_without_delay()
    patches.limit_websocket_frames(MOST_OWNER_BYTES)
    threading.Thread(target=_warm_up, daemon=True).start()
    try:
        settings.sources()
    except HoverError as error:
        print(f"  Private sound cannot be fetched: {error}", flush=True)
    threading.Thread(target=_resume_jobs, daemon=True).start()
    yield
    process = sys.modules.get("hover_core.jobs.process")
    if process is not None:
        process.drop_spare()
    close()


def way_in() -> list[str]:
    """Lines for the console that say how the owner signs in. They do not contain the operator's own token."""
    if identity.is_open():
        return ["HOVER_OPEN=1: everybody who reaches this server is its owner."]
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    root = f"http://localhost:{st.get_option('server.port')}/{base + '/' if base else ''}"
    elsewhere = "(from another machine: this machine's name or address instead of localhost)"
    if identity.has_token():
        closed = ["HOVER_OPEN=1 is ignored because HOVER_OWNER_TOKEN is set."] if os.environ.get("HOVER_OPEN") else []
        lines = [f"The owner comes in by {root}join?t= and the token in HOVER_OWNER_TOKEN."]
        return closed + lines + ([] if identity.bound_to_loopback() else [elsewhere]) + identity.doubts_about_token()
    if identity.bound_to_loopback():
        return []
    return [f"The owner's link: {root}join?t={identity.owner_token()}", elsewhere]


def _warm_up() -> None:
    """While the browser loads Streamlit's own script: what the first page needs."""
    with patches.others_first():
        try:
            datasets()
        except HoverError:
            _log.exception("the store cannot be opened")  # every page says so as well


def _resume_jobs() -> None:
    time.sleep(_FIRST_PAGE_S)
    import pandas  # noqa: F401 - most pages need it next

    from hover_core.jobs import process, queue

    gc.freeze()
    try:
        queue.tend_all(datasets())
        process.keep_spare(datasets().store)
    except HoverError:
        _log.exception("unfinished jobs could not be resumed")
