"""The endpoints of our own routes: sounds and cards of clips, maps, journals, assets.

Only people who may label a dataset get answers about it. Everybody else gets 403, also for a dataset or clip that does
not exist.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from hover_core.analysis import facets
from hover_core.audio import browser_formats
from hover_core.data import clips, people
from hover_core.errors import NotAllowed, NotFound, SoundError
from hover_core.store.clip_rows import clip_at
from hover_core.workspace import visibility
from hover_core.workspace.dataset import Dataset
from pages.server import assets, identity, map_codec
from pages.server.shared import datasets

_YEAR_S = 31_536_000
_LONGEST_WAIT_S = 1.0
_WAITING = threading.BoundedSemaphore(12)  # of the 40 threads that answer requests


def _authorised(answer: Callable[[Request, Any], Response]) -> Callable[[Request], Response]:
    """Wrap `answer`: pass it the person who asks, and turn our errors into HTTP statuses."""

    def work(request: Request) -> Response:
        who = request.scope.get(identity.ASKING)
        if who is None:
            return PlainTextResponse("you are not signed in", 403)
        try:
            return answer(request, who)
        except SoundError as error:
            return PlainTextResponse(visibility.problem(who, error), 404)
        except (
            NotAllowed,
            NotFound,
            ValueError,  # also a parameter that is not a number
            OverflowError,  # a number that is too large
            DBAPIError,
        ):
            return PlainTextResponse("there is nothing here for you", 403 if who.role != people.OWNER else 404)

    return work


def _open(request: Request, who: Any) -> Dataset:
    return datasets().open(request.path_params["dataset"], by=who)


def _audio(request: Request, who: Any) -> Response:
    dataset = _open(request, who)
    level = request.query_params.get("level") == "1"
    webkit = browser_formats.is_webkit(request.headers.get("user-agent", ""))
    sound = datasets().sounds.playable(dataset.id, request.path_params["position"], level=level, webkit=webkit)
    # FileResponse answers Range requests itself, with an ETag
    return FileResponse(
        sound.path,
        media_type=sound.mime,
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
        peaks = datasets().sounds.peaks(dataset.id, position)
    except SoundError as error:
        problem = visibility.problem(who, error)
    row = clip_at(datasets().store, dataset.id, position)  # decoding its sound has stored the duration
    if row is None:
        raise NotFound(f"no clip at {position}")
    clip, summary = row
    state = dataset.state()
    card = {
        "name": visibility.clip_title(who, position, clip.url, clip.start_s, clip.end_s),
        "duration": summary.duration_s if summary else None,
        "label": str(state.label_names()[position]),
        "subset": clips.SUBSETS[state.subset[position]],
        "peaks": peaks,
        "problem": problem,
    }
    return JSONResponse(card, headers={"Cache-Control": "no-store"})


def _map(request: Request, who: Any) -> Response:
    embedding_id = request.path_params["embedding"]
    dataset = map_codec.dataset_of(datasets(), embedding_id, by=who)
    query = request.query_params
    body, tag = map_codec.base(dataset, embedding_id, query.get("x", "0"), query.get("y", "1"))
    # identity: coordinates hardly compress, and trying takes the server a third of a second for a million of them
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Encoding": "identity"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/octet-stream", headers=headers)


def _spectrogram(request: Request, who: Any) -> Response:
    from PIL import Image

    levels = datasets().sounds.spectrogram(_open(request, who).id, request.path_params["position"])
    # like ink: loud is dark on a light page and light on a dark page
    ink = levels if request.query_params.get("dark") == "1" else 255 - levels
    file = io.BytesIO()
    Image.fromarray(ink).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


def _columns(request: Request, who: Any) -> Response:
    return JSONResponse(facets.available_facets(_open(request, who)), headers={"Cache-Control": "no-store"})


def _column(request: Request, who: Any) -> Response:
    body = map_codec.column(_open(request, who), request.path_params["key"])
    return Response(body, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


def _journal(request: Request, who: Any) -> Response:
    dataset = _open(request, who)
    after = int(request.query_params.get("after", "-1"))
    wait = min(float(request.query_params.get("wait", "0")), _LONGEST_WAIT_S)
    # the browser has just sent a click: answer once it is written. When too many wait already, this one polls again
    if wait > 0 and dataset.state().revision <= after and _WAITING.acquire(blocking=False):
        try:
            datasets().journal.await_news(dataset.id, after, wait)
        finally:
            _WAITING.release()
    news = map_codec.journal(dataset, after, request.query_params.get("names", ""))
    body = json.dumps(news, separators=(",", ":"))
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _asset(request: Request) -> Response:
    asset = assets.find(request.path_params["name"])
    if asset is None:
        return PlainTextResponse("no such asset", 404)
    path, mime = asset
    return FileResponse(path, media_type=mime, headers={"Cache-Control": f"public, max-age={_YEAR_S}, immutable"})


ANSWERS: dict[str, Callable[[Request], Any]] = {
    "audio": _authorised(_audio),
    "card": _authorised(_card),
    "spectrogram": _authorised(_spectrogram),
    "map": _authorised(_map),
    "columns": _authorised(_columns),
    "column": _authorised(_column),
    "journal": _authorised(_journal),
    "asset": _asset,
}
