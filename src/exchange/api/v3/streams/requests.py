"""What clients of streams send, and what they are answered (Binance: web-socket-streams.md, "Live Subscribing").

Codes and wording of errors are the venue's. An error says the request's id where it could be read. A request takes
effect as a whole or not at all.
"""

from typing import Final

import orjson

from exchange.api.v3.streams.hub import Streams
from exchange.api.v3.streams.listener import Listener
from exchange.projections.live.view import LiveView

MAX_STREAMS: Final = 1024
"""The most streams of a connection."""
MAX_NAME: Final = 128
"""The longest name of a stream, in characters."""

UNKNOWN_PROPERTY: Final = 0
NOT_BOOLEAN: Final = 1
INVALID_REQUEST: Final = 2
INVALID_JSON: Final = 3

_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_VARIANTS: Final = ", ".join(f"`{method}`" for method in _METHODS)
_COMBINED: Final = "combined"
_LONGEST_ID: Final = 36

Id = int | str | None


class Refused(Exception):
    """A request that is not carried out."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg


def answer(streams: Streams, view: LiveView, listener: Listener, text: str) -> None:
    """Do what a message asks, and answer; the answer goes out before what it brings about."""
    id: Id = None
    known = False
    try:
        body = _body(text)
        id = _id(body)
        known = True
        _carry_out(streams, view, listener, body, id)
    except Refused as refused:
        told: dict[str, object] = {"code": refused.code, "msg": refused.msg}
        listener.outbox.put(orjson.dumps({**told, "id": id} if known else told))


def see_names(listener: Listener, names: list[str]) -> None:
    """See that a connection may have these streams too.

    Raises:
        Refused: they are too many, or no names.
    """
    if any(not name or len(name) > MAX_NAME for name in names):
        raise Refused(INVALID_REQUEST, f"Invalid request: a stream's name has 1 to {MAX_NAME} characters")
    if len(listener.names.keys() | set(names)) > MAX_STREAMS:
        raise Refused(INVALID_REQUEST, f"Invalid request: a connection has at most {MAX_STREAMS} streams")


def _carry_out(streams: Streams, view: LiveView, listener: Listener, body: dict[str, object], id: Id) -> None:
    method = _method(body)
    params = body.get("params")
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        names = _names(params)
        if method == "SUBSCRIBE":
            see_names(listener, names)
        _tell(listener, id, None)
        for name in names:
            if method == "SUBSCRIBE":
                streams.subscribe(view, listener, name)
            else:
                streams.unsubscribe(listener, name)
        return
    given = [] if params is None else params
    if not isinstance(given, list):
        raise Refused(INVALID_REQUEST, "Invalid request: params must be a list")
    most = {"LIST_SUBSCRIPTIONS": 0, "GET_PROPERTY": 1, "SET_PROPERTY": 2}[method]
    if len(given) > most:
        raise Refused(INVALID_REQUEST, "Invalid request: too many parameters")
    if method == "LIST_SUBSCRIPTIONS":
        _tell(listener, id, list(listener.names))
        return
    if not given or not isinstance(given[0], str):
        raise Refused(INVALID_REQUEST, "Invalid request: property name must be a string")
    if given[0] != _COMBINED:
        raise Refused(UNKNOWN_PROPERTY, "Unknown property")
    if method == "GET_PROPERTY":
        _tell(listener, id, listener.combined)
        return
    if len(given) < most or not isinstance(given[1], bool):
        raise Refused(NOT_BOOLEAN, "Invalid value type: expected Boolean")
    listener.combined = given[1]
    _tell(listener, id, None)


def _body(text: str) -> dict[str, object]:
    try:
        body = orjson.loads(text.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError as error:
        msg = f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        raise Refused(INVALID_JSON, msg) from None
    if not isinstance(body, dict):
        raise Refused(INVALID_REQUEST, "Invalid request: expected an object at line 1 column 1")
    return body


def _id(body: dict[str, object]) -> Id:
    id = body.get("id", False)
    if isinstance(id, str) and len(id) <= _LONGEST_ID:
        return id
    if id is None or (isinstance(id, int) and not isinstance(id, bool) and -(1 << 63) <= id < 1 << 63):
        return id
    raise Refused(INVALID_REQUEST, "Invalid request: request ID must be an unsigned integer")


def _method(body: dict[str, object]) -> str:
    if "method" not in body:
        raise Refused(INVALID_REQUEST, "Invalid request: missing field `method` at line 1 column 1")
    method = body["method"]
    if not isinstance(method, str) or method not in _METHODS:
        named = method[:40] if isinstance(method, str) else "of another type"
        msg = f"Invalid request: unknown variant `{named}`, expected one of {_VARIANTS} at line 1 column 1"
        raise Refused(INVALID_REQUEST, msg)
    return method


def _names(params: object) -> list[str]:
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise Refused(INVALID_REQUEST, "Invalid request: params must be a list of names of streams")
    return list(dict.fromkeys(params))


def _tell(listener: Listener, id: Id, result: object) -> None:
    listener.outbox.put(orjson.dumps({"result": result, "id": id}))
