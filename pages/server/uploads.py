"""Who may upload a file, and how much: Streamlit itself takes one from anybody who can reach it.

The owner uploads as much as Streamlit is set to. Whoever may label may upload a sound to ask with: its size is looked
at before it is read and counted while it is, so that no more than that is held for a body that says less than it has.
Streamlit keeps what was uploaded until the session ends, whether anything on the page refers to it or not; here the
oldest uploads of an annotator go when there are too many of them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hover_core.data.people import MOST_SOUND_BYTES, OWNER, Person
from pages.server import identity

ADDRESS: Final = "/_stcore/upload_file"
FRAMING_BYTES: Final = 16 << 10  # of multipart around the file: boundaries, its name, its type
AT_ONCE: Final = 2  # uploads of one annotator
MOST_KEPT: Final = 30  # files of one annotator that Streamlit may hold
MOST_KEPT_BYTES: Final = 3 * (MOST_SOUND_BYTES + FRAMING_BYTES)
_LONGEST_S: Final = 300.0  # for one upload

_Name = tuple[str | None, str]
_File = tuple[str, str]


class Uploads:
    """Refuses what may not be uploaded or deleted, and bounds what annotators upload; passes everything else on.

    Parameters
    ----------
    app
        What takes the files.
    drop
        Called with session id and file id of an upload that is too old to be kept.
    """

    def __init__(self, app: ASGIApp, drop: Callable[[str, str], None] | None = None) -> None:
        self.app = app
        self._drop = drop or _drop
        self._under_way: Counter[_Name] = Counter()
        self._kept: dict[_Name, dict[_File, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http" or ADDRESS not in scope["path"] or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        who = await run_in_threadpool(identity.person, request.cookies, request.headers)
        if who is None:
            await _refusal("only those who may label may upload", 403)(scope, receive, send)
        elif who.role == OWNER:
            await self.app(scope, receive, send)
        elif scope["method"] == "DELETE":
            self._kept.get(_name(who), {}).pop(_file(scope), None)
            await self.app(scope, receive, send)
        else:
            await self._take(request, _name(who), send)

    async def _take(self, request: Request, name: _Name, send: Send) -> None:
        scope, receive = request.scope, request.receive
        refusal = self._refusal(request.headers.get("content-length"), name)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._under_way[name] += 1
        try:
            body = None
            with anyio.move_on_after(_LONGEST_S):
                body = await _body(receive)
            if body is None:
                await _refusal(f"the upload took longer than {_LONGEST_S:g} s", 408)(scope, receive, send)
                return
            size = sum(map(len, body))
            await self.app(scope, _again(body, receive), note)
            if 200 <= status < 300:
                self._keep(name, _file(scope), size)
        except _TooLarge:
            await _too_large()(scope, receive, send)
        except _Gone:
            pass  # nobody is there to be answered
        finally:
            self._under_way[name] -= 1
            if not self._under_way[name]:
                del self._under_way[name]

    def _refusal(self, declared: str | None, name: _Name) -> Response | None:
        """Why an upload is not read at all, or None."""
        if declared is not None and not (declared.isascii() and declared.isdigit()):
            return _refusal("Content-Length is no number", 400)
        if declared is not None and (len(declared) > 12 or int(declared) > MOST_SOUND_BYTES + FRAMING_BYTES):
            return _too_large()
        if self._under_way[name] >= AT_ONCE:
            return _refusal(f"{AT_ONCE} uploads of yours are under way: wait for one of them", 429)
        return None

    def _keep(self, name: _Name, file: _File, size: int) -> None:
        """Note what Streamlit holds, and have it drop the oldest while that is too much."""
        kept = self._kept.setdefault(name, {})
        kept.pop(file, None)
        kept[file] = size
        while len(kept) > MOST_KEPT or sum(kept.values()) > MOST_KEPT_BYTES:
            oldest = next(iter(kept))
            del kept[oldest]
            self._drop(*oldest)


class _TooLarge(Exception):
    """More came than may come."""


class _Gone(Exception):
    """Whoever uploaded has hung up."""


async def _body(receive: Receive) -> deque[bytes]:
    parts: deque[bytes] = deque()
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_SOUND_BYTES + FRAMING_BYTES:
            raise _TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return parts


def _again(body: deque[bytes], receive: Receive) -> Receive:
    """What hands a body that was read to the app, part by part, and then whatever comes."""

    async def replay() -> Message:
        if not body:
            return await receive()
        part = body.popleft()
        return {"type": "http.request", "body": part, "more_body": bool(body)}

    return replay


def _refusal(sentence: str, status: int) -> Response:
    # the body is not read: the connection cannot be used for anything else
    return PlainTextResponse(sentence, status, headers={"Connection": "close"})


def _too_large() -> Response:
    return _refusal(f"a sound to ask with has at most {MOST_SOUND_BYTES >> 20} MB", 413)


def _name(who: Person) -> _Name:
    return who.dataset_id, who.name


def _file(scope: Scope) -> _File:
    session_id, file_id = scope["path"].rsplit("/", 2)[-2:]
    return session_id, file_id


def _drop(session_id: str, file_id: str) -> None:
    from streamlit import runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    if runtime.exists():
        files = runtime.get_instance().uploaded_file_mgr
        assert isinstance(files, MemoryUploadedFileManager)  # the only one that st.App makes
        files.remove_file(session_id, file_id)
