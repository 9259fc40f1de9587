"""Who is asking: decided by a cookie of ours, or by where the server listens; never by a peer address or a Host header.

Whoever sits at a machine whose server listens on loopback only is its owner, unless the operator gave a token.
Everywhere else the owner comes in by a link with a token, annotators by an invite. A forwarding header or a foreign
Host takes the first away: then somebody stands in between. `hosts` open nothing, they only lock. So does the cookie of
a guest whose invite has ended, until they leave.
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from hover_core.data.people import LOCAL_OWNER, OWNER, Person
from hover_core.errors import Refused
from pages.server.shared import datasets

COOKIE = "hover"
ASKING = "hover.person"  # where the gate leaves who is asking, in the scope of a request
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_TOKEN: Final = 200  # characters that the way in reads of a token
_SHORT_TOKEN: Final = 16  # fewer can be guessed
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")

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
    from hover_core.store import members

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
        from hover_core.store import members

        store = datasets().store
        found = members.person_behind(store, cookie)
        if found is not None:
            return found
        if members.has_ended(store, cookie):
            return None
    if is_open() or (bound_to_loopback() and not has_token() and _direct(headers)):
        return LOCAL_OWNER
    return None


def is_open() -> bool:
    """Whether the operator opened the app on purpose: everybody is the owner. A token of theirs closes it again."""
    return os.environ.get("HOVER_OPEN") == "1" and not has_token()


def bound_to_loopback() -> bool:
    """Whether the server was started on a loopback address by `streamlit run`; another server may listen anywhere."""
    from streamlit import config

    return st.get_option("server.address") in LOOPBACK and config._server_mode in (
        "starlette-app",
        "starlette-app-direct",
    )


def is_owner_token(token: str) -> bool:
    """Whether `token` is the owner's. It holds no spaces: one in an address was a `+`."""
    return hmac.compare_digest(token.replace(" ", "+").encode("utf-8", "replace"), owner_token().encode())


@functools.cache
def owner_token() -> str:
    """`HOVER_OWNER_TOKEN`, else the secret of that name, else one made for this process."""
    return operators_token() or secrets.token_urlsafe(24)


def has_token() -> bool:
    """Whether the operator gave a token: then the owner comes in by it everywhere."""
    return bool(operators_token())


@functools.cache
def operators_token() -> str:
    """`HOVER_OWNER_TOKEN` of the environment, else the secret of that name, as it was at the start; empty for none.

    Raises
    ------
    Refused
        It is set, and could let nobody in; or secrets are there that cannot be read. The message does not repeat it.
    """
    given = os.environ.get("HOVER_OWNER_TOKEN")
    if given is None:
        given = _secret_token()
    if given is None:
        return ""
    token = given.strip()
    if not token:
        raise Refused("HOVER_OWNER_TOKEN is set and empty: give it a long random text, or do not set it")
    if len(token) > LONGEST_TOKEN:
        raise Refused(f"HOVER_OWNER_TOKEN has {len(token):,} characters: at most {LONGEST_TOKEN} can be read of a link")
    if not _VISIBLE_ASCII.fullmatch(token):
        raise Refused(
            "HOVER_OWNER_TOKEN holds a space, a control character or a letter outside ASCII, which do not pass through "
            "a link unchanged: use A–Z, a–z, 0–9, “-” and “_”"
        )
    return token


def doubts_about_token() -> list[str]:
    """What is unwise about the operator's token, in sentences; it works all the same."""
    token = operators_token()
    doubts = []
    if token and len(token) < _SHORT_TOKEN:
        doubts.append(
            f"HOVER_OWNER_TOKEN has {len(token)} characters, which can be guessed: {_SHORT_TOKEN} or more, at random, "
            "would be safe."
        )
    if not set("#%&").isdisjoint(token):
        doubts.append("HOVER_OWNER_TOKEN holds characters that have to be percent-encoded in a link, like # or &.")
    return doubts


def _secret_token() -> str | None:
    try:
        return str(st.secrets["HOVER_OWNER_TOKEN"])
    except KeyError:
        return None
    except (OSError, ValueError):  # a FileNotFoundError also where secrets are there that are no TOML
        there = [path for path in st.get_option("secrets.files") if Path(path).exists()]
        if there:
            raise Refused(
                f"the secrets in {', '.join(there)} cannot be read, and HOVER_OWNER_TOKEN may be among them: "
                "mend the file (it is TOML), or take it away"
            ) from None
        return None


def sign_in(token: str, name: str = "") -> tuple[str, bool]:
    """Exchange the owner's token or an invite's for a device's cookie: `(cookie, whether it is the owner's)`.

    Raises
    ------
    NotFound, Refused
        The token opens nothing, or the name cannot be taken.
    """
    from hover_core.store import members

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


def works_here_only(address: str) -> bool:
    """Whether an address of the app, as a browser names it, leads to this app on this machine alone."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    if host in LOOPBACK or host.endswith(".localhost"):
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return ip.is_loopback or ip.is_unspecified


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].split("]", 1)[0]
    return host.rsplit(":", 1)[0].lower() if ":" in host else host.lower()


__all__ = ["COOKIE", "OWNER", "current", "person", "sign_in"]
