"""The client that waits for its answers. For one thread at a time."""

import json
from collections.abc import Callable
from functools import wraps
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import time_ns
from typing import Concatenate, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from exchange.client import asks, errors
from exchange.client.asks import Ask
from exchange.client.errors import Refused, TryAgain, UnknownOutcome, Unreadable
from exchange.client.signing import Credentials

P = ParamSpec("P")
T = TypeVar("T")


def _sent(ask: Callable[P, Ask[T]]) -> "Callable[Concatenate[Client, P], T]":
    """A method that sends what a function of `asks` describes."""

    @wraps(ask)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(ask(*args, **kwargs))

    return method


class Client:
    """A connection to an exchange, as somebody (`Key` or `Login`) or nobody.

    Its methods raise ExchangeError. Changes are not repeated by themselves when their outcome is unknown: only the
    caller knows whether they have an id that makes it safe.
    """

    def __init__(self, url: str, credentials: Credentials | None = None, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"not the address of an exchange: {url}")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc, timeout=timeout_s)
        self._credentials = credentials

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def send(self, ask: Ask[T]) -> T:
        """Ask, and give what is answered."""
        credentials = self._credentials if ask.signed else None
        if credentials is not None:
            self._prepare(credentials)
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        headers = {} if ask.body is None else {"Content-Type": "application/json"}
        if credentials is not None:
            headers |= credentials.headers(ask.method, ask.target, body, _now_ms())
        status, told, answered = self._exchanged(ask, body, headers)
        if status >= 400:
            raise errors.of(status, told, answered)
        return ask.read(told)

    def _prepare(self, credentials: Credentials) -> None:
        """Sign in or renew, if need be."""
        while (first := credentials.before(_now_ms())) is not None:
            try:
                credentials.took(self.send(first))
            except Refused:
                if not credentials.refused():
                    raise
            else:
                break

    def _exchanged(self, ask: Ask[T], body: bytes, headers: dict[str, str]) -> tuple[int, object, dict[str, str]]:
        fresh = self._connection.sock is None
        try:
            return self._once(ask, body, headers)
        except TimeoutError as error:
            self.close()
            raise UnknownOutcome("the exchange did not answer in time") from error
        except (OSError, HTTPException) as error:
            self.close()
            if isinstance(error, ConnectionRefusedError):
                raise TryAgain("unreachable", str(error), None) from error
            if fresh or ask.method != "GET":
                raise UnknownOutcome(f"the connection was lost: {error!r}") from error
        try:  # an idle connection may have been closed by the other side
            return self._once(ask, body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            raise TryAgain("unreachable", repr(error), None) from error

    def _once(self, ask: Ask[T], body: bytes, headers: dict[str, str]) -> tuple[int, object, dict[str, str]]:
        self._connection.request(ask.method, ask.target, body or None, headers)
        response = self._connection.getresponse()
        raw = response.read()
        try:
            return response.status, json.loads(raw), {name.title(): value for name, value in response.getheaders()}
        except ValueError:
            raise Unreadable(f"an answer with status {response.status} that is no JSON") from None

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
