"""Messages from our elements in the browser to Python: none is lost, and none is carried out twice."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st


def new_messages(key: str) -> list[Any]:
    """The new messages of the element with this key, in order. Call it once a run, in the element's callback.

    Streamlit keeps only the newest trigger of an element while a script runs. So each trigger carries all messages that
    Python has not acknowledged yet, with their numbers; see `outbox.js`.
    """
    text = getattr(st.session_state.get(key), "said", None)
    if not isinstance(text, str):
        return []
    outbox = json.loads(text)
    before = acknowledgement(key)
    last = before[1] if before and before[0] == outbox["from"] else 0
    fresh = [(int(number), act) for number, act in outbox["acts"] if int(number) > last]
    if fresh:
        st.session_state[f"{key}.heard"] = (outbox["from"], fresh[-1][0])
    return [act for _, act in fresh]


def acknowledgement(key: str) -> tuple[str, int] | None:
    """The sender and number of the last message that Python received: the element gets it as `heard` in its data."""
    last: tuple[str, int] | None = st.session_state.get(f"{key}.heard")
    return last
