"""An address of this machine or its network that was refused: who may allow it, and in which words that is said."""

from __future__ import annotations

import ipaddress

from pages.server import identity


def by_a_click(host_port: str) -> bool:
    """Whether the owner may allow this `host:port` on a page: only where the app listens on this machine alone.

    What its name leads to, the fetcher judges, and refuses with `operator_only` whatever is allowed here.
    """
    return identity.bound_to_loopback() and _at_home(host_port)


def question(host_port: str) -> str:
    """What the owner is asked before the click."""
    return f"{host_port} is this machine or its network: allow it for this dataset?"


def refusal(host_port: str) -> str:
    """What the owner is told where no click allows it; whoever is not the owner is never told that it was refused."""
    return (
        f"{host_port} is not on the public internet. Whoever runs this app can allow it: "
        f"HOVER_ALLOWED_HOSTS={host_port}."
    )


def _at_home(host_port: str) -> bool:
    """Whether one click may allow an address: this machine or a private network, never link-local (cloud metadata)."""
    host = host_port.rsplit(":", 1)[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host
    return (address.is_loopback or address.is_private) and not address.is_link_local and not address.is_unspecified
