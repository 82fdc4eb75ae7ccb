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
from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from exchange.engine.accounts import Account, Balance, Remembered
from exchange.engine.volumes import Volume

if TYPE_CHECKING:
    from exchange.engine.market import Market
    from exchange.engine.special import Special


@mypyc_attr(acyclic=True)
class Rates:
    """Fee rates in millionths of what is received; a negative `maker` is a rebate. Shared, never changed."""

    def __init__(self, maker: int, taker: int) -> None:
        self.maker = maker
        self.taker = taker


class Seat:
    """What one account has in one market: its two balances, its volume, and its open orders, oldest first.

    `count` open orders, `conditional` of them waiting for a price, `buying` lots in open buy orders.
    """

    def __init__(self, account: Account, market: "Market") -> None:
        self.account = account
        self.market = market
        self.base: Balance = account.balance(market.base)
        self.quote: Balance = account.balance(market.quote)
        self.volume: Volume = account.volume(market.quote)
        self.count = 0
        self.conditional = 0
        self.buying = 0
        self.first: Order | None = None
        self.last: Order | None = None

    def enter(self, order: "Order") -> None:
        """An order is open from here on; its id is above all of the seat's."""
        last = self.last
        if last is None:
            self.first = order
        else:
            last.following = order
            order.preceding = last
        self.last = order
        self.count += 1
        if order.buy:
            self.buying += order.left

    def leave(self, order: "Order") -> None:
        """An order is open no more; what was left of it does not count."""
        preceding = order.preceding
        following = order.following
        if preceding is None:
            self.first = following
        else:
            preceding.following = following
        if following is None:
            self.last = preceding
        else:
            following.preceding = preceding
        order.preceding = None
        order.following = None
        self.count -= 1
        if order.buy:
            self.buying -= order.left


class Order:
    """An order: price in ticks (zero: none), quantities in lots (`lots` in total, `left` not yet traded or prevented).

    `name` is the remembered result under the client's own id, which lasts as long as the order; `special` holds what
    plain orders do not have. `older` and `newer` are its neighbours in the level's queue, `preceding` and `following`
    in the seat's.
    """

    def __init__(
        self,
        id: int,
        seat: Seat,
        buy: bool,
        ticks: int,
        lots: int,
        left: int,
        rates: Rates,
        name: Remembered | None,
        special: "Special | None",
    ) -> None:
        self.id = id
        self.seat = seat
        self.buy = buy
        self.ticks = ticks
        self.lots = lots
        self.left = left
        self.rates = rates
        self.name = name
        self.special = special
        self.older: Order | None = None
        self.newer: Order | None = None
        self.preceding: Order | None = None
        self.following: Order | None = None

    @property
    def client_id(self) -> str:
        """The client's own id for it, or empty."""
        return "" if self.name is None else self.name.name

    @property
    def account(self) -> int:
        """The owner's number."""
        return self.seat.account.id

    @property
    def market(self) -> "Market":
        """The market it is in."""
        return self.seat.market


class Level:
    """The queue of orders at one price, oldest first, with the `lots` that it shows, those that are `hidden`, and the
    `count` of orders."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.oldest: Order | None = None
        self.newest: Order | None = None
        self.lots = 0
        self.hidden = 0
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

    def add(self, order: Order, shown: int, hidden: int) -> None:
        """Join the end of the queue at the order's price, showing so many lots."""
        level = self.levels.get(order.ticks)
        if level is None:
            level = Level(order.ticks)
            self.levels[order.ticks] = level
            insort(self._keys, order.ticks * self._sign)
        level.lots += shown
        level.hidden += hidden
        level.count += 1
        last = level.newest
        if last is None:
            level.oldest = order
        else:
            last.newer = order
            order.older = last
        level.newest = order

    def reduce(self, order: Order, shown: int, hidden: int) -> None:
        """So many lots of an order less, in its place."""
        level = self.levels[order.ticks]
        level.lots -= shown
        level.hidden -= hidden

    def remove(self, order: Order, shown: int, hidden: int) -> None:
        """Take an order out of its queue, with what it still showed and hid."""
        level = self.levels[order.ticks]
        level.lots -= shown
        level.hidden -= hidden
        self._unlink(level, order)

    def requeue(self, order: Order, shown: int) -> None:
        """An iceberg's slice is gone: show the next, so many hidden lots, at the end of the queue."""
        level = self.levels[order.ticks]
        if level.newest is not order:
            self._unlink(level, order)
            self.add(order, shown, 0)
        else:
            level.lots += shown
        level.hidden -= shown

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
