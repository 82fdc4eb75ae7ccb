"""The WebSocket door: requests of one connection, read strictly and answered in order.

Sending never waits, so a client that does not read cannot stop its own requests from being counted, nor anybody else.
The protocol is in `docs/api.md`.
"""

from typing import Final
from urllib.parse import urlsplit

import orjson
from aiohttp import hdrs, web

from exchange.api.contract.declared import Position, Text, optional
from exchange.api.contract.reading import Fields, json_object
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import CATCH_UP_S, Gateway
from exchange.api.http.behind import Patient
from exchange.api.http.crowd import HOME
from exchange.api.limits.limiter import LimitReached
from exchange.api.v1.hub import MAX_SUBSCRIPTIONS, Hub, Subscriber
from exchange.api.v1.limiting import refused, weigh
from exchange.api.v1.signed import socket_principal
from exchange.api.websocket.line import Line, Manners
from exchange.api.websocket.outbox import Outbox
from exchange.projections.live.feeds import DEPTH, PRIVATE, Channel, parse_channel
from exchange.projections.live.view import LiveView
from exchange.terms.codes import Code
from exchange.terms.stream import StreamId

BURST: Final = 60
REQUESTS_PER_S: Final = 20
RESUMING_WEIGHT: Final = 50
"""What going on from a position counts against an address's limit…"""
BOOK_WEIGHT: Final = 5
"""… a channel that begins with a whole book, as `GET depth` does; every other channel that is begun, and every request,
counts one."""
MANNERS: Final = Manners(max_bytes=4 * 1024, burst=BURST, per_second=REQUESTS_PER_S, ping_s=15.0, pong_s=30.0)

_ID_CHARS: Final = 64
_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "AUTH")
_REQUEST: Final = {**dict.fromkeys(("method", "params", "id"), Text()), "after": optional(Position())}
"""The fields of a request; `params` and `id` are read by rules of their own."""


def same_origin(request: web.BaseRequest) -> bool:
    """Whether a page of this host opens the socket, or no browser at all (which sends no Origin)."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False


async def serve(gateway: Gateway, hub: Hub, request: Patient) -> web.WebSocketResponse:
    """A connection from upgrade to close.

    Raises:
        ApiError: the upgrade is refused.
    """
    if not same_origin(request):
        raise ApiError(GatewayCode.ORIGIN_REFUSED)
    address = gateway.addresses.of(request)
    if address not in HOME:
        try:
            gateway.limiter.connection(address, gateway.clock.now_ms())
        except LimitReached as reached:
            raise refused(reached) from None
    subscriber = Subscriber(Outbox(), lambda: gateway.view)
    hub.join(subscriber)
    conversation = Conversation(gateway, hub, subscriber, address)
    try:
        return await Line(request, subscriber.outbox, MANNERS, conversation.answer).run()
    finally:
        hub.leave(subscriber)


class Conversation:
    """The requests of one connection."""

    def __init__(self, gateway: Gateway, hub: Hub, subscriber: Subscriber, address: str) -> None:
        self._gateway = gateway
        self._address = address
        self._hub = hub
        self._subscriber = subscriber

    async def answer(self, text: str) -> None:
        """Do what a frame asks; the answer goes out before what it brings about."""
        outbox = self._subscriber.outbox
        id: int | str | None = None
        try:
            weigh(self._gateway, self._address, 1)
            body = json_object(text.encode("utf-8", "surrogatepass"))
            id = _request_id(body.get("id"))
            fields = Fields(body, _REQUEST)
            method = fields.text("method")
            if method not in _METHODS:
                raise ApiError(GatewayCode.UNKNOWN_METHOD, "method")
            params = _params(body.get("params"))
            if method == "AUTH":
                outbox.put(_result(id, await self._authenticate(params)))
            elif method == "LIST_SUBSCRIPTIONS":
                outbox.put(_result(id, sorted(self._subscriber.channels)))
            elif method == "SUBSCRIBE":
                await self._subscribe(id, params, fields.position("after"))
            else:
                channels = [parse_channel(name) for name in params]
                self._hub.unsubscribe(self._subscriber, [channel for channel in channels if channel is not None])
                outbox.put(_result(id, None))
        except ApiError as error:
            outbox.put(orjson.dumps({"id": id, **error.body()}))

    async def _subscribe(self, id: int | str | None, params: list[str], after: StreamId | None) -> None:
        gateway = self._gateway
        if after is not None:
            weigh(gateway, self._address, RESUMING_WEIGHT)
            await gateway.follower.at_least(after, CATCH_UP_S)
        view = gateway.view
        channels = {name: self._channel(view, name) for name in params}
        known = self._subscriber.channels
        if len(known) + len(channels.keys() - known.keys()) > MAX_SUBSCRIPTIONS:
            raise ApiError(GatewayCode.TOO_MANY_SUBSCRIPTIONS)
        fresh = [channel for name, channel in channels.items() if name not in known]
        if fresh:
            weigh(gateway, self._address, sum([BOOK_WEIGHT if one.kind == DEPTH else 1 for one in fresh]))
        missed = {} if after is None else self._hub.missed(view, self._subscriber, fresh, after)
        self._subscriber.outbox.put(_result(id, None))
        self._hub.subscribe(view, self._subscriber, fresh, missed)

    def _channel(self, view: LiveView, name: str) -> Channel:
        channel = parse_channel(name)
        if channel is None:
            raise ApiError(GatewayCode.UNKNOWN_CHANNEL, "params")
        if channel.kind in PRIVATE:
            if self._subscriber.account is None:
                raise ApiError(GatewayCode.UNAUTHORIZED, "params", detail="Send AUTH with a user's token first.")
        elif channel.market not in view.markets:
            raise ApiError(Code.UNKNOWN_MARKET, "params")
        return channel

    async def _authenticate(self, params: list[str]) -> dict[str, object]:
        gateway = self._gateway
        principal = await socket_principal(gateway, params, self._address)
        if principal.account is None:
            raise ApiError(GatewayCode.NO_ACCOUNT, "params")
        account = principal.account.id
        if self._subscriber.account not in (None, account):
            raise ApiError(GatewayCode.FORBIDDEN, "params", detail="This connection is another account's already.")
        self._subscriber.account = account
        self._subscriber.expires_ms = principal.expires_ms
        key, session = principal.key, principal.session
        self._subscriber.ended = lambda: (
            gateway.session_ended(session) if key is None else not gateway.keys.known(key.id)
        )
        return {"account": account, "expires_at": principal.expires_ms}


def _request_id(value: object) -> int | str | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and len(value) <= _ID_CHARS:
        return value
    raise ApiError(Code.INVALID_FIELD, "id", detail="An id is a whole number or a short text.")


def _params(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ApiError(Code.INVALID_FIELD, "params", detail="params is a list of texts.")
    return value


def _result(id: int | str | None, result: object) -> bytes:
    return orjson.dumps({"id": id, "result": result})
