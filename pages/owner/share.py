"""The Share page: invites annotators to the open dataset, and lists who has come."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from hover_core.data.clock import now
from hover_core.data.names import clean
from hover_core.data.people import Invite
from hover_core.store.members import guests
from pages.components import session
from pages.components.guest_columns import guest_columns
from pages.components.text import count_of, plain
from pages.server import identity

dataset = session.needs()
link_key = f"share.link.{dataset.id}"


def main() -> None:
    """Draw the form, the new link, the people, and the invites."""
    st.subheader("Share")
    st.caption("An invite is a link to this dataset. Everybody who has the link can listen and label.")
    if identity.works_here_only(session.root()):
        step = (
            "start the app without `--server.address localhost`, and open this page at an address they can reach."
            if identity.bound_to_loopback()
            else "first open this page at this machine's name or address."
        )
        st.warning(
            "You opened this page at an address that works on this machine only, and so does a link made here. "
            f"To invite somebody on another machine, {step}",
            icon=":material/computer:",
        )
    with st.form("share.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        help_text = "Leave this empty to let people enter their own name."
        name = st.text_input("Who is it for?", key="share.name", placeholder="Mira", help=help_text)
        days = st.selectbox(
            "Good for", [1, 7, 30, 365], index=2, key="share.days", format_func=lambda d: count_of(d, "day")
        )
        blind = st.toggle(
            "Blind",
            key="share.blind",
            help="Blind annotators see only their own labels, not the labels of others or their names. "
            "Other people still see what they label.",
        )
        submitted = st.form_submit_button("Make a link", type="primary", icon=":material/link:")
    if submitted:
        with session.errors_shown():
            st.session_state[link_key] = (clean(name), dataset.invite(name, days=days, blind=blind))
    link = st.session_state.get(link_key)
    if link:
        st.markdown(f"The link for **{plain(link[0]) or 'anybody'}**. Copy it now: it is not stored or shown again.")
        st.code(f"{session.root()}join?t={link[1]}", language=None)
        st.caption(f"If your host does not serve this path, use this link instead: `{session.root()}?t={link[1]}`")
    guest_columns(dataset)
    _offer()
    invites = dataset.invites()
    _people(invites)
    if not invites:
        st.info("Nobody is invited yet. Enter a name if you like, and make a link.")
        return
    st.markdown("**Invites**")
    for invite in invites:
        _row(invite)


def _people(invites: list[Invite]) -> None:
    """Draw the table of everybody who came or labelled, most labels first."""
    tally = dataset.journal.tally(dataset.id)
    rows = []
    for invite in invites:
        for name, devices, last_seen in guests(dataset.store, invite.id):
            role = "annotator, blind" if invite.blind else "annotator"
            at = datetime.fromisoformat(last_seen).astimezone(UTC)
            rows.append((name, role, *tally.get(name, (0, 0)), str(devices), f"{at:%d %b %H:%M}"))
    if not rows:
        return
    own = dataset.by.name
    guest_names = {row[0] for row in rows}
    others = [(name, counts) for name, counts in tally.items() if name not in guest_names]
    rows += [(name, "owner" if name == own else "–", *counts, "", "") for name, counts in others]
    st.markdown("**People**")
    columns = ["name", "role", "clips labelled", "actions", "devices", "last seen (UTC)"]
    frame = pd.DataFrame(rows, columns=columns).sort_values("clips labelled", ascending=False)
    st.dataframe(frame, hide_index=True, width="stretch", alt="Who came and what they labelled")


def _offer() -> None:
    """Draw the labels that the owner offers to blind annotators."""
    offered = dataset.offered_labels
    with st.expander(f"Labels offered to blind annotators: {len(offered)}", icon=":material/label:"):
        st.caption(
            "Blind annotators do not see the labels of others, so each would spell labels in their own way. The labels "
            "that you offer here appear on their Label page with a colour and a key. You cannot take them back."
        )
        if offered:
            st.markdown(" · ".join(plain(name) for name in offered))
        with st.form("share.offer", border=False, clear_on_submit=True):
            others = [name for name in dataset.state().names if name not in offered]
            labels = st.multiselect(
                "Labels",
                others,
                key="share.labels",
                accept_new_options=True,
                placeholder="existing labels, or new ones …",
            )
            submitted = st.form_submit_button("Offer them", icon=":material/add:")
        if submitted and labels:
            with session.errors_shown():
                dataset.offer_labels(labels)
                st.rerun()


def _row(invite: Invite) -> None:
    """Draw one invite: for whom, until when, and whether anybody has used it."""
    good = invite.good(now())
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        icon = ":material/person:" if good else ":material/person_off:"
        st.markdown(f"{icon} {plain(invite.name) or 'anybody with the link'}", width=220)
        ends = (
            "revoked"
            if invite.revoked_at
            else "expired"
            if not good
            else f"until {invite.expires_at[:10] or 'revoked'}"
        )
        words = ["blind", ends] if invite.blind else [ends]
        words.append(f"on {count_of(invite.devices, 'device')}" if invite.devices else "not used yet")
        st.caption(" · ".join(words), width="stretch")
        if good and st.button("Revoke", icon=":material/block:", key=f"share.revoke.{invite.id}"):
            dataset.revoke(invite.id)
            st.rerun()


main()
