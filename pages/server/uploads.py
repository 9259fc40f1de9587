"""Limits on uploads: Streamlit itself accepts files from anybody who can reach it.

The owner may upload as much as Streamlit's setting allows. An annotator may upload a sound to search with: its declared
size is checked before it is read, and its bytes are counted while it is read, so a body that is larger than it declares
takes no more memory than the limit. Streamlit holds uploads until the session ends, even if no page refers to them;
here the oldest uploads of an annotator are dropped when there are too many.
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
FRAMING_BYTES: Final = 16 << 10  # of the multipart body around the file: boundaries, file name, type
AT_ONCE: Final = 2  # simultaneous uploads of one annotator
MOST_KEPT: Final = 30  # files of one annotator that Streamlit may hold
MOST_KEPT_BYTES: Final = 3 * (MOST_SOUND_BYTES + FRAMING_BYTES)
_LONGEST_S: Final = 300.0  # for one upload

_Name = tuple[str | None, str]
_File = tuple[str, str]


class Uploads:
    """Middleware that refuses uploads and deletions that are not allowed, and limits those of annotators.

    Parameters
    ----------
    app
        The application that receives the files.
    drop
        Called with session id and file id to drop an old upload of an annotator.
    """

    def __init__(self, app: ASGIApp, drop: Callable[[str, str], None] | None = None) -> None:
        self.app = app
        self._drop = drop or _drop
        self._running: Counter[_Name] = Counter()
        self._sizes: dict[_Name, dict[_File, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
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
            self._sizes.get(_name(who), {}).pop(_file(scope), None)
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

        self._running[name] += 1
        try:
            body = None
            with anyio.move_on_after(_LONGEST_S):
                body = await _body(receive)
            if body is None:
                await _refusal(f"the upload took longer than {_LONGEST_S:g} s", 408)(scope, receive, send)
                return
            size = sum(map(len, body))
            await self.app(scope, _replaying(body, receive), note)
            if 200 <= status < 300:
                self._keep(name, _file(scope), size)
        except _TooLarge:
            await _too_large()(scope, receive, send)
        except _Disconnected:
            pass  # the connection is closed
        finally:
            self._running[name] -= 1
            if not self._running[name]:
                del self._running[name]

    def _refusal(self, declared: str | None, name: _Name) -> Response | None:
        """The response that refuses an upload without reading it, or None."""
        if declared is not None and not (declared.isascii() and declared.isdigit()):
            return _refusal("Content-Length must be a number", 400)
        if declared is not None and (len(declared) > 12 or int(declared) > MOST_SOUND_BYTES + FRAMING_BYTES):
            return _too_large()
        if self._running[name] >= AT_ONCE:
            return _refusal(f"{AT_ONCE} of your uploads are running: wait until one has finished", 429)
        return None

    def _keep(self, name: _Name, file: _File, size: int) -> None:
        """Record an upload that Streamlit holds, and drop the oldest while there are too many."""
        sizes = self._sizes.setdefault(name, {})
        sizes.pop(file, None)
        sizes[file] = size
        while len(sizes) > MOST_KEPT or sum(sizes.values()) > MOST_KEPT_BYTES:
            oldest = next(iter(sizes))
            del sizes[oldest]
            self._drop(*oldest)


class _TooLarge(Exception):
    """The body is larger than allowed."""


class _Disconnected(Exception):
    """The browser has closed the connection."""


async def _body(receive: Receive) -> deque[bytes]:
    parts: deque[bytes] = deque()
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_SOUND_BYTES + FRAMING_BYTES:
            raise _TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return parts


def _replaying(body: deque[bytes], receive: Receive) -> Receive:
    """A `receive` that replays a body part by part, and then passes on later messages."""

    async def replay() -> Message:
        if not body:
            return await receive()
        part = body.popleft()
        return {"type": "http.request", "body": part, "more_body": bool(body)}

    return replay


def _refusal(sentence: str, status: int) -> Response:
    # the body stays unread: the connection cannot be used again
    return PlainTextResponse(sentence, status, headers={"Connection": "close"})


def _too_large() -> Response:
    return _refusal(f"a sound to search with has at most {MOST_SOUND_BYTES >> 20} MB", 413)


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
