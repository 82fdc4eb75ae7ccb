"""The book: orders queue in levels, levels stand on a side.

The one idea: a side keeps its prices in a sorted list with the *best at the end*, by a signed key (bid = ticks, ask =
−ticks), so that one code serves both sides and work near the top of the book moves little. Levels are found by price in
a dictionary; within a level orders form a linked list, oldest first, so that taking one out of the middle costs the
same at any depth.

| operation                  | cost                                      |
|----------------------------|-------------------------------------------|
| join an existing level     | one dictionary look-up                    |
| open or close a level      | a binary search and a list insertion      |
| cancel, reduce, fill       | constant, plus closing an emptied level   |

The book knows nothing of accounts' money or of matching rules.
"""

from bisect import bisect_left, insort

from exchange.engine.accounts import Balance
from exchange.terms.words import OPEN, MarketStatus


class Order:
    """A resting order: price in ticks, quantities in lots (`lots` in total, `left` not yet filled).

    `base` and `quote` are the owner's balances; the fee rates (millionths) are those of its acceptance.
    """

    def __init__(
        self,
        id: int,
        account: int,
        market: "Market",
        buy: bool,
        ticks: int,
        lots: int,
        left: int,
        maker_fee: int,
        taker_fee: int,
        client_id: str,
        base: Balance,
        quote: Balance,
    ) -> None:
        self.id = id
        self.account = account
        self.market = market
        self.buy = buy
        self.ticks = ticks
        self.lots = lots
        self.left = left
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.client_id = client_id
        self.base = base
        self.quote = quote
        self.older: Order | None = None
        self.newer: Order | None = None


class Level:
    """The queue of orders at one price, oldest first, with their total `lots` and their `count`."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.oldest: Order | None = None
        self.newest: Order | None = None
        self.lots = 0
        self.count = 0


class BookSide:
    """All bids, or all asks, of one market."""

    def __init__(self, bids: bool) -> None:
        self._sign = 1 if bids else -1
        self._keys: list[int] = []
        self.levels: dict[int, Level] = {}

    def best(self) -> Level | None:
        """The level that trades first, or none."""
        if not self._keys:
            return None
        return self.levels[self._keys[-1] * self._sign]

    def prices(self) -> list[int]:
        """All prices in ticks, best first."""
        return [key * self._sign for key in reversed(self._keys)]

    def price(self, depth: int) -> int:
        """The price in ticks `depth` levels behind the best (0 is the best).

        Raises:
            IndexError: there are not so many levels.
        """
        return self._keys[-1 - depth] * self._sign

    def add(self, order: Order) -> None:
        """Join the end of the queue at the order's price."""
        level = self.levels.get(order.ticks)
        if level is None:
            level = Level(order.ticks)
            self.levels[order.ticks] = level
            insort(self._keys, order.ticks * self._sign)
        last = level.newest
        if last is None:
            level.oldest = order
        else:
            last.newer = order
            order.older = last
        level.newest = order
        level.lots += order.left
        level.count += 1

    def reduce(self, order: Order, lots: int) -> None:
        """Take `lots` off an order in its place; an order with none left leaves the queue."""
        level = self.levels[order.ticks]
        order.left -= lots
        level.lots -= lots
        if order.left == 0:
            self._unlink(level, order)

    def remove(self, order: Order) -> None:
        """Take an order out of its queue, whatever is left of it."""
        level = self.levels[order.ticks]
        level.lots -= order.left
        self._unlink(level, order)

    def _unlink(self, level: Level, order: Order) -> None:
        older = order.older
        newer = order.newer
        if older is None:
            level.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            level.newest = older
        else:
            newer.older = older
        order.older = None
        order.newer = None
        level.count -= 1
        if level.count == 0:
            self._close(level)

    def _close(self, level: Level) -> None:
        del self.levels[level.ticks]
        key = level.ticks * self._sign
        if self._keys[-1] == key:
            self._keys.pop()
        else:
            del self._keys[bisect_left(self._keys, key)]


class Market:
    """A market's terms, status, sequence and book.

    `tick_size` and `min_notional` are quote units, `lot_size` base units; `unit` is the notional of one lot at one
    tick, so that `notional = ticks × lots × unit` is exact.
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
        maker_fee: int,
        taker_fee: int,
    ) -> None:
        self.name = name
        self.base = base
        self.quote = quote
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.unit = unit
        self.min_notional = min_notional
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.status: MarketStatus = OPEN
        self.seq = 0
        self.bids = BookSide(True)
        self.asks = BookSide(False)

    def side(self, buy: bool) -> BookSide:
        """The side on which an order of this direction rests."""
        return self.bids if buy else self.asks

    def next_seq(self) -> int:
        """The sequence of the book change that is about to be told."""
        self.seq += 1
        return self.seq
