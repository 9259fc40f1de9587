"""Who is asking: decided by a cookie of ours, or by where the server listens; never by a peer address or a Host header.

Whoever sits at a machine whose server listens on loopback only is its owner. Everywhere else the owner comes in by a
link with a token, annotators by an invite. A forwarding header or a foreign Host takes the first away: then somebody
stands in between. `hosts` open nothing, they only lock. So does the cookie of a guest whose invite has ended, until
they leave.
"""

from __future__ import annotations

import functools
import hmac
import os
import secrets
from collections.abc import Callable, Mapping

import streamlit as st

from hover_core.invites import LOCAL_OWNER, OWNER, Person
from pages.server.shared import datasets, secret

COOKIE = "hover"
ASKING = "hover.person"  # where the gate leaves who is asking, in the scope of a request
LOOPBACK = ("localhost", "127.0.0.1", "::1")

# The one place where a test can say who is here, without cookies and headers.
seam: Callable[[], Person | None] | None = None


def current() -> Person | None:
    """Who this run of a page is for."""
    if seam is not None:
        return seam()
    return person(_cookies(), st.context.headers)


def invite_has_ended() -> bool:
    """Whether this browser came in by an invite that was revoked or has expired."""
    cookie = _cookies().get(COOKIE)
    if not cookie:
        return False
    from hover_core import members

    return members.has_ended(datasets().store, cookie)


def _cookies() -> dict[str, str]:
    cookies = dict(st.context.cookies)
    kept = st.session_state.get("identity.cookie")  # signed in where no cookie could be set
    if kept:
        cookies[COOKIE] = kept
    return cookies


def by_cookie() -> bool:
    """Whether this person came in by a link, and so can leave."""
    return seam is None and bool(st.context.cookies.get(COOKIE) or st.session_state.get("identity.cookie"))


def person(cookies: Mapping[str, str], headers: Mapping[str, str]) -> Person | None:
    """Who a request comes from, or None: then it is nobody's.

    A guest whose invite has ended is nobody, also at a machine whose owner needs no cookie: only a cookie that nobody
    knows counts as none.
    """
    cookie = cookies.get(COOKIE)
    if cookie:
        from hover_core import members

        store = datasets().store
        found = members.person_behind(store, cookie)
        if found is not None:
            return found
        if members.has_ended(store, cookie):
            return None
    if is_open() or (bound_to_loopback() and _direct(headers)):
        return LOCAL_OWNER
    return None


def is_open() -> bool:
    """Whether the operator opened the app on purpose: everybody is the owner."""
    return os.environ.get("HOVER_OPEN") == "1"


def bound_to_loopback() -> bool:
    """Whether the server was started on a loopback address by `streamlit run`; another server may listen anywhere."""
    from streamlit import config

    return st.get_option("server.address") in LOOPBACK and config._server_mode in (
        "starlette-app",
        "starlette-app-direct",
    )


def is_owner_token(token: str) -> bool:
    """Whether `token` is the owner's."""
    return hmac.compare_digest(token.encode(), owner_token().encode())


@functools.cache
def owner_token() -> str:
    """`HOVER_OWNER_TOKEN`, else the secret of that name, else one made for this process."""
    return _given_token() or secrets.token_urlsafe(24)


def token_is_ours() -> bool:
    """Whether the owner's token was made here, and so has to be printed."""
    return not _given_token()


def _given_token() -> str:
    return os.environ.get("HOVER_OWNER_TOKEN", "") or secret("HOVER_OWNER_TOKEN")


def sign_in(token: str, name: str = "") -> tuple[str, bool]:
    """Exchange the owner's token or an invite's for a device's cookie: `(cookie, whether it is the owner's)`.

    Raises
    ------
    NotFound, Refused
        The token opens nothing, or the name cannot be taken.
    """
    from hover_core import members

    store = datasets().store
    if is_owner_token(token):
        return members.sign_in_owner(store), True
    return members.join(store, token, name), False


def _direct(headers: Mapping[str, str]) -> bool:
    names = {name.lower() for name in headers}
    if any(name.startswith(("x-forwarded", "x-real-ip", "forwarded", "via", "cf-", "x-client-ip")) for name in names):
        return False
    host = next((value for name, value in headers.items() if name.lower() == "host"), "")
    return _host_name(host) in LOOPBACK


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].split("]", 1)[0]
    return host.rsplit(":", 1)[0].lower() if ":" in host else host.lower()


__all__ = ["COOKIE", "OWNER", "current", "person", "sign_in"]
