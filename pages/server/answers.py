"""What our own routes answer: sounds and cards of clips, maps, journals, assets, and the way in.

Every answer about a dataset is for those who may label it; everybody else gets 403, also for what does not exist.
"""

from __future__ import annotations

import html
import io
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from hover_core import browsers, columns, members
from hover_core.clip_rows import clip_at
from hover_core.clips import clip_name
from hover_core.dataset import Dataset
from hover_core.errors import HoverError, NotAllowed, NotFound, SoundError
from pages.components.clip_map import wire
from pages.server import assets, identity
from pages.server.shared import datasets

_YEAR_S = 31_536_000
_DEVICE_S = 90 * 86_400
_MAX_TOKEN = 200
_LONGEST_WAIT_S = 1.0
_WAITING = threading.BoundedSemaphore(12)  # of the 40 threads that answer


def _guarded(answer: Callable[[Request, Any], Response]) -> Callable[[Request], Response]:
    """An endpoint that knows who asks and turns our errors into statuses."""

    def work(request: Request) -> Response:
        who = identity.person(request.cookies, request.headers)
        if who is None or request.headers.get("sec-fetch-site") == "cross-site":
            return PlainTextResponse("you are not signed in", 403)
        try:
            return answer(request, who)
        except SoundError as error:
            return PlainTextResponse(str(error), 404)
        except (
            NotAllowed,
            NotFound,
            ValueError,
            OverflowError,
            DBAPIError,
        ):  # also numbers that are none, or too large
            return PlainTextResponse("there is nothing here for you", 403 if who.role != identity.OWNER else 404)

    return work


def _open(request: Request, who: Any) -> Dataset:
    return datasets().open(request.path_params["dataset"], by=who)


def _audio(request: Request, who: Any) -> Response:
    dataset = _open(request, who)
    level = request.query_params.get("level") == "1"
    webkit = browsers.is_webkit(request.headers.get("user-agent", ""))
    found = datasets().listening.playable(dataset.id, request.path_params["position"], level=level, webkit=webkit)
    # FileResponse answers Range requests itself, with an ETag
    return FileResponse(
        found.path,
        media_type=found.mime,
        headers={
            "Cache-Control": "private, max-age=86400",
            "Content-Security-Policy": "sandbox",
            "Vary": "User-Agent",
        },
    )


def _card(request: Request, who: Any) -> Response:
    dataset, position = _open(request, who), request.path_params["position"]
    peaks: list[int] = []
    problem = ""
    try:
        peaks = datasets().listening.peaks(dataset.id, position)
    except SoundError as error:
        problem = str(error)
    found = clip_at(datasets().store, dataset.id, position)  # now that its sound was decoded, also how long it is
    if found is None:
        raise NotFound(f"no clip at {position}")
    clip, heard = found
    state = dataset.state()
    card = {
        "name": clip_name(clip.url, clip.start_s, clip.end_s),
        "duration": heard.duration_s if heard else None,
        "label": str(state.label_names()[position]),
        "subset": wire.SUBSETS[state.subset[position]],
        "peaks": peaks,
        "problem": problem,
    }
    return JSONResponse(card, headers={"Cache-Control": "no-store"})


def _map(request: Request, who: Any) -> Response:
    embedding_id = request.path_params["embedding"]
    dataset = wire.dataset_of(datasets(), embedding_id, by=who)
    asked = request.query_params
    body, tag = wire.base(dataset, embedding_id, asked.get("x", "0"), asked.get("y", "1"))
    # identity: places of points do not get smaller by packing, and a million take the server a third of a second to try
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Encoding": "identity"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/octet-stream", headers=headers)


def _spectrogram(request: Request, who: Any) -> Response:
    from PIL import Image

    found = datasets().listening.spectrogram(_open(request, who).id, request.path_params["position"])
    # as ink on the page: loud is dark on a light page and light on a dark one
    ink = found if request.query_params.get("dark") == "1" else 255 - found
    file = io.BytesIO()
    Image.fromarray(ink).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


def _columns(request: Request, who: Any) -> Response:
    return JSONResponse(columns.offered(_open(request, who)), headers={"Cache-Control": "no-store"})


def _column(request: Request, who: Any) -> Response:
    body = wire.column(_open(request, who), request.path_params["key"])
    return Response(body, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


def _journal(request: Request, who: Any) -> Response:
    dataset = _open(request, who)
    after = int(request.query_params.get("after", "-1"))
    wait = min(float(request.query_params.get("wait", "0")), _LONGEST_WAIT_S)
    # somebody has just clicked: answer when it is written; with many at once some come back for it instead
    if wait > 0 and dataset.state().revision <= after and _WAITING.acquire(blocking=False):
        try:
            datasets().journal.await_news(dataset.id, after, wait)
        finally:
            _WAITING.release()
    told = wire.journal(dataset, after, request.query_params.get("names", ""))
    body = json.dumps(told, separators=(",", ":"))
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _asset(request: Request) -> Response:
    found = assets.find(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such asset", 404)
    path, mime = found
    return FileResponse(path, media_type=mime, headers={"Cache-Control": f"public, max-age={_YEAR_S}, immutable"})


# the way in -----------------------------------------------------------------------------------------------------------


def _join_page(request: Request) -> Response:
    token = request.query_params.get("t", "")[:_MAX_TOKEN]
    if identity.is_owner_token(token):
        return _page("Open as the owner", _form(token, "Continue as the owner", ""))
    try:
        invite = members.invite_behind(datasets().store, token)
    except HoverError as error:
        return _page("This link does not work", f"<p>{html.escape(str(error))}</p>", status=404)
    dataset = datasets().store.dataset(invite.dataset_id).name
    words = f"You are invited to label “{html.escape(dataset)}”."
    button = f"Continue as {html.escape(invite.name)}" if invite.name else "Continue"
    return _page("Welcome", f"<p>{words}</p>" + _form(token, button, "" if invite.name else _NAME_FIELD))


async def _join(request: Request) -> Response:
    if not _same_site(request):
        return PlainTextResponse("this form was sent from another site", 403)
    form = await request.form()
    token, name = str(form.get("t", ""))[:_MAX_TOKEN], str(form.get("name", ""))[:200]
    try:
        cookie, owner = await run_in_threadpool(identity.sign_in, token, name)
    except HoverError as error:
        return _page("That did not work", f"<p>{html.escape(str(error))}</p>", status=400)
    # relative, so that it holds below whatever path a proxy serves the app
    return _with_cookie(RedirectResponse("." if owner else "./label", 303), request, cookie)


async def _device(request: Request) -> Response:
    """The same for somebody who signed in on a page: they have the secret already, and want it kept as a cookie."""
    cookie = (await request.body())[:_MAX_TOKEN].decode("ascii", "replace")
    known = await run_in_threadpool(members.person_behind, datasets().store, cookie)
    if known is None or not _same_site(request):
        return PlainTextResponse("unknown", 403)
    return _with_cookie(PlainTextResponse("kept"), request, cookie)


def _with_cookie(answer: Response, request: Request, cookie: str) -> Response:
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(
        identity.COOKIE, cookie, max_age=_DEVICE_S, path=_root(request), httponly=True, samesite="lax", secure=secure
    )
    return answer


def _root(request: Request) -> str:
    return request.url.path.rsplit("/", 1)[0] or "/"


def _leave_page(request: Request) -> Response:
    form = '<form method="post" action="leave"><button>Leave</button></form>'
    return _page("Leave", f"<p>This browser forgets who you are. Your link lets you in again.</p>{form}")


async def _leave(request: Request) -> Response:
    if not _same_site(request):
        return PlainTextResponse("this form was sent from another site", 403)
    await run_in_threadpool(members.leave, datasets().store, request.cookies.get(identity.COOKIE, ""))
    answer = RedirectResponse(".", 303)
    answer.delete_cookie(identity.COOKIE, path=_root(request), httponly=True)
    return answer


def _same_site(request: Request) -> bool:
    origin = request.headers.get("origin")  # browsers leave Sec-Fetch-Site out on plain HTTP, but not this
    hosts = (request.headers.get("host"), request.headers.get("x-forwarded-host"))
    if origin is not None and urlsplit(origin).netloc not in hosts:
        return False
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


_NAME_FIELD = '<label>Your name, as colleagues see it <input name="name" required maxlength="60" autofocus></label>'
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 90vh; margin: 1rem; }
main { max-width: 26rem; } form, label { display: grid; gap: .75rem; }
input, button { font: inherit; padding: .6rem .8rem; border-radius: .5rem; border: 1px solid #8895a2; }
button { background: #0b6e99; color: #fff; border: 0; cursor: pointer; }
"""


def _form(token: str, button: str, field: str) -> str:
    secret = f'<input type="hidden" name="t" value="{html.escape(token, quote=True)}">'
    return f'<form method="post" action="join">{secret}{field}<button>{button}</button></form>'


def _page(title: str, body: str, status: int = 200) -> Response:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"{head}<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>{body}</main></html>"
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


ANSWERS: dict[str, Callable[[Request], Any]] = {
    "audio": _guarded(_audio),
    "card": _guarded(_card),
    "spectrogram": _guarded(_spectrogram),
    "map": _guarded(_map),
    "columns": _guarded(_columns),
    "column": _guarded(_column),
    "journal": _guarded(_journal),
    "asset": _asset,
    "join_page": _join_page,
    "join": _join,
    "device": _device,
    "leave_page": _leave_page,
    "leave": _leave,
}
