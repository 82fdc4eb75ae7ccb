"""What can be asked for: each function describes one request and how its answer is read; nothing is sent here.

The idea: `Client` and `AsyncClient` have a method for each function here, with the same parameters, so that nothing is
described twice. Amounts may be given as `Decimal`, `int` or text; never as floats, which are not what they look like.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from exchange.client import models
from exchange.client.models import Reader

T = TypeVar("T")

Amount = Decimal | int | str
Kind = Literal["buy", "sell"]
OrderType = Literal["limit", "market", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"]
Interval = Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request under `/api/v1/`; `signed` when it is for somebody with an account."""

    method: str
    path: str
    read: Callable[[object], T]
    query: Mapping[str, str]
    body: Mapping[str, object] | None
    signed: bool

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        path = f"/api/v1/{self.path}"
        return f"{path}?{urlencode(self.query)}" if self.query else path


def markets() -> Ask[list[models.Market]]:
    """All markets."""
    return _get("markets", lambda body: Reader(body).many("markets", models.market))


def depth(market: str, *, limit: int = 100) -> Ask[models.Depth]:
    """The best levels of a book."""
    return _get("depth", models.depth, market=market, limit=limit)


def trades(market: str, *, limit: int = 100) -> Ask[list[models.Trade]]:
    """A market's latest trades, newest first."""
    return _get("trades", lambda body: Reader(body).many("trades", models.trade), market=market, limit=limit)


def ticker(market: str) -> Ask[models.Ticker]:
    """The last 24 hours of a market."""
    return _get("ticker", models.ticker, market=market)


def candles(
    market: str, interval: Interval, *, start: int | None = None, end: int | None = None, limit: int = 500
) -> Ask[list[models.Candle]]:
    """A market's candles, oldest first: the first ones from `start` on when it is given, else the last."""
    wanted = {"market": market, "interval": interval, "start": start, "end": end, "limit": limit}
    return _get("candles", lambda body: Reader(body).many("candles", models.candle), **wanted)


def time() -> Ask[int]:
    """The market's time."""
    return _get("time", lambda body: Reader(body).whole("time"))


def place(
    market: str,
    kind: Kind,
    *,
    type: OrderType = "limit",  # noqa: A002 - as the exchange calls it
    price: Amount | None = None,
    quantity: Amount | None = None,
    quote_amount: Amount | None = None,
    time_in_force: Literal["gtc", "ioc", "fok", "gtd"] | None = None,
    client_order_id: str | None = None,
    stop_price: Amount | None = None,
    trailing_bps: int | None = None,
    trailing_amount: Amount | None = None,
    expires_at: int | None = None,
    post_only: Literal["refuse", "reprice"] | None = None,
    display: Amount | None = None,
    stp: Literal["none", "expire_taker", "expire_maker", "expire_both", "decrement"] | None = None,
    slippage_bps: int | None = None,
) -> Ask[models.Order]:
    """Place an order. With a `client_order_id` it can be repeated without acting twice."""
    amounts = {
        "price": price, "quantity": quantity, "quote_amount": quote_amount, "stop_price": stop_price,
        "trailing_amount": trailing_amount, "display": display,
    }  # fmt: skip
    others = {
        "market": market, "kind": kind, "type": type, "time_in_force": time_in_force,
        "client_order_id": client_order_id, "trailing_bps": trailing_bps, "expires_at": expires_at,
        "post_only": post_only, "stp": stp, "slippage_bps": slippage_bps,
    }  # fmt: skip
    body = {name: value for name, value in others.items() if value is not None}
    body |= {name: _amount(name, value) for name, value in amounts.items() if value is not None}
    return _ask("POST", "order", models.order, body=body)


def cancel(order: int) -> Ask[models.Ended]:
    """Cancel an order."""
    return _ask("DELETE", f"order/{order}", models.ended)


def cancel_by_client_id(client_order_id: str) -> Ask[models.Ended]:
    """Cancel an order by one's own id for it."""
    return _ask("DELETE", "orders", models.ended, query={"client_order_id": client_order_id})


def cancel_all(market: str | None = None) -> Ask[int]:
    """Cancel all orders, or all of a market; gives how many."""
    query = {} if market is None else {"market": market}
    return _ask("DELETE", "orders", lambda body: Reader(body).whole("canceled"), query=query)


def reduce(order: int, quantity: Amount) -> Ask[models.Reduced]:
    """Make an order smaller, to a new total; it keeps its place in the queue."""
    return _ask("PATCH", f"order/{order}", models.reduced, body={"quantity": _amount("quantity", quantity)})


def order(order: int) -> Ask[models.Order]:
    """One order, open or closed."""
    return _ask("GET", f"order/{order}", models.order)


def orders(
    *,
    status: Literal["open", "closed", "all"] = "open",
    market: str | None = None,
    client_order_id: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Ask[list[models.Order]]:
    """Orders, newest first; `before` an order's id gives older ones."""
    wanted: dict[str, object] = {"client_order_id": client_order_id}
    if client_order_id is None:
        wanted = {"status": status, "market": market, "before": before, "limit": limit}
    return _mine("orders", lambda body: Reader(body).many("orders", models.order), **wanted)


def fills(
    *, market: str | None = None, order: int | None = None, before: int | None = None, limit: int = 100
) -> Ask[list[models.Fill]]:
    """One's trades, newest first; `before` a fill's id gives older ones."""
    wanted = {"market": market, "order": order, "before": before, "limit": limit}
    return _mine("fills", lambda body: Reader(body).many("fills", models.fill), **wanted)


def balances() -> Ask[dict[str, models.Balance]]:
    """What one holds, by asset."""

    def read(body: object) -> dict[str, models.Balance]:
        return {balance.asset: balance for balance in Reader(body).many("balances", models.balance)}

    return _mine("balances", read)


def deposit(asset: str, amount: Amount, *, ref: str | None = None) -> Ask[models.Deposit]:
    """Take demo money, where the exchange gives any."""
    return _ask("POST", "deposits", models.deposit, body=_money(asset, amount, ref))


def withdraw(asset: str, amount: Amount, *, ref: str | None = None) -> Ask[models.Withdrawal]:
    """Ask for money to be paid out; it is locked until it is, or is released."""
    return _ask("POST", "withdrawals", models.withdrawal, body=_money(asset, amount, ref))


def switch(timeout_ms: int) -> Ask[int | None]:
    """Have all orders cancelled in so long unless this is asked for again; 0 takes it off. Gives when."""

    def read(body: object) -> int | None:
        r = Reader(body)
        return r.maybe(r.whole, "switch_at")

    return _ask("PUT", "switch", read, body={"timeout_ms": timeout_ms})


def _amount(name: str, value: Amount) -> str:
    if isinstance(value, float):
        raise TypeError(f"{name}: a float is not exact; give a Decimal, an int or a text")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _money(asset: str, amount: Amount, ref: str | None) -> dict[str, object]:
    body: dict[str, object] = {"asset": asset, "amount": _amount("amount", amount)}
    return body if ref is None else {**body, "ref": ref}


def _get(path: str, read: Callable[[object], T], **query: object) -> Ask[T]:
    return Ask("GET", path, read, _given(query), None, signed=False)


def _mine(path: str, read: Callable[[object], T], **query: object) -> Ask[T]:
    return Ask("GET", path, read, _given(query), None, signed=True)


def _ask(
    method: str,
    path: str,
    read: Callable[[object], T],
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Ask[T]:
    return Ask(method, quote(path), read, query or {}, body, signed=True)


def _given(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}
