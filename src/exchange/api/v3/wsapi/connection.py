"""One connection of the WebSocket API: requests taken in their order, carried out side by side, answered when ready.

The idea: what must keep its order is done before the next request is looked at (letting through, appending the
command), and what must wait is left to callbacks or tasks of its own. So a client that sends a thousand orders without
waiting has them appended one after the other, in a few writes, and nothing here waits for any of them.

So many requests may be under way; beyond that the connection is not read from.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, Protocol

import orjson
import structlog

from exchange.api.auth.api_key import ApiKey
from exchange.api.commanding import Answer
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Gateway
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults, refusing
from exchange.api.v3.call import Call, Told
from exchange.api.v3.declared import Asking, Endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.userdata.feed import Feed
from exchange.api.v3.wsapi import account, messages
from exchange.api.v3.wsapi.account import SocketCall
from exchange.api.v3.wsapi.messages import Asked, Json, Unreadable
from exchange.api.v3.wsapi.methods import METHODS
from exchange.api.v3.wsapi.session import Session, SessionOver, ended

MOST_UNDER_WAY: Final = 1_000
"""Requests of a connection that are not answered yet."""

RESTARTED: Final = 1012

_CANCEL_ONLY: Final = ("orderRateLimitExceededMode", "CANCEL_ONLY")

_logger = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where a connection's messages go."""

    def put(self, message: bytes) -> None:
        """Send a message after those before it."""

    def close(self, code: int, reason: str) -> None:
        """Close the connection."""


class Subscription:
    """User data of one account, by the key that asked for it."""

    __slots__ = ("by_session", "key", "stop")

    def __init__(self, key: ApiKey, stop: Callable[[], None], *, by_session: bool) -> None:
        self.key = key
        self.stop = stop
        self.by_session = by_session


class Connection:
    """One connection's requests."""

    def __init__(self, gateway: Gateway, feed: Feed, sink: Sink, session: Session) -> None:
        self.session = session
        self.subscriptions: dict[int, Subscription] = {}
        self._subscribed = 0
        self._gateway = gateway
        self._feed = feed
        self._sink = sink
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._room: asyncio.Future[None] | None = None
        self._closing = False

    def now_ms(self) -> int:
        """The wall's time, which timestamps are held against."""
        return self._gateway.clock.now_ms()

    async def take(self, text: str | bytes) -> None:
        """The next message; returns when the one after it may be taken."""
        gateway = self._gateway
        now_ms = gateway.clock.now_ms()
        try:
            asked = messages.read(text)
        except Unreadable as unreadable:
            asked = Asked(unreadable.id, "", {}, None)
            self._refuse(asked, self._weigh(1, now_ms) or unreadable.fault)
            return
        endpoint = METHODS.get(asked.method)
        try:
            self._see_weight(endpoint, asked, now_ms)
            if self._closing:
                raise Fault(faults.SHUTTING_DOWN, "This service is no longer available.", status=503)
            if endpoint is None:
                raise Fault(faults.UNSUPPORTED, "This operation is not supported.")
            key, params = await self.session.let_through(endpoint, asked, now_ms)
            call = SocketCall(gateway, params, key, self.session.address, gateway.time.now_ms(), self)
            self._under_way += 1
            if endpoint.asks is not None:
                self._ask(endpoint, endpoint.asks, asked, call)
            elif endpoint in account.METHODS:  # what follows may depend on it
                await self._carry_out(endpoint, asked, call)
            else:
                self._begin(self._carry_out(endpoint, asked, call))
        except SessionOver:
            self._over()
        except Exception as error:  # noqa: BLE001 - every request is answered; `_refuse` logs what should not be
            self._refuse(asked, error)
        while self._under_way >= MOST_UNDER_WAY:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def log_on(self, key: ApiKey) -> None:
        """Requests without a key are this key's; a subscription of another session ends."""
        self.log_off()
        self.session.log_on(key, self.now_ms())

    def log_off(self) -> None:
        """The session ends, and its subscription."""
        self.session.log_off()
        for number in [number for number, one in self.subscriptions.items() if one.by_session]:
            self._end(number)

    def subscribe(self, key: ApiKey, *, by_session: bool) -> int:
        """Send the user data of a key's account from now on; the subscription's number.

        Raises:
            Fault: it is subscribed to already, or there are too many.
        """
        if any(one.key.account == key.account for one in self.subscriptions.values()):
            raise Fault(faults.SUBSCRIPTION_ACTIVE, "User Data Stream subscription already active.")
        if len(self.subscriptions) >= account.MAX_SUBSCRIPTIONS:
            msg = f"Too many subscriptions. Connection may create up to '{account.MAX_SUBSCRIPTIONS}' at a time."
            raise Fault(faults.TOO_MANY_SUBSCRIPTIONS, msg)
        if self._subscribed >= account.MAX_EVER:
            raise Fault(faults.NO_MORE_SUBSCRIPTIONS, "Maximum subscription ID reached for this connection.")
        number = self._subscribed
        self._subscribed += 1
        head = b'{"subscriptionId":%d,"event":' % number

        def send(event: bytes) -> None:
            self._sink.put(b"%b%b}" % (head, event))

        def lost() -> None:
            self._sink.close(RESTARTED, "events were missed: reconnect and ask for what is open")

        stop = self._feed.listen(key.account, send, lost, self.session.unit)
        self.subscriptions[number] = Subscription(key, stop, by_session=by_session)
        return number

    def unsubscribe(self, number: int | None) -> None:
        """End a subscription, or all.

        Raises:
            Fault: there is none of that number.
        """
        if number is None:
            for one in list(self.subscriptions):
                self._end(one)
        elif number in self.subscriptions:
            self._end(number)
        else:
            raise Fault(faults.SUBSCRIPTION_INACTIVE, "User Data Stream subscription not active.")

    def see_keys(self) -> None:
        """End what rests on keys that are no longer good; to be called about once a second."""
        now_ms = self.now_ms()
        keys = self._gateway.keys
        for number, one in list(self.subscriptions.items()):
            if ended(one.key, now_ms) or not keys.known(one.key.id):
                self._end(number)

    def leave(self) -> None:
        """The connection is gone; what is under way goes on, whoever hears of it."""
        for one in self.subscriptions.values():
            one.stop()
        self.subscriptions.clear()

    def refuse_more(self) -> None:
        """The gateway stops: only what is under way is still answered."""
        self._closing = True

    @property
    def idle(self) -> bool:
        """Whether every request is answered."""
        return not self._under_way

    def _ask(self, endpoint: Endpoint, asks: Asking, asked: Asked, call: Call) -> None:
        """Send a request that is one command on its way; its answer is written when its entry is read."""
        placed = False
        try:
            self._place(endpoint, asked, call)
            placed = True
            command, show = asks(call)

            def told(answer: Answer | ApiError) -> None:
                try:
                    self._forget(endpoint, call)
                    if isinstance(answer, ApiError):
                        raise answer
                    self._answer(endpoint, asked, call, show(answer))
                except Exception as error:  # noqa: BLE001 - as above
                    self._refuse(asked, error)
                finally:
                    self._done()

            self._gateway.commands.send(command, told)
        except BaseException:
            if placed:
                self._forget(endpoint, call)
            self._done()
            raise

    async def _carry_out(self, endpoint: Endpoint, asked: Asked, call: Call) -> None:
        try:
            self._place(endpoint, asked, call)
            try:
                found = await endpoint.handler(call)
            finally:
                self._forget(endpoint, call)
            self._answer(endpoint, asked, call, found)
        except SessionOver:
            self._over()
        except Exception as error:  # noqa: BLE001 - every request is answered; `_refuse` logs what should not be
            self._refuse(asked, error)
        finally:
            self._done()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _done(self) -> None:
        self._under_way -= 1
        room = self._room
        if room is not None and not room.done():
            room.set_result(None)

    def _place(self, endpoint: Endpoint, asked: Asked, call: Call) -> None:
        """Count new orders as under way."""
        if endpoint.orders:
            try:
                self._gateway.limiter.place(call.account.id, endpoint.orders, call.now_ms)
            except LimitReached as reached:
                if asked.values.get(_CANCEL_ONLY[0]) != _CANCEL_ONLY[1]:
                    raise
                call.over = reached

    def _forget(self, endpoint: Endpoint, call: Call) -> None:
        if endpoint.orders and call.over is None and call.key is not None:
            self._gateway.limiter.forget(call.key.account, endpoint.orders)

    def _see_weight(self, endpoint: Endpoint | None, asked: Asked, now_ms: int) -> None:
        weight = 1 if endpoint is None else endpoint.weight
        self._gateway.limiter.request(
            self.session.address, weight if isinstance(weight, int) else weight(asked.values), now_ms
        )

    def _weigh(self, weight: int, now_ms: int) -> LimitReached | None:
        try:
            self._gateway.limiter.request(self.session.address, weight, now_ms)
        except LimitReached as reached:
            return reached
        return None

    def _answer(self, endpoint: Endpoint, asked: Asked, call: Call, found: object) -> None:
        status = 200
        if isinstance(found, Told):
            status, found = found.status, found.data
        limits = self._limits(asked)
        if limits is not None and endpoint.orders and call.key is not None:
            limits = messages.limits(self._gateway.limiter.placed(call.key.account, call.now_ms)) + limits
        self._sink.put(messages.answer(asked.id, status, found, limits))

    def _refuse(self, asked: Asked, error: Exception) -> None:
        now_ms = self.now_ms()
        if isinstance(error, Fault):
            fault = error
        elif isinstance(error, LimitReached):
            fault = refusing.of_limit(error, now_ms)
        elif isinstance(error, ApiError):
            fault = refusing.of(error)
        else:
            _logger.error("request failed", method=asked.method, exc_info=error)
            fault = refusing.of(ApiError(GatewayCode.INTERNAL))
        self._sink.put(messages.refusal(asked.id, fault, self._limits(asked), now_ms))

    def _limits(self, asked: Asked) -> list[Json] | None:
        if not (self.session.limits if asked.limits is None else asked.limits):
            return None
        return messages.limits(self._gateway.limiter.weighed(self.session.address, self.now_ms()))

    def _over(self) -> None:
        """The session's key is no longer good."""
        self.log_off()
        self._sink.put(messages.refusal(None, faults.rejected_key(), None, self.now_ms()))

    def _end(self, number: int) -> None:
        one = self.subscriptions.pop(number, None)
        if one is None:
            return
        one.stop()
        event: Json = {"e": "eventStreamTerminated", "E": self.now_ms() * self.session.unit}
        self._sink.put(orjson.dumps({"subscriptionId": number, "event": event}))
