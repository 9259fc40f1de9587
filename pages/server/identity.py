"""Who sent a request: decided by our cookie, or by where the server listens; never by a peer address or a Host header.

If the server listens on loopback only, everybody at this machine is its owner, unless the operator set a token.
Otherwise the owner signs in by a link with a token, and annotators by an invite. A forwarding header or a foreign Host
ends the first rule, because then a proxy stands in between: headers never open the app, they only lock it. The cookie
of a guest whose invite has ended locks it as well, until they leave.
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
ASKING = "hover.person"  # key in a request's scope, under which the gate stores the person
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_TOKEN: Final = 200  # characters of a token that sign-in reads
_SHORT_TOKEN: Final = 16  # fewer can be guessed
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")

# For tests: a function that returns the person, instead of cookies and headers.
seam: Callable[[], Person | None] | None = None


def current() -> Person | None:
    """The person for whom this page runs, or None."""
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
    cookie = st.session_state.get("identity.cookie")  # signed in where no cookie could be set
    if cookie:
        cookies[COOKIE] = cookie
    return cookies


def by_cookie() -> bool:
    """Whether this person signed in by a link, and so can leave."""
    return seam is None and bool(st.context.cookies.get(COOKIE) or st.session_state.get("identity.cookie"))


def person(cookies: Mapping[str, str], headers: Mapping[str, str]) -> Person | None:
    """The person who sent a request, or None if nobody is signed in.

    A guest whose invite has ended gets None, also at a machine whose owner needs no cookie. A cookie that the store
    does not know counts as no cookie.
    """
    cookie = cookies.get(COOKIE)
    if cookie:
        from hover_core.store import members

        store = datasets().store
        somebody = members.person_behind(store, cookie)
        if somebody is not None:
            return somebody
        if members.has_ended(store, cookie):
            return None
    if is_open() or (bound_to_loopback() and not has_token() and _direct(headers)):
        return LOCAL_OWNER
    return None


def is_open() -> bool:
    """Whether `HOVER_OPEN=1` makes everybody the owner. An operator's token takes precedence and closes the app."""
    return os.environ.get("HOVER_OPEN") == "1" and not has_token()


def bound_to_loopback() -> bool:
    """Whether `streamlit run` started the server on a loopback address. Other servers may listen anywhere: False."""
    from streamlit import config

    return st.get_option("server.address") in LOOPBACK and config._server_mode in (
        "starlette-app",
        "starlette-app-direct",
    )


def is_owner_token(token: str) -> bool:
    """Whether `token` is the owner's. Tokens hold no spaces: a space in an address stands for a `+`."""
    return hmac.compare_digest(token.replace(" ", "+").encode("utf-8", "replace"), owner_token().encode())


@functools.cache
def owner_token() -> str:
    """The owner's token: `HOVER_OWNER_TOKEN`, else the secret of that name, else a random one for this process."""
    return operators_token() or secrets.token_urlsafe(24)


def has_token() -> bool:
    """Whether the operator set a token: then the owner always needs it to sign in."""
    return bool(operators_token())


@functools.cache
def operators_token() -> str:
    """The environment's `HOVER_OWNER_TOKEN`, else the secret of that name, read once; empty if neither is set.

    Raises
    ------
    Refused
        The token is set, but no link could carry it; or the secrets file cannot be read. The message does not contain
        the token.
    """
    setting = os.environ.get("HOVER_OWNER_TOKEN")
    if setting is None:
        setting = _secret_token()
    if setting is None:
        return ""
    token = setting.strip()
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
    """Warnings about an operator's token that works but is unwise, as sentences."""
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
    except (OSError, ValueError):  # also a FileNotFoundError if a secrets file exists but is not TOML
        paths = [path for path in st.get_option("secrets.files") if Path(path).exists()]
        if paths:
            raise Refused(
                f"the secrets in {', '.join(paths)} cannot be read, and HOVER_OWNER_TOKEN may be among them: "
                "mend the file (it is TOML), or take it away"
            ) from None
        return None


def sign_in(token: str, name: str = "") -> tuple[str, bool]:
    """Exchange the owner's token or an invite's for a device's cookie.

    Returns
    -------
    tuple of (str, bool)
        The cookie, and whether it is the owner's.

    Raises
    ------
    NotFound
        The token belongs to nobody, or its invite has ended.
    Refused
        The invite names nobody and `name` is empty, too long, or too much like the name of somebody else.
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
    """Whether this address of the app, as a browser shows it, works on this machine only."""
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
