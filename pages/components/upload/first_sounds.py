"""The first clips of a table, to listen to before anything is added: whether its addresses lead to the right sounds."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hover_core.audio.segment import Piece
from hover_core.data.clips import Clip
from hover_core.errors import RefusedHost, SoundError
from hover_core.tables.intake import Intake
from hover_core.workspace.dataset import Dataset
from pages.components import private_hosts, session
from pages.components.text import plain

_LISTEN_S = 30.0


def listen(
    dataset: Dataset | None,
    intake: Intake,
    digest: str,
    names: tuple[str, ...],
    heard_box: DeltaGenerator,
    asked_box: DeltaGenerator,
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
                return hosts, not _ask_to_allow(host_port, digest)
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


def _ask_to_allow(host_port: str, digest: str) -> bool:
    """Ask whether a private address may be fetched from; whether there was anything to ask."""
    if not private_hosts.by_a_click(host_port):
        st.warning(plain(private_hosts.refusal(host_port)), icon=":material/shield:")
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(private_hosts.question(host_port)), icon=":material/shield:", width="stretch")
        if st.button(f"Allow {plain(host_port)}", key="upload.allow"):
            st.session_state[f"upload.hosts.{digest}"].append(host_port)
            st.rerun()
    return True


@st.cache_data(max_entries=32, ttl=600, show_spinner="Listening to the first clips …")
def _first_sound(
    url: str, start_s: float | None, end_s: float | None, hosts: tuple[str, ...], names: tuple[str, ...]
) -> bytes | tuple[str, str]:
    """The clip as WAV, or why not and the `host:port` that would have to be allowed: a dead host is asked once."""
    sounds = session.datasets().sounds
    most = (start_s or 0.0) + _LISTEN_S
    end_s = most if end_s is None else min(end_s, most)  # a recording of hours is not played in one
    try:
        return sounds.workers.wav(Piece(sounds.fetcher(hosts, names=names).fetch(url), start_s, end_s))
    except RefusedHost as refused:
        return str(refused), "" if refused.redirected or refused.operator_only else refused.host_port
    except SoundError as error:
        return str(error), ""
