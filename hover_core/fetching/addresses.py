"""The request that a URL stands for, and the internet addresses that only the operator may allow."""

from __future__ import annotations

import functools
import ipaddress
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import NamedTuple

from hover_core.data.credentials import REFUSED
from hover_core.errors import FetchError

# IANA special-purpose registries (iana.org/assignments/iana-ipv4-special-registry and -ipv6-). Spelled out and not left
# to `ipaddress.is_global` alone, whose answer differs between Python versions.
_IPV4_REFUSED = tuple(
    (ipaddress.IPv4Network(network), why)
    for network, why in (
        ("127.0.0.0/8", "is this machine"),
        ("0.0.0.0/8", "is this machine"),
        ("10.0.0.0/8", "is in a private network"),
        ("172.16.0.0/12", "is in a private network"),
        ("192.168.0.0/16", "is in a private network"),
        ("100.64.0.0/10", "is in a private network"),  # carrier-grade NAT; also Alibaba's metadata server
        ("169.254.0.0/16", "is in a private network"),  # link-local; the metadata server of most clouds
        ("168.63.129.16/32", "is in a private network"),  # Azure's wire server: public by number, private by use
        ("192.0.0.0/24", "is a reserved address"),
        ("192.0.2.0/24", "is a reserved address"),
        ("192.88.99.0/24", "is a reserved address"),  # 6to4 relays
        ("198.18.0.0/15", "is a reserved address"),
        ("198.51.100.0/24", "is a reserved address"),
        ("203.0.113.0/24", "is a reserved address"),
        ("224.0.0.0/4", "is a multicast address"),
        ("240.0.0.0/4", "is a reserved address"),
    )
)
_IPV6_GLOBAL = ipaddress.IPv6Network("2000::/3")
_IPV6_REFUSED = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo (2001::/32) among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)

# Besides public addresses the owner of a dataset may allow these: this machine and its network.
_AT_HOME = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7",
    )
)  # fmt: skip
# But not these, where clouds hand out the credentials of a machine. Others (169.254.169.254 of nearly all clouds,
# 169.254.170.2 and .23 of Amazon's containers, 168.63.129.16 of Azure, fe80::a9fe:a9fe of OpenStack) are not above.
_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.100.100.200/32",  # Alibaba
        "fd00:ec2::/32",  # Amazon: ::254, ::23 of EKS
        "fd20:ce::/32",  # Google: ::254
        "fd00:c1::/32",  # Oracle: ::a9fe:a9fe
        "fd00:42::/32",  # Scaleway: ::42
    )
)
_METADATA_NAMES = frozenset({
    "metadata", "metadata.google.internal", "metadata.goog", "metadata.tencentyun.com", "instance-data",
    "instance-data.ec2.internal",
})  # fmt: skip

_SAFE_IN_TARGET = "!#$%&'()*+,/:;=?@[]~"  # as requests.utils.requote_uri
_PLAIN_TARGET = re.compile(r"[!#-;=?-Z_a-z~\[\]]*\Z").match
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9_.-])?\Z").match


@dataclass(frozen=True, slots=True)
class Target:
    """One request: the server, and the path to get from it."""

    url: str
    scheme: str
    host: str
    port: int
    host_port: str
    origin: tuple[str, str]
    path: str = field(repr=False)  # with the query
    redirected: bool
    secret: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # headers that open private sound


def target_of(url: str, redirected: bool = False) -> Target:
    """The request for a URL.

    Raises
    ------
    FetchError
        It is no http or https URL, contains a user name or password, or names no valid server.

    Examples
    --------
    >>> target = target_of("https://Example.org/a b.wav#t=3")
    >>> target.host, target.port, target.path
    ('example.org', 443, '/a%20b.wav')
    """
    url = url.strip()
    if _CONTROL(url):
        raise FetchError("the address contains control characters")
    end = re.search("[/?#]", url[8:])  # behind the longer of http:// and https://
    server, rest = (url[: 8 + end.start()], url[8 + end.start() :]) if end else (url, "")
    place = _server_of(server)
    path, mark, query = rest.partition("#")[0].partition("?")
    path = (path or "/") + (mark + query if query else "")
    if not _PLAIN_TARGET(path):
        path = urllib.parse.quote(path, safe=_SAFE_IN_TARGET)
    return Target(
        url=url,
        scheme=place.scheme,
        host=place.host,
        port=place.port,
        host_port=place.host_port,
        origin=place.origin,
        path=path,
        redirected=redirected,
    )


class _Server(NamedTuple):
    """The server part of a URL."""

    scheme: str
    host: str
    port: int
    host_port: str
    origin: tuple[str, str]


@functools.lru_cache(maxsize=1024)
def _server_of(server: str) -> _Server:
    try:
        parts = urllib.parse.urlsplit(server)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise FetchError("the address cannot be read as a URL") from error
    if parts.scheme not in ("http", "https"):
        prefix = f"{parts.scheme}://" if "://" in server else "an address without http://"
        raise FetchError(f"only http:// and https:// addresses are fetched, not {prefix}")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise FetchError(REFUSED)
    if port == 0:
        raise FetchError("port 0 cannot be fetched from")
    port = port or (443 if parts.scheme == "https" else 80)
    host, host_in_url = _ascii_host(host), host
    host_port = f"[{host_in_url}]:{port}" if ":" in host_in_url else f"{host_in_url}:{port}"
    return _Server(parts.scheme, host, port, host_port, (parts.scheme, host_port))


@functools.lru_cache(maxsize=1024)
def _ascii_host(host: str) -> str:
    if ":" in host:
        try:
            if "%" in host:
                raise ValueError("a zone means something on this machine only")
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise FetchError(f"[{host}] is not an IPv6 address") from error
    try:
        name = host.encode("ascii" if host.isascii() else "idna").decode("ascii").lower()
    except UnicodeError as error:
        raise FetchError(f"{host!r} is not the name of a server") from error
    if len(name) > 253 or not _HOST(name):
        raise FetchError(f"{host!r} is not the name of a server")
    return name


@functools.lru_cache(maxsize=4096)
def refusal(address: str) -> str | None:
    """The reason why only the operator may allow this internet address, or None for a public one.

    Examples
    --------
    >>> refusal("192.168.1.20"), refusal("8.8.8.8")
    ('is in a private network', None)
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "is not an internet address"
    if isinstance(ip, ipaddress.IPv4Address):
        for network, why in _IPV4_REFUSED:
            if ip in network:
                return why
    elif ip.is_loopback or ip.is_unspecified or (ip.ipv4_mapped is not None and ip.ipv4_mapped.is_loopback):
        return "is this machine"
    elif ip.is_multicast:
        return "is a multicast address"
    elif ip.is_private or ip.is_link_local or ip.is_site_local:
        return "is in a private network"
    elif ip not in _IPV6_GLOBAL or any(ip in network for network in _IPV6_REFUSED):
        # v4-mapped, v4-compatible and NAT64 addresses, which lead to any IPv4 address, also lie outside 2000::/3.
        return "is a reserved address"
    return None if ip.is_global and not ip.is_reserved else "is a reserved address"


@functools.lru_cache(maxsize=4096)
def refusal_to_owners(host: str, address: str) -> str | None:
    """The reason why the owner of a dataset may not allow this address of a host (the operator may), or None.

    An owner may allow this machine and private networks, but no server that hands out a cloud's credentials: a
    stranger's table could lead the owner to that click.

    Examples
    --------
    >>> refusal_to_owners("nas.local", "192.168.1.20"), refusal_to_owners("x.example", "169.254.169.254")
    (None, "may be a cloud's metadata server")
    """
    if host.rstrip(".").lower() in _METADATA_NAMES:
        return "is the name of a cloud's metadata server"
    why = refusal(address)
    if why is None or why == "is not an internet address":
        return why
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:  # the connection goes to the IPv4 address
        ip = ip.ipv4_mapped
    if ip.is_link_local or str(ip) == "168.63.129.16" or any(ip in network for network in _METADATA):
        return "may be a cloud's metadata server"
    return None if any(ip in network for network in _AT_HOME) else why
