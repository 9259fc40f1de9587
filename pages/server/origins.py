"""Whose pages may talk to this app, and whose may show it in a frame.

A browser names the page that opens a websocket or sends a form in `Origin`. Streamlit compares host names alone, so
that a page on another port of this machine passes; here host and port have to be those that the request came to.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers

from pages.server import hosting, identity

# Origins besides the app's own, as a browser writes them ("https://lab.example", "http://localhost:8888"). Both are
# empty unless code fills them before the server starts.
TALKING: set[str] = set()  # whose pages may open the websocket, send forms and read data
FRAMING: set[str] = set()  # whose pages may show the app in a frame

_PORTS = {"http": 80, "https": 443}
_OWN_FETCHES = ("same-origin", "none")  # "same-site" is also another port of the same machine

Verdict = Literal["own", "hidden", "foreign"]


def judge(headers: Headers, scheme: str) -> Verdict:
    """Whose page sent this request.

    Parameters
    ----------
    headers : the request's headers.
    scheme : how the request reached the server: `http`, `https`, `ws` or `wss`.

    Returns
    -------
    `own`: the app's, one in `TALKING`, or no browser's page. `foreign`: another page's. `hidden`: the proxy in front
    passes neither Host nor X-Forwarded-Host on, so that the page's origin cannot be compared; who sends a valid cookie
    is ours all the same, for it is SameSite=Lax.
    """
    origins = headers.getlist("origin")
    if not origins:
        return "own" if headers.get("sec-fetch-site", "none") in _OWN_FETCHES else "foreign"
    origin = _parse(origins[0])
    if len(origins) > 1 or origin is None:  # also "null", a page without an origin
        return "foreign"
    if origins[0] in TALKING:
        return "own"
    # of a websocket the browser names the origin always, and not all agree what "site" means between http and ws
    if scheme in _PORTS and headers.get("sec-fetch-site", "none") not in _OWN_FETCHES:
        return "foreign"
    alone = _only_by_host()
    addresses = [headers.get("host", "")]
    if not alone:
        addresses.append(headers.get("x-forwarded-host", "").split(",")[0].strip())
    secure = scheme in ("https", "wss") or headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"
    targets = [target for target in (_target(address, origin, secure) for address in addresses) if target]
    if _host_and_port(origin) in targets:
        return "own"
    names = [name for name, _ in targets]
    if alone or origin.hostname in names or _siblings(origin.hostname or "", names):
        return "foreign"
    return "hidden"


def frame_ancestors() -> str:
    """Who may show the app in a frame, for the Content-Security-Policy."""
    # on Community Cloud the app stands in a frame of its shell
    cloud = ["https://*.streamlit.app"] if hosting.on_community_cloud() else []
    return " ".join(["'self'", *cloud, *sorted(FRAMING)])


def _only_by_host() -> bool:
    """Whether nothing may stand between a browser and the app: it is bound to loopback, and has no token set.

    With a token set, a proxy on the same machine may be meant.
    """
    return identity.bound_to_loopback() and not identity.has_token()


def _parse(origin: str) -> SplitResult | None:
    try:
        parts = urlsplit(origin)
        usable = parts.scheme in _PORTS and parts.hostname and parts.port != 0  # a port that is none raises
    except ValueError:
        return None
    return parts if usable and parts.username is None else None


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]


def _target(address: str, origin: SplitResult, secure: bool) -> tuple[str, int] | None:
    """Host and port that a request came to; without a port the scheme's, which a proxy may not tell us."""
    parts = _parse(f"{'https' if secure else origin.scheme}://{address}")
    return _host_and_port(parts) if parts else None


def _siblings(name: str, others: list[str]) -> bool:
    """Whether a browser may send our cookie along from a page of `name` to one of `others`: `a.lab.org`, `b.lab.org`.

    Public suffixes are not known here; two common labels at the end are taken for one site. On Community Cloud each
    app is a site of its own.
    """
    if hosting.on_community_cloud():
        return False
    ending = name.rstrip(".").split(".")[-2:]
    return any(other.split(".")[-2:] == ending for other in others)
