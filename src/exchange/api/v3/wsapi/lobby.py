"""All connections of the WebSocket API, from the handshake to the shutdown (Binance: web-socket-api.md, General API
information).

A connection is pinged every 20 seconds and has a minute to answer, and lasts a day. When the gateway stops, every
connection is told so, no more is read, and what is under way is answered before the connection is closed.
"""

import asyncio
from typing import Final

import orjson
from aiohttp import hdrs, web

from exchange.api.gateway import Gateway
from exchange.api.http.answers import Answer
from exchange.api.http.behind import Patient
from exchange.api.http.request import MAX_BODY_BYTES
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults, refusing
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import pairs
from exchange.api.v3.userdata.feed import Feed
from exchange.api.v3.wsapi.connection import Connection
from exchange.api.v3.wsapi.session import Session
from exchange.api.websocket.line import GOING_AWAY, Line, Manners
from exchange.api.websocket.outbox import Outbox

PATH: Final = "/ws-api/v3"
CONNECTING: Final = 2
"""What connecting weighs."""
MANNERS: Final = Manners(
    max_bytes=MAX_BODY_BYTES, burst=0, per_second=0, ping_s=20.0, pong_s=60.0, lasts_s=24 * 60 * 60.0
)
"""How many requests a connection may send is a matter of their weight."""

_UNITS: Final = {"MILLISECOND": 1, "millisecond": 1, "MICROSECOND": 1000, "microsecond": 1000}
_KEYS_S: Final = 0.5
_LOOK_S: Final = 0.01


class Lobby:
    """The connections of this process."""

    def __init__(self, gateway: Gateway, feed: Feed) -> None:
        self._gateway = gateway
        self._feed = feed
        self._open: dict[Connection, Outbox] = {}

    async def serve(self, request: Patient) -> Answer | web.WebSocketResponse:
        """A connection from upgrade to close, or why there is none."""
        gateway = self._gateway
        address = gateway.addresses.of(request)
        now_ms = gateway.clock.now_ms()
        try:
            session = self._session(request, address)
            gateway.limiter.connection(address, now_ms)
            gateway.limiter.request(address, CONNECTING, now_ms)
        except LimitReached as reached:
            return _refused(refusing.of_limit(reached, now_ms))
        except Fault as fault:
            return _refused(fault)
        outbox = Outbox()
        connection = Connection(gateway, self._feed, outbox, session)
        self._open[connection] = outbox
        try:
            return await Line(request, outbox, MANNERS, connection.take).run()
        finally:
            del self._open[connection]
            connection.leave()

    async def follow_keys(self) -> None:
        """See again and again that subscriptions rest on keys that are still good, until cancelled."""
        while True:
            await asyncio.sleep(_KEYS_S)
            for connection in list(self._open):
                connection.see_keys()

    async def close(self, seconds: float) -> None:
        """Tell everybody that the gateway stops, answer what is under way, at most so long, and close."""
        now_ms = self._gateway.clock.now_ms()
        for connection, outbox in list(self._open.items()):
            connection.refuse_more()
            event = {"e": "serverShutdown", "E": now_ms * connection.session.unit}
            outbox.put(orjson.dumps({"event": event}))
        try:
            async with asyncio.timeout(seconds):
                while any(not connection.idle for connection in self._open):  # noqa: ASYNC110 - few, and seldom
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            pass  # those who still wait get no answer, and find out by asking again
        for outbox in list(self._open.values()):
            outbox.close(GOING_AWAY, "the gateway stops: reconnect")

    def _session(self, request: Patient, address: str) -> Session:
        """The session that a connection begins with, as its query asks for it.

        Raises:
            Fault: it makes no sense.
        """
        values = pairs(request.raw_query)
        unit = _UNITS.get(values.get("timeUnit", "MILLISECOND"))
        if unit is None:
            msg = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
            raise Fault(faults.INVALID_TIME_UNIT, msg)
        limits = values.get("returnRateLimits", "true").lower()
        if limits not in ("true", "false"):
            raise faults.illegal("returnRateLimits", "true|false")
        return Session(self._gateway, address, limits=limits == "true", unit=unit)


def _refused(fault: Fault) -> Answer:
    headers = None if fault.retry_after is None else {str(hdrs.RETRY_AFTER): str(fault.retry_after)}
    return Answer(fault.status, orjson.dumps(fault.body()), headers=headers)
