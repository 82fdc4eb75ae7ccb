"""A market: its terms, limits, status, sequence, book, and the orders that wait for its price."""

from bisect import bisect_left, insort
from collections import deque
from typing import Final

from exchange.commands.types import Limits
from exchange.engine.accounts import Balance
from exchange.engine.book import BookSide, Order, Rates
from exchange.terms.words import OPEN, MarketStatus

MAX_FILLS: Final = 10_000
"""How many trades one taker makes at most where the market's limits say nothing."""


class Triggers:
    """Orders that wait for the last price to rise to theirs, or for it to fall: a sorted list with the first at the
    end."""

    def __init__(self, rising: bool) -> None:
        self._sign = -1 if rising else 1
        self._keys: list[tuple[int, int]] = []
        self._orders: dict[int, Order] = {}

    def add(self, ticks: int, order: Order) -> None:
        """An order begins to wait."""
        insort(self._keys, (self._sign * ticks, -order.id))
        self._orders[order.id] = order

    def remove(self, ticks: int, order: Order) -> None:
        """An order waits no more."""
        del self._keys[bisect_left(self._keys, (self._sign * ticks, -order.id))]
        del self._orders[order.id]

    def take(self, last: int) -> Order | None:
        """Take out the first order whose trigger the last price has reached, or none."""
        if not self._keys:
            return None
        key, id = self._keys[-1]
        if key < self._sign * last:
            return None
        self._keys.pop()
        return self._orders.pop(-id)


class Uncrossing:
    """A call auction's trades that are under way: at `ticks`, `lots` so far; then the market gets `status`.

    `by` ended the auction. `timers` and `switches` came due meanwhile: an uncrossing is one moment, and nothing of its
    market ends within it.
    """

    def __init__(self, ticks: int, lots: int, status: MarketStatus, by: str = "") -> None:
        self.ticks = ticks
        self.lots = lots
        self.status = status
        self.by = by
        self.timers: list[tuple[int, int]] = []
        self.switches: list[tuple[int, int]] = []


class Market:
    """One market.

    `tick_size` and `min_notional` are quote units, `lot_size` base units; `unit` is the notional of one lot at one
    tick, so that `notional = ticks × lots × unit` is exact. `last` is the last price in ticks, `reference` the price
    that stands in for it, zero: none. `pinned`: the market's own rates hold even where its quote asset has a table.
    `queue` holds the orders to be activated. `base_fees` and `quote_fees` are what the house has collected.
    """

    def __init__(
        self,
        name: str,
        base: str,
        quote: str,
        tick_size: int,
        lot_size: int,
        unit: int,
        min_notional: int,
        rates: Rates,
        base_fees: Balance,
        quote_fees: Balance,
    ) -> None:
        self.name = name
        self.base = base
        self.quote = quote
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.unit = unit
        self.min_notional = min_notional
        self.rates = rates
        self.pinned = False
        self.limits = Limits()
        self.guarded = False
        self.max_fills = MAX_FILLS
        self.reference = 0
        self.status: MarketStatus = OPEN
        self.seq = 0
        self.last = 0
        self.traded = False
        self.bids = BookSide(True)
        self.asks = BookSide(False)
        self.rising = Triggers(True)
        self.falling = Triggers(False)
        self.trailing: dict[int, Order] = {}
        self.queue: deque[Order] = deque()
        self.uncrossing: Uncrossing | None = None
        self.base_fees = base_fees
        self.quote_fees = quote_fees

    def side(self, buy: bool) -> BookSide:
        """The side on which an order of this direction rests."""
        return self.bids if buy else self.asks

    def next_seq(self) -> int:
        """The sequence of the book change that is about to be told."""
        self.seq += 1
        return self.seq

    def limit(self, limits: Limits) -> None:
        """Put limits in place."""
        self.limits = limits
        self.reference = limits.reference // self.tick_size
        self.max_fills = limits.max_fills or MAX_FILLS
        self.guarded = bool(
            limits.bid_up
            or limits.bid_down
            or limits.ask_up
            or limits.ask_down
            or limits.max_orders
            or limits.max_conditional
            or limits.max_parts
            or limits.max_position
        )

    def crossed(self) -> bool:
        """Whether a bid reaches an ask: in an auction it may."""
        bid = self.bids.best()
        ask = self.asks.best()
        return bid is not None and ask is not None and bid.ticks >= ask.ticks
