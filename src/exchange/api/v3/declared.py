"""What a request of this door takes and gives, declared as data beside its handler.

As in `contract.declared`: one declaration, which `params` refuses by and the OpenAPI description is made from. A
handler serves REST and, under the name `method`, the WebSocket API.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from exchange.api.contract.declared import NOTHING, Amount, Json, Kind, Shape, Text, Whole
from exchange.terms.amounts import MAX_COUNT

if TYPE_CHECKING:
    from exchange.api.commanding import Answer
    from exchange.api.v3.call import Call
    from exchange.commands.types import Command


class Security(Enum):
    """What a request must show (Binance: rest-api.md, Request Security)."""

    NONE = "NONE"
    """Nothing; a key that is sent all the same is not looked at."""
    KEY = "KEY"
    """A key without a signature (listen keys)."""
    USER_DATA = "USER_DATA"
    """A signed request by a key that may read."""
    TRADE = "TRADE"
    """A signed request by a key that may trade."""


@dataclass(frozen=True, kw_only=True)
class Moment(Kind):
    """A time in milliseconds or microseconds since the epoch; told apart by its size."""

    def schema(self) -> Json:
        """An integer."""
        return {"type": "integer", "minimum": 0, "maximum": 1000 * MAX_COUNT}


@dataclass(frozen=True)
class Names(Kind):
    """Several names of `pattern` as a JSON list, at most `most`."""

    pattern: str
    most: int

    def schema(self) -> Json:
        """A JSON list in a text."""
        return {"type": "string", "contentMediaType": "application/json"}


SIGNATURE: Final[Shape] = {
    "timestamp": Moment(),
    "recvWindow": Amount(required=False),
    "signature": Text(re.compile(r"[A-Za-z0-9+/=_ -]{1,1400}", re.ASCII)),
}
"""What signed requests add to their own parameters; `security` reads them."""

Weight = int | Callable[[Mapping[str, str]], int]
"""A number, or what follows from the parameters as they were sent."""
Handler = Callable[["Call"], Awaitable[object]]
Codes = frozenset[int]


class Asks(NamedTuple):
    """What a request that is one command comes to: the command, and what shows its result (it may raise `Fault`)."""

    command: "Command"
    show: Callable[["Answer"], object]


Asking = Callable[["Call"], Asks]


class Endpoint:
    """A handler with its declaration.

    `weight` is what a request counts against its address's limit, `orders` how many new orders it places, `answer` the
    JSON Schema of the result, `codes` those it may refuse with beyond what follows from the declaration. `method` is
    its name in the WebSocket API, or empty. `asks` is there where the handler is one command: who has many requests at
    once need not start a task for each.
    """

    __slots__ = (
        "answer",
        "asks",
        "codes",
        "handler",
        "known",
        "method",
        "orders",
        "params",
        "security",
        "summary",
        "weight",
    )

    def __init__(
        self,
        handler: Handler,
        summary: str,
        params: Shape,
        security: Security,
        weight: Weight,
        orders: int,
        answer: Json,
        method: str,
        codes: Codes,
        asks: Asking | None = None,
    ) -> None:
        self.handler = handler
        self.asks = asks
        self.summary = summary
        self.params = params
        self.security = security
        self.weight = weight
        self.orders = orders
        self.answer = answer
        self.method = method
        self.codes = codes
        signed = security in (Security.USER_DATA, Security.TRADE)
        self.known: Mapping[str, Kind] = {**params, **SIGNATURE} if signed else params


def endpoint(
    summary: str,
    *,
    params: Shape = NOTHING,
    security: Security = Security.NONE,
    weight: Weight = 1,
    orders: int = 0,
    answer: Json,
    method: str = "",
    codes: Iterable[int] = (),
) -> Callable[[Handler], Endpoint]:
    """Declare what the handler below takes and gives."""

    def declare(handler: Handler) -> Endpoint:
        return Endpoint(handler, summary, params, security, weight, orders, answer, method, frozenset(codes))

    return declare


def asking(
    summary: str,
    *,
    params: Shape = NOTHING,
    security: Security = Security.TRADE,
    weight: Weight = 1,
    orders: int = 0,
    answer: Json,
    method: str = "",
    codes: Iterable[int] = (),
) -> Callable[[Asking], Endpoint]:
    """Declare a request that is one command; the function below makes it, without waiting for anything."""

    def declare(asks: Asking) -> Endpoint:
        async def handler(call: "Call") -> object:
            asked = asks(call)
            return asked.show(await call.gateway.commands.ask(asked.command))

        return Endpoint(handler, summary, params, security, weight, orders, answer, method, frozenset(codes), asks)

    return declare


class Route(NamedTuple):
    """A method and a whole path, and what answers."""

    method: str
    path: str
    endpoint: Endpoint


__all__ = [
    "SIGNATURE",
    "Amount",
    "Asking",
    "Asks",
    "Endpoint",
    "Moment",
    "Names",
    "Route",
    "Security",
    "Shape",
    "Text",
    "Weight",
    "Whole",
    "asking",
    "endpoint",
]
