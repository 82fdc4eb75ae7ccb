"""The API described as OpenAPI 3.1, made from the declarations that requests are read by.

Nothing is written here that a route has not declared; the codes under each status are derived (`refusals`). The same
document is answered at `GET /api/v1/openapi.json` and kept as `docs/openapi.json`:

usage: python -m exchange.api.contract.openapi > docs/openapi.json
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import orjson

from exchange import __version__
from exchange.api.contract.declared import Access, Json, Kind, Route, Shape, described_object
from exchange.api.errors import ApiError
from exchange.api.v1 import schemas
from exchange.api.v1.refusals import refusals

SERVER: Final = "/api/v1"

_AT_LEAST: Final[Json] = {
    "name": "X-Exchange-At-Least",
    "in": "header",
    "required": False,
    "description": "Answer from a state that holds the log up to here, or with `view_behind`.",
    "schema": {"$ref": "#/components/schemas/Position"},
}
_ACCOUNT: Final[Json] = {
    "name": "X-Exchange-Account",
    "in": "header",
    "required": False,
    "description": "The caller's sub-account that is meant; without it, their first account.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,19}$"},
}
_POSITION: Final[Json] = {
    "description": "The answer holds the log up to here.",
    "schema": {"$ref": "#/components/schemas/Position"},
}
_HEADERS: Final[dict[int, Json]] = {
    401: {"WWW-Authenticate": {"description": "Always `Bearer`.", "schema": {"type": "string"}}},
    418: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    429: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
}

_TOKEN: Final[Json] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "From `POST signin`, or `exchange admin token`. No cookie, and no token in an address.",
}

_KEY: Final[Json] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Exchange-Key", "description": "From `POST api-keys`."},
    "timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Exchange-Timestamp",
        "description": "Milliseconds since the epoch. `X-Exchange-Window` may say for how many of them.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Exchange-Signature",
        "description": "Over timestamp, window, method, target and body, as docs/api.md says.",
    },
}

_EXAMPLES: Final[Mapping[str, object]] = {
    "email": "a@example.org",
    "password": "correct horse",
    "market": "TATA-INR",
    "asset": "INR",
    "amount": "1000.00",
    "price": "101.25",
    "quantity": "10",
    "quote_amount": "1000.00",
    "stop_price": "95",
    "client_order_id": "my-1",
    "client_list_id": "my-l",
    "ref": "my-7",
    "interval": "1m",
    "tick_size": "0.05",
    "lot_size": "1",
    "min_notional": "10",
    "maker_fee": "0.001",
    "taker_fee": "0.002",
    "volume": "0",
}
"""What fields look like, by their names."""

_INTRODUCTION: Final = (
    "Amounts are decimal strings; a field that a route does not know is refused; what belongs to another account "
    "answers exactly as what does not exist. docs/api.md says what everything means."
)
_PART: Final = re.compile(r"\{([a-z_]+)\}")


@cache
def document(routes: tuple[Route, ...]) -> Json:
    """The whole description."""
    paths: dict[str, Json] = {}
    refused = Refused()
    for route in routes:
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route, refused)
    return {
        "openapi": "3.1.0",
        "info": {"title": "exchange", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": SERVER}],
        "paths": paths,
        "components": {
            "schemas": schemas.COMPONENTS,
            "parameters": {"AtLeast": _AT_LEAST, "Account": _ACCOUNT},
            "headers": {"Position": _POSITION},
            "responses": refused.responses,
            "securitySchemes": {"token": _TOKEN, **_KEY},
        },
    }


class Refused:
    """Refusals by status and codes: routes with the same ones share them."""

    def __init__(self) -> None:
        self.responses: Json = {}
        self._names: dict[tuple[str, ...], str] = {}

    def refer(self, route: Route) -> Json:
        """A route's refusals by status."""
        by_status: dict[int, list[str]] = {}
        for code in refusals(route.access, route.endpoint):
            by_status.setdefault(ApiError(code).status, []).append(code.value)
        return {
            str(status): {"$ref": f"#/components/responses/{self._name(status, tuple(sorted(codes)))}"}
            for status, codes in sorted(by_status.items())
        }

    def _name(self, status: int, codes: tuple[str, ...]) -> str:
        name = self._names.get(codes)
        if name is None:
            count = sum(known.startswith(f"Refused{status}") for known in self.responses)
            name = self._names[codes] = f"Refused{status}" + (f"x{count + 1}" if count else "")
            told: Json = {
                "description": ", ".join(codes),
                "content": {
                    "application/json": {
                        "schema": {
                            "allOf": [
                                schemas.ERROR,
                                {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}},
                            ]
                        }
                    }
                },
            }
            if status in _HEADERS:
                told["headers"] = _HEADERS[status]
            self.responses[name] = told
        return name


def _operation(route: Route, refused: Refused) -> Json:
    declared = route.endpoint
    parameters: list[Json] = [
        *_path(route.path),
        *_query(declared.query),
        {"$ref": "#/components/parameters/AtLeast"},
    ]
    operation: Json = {
        "operationId": _name(route),
        "summary": declared.summary,
        "tags": [route.access.value],
        "security": _security(route.access),
        "parameters": parameters,
    }
    if route.access.personal:
        operation["parameters"] = [*parameters, {"$ref": "#/components/parameters/Account"}]
    if declared.body is not None:
        content = {"schema": _with_examples(described_object(declared.body), declared.body)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    media = str(declared.answer.get("contentMediaType", "application/json"))
    told: Json = {"description": declared.summary, "content": {media: {"schema": declared.answer}}}
    if declared.position:
        told["headers"] = {"X-Exchange-Position": {"$ref": "#/components/headers/Position"}}
    operation["responses"] = {str(declared.status): told, **refused.refer(route)}
    return operation


def _security(access: Access) -> list[Json]:
    if access is Access.PUBLIC:
        return []
    token: Json = {"token": []}
    return [token] if access.scope is None else [token, {name: [] for name in _KEY}]


def _name(route: Route) -> str:
    words = [word for word in re.split(r"[/{}._-]+", route.path) if word]
    return route.method.lower() + "".join(word.capitalize() for word in words)


def _path(path: str) -> Iterable[Json]:
    for name in _PART.findall(path):
        example: object = _EXAMPLES.get(name, 17)
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}


def _query(shape: Shape) -> Iterable[Json]:
    for name, kind in shape.items():
        yield {"name": name, "in": "query", "required": _needed(kind), "schema": kind.schema(), **_example(name)}


def _needed(kind: Kind) -> bool:
    return kind.required and "default" not in kind.schema()


def _example(name: str) -> Json:
    return {"example": _EXAMPLES[name]} if name in _EXAMPLES else {}


def _with_examples(schema: Json, shape: Shape) -> Json:
    """A body's schema with an example of each field whose looks are known, and of the whole where all are needed."""
    fields = schema["properties"]
    if isinstance(fields, dict):
        shown = {name: {**field, "examples": [_EXAMPLES[name]]} for name, field in fields.items() if name in _EXAMPLES}
        schema = {**schema, "properties": {**fields, **shown}}
    example = {name: _EXAMPLES[name] for name, kind in shape.items() if kind.required and name in _EXAMPLES}
    return {**schema, "examples": [example]} if len(example) == len(shape) else schema


if __name__ == "__main__":
    from exchange.api.v1.routes.table import ROUTES

    print(orjson.dumps(document(ROUTES), option=orjson.OPT_INDENT_2).decode())
