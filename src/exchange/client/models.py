"""What the exchange answers, as typed values. Amounts are exact decimals, times milliseconds since the epoch.

Fields that an answer has beyond these are passed over, so that a newer exchange can be talked to; a missing one is
`Unreadable`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from exchange.client.errors import Unreadable

Json = Mapping[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Market:
    """A market's terms. Fees are fractions: 0.001 is 0.1 %."""

    market: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    status: str
    seq: int


@dataclass(frozen=True, slots=True)
class Level:
    """What rests at one price."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Depth:
    """The best levels of a book, best first, as of the market's sequence `seq`."""

    market: str
    seq: int
    bids: list[Level]
    asks: list[Level]


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as everybody may see it."""

    trade: int
    market: str
    seq: int
    price: Decimal
    quantity: Decimal
    total: Decimal
    taker_side: str
    auction: bool
    time: int


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 hours of a market; what is not known is None."""

    market: str
    last: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: Decimal
    quote_volume: Decimal
    bid: Decimal | None
    ask: Decimal | None
    time: int


@dataclass(frozen=True, slots=True)
class Candle:
    """The trades of one interval, which opens at `time`."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One's side of a trade."""

    id: int
    trade: int
    order: int
    market: str
    kind: str
    price: Decimal
    quantity: Decimal
    total: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: str
    time: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. `fills` are those of the request that is answered, if it placed the order."""

    id: int
    client_order_id: str | None
    market: str
    type: str
    kind: str
    time_in_force: str
    price: Decimal | None
    quantity: Decimal | None
    quote_amount: Decimal | None
    filled: Decimal
    filled_quote: Decimal | None
    average_price: Decimal | None
    fee: Decimal | None
    fee_asset: str
    status: str
    reason: str | None
    created_at: int | None
    updated_at: int | None
    fills: list[Fill]


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that was cancelled; `canceled` is the quantity taken off. `kind` is None where the exchange does not
    remember it, as of an order that waited when its gateway started."""

    id: int
    market: str
    kind: str | None
    canceled: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Reduced:
    """An order that was made smaller: `quantity` is its new total."""

    id: int
    market: str
    kind: str
    quantity: Decimal
    reduced_by: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What is held of an asset."""

    asset: str
    available: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that came in."""

    id: str
    asset: str
    amount: Decimal
    ref: str | None
    time: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money that leaves: `pending`, `settled` or `released`."""

    id: int
    asset: str
    amount: Decimal
    ref: str | None
    status: str


class Reader:
    """Takes a JSON object apart.

    Every method raises Unreadable when the field is missing or of another kind.
    """

    __slots__ = ("_body",)

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise Unreadable(f"not an object: {str(body)[:200]}")
        self._body: Json = body

    def text(self, name: str) -> str:
        """A text."""
        value = self._body.get(name)
        if not isinstance(value, str):
            raise Unreadable(f"{name} is {value!r}")
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self._body.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unreadable(f"{name} is {value!r}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._body.get(name)
        if not isinstance(value, bool):
            raise Unreadable(f"{name} is {value!r}")
        return value

    def amount(self, name: str) -> Decimal:
        """A decimal text."""
        return _decimal(self.text(name))

    def maybe(self, read: Callable[[str], T], name: str) -> T | None:
        """The same by one of the other methods, or None where the field is null or left out."""
        return None if self._body.get(name) is None else read(name)

    def inner(self, name: str) -> "Reader":
        """An object in it."""
        return Reader(self._body.get(name))

    def many(self, name: str, read: Callable[[object], T]) -> list[T]:
        """A list."""
        value = self._body.get(name)
        if not isinstance(value, list):
            raise Unreadable(f"{name} is {value!r}")
        return [read(one) for one in value]

    def __contains__(self, name: str) -> bool:
        return name in self._body


def market(body: object) -> Market:
    """A market."""
    r = Reader(body)
    return Market(
        r.text("market"), r.text("base"), r.text("quote"), r.amount("tick_size"), r.amount("lot_size"),
        r.amount("min_notional"), r.amount("maker_fee"), r.amount("taker_fee"), r.text("status"), r.whole("seq"),
    )  # fmt: skip


def level(body: object) -> Level:
    """A level: price and quantity."""
    match body:
        case [str(price), str(quantity)]:
            return Level(_decimal(price), _decimal(quantity))
    raise Unreadable(f"not a level: {body!r}")


def depth(body: object) -> Depth:
    """The best levels."""
    r = Reader(body)
    return Depth(r.text("market"), r.whole("seq"), r.many("bids", level), r.many("asks", level))


def trade(body: object) -> Trade:
    """A trade."""
    r = Reader(body)
    return Trade(
        r.whole("trade"), r.text("market"), r.whole("seq"), r.amount("price"), r.amount("quantity"), r.amount("total"),
        r.text("taker_side"), r.flag("auction"), r.whole("time"),
    )  # fmt: skip


def ticker(body: object) -> Ticker:
    """A ticker."""
    r = Reader(body)
    price = r.amount
    return Ticker(
        r.text("market"), r.maybe(price, "last"), r.maybe(price, "open"), r.maybe(price, "high"), r.maybe(price, "low"),
        r.amount("volume"), r.amount("quote_volume"), r.maybe(price, "bid"), r.maybe(price, "ask"), r.whole("time"),
    )  # fmt: skip


def candle(body: object) -> Candle:
    """A candle."""
    r = Reader(body)
    return Candle(
        r.whole("time"), r.amount("open"), r.amount("high"), r.amount("low"), r.amount("close"), r.amount("volume"),
        r.amount("quote_volume"), r.whole("trades"),
    )  # fmt: skip


def fill(body: object) -> Fill:
    """A fill."""
    r = Reader(body)
    return Fill(
        r.whole("id"), r.whole("trade"), r.whole("order"), r.text("market"), r.text("kind"), r.amount("price"),
        r.amount("quantity"), r.amount("total"), r.amount("fee"), r.text("fee_asset"), r.text("liquidity"),
        r.whole("time"),
    )  # fmt: skip


def order(body: object) -> Order:
    """An order."""
    r = Reader(body)
    amount = r.amount
    return Order(
        r.whole("id"), r.maybe(r.text, "client_order_id"), r.text("market"), r.text("type"), r.text("kind"),
        r.text("time_in_force"), r.maybe(amount, "price"), r.maybe(amount, "quantity"),
        r.maybe(amount, "quote_amount"), r.amount("filled"), r.maybe(amount, "filled_quote"),
        r.maybe(amount, "average_price"), r.maybe(amount, "fee"), r.text("fee_asset"), r.text("status"),
        r.maybe(r.text, "reason"), r.maybe(r.whole, "created_at"), r.maybe(r.whole, "updated_at"),
        r.many("fills", fill) if "fills" in r else [],
    )  # fmt: skip


def ended(body: object) -> Ended:
    """A cancelled order."""
    r = Reader(body)
    return Ended(r.whole("id"), r.text("market"), r.maybe(r.text, "kind"), r.amount("canceled"), r.text("status"))


def reduced(body: object) -> Reduced:
    """A reduced order."""
    r = Reader(body)
    return Reduced(
        r.whole("id"), r.text("market"), r.text("kind"), r.amount("quantity"), r.amount("reduced_by"), r.text("status")
    )


def balance(body: object) -> Balance:
    """A balance."""
    r = Reader(body)
    return Balance(r.text("asset"), r.amount("available"), r.amount("locked"))


def deposit(body: object) -> Deposit:
    """A deposit."""
    r = Reader(body)
    return Deposit(r.text("id"), r.text("asset"), r.amount("amount"), r.maybe(r.text, "ref"), r.whole("time"))


def withdrawal(body: object) -> Withdrawal:
    """A withdrawal."""
    r = Reader(body)
    return Withdrawal(r.whole("id"), r.text("asset"), r.amount("amount"), r.maybe(r.text, "ref"), r.text("status"))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Unreadable(f"not an amount: {text!r}") from None
