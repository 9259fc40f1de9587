"""Security headers on everything that this server sends."""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # an invite's token must not reach the hosts of the clips
    "Cross-Origin-Resource-Policy": "same-origin",
    # Community Cloud shows the app in a frame of its own origin
    "Content-Security-Policy": "frame-ancestors 'self' https://*.streamlit.app; object-src 'none'; base-uri 'self'; "
    "form-action 'self'",
    "Permissions-Policy": "camera=(), geolocation=(), payment=()",
}


class SecurityHeaders:
    """Adds the headers that a response does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its response with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


MIDDLEWARE = [Middleware(SecurityHeaders)]
