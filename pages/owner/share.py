"""Share: invite annotators to the open dataset, and see who is there."""

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
made = f"share.link.{dataset.id}"


def main() -> None:
    """A form, the link that it made, and everybody who has one."""
    st.subheader("Share")
    st.caption("An invite is a link to this dataset. Whoever has it can listen and label there.")
    if identity.works_here_only(session.root()):
        act = (
            "start the app without `--server.address localhost`, and open this page by an address that they can reach."
            if identity.bound_to_loopback()
            else "open this page by this machine's name or address first."
        )
        st.warning(
            "You opened this page by an address of this machine alone, so a link works in other browsers here and "
            f"nowhere else. To invite somebody elsewhere, {act}",
            icon=":material/computer:",
        )
    with st.form("share.form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        help_text = "Empty: whoever comes gives their own name."
        name = st.text_input("Who is it for?", key="share.name", placeholder="Mira", help=help_text)
        days = st.selectbox(
            "Good for", [1, 7, 30, 365], index=2, key="share.days", format_func=lambda d: count_of(d, "day")
        )
        blind = st.toggle(
            "Blind",
            key="share.blind",
            help="They see their own labels and nobody else's, not even the names of those. "
            "Everybody else sees what they label, as always.",
        )
        make = st.form_submit_button("Make a link", type="primary", icon=":material/link:")
    if make:
        with session.errors_shown():
            st.session_state[made] = (clean(name), dataset.invite(name, days=days, blind=blind))
    link = st.session_state.get(made)
    if link:
        st.markdown(
            f"The link for **{plain(link[0]) or 'anybody'}**. Copy it now: it is not kept, and not shown again."
        )
        st.code(f"{session.root()}join?t={link[1]}", language=None)
        st.caption(f"If your host does not pass that path on, this one works as well: `{session.root()}?t={link[1]}`")
    guest_columns(dataset)
    _offer()
    invites = dataset.invites()
    _people(invites)
    if not invites:
        st.info("Nobody is invited yet. Give a name if you like, and make a link.")
        return
    st.markdown("**Invites**")
    for invite in invites:
        _row(invite)


def _people(invites: list[Invite]) -> None:
    """Everybody who came or labelled, whoever did most first."""
    tally = dataset.journal.tally(dataset.id)
    rows = []
    for invite in invites:
        for name, devices, seen in guests(dataset.store, invite.id):
            role = "annotator, blind" if invite.blind else "annotator"
            at = datetime.fromisoformat(seen).astimezone(UTC)
            rows.append((name, role, *tally.get(name, (0, 0)), str(devices), f"{at:%d %b %H:%M}"))
    if not rows:
        return
    own = dataset.by.name
    came = {row[0] for row in rows}
    others = [(name, done) for name, done in tally.items() if name not in came]
    rows += [(name, "owner" if name == own else "–", *done, "", "") for name, done in others]
    st.markdown("**People**")
    columns = ["name", "role", "clips labelled", "actions", "devices", "last seen (UTC)"]
    frame = pd.DataFrame(rows, columns=columns).sort_values("clips labelled", ascending=False)
    st.dataframe(frame, hide_index=True, width="stretch", alt="Who came and what they labelled")


def _offer() -> None:
    """Labels that whoever is blind can choose from at once."""
    known = dataset.offered_labels
    with st.expander(f"Labels offered to those who work blind: {len(known)}", icon=":material/label:"):
        st.caption(
            "Who works blind sees no label of anybody else's, so each would spell their own. What you offer here is on "
            "their Label page with a colour and a key. It cannot be taken back."
        )
        if known:
            st.markdown(" · ".join(plain(name) for name in known))
        with st.form("share.offer", border=False, clear_on_submit=True):
            others = [name for name in dataset.state().names if name not in known]
            chosen = st.multiselect(
                "Labels",
                others,
                key="share.labels",
                accept_new_options=True,
                placeholder="labels that there are, or new ones …",
            )
            given = st.form_submit_button("Offer them", icon=":material/add:")
        if given and chosen:
            with session.errors_shown():
                dataset.offer_labels(chosen)
                st.rerun()


def _row(invite: Invite) -> None:
    """One invite: for whom, until when, and whether anybody came by it."""
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
        words.append(f"on {count_of(invite.devices, 'device')}" if invite.devices else "nobody came yet")
        st.caption(" · ".join(words), width="stretch")
        if good and st.button("Revoke", icon=":material/block:", key=f"share.revoke.{invite.id}"):
            dataset.revoke(invite.id)
            st.rerun()


main()
