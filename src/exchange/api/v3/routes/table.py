"""Every route of this door. What is not here is not served; tests and the description go through this list."""

from typing import Final

from exchange.api.v3.declared import Route
from exchange.api.v3.routes import general, orders

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v3/ping", general.ping),
    Route("GET", "/api/v3/time", general.time),
    Route("POST", "/api/v3/order", orders.place),
    Route("GET", "/api/v3/order", orders.show),
    Route("DELETE", "/api/v3/order", orders.cancel),
)
