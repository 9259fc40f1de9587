"""What our elements share: how a browser tells Python what a person did, so that none of it is lost or done twice."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st


def new_messages(key: str) -> list[Any]:
    """What the element with this key says that was not heard before, in order; call it once a run, in its callback.

    Streamlit keeps only the newest trigger of an element while a script runs, so each carries all that we have not
    acknowledged, with numbers; see `outbox.js`.
    """
    said = getattr(st.session_state.get(key), "said", None)
    if not isinstance(said, str):
        return []
    given = json.loads(said)
    before = acknowledgement(key)
    last = before[1] if before and before[0] == given["from"] else 0
    fresh = [(int(number), act) for number, act in given["acts"] if int(number) > last]
    if fresh:
        st.session_state[f"{key}.heard"] = (given["from"], fresh[-1][0])
    return [act for _, act in fresh]


def acknowledgement(key: str) -> tuple[str, int] | None:
    """What the element is told to have been heard: goes down as `heard` in its data."""
    found: tuple[str, int] | None = st.session_state.get(f"{key}.heard")
    return found
