"""The compatible door described as OpenAPI 3.1, made from the declarations that requests are read by.

The same document is answered at `GET /api/v3/openapi.json` and kept as `docs/openapi-v3.json`:

usage: python -m exchange.api.v3.openapi > docs/openapi-v3.json
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

import orjson

from exchange import __version__
from exchange.api.contract.declared import Json, Kind
from exchange.api.v3 import faults
from exchange.api.v3.declared import Endpoint, Names, Route, Security

_TITLE: Final = "exchange, for clients of Binance Spot"
_INTRODUCTION: Final = (
    "Made for clients of Binance Spot: names, types, defaults and codes are as its documentation publishes them, and "
    "docs/compatibility.md says what differs. Amounts are decimal texts. Parameters of GET stand in the query string, "
    "those of other methods there or in a form."
)

_SIGNED: Final = frozenset([Security.USER_DATA, Security.TRADE])

_ALWAYS: Final = frozenset([
    faults.UNKNOWN, faults.DISCONNECTED, faults.TOO_MANY_REQUESTS, faults.SERVER_BUSY, faults.ILLEGAL_CHARS,
    faults.TOO_MANY_PARAMETERS, faults.MANDATORY, faults.UNREAD, faults.EMPTY, faults.OVERFLOW,
    faults.INVALID_PARAMETER,
])  # fmt: skip
_WITH_KEY: Final = frozenset([faults.BAD_KEY_FORMAT, faults.REJECTED_KEY])
_WITH_SIGNATURE: Final = frozenset([faults.INVALID_TIMESTAMP, faults.INVALID_SIGNATURE, faults.BAD_WINDOW])
_COMMANDS: Final = frozenset([faults.UNEXPECTED, faults.TIMEOUT])

_STATUSES: Final[Mapping[int, tuple[int, ...]]] = {
    faults.UNKNOWN: (400, 408, 413, 415),
    faults.DISCONNECTED: (503,),
    faults.TOO_MANY_REQUESTS: (418, 429),
    faults.UNEXPECTED: (503,),
    faults.TIMEOUT: (504,),
    faults.SERVER_BUSY: (503,),
    faults.TOO_MANY_ORDERS: (429,),
    faults.BAD_KEY_FORMAT: (401,),
    faults.REJECTED_KEY: (401,),
    faults.CANCEL_REPLACE_PARTLY: (409, 429),
    faults.CANCEL_REPLACE_FAILED: (400, 429),
}
"""The HTTP statuses that a code comes with; the others come with 400."""

_HEADERS: Final[Mapping[int, Json]] = {
    status: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    for status in (418, 429, 503)
}
_WEIGHT: Final[Json] = {
    "X-MBX-USED-WEIGHT-1M": {
        "description": "The weight that this address has used in the present minute.",
        "schema": {"type": "integer"},
    }
}
_FAULT: Final[Json] = {
    "type": "object",
    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}, "data": {}},
    "required": ["code", "msg"],
    "additionalProperties": False,
}
_KEY: Final[Json] = {
    "type": "apiKey",
    "in": "header",
    "name": "X-MBX-APIKEY",
    "description": (
        "From `POST /api/v1/api-keys`. Signed requests also need `timestamp` and, last, `signature`: the HMAC-SHA256 "
        "of query string and form under the key's secret, in hexadecimal."
    ),
}

_EXAMPLES: Final[Mapping[str, object]] = {
    "symbol": "TATAINR",
    "symbols": '["TATAINR"]',
    "price": "101.25",
    "stopPrice": "95",
    "quantity": "10",
    "newQty": "5",
    "quoteOrderQty": "1000.00",
    "newClientOrderId": "my-1",
    "orderId": 17,
    "fromId": 1,
    "workingPrice": "101.25",
    "workingQuantity": "10",
    "pendingPrice": "104",
    "pendingQuantity": "10",
    "abovePrice": "110",
    "belowStopPrice": "95",
}
"""What parameters look like, by their names."""


@cache
def document(routes: tuple[Route, ...]) -> Json:
    """The whole description."""
    paths: dict[str, Json] = {}
    refused = _Refused()
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refused)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE,
            "version": __version__,
            "description": _INTRODUCTION,
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Fault": _FAULT},
            "responses": refused.responses,
            "securitySchemes": {"key": _KEY},
        },
    }


def codes(endpoint: Endpoint) -> frozenset[int]:
    """Every code that a request may be refused with."""
    found = _ALWAYS | endpoint.codes
    if {"symbol", "symbols"} & endpoint.params.keys():
        found |= {faults.BAD_SYMBOL}
    if {"startTime", "endTime"} <= endpoint.params.keys():
        found |= {faults.BAD_COMBINATION}
    if any(isinstance(kind, Names) for kind in endpoint.params.values()):
        found |= {faults.DUPLICATE_SYMBOLS}
    if endpoint.security is not Security.NONE:
        found |= _WITH_KEY
    if endpoint.security in _SIGNED:
        found |= _WITH_SIGNATURE
    if endpoint.security is Security.TRADE:
        found |= _COMMANDS
    return found


def _operation(route: Route, refused: "_Refused") -> Json:
    endpoint = route.endpoint
    in_query = [_parameter(name, kind) for name, kind in endpoint.known.items()]
    return {
        "operationId": _name(route),
        "summary": endpoint.summary,
        "description": _told(endpoint),
        "tags": [endpoint.security.value],
        "security": [] if endpoint.security is Security.NONE else [{"key": []}],
        "parameters": in_query,
        "responses": {
            "200": {
                "description": endpoint.summary,
                "headers": _WEIGHT,
                "content": {"application/json": {"schema": endpoint.answer}},
            },
            **refused.refer(endpoint),
        },
    }


def _told(endpoint: Endpoint) -> str:
    weight = f"Weight {endpoint.weight}." if isinstance(endpoint.weight, int) else "Its weight depends on parameters."
    orders = f" Counts as {endpoint.orders} new orders." if endpoint.orders else ""
    method = f" `{endpoint.method}` in the WebSocket API." if endpoint.method else ""
    return f"{weight}{orders}{method}"


def _parameter(name: str, kind: Kind) -> Json:
    schema = kind.schema()
    needed = kind.required and "default" not in schema
    told: Json = {"name": name, "in": "query", "required": needed, "schema": schema}
    return {**told, "example": _EXAMPLES[name]} if name in _EXAMPLES else told


class _Refused:
    """Refusals by status and codes: routes with the same ones share them."""

    def __init__(self) -> None:
        self.responses: Json = {}
        self._names: dict[tuple[int, tuple[int, ...]], str] = {}

    def refer(self, endpoint: Endpoint) -> Json:
        """A route's refusals by status."""
        by_status: dict[int, list[int]] = {}
        for code in sorted(codes(endpoint) | {faults.INVALID_TIME_UNIT}, reverse=True):  # by a header: REST alone
            for status in _STATUSES.get(code, (400,)):
                by_status.setdefault(status, []).append(code)
        return {
            str(status): {"$ref": f"#/components/responses/{self._name(status, tuple(found))}"}
            for status, found in sorted(by_status.items())
        }

    def _name(self, status: int, found: tuple[int, ...]) -> str:
        name = self._names.get((status, found))
        if name is None:
            count = sum(known == status for known, _ in self._names)
            name = self._names[status, found] = f"Refused{status}" + (f"x{count + 1}" if count else "")
            self.responses[name] = _refusal(status, found)
        return name


def _refusal(status: int, found: tuple[int, ...]) -> Json:
    reference: Json = {"$ref": "#/components/schemas/Fault"}
    schema: Json = {"allOf": [reference, {"properties": {"code": {"enum": list(found)}}}]}
    told: Json = {
        "description": ", ".join(str(code) for code in found),
        "content": {"application/json": {"schema": schema}},
    }
    return {**told, "headers": _HEADERS[status]} if status in _HEADERS else told


def _name(route: Route) -> str:
    words = [word for word in re.split(r"[/{}._-]+", route.path) if word]
    return route.method.lower() + "".join(word[0].upper() + word[1:] for word in words)


if __name__ == "__main__":
    from exchange.api.v3.routes.table import ROUTES

    print(orjson.dumps(document(ROUTES), option=orjson.OPT_INDENT_2).decode())
