"""Refused addresses on this machine or its network: who may allow them, and the sentences about it."""

from __future__ import annotations

import ipaddress

from pages.server import identity


def by_a_click(host_port: str) -> bool:
    """Whether the owner may allow this `host:port` on a page: only if the app listens on this machine only.

    The fetcher still checks where the name leads, and refuses with `operator_only` regardless of this permission.
    """
    return identity.bound_to_loopback() and _at_home(host_port)


def question(host_port: str) -> str:
    """The question to the owner beside the button that allows the address."""
    return f"{host_port} is this machine or its network: allow it for this dataset?"


def refusal(host_port: str) -> str:
    """The sentence for the owner when no click can allow the address. Other people never learn that it was refused."""
    return (
        f"{host_port} is not on the public internet. The operator of this app can allow it with "
        f"HOVER_ALLOWED_HOSTS={host_port}."
    )


def _at_home(host_port: str) -> bool:
    """Whether the host is this machine or in a private network, but not link-local (cloud metadata)."""
    host = host_port.rsplit(":", 1)[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host
    return (address.is_loopback or address.is_private) and not address.is_link_local and not address.is_unspecified
