"""Every route of this door. What is not here is not served; tests and the description go through this list."""

from typing import Final

from exchange.api.v3.call import Call
from exchange.api.v3.declared import Route, endpoint
from exchange.api.v3.openapi import document
from exchange.api.v3.routes import general, orders, userstream


@endpoint("This description.", answer={"type": "object"})
async def describe(_: Call) -> object:
    """`GET /api/v3/openapi.json`."""
    return document(ROUTES)


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v3/ping", general.ping),
    Route("GET", "/api/v3/time", general.time),
    Route("GET", "/api/v3/openapi.json", describe),
    Route("POST", "/api/v3/order", orders.place),
    Route("GET", "/api/v3/order", orders.show),
    Route("DELETE", "/api/v3/order", orders.cancel),
    Route("POST", "/api/v3/userDataStream", userstream.start),
    Route("PUT", "/api/v3/userDataStream", userstream.keep),
    Route("DELETE", "/api/v3/userDataStream", userstream.end),
)
