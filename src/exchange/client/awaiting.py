"""The asynchronous client. Any number of requests may be under way at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from time import time_ns
from typing import Concatenate, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from exchange.client import asks, errors
from exchange.client.asks import Ask
from exchange.client.errors import Refused, TryAgain, UnknownOutcome, Unreadable
from exchange.client.feeds import Feed
from exchange.client.signing import Credentials

P = ParamSpec("P")
T = TypeVar("T")


def _sent(ask: Callable[P, Ask[T]]) -> "Callable[Concatenate[AsyncClient, P], Awaitable[T]]":
    """A method that sends what a function of `asks` describes."""

    @wraps(ask)
    def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return self.send(ask(*args, **kwargs))

    return method


class AsyncClient:
    """Connections to an exchange, as somebody (`Key` or `Login`) or nobody; see `blocking.Client`.

    To be used as an asynchronous context manager, which closes what it opened.
    """

    def __init__(self, url: str, credentials: Credentials | None = None, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"not the address of an exchange: {url}")
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._credentials = credentials
        self._signing_in = asyncio.Lock()
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, ask: Ask[T]) -> T:
        """Ask, and give what is answered."""
        credentials = self._credentials if ask.signed else None
        if credentials is not None:
            await self._prepared(credentials)
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        headers = {} if ask.body is None else {"Content-Type": "application/json"}
        if credentials is not None:
            headers |= credentials.headers(ask.method, ask.target, body, _now_ms())
        status, raw, answered = await self._exchanged(ask, body, headers)
        try:
            told = json.loads(raw)
        except ValueError:
            raise Unreadable(f"an answer with status {status} that is no JSON") from None
        if status >= 400:
            raise errors.of(status, told, answered)
        return ask.read(told)

    async def _prepared(self, credentials: Credentials) -> None:
        """Sign in or renew, once for all who wait for it."""
        async with self._signing_in:
            while (first := credentials.before(_now_ms())) is not None:
                try:
                    credentials.took(await self.send(first))
                except Refused:
                    if not credentials.refused():
                        raise
                else:
                    break

    async def _words(self) -> list[str]:
        if self._credentials is None:
            raise ValueError("this client has no credentials")
        await self._prepared(self._credentials)
        return self._credentials.words(_now_ms())

    async def _exchanged(self, ask: Ask[T], body: bytes, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        url = URL(self._url + ask.target, encoded=True)  # signed as it is sent
        try:
            async with self._http.request(ask.method, url, data=body or None, headers=headers) as answer:
                raw = await answer.read()
                return answer.status, raw, {name.title(): value for name, value in answer.headers.items()}
        except aiohttp.ClientConnectorError as error:
            raise TryAgain("unreachable", str(error), None) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnknownOutcome(f"the connection was lost, or no answer came in time: {error!r}") from error

    @asynccontextmanager
    async def feed(self) -> AsyncIterator[Feed]:
        """A WebSocket connection of its own, to subscribe by."""
        ws = "ws" + self._url.removeprefix("http")
        try:
            socket = await self._http.ws_connect(f"{ws}/api/v1/ws", heartbeat=20.0)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryAgain("unreachable", repr(error), None) from error
        try:
            yield Feed(socket, self._words)
        finally:
            await socket.close()

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use it as `async with AsyncClient(…) as exchange`")
        return self._session

    markets = _sent(asks.markets)
    depth = _sent(asks.depth)
    trades = _sent(asks.trades)
    ticker = _sent(asks.ticker)
    candles = _sent(asks.candles)
    time = _sent(asks.time)
    place = _sent(asks.place)
    cancel = _sent(asks.cancel)
    cancel_by_client_id = _sent(asks.cancel_by_client_id)
    cancel_all = _sent(asks.cancel_all)
    reduce = _sent(asks.reduce)
    order = _sent(asks.order)
    orders = _sent(asks.orders)
    fills = _sent(asks.fills)
    balances = _sent(asks.balances)
    deposit = _sent(asks.deposit)
    withdraw = _sent(asks.withdraw)
    switch = _sent(asks.switch)


def _now_ms() -> int:
    return time_ns() // 1_000_000
