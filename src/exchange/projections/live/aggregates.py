"""Aggregate trades: what one taker's order took at one price in one go (Binance: rest-api.md, aggTrades).

The number of an aggregate is that of its first trade. Trades belong together when they follow one another in their
market and have the taker's order and the price in common; a taker's order trades within one entry only, so whoever has
an entry's trades has its aggregates whole.
"""

from collections.abc import Iterable

from exchange.projections.live.trade import TapeTrade
from exchange.terms.words import Side


class Aggregate:
    """Trades `first` to `last` (numbers), made together at `ms`; price and quantity in smallest units."""

    __slots__ = ("first", "last", "ms", "price", "quantity", "taker_side")

    def __init__(self, first: int, last: int, price: int, quantity: int, taker_side: Side, ms: int) -> None:
        self.first = first
        self.last = last
        self.price = price
        self.quantity = quantity
        self.taker_side: Side = taker_side
        self.ms = ms


def aggregates(trades: Iterable[TapeTrade]) -> list[Aggregate]:
    """The aggregates of one market's trades, oldest first."""
    found: list[Aggregate] = []
    before: TapeTrade | None = None
    for trade in trades:
        if before is not None and trade.taker_order == before.taker_order and trade.price == before.price:
            found[-1].last = trade.id
            found[-1].quantity += trade.quantity
        else:
            found.append(Aggregate(trade.id, trade.id, trade.price, trade.quantity, trade.taker_side, trade.ms))
        before = trade
    return found
