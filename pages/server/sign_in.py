"""Signing in and out: plain HTML pages with a form, and the handlers of those forms. Streamlit is not involved.

A form posts to the address of its own page, so signing in also works on a host that does not pass our paths on.
"""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from hover_core.errors import HoverError
from pages.server import hosting, identity, origins
from pages.server.shared import datasets

MOST_FORM_BYTES = 4_096  # a token and a name of 60 letters, percent-encoded
_FORM_S = 10.0
_DEVICE_S = 90 * 86_400
_MAX_TOKEN = identity.LONGEST_TOKEN
# Community Cloud's proxy passes on only cookies with Streamlit's own names (see the comment in Streamlit's
# starlette_server_config.py). This one belongs to st.login, which we do not use.
CLOUD_COOKIE = "_streamlit_user_tokens"


# pages ----------------------------------------------------------------------------------------------------------------


async def lobby(request: Request) -> Response:
    """The page for a visitor who is not signed in, at any address: the join page if it has `t=`, else the lock."""
    if request.query_params.get("t"):
        return await join_page(request)
    cookie = request.cookies.get(identity.COOKIE, "")
    if bool(cookie) and await run_in_threadpool(_has_ended, cookie):
        words = "It was revoked or has expired. Your labels stay. Ask the owner for a new link, or leave:"
        return _page("Your invite has ended", f"<p>{words} this browser then forgets who you were.</p>{_LEAVE}")
    words = "Open your invite link, or the owner's link, which the server printed on its console when it started."
    token = "Operators: set the owner's token with <code>HOVER_OWNER_TOKEN</code>."
    return _page("This app is locked", f"<p>{words}</p><p>{token}</p>")


async def join_page(request: Request) -> Response:
    """The page that a link with a token opens: whom it signs in, and a button. Opening the page changes nothing."""
    token = request.query_params.get("t", "")[:_MAX_TOKEN]
    if identity.is_owner_token(token):
        return _page("Open as the owner", _form(token, "Continue as the owner", ""))
    try:
        dataset, name = await run_in_threadpool(_invite_of, token)
    except HoverError as error:
        return _page("This link does not work", _sentence(error), status=404)
    words = f"You are invited to label “{html.escape(dataset)}”."
    button = f"Continue as {html.escape(name)}" if name else "Continue"
    return _page("Welcome", f"<p>{words}</p>" + _form(token, button, "" if name else _NAME_FIELD))


async def leave_page(request: Request) -> Response:
    """The page with the button that signs this browser out."""
    return _page("Leave", f"<p>This browser forgets who you are. Your link signs you in again.</p>{_LEAVE}")


# forms ----------------------------------------------------------------------------------------------------------------


async def join(request: Request) -> Response:
    """Sign in: `POST /join`."""
    fields = await _fields(request)
    if isinstance(fields, Response):
        return fields
    answer = await _sign_in(request, fields)
    # relative, so that it works below any path at which a proxy serves the app
    return answer if isinstance(answer, Response) else _enter(request, "." if answer[1] else "./label", answer[0])


async def leave(request: Request) -> Response:
    """Sign out: `POST /leave`. The body is not read."""
    return await _leave(request, ".")


async def at_own_address(request: Request) -> Response:
    """Sign in or out by a form that was posted to the address of its own page."""
    fields = await _fields(request)
    if isinstance(fields, Response):
        return fields
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "t"])
    here = f"?{rest}"  # the same address without the token
    if fields.get("leave"):
        return await _leave(request, here)
    if not fields.get("t") and request.scope.get(identity.ASKING) is not None:
        return RedirectResponse(here, 303)  # no token, and signed in already
    answer = await _sign_in(request, fields)
    return answer if isinstance(answer, Response) else _enter(request, here, answer[0])


def refuse(sentence: str, status: int = 403) -> Response:
    """A refusal that leaves the request's body unread and closes the connection."""
    return PlainTextResponse(sentence, status, headers={"Cache-Control": "no-store", "Connection": "close"})


async def _fields(request: Request) -> dict[str, str] | Response:
    """The fields of a small form, or the response that refuses a body that is not such a form."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return refuse("this address takes a form as application/x-www-form-urlencoded", 415)
    too_large = f"this form is larger than {MOST_FORM_BYTES} bytes"
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        return refuse("Content-Length must be a number", 400)
    if int(length) > MOST_FORM_BYTES:
        return refuse(too_large, 413)
    body = b""
    try:
        async with asyncio.timeout(_FORM_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_FORM_BYTES:  # sent in chunks, without a Content-Length
                    return refuse(too_large, 413)
        fields = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=8)
    except TimeoutError:
        return refuse(f"this form did not arrive within {_FORM_S:.0f} s", 408)
    except ClientDisconnect:
        return refuse("this form did not arrive", 400)
    except ValueError:
        return refuse("this form has more than 8 fields", 400)
    return dict(reversed(fields))


async def _sign_in(request: Request, fields: dict[str, str]) -> tuple[str, bool] | Response:
    """`(cookie, whether it is the owner's)`, or the page that says why signing in failed."""
    token, name = fields.get("t", "")[:_MAX_TOKEN], fields.get("name", "")[:200]
    try:
        return await run_in_threadpool(identity.sign_in, token, name)
    except HoverError as error:
        return _page("Signing in failed", _sentence(error), status=400)


def _enter(request: Request, where: str, cookie: str) -> Response:
    answer = RedirectResponse(where, 303)
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    for name in _cookie_names():
        answer.set_cookie(name, cookie, max_age=_DEVICE_S, path=_root(), httponly=True, samesite="lax", secure=secure)
    return answer


async def _leave(request: Request, where: str) -> Response:
    await run_in_threadpool(_forget, request.cookies.get(identity.COOKIE, ""))
    answer = RedirectResponse(where, 303, headers={"Connection": "close"})
    for name in _cookie_names():
        answer.delete_cookie(name, path=_root(), httponly=True)
    return answer


def _cookie_names() -> tuple[str, ...]:
    return (identity.COOKIE, CLOUD_COOKIE) if hosting.on_community_cloud() else (identity.COOKIE,)


def _root() -> str:
    return "/" + (st.get_option("server.baseUrlPath") or "").strip("/")


# the store, imported when it is needed: the first page comes sooner ---------------------------------------------------


def _invite_of(token: str) -> tuple[str, str]:
    from hover_core.store import members

    invite = members.invite_behind(datasets().store, token)
    return datasets().store.dataset(invite.dataset_id).name, invite.name


def _has_ended(cookie: str) -> bool:
    from hover_core.store import members

    return members.has_ended(datasets().store, cookie)


def _forget(cookie: str) -> None:
    from hover_core.store import members

    members.leave(datasets().store, cookie)


# the HTML -----------------------------------------------------------------------------------------------------------

_LEAVE = '<form method="post"><input type="hidden" name="leave" value="1"><button>Leave</button></form>'
_NAME_FIELD = '<label>Your name, as colleagues see it <input name="name" required maxlength="60" autofocus></label>'
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
:root { color: light-dark(#1b2530, #e6ebf0); background: light-dark(#ffffff, #12161b); }
body { display: grid; place-items: center; min-height: 90vh; margin: 1rem; }
main { max-width: 26rem; } h1 { font-size: 1.6rem; } form, label { display: grid; gap: .75rem; }
input, button { font: inherit; padding: .6rem .8rem; border-radius: .5rem; border: 1px solid #8895a2; }
button { background: #0b6e99; color: #fff; border: 0; cursor: pointer; }
"""


def _form(token: str, button: str, field: str) -> str:
    secret = f'<input type="hidden" name="t" value="{html.escape(token, quote=True)}">'
    return f'<form method="post">{secret}{field}<button>{button}</button></form>'


def _sentence(error: HoverError) -> str:
    text = html.escape(str(error))
    return f"<p>{text[:1].upper()}{text[1:]}.</p>"


def _page(title: str, body: str, status: int = 200) -> Response:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"{head}<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>{body}</main></html>"
    policy = (
        f"frame-ancestors {origins.frame_ancestors()}; default-src 'none'; style-src 'unsafe-inline'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'"
    )
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Content-Security-Policy": policy}
    return HTMLResponse(text, status, headers=headers)
