"""Connections to streams: raw at `/ws` and `/ws/<name>`, combined at `/stream?streams=<name>/<name>`.

What the address names is subscribed to before the first message is read; then requests are answered in order.

A browser's page of any origin may connect, as at the venue: market data is public, a listen key is a secret that a page
must know, and nothing here goes by what a browser sends of its own accord.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

import orjson
from aiohttp import hdrs, web

from exchange.api.gateway import Gateway
from exchange.api.http.answers import Answer
from exchange.api.http.behind import Patient
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults, refusing
from exchange.api.v3.faults import Fault
from exchange.api.v3.streams import requests
from exchange.api.v3.streams.hub import Streams
from exchange.api.v3.streams.listener import Listener
from exchange.api.v3.streams.requests import Refused
from exchange.api.websocket.line import Line, Manners
from exchange.api.websocket.outbox import Outbox

RAW: Final = "/ws"
COMBINED: Final = "/stream"

MANNERS: Final = Manners(
    max_bytes=96 * 1024,  # 1,024 names of the longest streams with room to spare
    burst=5,
    per_second=5,
    ping_s=20.0,
    pong_s=60.0,
    lasts_s=24 * 3600.0,
)
"""As published (Binance: web-socket-streams.md, "WebSocket Limits")."""

Serve = Callable[[Patient], Awaitable[web.WebSocketResponse | Answer]]

_UNITS: Final = {"": 1, "MILLISECOND": 1, "millisecond": 1, "MICROSECOND": 1000, "microsecond": 1000}


def paths(gateway: Gateway, streams: Streams) -> dict[str, Serve]:
    """What serves WebSockets, by path."""

    async def opened(request: Patient) -> web.WebSocketResponse | Answer:
        return await serve(gateway, streams, request)

    return dict.fromkeys((RAW, f"{RAW}/{{stream}}", COMBINED), opened)


async def serve(gateway: Gateway, streams: Streams, request: Patient) -> web.WebSocketResponse | Answer:
    """A connection from upgrade to close, or the refusal."""
    try:
        return await _served(gateway, streams, request)
    except Fault as fault:
        headers: dict[str, str] = {} if fault.retry_after is None else {hdrs.RETRY_AFTER: str(fault.retry_after)}
        return Answer(fault.status, orjson.dumps(fault.body()), headers=headers)


async def _served(gateway: Gateway, streams: Streams, request: Patient) -> web.WebSocketResponse:
    now_ms = gateway.clock.now_ms()
    try:
        gateway.limiter.connection(gateway.addresses.of(request), now_ms)
    except LimitReached as reached:
        raise refusing.of_limit(reached, now_ms) from None
    query = _query(request.raw_query)
    unit = _UNITS.get(query.get("timeUnit", ""))
    if unit is None:
        raise faults.invalid("timeUnit")
    combined = request.path == COMBINED
    named = query.get("streams", "") if combined else unquote(request.path.removeprefix(RAW)).removeprefix("/")
    names = [name for name in named.split("/") if name]
    listener = Listener(Outbox(), combined=combined, unit=unit)
    try:
        requests.see_names(listener, names)
    except Refused as refused:
        raise Fault(faults.UNKNOWN, refused.msg) from None
    if not streams.join(listener):
        raise Fault(faults.SERVER_BUSY, "The gateway has as many connections as it may; try another time.", status=503)

    async def hear(text: str) -> None:
        requests.answer(streams, gateway.view, listener, text)

    try:
        for name in names:
            if not name.isdecimal():  # clients number their connections there
                streams.subscribe(gateway.view, listener, name)
        return await Line(request, listener.outbox, MANNERS, hear).run()
    finally:
        streams.leave(listener)


def _query(text: str) -> dict[str, str]:
    """The parameters of an address; a plus is one (`@kline_1m@+08:00`), as in the rest of it."""
    found: dict[str, str] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        found[unquote(name)] = unquote(value)
    return found
