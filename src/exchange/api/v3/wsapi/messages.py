"""A request of the WebSocket API read, and an answer to it written (Binance: web-socket-api.md, Request format).

Parameters become texts by name, as REST has them, and exactly as they were sent: signatures are over the very digits.
So a message is read a second time, slowly, when a number in it is not whole; nearly all clients send texts.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from exchange.api.limits.limiter import Limit
from exchange.api.v3 import faults
from exchange.api.v3.faults import Fault

Id = str | int | None

MAX_ID_CHARS: Final = 36
_VERSION: Final = "v3/"
_LIMITS: Final = "returnRateLimits"
_NOT_SIGNED: Final = "signature"

Json = dict[str, object]


class Asked:
    """A request: its method without a version, its parameters as texts. `limits` says whether it wants to be told of
    limits, or is None when it does not say."""

    __slots__ = ("id", "limits", "method", "values")

    def __init__(self, id: Id, method: str, values: dict[str, str], limits: bool | None) -> None:
        self.id = id
        self.method = method
        self.values = values
        self.limits = limits

    def payload(self) -> bytes:
        """What is signed: the parameters but for the signature, sorted by name."""
        values = self.values
        return "&".join([f"{name}={values[name]}" for name in sorted(values) if name != _NOT_SIGNED]).encode()


class Unreadable(Exception):
    """A message is no request: why, and its id, if that can be read."""

    def __init__(self, id: Id, fault: Fault) -> None:
        super().__init__(fault.code, fault.msg)
        self.id = id
        self.fault = fault


def read(text: str | bytes) -> Asked:
    """A message.

    Raises:
        Unreadable: it is no request.
    """
    try:
        body: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unreadable(None, Fault(faults.INVALID_JSON, "Invalid JSON Request")) from None
    if not isinstance(body, dict):
        raise Unreadable(None, Fault(faults.INVALID_JSON, "Invalid JSON Request"))
    id = _id(body)
    try:
        method = body.get("method")
        if not isinstance(method, str) or not method:
            raise faults.mandatory("method")
        params = body.get("params")
        if params is None:
            return Asked(id, method.removeprefix(_VERSION), {}, None)
        if not isinstance(params, dict):
            raise Fault(faults.INVALID_JSON, "JSON sent for parameter 'params' is not valid")
        values = _values(params, text)
        wanted = values.get(_LIMITS)
        if wanted not in (None, "true", "false"):
            raise faults.illegal(_LIMITS, "true|false")
        return Asked(id, method.removeprefix(_VERSION), values, None if wanted is None else wanted == "true")
    except Fault as fault:
        raise Unreadable(id, fault) from None


def answer(id: Id, status: int, result: object, limits: list[Json] | None) -> bytes:
    """A result; bytes are JSON that is written already."""
    if isinstance(result, bytes):
        result = orjson.Fragment(result)
    if limits is None:
        return orjson.dumps({"id": id, "status": status, "result": result})
    return orjson.dumps({"id": id, "status": status, "result": result, "rateLimits": limits})


def refusal(id: Id, fault: Fault, limits: list[Json] | None, now_ms: int) -> bytes:
    """A refusal; one for too much says until when to wait, in milliseconds since the epoch."""
    error = fault.body()
    if fault.retry_after is not None and fault.status in (418, 429):
        error = {**error, "data": {"serverTime": now_ms, "retryAfter": now_ms + 1000 * fault.retry_after}}
    told: Json = {"id": id, "status": fault.status, "error": error}
    return orjson.dumps(told if limits is None else {**told, "rateLimits": limits})


def limit(of: Limit, count: int) -> Json:
    """A limit and what is used of it, as `rateLimits` shows them."""
    return {
        "rateLimitType": of.kind,
        "interval": of.unit,
        "intervalNum": of.number,
        "limit": of.limit,
        "count": count,
    }


def limits(used: Iterable[tuple[Limit, int]]) -> list[Json]:
    """Several of them."""
    return [limit(of, count) for of, count in used]


def _id(body: Mapping[str, object]) -> Id:
    id = body.get("id")
    if id is None:
        if "id" not in body:
            raise Unreadable(None, faults.mandatory("id"))
        return None
    if isinstance(id, str) and len(id) <= MAX_ID_CHARS:
        return id
    if isinstance(id, int) and not isinstance(id, bool):
        return id
    raise Unreadable(None, faults.illegal("id", f"^.{{0,{MAX_ID_CHARS}}}$"))


def _values(params: dict[str, object], text: str | bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in params.items():
        if isinstance(value, str):
            values[name] = value
        elif isinstance(value, float):
            return _exactly(text)
        else:
            values[name] = _text(name, value)
    return values


def _exactly(text: str | bytes) -> dict[str, str]:
    """The parameters of a message that holds numbers which are not whole, or too large for the fast reader."""
    try:
        params = json.loads(text, parse_float=str, parse_int=str)["params"]
    except RecursionError:
        raise Fault(faults.INVALID_JSON, "Invalid JSON Request") from None
    return {name: value if isinstance(value, str) else _text(name, value) for name, value in params.items()}


def _text(name: str, value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return ""  # refused as empty, if it is a parameter at all
    if isinstance(value, list):
        try:
            return orjson.dumps(value).decode()
        except orjson.JSONEncodeError:  # lists in lists, deeper than it writes
            raise _invalid(name) from None
    raise _invalid(name)


def _invalid(name: str) -> Fault:
    return Fault(faults.INVALID_JSON, f"JSON sent for parameter '{name[:64]}' is not valid")
