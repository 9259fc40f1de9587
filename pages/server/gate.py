"""Access control: checked for each request and each websocket, before Streamlit sees any of it.

A visitor who is not signed in gets our plain sign-in page, the static files and Streamlit's health check. An annotator
gets everything but the addresses that describe the server. On Community Cloud visitors also get Streamlit's own page,
because the shell around the app waits for it; there, and in a tab that was open when an invite ended, `frame.py` shows
the lock.
"""

from __future__ import annotations

import logging

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hover_core.data.people import LOCAL_OWNER, OWNER, Person
from hover_core.errors import HoverError
from pages.server import hosting, identity, messages, origins, sign_in
from pages.server.routes import ADDRESSES

_READING = ("GET", "HEAD", "OPTIONS")
_NAVIGATE = "navigate"  # in Sec-Fetch-Mode, which browsers leave out without TLS
# Paths below the app's address. Open to everybody: they hold nothing that a person entered.
_PUBLIC = ("_stcore/health", "_stcore/host-config", "favicon.png", "favicon.ico")
_PUBLIC_FOLDERS = ("static/", "assets/")
_OWN_FORMS = ("join", "leave")
# For the owner only: these describe the server, or run the app without a browser.
_OWNERS = ("_stcore/metrics", "_stcore/script-health-check", "_stcore/agent/")
# First path parts that do not belong to a page: Streamlit's, and those of our own routes.
_NO_PAGES = {"_stcore", "media", "component", "app", "auth", "oauth2callback", "static"} | {
    path.split("/")[1] for _, path, _ in ADDRESSES
}

_log = logging.getLogger("hover")


class Gate:
    """Middleware that passes on the requests a person may make, and answers all others itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, send = _path(scope), _without_cors(send)
        if path is None:
            await sign_in.refuse("the app is not at this address", 404)(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD") and (path in _PUBLIC or path.startswith(_PUBLIC_FOLDERS)):
            await self.app(scope, receive, send)
            return
        if hosting.on_community_cloud():
            scope = _with_our_cookie(scope)
        answer = await self._answer(scope, receive, path)
        await (answer or self.app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, path: str) -> Response | None:
        """The gate's own response, or None if the request may pass."""
        request = Request(scope, receive)
        parts = path.split("/")
        page = parts[0] not in _NO_PAGES and "_stcore" not in parts
        reading = scope["method"] in _READING
        try:
            who = await _person(scope)
        except HoverError as error:  # the store cannot be opened
            return sign_in.refuse(str(error), 503)
        scope[identity.ASKING] = who
        if not reading and not _may_change(request.headers, scope["scheme"], who):
            return sign_in.refuse("this request was sent by a page of another site")
        if path in _OWN_FORMS:
            return None
        if reading and not page and origins.judge(request.headers, scope["scheme"]) == "foreign":
            return sign_in.refuse("this was requested by a page of another site")
        if page and scope["method"] == "POST":
            return await sign_in.at_own_address(request)
        if path.startswith(_OWNERS) and (who is None or who.role != OWNER):
            return sign_in.refuse("this address is for the owner only")
        if who is not None or hosting.on_community_cloud():
            return None
        navigation = request.headers.get("sec-fetch-mode", _NAVIGATE) == _NAVIGATE
        if page and navigation and scope["method"] in ("GET", "HEAD"):
            return await sign_in.lobby(request)
        return sign_in.refuse("you are not signed in")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if hosting.on_community_cloud():
            scope = _with_our_cookie(scope)
        headers, cloud = Headers(scope=scope), hosting.on_community_cloud()
        verdict = origins.judge(headers, scope["scheme"])
        who = None if verdict == "foreign" else await _person(scope)
        by_cookie = who is not None and who is not LOCAL_OWNER
        if verdict == "hidden" and not by_cookie and not cloud:
            _log.warning(
                "a page of %s requested the app at %s: if the first is the app's own address, its proxy must pass on "
                "the header Host or X-Forwarded-Host",
                headers.get("origin", "")[:200],
                headers.get("host", "")[:200],
            )
            who = None
        if verdict == "foreign" or (who is None and not cloud):
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008})  # not accepted yet: a browser sees 403
            return

        async def is_owner() -> bool:
            now = await _person(scope)
            return now is not None and now.role == OWNER

        async def is_somebody() -> bool:
            return cloud or await _person(scope) is not None  # on Community Cloud the session signs in, not the request

        owner = who is not None and who.role == OWNER
        allowed = messages.Messages(
            receive,
            send,
            is_owner=is_owner,
            is_somebody=is_somebody,
            most_bytes=messages.MOST_OWNER_BYTES if owner or who is None else messages.MOST_BYTES,
        )
        await self.app(_at_its_own_host(scope), allowed.receive, allowed.send)


def _path(scope: Scope) -> str | None:
    """The path below the app's address, without the first slash; None if the request is for another address."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    path: str = scope["path"].lstrip("/")
    if not base:
        return path
    return path[len(base) :].lstrip("/") if f"{path}/".startswith(f"{base}/") else None


async def _person(scope: Scope) -> Person | None:
    """The person who asks. Only a cookie needs the store, and so a thread."""
    connection = HTTPConnection(scope)
    if connection.cookies.get(identity.COOKIE):
        return await run_in_threadpool(identity.person, connection.cookies, connection.headers)
    return identity.person(connection.cookies, connection.headers)


def _may_change(headers: Headers, scheme: str, who: Person | None) -> bool:
    """Whether a request that changes something was sent by our own page, or by a program that is no browser."""
    verdict = origins.judge(headers, scheme)
    if verdict != "hidden":
        return verdict == "own"
    # browsers send Sec-Fetch-Site where there is TLS; otherwise a cookie, which pages of other sites do not have
    return headers.get("sec-fetch-site") == "same-origin" or (who is not None and who is not LOCAL_OWNER)


def _with_our_cookie(scope: Scope) -> Scope:
    """The request with our cookie under its own name, if Community Cloud passed it on under Streamlit's."""
    cookies = HTTPConnection(scope).cookies
    cookie = cookies.get(sign_in.CLOUD_COOKIE)
    if not cookie or identity.COOKIE in cookies:
        return scope
    headers = MutableHeaders(raw=list(scope["headers"]))
    headers["cookie"] = f"{headers.get('cookie', '')}; {identity.COOKIE}={cookie}"
    return {**scope, "headers": headers.raw}


def _at_its_own_host(scope: Scope) -> Scope:
    """The websocket's request with Origin set to its Host: Streamlit compares the two, and ignores X-Forwarded-Host."""
    headers = MutableHeaders(raw=list(scope["headers"]))
    if "origin" in headers and "host" in headers:
        headers["origin"] = f"{'https' if scope['scheme'] == 'wss' else 'http'}://{headers['host']}"
    return {**scope, "headers": headers.raw}


def _without_cors(send: Send) -> Send:
    """Keep pages of other sites from reading a response, whatever Streamlit's `server.enableCORS` says."""

    async def send_ours(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("access-control-allow-origin") not in (None, *origins.TALKING):
                del headers["access-control-allow-origin"]
        await send(message)

    return send_ours
