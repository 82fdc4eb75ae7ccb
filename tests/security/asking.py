"""Requests for tests that go through the route table: for each route one that it would read."""

from exchange.api.contract.declared import Access, Route
from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import MARKET, PASSWORD, Answer, Client

LIMIT: dict[str, object] = {"type": "limit", "kind": "buy", "price": "10", "quantity": "1"}
ORDER: dict[str, object] = {**LIMIT, "market": MARKET}
BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("POST", "signup"): {"email": "somebody@example.org", "password": PASSWORD},
    ("POST", "signin"): {"email": "somebody@example.org", "password": PASSWORD},
    ("POST", "refresh"): {"refresh_token": "A" * 64},
    ("PUT", "password"): {"password": PASSWORD, "new_password": PASSWORD},
    ("POST", "totp"): {"password": PASSWORD},
    ("POST", "totp/confirm"): {"code": "123456"},
    ("DELETE", "totp"): {"password": PASSWORD, "code": "123456"},
    ("POST", "sub-accounts"): {"label": "bot"},
    ("PATCH", "sub-accounts/{account}"): {"label": "other bot"},
    ("POST", "order"): ORDER,
    ("POST", "order/quote"): {"market": MARKET, "kind": "buy", "quantity": "1"},
    ("PATCH", "order/{id}"): {"quantity": "1"},
    ("POST", "order/{id}/replace"): ORDER,
    ("POST", "orders/replace"): ORDER,
    ("POST", "batch"): {"items": [{"action": "place", **ORDER}]},
    ("POST", "order-lists"): {
        "kind": "oto",
        "market": MARKET,
        "legs": [LIMIT, {"type": "stop_loss", "kind": "sell", "quantity": "1", "stop_price": "5"}],
    },
    ("POST", "api-keys"): {"label": "my bot"},
    ("PATCH", "api-keys/{id}"): {"label": "my other bot"},
    ("PUT", "stp"): {"stp": "none"},
    ("PUT", "switch"): {"timeout_ms": 0},
    ("POST", "deposits"): {"asset": "INR", "amount": "1"},
    ("POST", "withdrawals"): {"asset": "INR", "amount": "1"},
    ("POST", "transfers"): {"to": 101, "asset": "INR", "amount": "1"},
    ("POST", "admin/assets"): {"asset": "NEW", "decimals": 2},
    ("POST", "admin/markets"): {
        "market": "INR-TATA",
        "tick_size": "1",
        "lot_size": "1",
        "min_notional": "1",
        "maker_fee": "0",
        "taker_fee": "0",
    },
    ("PATCH", "admin/markets/{market}"): {"status": "open"},
    ("PUT", "admin/markets/{market}/limits"): {},
    ("POST", "admin/markets/{market}/uncross"): {"status": "open"},
    ("PUT", "admin/assets/{asset}/fee-tiers"): {"tiers": [{"volume": "0", "maker_fee": "0", "taker_fee": "0"}]},
    ("PATCH", "admin/accounts/{account}"): {"status": "open"},
    ("PATCH", "admin/users/{subject}"): {"role": "user"},
    ("PUT", "admin/rules"): {"rules": 2, "dedup_names": 0},
    ("PUT", "sandbox/clock"): {"rate": "1"},
}
QUERIES: dict[tuple[str, str], str] = {
    ("POST", "orders/replace"): "client_order_id=x",
    ("DELETE", "orders"): "client_order_id=x",
    ("DELETE", "order-lists"): "client_list_id=x",
    ("GET", "account/liability"): "asset=INR",
    ("GET", "depth"): f"market={MARKET}",
    ("GET", "trades"): f"market={MARKET}",
    ("GET", "candles"): f"market={MARKET}&interval=1m",
}
GUARDED = [route for route in ROUTES if route.access is not Access.PUBLIC]


def named(route: Route) -> str:
    """A test's id for a route."""
    return f"{route.method} {route.path}"


def address(route: Route, id: object = 1, more: str = "") -> str:
    """The route's address, for something by this number."""
    path = "/api/v1/" + route.path.format(id=id, market=MARKET, asset="INR", account=100, subject="f" * 32)
    query = "&".join(part for part in (QUERIES.get((route.method, route.path), ""), more) if part)
    return path + (f"?{query}" if query else "")


async def ask(client: Client, route: Route, id: object = 1, more: str = "", **options: object) -> Answer:
    """A request that the route would read."""
    body = BODIES.get((route.method, route.path))
    assert (body is not None) == (route.endpoint.body is not None), f"write down a body for {named(route)}"
    return await client.call(route.method, address(route, id, more), options.pop("body", body), **options)
