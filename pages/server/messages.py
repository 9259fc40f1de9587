"""Limits on the messages that a browser sends through the websocket: their size, and which of Streamlit's kinds.

The largest legitimate message is a rerun: it carries the values of all widgets of a page.
- From an annotator: the classic map sends x, y and number of up to 20,000 clips, quoted twice (2.2 MB); our own map
  sends a selection of 1,000,000 clips as a bit set in base64 (170 kB), with a few that Python has not yet acknowledged.
- From an owner, also the addresses pasted into Upload: at most 2,000,000 characters as the browser counts them
  (`MOST_PASTED`), each of them 1 to 3 bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Send

MOST_PASTED = 2_000_000  # characters
MOST_OWNER_BYTES = 10_000_000
MOST_BYTES = 4_000_000  # for everybody else

# sent by every page; the frame answers `rerun_script`, and checks who is signed in
_EVERYBODYS = ("rerun_script", "stop_script", "app_heartbeat")
_SIGNED_IN = ("file_urls_request",)
_SIGNED_IN_OPERATIONS = ("deferred_file", "dataframe_chunk")
# All others change or describe the server: clear_cache, set_run_on_save, load_git_info, debug_…, and operations such
# as install_skills, which writes files.

_TOO_BIG = 1009


class Messages:
    """A websocket's `receive` and `send` for one person, which drop the messages that this person may not send.

    Parameters
    ----------
    is_owner, is_somebody
        Called for each message that not everybody may send, because a sign-in can end meanwhile.
    most_bytes
        A larger message ends the connection with code 1009 [bytes].
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        is_owner: Callable[[], Awaitable[bool]],
        is_somebody: Callable[[], Awaitable[bool]],
        most_bytes: int,
    ) -> None:
        self._receive, self._send = receive, send
        self._is_owner, self._is_somebody = is_owner, is_somebody
        self._most_bytes = most_bytes
        self._closed = False

    async def receive(self) -> Message:
        """The next message that this person may send."""
        while True:
            message = await self._receive()
            data = message.get("bytes")
            if message["type"] != "websocket.receive" or data is None:
                return message  # Streamlit ends the connection on text
            if len(data) > self._most_bytes:
                await self._send({"type": "websocket.close", "code": _TOO_BIG})
                self._closed = True
                return {"type": "websocket.disconnect", "code": _TOO_BIG}
            if await self._may_send(data):
                return message

    async def send(self, message: Message) -> None:
        """Send, unless the connection was closed: Streamlit learns of that later."""
        if not self._closed:
            await self._send(message)

    async def _may_send(self, data: bytes) -> bool:
        from google.protobuf.message import DecodeError
        from streamlit.proto.BackMsg_pb2 import BackMsg

        try:
            message = BackMsg.FromString(data)
        except DecodeError:
            return True  # Streamlit ends the connection
        kind = message.WhichOneof("type")
        if kind in _EVERYBODYS:
            return True
        operation = message.backend_operation_request.WhichOneof("payload")
        if kind in _SIGNED_IN or (kind == "backend_operation_request" and operation in _SIGNED_IN_OPERATIONS):
            return await self._is_somebody()
        return await self._is_owner()
