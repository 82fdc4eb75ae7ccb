"""Every method of the WebSocket API by name: the routes that declare one, and those about the connection itself."""

from collections.abc import Mapping
from typing import Final

from exchange.api.v3.declared import Endpoint
from exchange.api.v3.routes.table import ROUTES
from exchange.api.v3.wsapi import account


def _by_name() -> dict[str, Endpoint]:
    found: dict[str, Endpoint] = {}
    for endpoint in (*(route.endpoint for route in ROUTES), *account.METHODS):
        known = found.setdefault(endpoint.method, endpoint)
        if endpoint.method and known is not endpoint:
            raise ValueError(f"{endpoint.method} is declared twice")
    found.pop("", None)
    return found


METHODS: Final[Mapping[str, Endpoint]] = _by_name()
