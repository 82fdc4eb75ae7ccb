"""Where a request comes from: the one place that says so.

Behind a proxy every connection comes from the proxy, which writes the address that it saw to the end of
`X-Forwarded-For`. What stands before that, the client may have written itself. So the header is read from its end, and
believed only as far as those are proxies who are named in EXCHANGE_PROXIES: the last address that is none of them is
the client's. Without proxies the header is not looked at.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from exchange.api.http.crowd import HOME
from exchange.api.http.request import Request

FORWARDED_FOR: Final = "x-forwarded-for"

_REMEMBERED: Final = 4096
_MOST_HOPS: Final = 32

Network = IPv4Network | IPv6Network


class Addresses:
    """Tells requests' addresses, trusting these proxies."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = proxies
        self._believed = lru_cache(_REMEMBERED)(self._read)

    def of(self, request: Request) -> str:
        """The address that a request comes from; empty if its connection has none."""
        remote = request.remote or ""
        if not self._proxies:
            return remote
        # A header may come several times, and whoever sent the first of them was not the last proxy.
        hops = [value for name, value in request.headers.items() if name.lower() == FORWARDED_FOR]
        return self._believed(remote, ",".join(hops)) if hops else remote

    def shared(self, address: str | None) -> bool:
        """Whether many may stand behind a connection's address: this machine's own, or a proxy."""
        return address in HOME or (address is not None and self._trusts(address))

    def _read(self, remote: str, forwarded: str) -> str:
        here = remote
        for hop in reversed(forwarded.split(",")[-_MOST_HOPS:]):
            if not self._trusts(here):
                break
            told = _address(hop)
            if told is None:
                break
            here = told
        return here

    def _trusts(self, address: str) -> bool:
        try:
            here = ip_address(address)
        except ValueError:
            return False
        return any(here in network for network in self._proxies)


def _address(text: str) -> str | None:
    """An address as proxies write it, some with a port; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)
