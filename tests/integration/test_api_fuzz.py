"""Thousands of malformed and half-right requests: never a 5xx, always the one shape, and the book stays sound."""

import json
import random
import string
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from typing import Any

import pytest

from exchange.api.declared import Access, Route
from exchange.api.routes.table import ROUTES
from exchange.settings import Settings
from tests.integration.api_world import MARKET, World, world

INPUTS = 5_000
LIMIT: dict[str, object] = {"type": "limit", "kind": "buy", "price": "10", "quantity": "1"}
STOP: dict[str, object] = {"type": "stop_loss", "kind": "sell", "quantity": "1", "stop_price": "5"}
ORDER = LIMIT | {"market": MARKET}
GOOD: dict[str, dict[str, object]] = {
    "order": ORDER,
    "order/{id}/replace": ORDER | {"stop_on_failure": False},
    "orders/replace": ORDER | {"stop_on_failure": True},
    "order-lists": {"kind": "oto", "market": MARKET, "client_list_id": "l", "legs": [LIMIT, STOP]},
    "batch": {
        "items": [
            ORDER | {"action": "place"},
            {"action": "cancel", "id": 1},
            {"action": "cancel", "client_order_id": "a"},
            {"action": "amend", "id": 1, "quantity": "1"},
        ]
    },
    "stp": {"stp": "none"},
    "switch": {"timeout_ms": 86_400_000},
    "admin/markets/{market}/limits": {"reference": "10", "max_orders": 1000},
    "admin/markets/{market}/uncross": {"status": "open"},
    "admin/assets/{asset}/fee-tiers": {"tiers": [{"volume": "0", "maker_fee": "0", "taker_fee": "0.1"}]},
    "admin/accounts/{account}": {"trade_group": 0},
    "admin/rules": {"rules": 2, "dedup_names": 0},
    "order/quote": {"kind": "sell", "market": MARKET, "quantity": "1"},
    "order/{id}": {"quantity": "1"},
    "deposits": {"asset": "INR", "amount": "1", "ref": "r"},
    "withdrawals": {"asset": "INR", "amount": "1", "ref": "r"},
    "admin/assets": {"asset": "A", "decimals": 2},
    "admin/markets": {
        "market": "TATA-A",
        "tick_size": "1",
        "lot_size": "1",
        "min_notional": "1",
        "maker_fee": "0.1",
        "taker_fee": "0",
    },
    "admin/markets/{market}": {"status": "open"},
}
NAMES = [
    *("type", "kind", "market", "price", "quantity", "quote_amount", "time_in_force", "client_order_id"),
    *("asset", "amount", "ref", "account", "email", "password", "status", "maker_fee", "taker_fee", "decimals"),
    *("limit", "before", "interval", "start", "end", "order", "tick_size", "lot_size", "min_notional"),
    *("stop_price", "trailing_bps", "trailing_amount", "expires_at", "post_only", "display", "stp", "slippage_bps"),
    *("legs", "items", "action", "id", "client_list_id", "stop_on_failure", "timeout_ms", "tiers", "tiered"),
    *("trade_group", "rules", "reference", "bid_up", "max_fills", "max_position"),
]
WORDS: list[object] = [
    *("limit", "market", "buy", "sell", "gtc", "ioc", "open", "halted", "closed", "all", "1m", "1s", "INR", "TATA"),
    *("stop_loss", "take_profit_limit", "gtd", "fok", "refuse", "reprice", "decrement", "auction", "frozen", "oco"),
    *(MARKET, "NO-PE", "0", "1", "10", "-1", "1e5", "NaN", "101.25", "0.05", "9" * 30, "9" * 31, "1" * 300, "", " "),
    *("\u0000", "\ud7ff", "<script>alert(1)</script>", "' OR 1=1 --", "../../etc/passwd", "%00", "a@b.c", "Ω", "１"),
    *(0, 1, -1, 2**53, 2**63, 2**64, 10**30, 1.5, 1e308, True, False, None, [], {}, ["a"], {"a": 1}),
]


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


def some_value(chance: random.Random) -> object:
    if chance.random() < 0.8:
        return chance.choice(WORDS)
    return "".join(chance.choice(string.printable) for _ in range(chance.randint(0, 40)))


def some_body(chance: random.Random, route: Route) -> str:
    """A JSON text: what the route wants with nothing, something or everything wrong, now and then broken."""
    body: dict[str, Any] = deepcopy(GOOD.get(route.path, {}))
    within = [part for parts in body.values() if isinstance(parts, list) for part in parts]
    for _ in range(chance.choice([0, 0, 1, 1, 2, 4])):
        told = chance.choice(within) if within and chance.random() < 0.7 else body
        name = chance.choice(sorted(told)) if told and chance.random() < 0.8 else chance.choice(NAMES)
        if name in told and chance.random() < 0.3:
            del told[name]
        else:
            told[name] = some_value(chance)
    text = json.dumps(body)
    if chance.random() < 0.1:
        cut = chance.randrange(len(text) + 1)
        text = text[:cut] + chance.choice(["", "}", '"', "\\u0000", "\x7f", "[" * 50, "1e999"]) + text[cut + 1 :]
    return text


def some_path(chance: random.Random, route: Route) -> str:
    id = chance.choice(["1", "2", "0", "-1", "x", "1" * 19, "1" * 40, "%2e%2e", "1.0", "%00", "％１"])
    market, asset = chance.choice([MARKET, "NO-PE", "%2F"]), chance.choice(["INR", "XYZ", "%2F"])
    path = "/api/v1/" + route.path.format(id=id, market=market, asset=asset, account=chance.choice(["999", id]))
    pairs = [f"{chance.choice(NAMES)}={chance.choice(['1', '', '-1', MARKET, '1m', 'x', '%00', '9' * 25])}"]
    return path + ("?" + "&".join(pairs * chance.choice([1, 1, 2])) if chance.random() < 0.3 else "")


async def test_no_input_brings_the_gateway_to_a_5xx(place: World) -> None:
    chance = random.Random(42)
    user = await place.user(INR="100000", TATA="1000")
    operator = place.operator()
    routes = [route for route in ROUTES if route.path not in {"signup", "signin"}]
    counts: dict[int, int] = {}
    for number in range(INPUTS):
        route = chance.choice(routes)
        client = operator if route.access is Access.ADMIN else user
        method = route.method if chance.random() < 0.95 else chance.choice(["GET", "PUT", "PATCH", "DELETE", "HEAD"])
        data = some_body(chance, route).encode() if method not in {"GET", "HEAD"} or chance.random() < 0.1 else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        path = some_path(chance, route)
        answer = await client.call(method, path, headers=headers, data=data)
        assert answer.status < 500, (number, method, path, data, answer)
        if answer.status >= 400 and method != "HEAD":
            assert set(answer.data["error"]) == {"code", "message", "field"}
            assert "<script>" not in json.dumps(answer.data)
        counts[answer.status] = counts.get(answer.status, 0) + 1
    assert counts.get(201, 0) > 20, counts
    assert {400, 404, 405, 422} <= counts.keys()


async def test_no_frame_brings_the_socket_down(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.api.sockets.BURST", 10**6)
    monkeypatch.setattr("exchange.api.sockets.REQUESTS_PER_S", 10**6)
    chance = random.Random(43)
    user = await place.user(INR="10")
    names: list[object] = ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "AUTH", "x", None, 7, []]
    channels = [
        "trades",
        "depth",
        "ticker",
        "kline",
        "auction",
        "market",
        "orders",
        "lists",
        "account",
        "prevented",
        "",
    ]
    async with place.socket(user) as feed:
        for number in range(1_000):
            params = [
                f"{chance.choice(channels)}{chance.choice(['@', '', '@@', '_'])}{chance.choice([MARKET, 'X', '_1m'])}"
                if chance.random() < 0.8
                else some_value(chance)
                for _ in range(chance.randint(0, 4))
            ]
            request = {
                "method": chance.choice(names),
                "params": params if chance.random() < 0.9 else some_value(chance),
            }
            text = json.dumps({**request, "id": f"fuzz-{number}"})
            if chance.random() < 0.1:
                text = text[: chance.randrange(len(text))]
            await feed.ws.send_str(text)
        assert (await feed.ask("LIST_SUBSCRIPTIONS")).keys() == {"id", "result"}
