"""Security headers on every response, and the order of the middleware in front of Streamlit."""

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.server import assets
from pages.server.content_policy import content_policy
from pages.server.frontend import Frontend
from pages.server.gate import Gate
from pages.server.uploads import Uploads

WITH_A_MAP = ("/label", "/vectorize")  # endings of the addresses of pages with a map
_POLICY = "Content-Security-Policy"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # an invite's token must not reach the hosts of the clips
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=()",
}


class SecurityHeaders:
    """Adds the headers that a response does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                # our plain pages set their own policy and load nothing
                shell = headers.get("content-type", "").startswith("text/html") and _POLICY not in headers
                headers.setdefault(_POLICY, content_policy(scope["path"]))
                if shell and scope["path"].endswith(WITH_A_MAP):
                    # fetched while the browser reads Streamlit's own scripts, instead of after them
                    root = scope["path"].rpartition("/")[0]
                    links = (f"<{root}/{address}>; rel={rel}" for address, rel in assets.of_the_map())
                    headers.append("link", ", ".join(links))
            await send(message)

        await self.app(scope, receive, with_headers)


MIDDLEWARE = [Middleware(SecurityHeaders), Middleware(Gate), Middleware(Uploads), Middleware(Frontend)]
