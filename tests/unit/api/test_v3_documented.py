"""docs/compatibility.md names every route of the compatible door, and every endpoint of the venue is one of them."""

import re
from pathlib import Path
from typing import Final

from exchange.api.v3.routes.table import ROUTES

PAGE: Final = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
ROW: Final = re.compile(r"^\| `(GET|POST|PUT|DELETE) (/\S+)` \| (?:`(\S+)`)? ?\|", re.MULTILINE)

VENUE: Final = """
GET ping|GET time|GET exchangeInfo|GET executionRules|GET depth|GET trades|GET historicalTrades
GET historicalBlockTrades|GET aggTrades|GET klines|GET uiKlines|GET avgPrice|GET ticker/24hr|GET ticker/tradingDay
GET ticker/price|GET ticker/bookTicker|GET ticker|GET referencePrice|GET referencePrice/calculation|POST order
POST order/test|DELETE order|DELETE openOrders|POST order/cancelReplace|PUT order/amend/keepPriority|POST order/oco
POST orderList/oco|POST orderList/oto|POST orderList/otoco|POST orderList/opo|POST orderList/opoco|DELETE orderList
POST sor/order|POST sor/order/test|GET account|GET order|GET openOrders|GET allOrders|GET orderList|GET allOrderList
GET openOrderList|GET myTrades|GET rateLimit/order|GET myPreventedMatches|GET myAllocations|GET account/commission
GET order/amendments|GET myFilters
"""
"""The endpoints of the venue's rest-api.md."""


def test_the_page_lists_the_routes_and_methods_that_there_are_and_no_others() -> None:
    told = {(method, path, name) for method, path, name in ROW.findall(PAGE)}
    assert told == {(route.method, route.path, route.endpoint.method) for route in ROUTES}


def test_every_endpoint_of_the_venue_is_served() -> None:
    served = {f"{route.method} {route.path.removeprefix('/api/v3/')}" for route in ROUTES}
    assert set(re.split(r"[|\n]", VENUE.strip())) <= served


def test_methods_of_the_websocket_api_name_one_route_each() -> None:
    names = [route.endpoint.method for route in ROUTES if route.endpoint.method]
    assert len(names) == len(set(names))
