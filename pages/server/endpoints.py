"""What our own routes answer: sounds and cards of clips, maps, journals, assets.

Every answer about a dataset is for those who may label it; everybody else gets 403, also for what does not exist.
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
_WAITING = threading.BoundedSemaphore(12)  # of the 40 threads that answer


def _authorised(answer: Callable[[Request, Any], Response]) -> Callable[[Request], Response]:
    """An endpoint that knows who asks and turns our errors into statuses."""

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
            ValueError,
            OverflowError,
            DBAPIError,
        ):  # also numbers that are none, or too large
            return PlainTextResponse("there is nothing here for you", 403 if who.role != people.OWNER else 404)

    return work


def _open(request: Request, who: Any) -> Dataset:
    return datasets().open(request.path_params["dataset"], by=who)


def _audio(request: Request, who: Any) -> Response:
    dataset = _open(request, who)
    level = request.query_params.get("level") == "1"
    webkit = browser_formats.is_webkit(request.headers.get("user-agent", ""))
    found = datasets().sounds.playable(dataset.id, request.path_params["position"], level=level, webkit=webkit)
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
        peaks = datasets().sounds.peaks(dataset.id, position)
    except SoundError as error:
        problem = visibility.problem(who, error)
    found = clip_at(datasets().store, dataset.id, position)  # now that its sound was decoded, also how long it is
    if found is None:
        raise NotFound(f"no clip at {position}")
    clip, heard = found
    state = dataset.state()
    card = {
        "name": visibility.clip_title(who, position, clip.url, clip.start_s, clip.end_s),
        "duration": heard.duration_s if heard else None,
        "label": str(state.label_names()[position]),
        "subset": clips.SUBSETS[state.subset[position]],
        "peaks": peaks,
        "problem": problem,
    }
    return JSONResponse(card, headers={"Cache-Control": "no-store"})


def _map(request: Request, who: Any) -> Response:
    embedding_id = request.path_params["embedding"]
    dataset = map_codec.dataset_of(datasets(), embedding_id, by=who)
    asked = request.query_params
    body, tag = map_codec.base(dataset, embedding_id, asked.get("x", "0"), asked.get("y", "1"))
    # identity: places of points do not get smaller by packing, and a million take the server a third of a second to try
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Encoding": "identity"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/octet-stream", headers=headers)


def _spectrogram(request: Request, who: Any) -> Response:
    from PIL import Image

    found = datasets().sounds.spectrogram(_open(request, who).id, request.path_params["position"])
    # as ink on the page: loud is dark on a light page and light on a dark one
    ink = found if request.query_params.get("dark") == "1" else 255 - found
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
    # somebody has just clicked: answer when it is written; with many at once some come back for it instead
    if wait > 0 and dataset.state().revision <= after and _WAITING.acquire(blocking=False):
        try:
            datasets().journal.await_news(dataset.id, after, wait)
        finally:
            _WAITING.release()
    told = map_codec.journal(dataset, after, request.query_params.get("names", ""))
    body = json.dumps(told, separators=(",", ":"))
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def _asset(request: Request) -> Response:
    found = assets.find(request.path_params["name"])
    if found is None:
        return PlainTextResponse("no such asset", 404)
    path, mime = found
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
