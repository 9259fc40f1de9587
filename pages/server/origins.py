"""Same-origin checks: which sites' pages may talk to this app, and which may show it in a frame.

A browser sends the origin of the page that opens a websocket or submits a form in `Origin`. Streamlit compares host
names only, so a page on another port of this machine would pass; here host and port must be those of the request.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers

from pages.server import hosting, identity

# Origins besides the app's own, as a browser writes them ("https://lab.example", "http://localhost:8888"). Both are
# empty unless code fills them before the server starts.
TALKING: set[str] = set()  # their pages may open the websocket, send forms and read data
FRAMING: set[str] = set()  # their pages may show the app in a frame

_PORTS = {"http": 80, "https": 443}
_OWN_FETCHES = ("same-origin", "none")  # "same-site" is also another port of the same machine

Verdict = Literal["own", "hidden", "foreign"]


def judge(headers: Headers, scheme: str) -> Verdict:
    """Which site's page sent this request.

    Parameters
    ----------
    headers
        The request's headers.
    scheme
        How the request reached the server: `http`, `https`, `ws` or `wss`.

    Returns
    -------
    Verdict
        `own`: a page of the app or of a site in `TALKING`, or a program that is no browser. `foreign`: a page of
        another site. `hidden`: the proxy passes on neither Host nor X-Forwarded-Host, so the page's origin cannot be
        compared; a request with a valid cookie is still ours, because the cookie is SameSite=Lax.
    """
    origins = headers.getlist("origin")
    if not origins:
        return "own" if headers.get("sec-fetch-site", "none") in _OWN_FETCHES else "foreign"
    origin = _parse(origins[0])
    if len(origins) > 1 or origin is None:  # also "null", a page without an origin
        return "foreign"
    if origins[0] in TALKING:
        return "own"
    # for a websocket browsers always send Origin, but disagree on whether http and ws are the same site
    if scheme in _PORTS and headers.get("sec-fetch-site", "none") not in _OWN_FETCHES:
        return "foreign"
    no_proxy = _only_by_host()
    addresses = [headers.get("host", "")]
    if not no_proxy:
        addresses.append(headers.get("x-forwarded-host", "").split(",")[0].strip())
    secure = scheme in ("https", "wss") or headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"
    targets = [target for target in (_target(address, origin, secure) for address in addresses) if target]
    if _host_and_port(origin) in targets:
        return "own"
    names = [name for name, _ in targets]
    if no_proxy or origin.hostname in names or _siblings(origin.hostname or "", names):
        return "foreign"
    return "hidden"


def frame_ancestors() -> str:
    """The sites that may show the app in a frame, for the Content-Security-Policy."""
    # on Community Cloud the shell shows the app in a frame
    cloud = ["https://*.streamlit.app"] if hosting.on_community_cloud() else []
    return " ".join(["'self'", *cloud, *sorted(FRAMING)])


def _only_by_host() -> bool:
    """Whether no proxy is expected in front of the app: it is bound to loopback, and the operator set no token.

    A token may mean that there is a proxy on the same machine.
    """
    return identity.bound_to_loopback() and not identity.has_token()


def _parse(origin: str) -> SplitResult | None:
    try:
        parts = urlsplit(origin)
        usable = parts.scheme in _PORTS and parts.hostname and parts.port != 0  # reading an invalid port raises
    except ValueError:
        return None
    return parts if usable and parts.username is None else None


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]


def _target(address: str, origin: SplitResult, secure: bool) -> tuple[str, int] | None:
    """Host and port of a request. Without a port it is the scheme's, which a proxy may hide from us."""
    parts = _parse(f"{'https' if secure else origin.scheme}://{address}")
    return _host_and_port(parts) if parts else None


def _siblings(name: str, others: list[str]) -> bool:
    """Whether a browser may send our cookie from a page of host `name` to one of `others`.

    This function does not know public suffixes: hosts with the same last two labels, as `a.lab.org` and
    `b.lab.org`, count as one site. On Community Cloud each app is its own site.
    """
    if hosting.on_community_cloud():
        return False
    ending = name.rstrip(".").split(".")[-2:]
    return any(other.split(".")[-2:] == ending for other in others)
