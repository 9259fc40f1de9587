"""Share: invite annotators to the open dataset, and see who is there."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from hover_core.annotations import now
from pages.components import session

dataset = session.needs()

st.subheader("Share")
st.caption("An invite is a link to this dataset. Whoever has it can listen and label; they see nothing else.")

with st.form("share.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
    name = st.text_input(
        "Who is it for?", key="share.name", placeholder="Mira", help="Empty: whoever comes gives their own name."
    )
    days = st.selectbox(
        "Good for", [1, 7, 30, 365], index=2, key="share.days", format_func=lambda d: f"{d} day{'s' if d > 1 else ''}"
    )
    make = st.form_submit_button("Make a link", type="primary", icon=":material/link:")
if make:
    with session.said():
        secret = dataset.invite(name, days=days)
        st.session_state["share.link"] = (name.strip(), secret)

link = st.session_state.get("share.link")
if link:
    st.markdown(f"The link for **{link[0] or 'anybody'}**. Copy it now: it is not kept, and not shown again.")
    st.code(f"{session.root()}join?t={link[1]}", language=None)
    st.caption(f"If your host does not pass that path on, this one works as well: `{session.root()}?t={link[1]}`")

invites = dataset.invites()
if not invites:
    st.info("Nobody is invited yet.")
for invite in invites:
    counts = [b for b in dataset.batches(limit=2000) if b.annotator == invite.name and b.kind == "label"]
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        good = invite.good(now())
        icon = ":material/person:" if good else ":material/person_off:"
        st.markdown(f"{icon} {invite.name or 'anybody with the link'}", width=200)
        seen = datetime.fromisoformat(invite.last_seen).astimezone(UTC) if invite.last_seen else None
        ends = (
            "revoked"
            if invite.revoked_at
            else "expired"
            if not good
            else f"until {invite.expires_at[:10] or 'revoked'}"
        )
        words = [ends, f"{invite.devices} device{'s' if invite.devices != 1 else ''}"]
        words += [f"last seen {pd.Timestamp(seen):%d %b, %H:%M} UTC"] if seen else []
        words += [f"{sum(b.size for b in counts):,} clips labelled in {len(counts):,} actions"] if counts else []
        st.caption(" · ".join(words), width="stretch")
        if good and st.button("Revoke", icon=":material/block:", key=f"share.revoke.{invite.id}"):
            dataset.revoke(invite.id)
            st.rerun()
