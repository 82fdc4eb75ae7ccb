"""Descriptions of WebSockets in AsyncAPI 3.0, small and for tests: what the page is given, it draws and speaks."""

from typing import Any, Final

from playwright.async_api import Page

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_MOMENT: Final[Json] = {"type": "integer"}
_SIGNED: Final[Json] = {"apiKey": _TEXT, "timestamp": _MOMENT, "signature": _TEXT}


def _refer(*names: str) -> Json:
    return {"$ref": "/".join(["#", *names])}


def _object(fields: Json, *, needed: list[str] | None = None) -> Json:
    return {"type": "object", "properties": fields, "required": list(fields) if needed is None else needed}


def _asked(method: str, params: Json, channel: str) -> Json:
    payload = _object({"id": {"type": "integer", "examples": [1]}, "method": {"const": method}, "params": params})
    return {
        "action": "receive",
        "channel": _refer("channels", channel),
        "tags": [{"name": "requests"}],
        "messages": [{"title": method, "payload": payload}],
    }


FEED: Final[Json] = {
    "asyncapi": "3.0.0",
    "info": {"title": "feed", "version": "1"},
    "servers": {"feed": {"host": "{host}", "pathname": "/api/v1/ws", "protocol": "ws"}},
    "channels": {
        "requests": {"address": None, "servers": [_refer("servers", "feed")]},
        "trades": {
            "address": "trades@{market}",
            "parameters": {"market": {"description": "A market.", "examples": ["TATA-INR"]}},
            "servers": [_refer("servers", "feed")],
            "messages": {"trades": {"payload": _object({"channel": _TEXT, "data": {"type": "array", "items": {}}})}},
        },
    },
    "operations": {
        "subscribe": _asked("SUBSCRIBE", {"type": "array", "items": {**_TEXT, "examples": ["balances"]}}, "requests"),
        "unsubscribe": _asked("UNSUBSCRIBE", {"type": "array", "items": _TEXT}, "requests"),
        "auth": _asked("AUTH", {"type": "array", "items": _TEXT}, "requests"),
        "onTrades": {"action": "send", "channel": _refer("channels", "trades"), "tags": [{"name": "market data"}]},
    },
}

_ORDER: Final[Json] = {
    "symbol": {"type": "string", "examples": ["TATAINR"]},
    "side": {"enum": ["BUY", "SELL"]},
    "type": {"enum": ["LIMIT", "MARKET"]},
    "timeInForce": {"enum": ["GTC", "IOC"]},
    "price": {"type": "string", "examples": ["97.50"]},
    "quantity": {"type": "string", "examples": ["3"]},
}

API: Final[Json] = {
    "asyncapi": "3.0.0",
    "info": {"title": "api", "version": "1"},
    "servers": {"api": {"host": "{host}", "pathname": "/ws-api/v3", "protocol": "ws"}},
    "channels": {"api": {"address": None, "servers": [_refer("servers", "api")]}},
    "operations": {
        "session.logon": _asked("session.logon", _object(_SIGNED), "api"),
        "order.place": _asked("order.place", _object({**_ORDER, **_SIGNED}, needed=list(_ORDER)), "api"),
        "account.status": _asked("account.status", _object(_SIGNED, needed=[]), "api"),
    },
}


async def describe(page: Page) -> None:
    """Give a page these instead of the gateway's."""
    await page.route("**/api/v1/asyncapi.json", lambda route: route.fulfill(json=FEED))
    await page.route("**/api/v3/asyncapi.json", lambda route: route.fulfill(json=API))
